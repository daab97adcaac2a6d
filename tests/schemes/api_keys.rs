//! API keys: the format of generated keys, and the in-memory store.

use proptest::prelude::*;
use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tower_auth::{
    Identity, RejectionKind, Verify,
    api_key::{ApiKeys, GeneratedKey, PresentedKey},
};

const FOREIGN: &str = "sk.live-c2VjcmV0LXNlY3JldA";

fn outcome(keys: &ApiKeys, key: &str) -> Result<Identity, RejectionKind> {
    let verdict = keys.verify(PresentedKey::new(key)).now();
    verdict
        .expect("a store in memory never waits")
        .map_err(|rejection| rejection.kind())
}

#[track_caller]
fn refused(keys: &ApiKeys, key: &str) {
    assert_eq!(outcome(keys, key).unwrap_err(), RejectionKind::Invalid);
}

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

#[test]
fn a_generated_key_is_prefix_id_secret_and_checksum() {
    let key = GeneratedKey::generate("acme_live").unwrap();
    let text = key.expose();
    assert_eq!(text.len(), "acme_live".len() + 1 + 12 + 1 + 43 + 6);
    let rest = text.strip_prefix("acme_live_").unwrap();
    let (id, tail) = rest.split_once('_').unwrap();
    assert_eq!((key.prefix(), key.id()), ("acme_live", id));
    assert_eq!((id.len(), tail.len()), (12, 49));
    assert!(
        (id.to_owned() + tail)
            .chars()
            .all(|c| c.is_ascii_alphanumeric())
    );
}

#[test]
fn a_generated_key_is_recognised_without_a_store() {
    let new = GeneratedKey::generate("acme").unwrap();
    let key = PresentedKey::new(new.expose());
    let parsed = key.parse().unwrap();
    assert_eq!((parsed.prefix, parsed.id), ("acme", new.id()));
    assert_eq!(key.digest(), new.digest());
    assert!(PresentedKey::new(FOREIGN).parse().is_none());
}

#[test]
fn a_generated_key_with_any_other_character_is_not_recognised() {
    let new = GeneratedKey::generate("acme").unwrap();
    for at in 0..new.expose().len() {
        for other in ['A', 'z', '0', '_', '-', ' '] {
            let mut text: Vec<char> = new.expose().chars().collect();
            if text[at] == other {
                continue;
            }
            text[at] = other;
            let text: String = text.into_iter().collect();
            assert!(PresentedKey::new(text.as_str()).parse().is_none(), "{text}");
        }
    }
}

#[test]
fn a_digest_is_sha_256() {
    // FIPS 180-2, appendix B.1.
    let hex: String = PresentedKey::new("abc")
        .digest()
        .map(|b| format!("{b:02x}"))
        .concat();
    assert_eq!(
        hex,
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    );
}

#[test]
fn generated_keys_differ_in_every_part() {
    let keys: Vec<_> = (0..200)
        .map(|_| GeneratedKey::generate("a").unwrap())
        .collect();
    let distinct =
        |f: fn(&GeneratedKey) -> String| keys.iter().map(f).collect::<HashSet<_>>().len();
    assert_eq!(distinct(|key| key.id().to_owned()), 200);
    assert_eq!(distinct(|key| key.expose()[15..58].to_owned()), 200);
}

#[test]
fn an_invalid_prefix_is_rejected_at_start_up() {
    for prefix in [
        "",
        "Acme",
        "acme-live",
        "_acme",
        "acme_",
        "1acme",
        "abcdefghijklmnopq",
    ] {
        let error = GeneratedKey::generate(prefix).unwrap_err().to_string();
        assert!(error.contains("is no prefix of keys"), "{error}");
        assert!(ApiKeys::new().create(prefix, Identity::new("42")).is_err());
    }
}

#[test]
fn a_key_has_the_identity_it_was_created_with() {
    let keys = ApiKeys::new();
    let identity = Identity::new("42")
        .with_roles(["editor", "viewer"])
        .with_scope("orders:read")
        .with_expiry(at(4_000_000_000))
        .with_data(7u32);
    let new = keys.create("acme", identity).unwrap();
    let identity = outcome(&keys, new.expose()).unwrap();
    assert_eq!(identity.subject(), "42");
    assert_eq!(identity.roles().collect::<Vec<_>>(), ["editor", "viewer"]);
    assert_eq!(identity.scopes().collect::<Vec<_>>(), ["orders:read"]);
    assert_eq!(identity.expires_at(), Some(at(4_000_000_000)));
    assert_eq!(identity.token_id(), Some(new.id()));
    assert_eq!(identity.data::<u32>(), Some(&7));
}

#[test]
fn an_unknown_key_is_invalid() {
    let keys = ApiKeys::new();
    keys.create("acme", Identity::new("42")).unwrap();
    let elsewhere = GeneratedKey::generate("acme").unwrap();
    refused(&keys, elsewhere.expose());
    refused(&keys, FOREIGN);
    refused(&keys, "");
    refused(&keys, "%");
}

