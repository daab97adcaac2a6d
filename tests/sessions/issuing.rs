//! Issued tokens: their claims and form, the keys that sign them, and the events of sessions.

use crate::common::events;
use crate::support::*;
use std::time::{Duration, SystemTime};
use tower_auth::{
    Verify,
    bearer::Token,
    clock::Clock,
    issue::{Signer, SigningKeys, TokenIssuer, TokenIssuerBuilder, TokenSubject},
    jwt::{Algorithm, JwtVerifier, KeySet, TokenError},
    store::MemoryStore,
};

#[tokio::test]
async fn a_token_has_the_claims_of_its_subject() {
    let (tokens, hand) = tokens();
    let grant = TokenSubject::new("42")
        .with_role("editor")
        .with_scopes(["a", "b"])
        .with_claim("email", "ada@example.com")
        .unwrap();
    let issued = tokens.start_session(grant).await.unwrap();
    let identity = verify(&tokens, issued.access_token().expose())
        .await
        .unwrap();
    assert_eq!(identity.subject(), "42");
    assert_eq!(identity.issuer(), Some(ISSUER));
    assert!(identity.has_role("editor") && identity.has_scope("a") && identity.has_scope("b"));
    assert_eq!(
        identity.claim::<String>("email").as_deref(),
        Some("ada@example.com")
    );
    assert_eq!(
        identity.claim::<String>("client_id").as_deref(),
        Some(ISSUER)
    );
    assert_eq!(identity.claim::<bool>("fresh"), Some(true));
    assert_eq!(identity.session_id(), Some(issued.session_id()));
    assert_eq!(identity.token_id(), Some(issued.access_token().id()));
    assert_eq!(identity.authenticated_at(), Some(hand.now()));
    assert_eq!(identity.issued_at(), Some(hand.now()));
    assert_eq!(identity.expires_at(), Some(hand.now() + 15 * MINUTE));
    assert_eq!(issued.access_token().expires_in(), 15 * MINUTE);
    assert_eq!(issued.refresh_expires_in(), 30 * DAY);

    let json = serde_json::to_value(&issued).unwrap();
    assert_eq!(json["token_type"], "Bearer");
    assert_eq!(json["expires_in"], 900);
    assert_eq!(json["scope"], "a b");
    assert_eq!(json["access_token"], issued.access_token().expose());
    assert_eq!(json["refresh_token"], issued.refresh_token());
    let debug = format!("{issued:?}");
    assert!(!debug.contains(issued.refresh_token()));
    assert!(!debug.contains(issued.access_token().expose()));
}

