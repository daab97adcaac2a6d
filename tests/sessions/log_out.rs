//! Log-out of one session and of all, cut-offs, and the clocks of several servers.

use crate::support::*;
use std::{
    sync::atomic::Ordering::SeqCst,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tower_auth::{
    Identity, RejectionKind, Verify,
    account::Accounts,
    api_key::{KeyOptions, PresentedKey, StoredKeys},
    bearer::Token,
    clock::Clock,
    issue::{RefreshError, TokenSubject},
    jwt::{Algorithm, JwtVerifier},
    revocation::{RevocationCheck, RevokedBy, SharedRevocations, VerifyExt},
    store::{MemoryStore, Revocation},
};

const PASSWORD: &str = "a quiet harbour at dusk";

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
async fn a_log_out_everywhere_ends_every_session_and_token() {
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
async fn sessions_revoked_through_the_public_list_are_not_renewed() {
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
async fn a_log_out_everywhere_by_a_clock_that_is_ahead_does_not_block_new_logins() {
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
async fn only_tokens_of_this_issuer_can_state_when_their_session_began() {
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

/// A login that was checked before a log-out everywhere, and asks for a session after it.
#[tokio::test]
async fn a_login_verified_before_a_log_out_everywhere_does_not_begin_a_session() {
    let hand = Hand::new();
    let tokens = builder(&hand).build().unwrap();
    let accounts = Accounts::new(ISSUER, MemoryStore::new())
        .unwrap()
        .clock(hand.clone());
    let ada = accounts.register("ada", PASSWORD).await.unwrap();
    let checked = accounts.log_in("ada", PASSWORD).await.unwrap();
    hand.pass(MINUTE);
    tokens.end_all_sessions(&ada.subject).await.unwrap();
    hand.pass(MINUTE);
    let late = tokens.start_session(&checked).await.unwrap_err();
    assert_eq!(late.kind(), RejectionKind::Invalid);
    // What is checked after it, and what others have checked, is not compared.
    let anew = accounts.log_in("ada", PASSWORD).await.unwrap();
    tokens.start_session(&anew).await.unwrap();
    let foreign = Identity::new(ada.subject.as_str()).with_authenticated_at(UNIX_EPOCH);
    tokens.start_session(&foreign).await.unwrap();
    // Nor with the time of a clock that was wrong.
    hand.pass(365 * DAY);
    tokens.end_all_sessions(&ada.subject).await.unwrap();
    hand.back(365 * DAY);
    hand.pass(SECOND);
    let anew = accounts.log_in("ada", PASSWORD).await.unwrap();
    tokens.start_session(&anew).await.unwrap();
}

/// What is revoked for a day does not end because somebody revokes it for a minute as well.
#[tokio::test]
async fn a_shorter_revocation_does_not_shorten_one_in_the_lookup_store() {
    let hand = Hand::new();
    let durable = MemoryStore::new().with_clock(hand.clone());
    let quick = MemoryStore::new().with_clock(hand.clone());
    let list = SharedRevocations::new(durable)
        .with_lookup_store(quick)
        .with_clock(hand.clone());
    list.fill().await.unwrap();
    for seconds in [86_400, 60] {
        let session = Revocation::Session {
            issuer: ISSUER.into(),
            id: "s".into(),
            until: hand.now() + Duration::from_secs(seconds),
        };
        list.revoke(session).await.unwrap();
    }
    let identity = Identity::new("42").with_issuer(ISSUER).with_session_id("s");
    assert!(list.check(&identity).await.is_err());
    hand.pass(2 * MINUTE);
    assert!(list.check(&identity).await.is_err());
}

/// `TokenIssuer::revocations` is "for verifiers of other credentials of the same subjects".
#[tokio::test]
async fn an_api_key_revoked_with_its_subject_stays_revoked() {
    let hand = Hand::new();
    let tokens = builder(&hand).build().unwrap();
    let keys = StoredKeys::new(MemoryStore::new()).with_clock(hand.clone());
    let new = keys
        .create("acme", KeyOptions::new(ISSUER, "42"))
        .await
        .unwrap();
    let verifier = keys.clone().with_revocation(tokens.revocations().clone());
    let key = || PresentedKey::new(new.expose());
    assert!(verifier.verify(key()).await.is_ok());
    hand.pass(SECOND);
    tokens.end_all_sessions("42").await.unwrap();
    assert!(verifier.verify(key()).await.is_err());
    hand.pass(DAY + 120 * MINUTE);
    tokens.purge_expired().await.unwrap();
    assert!(verifier.verify(key()).await.is_err());
}
