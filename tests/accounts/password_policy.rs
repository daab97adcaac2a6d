//! The policy for new passwords (NIST SP 800-63B-4 section 3.1.1.2), through the public API.

use tower_auth::password::{HashPool, PasswordPolicy, PolicyError, normalize};

const ME: [&str; 2] = ["Ada Lovelace", "ada@babbage.example"];

#[track_caller]
fn refused(policy: &PasswordPolicy, password: &str, error: PolicyError) {
    assert_eq!(
        policy.check(&ME, password).err(),
        Some(error),
        "{password:?}"
    );
}

#[track_caller]
fn passes(policy: &PasswordPolicy, password: &str) {
    assert!(policy.check(&ME, password).is_ok(), "{password:?}");
}

#[test]
fn passwords_need_fifteen_characters_counted_as_displayed() {
    let policy = PasswordPolicy::new();
    assert_eq!(policy.min_chars(), 15);
    refused(&policy, "", PolicyError::Empty);
    refused(&policy, "kV7#mQ2x!pL9zr", PolicyError::TooShort);
    passes(&policy, "kV7#mQ2x!pL9zrT");
    // Scalar values, not bytes, and composed ones at that.
    refused(&policy, "ПЖщёфЫяЮЭьБъЦд", PolicyError::TooShort);
    passes(&policy, "ПЖщёфЫяЮЭьБъЦдШ");
    refused(&policy, &"e\u{301}x".repeat(7), PolicyError::TooShort);
    passes(&policy, "蛇口に馬鹿な猿が七匹乗って笑うか");
    // No composition rules.
    passes(&policy, "cushion walnut ferry");
    passes(&policy, "vkqmxptzrhwjydlbg");
    passes(&policy, "9071635284716093");
}

#[test]
fn the_minimum_length_can_be_set_but_not_below_eight() {
    let policy = PasswordPolicy::new().with_min_chars(0).with_min_score(0);
    assert_eq!(policy.min_chars(), 8);
    refused(&policy, "kV7#mQ2", PolicyError::TooShort);
    passes(&policy, "kV7#mQ2x");
    refused(&policy, "Password", PolicyError::Common);
    let long = PasswordPolicy::default().with_min_chars(20);
    refused(&long, "cushion walnut ferr", PolicyError::TooShort);
    passes(&long, "cushion walnut ferry");
}

#[test]
fn passwords_have_at_most_a_thousand_bytes_and_no_control_characters() {
    let policy = PasswordPolicy::new();
    let longest = "kV7#mQ2x!pL9zrT-".repeat(64);
    passes(&policy, &longest);
    refused(&policy, &format!("{longest}x"), PolicyError::TooLong);
    refused(&policy, &"x".repeat(10_000_000), PolicyError::TooLong);
    // It grows when it is composed.
    let growing = format!("kV7#mQ2x!pL9zrT-{}", "\u{1d160}".repeat(200));
    assert!(growing.len() < 1024);
    refused(&policy, &growing, PolicyError::TooLong);
    for control in ["\0", "\n", "\t", "\u{7f}", "\u{85}"] {
        let password = format!("kV7#mQ2x!pL9zrT{control}");
        refused(&policy, &password, PolicyError::ControlCharacter);
    }
}

#[test]
fn common_passwords_are_rejected() {
    let policy =
        PasswordPolicy::new().with_blocklist(["Tower of Babel 1", "Cafe\u{301} au lait, two"]);
    for password in [
        "passwordpassword",
        "PASSWORDpassword",
        "Correct Horse Battery Staple",
        "qwertyuiopasdfghjkl",
        "123456789012345",
        "tower OF babel 1",
        "CAF\u{c9} AU LAIT, TWO",
    ] {
        refused(&policy, password, PolicyError::Common);
    }
    passes(&policy, "Tower of Babel 1, rebuilt");
    for password in [
        "aaaaaaaaaaaaaaaaaaaaaaaa",
        "abcabcabcabcabcabc",
        "P4ssw0rdP4ssw0rd",
        "20012001200120012001",
        // Of this user.
        "adalovelace1234",
        "lovelacelovelace",
        "Babbage.Example1",
        "ADA@babbage.example",
    ] {
        refused(&policy, password, PolicyError::Guessable);
    }
    passes(&policy, "lovelace drinks no coffee");
    // Of somebody else it is none that one would guess.
    assert!(policy.check(&[], "adalovelace1234").is_ok());
    let lenient = PasswordPolicy::new().with_min_score(0);
    passes(&lenient, "aaaaaaaaaaaaaaaaaaaaaaaa");
}

#[tokio::test]
async fn a_password_is_the_same_from_any_keyboard() {
    let policy = PasswordPolicy::new();
    let typed = "un caf\u{e9} serr\u{e9}, deux pailles";
    let decomposed = "un cafe\u{301} serre\u{301}, deux pailles";
    let pool = HashPool::new().unwrap();
    let password = policy.check(&[], decomposed).unwrap();
    assert_eq!(password.expose(), typed);
    let hash = pool.hash(&password).await.unwrap();
    for again in [typed, decomposed] {
        let right = pool.verify("u", normalize(again), Some(&hash)).await;
        assert!(right.unwrap(), "{again}");
    }
    // A hash made elsewhere is of the bytes that were typed there.
    assert!(!pool.verify("u", decomposed, Some(&hash)).await.unwrap());
}

#[test]
fn errors_are_fixed_texts_and_nothing_shows_the_password() {
    let policy = PasswordPolicy::new();
    for (password, text) in [
        ("", "a password is needed"),
        ("short", "the password is too short"),
        ("aaaaaaaaaaaaaaaaaaaa", "the password is too easy to guess"),
        (
            "passwordpassword",
            "the password is one that many people use",
        ),
        ("passwordpassword\n", "the password has a control character"),
    ] {
        assert_eq!(policy.check(&ME, password).unwrap_err().to_string(), text);
    }
    let long = "x".repeat(1025);
    let error = policy.check(&ME, &long).unwrap_err();
    assert_eq!(error.to_string(), "the password is too long");
    let password = policy.check(&ME, "cushion walnut ferry").unwrap();
    assert_eq!(format!("{password:?}"), "NormalizedPassword");
    assert!(!format!("{policy:?}").contains("passwordpassword"));
}