#[test]
fn a_mistyped_key_is_invalid() {
    let keys = ApiKeys::new();
    let new = keys.create("acme", Identity::new("42")).unwrap();
    let text = new.expose();
    refused(&keys, &text[..text.len() - 1]);
    refused(&keys, &format!("{text}0"));
    refused(&keys, &text.to_uppercase());
    refused(&keys, &format!("{}!", &text[..text.len() - 1]));
}

#[test]
fn a_key_is_valid_until_the_second_of_its_expiry() {
    let time = Arc::new(AtomicU64::new(1_000));
    let clock = time.clone();
    let keys = ApiKeys::new().with_clock(move || at(clock.load(Ordering::Relaxed)));
    let new = keys
        .create("acme", Identity::new("42").with_expiry(at(2_000)))
        .unwrap();
    assert!(outcome(&keys, new.expose()).is_ok());
    time.store(1_999, Ordering::Relaxed);
    assert!(outcome(&keys, new.expose()).is_ok());
    time.store(2_000, Ordering::Relaxed);
    refused(&keys, new.expose());
}

#[test]
fn the_clock_is_read_only_for_keys_that_expire() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let keys = ApiKeys::new().with_clock(move || {
        count.fetch_add(1, Ordering::Relaxed);
        at(1_000)
    });
    let lasting = keys.create("acme", Identity::new("42")).unwrap();
    let ending = keys
        .create("acme", Identity::new("42").with_expiry(at(2_000)))
        .unwrap();
    outcome(&keys, lasting.expose()).unwrap();
    refused(&keys, FOREIGN);
    assert_eq!(asked.load(Ordering::Relaxed), 0);
    outcome(&keys, ending.expose()).unwrap();
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    keys.revoke(ending.id());
    refused(&keys, ending.expose());
    assert_eq!(asked.load(Ordering::Relaxed), 1);
}

#[test]
fn a_revoked_key_is_invalid_from_then_on_in_every_clone() {
    let keys = ApiKeys::new();
    let serving = keys.clone();
    let new = keys.create("acme", Identity::new("42")).unwrap();
    let other = keys.create("acme", Identity::new("43")).unwrap();
    assert!(outcome(&serving, new.expose()).is_ok());
    assert!(keys.revoke(new.id()));
    refused(&serving, new.expose());
    assert!(outcome(&serving, other.expose()).is_ok());
    assert!(!keys.revoke("nobody"));
}

#[test]
fn a_revoked_key_cannot_be_registered_again() {
    let keys = ApiKeys::new();
    let id = keys.register(FOREIGN, Identity::new("42")).unwrap();
    keys.revoke(&id);
    let error = keys.register(FOREIGN, Identity::new("42")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "this API key, or its id, is there already"
    );
    refused(&keys, FOREIGN);
    assert!(keys.remove(&id));
    assert!(!keys.remove(&id));
    keys.register(FOREIGN, Identity::new("43")).unwrap();
    assert_eq!(outcome(&keys, FOREIGN).unwrap().subject(), "43");
}

#[test]
fn an_identity_kept_alive_does_not_keep_other_keys() {
    let keys = ApiKeys::new();
    let kept = keys.create("acme", Identity::new("42")).unwrap();
    let data = Arc::new(());
    let other = Identity::new("43").with_data(Arc::clone(&data));
    let removed = keys.create("acme", other).unwrap();
    let identity = outcome(&keys, kept.expose()).unwrap();
    assert!(keys.remove(removed.id()));
    assert_eq!(Arc::strong_count(&data), 1);
    assert_eq!(identity.subject(), "42");
}

#[test]
fn a_foreign_key_gets_an_id() {
    let keys = ApiKeys::new();
    let id = keys.register(FOREIGN, Identity::new("42")).unwrap();
    assert_eq!(id.len(), 12);
    assert_eq!(
        outcome(&keys, FOREIGN).unwrap().token_id(),
        Some(id.as_str())
    );
}

#[test]
fn a_generated_key_of_elsewhere_keeps_its_id() {
    let keys = ApiKeys::new();
    let new = GeneratedKey::generate("other").unwrap();
    assert_eq!(
        keys.register(new.expose(), Identity::new("42")).unwrap(),
        new.id()
    );
    assert!(outcome(&keys, new.expose()).is_ok());
}

