//! Nobody gets in by an `Authorization` field that no verifier has accepted.

use super::through::{note, through};
use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderValue, Request, header::AUTHORIZATION};
use std::sync::LazyLock;
use tower_auth::{
    AuthLayer, Identity, Location, Rejection, Scheme,
    api_key::{ApiKey, PresentedKey},
    basic::{Basic, Credentials},
    bearer::{Bearer, Token},
    verify_fn,
};

static LAYER: LazyLock<AuthLayer> = LazyLock::new(|| {
    let basic = verify_fn(|credentials: Credentials| {
        let text = format!("{}:{}", credentials.user(), credentials.password());
        let value = credentials.to_header_value();
        let token68 = STANDARD.encode(&text);
        assert_eq!(value.as_bytes(), format!("Basic {token68}").as_bytes());
        let again = Credentials::parse(token68.as_bytes()).unwrap();
        assert_eq!(again.user(), credentials.user());
        assert_eq!(again.password(), credentials.password());
        judge("Basic", text.as_bytes(), b"Aladdin:open sesame")
    });
    let bearer = verify_fn(|token: Token| judge("Bearer", token.as_bytes(), b"mF_9.B5f-4.1JqM"));
    let key = verify_fn(|key: PresentedKey| judge("ApiKey", key.as_bytes(), b"open-sesame"));
    let key = ApiKey::new([Location::authorization("ApiKey")], key);
    AuthLayer::new(Basic::new("cave", basic).or(Bearer::new(bearer)).or(key))
});

fn judge(scheme: &str, credential: &[u8], good: &[u8]) -> Result<Identity, Rejection> {
    note(&[scheme.as_bytes(), b" ", credential].concat());
    let identity = || Identity::new(format!("by {scheme}"));
    (credential == good)
        .then(identity)
        .ok_or_else(Rejection::invalid)
}

/// The input is one field value, or two behind each other on lines of their own.
pub fn check(input: &[u8]) -> bool {
    let values = input
        .splitn(2, |&byte| byte == b'\n')
        .map(HeaderValue::from_bytes);
    let Ok(values) = values.collect::<Result<Vec<_>, _>>() else {
        return false;
    };
    let mut request = Request::new(());
    for value in &values {
        request.headers_mut().append(AUTHORIZATION, value.clone());
    }
    let answer = through(&LAYER, request);

    let status = answer.status.as_u16();
    assert!([200, 400, 401].contains(&status), "{status}");
    assert_eq!(status == 200, answer.inner.is_some());
    // An identity is the one of the verifier that accepted; nobody enters without.
    let judged = answer.judged.concat();
    let accepted = match judged.as_slice() {
        b"Basic Aladdin:open sesame" => Some("by Basic"),
        b"Bearer mF_9.B5f-4.1JqM" => Some("by Bearer"),
        b"ApiKey open-sesame" => Some("by ApiKey"),
        _ => None,
    };
    assert_eq!(answer.identity().map(Identity::subject), accepted);
    assert_eq!(answer.inner.is_some(), accepted.is_some());

    // One field, one credential, of the scheme that the field names.
    assert!(answer.judged.len() <= 1);
    if values.len() > 1 {
        assert_eq!((status, judged.len()), (400, 0));
    }
    if let Some(name) = judged
        .split(|&byte| byte == b' ')
        .next()
        .filter(|name| !name.is_empty())
    {
        let sent = values[0].as_bytes().get(..name.len()).unwrap();
        assert!(sent.eq_ignore_ascii_case(name));
    }
    assert_eq!(answer.challenges.len() == 3, status == 401);
    accepted.is_some()
}
