//! Basic credentials that parse have one spelling, and no character that splits them elsewhere.

use base64::{Engine, engine::general_purpose::STANDARD};
use tower_auth::basic::Credentials;

/// The input is what follows `Basic`, and then what is encoded there.
pub fn check(input: &[u8]) -> bool {
    let encoded = STANDARD.encode(input);
    let read = read(input) | read(encoded.as_bytes());
    if let Ok(credentials) = Credentials::parse(encoded.as_bytes()) {
        let text = format!("{}:{}", credentials.user(), credentials.password());
        assert_eq!(text.as_bytes(), input);
    }
    read
}

fn read(token68: &[u8]) -> bool {
    let Ok(credentials) = Credentials::parse(token68) else {
        return false;
    };
    let (user, password) = (credentials.user(), credentials.password());
    assert!(!user.contains(':'), "{user:?}");
    assert!(!user.contains(char::is_control), "{user:?}");
    assert!(!password.contains(char::is_control), "{password:?}");

    let value = credentials.to_header_value();
    assert!(value.is_sensitive());
    let again = value.as_bytes().strip_prefix(b"Basic ").unwrap();
    assert_eq!(again, token68, "one spelling only");

    let new = Credentials::new(user, password).unwrap();
    assert_eq!((new.user(), new.password()), (user, password));
    assert_eq!(new.to_header_value(), value);
    true
}
