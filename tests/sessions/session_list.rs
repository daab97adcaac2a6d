//! The sessions of a subject: their list, ending some of them, and "Remember me".

use crate::support::*;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tower_auth::{
    Identity, RejectionKind,
    issue::{IssuedTokens, RefreshError, TokenIssuer, TokenSubject},
    revocation::RevokedBy,
    store::MemoryStore,
};

async fn begin(tokens: &TokenIssuer, subject: &str) -> IssuedTokens {
    let subject = TokenSubject::new(subject);
    tokens.start_session(subject).await.unwrap()
}

async fn ids(tokens: &TokenIssuer, subject: &str) -> Vec<String> {
    let page = tokens.sessions(subject).await.unwrap();
    assert_eq!(page.next(), None);
    let ids = page
        .sessions()
        .iter()
        .map(|session| session.id().to_owned());
    ids.collect()
}

fn at_millis(millis: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(millis)
}

#[tokio::test]
async fn sessions_are_listed_with_their_times_the_latest_first() {
    let (tokens, hand) = tokens();
    let one = begin(&tokens, "42").await;
    hand.pass(MINUTE);
    let two = begin(&tokens, "42").await;
    begin(&tokens, "43").await;
    hand.pass(MINUTE);
    tokens.refresh(one.refresh_token()).await.unwrap();
    let page = tokens.sessions("42").await.unwrap();
    let [second, first] = page.sessions() else {
        panic!("{page:?}")
    };
    assert_eq!(second.id(), two.session_id());
    assert_eq!(first.id(), one.session_id());
    assert_eq!(first.begun_at(), at_millis(START));
    assert_eq!(first.renewed_at(), at_millis(START + 120_000));
    assert_eq!(first.expires_at(), at_millis(START + 120_000) + 30 * DAY);
    assert_eq!(second.renewed_at(), second.begun_at());
    assert_eq!(first.is_remembered(), None);
    // A session without a refresh for so long has expired.
    hand.pass(30 * DAY - MINUTE);
    assert_eq!(ids(&tokens, "42").await, [one.session_id()]);
    hand.pass(MINUTE);
    assert!(ids(&tokens, "42").await.is_empty());
}

#[tokio::test]
async fn many_sessions_are_listed_in_pages() {
    let (tokens, hand) = tokens();
    let mut begun = Vec::new();
    for number in 0..250 {
        begun.push(begin(&tokens, "42").await.session_id().to_owned());
        if number % 3 == 0 {
            hand.pass(SECOND);
        }
    }
    let mut listed = Vec::new();
    let mut page = tokens.sessions("42").await.unwrap();
    loop {
        assert!(page.sessions().len() <= 100);
        listed.extend(
            page.sessions()
                .iter()
                .map(|session| session.id().to_owned()),
        );
        let Some(next) = page.next() else { break };
        page = tokens.sessions_after("42", next).await.unwrap();
    }
    assert_eq!(listed.len(), begun.len());
    assert!(begun.iter().all(|id| listed.contains(id)));
    for foreign in ["", ".", "x.y", "-1.x", "1", "99999999999999999999.x"] {
        let rejection = tokens.sessions_after("42", foreign).await.unwrap_err();
        assert_eq!(rejection.kind(), RejectionKind::Malformed, "{foreign}");
    }
    let page = tokens
        .sessions_after("43", page.next().unwrap_or("1.x"))
        .await;
    assert!(page.unwrap().sessions().is_empty());
}

#[tokio::test]
async fn a_session_is_ended_by_its_id_only_for_its_subject() {
    let (tokens, hand) = tokens();
    let one = begin(&tokens, "42").await;
    let two = begin(&tokens, "42").await;
    for (subject, id) in [
        ("43", one.session_id()),
        ("", one.session_id()),
        ("42", ""),
        ("42", "unknown\0"),
    ] {
        assert!(!tokens.end_session_by_id(subject, id).await.unwrap());
    }
    let foreign = TokenIssuer::issuer("https://other.example/", keys())
        .audience(ISSUER)
        .store(MemoryStore::new(), SECRET)
        .clock(hand.clone())
        .build()
        .unwrap();
    assert!(
        !foreign
            .end_session_by_id("42", one.session_id())
            .await
            .unwrap()
    );
    assert_eq!(ids(&tokens, "42").await.len(), 2);
    for _ in 0..2 {
        assert!(
            tokens
                .end_session_by_id("42", one.session_id())
                .await
                .unwrap()
        );
    }
    assert_eq!(ids(&tokens, "42").await, [two.session_id()]);
    revoked(
        verify(&tokens, one.access_token().expose()).await,
        RevokedBy::Session,
    );
    refused(
        tokens.refresh(one.refresh_token()).await,
        RefreshError::Ended,
    );
    tokens.refresh(two.refresh_token()).await.unwrap();
}

