//! `/login`: the browser is sent to the provider.

use super::{Inner, LoginError, form::Form, page, pending::Pending};
use crate::Rejection;
use bytes::Bytes;
use http::{HeaderValue, Response, request::Parts};

/// Where the browser is sent, and what it keeps meanwhile.
pub(super) async fn login(
    inner: &Inner,
    head: &Parts,
    set: &mut Vec<HeaderValue>,
) -> Result<Response<Bytes>, Rejection> {
    let query = Form::read(head.uri.query().unwrap_or_default().as_bytes())?;
    let return_to = match query.one("return_to")? {
        Some(wanted) => inner.returns.check(wanted).ok_or(LoginError::ReturnTo)?,
        None => inner.after_login.clone(),
    };
    let mut request = inner.request.clone().with_query(&query)?;
    if let Some(customize) = &inner.customize {
        request = customize(head, request);
    }
    let endpoints = inner.provider.endpoints().await?;
    let pending = Pending::new(return_to, &request)?;
    let challenge = pending.challenge();
    let mut own = vec![
        ("client_id", inner.client.id.as_str()),
        ("redirect_uri", &inner.redirect_uri),
        ("state", &pending.state),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
    ];
    if inner.jwt.is_some() {
        own.push(("nonce", &pending.nonce));
    }
    let url = request.url(&endpoints, &own);
    set.extend(pending.cookies(inner, &head.headers)?);
    page::see_other(url.as_str())
}
