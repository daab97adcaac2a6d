//! [`Provider`]: where its endpoints are, and how they are asked.
//!
//! 1. If both an authorization and a token endpoint are configured, and the URL of the metadata is
//!    not, nothing is discovered.
//!    Otherwise the issuer's metadata names the endpoints (OpenID Connect Discovery 1.0 section 4,
//!    RFC 8414 section 3), and configured endpoints replace discovered ones. The metadata must name
//!    exactly this issuer. That is half of the defence against mixed-up issuers.
//! 2. Metadata is read when it is [used](crate::fetch::on_demand), and used for an hour. While it cannot
//!    be read again, the known endpoints are used. If a document is not metadata or lacks an
//!    endpoint, reading has failed. The known endpoints are dropped only if the document names
//!    another issuer.
//! 3. Requests go through the guard of [`fetch`](crate::fetch): `https`, five seconds, one
//!    mebibyte. The response is a JSON object in which no name occurs twice.

use super::{
    LoginError,
    client::Client,
    error::{Phase, escaped},
    form::Body,
};
use crate::{
    clock::{self, Clock},
    fetch::{
        Guard,
        on_demand::{Answer, Document, Ended, Missing, NO_RUNTIME, OnDemand, Outcome},
    },
    json::{self, Value},
};
use bytes::Bytes;
use http::{
    HeaderValue, Method, Request, Response, StatusCode, Uri,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE},
};
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use url::Url;
use zeroize::Zeroizing;

/// After how long metadata is read again.
const LIFETIME: Duration = Duration::from_secs(3600);

/// The beginning of the error after which known endpoints are dropped.
const OTHER_ISSUER: &str = "it names another issuer";

pub(super) const NO_USER_INFO: &str = "there is no user-info endpoint";

/// The endpoints of a provider.
#[derive(Clone, Debug)]
pub(super) struct Endpoints {
    pub(super) authorization: Url,
    pub(super) token: Uri,
    pub(super) user_info: Option<Uri>,
    pub(super) revocation: Option<Uri>,
    pub(super) end_session: Option<Url>,
    /// Whether every authorization response has `iss` (RFC 9207 section 3).
    pub(super) names_itself: bool,
    /// Whether it answers by a form that the browser posts.
    pub(super) posts_forms: bool,
}

/// The configured endpoints.
#[derive(Clone, Debug, Default)]
pub(super) struct Fixed {
    pub(super) authorization: Option<Url>,
    pub(super) token: Option<Uri>,
    pub(super) user_info: Option<Uri>,
    pub(super) revocation: Option<Uri>,
    pub(super) end_session: Option<Url>,
    pub(super) names_itself: bool,
}

impl Fixed {
    /// Returns all endpoints, if nothing needs to be discovered.
    pub(super) fn endpoints(&self) -> Option<Endpoints> {
        Some(Endpoints {
            authorization: self.authorization.clone()?,
            token: self.token.clone()?,
            user_info: self.user_info.clone(),
            revocation: self.revocation.clone(),
            end_session: self.end_session.clone(),
            names_itself: self.names_itself,
            // Assumed, because the application configured the endpoints itself.
            posts_forms: true,
        })
    }
}

/// The reason for which the token endpoint has not issued tokens.
pub(super) struct Failure {
    pub(super) error: LoginError,
    /// The status, if it is a 4xx that does not change if the request is repeated.
    pub(super) status: Option<StatusCode>,
}

impl From<LoginError> for Failure {
    fn from(error: LoginError) -> Self {
        Self {
            error,
            status: None,
        }
    }
}

/// A response of the user-info endpoint.
pub(super) enum UserInfo {
    /// The endpoint does not accept the access token.
    Rejected,
    Plain(Vec<u8>),
    Signed(Vec<u8>),
}

pub(super) struct Provider {
    guard: Guard,
    /// The endpoints, if nothing is discovered.
    fixed: Option<Arc<Endpoints>>,
    metadata: Arc<OnDemand<Metadata>>,
    clock: Arc<dyn Clock>,
}

/// The issuer's metadata.
struct Metadata {
    issuer: Arc<str>,
    fixed: Fixed,
    urls: Vec<Uri>,
    guard: Guard,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    endpoints: Option<Arc<Endpoints>>,
    failed: Option<LoginError>,
}

impl Provider {
    /// Creates a provider whose metadata, at one of these URLs, must name this issuer. Without a
    /// URL, all endpoints are configured.
    pub(super) fn new(
        issuer: Arc<str>,
        fixed: Fixed,
        urls: Vec<Uri>,
        guard: Guard,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let all = fixed.endpoints().filter(|_| urls.is_empty());
        let all = all.map(Arc::new);
        let metadata = Metadata {
            urls,
            issuer,
            fixed,
            guard: guard.clone(),
            known: Mutex::default(),
        };
        // The cooldown applies only if a document lacks an entry.
        let metadata = OnDemand::new(metadata, Duration::from_secs(1), Arc::clone(&clock));
        Self {
            guard,
            fixed: all,
            metadata: Arc::new(metadata),
            clock,
        }
    }

