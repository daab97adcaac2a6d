//! [`Provider`]: where its endpoints are, and how they are asked.
//!
//! 1. Endpoints that are configured are used as they are. Otherwise the issuer's metadata says
//!    (OpenID Connect Discovery 1.0 section 4, RFC 8414 section 3), which has to name this very
//!    issuer: that is half of the defence against mixed-up issuers.
//! 2. Metadata is read when it is first needed, and again after an hour; while it cannot be read
//!    again, what was read counts. One fetch at a time; after a failure the next waits a
//!    second, or a minute where it does not matter.
//! 3. Requests go through the guard of [`fetch`](crate::fetch): `https`, five seconds, one
//!    mebibyte. What comes back is a JSON object in which no name occurs twice.

use super::{Client, LoginError, error::known, form::Body};
use crate::{fetch::Guard, json::Value, jwks::metadata_urls};
use bytes::Bytes;
use http::{
    HeaderValue, Method, Request, Response, StatusCode, Uri,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE},
};
use std::{sync::Arc, time::Duration};
use tokio::{sync::Mutex, time::Instant};
use url::Url;
use zeroize::Zeroizing;

/// After how long metadata is read again.
const LIFETIME: Duration = Duration::from_secs(3600);

/// After how long it is tried again.
const PAUSE: Duration = Duration::from_secs(1);

/// The same while there is metadata that counts meanwhile.
const LONG_PAUSE: Duration = Duration::from_secs(60);

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

pub(super) struct Provider {
    issuer: Arc<str>,
    /// Configured endpoints: nothing is discovered.
    fixed: Option<Arc<Endpoints>>,
    urls: Vec<Uri>,
    guard: Guard,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    endpoints: Option<(Arc<Endpoints>, Instant)>,
    failed: Option<(LoginError, Instant)>,
}

impl Provider {
    pub(super) fn new(issuer: Arc<str>, fixed: Option<Endpoints>, guard: Guard) -> Self {
        Self {
            urls: match fixed {
                Some(_) => Vec::new(),
                None => metadata_urls(&issuer).unwrap_or_default(),
            },
            issuer,
            fixed: fixed.map(Arc::new),
            guard,
            known: Mutex::default(),
        }
    }

    /// The URLs that are asked without asking anybody where they are.
    pub(super) fn urls(&self) -> &[Uri] {
        &self.urls
    }

    pub(super) async fn endpoints(&self) -> Result<Arc<Endpoints>, LoginError> {
        if let Some(fixed) = &self.fixed {
            return Ok(Arc::clone(fixed));
        }
        let mut known = self.known.lock().await;
        let old = known.endpoints.as_ref();
        if let Some((endpoints, since)) = old
            && since.elapsed() < LIFETIME
        {
            return Ok(Arc::clone(endpoints));
        }
        let old = old.map(|(endpoints, _)| Arc::clone(endpoints));
        let pause = if old.is_some() { LONG_PAUSE } else { PAUSE };
        if let Some((error, at)) = &known.failed
            && at.elapsed() < pause
        {
            return old.ok_or_else(|| error.clone());
        }
        match self.discover().await {
            Ok(endpoints) => {
                let endpoints = Arc::new(endpoints);
                known.endpoints = Some((Arc::clone(&endpoints), Instant::now()));
                known.failed = None;
                Ok(endpoints)
            }
            Err(error) => {
                known.failed = Some((error.clone(), Instant::now()));
                match (old, &error) {
                    // Metadata of somebody else is worse than none.
                    (Some(old), LoginError::Provider(_)) => Ok(old),
                    _ => Err(error),
                }
            }
        }
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
        Err(first.unwrap_or(LoginError::Metadata("there is nowhere to look for it")))
    }

    fn read(&self, body: &[u8]) -> Result<Endpoints, LoginError> {
        let junk = LoginError::Metadata("it is no JSON object of distinct names");
        let metadata = object(body).ok_or(junk)?;
        if !metadata
            .named("issuer")
            .is_some_and(|issuer| issuer.is_str(&self.issuer))
        {
            return Err(LoginError::Metadata("it names another issuer"));
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
        let lacks = LoginError::Metadata("it lacks an endpoint, or names one that is not https");
        let (Some(authorization), Some(token)) =
            (url("authorization_endpoint"), uri("token_endpoint"))
        else {
            return Err(lacks);
        };
        let names_itself = "authorization_response_iss_parameter_supported";
        Ok(Endpoints {
            authorization,
            token,
            user_info: uri("userinfo_endpoint"),
            revocation: uri("revocation_endpoint"),
            end_session: url("end_session_endpoint"),
            names_itself: metadata.named(names_itself).is_some_and(Value::is_true),
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
    pub(super) async fn tokens(
        &self,
        client: &Client,
        form: Body,
    ) -> Result<Zeroizing<Vec<u8>>, LoginError> {
        let endpoints = self.endpoints().await?;
        let answer = self.post(&endpoints.token, client, form).await?;
        let status = answer.status();
        let body = Zeroizing::new(Vec::from(answer.into_body()));
        let read = object(&body);
        let code = read.and_then(|answer| Some(answer.named("error")?.as_str()?.into_owned()));
        let code = code.as_deref().map(known);
        match (status, code) {
            // Some answer errors with 200.
            (_, Some("invalid_grant")) => Err(LoginError::Code),
            (status, _) if status.is_server_error() => Err(LoginError::provider(
                "the token endpoint has a status of 500 or above",
            )),
            (StatusCode::TOO_MANY_REQUESTS, _) => {
                Err(LoginError::provider("the token endpoint answers 429"))
            }
            (_, Some(code)) => Err(LoginError::Client(code)),
            (StatusCode::OK, None) if read.is_some() => Ok(body),
            _ => Err(LoginError::provider("the token endpoint's answer is none")),
        }
    }

    /// Who an access token is of (OpenID Connect Core section 5.3); gives the claims.
    pub(super) async fn user_info(&self, access_token: &str) -> Result<Vec<u8>, LoginError> {
        let endpoints = self.endpoints().await?;
        let missing = LoginError::Metadata("there is no user-info endpoint");
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

/// A text that is one JSON object.
pub(super) fn object(text: &[u8]) -> Option<Value<'_>> {
    Value::object(std::str::from_utf8(text).ok()?).ok()
}
