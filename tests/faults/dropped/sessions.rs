//! Operations on sessions, access tokens and API keys, each dropped once.

use super::pair::{Failed, Pair, SECOND, completed, same, wrong};
use crate::{
    harness::{ISSUER, answered},
    polls::dropped_after,
};
use tower_auth::{
    api_key::{CreateError, GeneratedKey, KeyOptions},
    clock::Clock,
    issue::TokenSubject,
    store::{Revocation, RevocationQuery},
};

fn created(created: Result<GeneratedKey, CreateError>) -> Result<GeneratedKey, Failed> {
    created.map_err(|error| match error {
        CreateError::Store(rejection) => rejection.into(),
        error => wrong(error.to_string()),
    })
}

pub(super) async fn log_in(pair: &Pair, polls: usize, subject: &str) -> Result<bool, Failed> {
    let begun = pair
        .dropping
        .tokens
        .start_session(TokenSubject::new(subject));
    let begun = dropped_after(polls, begun).await;
    // A session whose tokens were not received disturbs nothing, and ends with the others.
    let session = pair.session(subject).await?;
    pair.is_alive(&session).await?;
    pair.clock.pass(SECOND);
    pair.other.tokens.end_all_sessions(subject).await?;
    pair.is_ended(&session).await?;
    completed(begun)
}

pub(super) async fn refresh(pair: &Pair, polls: usize, subject: &str) -> Result<bool, Failed> {
    let session = pair.session(subject).await?;
    pair.clock.pass(SECOND);
    let spent = session.refresh_token();
    let dropped = dropped_after(polls, pair.dropping.tokens.refresh(spent)).await;
    // The client still has the old token, and tries again within the retry window: here, there, or
    // both.
    pair.clock.pass(119 * SECOND);
    let renewed = pair.other.tokens.refresh(spent).await?;
    let again = pair.dropping.tokens.refresh(spent).await?;
    if renewed.refresh_token() != again.refresh_token() {
        return Err(wrong("one refresh token has two successors"));
    }
    let next = pair.dropping.tokens.refresh(renewed.refresh_token()).await;
    let next = next?;
    for issued in [&session, &renewed, &again, &next] {
        pair.is_alive(issued).await?;
    }
    completed(dropped)
}

pub(super) async fn log_out(pair: &Pair, polls: usize, subject: &str) -> Result<bool, Failed> {
    let session = pair.session(subject).await?;
    let identity = pair.other.verify(session.access_token().expose()).await?;
    let dropped = dropped_after(polls, pair.dropping.tokens.end_session(&identity)).await;
    let settled = same(async || pair.ended(&session).await, None).await;
    pair.other.tokens.end_session(&identity).await?;
    pair.is_ended(&session).await?;
    settled?;
    completed(dropped)
}

pub(super) async fn log_out_by_refresh_token(
    pair: &Pair,
    polls: usize,
    subject: &str,
) -> Result<bool, Failed> {
    let session = pair.session(subject).await?;
    let refresh = session.refresh_token();
    let ending = pair.dropping.tokens.log_out_by_refresh_token(refresh);
    let dropped = dropped_after(polls, ending).await;
    same(async || pair.ended(&session).await, None).await?;
    completed(dropped)
}

pub(super) async fn log_out_everywhere(
    pair: &Pair,
    polls: usize,
    subject: &str,
) -> Result<bool, Failed> {
    let neighbour = pair.session(&format!("neighbour-of-{subject}")).await?;
    let old = pair.session(subject).await?;
    let key = KeyOptions::new(ISSUER, subject);
    let key = created(pair.other.keys.create("acme", key).await)?;
    // Further back than sessions are revoked one by one.
    pair.clock.pass(300 * SECOND);
    let late = pair.session(subject).await?;
    pair.clock.pass(2 * SECOND);
    let seen = async || {
        let mut seen = pair.ended(&old).await;
        seen.extend(pair.ended(&late).await);
        for server in [&pair.dropping, &pair.other] {
            seen.push(!server.key_passes(key.expose()).await);
        }
        seen
    };
    let dropped = dropped_after(polls, pair.dropping.tokens.end_all_sessions(subject)).await;
    let settled = same(&seen, None).await;
    pair.other.tokens.end_all_sessions(subject).await?;
    same(&seen, Some(true)).await?;
    pair.is_ended(&old).await?;
    pair.is_ended(&late).await?;
    pair.is_alive(&neighbour).await?;
    settled?;
    completed(dropped)
}

pub(super) async fn revoke_token(pair: &Pair, polls: usize, subject: &str) -> Result<bool, Failed> {
    let session = pair.session(subject).await?;
    let token = session.access_token();
    let revocation = || Revocation::Token {
        issuer: ISSUER.to_owned(),
        id: token.id().to_owned(),
        until: pair.clock.now() + 3600 * SECOND,
    };
    let seen = async || {
        let names = RevocationQuery {
            issuer: ISSUER,
            subject,
            token: Some(token.id()),
            session: None,
        };
        vec![
            answered(|| async { pair.durable.revoked(names).await })
                .await
                .is_ok_and(|revoked| revoked.token),
            !pair.dropping.passes(token.expose()).await,
            !pair.other.passes(token.expose()).await,
        ]
    };
    let revoking = pair.dropping.tokens.revocations().revoke(revocation());
    let dropped = dropped_after(polls, revoking).await;
    let settled = same(&seen, None).await;
    pair.other.tokens.revocations().revoke(revocation()).await?;
    same(&seen, Some(true)).await?;
    // The session goes on.
    let renewed = pair.other.tokens.refresh(session.refresh_token()).await;
    pair.is_alive(&renewed?).await?;
    settled?;
    completed(dropped)
}

pub(super) async fn revoke_key(pair: &Pair, polls: usize, subject: &str) -> Result<bool, Failed> {
    let key = KeyOptions::new(ISSUER, subject);
    let key = created(pair.other.keys.create("acme", key).await)?;
    let seen = async || {
        let mut seen = Vec::new();
        for server in [&pair.dropping, &pair.other] {
            seen.push(!server.key_passes(key.expose()).await);
        }
        seen
    };
    same(&seen, Some(false)).await?;
    let revoking = pair.dropping.keys.revoke(ISSUER, subject, key.id());
    let dropped = dropped_after(polls, revoking).await;
    same(&seen, None).await?;
    pair.other.keys.revoke(ISSUER, subject, key.id()).await?;
    same(&seen, Some(true)).await?;
    completed(dropped)
}
