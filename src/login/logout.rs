//! `/logout`, and log-out by the provider.
//!
//! 1. A log-out is a `POST` that passes the cross-site check, or a `GET` by which the browser
//!    navigates from a page of the same origin (Fetch Metadata). An image, a prefetch or another
//!    site cannot log a user out. If the user has come by the address bar, a bookmark or another
//!    program, or if the browser has no Fetch Metadata, the response is a page with a button.
//! 2. The application ends what it keeps itself ([`LoginBuilder::on_logout`](super::LoginBuilder::on_logout)).
//!    If it cannot, nothing else changes.
//! 3. With a store the session is over on every server, also for whoever has a copy of its cookie.
//!    Then its cookies are taken back; where the store cannot be reached the browser keeps them,
//!    for another try.
//! 4. The refresh token is revoked at the provider (RFC 7009), or the access token where there is
//!    none. This is done in the background, as far as the provider can be reached.
//! 5. The browser goes on to the provider's own log-out, where there is one (OpenID Connect
//!    RP-Initiated Logout section 2), also if the session here has ended already. If there is no
//!    such log-out, or the provider's metadata cannot be read soon, it returns to the application.
//! 6. A logout token that the provider posts (Back-Channel Logout section 2.5) ends the sessions
//!    that it names. It takes a store.

use super::{
    LoginError, cookies,
    form::Form,
    id_token, page, pending,
    sessions::{Mark, key},
    state::{Inner, LoggedOut, LoggingOut},
    tokens::Hidden,
};
use crate::Rejection;
use bytes::Bytes;
use http::{HeaderValue, Method, Response, header::CACHE_CONTROL, request::Parts};
use std::{sync::Arc, time::Duration};
use tokio::{runtime::Handle, time::timeout};
use url::Url;

/// The longest time for which a log-out waits for the provider's metadata.
const PATIENCE: Duration = Duration::from_secs(2);

pub(super) async fn logout(
    inner: &Arc<Inner>,
    head: &Parts,
    set: &mut Vec<HeaderValue>,
) -> Result<Response<Bytes>, Rejection> {
    if head.method == Method::POST {
        inner.cross_site.check(head)?;
    } else {
        match page::comes_from(head) {
            Some("same-origin") => {}
            Some("none") => return Ok(page::ask_to_sign_out(&inner.logout_url(head))),
            // A browser without Fetch Metadata. Its `POST` has an `Origin`.
            _ if page::is_navigation(head) && page::is_own(head).is_none() => {
                return Ok(page::ask_to_sign_out(&inner.logout_url(head)));
            }
            _ => {
                let rejection = Rejection::forbidden();
                return Err(rejection.with_detail("cross-site requests are not allowed"));
            }
        }
    }
    let session = match inner.carried(&head.headers) {
        // One that is over already needs no end.
        Some(carried) => match inner.load(carried).await {
            Ok(session) => Some(session),
            Err(rejection) if rejection.kind() == crate::RejectionKind::Unavailable => {
                return Err(rejection);
            }
            Err(_) => None,
        },
        None => None,
    };
    // Before anything ends: whoever tries again needs the session for it.
    let asked = match &inner.on_logout {
        Some(hook) => {
            let identity = session.as_ref();
            let identity = identity.map(|session| session.identity(&inner.issuer, &inner.claims));
            hook(LoggingOut {
                identity: identity.transpose().unwrap_or_default(),
                headers: head.headers.clone(),
            })
            .await?
        }
        None => LoggedOut::default(),
    };
    let mut is_first = false;
    if let Some(session) = &session {
        is_first = inner.end_in_browser(&session.id).await?;
        inner.forget(session);
        if let Ok(identity) = session.identity(&inner.issuer, &inner.claims)
            && is_first
        {
            super::log::ended(&identity);
        }
    }
    // Not before: whoever tries again needs the cookie for it.
    if inner.on_login.is_none() {
        let count = cookies::count(&head.headers, &inner.cookie);
        set.extend(inner.jar.clear_joined(&inner.cookie, count));
    }
    set.extend(inner.jar.clear(&inner.just_now));
    set.extend(pending::clear_all(inner, &head.headers));
    let own = session
        .as_ref()
        .and_then(|session| session.tokens.id.clone());
    let hint = asked.id_token.or(own);
    if let Some(token) = asked.revoked
        && Handle::try_current().is_ok()
    {
        let inner = Arc::clone(inner);
        tokio::spawn(async move { revoke(&inner, &token.0, "refresh_token").await });
    }
    // Started once, because the task outlives the request. Otherwise a client could start any
    // number of tasks.
    if let Some(session) = session
        && is_first
        && Handle::try_current().is_ok()
    {
        let inner = Arc::clone(inner);
        tokio::spawn(async move {
            let tokens = &session.tokens;
            match tokens.refresh_token() {
                Some(token) => revoke(&inner, token, "refresh_token").await,
                None => revoke(&inner, tokens.access_token(), "access_token").await,
            }
        });
    }
    let to = match at_provider(inner, hint.as_ref()).await {
        Some(end) => page::see_other(end.as_str()),
        None => page::see_other(&inner.after_logout(head)),
    };
    let mut response = to?;
    response.headers_mut().extend(asked.fields);
    Ok(response)
}

