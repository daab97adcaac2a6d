//! Issuing tokens: what a pair is, how it is renewed, and how it ends.

use crate::common::events;
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tower_auth::{
    Clock, Identity, Rejection, RejectionKind, Verify,
    bearer::Token,
    issue::{RefreshError, Signer, SigningKeys, TokenIssuer, TokenIssuerBuilder, TokenSubject},
    jwt::{Algorithm, JwtVerifier, KeySet, TokenError},
    revocation::RevokedBy,
    store::{MemoryStore, Revocation},
};

const ISSUER: &str = "https://api.example.com/";
const SECRET: [u8; 32] = [7; 32];
const START: u64 = 1_800_000_000_000;

/// A clock in milliseconds that a test moves.
#[derive(Clone)]
struct Hand(Arc<AtomicU64>);

impl Hand {
    fn new() -> Self {
        Self(Arc::new(AtomicU64::new(START)))
    }

    fn pass(&self, time: Duration) {
        self.0.fetch_add(time.as_millis() as u64, SeqCst);
    }
}

impl Clock for Hand {
    fn now(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(self.0.load(SeqCst))
    }
}

fn keys() -> SigningKeys {
    SigningKeys::new(Signer::from_secret(Algorithm::HS256, SECRET).unwrap())
}

fn builder(hand: &Hand) -> TokenIssuerBuilder {
    TokenIssuer::issuer(ISSUER, keys())
        .audience(ISSUER)
        .store(MemoryStore::new().with_clock(hand.clone()), SECRET)
        .clock(hand.clone())
}

fn tokens() -> (TokenIssuer, Hand) {
    let hand = Hand::new();
    (builder(&hand).build().unwrap(), hand)
}

async fn verify(tokens: &TokenIssuer, token: &str) -> Result<Identity, Rejection> {
    tokens.verifier().unwrap().verify(Token::new(token)).await
}

#[track_caller]
fn refused<T: std::fmt::Debug>(result: Result<T, Rejection>, error: RefreshError) {
    let rejection = result.unwrap_err();
    assert_eq!(rejection.kind(), RejectionKind::Invalid);
    let source = std::error::Error::source(&rejection).unwrap();
    assert_eq!(source.downcast_ref(), Some(&error));
}

#[track_caller]
fn revoked(result: Result<Identity, Rejection>, cause: RevokedBy) {
    let rejection = result.unwrap_err();
    assert_eq!(rejection.kind(), RejectionKind::Invalid);
    let source = std::error::Error::source(&rejection).unwrap();
    assert_eq!(source.downcast_ref(), Some(&cause));
}

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 3600);

