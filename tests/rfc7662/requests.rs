//! The introspection request (RFC 7662 section 2.1), and the tokens for which there is none.

use crate::support::*;
use base64::{Engine, engine::general_purpose::STANDARD};

const ODD_ID: &str = "a:b c+d%/é";
const ODD_SECRET: &str = "s3c:r+t%41 &=/~\"ß";
/// RFC 6749 appendix B.
const ODD_ID_ENCODED: &str = "a%3Ab+c%2Bd%25%2F%C3%A9";
const ODD_SECRET_ENCODED: &str = "s3c%3Ar%2Bt%2541+%26%3D%2F%7E%22%C3%9F";

#[tokio::test]
async fn the_token_goes_into_a_form_by_post() {
    let endpoint = Endpoint::answering(good()).await;
    let token = "aZ09-._~+/aZ09==";
    ask(&endpoint.introspection(), token).await.unwrap();
    let asked = endpoint.asked().pop().unwrap();
    assert_eq!(asked.method, "POST");
    assert_eq!(asked.path, "/introspect");
    assert_eq!(
        asked.fields["content-type"],
        "application/x-www-form-urlencoded"
    );
    assert_eq!(asked.fields["accept"], "application/json");
    assert_eq!(
        asked.body,
        "token=aZ09-._%7E%2B%2FaZ09%3D%3D&token_type_hint=access_token"
    );
    assert_eq!(field(&asked, "token").as_deref(), Some(token));
}

/// RFC 6749 section 2.3.1: form-encoded before they are put together.
#[tokio::test]
async fn id_and_secret_by_basic_are_form_encoded_first() {
    let endpoint = Endpoint::answering(good()).await;
    let introspection = endpoint.builder().client_basic(ODD_ID, ODD_SECRET);
    ask(&introspection.build().unwrap(), "abc").await.unwrap();
    let asked = endpoint.asked().pop().unwrap();
    let encoded = asked.fields["authorization"]
        .strip_prefix("Basic ")
        .unwrap();
    let pair = String::from_utf8(STANDARD.decode(encoded).unwrap()).unwrap();
    assert_eq!(pair, format!("{ODD_ID_ENCODED}:{ODD_SECRET_ENCODED}"));
    let (id, secret) = pair.split_once(':').unwrap();
    assert_eq!(
        (decode(id), decode(secret)),
        (ODD_ID.into(), ODD_SECRET.into())
    );
    assert_eq!(field(&asked, "client_id"), None);
    assert_eq!(field(&asked, "client_secret"), None);
}

#[tokio::test]
async fn id_and_secret_by_post_are_fields_of_the_form() {
    let endpoint = Endpoint::answering(good()).await;
    let introspection = endpoint.builder().client_post(ODD_ID, ODD_SECRET);
    ask(&introspection.build().unwrap(), "abc").await.unwrap();
    let asked = endpoint.asked().pop().unwrap();
    assert!(!asked.fields.contains_key("authorization"));
    assert!(asked.body.ends_with(&format!(
        "&client_id={ODD_ID_ENCODED}&client_secret={ODD_SECRET_ENCODED}"
    )));
    assert_eq!(field(&asked, "client_id").as_deref(), Some(ODD_ID));
    assert_eq!(field(&asked, "client_secret").as_deref(), Some(ODD_SECRET));
    assert_eq!(field(&asked, "token").as_deref(), Some("abc"));
}

#[tokio::test]
async fn malformed_tokens_are_not_introspected() {
    let endpoint = Endpoint::answering(good()).await;
    let introspection = endpoint
        .builder()
        .min_token_bytes(8)
        .max_token_bytes(16)
        .token_prefix("at_")
        .token_prefix("pat_")
        .token_filter(|token| token.ends_with('7'))
        .build()
        .unwrap();
    for token in [
        "",
        "at_1237",
        "at_45678901234567",
        "xt_123456 7",
        "at_12345\n7",
        "at_1234567é",
        "xx_12345677",
        "at_1234568",
        "pat_123456=7",
    ] {
        assert_eq!(line(&introspection, token).await, "401 form", "{token:?}");
    }
    let bytes = introspection.verify(Token::new([0xff; 12])).await;
    assert_eq!(bytes.unwrap_err().kind(), RejectionKind::Invalid);
    assert_eq!(endpoint.count(), 0);
    for token in ["at_12347", "pat_567890123457"] {
        assert_eq!(line(&introspection, token).await, "200 alice");
    }
    assert_eq!(endpoint.count(), 2);
}

#[tokio::test]
async fn nothing_is_sent_before_the_verdict_is_polled() {
    let endpoint = Endpoint::answering(good()).await;
    let introspection = endpoint.introspection();
    drop(introspection.verify(Token::new("abc")));
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(endpoint.count(), 0);
}

#[tokio::test]
async fn jwts_are_left_to_another_verifier() {
    use tower_auth::jwt::{Algorithm, JwtVerifier, Key};
    let endpoint = Endpoint::answering(good()).await;
    let jwt = JwtVerifier::issuer(ISSUER)
        .audience(AUDIENCE)
        .keys(Key::from_secret(Algorithm::HS256, [7; 32]).unwrap())
        .build()
        .unwrap();
    let both = jwt.or_opaque(endpoint.introspection());
    for forged in ["eyJhbGciOiJIUzI1NiJ9.e30.", "eyJhbGciOiJub25lIn0.e30.AA"] {
        let rejection = ask(&both, forged).await.unwrap_err();
        assert_eq!(rejection.kind(), RejectionKind::Invalid);
    }
    assert_eq!(endpoint.count(), 0);
    assert_eq!(
        ask(&both, "mF_9.B5f-4.1JqM").await.unwrap().subject(),
        "alice"
    );
    assert_eq!(endpoint.count(), 1);
}
