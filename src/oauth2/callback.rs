//! `/callback`: the provider has sent the browser back.
//!
//! 1. The answer is in the query, or in a form where that was asked for. No parameter is there
//!    twice.
//! 2. `state` is that of a login that was begun in this browser, not longer than ten minutes ago:
//!    its sealed cookie says so. Nobody can make a browser finish somebody else's login.
//! 3. With a store, the state has not come back before. Without one the provider alone sees to it
//!    that a code is used once (RFC 6749 section 4.1.2).
//! 4. `iss` is the issuer, and is there if the provider says that it always is (RFC 9207).
//! 5. An `error` ends the login. What it says is looked up, never passed on.
//! 6. The code is exchanged, with PKCE's verifier (RFC 7636 section 4.5).
//! 7. The [ID token](super::id_token) is verified, or the user-info endpoint is asked.
//! 8. There is a new session, whatever the browser had before.

use super::{
    Inner, LoggedIn, LoginError, cookies,
    error::known,
    form::{Body, Form},
    id_token::{self, Expected},
    page,
    pending::{self, Pending},
    seal,
    session::Session,
    sessions::{Carried, Mark, key},
    tokens::Tokens,
};
use crate::Rejection;
use bytes::Bytes;
use http::{HeaderValue, Response, request::Parts};
use std::{sync::Arc, time::Duration};

/// For how long after a login a refusal does not begin another one, in seconds: a user whom the
/// application refuses would go round in circles.
const JUST_NOW: u64 = 10;

pub(super) async fn callback(
    inner: &Inner,
    head: &Parts,
    answer: &[u8],
    set: &mut Vec<HeaderValue>,
) -> Result<Response<Bytes>, Rejection> {
    let query = Form::read(answer)?;
    let code = query.one("code")?;
    let error = query.one("error")?;
    let issuer = query.one("iss")?;
    let state = query.one("state")?.ok_or(LoginError::State)?;
    let (pending, end) = Pending::take(inner, &head.headers, state)?;
    set.extend(end);
    if let Some(store) = &inner.store {
        let key = key(inner, "state", state);
        // As long as the cookie might come back.
        let lifetime = Duration::from_secs(pending::LIFETIME.saturating_add(120));
        if !store.add(&key, b"1", lifetime).await? {
            return Err(LoginError::Replayed.into());
        }
    }
    let endpoints = inner.provider.endpoints().await?;
    match issuer {
        Some(issuer) if issuer != &*inner.issuer => return Err(LoginError::Issuer.into()),
        None if endpoints.names_itself => return Err(LoginError::Issuer.into()),
        _ => {}
    }
    let code = match (code, error) {
        (_, Some(error)) => return Err(LoginError::Refused(known(error)).into()),
        (None, None) => return Err(LoginError::Request.into()),
        (Some(code), None) => code,
    };
    let tokens = exchange(inner, code, &pending).await?;
    let session = session(inner, tokens, &pending).await?;
    let identity = session.identity(inner)?;
    if let Some(hook) = &inner.on_login {
        let logged_in = LoggedIn {
            identity: identity.clone(),
            tokens: Arc::unwrap_or_clone(session.tokens),
        };
        let fields = hook(logged_in).await?;
        let mut response = page::see_other(&pending.return_to)?;
        response.headers_mut().extend(fields);
        response.extensions_mut().insert(identity);
        set.extend(cookies::set(&inner.just_now, "1", JUST_NOW));
        return Ok(response);
    }
    let before = cookies::count(&head.headers, &inner.cookie);
    // Fails where it is too long, before anything is kept.
    let own = inner.session_cookies(&session, before)?;
    inner.keep(&session).await?;
    match inner.carried(&head.headers) {
        Some(Carried::Whole(Session { id, .. }) | Carried::Name(id)) => {
            inner.end(Mark::Session(&id)).await?;
        }
        None => {}
    }
    set.extend(own);
    set.extend(cookies::set(&inner.just_now, "1", JUST_NOW));
    let mut response = page::see_other(&pending.return_to)?;
    // For the log; the layer takes it away.
    response.extensions_mut().insert(identity);
    Ok(response)
}

/// RFC 6749 section 4.1.3.
async fn exchange(inner: &Inner, code: &str, pending: &Pending) -> Result<Tokens, LoginError> {
    let mut form = Body::default();
    form.push("grant_type", "authorization_code");
    form.push("code", code);
    form.push("redirect_uri", &inner.redirect_uri);
    form.push("code_verifier", &pending.verifier.0);
    for resource in pending.resources.split_ascii_whitespace() {
        form.push("resource", resource);
    }
    let answer = inner.provider.tokens(&inner.client, form).await?;
    Tokens::read(&answer, inner.now())
}

async fn session(
    inner: &Inner,
    mut tokens: Tokens,
    pending: &Pending,
) -> Result<Session, Rejection> {
    let mut user_info = None;
    match &inner.jwt {
        Some(jwt) => {
            let expected = Expected {
                client: &inner.client.id,
                access_token: tokens.access_token(),
                nonce: Some(&pending.nonce),
                max_age: pending.max_age,
                leeway: inner.leeway,
                now: inner.now(),
            };
            let missing = LoginError::IdToken("there is none");
            let token = tokens.id_token().ok_or(missing)?;
            id_token::verify(jwt, token, &expected).await?;
        }
        None => {
            let claims = inner.provider.user_info(tokens.access_token()).await?;
            user_info = Some(String::from_utf8(claims).map_err(|_| LoginError::UserInfo)?);
            // Nobody has verified it.
            tokens.id = None;
        }
    }
    let made = inner.now();
    Ok(Session {
        id: seal::random_text()?,
        made,
        ends: made.saturating_add(inner.lifetime),
        tokens: Arc::new(tokens),
        user_info,
        sid: None,
        auth_time: None,
    }
    .of_its_login())
}
