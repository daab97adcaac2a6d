//! [`AuthResponse`]: what an `AuthLayer` adds to responses.

use super::config::Config;
use crate::{
    Rejection,
    credential::Place,
    layer::middleware::OnResponse,
    observe::event::{self, Decision},
    rejection::{Format, OwnBody, RequestSummary, render, render_custom},
    scheme::AcceptedHooks,
};
use http::{
    Extensions, HeaderMap, HeaderValue, Response, StatusCode,
    header::{CACHE_CONTROL, VARY},
    request::Parts,
    response,
};
use std::{mem, sync::Arc};

/// The work that is left once the inner service has responded.
#[allow(missing_debug_implementations, reason = "nothing outside can name it")]
pub struct AuthResponse {
    pub(super) config: Arc<Config>,
    pub(super) grpc: bool,
    pub(super) by_script: bool,
    pub(super) private: bool,
    pub(super) scheme: Option<&'static str>,
    pub(super) place: Option<Place>,
    pub(super) hooks: Option<Box<AcceptedHooks>>,
    /// The request, for a responder.
    pub(super) request: Option<Box<RequestSummary>>,
}

impl OnResponse for AuthResponse {
    fn on_response<B>(self, response: &mut Response<B>) -> Option<OwnBody> {
        self.log(response.extensions());
        if let Some(hooks) = self.hooks {
            with_parts(response, |parts| hooks.on_response(parts));
        }
        match (self.grpc, self.private) {
            (true, _) => {}
            (false, true) => keep_private(response.headers_mut(), self.config.vary.as_ref()),
            (false, false) => keep_apart_by_authorization(response.headers_mut()),
        }
        // A layer further inside that has its own schemes has added its challenges already. If a
        // handler has changed the status, the response is the handler's own.
        let status = response.status();
        let open = response.extensions().get::<Rejection>();
        let rejection = open
            .filter(|r| r.is_open() && r.status() == status)
            .cloned()?;
        with_parts(response, |parts| {
            let (grpc, by_script) = (self.grpc, self.by_script);
            let renders = grpc || self.request.is_some() || self.config.forward_auth;
            if rejection.is_rendered() && renders {
                let request = self.request.as_deref();
                let body = complete(&self.config, rejection, grpc, by_script, request, parts);
                return Some(body);
            }
            if self.config.forward_auth {
                parts.status = rejection.clone().forwarded().status();
            }
            challenge(&self.config, rejection, by_script, parts);
            parts
                .headers
                .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
            None
        })
    }
}

impl AuthResponse {
    /// Logs the rejection that a handler returned.
    fn log(&self, extensions: &Extensions) {
        match returned(extensions) {
            None => event::recovered(&self.config.outage, "an inner service"),
            Some(rejection) => {
                event::emit_returned(rejection, Some(&self.config.outage), || Decision {
                    scheme: self.scheme,
                    place: self.place,
                    identity: None,
                    is_anonymous: false,
                    policy: None,
                });
            }
        }
    }
}

fn returned(extensions: &Extensions) -> Option<&Rejection> {
    // A handler of tonic returns it as the source of a `Status`.
    #[cfg(feature = "tonic")]
    if let Some(status) = extensions.get::<tonic::Status>() {
        return std::error::Error::source(status)?.downcast_ref();
    }
    extensions.get()
}

/// Changes the head of a response in place.
fn with_parts<B, T>(response: &mut Response<B>, f: impl FnOnce(&mut response::Parts) -> T) -> T {
    let (mut parts, ()) = Response::new(()).into_parts();
    parts.status = response.status();
    parts.version = response.version();
    parts.headers = mem::take(response.headers_mut());
    parts.extensions = mem::take(response.extensions_mut());
    let result = f(&mut parts);
    *response.status_mut() = parts.status;
    *response.version_mut() = parts.version;
    *response.headers_mut() = parts.headers;
    *response.extensions_mut() = parts.extensions;
    result
}

/// Completes the response to a rejection, and returns its body: rendered, and over HTTP with
/// challenges.
pub(super) fn complete(
    config: &Config,
    rejection: Rejection,
    grpc: bool,
    by_script: bool,
    request: Option<&RequestSummary>,
    parts: &mut response::Parts,
) -> OwnBody {
    let forwarded = config.forward_auth.then(|| rejection.clone().forwarded());
    let shown = forwarded.as_ref().unwrap_or(&rejection);
    let body = match config.responder.as_deref().zip(request) {
        Some((responder, request)) => render_custom(shown, responder, request, parts),
        None => render(shown, format(grpc), parts).into(),
    };
    if grpc || parts.status == StatusCode::SEE_OTHER {
        parts.extensions.insert(rejection.challenged());
    } else {
        challenge(config, rejection, by_script, parts);
    }
    body
}

