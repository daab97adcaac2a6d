//! The properties of the fuzz targets, checked for their seeds on stable Rust.
//!
//! Each finding becomes a seed and with it a regression test. The target `challenge` is missing,
//! because its oracle is not a dependency of the tests.

#![allow(unreachable_pub, reason = "the fuzz crate exports them")]

#[path = "../fuzz/src/api_key.rs"]
mod api_key;
#[path = "../fuzz/src/authorization.rs"]
mod authorization;
#[path = "../fuzz/src/basic.rs"]
mod basic;
#[path = "../fuzz/src/discovery.rs"]
mod discovery;
#[path = "../fuzz/src/introspection.rs"]
mod introspection;
#[path = "../fuzz/src/jwks.rs"]
mod jwks;
#[path = "../fuzz/src/jwt.rs"]
mod jwt;
#[path = "../fuzz/src/login.rs"]
mod login;
#[path = "../fuzz/src/password_hash.rs"]
mod password_hash;
#[path = "../fuzz/src/places.rs"]
mod places;
#[path = "../fuzz/src/rules.rs"]
mod rules;
#[path = "../fuzz/src/through.rs"]
mod through;

use std::{fs, path::Path};

/// Checks every seed of a target; `through` are those, in order of their names, that get through
/// to what the property is about.
#[track_caller]
fn replay(target: &str, check: fn(&[u8]) -> bool, through: &[&str]) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/seeds")
        .join(target);
    let files = fs::read_dir(&folder).expect("the seeds are part of the repository");
    let mut paths: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    paths.sort();
    let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
    let passed: Vec<_> = paths
        .iter()
        .inspect(|path| println!("{}", path.display()))
        .filter(|path| check(&fs::read(path).unwrap()))
        .map(|path| name(path))
        .collect();
    assert_eq!(passed, through);
}

#[test]
fn an_authorization_is_accepted_only_by_a_verifier() {
    replay(
        "authorization",
        authorization::check,
        &[
            "api_key",
            "api_key_lower_spaces",
            "basic_rfc7617_example",
            "bearer_good",
            "bearer_rfc6750_token",
            "bearer_upper",
        ],
    );
}

#[test]
fn basic_credentials_that_parse_have_one_spelling() {
    replay(
        "basic",
        basic::check,
        &[
            "colon",
            "decoded",
            "decoded_chinese",
            "decoded_colons",
            "longest",
            "rfc7617",
            "rfc7617_utf8",
        ],
    );
}

#[test]
fn a_token_passes_if_it_was_signed_and_another_reader_agrees() {
    replay(
        "jwt",
        jwt::check,
        &[
            "claims_aud_array",
            "claims_blanks",
            "claims_deep",
            "claims_escaped",
            "claims_events_of_its_own",
            "claims_far",
            "claims_good",
            "claims_leeway",
            "claims_many",
            "claims_nested",
            "claims_nulls",
            "header_at_jwt",
            "header_escaped",
            "header_good",
            "header_jwk",
        ],
    );
}

#[test]
fn keys_of_a_set_are_used_for_their_purpose_and_invalid_ones_are_skipped() {
    replay(
        "jwks",
        jwks::check,
        &[
            "key_ec",
            "key_ed",
            "key_ed_alg",
            "key_rsa",
            "key_rsa_ps384",
            "set_bom",
            "set_left_out",
            "set_other_algorithms",
            "set_other_members",
            "set_rfc",
            "set_secrets",
            "set_shared",
        ],
    );
}

#[test]
fn keys_are_taken_from_where_the_issuers_own_metadata_says() {
    replay(
        "discovery",
        discovery::check,
        &[
            "caching_odd",
            "caching_overflow",
            "elsewhere",
            "escaped_issuer",
            "full",
            "good",
            "set_ambiguous_among",
            "set_broken_among",
            "set_same_twice",
            "upper_scheme",
            "uri_fragment",
        ],
    );
}

#[test]
fn a_token_passes_if_the_answer_about_it_says_so() {
    replay(
        "introspection",
        introspection::check,
        &["blanks", "escaped", "exp_float", "full", "good", "nulls"],
    );
}

#[test]
fn a_generated_key_is_valid_only_if_every_character_is() {
    replay(
        "api_key",
        api_key::check,
        &[
            "double_underscore",
            "generated",
            "longest_prefix",
            "one_letter",
            "zeros",
        ],
    );
}

#[test]
fn a_stored_hash_that_parses_has_one_spelling_and_a_bounded_cost() {
    replay(
        "password_hash",
        password_hash::check,
        &[
            "argon2id",
            "argon2id_cheap",
            "argon2id_costliest",
            "bcrypt_2a",
            "bcrypt_2b",
            "bcrypt_2y",
            "bcrypt_costliest",
            "pbkdf2_costliest",
            "pbkdf2_django",
            "pbkdf2_passlib",
            "pbkdf2_phc",
            "pbkdf2_phc_512",
            "pbkdf2_werkzeug",
            "scrypt_costliest",
            "scrypt_phc",
            "scrypt_werkzeug",
            "sha_crypt_5",
            "sha_crypt_5_rounds",
            "sha_crypt_6",
            "sha_crypt_no_salt",
        ],
    );
}

#[test]
fn at_most_one_credential_is_verified_and_none_stays_in_the_query() {
    replay(
        "places",
        places::check,
        &[
            "absolute",
            "absolute_path",
            "authority",
            "authorization",
            "cookie",
            "cookie_fields",
            "cookie_same_origin",
            "cookies_both",
            "cookies_both_old_bad",
            "double_slash",
            "header",
            "header_and_cookie",
            "old_cookie_and_header",
            "protocol",
            "protocol_only",
            "query",
            "query_among",
            "query_and_cookie",
            "query_encoded",
        ],
    );
}

#[test]
fn a_login_returns_to_this_origin_for_any_input() {
    replay(
        "login",
        login::check,
        &[
            "login",
            "login_dots",
            "login_fragment",
            "login_return",
            "pending_junk",
        ],
    );
}

#[test]
fn no_spelling_of_a_path_bypasses_its_rule() {
    replay(
        "rules",
        rules::check,
        &[
            "braces",
            "connect",
            "connect_public",
            "dots_name",
            "double_escaped",
            "get_order",
            "head",
            "health",
            "logo",
            "lower_method",
            "options",
            "plus",
            "post_public",
            "public",
            "public_empty",
            "purge",
            "query",
            "root",
            "semicolon_public",
            "upper",
            "utf8",
            "well_known",
        ],
    );
}