#[test]
fn a_foreign_key_that_is_weak_or_malformed_is_rejected() {
    let keys = ApiKeys::new();
    let mut mistyped = GeneratedKey::generate("acme").unwrap().expose().to_owned();
    let last = if mistyped.pop() == Some('0') {
        '1'
    } else {
        '0'
    };
    mistyped.push(last);
    let long = "a".repeat(513);
    for (key, why) in [
        ("", "shorter than 22"),
        ("c2VjcmV0LXNlY3JldC1zZ", "shorter than 22"),
        ("c2VjcmV0 LXNlY3JldC1zZWNyZXQ", "visible ASCII"),
        ("c2VjcmV0-LXNlY3JldC1zZWNyZ\u{e9}", "visible ASCII"),
        (&long, "at most 512"),
        (&mistyped, "checksum is wrong"),
    ] {
        let error = keys.register(key, Identity::new("42")).unwrap_err();
        let text = format!("{error} {error:?}");
        assert!(text.contains(why), "{text}");
        assert!(key.is_empty() || !text.contains(key), "{text}");
    }
    assert!(keys.list().is_empty());
    keys.register(&long[..512], Identity::new("42")).unwrap();
    keys.register("c2VjcmV0LXNlY3JldC1zZW", Identity::new("42"))
        .unwrap();
}

#[test]
fn a_key_without_a_subject_is_rejected() {
    let keys = ApiKeys::new();
    assert!(keys.create("acme", Identity::new("")).is_err());
    assert!(keys.register(FOREIGN, Identity::new("")).is_err());
}

#[test]
fn the_list_has_every_field_but_the_key() {
    let keys = ApiKeys::new();
    let new = keys
        .create("acme", Identity::new("42").with_role("editor"))
        .unwrap();
    let id = keys.register(FOREIGN, Identity::new("43")).unwrap();
    keys.revoke(&id);
    let mut list = keys.list();
    list.sort_by(|a, b| a.identity().subject().cmp(b.identity().subject()));
    let [first, second] = &list[..] else {
        panic!("{list:?}");
    };
    assert_eq!((first.id(), first.is_revoked()), (new.id(), false));
    assert_eq!((second.id(), second.is_revoked()), (id.as_str(), true));
    assert!(first.identity().has_role("editor"));
    let shown = format!("{list:?} {keys:?}");
    assert!(!shown.contains(FOREIGN) && !shown.contains(new.expose()));
}

#[test]
fn debug_output_has_no_key() {
    let new = GeneratedKey::generate("acme").unwrap();
    let secret = &new.expose()[new.expose().len() - 49..];
    let key = PresentedKey::new(new.expose());
    assert!(!format!("{new:?} {new:#?} {key:?}").contains(secret));
    assert_eq!(format!("{key:?}"), "Key(67 bytes)");
}

#[test]
fn a_clock_that_panics_does_not_take_the_store_with_it() {
    let keys = ApiKeys::new();
    let new = keys
        .create("acme", Identity::new("42").with_expiry(at(4_000_000_000)))
        .unwrap();
    let broken = keys
        .clone()
        .with_clock(|| -> SystemTime { panic!("no time today") });
    let text = new.expose().to_owned();
    std::thread::spawn(move || outcome(&broken, &text).is_ok())
        .join()
        .unwrap_err();
    assert!(outcome(&keys, new.expose()).is_ok());
    assert!(keys.revoke(new.id()));
}

#[test]
fn keys_can_change_while_others_are_verified() {
    let keys = ApiKeys::new();
    let lasting = keys.create("acme", Identity::new("42")).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                for _ in 0..200 {
                    let new = keys.create("acme", Identity::new("43")).unwrap();
                    assert!(outcome(&keys, new.expose()).is_ok());
                    assert!(keys.revoke(new.id()));
                    refused(&keys, new.expose());
                    assert!(outcome(&keys, lasting.expose()).is_ok());
                }
            });
        }
    });
    assert_eq!(keys.list().len(), 401);
}

proptest! {
    #[test]
    fn any_bytes_are_rejected_without_a_panic(key: Vec<u8>) {
        let keys = ApiKeys::new();
        let answer = keys.verify(PresentedKey::new(key)).now().unwrap();
        prop_assert_eq!(answer.unwrap_err().kind(), RejectionKind::Invalid);
    }

    #[test]
    fn a_registered_key_is_accepted_and_its_neighbours_are_not(
        key in "[!-~]{22,60}", at in 0usize..60, other in "[!-~]",
    ) {
        let keys = ApiKeys::new();
        keys.register(&key, Identity::new("42")).unwrap();
        prop_assert!(outcome(&keys, &key).is_ok());
        let at = at % key.len();
        prop_assume!(key[at..=at] != other);
        let mut neighbour = key;
        neighbour.replace_range(at..=at, &other);
        prop_assert!(outcome(&keys, &neighbour).is_err());
    }
}

#[test]
fn before_1970_every_key_with_an_expiry_has_expired() {
    let before = || SystemTime::UNIX_EPOCH - Duration::from_secs(1);
    let keys = ApiKeys::new().with_clock(before);
    let in_a_day = SystemTime::now() + Duration::from_secs(86_400);
    let ending = Identity::new("ci").with_expiry(in_a_day);
    let key = keys.create("acme", ending).unwrap();
    let verdict = keys.verify(PresentedKey::new(key.expose())).now().unwrap();
    assert_eq!(verdict.unwrap_err().kind(), RejectionKind::Invalid);
}
