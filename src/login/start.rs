//! `/login`: the browser is sent to the provider.
//!
//! Any site can send a browser here, and make it keep a cookie each time. If another site requests
//! an address, the address is kept only if it is short. Otherwise it could displace the cookies of
//! other logins under way, whose total size is bounded because the browser's requests would get too
//! long for servers to read. Another site can only make the request to the provider stricter.

use super::{LoginError, form::Form, page, pending::Pending, state::Inner};
use crate::Rejection;
use bytes::Bytes;
use http::{HeaderValue, Response, request::Parts};

/// The longest address that is kept, in bytes. Browsers drop a cookie of more than 4,096 bytes.
const MAX: usize = 2048;

/// The longest address that another site may have remembered, in bytes.
const MAX_FOREIGN: usize = 512;

/// Redirects the browser to the provider, and adds the cookies of the login.
pub(super) async fn start(
    inner: &Inner,
    head: &Parts,
    set: &mut Vec<HeaderValue>,
) -> Result<Response<Bytes>, Rejection> {
    let query = Form::read(head.uri.query().unwrap_or_default().as_bytes())?;
    let is_foreign = page::is_own(head) == Some(false);
    let wanted = match query.one("return_to")? {
        Some(wanted) => {
            let allowed = inner.returns.check(inner.base.prefix(head), wanted);
            Some(allowed.ok_or(LoginError::ReturnTo)?)
        }
        None => None,
    };
    let most = match is_foreign {
        true => MAX_FOREIGN,
        false => MAX,
    };
    let return_to = wanted
        .filter(|wanted| wanted.len() <= most)
        .unwrap_or_else(|| inner.after_login(head).into_owned());
    let mut request = inner.request.clone().with_query(&query, is_foreign)?;
    if let Some(customize) = &inner.customize {
        request = customize(head, request);
    }
    let endpoints = inner.provider.endpoints().await?;
    let pending = Pending::new(return_to, &request)?;
    let challenge = pending.challenge();
    let mut own = vec![
        ("client_id", inner.client.id.as_str()),
        ("redirect_uri", inner.base.redirect_uri.as_str()),
        ("state", &pending.state),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
    ];
    if inner.jwt.is_some() {
        own.push(("nonce", &pending.nonce));
    }
    let by_form = inner.form_post && endpoints.posts_forms;
    if by_form {
        own.push(("response_mode", "form_post"));
    }
    let url = request.url(&endpoints, &own);
    set.extend(pending.cookies(inner, &head.headers, by_form)?);
    page::see_other(url.as_str())
}