/// Returns the address of the provider's own log-out, if there is one.
async fn at_provider(inner: &Inner, hint: Option<&Hidden>) -> Option<Url> {
    // Outside of a runtime no request can be sent.
    Handle::try_current().ok()?;
    let endpoints = timeout(PATIENCE, inner.provider.endpoints()).await;
    let mut end = endpoints.ok()?.ok()?.end_session.clone()?;
    {
        let mut query = end.query_pairs_mut();
        if let Some(hint) = hint {
            query.append_pair("id_token_hint", &hint.0);
        }
        query.append_pair("client_id", &inner.client.id);
        if let Some(uri) = &inner.post_logout {
            query.append_pair("post_logout_redirect_uri", uri);
        }
    }
    Some(end)
}

async fn revoke(inner: &Inner, token: &str, kind: &str) {
    if let Err(error) = inner.provider.revoke(&inner.client, token, kind).await {
        super::log::not_revoked(&inner.issuer, &error);
    }
}

/// Back-Channel Logout sections 2.5 to 2.8.
pub(super) async fn by_provider(inner: &Inner, body: &[u8]) -> Result<Response<Bytes>, Rejection> {
    let (Some(store), Some(jwt)) = (&inner.store, &inner.jwt) else {
        return Err(LoginError::Request.into());
    };
    let form = Form::read(body)?;
    let token = form.one("logout_token")?.ok_or(LoginError::Request)?;
    let (client, leeway) = (&inner.client.id, inner.leeway);
    let token =
        id_token::verify_logout(jwt, token, &inner.issuer, client, leeway, inner.now()).await?;
    let seen = key(inner, "logout", &token.id);
    if store
        .read(&[&seen])
        .await?
        .values
        .into_iter()
        .flatten()
        .next()
        .is_some()
    {
        return Err(LoginError::LogoutToken("it was used before").into());
    }
    // Marked first: a token whose mark was not kept may come again.
    match (&token.session, &token.subject) {
        (Some(session), _) => inner.end(Mark::ProvidersSession(session)).await?,
        (None, Some(subject)) => inner.end(Mark::Subject(subject, token.issued)).await?,
        (None, None) => {}
    }
    let (subject, session) = (token.subject.as_deref(), token.session.as_deref());
    super::log::ended_by_provider(&inner.issuer, subject, session);
    let lifetime = id_token::LOGOUT_AGE.saturating_add(leeway.saturating_mul(2));
    store
        .put(&seen, b"1", Duration::from_secs(lifetime))
        .await?;
    let mut response = Response::new(Bytes::new());
    let no_store = HeaderValue::from_static("no-store");
    response.headers_mut().insert(CACHE_CONTROL, no_store);
    Ok(response)
}
