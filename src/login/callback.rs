//! `/callback`: the provider has sent the browser back.
//!
//! 1. The answer is in the query, or in a form where that was asked for. No parameter is there
//!    twice.
//! 2. `state` is that of a login that was begun in this browser, not longer than ten minutes ago:
//!    its sealed cookie says so. Nobody can make a browser finish somebody else's login.
//! 3. With a store, the state has not come back before. Without one the provider alone sees to it
//!    that a code is used once (RFC 6749 section 4.1.2), and a browser may try codes with one state
//!    for ten minutes. If the provider cannot be reached, a state may come back once more. A state
//!    may come back to a browser with a session, by its back button or from a login that was given
//!    up. The browser is then sent to the page where logins end.
//! 4. `iss` is the issuer, and is there if the provider says that it always is (RFC 9207).
//! 5. An `error` ends the login. Its text is never passed on. A login with `prompt=none` must not
//!    ask the user. If the provider would have to, the browser continues without a session.
//! 6. The code is exchanged, with PKCE's verifier (RFC 7636 section 4.5).
//! 7. The [ID token](super::id_token) is verified, and the [user-info endpoint](super::user_info) is
//!    called.
//! 8. There is a new session, whatever the browser had before. Sessions of other schemes
//!    [end](super::displaced) in this browser.

use super::{
    LoggedIn, LoginError, cookies,
    error::Phase,
    form::{Body, Form},
    id_token::{self, Expected, Nonce},
    page,
    pending::{self, Pending},
    provider::Failure,
    seal,
    session::Session,
    sessions::{Carried, key},
    state::Inner,
    tokens::TokenSet,
    user_info,
};
use crate::{Rejection, RejectionKind, json::Document};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Response, request::Parts};
use std::{error::Error as _, sync::Arc, time::Duration};

/// For how long after a login a refusal does not begin another one, in seconds: a user whom the
/// application refuses would go round in circles.
const JUST_NOW: u64 = 10;

pub(super) async fn callback(
    inner: &Inner,
    head: &Parts,
    answer: &[u8],
    set: &mut Vec<HeaderValue>,
) -> Result<Response<Bytes>, Refused> {
    let query = Form::read(answer)?;
    let Some(state) = query.one("state")? else {
        // Some providers leave out `state` when they refuse. Nothing is changed then. Any site can
        // send a browser here, so this is no outage, whatever the error says.
        return match query.one("error")?.map(LoginError::of_authorization) {
            Some(error) if error.is_refusal() => Err(error.into()),
            Some(_) => Err(LoginError::State.into()),
            None => lead_on(inner, head, LoginError::State).await,
        };
    };
    let taken = Pending::take(inner, &head.headers, state);
    let (pending, end) = match taken {
        Ok(taken) => taken,
        Err(error) => return lead_on(inner, head, error).await,
    };
    let spent = key(inner, "state", state);
    if !spend(inner, &spent).await? {
        set.extend(end);
        return lead_on(inner, head, LoginError::Replayed).await;
    }
    let error = match finish(inner, head, &query, &pending, set).await {
        Ok(response) => {
            set.extend(end);
            return Ok(response);
        }
        Err(error) => error,
    };
    if error.kind() == RejectionKind::Unavailable && give_back(inner, &spent).await {
        // Reloading the page makes another attempt.
        return Err(Refused {
            rejection: error,
            return_to: Some(pending.return_to),
        });
    }
    set.extend(end);
    let source = error.source().and_then(|source| source.downcast_ref());
    if pending.silent && source.is_some_and(LoginError::takes_a_user) {
        set.extend(inner.jar.set(&inner.just_now, "1", JUST_NOW));
        return Ok(page::see_other(&pending.return_to)?);
    }
    Err(Refused {
        rejection: error,
        return_to: Some(pending.return_to),
    })
}

/// A login that has failed, and the address that its user wanted to reach.
pub(super) struct Refused {
    pub(super) rejection: Rejection,
    pub(super) return_to: Option<String>,
}

impl<E: Into<Rejection>> From<E> for Refused {
    fn from(error: E) -> Self {
        Self {
            rejection: error.into(),
            return_to: None,
        }
    }
}

/// The time for which a state stays spent: as long as its cookie might come back.
const SPENT: Duration = Duration::from_secs(pending::LIFETIME + 120);

/// Marks a state as spent. Returns whether it has not come back before.
async fn spend(inner: &Inner, state: &str) -> Result<bool, Rejection> {
    match &inner.store {
        Some(store) => store.add(state, b"1", SPENT).await,
        None => Ok(true),
    }
}

/// Allows a state to come back once more. Returns whether that succeeded.
async fn give_back(inner: &Inner, state: &str) -> bool {
    match &inner.store {
        Some(store) => store.take(state).await.is_ok(),
        None => true,
    }
}

/// Sends a browser with a session, or with a login a moment ago, to the page where logins end. That does not change anything,
/// whichever site caused the request.
async fn lead_on(
    inner: &Inner,
    head: &Parts,
    error: LoginError,
) -> Result<Response<Bytes>, Refused> {
    let has_session = match inner.carried(&head.headers) {
        // The application's own session is not known here.
        _ if inner.on_login.is_some() => cookies::one(&head.headers, &inner.just_now).is_some(),
        Some(carried) => inner.load(carried).await.is_ok(),
        None => false,
    };
    if has_session {
        return Ok(page::see_other(&inner.after_login(head))?);
    }
    Err(error.into())
}

