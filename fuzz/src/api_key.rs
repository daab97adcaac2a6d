//! A generated key is right in every character, or it is none.

use std::sync::LazyLock;
use tower_auth::{
    Identity, Verify,
    api_key::{ApiKeys, GeneratedKey, PresentedKey},
};

static STORE: LazyLock<(ApiKeys, GeneratedKey)> = LazyLock::new(|| {
    let keys = ApiKeys::new();
    let new = keys.create("acme_live", Identity::new("user1")).unwrap();
    (keys, new)
});

/// The input is a key; the first two bytes change a good one; and the whole is a prefix.
pub fn check(input: &[u8]) -> bool {
    let (store, new) = &*STORE;
    let accepts = |store: &ApiKeys, key: &PresentedKey| {
        let verdict = store.verify(key.clone()).now();
        verdict.expect("no I/O to wait for").is_ok()
    };

    let key = PresentedKey::new(input);
    assert!(!accepts(store, &key), "nobody knows the key of this run");
    if let Some(parsed) = key.parse() {
        let (text, sum) = input.split_at(input.len() - 6);
        assert_eq!(sum, checksum(text), "{:?}", key.parse());
        let start = format!("{}_{}_", parsed.prefix, parsed.id);
        assert!(text.starts_with(start.as_bytes()));
        assert_eq!((parsed.id.len(), text.len() - start.len()), (12, 43));
        assert!(is_prefix(parsed.prefix));
    }

    let good = PresentedKey::new(new.expose());
    assert!(accepts(store, &good) && good.parse().is_some());
    if let [at, to, ..] = *input {
        let mut changed = good.as_bytes().to_vec();
        let at = usize::from(at) % changed.len();
        let same = std::mem::replace(&mut changed[at], to) == to;
        let changed = PresentedKey::new(changed);
        assert_eq!(accepts(store, &changed), same);
        assert_eq!(changed.parse().is_some(), same);
    }

    if let Ok(text) = std::str::from_utf8(input) {
        assert_eq!(GeneratedKey::generate(text).is_ok(), is_prefix(text));
        // What can be registered is found again, and a mistyped key cannot be.
        let store = ApiKeys::new();
        if store.register(text, Identity::new("user2")).is_ok() {
            assert!(accepts(&store, &key) && input.len() >= 22);
        }
    }
    key.parse().is_some()
}

fn is_prefix(text: &str) -> bool {
    (1..=16).contains(&text.len())
        && text.starts_with(|first: char| first.is_ascii_lowercase())
        && !text.ends_with('_')
        && text
            .chars()
            .all(|c| c == '_' || c.is_ascii_digit() || c.is_ascii_lowercase())
}

/// CRC-32 bit by bit (ISO-HDLC: reflected, 0xEDB88320), to the base 62.
fn checksum(text: &[u8]) -> [u8; 6] {
    let mut crc = u32::MAX;
    for byte in text {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ ((crc & 1) * 0xEDB8_8320);
        }
    }
    crc = !crc;
    let mut digits: [u8; 6] = std::array::from_fn(|_| {
        let digit = (crc % 62) as u8;
        crc /= 62;
        match digit {
            0..10 => b'0' + digit,
            10..36 => b'A' + digit - 10,
            _ => b'a' + digit - 36,
        }
    });
    digits.reverse();
    digits
}