/// RFC 9068 sections 2.1 and 2.2.
#[tokio::test]
async fn an_access_token_has_the_form_of_its_profile_under_every_algorithm() {
    for algorithm in [
        Algorithm::HS256,
        Algorithm::HS384,
        Algorithm::HS512,
        Algorithm::RS256,
        Algorithm::RS384,
        Algorithm::RS512,
        Algorithm::PS256,
        Algorithm::PS384,
        Algorithm::PS512,
        Algorithm::ES256,
        Algorithm::ES384,
        Algorithm::EdDSA,
    ] {
        let signer = if algorithm.as_str().starts_with("HS") {
            Signer::from_secret(algorithm, [9; 64]).unwrap()
        } else {
            Signer::generate(algorithm).unwrap()
        };
        let public = signer.key().clone();
        let keys = SigningKeys::new(signer);
        let tokens = TokenIssuer::issuer(ISSUER, keys.clone())
            .audience("a")
            .audience("b")
            .build()
            .unwrap();
        let grant = TokenSubject::new("42").with_header("x", 1).unwrap();
        let token = tokens
            .access_token(grant.with_lifetime(SECOND * 5))
            .unwrap();
        // Not by the issuer's own verifier, but by one that knows no more than the public key.
        let jwt = JwtVerifier::issuer(ISSUER)
            .audience("b")
            .keys(public)
            .access_token_profile()
            .build()
            .unwrap();
        let identity = jwt.verify(Token::new(token.expose())).await.unwrap();
        assert_eq!(identity.session_id(), None);
        assert_eq!(token.expires_in(), SECOND * 5);
        let header = jsonwebtoken::decode_header(token.expose()).unwrap();
        assert_eq!(header.typ.as_deref(), Some("at+jwt"));
        if !algorithm.as_str().starts_with("HS") {
            let set = KeySet::from_jwks(&keys.jwks()).unwrap();
            let jwt = JwtVerifier::issuer(ISSUER)
                .audience("a")
                .keys(set)
                .build()
                .unwrap();
            jwt.verify(Token::new(token.expose())).await.unwrap();
            assert!(header.kid.is_some());
        } else {
            assert_eq!(keys.jwks(), r#"{"keys":[]}"#, "a secret is not published");
        }
    }
}

#[test]
fn a_token_subject_cannot_set_claims_of_the_issuer() {
    for name in [
        "iss",
        "sub",
        "exp",
        "roles",
        "fresh",
        "cnf",
        "sid",
        "session_begun",
    ] {
        assert!(
            TokenSubject::new("42").with_claim(name, 1).is_err(),
            "{name}"
        );
    }
    for name in ["alg", "kid", "crit", "jwk", "b64"] {
        assert!(
            TokenSubject::new("42").with_header(name, 1).is_err(),
            "{name}"
        );
    }
    let long = TokenSubject::new("42").with_lifetime(9 * DAY);
    let (tokens, _) = tokens();
    let token = tokens.access_token(long).unwrap();
    assert_eq!(token.expires_in(), DAY);
    let none = TokenSubject::new("42").with_lifetime(Duration::ZERO);
    assert_eq!(tokens.access_token(none).unwrap().expires_in(), SECOND);
}

#[tokio::test]
async fn a_login_is_fresh_only_if_its_subject_was_authenticated_a_moment_ago() {
    let (tokens, hand) = tokens();
    for (seconds, fresh) in [(0, true), (60, true), (61, false), (12 * 3600, false)] {
        let at = hand.now() - Duration::from_secs(seconds);
        let issued = tokens.start_session(TokenSubject::new("42").with_authenticated_at(at));
        let issued = issued.await.unwrap();
        let identity = verify(&tokens, issued.access_token().expose()).await;
        let claim = identity.unwrap().claim::<bool>("fresh");
        assert_eq!(claim, fresh.then_some(true), "{seconds}");
    }
}

#[tokio::test]
async fn keys_are_published_before_they_sign_and_until_their_tokens_expire() {
    let hand = Hand::new();
    let (one, two) = (
        Signer::generate(Algorithm::ES256),
        Signer::generate(Algorithm::ES256),
    );
    let (one, two) = (
        one.unwrap().with_key_id("one"),
        two.unwrap().with_key_id("two"),
    );
    let keys = SigningKeys::new(one.clone()).with_clock(hand.clone());
    let tokens = TokenIssuer::issuer(ISSUER, keys.clone())
        .audience(ISSUER)
        .clock(hand.clone());
    let tokens = tokens.build().unwrap();
    let verifier = tokens.verifier().unwrap();
    let kid = |tokens: &TokenIssuer| {
        let token = tokens
            .access_token(TokenSubject::new("42").with_lifetime(DAY))
            .unwrap();
        let header = jsonwebtoken::decode_header(token.expose()).unwrap();
        (header.kid.unwrap(), token.expose().to_owned())
    };
    let (name, old) = kid(&tokens);
    assert_eq!(name, "one");
    keys.rotate(two.clone()).unwrap();
    assert!(keys.rotate(two).is_err(), "a name twice");
    assert!(
        keys.jwks().contains(r#""kid":"two""#),
        "published before it signs"
    );
    hand.pass(59 * MINUTE);
    assert_eq!(kid(&tokens).0, "one");
    hand.pass(MINUTE);
    let (name, new) = kid(&tokens);
    assert_eq!(name, "two");
    for token in [&old, &new] {
        verifier.verify(Token::new(token.as_str())).await.unwrap();
    }
    hand.pass(24 * 60 * MINUTE);
    assert!(keys.jwks().contains(r#""kid":"one""#));
    hand.pass(60 * MINUTE);
    assert!(!keys.jwks().contains(r#""kid":"one""#));
    let (_, new) = kid(&tokens);
    verifier.verify(Token::new(new.as_str())).await.unwrap();
}

#[tokio::test]
async fn a_withdrawn_key_verifies_nothing_any_more() {
    let (one, two) = (
        Signer::generate(Algorithm::EdDSA),
        Signer::generate(Algorithm::EdDSA),
    );
    let (one, two) = (
        one.unwrap().with_key_id("one"),
        two.unwrap().with_key_id("two"),
    );
    let keys = SigningKeys::new(one);
    let tokens = TokenIssuer::issuer(ISSUER, keys.clone())
        .audience(ISSUER)
        .build()
        .unwrap();
    let verifier = tokens.verifier().unwrap();
    let token = tokens.access_token(TokenSubject::new("42")).unwrap();
    let verify = || verifier.verify(Token::new(token.expose()));
    verify().await.unwrap();
    assert!(keys.withdraw("one").is_err(), "nobody else could sign");
    keys.schedule(two, SystemTime::now()).unwrap();
    verify().await.unwrap();
    keys.withdraw("one").unwrap();
    let rejection = verify().await.unwrap_err();
    let source = std::error::Error::source(&rejection).unwrap();
    let error = source.downcast_ref::<TokenError>().unwrap();
    assert_eq!(error.as_str(), "unknown_key");
    let new = tokens.access_token(TokenSubject::new("42")).unwrap();
    verifier.verify(Token::new(new.expose())).await.unwrap();
}

#[test]
fn an_unsafe_issuer_configuration_is_rejected() {
    let hand = Hand::new();
    let refused = |builder: TokenIssuerBuilder, message: &str| {
        assert_eq!(builder.build().unwrap_err().to_string(), message);
    };
    refused(
        TokenIssuer::issuer(ISSUER, keys()),
        "tokens are for somebody: call `audience`",
    );
    refused(
        builder(&hand).store(MemoryStore::new(), [1; 31]),
        "the secret of refresh tokens has 31 bytes, at least 32 random bytes are needed",
    );
    refused(
        builder(&hand).access_lifetime(2 * DAY),
        "access tokens are good for a second at least, and a day at most",
    );
    refused(
        builder(&hand).retry_within(10 * MINUTE + SECOND),
        "the retry window must be at most ten minutes, got 601s",
    );
    assert!(Signer::from_secret(Algorithm::HS256, [1; 31]).is_err());
    assert!(Signer::from_secret(Algorithm::ES256, [1; 32]).is_err());
    assert!(Signer::generate(Algorithm::HS256).is_err());
    assert!(Signer::from_pem(Algorithm::ES256, "no key").is_err());
    let ed = Signer::generate(Algorithm::EdDSA)
        .unwrap()
        .to_pem()
        .unwrap();
    assert!(Signer::from_pem(Algorithm::ES256, ed.as_bytes()).is_err());
}

#[tokio::test]
async fn session_events_are_logged_without_tokens() {
    events::record();
    let (tokens, hand) = tokens();
    let first = tokens
        .start_session(TokenSubject::new("log-reader"))
        .await
        .unwrap();
    let second = tokens.refresh(first.refresh_token()).await.unwrap();
    hand.pass(3 * MINUTE);
    assert!(tokens.refresh(first.refresh_token()).await.is_err());
    tokens.end_all_sessions("log-reader").await.unwrap();
    let lines = events::LINES.lock().unwrap().join("\n");
    for text in [
        "a session began",
        "a session was renewed",
        "a spent refresh token was used again; its session is ended",
        "a session was ended",
        "all sessions of a subject were ended",
    ] {
        let own = |line: &str| line.contains(first.session_id()) || line.contains("log-reader");
        assert!(
            lines.lines().any(|line| line.contains(text) && own(line)),
            "{text}\n{lines}"
        );
    }
    for secret in [
        first.refresh_token(),
        second.refresh_token(),
        first.access_token().expose(),
    ] {
        assert!(!lines.contains(secret));
    }
}