async fn finish(
    inner: &Inner,
    head: &Parts,
    query: &Form<'_>,
    pending: &Pending,
    set: &mut Vec<HeaderValue>,
) -> Result<Response<Bytes>, Rejection> {
    let code = query.one("code")?;
    let error = query.one("error")?;
    let issuer = query.one("iss")?;
    let endpoints = inner.provider.endpoints().await?;
    match issuer {
        Some(issuer) if !inner.is_issuer(issuer) => return Err(LoginError::Issuer.into()),
        None if endpoints.names_itself => return Err(LoginError::Issuer.into()),
        _ => {}
    }
    let code = match (code, error) {
        (_, Some(error)) => {
            let error = LoginError::of_authorization(error);
            if let LoginError::Client(_) = &error {
                super::log::misconfigured(&inner.issuer, &error);
            }
            return Err(error.into());
        }
        (None, None) => return Err(LoginError::Request.into()),
        (Some(code), None) => code,
    };
    let tokens = exchange(inner, code, pending).await?;
    let session = session(inner, tokens, pending).await?;
    let identity = session.identity(&inner.issuer, &inner.claims)?;
    if issuer.is_some_and(|issuer| Some(issuer) != identity.issuer()) {
        return Err(LoginError::Issuer.into());
    }
    let user = match head.method == Method::POST {
        true => query.one("user")?.filter(|user| is_object(user)),
        false => None,
    };
    let logged_in = || LoggedIn {
        identity: identity.clone(),
        tokens: (*session.tokens).clone(),
        user: user.map(str::to_owned),
    };
    if let Some(hook) = &inner.on_login {
        let fields = hook(logged_in()).await?;
        let mut response = page::see_other(&pending.return_to)?;
        response.headers_mut().extend(fields);
        response.extensions_mut().insert(identity);
        set.extend(inner.jar.set(&inner.just_now, "1", JUST_NOW));
        return Ok(response);
    }
    let before = cookies::count(&head.headers, &inner.cookie);
    // Fails where it is too long, before anything is kept.
    let sealed = inner.seal_cookie(&session)?;
    let own = inner.set_session(&session, &sealed, before)?;
    let fields = match &inner.on_session {
        Some(hook) => hook(logged_in()).await?,
        None => HeaderMap::new(),
    };
    inner.keep(&session).await?;
    match inner.carried(&head.headers) {
        Some(Carried::Whole(Session { id, .. }) | Carried::Name(id)) => {
            inner.end_in_browser(&id).await?;
        }
        None => {
            if let Some(value) = inner.name_of_cookie(&head.headers, None) {
                inner.ended.insert(&value, ());
            }
        }
    }
    set.extend(own);
    // The form of another site comes without the cookies of sessions.
    let seen = (head.method == Method::GET).then_some(head);
    set.extend(inner.others.displace(seen).await);
    set.extend(inner.jar.set(&inner.just_now, "1", JUST_NOW));
    let mut response = page::see_other(&pending.return_to)?;
    response.headers_mut().extend(fields);
    // For the log; the layer takes it away.
    response.extensions_mut().insert(identity);
    Ok(response)
}

/// The longest text about a user that a form may bring, in bytes.
const MAX_USER: usize = 4096;

fn is_object(text: &str) -> bool {
    text.len() <= MAX_USER && Document::read(text.as_bytes()).is_ok()
}

impl Inner {
    /// Returns whether this may be the issuer of an ID token.
    fn is_issuer(&self, issuer: &str) -> bool {
        match &self.tenants {
            Some(tenants) => tenants.has(issuer),
            None => issuer == &*self.issuer,
        }
    }
}

/// RFC 6749 section 4.1.3.
async fn exchange(inner: &Inner, code: &str, pending: &Pending) -> Result<TokenSet, LoginError> {
    let mut form = Body::default();
    form.push("grant_type", "authorization_code");
    form.push("code", code);
    form.push("redirect_uri", inner.base.redirect_uri.as_str());
    form.push("code_verifier", &pending.verifier.0);
    for resource in pending.resources.split_ascii_whitespace() {
        form.push("resource", resource);
    }
    let answer = inner
        .provider
        .tokens(&inner.client, form, Phase::Code)
        .await;
    let answer = answer.map_err(|Failure { error, .. }| {
        if let LoginError::Client(_) = &error {
            super::log::misconfigured(&inner.issuer, &error);
        }
        error
    })?;
    TokenSet::read(&answer, inner.now())
}

async fn session(
    inner: &Inner,
    mut tokens: TokenSet,
    pending: &Pending,
) -> Result<Session, Rejection> {
    let user_info = match &inner.jwt {
        Some(jwt) => {
            let expected = Expected {
                client: &inner.client.id,
                tenants: inner.tenants.as_ref(),
                access_token: tokens.access_token(),
                nonce: Nonce::Is(&pending.nonce),
                max_age: pending.max_age,
                leeway: inner.leeway,
                now: inner.now(),
            };
            let missing = LoginError::IdToken("there is none");
            let token = tokens.id_token().ok_or(missing)?;
            let claims = id_token::verify(jwt, token, &expected).await?;
            user_info::beside_id_token(inner, &tokens, &claims).await?
        }
        None => {
            // Nobody has verified it.
            tokens.id = None;
            Some(user_info::instead_of_id_token(inner, &tokens).await?)
        }
    };
    let made = inner.now();
    let session = Session {
        id: seal::random_text()?,
        made,
        ends: made.saturating_add(inner.lifetime),
        issued: made,
        sub: String::new(),
        resources: pending.resources.clone(),
        tokens: Arc::new(tokens),
        user_info,
        sid: None,
        auth_time: None,
    };
    Ok(session.of_its_login(&inner.claims)?)
}