#[tokio::test]
async fn all_sessions_but_one_are_ended() {
    let (tokens, _) = tokens();
    let mut others = Vec::new();
    for _ in 0..120 {
        others.push(begin(&tokens, "42").await);
    }
    let kept = begin(&tokens, "42").await;
    let foreign = begin(&tokens, "43").await;
    let identity = verify(&tokens, kept.access_token().expose()).await.unwrap();
    for _ in 0..2 {
        tokens.end_other_sessions(&identity).await.unwrap();
        assert_eq!(ids(&tokens, "42").await, [kept.session_id()]);
    }
    for other in [others.first().unwrap(), others.last().unwrap()] {
        revoked(
            verify(&tokens, other.access_token().expose()).await,
            RevokedBy::Session,
        );
    }
    verify(&tokens, kept.access_token().expose()).await.unwrap();
    tokens.refresh(kept.refresh_token()).await.unwrap();
    tokens.refresh(foreign.refresh_token()).await.unwrap();
    // An identity without a session of this issuer names no session to keep.
    for identity in [
        Identity::new("43").with_issuer(ISSUER),
        Identity::new("43").with_session_id(foreign.session_id()),
        Identity::new("43")
            .with_issuer("https://other.example/")
            .with_session_id(foreign.session_id()),
    ] {
        let rejection = tokens.end_other_sessions(&identity).await.unwrap_err();
        assert_eq!(rejection.kind(), RejectionKind::Invalid);
    }
}

#[tokio::test]
async fn a_session_is_ended_by_an_identity_that_only_names_it() {
    let (tokens, _) = tokens();
    let one = begin(&tokens, "42").await;
    let named = Identity::new("42")
        .with_issuer(ISSUER)
        .with_session_id(one.session_id());
    tokens.end_session(&named).await.unwrap();
    assert!(ids(&tokens, "42").await.is_empty());
    // The id of an API key is not the id of a token.
    let key = Identity::new("42")
        .with_issuer(ISSUER)
        .with_token_id("the id of a key");
    let rejection = tokens.end_session(&key).await.unwrap_err();
    assert_eq!(rejection.kind(), RejectionKind::Invalid);
}

#[tokio::test]
async fn a_session_that_is_not_remembered_ends_earlier() {
    let hand = Hand::new();
    let tokens = builder(&hand)
        .unremembered_lifetimes(60 * MINUTE, 90 * MINUTE)
        .build()
        .unwrap();
    let begin = async |remember| {
        let subject = TokenSubject::new("42").with_remember(remember);
        tokens.start_session(subject).await.unwrap()
    };
    let (remembered, not) = (begin(true).await, begin(false).await);
    assert_eq!(remembered.refresh_expires_in(), 30 * DAY);
    assert_eq!(not.refresh_expires_in(), 60 * MINUTE);
    let page = tokens.sessions("42").await.unwrap();
    for session in page.sessions() {
        let expected = session.id() == remembered.session_id();
        assert_eq!(session.is_remembered(), Some(expected));
    }
    hand.pass(50 * MINUTE);
    let not = tokens.refresh(not.refresh_token()).await.unwrap();
    assert_eq!(not.refresh_expires_in(), 40 * MINUTE);
    hand.pass(40 * MINUTE);
    refused(
        tokens.refresh(not.refresh_token()).await,
        RefreshError::Expired,
    );
    tokens.refresh(remembered.refresh_token()).await.unwrap();
}

#[tokio::test]
async fn by_default_a_session_that_is_not_remembered_lasts_a_day_unused_and_a_week_at_most() {
    let (tokens, hand) = tokens();
    let subject = TokenSubject::new("42").with_remember(false);
    let mut issued = tokens.start_session(subject).await.unwrap();
    assert_eq!(issued.refresh_expires_in(), DAY);
    for day in 1..8 {
        hand.pass(DAY - SECOND);
        let left = 7 * DAY - day * (DAY - SECOND);
        issued = tokens.refresh(issued.refresh_token()).await.unwrap();
        assert_eq!(issued.refresh_expires_in(), DAY.min(left));
    }
    // Shorter lifetimes of all sessions count for these, too.
    let short = builder(&hand)
        .refresh_lifetime(60 * MINUTE)
        .family_lifetime(60 * MINUTE)
        .build()
        .unwrap();
    let subject = TokenSubject::new("42").with_remember(false);
    let issued = short.start_session(subject).await.unwrap();
    assert_eq!(issued.refresh_expires_in(), 60 * MINUTE);
    for (refresh, family) in [(MINUTE, DAY), (DAY, 60 * MINUTE), (DAY, 4000 * DAY)] {
        let wrong = builder(&hand).unremembered_lifetimes(refresh, family);
        assert!(wrong.build().is_err(), "{refresh:?} {family:?}");
    }
}

#[tokio::test]
async fn reloaded_rights_keep_the_choice_of_the_user() {
    let hand = Hand::new();
    let tokens = builder(&hand)
        .reload(|subject: TokenSubject| async move {
            Ok(Some(TokenSubject::new(subject.subject()).with_role("now")))
        })
        .build()
        .unwrap();
    let subject = TokenSubject::new("42").with_remember(false);
    let issued = tokens.start_session(subject).await.unwrap();
    hand.pass(MINUTE);
    let renewed = tokens.refresh(issued.refresh_token()).await.unwrap();
    assert_eq!(renewed.refresh_expires_in(), DAY);
}