#[tokio::test]
async fn a_token_says_what_was_granted() {
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
fn a_grant_does_not_say_what_the_issuer_says() {
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
async fn a_refresh_token_is_good_once() {
    let (tokens, hand) = tokens();
    let first = tokens
        .start_session(TokenSubject::new("42").with_role("editor"))
        .await
        .unwrap();
    hand.pass(MINUTE);
    let second = tokens.refresh(first.refresh_token()).await.unwrap();
    assert_ne!(second.refresh_token(), first.refresh_token());
    assert_eq!(second.session_id(), first.session_id());
    let identity = verify(&tokens, second.access_token().expose())
        .await
        .unwrap();
    assert!(identity.has_role("editor"));
    assert_eq!(
        identity.claim::<bool>("fresh"),
        None,
        "a renewed token is not fresh"
    );
    assert_eq!(identity.authenticated_at(), Some(hand.now() - MINUTE));
    let third = tokens.refresh(second.refresh_token()).await.unwrap();
    verify(&tokens, third.access_token().expose())
        .await
        .unwrap();
}

#[tokio::test]
async fn a_client_that_lost_the_answer_gets_it_again() {
    let (tokens, hand) = tokens();
    let first = tokens.start_session(TokenSubject::new("42")).await.unwrap();
    let second = tokens.refresh(first.refresh_token()).await.unwrap();
    // As after a 503 while a database fails over.
    hand.pass(2 * MINUTE);
    let again = tokens.refresh(first.refresh_token()).await.unwrap();
    assert_eq!(again.refresh_token(), second.refresh_token());
    assert_ne!(again.access_token().id(), second.access_token().id());
    let third = tokens.refresh(second.refresh_token()).await.unwrap();
    // Its successor is spent: whoever has it now is late, or a thief.
    refused(
        tokens.refresh(first.refresh_token()).await,
        RefreshError::Reused,
    );
    refused(
        tokens.refresh(third.refresh_token()).await,
        RefreshError::Ended,
    );
}

#[tokio::test]
async fn a_spent_token_that_is_used_later_ends_the_session() {
    let (tokens, hand) = tokens();
    let first = tokens.start_session(TokenSubject::new("42")).await.unwrap();
    let second = tokens.refresh(first.refresh_token()).await.unwrap();
    verify(&tokens, second.access_token().expose())
        .await
        .unwrap();
    hand.pass(Duration::from_millis(120_001));
    refused(
        tokens.refresh(first.refresh_token()).await,
        RefreshError::Reused,
    );
    refused(
        tokens.refresh(second.refresh_token()).await,
        RefreshError::Ended,
    );
    refused(
        tokens.refresh(first.refresh_token()).await,
        RefreshError::Ended,
    );
    let old = verify(&tokens, second.access_token().expose()).await;
    revoked(old, RevokedBy::Session);
    let other = tokens.start_session(TokenSubject::new("42")).await.unwrap();
    verify(&tokens, other.access_token().expose())
        .await
        .unwrap();
}

#[tokio::test]
async fn without_retries_the_second_use_is_a_reuse() {
    let hand = Hand::new();
    let tokens = builder(&hand).retry_within(Duration::ZERO).build().unwrap();
    let first = tokens.start_session(TokenSubject::new("42")).await.unwrap();
    tokens.refresh(first.refresh_token()).await.unwrap();
    refused(
        tokens.refresh(first.refresh_token()).await,
        RefreshError::Reused,
    );
}

#[tokio::test]
async fn a_clock_set_back_makes_no_retry_of_what_is_late() {
    let (tokens, hand) = tokens();
    let first = tokens.start_session(TokenSubject::new("42")).await.unwrap();
    let second = tokens.refresh(first.refresh_token()).await.unwrap();
    let third = tokens.refresh(second.refresh_token()).await.unwrap();
    hand.0.fetch_sub(60_000, SeqCst);
    refused(
        tokens.refresh(first.refresh_token()).await,
        RefreshError::Reused,
    );
    refused(
        tokens.refresh(third.refresh_token()).await,
        RefreshError::Ended,
    );
}

#[tokio::test]
async fn refresh_tokens_and_families_come_to_an_end() {
    let (tokens, hand) = tokens();
    let unused = tokens.start_session(TokenSubject::new("42")).await.unwrap();
    let mut used = tokens.start_session(TokenSubject::new("42")).await.unwrap();
    for _ in 0..3 {
        hand.pass(29 * DAY);
        used = tokens.refresh(used.refresh_token()).await.unwrap();
    }
    refused(
        tokens.refresh(unused.refresh_token()).await,
        RefreshError::Expired,
    );
    // 87 of 90 days are over.
    assert_eq!(used.refresh_expires_in(), 3 * DAY);
    hand.pass(3 * DAY - MINUTE);
    let last = tokens.refresh(used.refresh_token()).await.unwrap();
    assert_eq!(
        last.access_token().expires_in(),
        MINUTE,
        "nothing outlives its family"
    );
    hand.pass(MINUTE);
    refused(
        tokens.refresh(last.refresh_token()).await,
        RefreshError::Expired,
    );
    assert_eq!(tokens.purge_expired().await.unwrap(), 2);
    refused(
        tokens.refresh(last.refresh_token()).await,
        RefreshError::Unknown,
    );
}

#[tokio::test]
async fn what_is_no_refresh_token_ends_nothing() {
    let (tokens, _) = tokens();
    let issued = tokens.start_session(TokenSubject::new("42")).await.unwrap();
    let mut forged = issued.refresh_token().to_owned();
    let last = if forged.ends_with('A') { "Q" } else { "A" };
    forged.replace_range(forged.len() - 1.., last);
    for text in [
        &forged,
        "",
        "rt_",
        issued.access_token().expose(),
        "é",
        &"x".repeat(100_000),
    ] {
        refused(tokens.refresh(text).await, RefreshError::Unknown);
        tokens.log_out_by_refresh_token(text).await.unwrap();
    }
    tokens.refresh(issued.refresh_token()).await.unwrap();
}

#[tokio::test]
async fn a_log_out_ends_one_session() {
    let (tokens, hand) = tokens();
    let one = tokens.start_session(TokenSubject::new("42")).await.unwrap();
    let two = tokens.start_session(TokenSubject::new("42")).await.unwrap();
    let identity = verify(&tokens, one.access_token().expose()).await.unwrap();
    let renewed = tokens.refresh(one.refresh_token()).await.unwrap();
    tokens.end_session(&identity).await.unwrap();
    for token in [&one, &renewed] {
        revoked(
            verify(&tokens, token.access_token().expose()).await,
            RevokedBy::Session,
        );
        refused(
            tokens.refresh(token.refresh_token()).await,
            RefreshError::Ended,
        );
    }
    verify(&tokens, two.access_token().expose()).await.unwrap();
    tokens.refresh(two.refresh_token()).await.unwrap();
    tokens
        .log_out_by_refresh_token(two.refresh_token())
        .await
        .unwrap();
    revoked(
        verify(&tokens, two.access_token().expose()).await,
        RevokedBy::Session,
    );
    // A token without a session is revoked by its id.
    let alone = tokens.access_token(TokenSubject::new("42")).unwrap();
    let identity = verify(&tokens, alone.expose()).await.unwrap();
    tokens.end_session(&identity).await.unwrap();
    revoked(verify(&tokens, alone.expose()).await, RevokedBy::Token);
    let foreign = Identity::new("42")
        .with_issuer("https://other.example/")
        .with_session_id("x");
    assert_eq!(
        tokens.end_session(&foreign).await.unwrap_err().kind(),
        RejectionKind::Invalid
    );
    let _ = hand;
}

#[tokio::test]
async fn a_log_out_everywhere_ends_whatever_was_issued() {
    let (tokens, hand) = tokens();
    hand.pass(Duration::from_millis(300));
    let one = tokens.start_session(TokenSubject::new("42")).await.unwrap();
    let alone = tokens.access_token(TokenSubject::new("42")).unwrap();
    let other = tokens.start_session(TokenSubject::new("43")).await.unwrap();
    hand.pass(Duration::from_millis(300));
    tokens.end_all_sessions("42").await.unwrap();
    revoked(
        verify(&tokens, one.access_token().expose()).await,
        RevokedBy::Subject,
    );
    revoked(verify(&tokens, alone.expose()).await, RevokedBy::Subject);
    refused(
        tokens.refresh(one.refresh_token()).await,
        RefreshError::Ended,
    );
    verify(&tokens, other.access_token().expose())
        .await
        .unwrap();
    // In the very second of the cut-off, a new login is good.
    let new = tokens.start_session(TokenSubject::new("42")).await.unwrap();
    verify(&tokens, new.access_token().expose()).await.unwrap();
    tokens.refresh(new.refresh_token()).await.unwrap();
}

/// The revocation of everything that subject 42 was issued up to a time.
fn of_42(cut_off: SystemTime) -> Revocation {
    Revocation::Subject {
        issuer: ISSUER.to_owned(),
        subject: "42".to_owned(),
        cut_off,
        until: cut_off + DAY,
    }
}

#[tokio::test]
async fn what_is_revoked_by_the_public_list_is_not_renewed_either() {
    let (tokens, hand) = tokens();
    for after in [Duration::ZERO, SECOND / 2, MINUTE] {
        let cut_off = hand.now() + after;
        let issued = tokens.start_session(TokenSubject::new("42")).await.unwrap();
        let other = tokens.start_session(TokenSubject::new("43")).await.unwrap();
        hand.pass(MINUTE);
        let revocation = of_42(cut_off);
        tokens.revocations().revoke(revocation).await.unwrap();
        let access = verify(&tokens, issued.access_token().expose()).await;
        revoked(access, RevokedBy::Subject);
        refused(
            tokens.refresh(issued.refresh_token()).await,
            RefreshError::Ended,
        );
        tokens.refresh(other.refresh_token()).await.unwrap();
        let new = tokens.start_session(TokenSubject::new("42")).await.unwrap();
        verify(&tokens, new.access_token().expose()).await.unwrap();
        hand.pass(MINUTE);
    }
    let issued = tokens.start_session(TokenSubject::new("42")).await.unwrap();
    let revocation = Revocation::Session {
        issuer: ISSUER.to_owned(),
        id: issued.session_id().to_owned(),
        until: hand.now() + 2 * MINUTE,
    };
    tokens.revocations().revoke(revocation).await.unwrap();
    refused(
        tokens.refresh(issued.refresh_token()).await,
        RefreshError::Ended,
    );
    // It does not come back once the revocation is over.
    hand.pass(2 * DAY);
    tokens.purge_expired().await.unwrap();
    let late = tokens.refresh(issued.refresh_token()).await;
    assert_eq!(late.unwrap_err().kind(), RejectionKind::Invalid);
}

/// Sessions that began after a cut-off in the past stay.
#[tokio::test]
async fn a_cut_off_in_the_past_ends_the_sessions_that_had_begun() {
    let (tokens, hand) = tokens();
    let before = tokens.start_session(TokenSubject::new("42")).await.unwrap();
    hand.pass(MINUTE);
    let cut_off = hand.now();
    hand.pass(MINUTE);
    let after = tokens.start_session(TokenSubject::new("42")).await.unwrap();
    hand.pass(MINUTE);
    // Renewed after the cut-off: its session had begun before.
    let renewed = tokens.refresh(before.refresh_token()).await.unwrap();
    let revocation = of_42(cut_off);
    tokens.revocations().revoke(revocation).await.unwrap();
    let access = verify(&tokens, renewed.access_token().expose()).await;
    revoked(access, RevokedBy::Subject);
    refused(
        tokens.refresh(renewed.refresh_token()).await,
        RefreshError::Ended,
    );
    verify(&tokens, after.access_token().expose())
        .await
        .unwrap();
    tokens.refresh(after.refresh_token()).await.unwrap();
}

#[tokio::test]
async fn a_log_out_everywhere_by_a_clock_that_is_ahead_keeps_nobody_out() {
    let (tokens, hand) = tokens();
    let before = tokens.start_session(TokenSubject::new("42")).await.unwrap();
    hand.pass(365 * DAY);
    tokens.end_all_sessions("42").await.unwrap();
    hand.0.store(START + 60_000, SeqCst);
    revoked(
        verify(&tokens, before.access_token().expose()).await,
        RevokedBy::Subject,
    );
    let new = tokens.start_session(TokenSubject::new("42")).await.unwrap();
    verify(&tokens, new.access_token().expose()).await.unwrap();
    let new = tokens.refresh(new.refresh_token()).await.unwrap();
    verify(&tokens, new.access_token().expose()).await.unwrap();
    // And it can be ended in turn.
    hand.pass(MINUTE);
    tokens.end_all_sessions("42").await.unwrap();
    revoked(
        verify(&tokens, new.access_token().expose()).await,
        RevokedBy::Subject,
    );
}

/// Whatever the clocks of servers say: a session that began by one that is ahead is ended by one
/// that is behind.
#[tokio::test]
async fn a_log_out_everywhere_by_a_clock_that_is_behind_ends_every_session() {
    let (tokens, hand) = tokens();
    hand.pass(10 * MINUTE);
    let ahead = tokens.start_session(TokenSubject::new("42")).await.unwrap();
    hand.0.store(START + 599_000, SeqCst);
    tokens.end_all_sessions("42").await.unwrap();
    let new = tokens.start_session(TokenSubject::new("42")).await.unwrap();
    hand.pass(2 * SECOND);
    revoked(
        verify(&tokens, ahead.access_token().expose()).await,
        RevokedBy::Subject,
    );
    verify(&tokens, new.access_token().expose()).await.unwrap();
}

/// Another issuer may put the claim into its tokens, too: it does not save them from a cut-off.
#[tokio::test]
async fn only_our_own_tokens_are_trusted_to_say_when_their_session_began() {
    let (tokens, hand) = tokens();
    let claims = serde_json::json!({
        "iss": "https://other.example/", "aud": ISSUER, "sub": "42", "sid": "s", "jti": "j",
        "iat": START / 1000, "exp": START / 1000 + 600, "session_begun": u64::MAX,
    });
    let key = jsonwebtoken::EncodingKey::from_secret(&[9; 32]).unwrap();
    let token = jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key).unwrap();
    let other = JwtVerifier::issuer("https://other.example/")
        .audience(ISSUER)
        .keys(tower_auth::jwt::Key::from_secret(Algorithm::HS256, [9; 32]).unwrap())
        .clock(hand.clone())
        .build()
        .unwrap()
        .with_revocation(tokens.revocations().clone());
    other.verify(Token::new(token.as_str())).await.unwrap();
    let revocation = Revocation::Subject {
        issuer: "https://other.example/".to_owned(),
        subject: "42".to_owned(),
        cut_off: hand.now(),
        until: hand.now() + DAY,
    };
    tokens.revocations().revoke(revocation).await.unwrap();
    revoked(
        other.verify(Token::new(token.as_str())).await,
        RevokedBy::Subject,
    );
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
async fn an_ended_session_is_purged_with_its_revocation() {
    let (tokens, hand) = tokens();
    let one = tokens.start_session(TokenSubject::new("42")).await.unwrap();
    tokens.start_session(TokenSubject::new("43")).await.unwrap();
    tokens
        .log_out_by_refresh_token(one.refresh_token())
        .await
        .unwrap();
    tokens.end_all_sessions("43").await.unwrap();
    hand.pass(DAY);
    assert_eq!(tokens.purge_expired().await.unwrap(), 0);
    hand.pass(2 * 60 * MINUTE);
    // Two sessions and a revocation; the cut-off stays.
    assert_eq!(tokens.purge_expired().await.unwrap(), 3);
}

#[tokio::test]
async fn a_refresh_asks_what_the_subject_may_do_now() {
    let hand = Hand::new();
    let roles = Arc::new(std::sync::Mutex::new(Some("editor")));
    let seen = Arc::clone(&roles);
    let tokens = builder(&hand)
        .reload(move |grant: TokenSubject| {
            let role = *seen.lock().unwrap();
            async move {
                match role {
                    Some("down") => Err(Rejection::unavailable("down")),
                    Some(role) => Ok(Some(TokenSubject::new(grant.subject()).with_role(role))),
                    None => Ok(None),
                }
            }
        })
        .build()
        .unwrap();
    let login = tokens.start_session(
        TokenSubject::new("42")
            .with_role("admin")
            .with_client_id("web"),
    );
    let first = login.await.unwrap();
    let second = tokens.refresh(first.refresh_token()).await.unwrap();
    let identity = verify(&tokens, second.access_token().expose())
        .await
        .unwrap();
    assert!(identity.has_role("editor") && !identity.has_role("admin"));
    assert_eq!(
        identity.claim::<String>("client_id").as_deref(),
        Some("web")
    );
    assert_eq!(identity.authenticated_at(), Some(hand.now()));
    // An outage spends nothing.
    *roles.lock().unwrap() = Some("down");
    let down = tokens.refresh(second.refresh_token()).await.unwrap_err();
    assert_eq!(down.kind(), RejectionKind::Unavailable);
    hand.pass(MINUTE);
    *roles.lock().unwrap() = Some("viewer");
    let third = tokens.refresh(second.refresh_token()).await.unwrap();
    *roles.lock().unwrap() = None;
    refused(
        tokens.refresh(third.refresh_token()).await,
        RefreshError::SubjectGone,
    );
    *roles.lock().unwrap() = Some("viewer");
    refused(
        tokens.refresh(third.refresh_token()).await,
        RefreshError::Ended,
    );
    revoked(
        verify(&tokens, third.access_token().expose()).await,
        RevokedBy::Session,
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_refreshes_at_once_yield_one_token() {
    let (tokens, _) = tokens();
    let first = tokens.start_session(TokenSubject::new("42")).await.unwrap();
    let tasks: Vec<_> = (0..100)
        .map(|_| {
            let (tokens, token) = (tokens.clone(), first.refresh_token().to_owned());
            tokio::spawn(async move { tokens.refresh(&token).await.unwrap() })
        })
        .collect();
    let mut successors = std::collections::HashSet::new();
    for task in tasks {
        successors.insert(task.await.unwrap().refresh_token().to_owned());
    }
    assert_eq!(successors.len(), 1);
}

#[tokio::test]
async fn secrets_of_refresh_tokens_are_changed_without_a_log_out() {
    let hand = Hand::new();
    let store = MemoryStore::new();
    let with = |secret: [u8; 32]| {
        TokenIssuer::issuer(ISSUER, keys())
            .audience(ISSUER)
            .store(store.clone(), secret)
            .clock(hand.clone())
    };
    let before = with([1; 32]).build().unwrap();
    let after = with([2; 32]).earlier_secret([1; 32]).build().unwrap();
    let first = before.start_session(TokenSubject::new("42")).await.unwrap();
    let second = after.refresh(first.refresh_token()).await.unwrap();
    let third = after.refresh(second.refresh_token()).await.unwrap();
    let forgotten = with([2; 32]).build().unwrap();
    refused(
        forgotten.refresh(third.refresh_token()).await,
        RefreshError::Unknown,
    );
}

#[tokio::test]
async fn keys_are_published_before_they_sign_and_until_their_tokens_are_over() {
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
    assert_eq!(source.downcast_ref(), Some(&TokenError::UnknownKey));
    let new = tokens.access_token(TokenSubject::new("42")).unwrap();
    verifier.verify(Token::new(new.expose())).await.unwrap();
}

#[test]
fn an_issuer_that_would_be_unsafe_is_not_built() {
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
        "the secret of refresh tokens has at least 32 bytes, drawn at random",
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
async fn logs_say_what_becomes_of_sessions_and_never_a_token() {
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
