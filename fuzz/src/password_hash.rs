//! A stored hash that parses has one spelling, and says what it costs within bounds.

use std::time::Duration;
use tower_auth::password::PasswordHash;

/// The input is what is stored.
pub fn check(input: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(input) else {
        return false;
    };
    let Ok(hash) = PasswordHash::parse(text) else {
        return false;
    };
    assert_eq!(hash.as_str(), text);
    let again = PasswordHash::parse(hash.as_str()).unwrap();
    assert_eq!(again.as_str(), text);
    assert_eq!(again.needs_rehash(), hash.needs_rehash());
    assert_eq!(format!("{hash:?}"), "PasswordHash");

    assert!(text.len() <= 256);
    assert!(text.bytes().all(|byte| byte.is_ascii_graphic()), "{text:?}");
    let time = hash.estimated_time();
    assert!(time > Duration::ZERO);
    assert!(time < Duration::from_millis(2500), "{time:?}");
    if !hash.needs_rehash() {
        assert!(text.starts_with("$argon2id$v=19$m="));
    }
    true
}
