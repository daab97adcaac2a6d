//! The handlers.

use crate::{
    app::{App, ISSUER},
    body::{Body, Problem, Refused},
    sign_in,
};
use axum::{
    Json,
    extract::{Path, Request, State, rejection::PathRejection},
    http::{HeaderValue, StatusCode, header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tower_auth::{
    Identity, Rejection,
    account::RegisterError,
    api_key::KeyOptions,
    issue::{IssuedTokens, TokenSubject},
    store::{Account, ApiKeyRecord},
};

// Accounts and sessions.

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    name: String,
    password: String,
}

pub async fn register(
    State(app): State<App>,
    Body(new): Body<Credentials>,
) -> Result<Response, RegisterError> {
    let account = app.accounts.register(&new.name, &new.password).await?;
    let account = json!({ "subject": account.subject, "name": account.name });
    Ok((StatusCode::CREATED, Json(account)).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Login {
    name: String,
    password: String,
    /// For browsers: the tokens in cookies that no script can read, and not in the body.
    #[serde(default)]
    cookies: bool,
}

pub async fn log_in(
    State(app): State<App>,
    head: Parts,
    Body(login): Body<Login>,
) -> Result<Response, Rejection> {
    let identity = app.accounts.log_in(&login.name, &login.password).await?;
    let issued = app.tokens.start_session(grant(&identity)?).await?;
    if !login.cookies {
        return Ok(issued.into_response());
    }
    let response = app.with_cookies(&issued)?;
    // End the session whose cookies are replaced. Two cookies of one name do not prevent the
    // sign-in.
    if let Ok(Some(earlier)) = app.cookies.refresh_token(&head) {
        app.tokens.log_out_by_refresh_token(&earlier).await?;
    }
    Ok(response)
}

/// What tokens say of somebody, at login and at every refresh.
pub fn grant(identity: &Identity) -> Result<TokenSubject, Rejection> {
    let name = identity.data::<Account>().map(|account| &account.name);
    let grant = TokenSubject::from(identity).with_scope("data:read");
    grant
        .with_claim("name", name)
        .map_err(Rejection::unavailable)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RefreshToken {
    refresh_token: String,
}

/// A refresh token in the body is answered in the body, one in a cookie by cookies.
pub async fn refresh(
    State(app): State<App>,
    head: Parts,
    body: Option<Body<RefreshToken>>,
) -> Result<Response, Rejection> {
    if let Some(Body(sent)) = body {
        let issued = app.tokens.refresh(&sent.refresh_token).await?;
        return Ok(issued.into_response());
    }
    let token = app.cookies.refresh_token(&head)?;
    let token = token.ok_or_else(Rejection::missing)?;
    let issued = app.tokens.refresh(&token).await?;
    app.with_cookies(&issued)
}

/// Ends the session. It is 503, and the cookies stay, unless that is certain.
pub async fn log_out(
    State(app): State<App>,
    identity: Option<Identity>,
    head: Parts,
    body: Option<Body<RefreshToken>>,
) -> Result<Response, Rejection> {
    let in_cookie = app.cookies.refresh_token(&head)?;
    if let Some(identity) = &identity {
        app.tokens.end_session(identity).await?;
    }
    let in_body = body.map(|Body(sent)| sent.refresh_token);
    for token in in_body
        .as_deref()
        .into_iter()
        .chain(in_cookie.as_ref().map(|token| token.as_str()))
    {
        app.tokens.log_out_by_refresh_token(token).await?;
    }
    if identity.is_none() && in_body.is_none() && in_cookie.is_none() {
        return Err(Rejection::missing());
    }
    let mut response = StatusCode::NO_CONTENT.into_response();
    app.cookies.clear(response.headers_mut());
    Ok(response)
}

impl App {
    /// The tokens in cookies. The body has what a page may know.
    fn with_cookies(&self, issued: &IssuedTokens) -> Result<Response, Rejection> {
        let csrf = self.tokens.csrf().token(issued);
        let expires_in = issued.access_token().expires_in().as_secs();
        let body = json!({ "csrf_token": csrf, "expires_in": expires_in });
        let mut response = Json(body).into_response();
        self.cookies.set(issued, response.headers_mut())?;
        Ok(response)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Roles {
    roles: Vec<String>,
}

pub async fn set_roles(
    State(app): State<App>,
    name: Result<Path<String>, PathRejection>,
    Body(Roles { roles }): Body<Roles>,
) -> Result<Json<Value>, Refused> {
    let is_plain = |role: &String| {
        (1..=64).contains(&role.len()) && role.bytes().all(|byte| byte.is_ascii_graphic())
    };
    if roles.len() > 16 || !roles.iter().all(is_plain) {
        let detail = "roles are 16 words of 64 letters at most";
        return Err(Problem(StatusCode::UNPROCESSABLE_ENTITY, detail).into());
    }
    let none = Problem(StatusCode::NOT_FOUND, "there is no such account");
    let Ok(Path(name)) = name else {
        return Err(none.into());
    };
    let Some(account) = app.accounts.named(&name).await? else {
        return Err(none.into());
    };
    match app.accounts.set_roles(&account.subject, &roles).await? {
        true => Ok(Json(json!({ "name": account.name, "roles": roles }))),
        false => Err(none.into()),
    }
}

// What credentials open.

pub async fn whoami(identity: Identity) -> Json<Value> {
    Json(json!({
        "scheme": identity.scheme(),
        "issuer": identity.issuer(),
        "subject": identity.subject(),
        "name": name_of(&identity),
        "roles": identity.roles().collect::<Vec<_>>(),
        "scopes": identity.scopes().collect::<Vec<_>>(),
        "expires_at": identity.expires_at().map(seconds),
        "claims": identity.claims::<Value>(),
    }))
}

/// What to call somebody: the name of the account, of the token, or of the key.
fn name_of(identity: &Identity) -> Option<String> {
    let account = identity.data::<Account>().map(|account| &account.name);
    let key = identity.data::<ApiKeyRecord>().map(|key| &key.label);
    account.or(key).cloned().or_else(|| identity.claim("name"))
}

pub async fn protected(identity: Identity) -> Json<Value> {
    Json(json!({ "hello": name_of(&identity) }))
}

pub async fn data() -> Json<Value> {
    Json(json!({ "data": [3, 1, 4, 1, 5] }))
}

pub async fn admin(identity: Identity) -> Json<Value> {
    Json(json!({ "administrator": name_of(&identity) }))
}

// API keys.

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GeneratedKey {
    #[serde(default)]
    label: String,
    /// Whether the key has the scope `data:read`.
    #[serde(default)]
    data: bool,
    /// For how many days it is good; for ever by default.
    days: Option<u16>,
}

pub async fn create_key(
    State(app): State<App>,
    identity: Identity,
    Body(new): Body<GeneratedKey>,
) -> Result<Response, Refused> {
    if new.label.len() > 64 || new.label.chars().any(char::is_control) {
        let detail = "a label is a line of 64 bytes at most";
        return Err(Problem(StatusCode::UNPROCESSABLE_ENTITY, detail).into());
    }
    let mut request = KeyOptions::new(ISSUER, identity.subject()).with_label(new.label);
    if new.data {
        request = request.with_scope("data:read");
    }
    let wanted = new
        .days
        .map(|days| Duration::from_secs(u64::from(days) * 24 * 3600));
    // A user from elsewhere has no account here whose removal would end the key.
    let longest = sign_in::is_from_elsewhere(identity.subject()).then_some(sign_in::LONGEST);
    if let Some(lifetime) = wanted.into_iter().chain(longest).min() {
        request = request.with_expiry(SystemTime::now() + lifetime);
    }
    let key = app.keys.create("demo", request).await;
    let key = key.map_err(Rejection::from)?;
    // This is the one time that it is shown.
    let body = json!({ "id": key.id(), "key": key.expose() });
    let no_store = [(header::CACHE_CONTROL, "no-store")];
    Ok((StatusCode::CREATED, no_store, Json(body)).into_response())
}

pub async fn list_keys(
    State(app): State<App>,
    identity: Identity,
) -> Result<Json<Value>, Rejection> {
    let keys = app.keys.list(ISSUER, identity.subject()).await?;
    let keys = keys.into_iter().map(|key| {
        json!({
            "id": key.id,
            "label": key.label,
            "scopes": key.scopes,
            "created_at": seconds(key.created_at),
            "expires_at": key.expires_at.map(seconds),
            "revoked_at": key.revoked_at.map(seconds),
            "last_used_at": key.last_used_at.map(seconds),
        })
    });
    Ok(Json(json!({ "keys": keys.collect::<Vec<_>>() })))
}

pub async fn revoke_key(
    State(app): State<App>,
    identity: Identity,
    id: Result<Path<String>, PathRejection>,
) -> Result<StatusCode, Refused> {
    let none = Problem(StatusCode::NOT_FOUND, "there is no such key");
    // Not every text is one that a database can look for.
    let is_id = |id: &String| id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let Some(id) = id.ok().map(|Path(id)| id).filter(is_id) else {
        return Err(none.into());
    };
    match app.keys.revoke(ISSUER, identity.subject(), &id).await? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(none.into()),
    }
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs()
}

// The page, and what every response has.

pub async fn page() -> Response {
    file("text/html; charset=utf-8", include_str!("page.html"))
}

pub async fn style() -> Response {
    file("text/css; charset=utf-8", include_str!("page.css"))
}

pub async fn script() -> Response {
    file("text/javascript; charset=utf-8", include_str!("page.js"))
}

pub async fn icon() -> Response {
    file("image/svg+xml", include_str!("icon.svg"))
}

/// What the page has to know: whom to sign in with, if anybody.
pub async fn config(State(app): State<App>) -> Json<Value> {
    let host = app.sign_in.as_ref().map(|sign_in| &*sign_in.host);
    Json(json!({ "sign_in": host }))
}

fn file(kind: &'static str, text: &'static str) -> Response {
    // Nothing of it is private; a browser asks all the same before it shows it again.
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    (headers, text).into_response()
}

pub async fn no_such_path() -> Problem {
    Problem(StatusCode::NOT_FOUND, "there is nothing here")
}

pub async fn no_such_method() -> Problem {
    Problem(
        StatusCode::METHOD_NOT_ALLOWED,
        "this path has no such method",
    )
}

/// Scripts and styles from here only, and no other site around the page.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    connect-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; \
    frame-ancestors 'none'";

pub async fn guarded(request: Request, next: Next) -> Response {
    // What a script asks for. A navigation, or a program, has another mode, or none.
    let mode = request.headers().get("sec-fetch-mode");
    let is_script = mode.is_some_and(|mode| mode != "navigate");
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    if is_script {
        // A browser that is offered Basic opens a box of its own in front of the page.
        let offered = headers.get_all(header::WWW_AUTHENTICATE).iter();
        let others = offered.filter(|challenge| !challenge.as_bytes().starts_with(b"Basic "));
        let others: Vec<_> = others.cloned().collect();
        headers.remove(header::WWW_AUTHENTICATE);
        for challenge in others {
            headers.append(header::WWW_AUTHENTICATE, challenge);
        }
    }
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