/// Returns the request for the responder of a layer, if the layer has one.
pub(super) fn summary(config: &Config, head: &Parts, grpc: bool) -> Option<RequestSummary> {
    config.responder.as_ref()?;
    let uri = config.strip.shown(&head.uri);
    let request = RequestSummary::new(head, uri, format(grpc));
    Some(match config.forward_auth {
        true => request.of_proxy(),
        false => request,
    })
}

fn format(grpc: bool) -> Format {
    if grpc { Format::Grpc } else { Format::Http }
}

/// Adds the challenges of all schemes, once.
fn challenge(config: &Config, rejection: Rejection, by_script: bool, parts: &mut response::Parts) {
    let headers = &mut parts.headers;
    match config.forward_auth {
        true => config.challenge(&rejection.clone().forwarded(), by_script, headers),
        false => config.challenge(&rejection, by_script, headers),
    };
    parts.extensions.insert(rejection.challenged());
}

/// Keeps shared caches from giving the response to another caller (RFC 9111 sections 4.1 and
/// 5.2.2.7).
fn keep_private(headers: &mut HeaderMap, vary: Option<&HeaderValue>) {
    let directives = Directives::of(headers);
    if !directives.keep_out_shared_caches() {
        directives.make_private(headers);
    }
    if let Some(vary) = vary {
        add_vary(headers, vary);
    }
}

/// Keeps a response to `Authorization` apart in shared caches. A shared cache stores a response to
/// `Authorization` only if the response has `public`, `s-maxage` or `must-revalidate` (RFC 9111
/// section 3.5). Such a response has to vary by the field. `must-revalidate` alone is meant to be
/// strict, so it does not open the response to other callers.
fn keep_apart_by_authorization(headers: &mut HeaderMap) {
    if !headers.contains_key(CACHE_CONTROL) {
        return;
    }
    let directives = Directives::of(headers);
    let shared = directives.has("public") || directives.has("s-maxage");
    if directives.keep_out_shared_caches() || !(shared || directives.has("must-revalidate")) {
        return;
    }
    if !shared {
        directives.make_private(headers);
    }
    add_vary(headers, &HeaderValue::from_static("authorization"));
}

/// The directives of `Cache-Control` (RFC 9111 section 5.2).
struct Directives(Vec<String>);

impl Directives {
    fn of(headers: &HeaderMap) -> Self {
        let values = headers.get_all(CACHE_CONTROL).iter();
        let texts = values.filter_map(|value| value.to_str().ok());
        let directives = texts.flat_map(|text| text.split(','));
        Self(directives.map(|d| d.trim().to_owned()).collect())
    }

    fn has(&self, name: &str) -> bool {
        self.0.iter().any(|directive| is_named(directive, name))
    }

    /// Returns whether shared caches are kept out of the whole response. `private="field"` leaves
    /// the rest of the response to shared caches. Shared caches that know the status code ignore a
    /// `no-store` beside `must-understand` (section 5.2.2.3).
    fn keep_out_shared_caches(&self) -> bool {
        let mut all = self.0.iter();
        all.any(|d| d.eq_ignore_ascii_case("private"))
            || (self.has("no-store") && !self.has("must-understand"))
    }

    fn make_private(self, headers: &mut HeaderMap) {
        let Self(mut all) = self;
        if all.is_empty() {
            headers.insert(CACHE_CONTROL, HeaderValue::from_static("private"));
            return;
        }
        all.retain(|d| !d.is_empty() && !is_named(d, "public") && !is_named(d, "s-maxage"));
        all.insert(0, "private".to_owned());
        let value = HeaderValue::try_from(all.join(", "));
        let value = value.unwrap_or_else(|_| HeaderValue::from_static("private"));
        headers.insert(CACHE_CONTROL, value);
    }
}

fn is_named(directive: &str, name: &str) -> bool {
    let found = directive.split('=').next().unwrap_or_default();
    found.trim().eq_ignore_ascii_case(name)
}

fn add_vary(headers: &mut HeaderMap, fields: &HeaderValue) {
    if !headers.contains_key(VARY) || !varies(headers, fields) {
        headers.append(VARY, fields.clone());
    }
}

/// Whether the response varies by all of these fields already.
fn varies(headers: &HeaderMap, fields: &HeaderValue) -> bool {
    let list = |value: &HeaderValue| -> Vec<String> {
        let text = value.to_str().unwrap_or_default();
        text.split(',')
            .map(|field| field.trim().to_ascii_lowercase())
            .collect()
    };
    let known: Vec<_> = headers.get_all(VARY).iter().flat_map(list).collect();
    known.iter().any(|field| field == "*") || list(fields).iter().all(|f| known.contains(f))
}
