//! [`Provider`]: where its endpoints are, and how they are asked.
//!
//! 1. If both an authorization and a token endpoint are configured, nothing is discovered.
//!    Otherwise the issuer's metadata names the endpoints (OpenID Connect Discovery 1.0 section 4,
//!    RFC 8414 section 3), and those that are configured are laid over it. The metadata has to name
//!    this very issuer: that is half of the defence against mixed-up issuers.
//! 2. Metadata is read when it is first needed, and again after an hour, in the background. While
//!    it cannot be read again, the endpoints that are known are used; a document that is no
//!    metadata, or lacks an endpoint, cannot be read. Only if it names another issuer are the known
//!    endpoints dropped.
//! 3. There is one fetch at a time, a task of its own. After a failure the next waits a second, or
//!    a minute if endpoints are known. A request waits for at most fifteen seconds.
//! 4. Requests go through the guard of [`fetch`](crate::fetch): `https`, five seconds, one
//!    mebibyte. The response is a JSON object in which no name occurs twice.

use super::{
    Client, LoginError,
    error::{Phase, escaped},
    form::Body,
};
use crate::{fetch::Guard, json::Value, jwks::metadata_urls};
use bytes::Bytes;
use http::{
    HeaderValue, Method, Request, Response, StatusCode, Uri,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE},
};
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    runtime::Handle,
    sync::watch,
    time::{Instant, timeout},
};
use url::Url;
use zeroize::Zeroizing;

/// After how long metadata is read again.
const LIFETIME: Duration = Duration::from_secs(3600);

/// After how long it is tried again.
const PAUSE: Duration = Duration::from_secs(1);

/// The same while there is metadata that counts meanwhile.
const LONG_PAUSE: Duration = Duration::from_secs(60);

/// How long a request waits for metadata.
const WAITING: Duration = Duration::from_secs(15);

/// How the error begins that drops known endpoints.
const OTHER_ISSUER: &str = "it names another issuer";

/// Where the provider is asked what.
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

/// Endpoints that are configured.
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
    /// All that there is, if nothing needs to be discovered.
    pub(super) fn endpoints(&self) -> Option<Endpoints> {
        Some(Endpoints {
            authorization: self.authorization.clone()?,
            token: self.token.clone()?,
            user_info: self.user_info.clone(),
            revocation: self.revocation.clone(),
            end_session: self.end_session.clone(),
            names_itself: self.names_itself,
            // Whoever writes endpoints by hand knows.
            posts_forms: true,
        })
    }
}

/// Why the token endpoint has issued nothing.
pub(super) struct Failure {
    pub(super) error: LoginError,
    /// The status, if it is a 4xx that repeating the request will not change.
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

pub(super) struct Provider {
    issuer: Arc<str>,
    fixed: Fixed,
    /// Where metadata may be. Empty if nothing is discovered.
    urls: Vec<Uri>,
    guard: Guard,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    endpoints: Option<Arc<Endpoints>>,
    read: Option<Instant>,
    failed: Option<(LoginError, Instant)>,
    /// Ends with the fetch under way.
    under_way: Option<watch::Receiver<()>>,
}

impl Known {
    fn needs_fetch(&self) -> bool {
        let is_fresh = self.read.is_some_and(|read| read.elapsed() < LIFETIME);
        let pause = match self.endpoints {
            Some(_) => LONG_PAUSE,
            None => PAUSE,
        };
        let is_paused = self
            .failed
            .as_ref()
            .is_some_and(|(_, at)| at.elapsed() < pause);
        !is_fresh && !is_paused
    }
}

impl Provider {
    pub(super) fn new(issuer: Arc<str>, fixed: Fixed, guard: Guard) -> Self {
        let endpoints = fixed.endpoints();
        Self {
            urls: match endpoints {
                Some(_) => Vec::new(),
                None => metadata_urls(&issuer).unwrap_or_default(),
            },
            issuer,
            fixed,
            guard,
            known: Mutex::new(Known {
                endpoints: endpoints.map(Arc::new),
                ..Known::default()
            }),
        }
    }

