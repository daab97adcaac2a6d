//! Refresh tokens: rotation, retries, reuse, and expiry.

use crate::support::*;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::Duration,
};
use tower_auth::{
    Rejection, RejectionKind, Verdict, Verify,
    bearer::Token,
    clock::Clock,
    issue::{RefreshError, TokenIssuer, TokenSubject},
    revocation::RevokedBy,
    store::{BatchRead, EphemeralStore, MemoryStore, Raise},
};

#[tokio::test]
async fn a_refresh_token_can_be_used_once() {
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
async fn a_client_that_lost_the_response_can_retry() {
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
async fn late_reuse_of_a_spent_token_ends_the_session() {
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
async fn a_clock_set_back_does_not_turn_late_reuse_into_a_retry() {
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
async fn strings_that_are_not_refresh_tokens_end_nothing() {
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
async fn a_refresh_reloads_roles_and_scopes() {
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
async fn refresh_token_secrets_rotate_without_log_out() {
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

/// A server whose clock is three minutes behind takes a token that was spent long ago for a retry.
#[tokio::test]
async fn a_clock_that_is_behind_does_not_extend_the_retry_window() {
    let hand = Hand::new();
    let tokens = builder(&hand).build().unwrap();
    let first = tokens.start_session(TokenSubject::new("42")).await.unwrap();
    hand.pass(3 * MINUTE);
    tokens.refresh(first.refresh_token()).await.unwrap();
    hand.back(3 * MINUTE);
    assert!(tokens.refresh(first.refresh_token()).await.is_err());
}

/// A store that cannot be written to while this is set.
#[derive(Clone)]
struct Flaky(MemoryStore, Arc<AtomicBool>);

impl EphemeralStore for Flaky {
    fn add(&self, key: &str, value: &[u8], lifetime: Duration) -> Verdict<bool> {
        self.0.add(key, value, lifetime)
    }
    fn put(&self, key: &str, value: &[u8], lifetime: Duration) -> Verdict<()> {
        match self.1.load(SeqCst) {
            true => Verdict::ready(Err(Rejection::unavailable("down"))),
            false => self.0.put(key, value, lifetime),
        }
    }
    fn read(&self, keys: &[&str]) -> Verdict<BatchRead> {
        self.0.read(keys)
    }
    fn take(&self, key: &str) -> Verdict<Option<Vec<u8>>> {
        self.0.take(key)
    }
    fn count(&self, key: &str, window: Duration) -> Verdict<u64> {
        self.0.count(key, window)
    }
    fn raise(&self, raised: &[Raise<'_>]) -> Verdict<()> {
        match self.1.load(SeqCst) {
            true => Verdict::ready(Err(Rejection::unavailable("down"))),
            false => self.0.raise(raised),
        }
    }
}

/// The answer to reuse was 503, so it is tried again: then its access tokens are revoked.
#[tokio::test]
async fn reuse_that_could_not_be_written_to_the_lookup_store_is_written_at_the_next_attempt() {
    let hand = Hand::new();
    let down = Arc::new(AtomicBool::new(false));
    let quick = Flaky(
        MemoryStore::new().with_clock(hand.clone()),
        Arc::clone(&down),
    );
    let tokens = builder(&hand).with_lookup_store(quick).build().unwrap();
    let first = tokens.start_session(TokenSubject::new("42")).await.unwrap();
    let second = tokens.refresh(first.refresh_token()).await.unwrap();
    let verifier = tokens.verifier().unwrap();
    let token = || Token::new(second.access_token().expose());
    assert!(verifier.verify(token()).await.is_ok());
    hand.pass(3 * MINUTE);
    down.store(true, SeqCst);
    assert!(tokens.refresh(first.refresh_token()).await.is_err());
    down.store(false, SeqCst);
    assert!(tokens.refresh(first.refresh_token()).await.is_err());
    assert!(verifier.verify(token()).await.is_err());
}