    /// The URLs that are asked without asking anybody where they are.
    pub(super) fn urls(&self) -> &[Uri] {
        &self.metadata.document.urls
    }

    /// Returns the endpoints. If any are known, this method does not wait. The exception is
    /// metadata that has not been used for an hour after it was due.
    pub(super) async fn endpoints(&self) -> Result<Arc<Endpoints>, LoginError> {
        if let Some(fixed) = &self.fixed {
            return Ok(Arc::clone(fixed));
        }
        let (metadata, now) = (&self.metadata, clock::now(&*self.clock));
        let at_hand = || metadata.document.known().endpoints.clone();
        if metadata.may_be_used(now)
            && let Some(endpoints) = at_hand()
        {
            return Ok(endpoints);
        }
        if metadata.ask(Missing::Document) == Answer::Wait
            && Arc::clone(metadata)
                .obtain(Missing::Document)
                .await
                .is_err()
        {
            let late = || LoginError::provider("the metadata is not here yet");
            return at_hand().ok_or_else(late);
        }
        let known = metadata.document.known();
        match (&known.endpoints, &known.failed) {
            (Some(endpoints), _) => Ok(Arc::clone(endpoints)),
            (None, Some(error)) => Err(error.clone()),
            (None, None) => Err(LoginError::provider("the metadata is not here yet")),
        }
    }