    /// The URLs that are asked without asking anybody where they are.
    pub(super) fn urls(&self) -> &[Uri] {
        &self.urls
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The endpoints, at once if any are known.
    pub(super) async fn endpoints(self: &Arc<Self>) -> Result<Arc<Endpoints>, LoginError> {
        let fetch = {
            let mut known = self.known();
            if !self.urls.is_empty() && known.needs_fetch() {
                self.fetch(&mut known);
            }
            match (&known.endpoints, &known.under_way, &known.failed) {
                (Some(endpoints), _, _) => return Ok(Arc::clone(endpoints)),
                (None, Some(fetch), _) => Some(fetch.clone()),
                (None, None, Some((error, _))) => return Err(error.clone()),
                (None, None, None) => None,
            }
        };
        let Some(mut fetch) = fetch else {
            return Err(LoginError::provider("fetching needs a Tokio runtime"));
        };
        // An error is its end.
        let ended = timeout(WAITING, fetch.changed()).await;
        let known = self.known();
        match (&known.endpoints, &known.failed) {
            (Some(endpoints), _) => Ok(Arc::clone(endpoints)),
            (None, Some((error, _))) if ended.is_ok() => Err(error.clone()),
            _ => Err(LoginError::provider("the metadata is not here yet")),
        }
    }

    /// Begins to read the metadata, unless that is under way.
    fn fetch(self: &Arc<Self>, known: &mut Known) {
        let is_under_way = known
            .under_way
            .as_ref()
            .is_some_and(|fetch| fetch.has_changed().is_ok());
        if is_under_way || Handle::try_current().is_err() {
            return;
        }
        let (sender, fetch) = watch::channel(());
        known.under_way = Some(fetch);
        let provider = Arc::clone(self);
        tokio::spawn(async move {
            let result = provider.discover().await;
            let mut known = provider.known();
            known.under_way = None;
            match result {
                Ok(endpoints) => {
                    known.endpoints = Some(Arc::new(endpoints));
                    known.read = Some(Instant::now());
                    known.failed = None;
                }
                Err(error) => {
                    match &error {
                        LoginError::Metadata(why) if why.starts_with(OTHER_ISSUER) => {
                            known.endpoints = None;
                        }
                        _ if known.endpoints.is_some() => {
                            super::log::not_read_again(&provider.issuer, &error);
                        }
                        _ => {}
                    }
                    known.failed = Some((error, Instant::now()));
                }
            }
            drop(known);
            drop(sender);
        });
    }

    async fn discover(&self) -> Result<Endpoints, LoginError> {
        let mut first = None;
        for url in &self.urls {
            let answer = self.send(Request::get(url.clone()), Bytes::new()).await?;
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
        let metadata = object(body).ok_or_else(junk)?;
        let issuer = metadata.named("issuer").and_then(Value::as_str);
        let issuer = issuer.ok_or_else(|| LoginError::Metadata("it names no issuer".into()))?;
        if issuer != *self.issuer {
            let why = format!(
                "{OTHER_ISSUER}: \"{}\" instead of {:?}",
                escaped(&issuer),
                self.issuer
            );
            return Err(LoginError::Metadata(why.into()));
        }
        let text = |name| Some(metadata.named(name)?.as_str()?.into_owned());
        let uri = |name| {
            let uri: Option<Uri> = text(name).and_then(|uri| uri.parse().ok());
            uri.filter(|uri| self.guard.check(uri).is_ok())
        };
        // A browser is sent there: what may be asked may be shown.
        let url = |name| {
            uri(name)?;
            Url::parse(&text(name)?).ok()
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
                || metadata.named(names_itself).is_some_and(Value::is_true),
            // Without the member: query and fragment (RFC 8414 section 2).
            posts_forms: metadata
                .named("response_modes_supported")
                .and_then(Value::elements)
                .is_some_and(|mut modes| modes.any(|mode| mode.is_str("form_post"))),
        })
    }

    async fn send(
        &self,
        request: http::request::Builder,
        body: Bytes,
    ) -> Result<Response<Bytes>, LoginError> {
        let json = HeaderValue::from_static("application/json");
        let request = request.header(ACCEPT, json).body(body);
        let request = request.map_err(LoginError::provider)?;
        self.guard.send(request).await.map_err(LoginError::provider)
    }

    /// Sends a form, as this client.
    async fn post(
        &self,
        endpoint: &Uri,
        client: &Client,
        mut form: Body,
    ) -> Result<Response<Bytes>, LoginError> {
        client.fill(&mut form);
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
    /// Any 2xx with an access token is an answer. A JSON object with a string `error` is a refusal
    /// at any status, since some providers answer errors with 200. All else is a failure.
    pub(super) async fn tokens(
        self: &Arc<Self>,
        client: &Client,
        form: Body,
        phase: Phase,
    ) -> Result<Zeroizing<Vec<u8>>, Failure> {
        let endpoints = self.endpoints().await?;
        let answer = self.post(&endpoints.token, client, form).await?;
        let status = answer.status();
        let body = Zeroizing::new(Vec::from(answer.into_body()));
        let read = object(&body);
        let code = read.and_then(|answer| Some(answer.named("error")?.as_str()?.into_owned()));
        let passes = status.is_server_error()
            || matches!(
                status,
                StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS
            );
        let error = match code.as_deref().filter(|code| !code.is_empty()) {
            Some(code) if !passes || code == "invalid_grant" => LoginError::of_token(code, phase),
            None if status.is_success()
                && read.is_some_and(|answer| answer.named("access_token").is_some()) =>
            {
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

    /// Who an access token is of (OpenID Connect Core section 5.3); gives the claims.
    pub(super) async fn user_info(
        self: &Arc<Self>,
        access_token: &str,
    ) -> Result<Vec<u8>, LoginError> {
        let endpoints = self.endpoints().await?;
        let missing = LoginError::Metadata("there is no user-info endpoint".into());
        let endpoint = endpoints.user_info.as_ref().ok_or(missing)?;
        let value = Zeroizing::new(format!("Bearer {access_token}"));
        let request = Request::get(endpoint.clone()).header(AUTHORIZATION, value.as_str());
        let answer = self.send(request, Bytes::new()).await?;
        match answer.status() {
            StatusCode::OK => Ok(answer.into_body().into()),
            status if status.is_client_error() => Err(LoginError::UserInfo),
            _ => Err(LoginError::provider(
                "the user-info endpoint's answer is none",
            )),
        }
    }

    /// Revokes a token, where that is supported (RFC 7009).
    pub(super) async fn revoke(
        self: &Arc<Self>,
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

/// A text that is one JSON object.
pub(super) fn object(text: &[u8]) -> Option<Value<'_>> {
    Value::object(std::str::from_utf8(text).ok()?).ok()
}