    /// Sends a form, as this client.
    async fn post(
        &self,
        endpoint: &Uri,
        client: &Client,
        mut form: Body,
    ) -> Result<Response<Bytes>, LoginError> {
        client.fill(&mut form)?;
        let mut request = Request::new(Bytes::copy_from_slice(form.as_bytes()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = endpoint.clone();
        let fields = request.headers_mut();
        let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
        fields.insert(CONTENT_TYPE, kind);
        fields.insert(ACCEPT, HeaderValue::from_static("application/json"));
        client.sign(&mut request);
        self.guard.send(request).await.map_err(LoginError::provider)
    }

    /// Asks for tokens (RFC 6749 sections 4.1.3 and 6); gives the answer's body.
    ///
    /// The response is an answer if it is a 2xx with an access token. A JSON object with a string
    /// `error` is a rejection at any status, because some providers answer errors with 200. Any
    /// other response is a failure.
    pub(super) async fn tokens(
        &self,
        client: &Client,
        form: Body,
        phase: Phase,
    ) -> Result<Zeroizing<Vec<u8>>, Failure> {
        let endpoints = self.endpoints().await?;
        let answer = self.post(&endpoints.token, client, form).await?;
        let status = answer.status();
        let body = Zeroizing::new(Vec::from(answer.into_body()));
        let read = json::Document::read(&body).ok();
        let member = |name| read.as_ref()?.named(name);
        let code = member("error").and_then(Value::as_str);
        let passes = status.is_server_error()
            || matches!(
                status,
                StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS
            );
        let error = match code.filter(|code| !code.is_empty()) {
            Some(code) if !passes || code == "invalid_grant" => LoginError::of_token(code, phase),
            None if status.is_success() && member("access_token").is_some() => {
                return Ok(body);
            }
            _ => LoginError::provider(format!(
                "the token endpoint answered {} and neither tokens nor an error",
                status.as_u16()
            )),
        };
        let status = (status.is_client_error() && !passes).then_some(status);
        Err(Failure { error, status })
    }

    /// Requests the claims about the user of an access token (OpenID Connect Core section 5.3).
    pub(super) async fn user_info(&self, access_token: &str) -> Result<UserInfo, LoginError> {
        let endpoints = self.endpoints().await?;
        let missing = LoginError::Metadata(NO_USER_INFO.into());
        let endpoint = endpoints.user_info.as_ref().ok_or(missing)?;
        let value = Zeroizing::new(format!("Bearer {access_token}"));
        let request = Request::get(endpoint.clone()).header(AUTHORIZATION, value.as_str());
        let answer = send(&self.guard, request).await?;
        let late = || {
            LoginError::provider(format!(
                "the user-info endpoint answered {}",
                answer.status().as_u16()
            ))
        };
        match answer.status() {
            StatusCode::OK if is_jwt(&answer) => Ok(UserInfo::Signed(answer.into_body().into())),
            StatusCode::OK => Ok(UserInfo::Plain(answer.into_body().into())),
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => Err(late()),
            status if status.is_client_error() => Ok(UserInfo::Rejected),
            _ => Err(late()),
        }
    }

    /// Revokes a token, where that is supported (RFC 7009).
    pub(super) async fn revoke(
        &self,
        client: &Client,
        token: &str,
        kind: &str,
    ) -> Result<(), LoginError> {
        let endpoints = self.endpoints().await?;
        let Some(endpoint) = &endpoints.revocation else {
            return Ok(());
        };
        let mut form = Body::default();
        form.push("token", token);
        form.push("token_type_hint", kind);
        let answer = self.post(endpoint, client, form).await?;
        match answer.status() {
            StatusCode::OK => Ok(()),
            _ => Err(LoginError::provider(
                "the revocation endpoint's answer is none",
            )),
        }
    }
}

impl Metadata {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn discover(&self) -> Result<Endpoints, LoginError> {
        let mut first = None;
        for url in &self.urls {
            let answer = send(&self.guard, Request::get(url.clone())).await?;
            if answer.status() == StatusCode::OK {
                return self.read(answer.body());
            }
            first.get_or_insert(LoginError::provider(
                "the metadata has another status than 200",
            ));
        }
        Err(first.unwrap_or(LoginError::Metadata(
            "there is nowhere to look for it".into(),
        )))
    }

    fn read(&self, body: &[u8]) -> Result<Endpoints, LoginError> {
        let junk = || LoginError::Metadata("it is no JSON object of distinct names".into());
        let metadata = json::Document::read(body).map_err(|_| junk())?;
        let issuer = metadata.named("issuer").and_then(Value::as_str);
        let issuer = issuer.ok_or_else(|| LoginError::Metadata("it names no issuer".into()))?;
        if *issuer != *self.issuer {
            let why = format!(
                "{OTHER_ISSUER}: \"{}\" instead of {:?}",
                escaped(issuer),
                self.issuer
            );
            return Err(LoginError::Metadata(why.into()));
        }
        let text = |name| metadata.named(name).and_then(Value::as_str);
        let uri = |name| {
            let uri: Option<Uri> = text(name).and_then(|uri| uri.parse().ok());
            uri.filter(|uri| self.guard.check(uri).is_ok())
        };
        // A browser is sent to this URL, so the URL must pass the same check as a request.
        let url = |name| {
            uri(name)?;
            Url::parse(text(name)?).ok()
        };
        let fixed = self.fixed.clone();
        let lacks = |name| {
            let why = format!("it lacks {name}, or names one that is not https");
            LoginError::Metadata(why.into())
        };
        let names_itself = "authorization_response_iss_parameter_supported";
        Ok(Endpoints {
            authorization: fixed
                .authorization
                .or_else(|| url("authorization_endpoint"))
                .ok_or_else(|| lacks("authorization_endpoint"))?,
            token: fixed
                .token
                .or_else(|| uri("token_endpoint"))
                .ok_or_else(|| lacks("token_endpoint"))?,
            user_info: fixed.user_info.or_else(|| uri("userinfo_endpoint")),
            revocation: fixed.revocation.or_else(|| uri("revocation_endpoint")),
            end_session: fixed.end_session.or_else(|| url("end_session_endpoint")),
            names_itself: fixed.names_itself
                || metadata.named(names_itself).and_then(Value::as_bool) == Some(true),
            // If the member is missing, the modes are query and fragment (RFC 8414 section 2).
            posts_forms: metadata
                .named("response_modes_supported")
                .and_then(Value::elements)
                .is_some_and(|modes| modes.iter().any(|mode| mode.is_str("form_post"))),
        })
    }
}

impl Document for Metadata {
    type Fetched = Result<Endpoints, LoginError>;

    fn fetch(&self) -> impl Future<Output = Self::Fetched> + Send {
        self.discover()
    }

    fn finish(&self, ended: Ended<Self::Fetched>) -> (Outcome, Box<dyn FnOnce() + '_>) {
        let error = match ended {
            Ended::Fetched(Ok(endpoints)) => {
                *self.known() = Known {
                    endpoints: Some(Arc::new(endpoints)),
                    failed: None,
                };
                return (Outcome::Fetched(LIFETIME), Box::new(|| {}));
            }
            Ended::Fetched(Err(error)) => error,
            Ended::TimedOut => LoginError::provider("the metadata has not come in time"),
            Ended::Panicked => LoginError::provider("the HTTP client has panicked"),
            Ended::Abandoned => LoginError::provider("the runtime has ended before the fetch"),
            Ended::NoRuntime => LoginError::provider(NO_RUNTIME),
        };
        let mut known = self.known();
        if let LoginError::Metadata(why) = &error
            && why.starts_with(OTHER_ISSUER)
        {
            known.endpoints = None;
        }
        let is_known = known.endpoints.is_some();
        known.failed = Some(error.clone());
        drop(known);
        let report = move || {
            if is_known {
                super::log::not_read_again(&self.issuer, &error);
            }
        };
        (
            Outcome::Failed("the metadata cannot be read"),
            Box::new(report),
        )
    }
}

/// Returns whether a response is a JWT (OpenID Connect Core section 5.3.2).
fn is_jwt(answer: &Response<Bytes>) -> bool {
    let kind = answer.headers().get(CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("application/jwt")
}

/// Requests JSON by `GET`.
async fn send(
    guard: &Guard,
    request: http::request::Builder,
) -> Result<Response<Bytes>, LoginError> {
    let json = HeaderValue::from_static("application/json");
    let request = request.header(ACCEPT, json).body(Bytes::new());
    let request = request.map_err(LoginError::provider)?;
    guard.send(request).await.map_err(LoginError::provider)
}
