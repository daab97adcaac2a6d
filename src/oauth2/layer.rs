//! [`LoginLayer`]: answers the login's own paths, and passes everything else on.

use super::{Inner, LoginError, callback, cookies, login, logout, page, scheme::NAME};
use crate::{
    Identity, Place, Rejection, RejectionKind,
    event::{self, Decision},
    gate::{ResponseBody, release},
};
use bytes::{Buf, Bytes};
use http::{
    HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header, request::Parts,
    uri::PathAndQuery,
};
use http_body::Body;
use pin_project_lite::pin_project;
use std::{
    fmt,
    future::{Future, poll_fn},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};
use tower_layer::Layer;
use tower_service::Service;
use url::form_urlencoded::byte_serialize;

/// The longest body that is read, in bytes: a logout token is a few kilobytes.
const MAX_BODY: usize = 64 * 1024;

/// How long a body may take to arrive.
const BODY_TIME: Duration = Duration::from_secs(5);

/// Answers `/login`, `/callback` and `/logout`, and passes every other request on; made by
/// [`Login::layer`](super::Login::layer).
///
/// It belongs outside of the [`AuthLayer`](crate::AuthLayer): where that refuses a browser that
/// navigates (`GET`, `Accept: text/html`, `Sec-Fetch-Mode: navigate`) with 401, the browser is
/// sent to the login, and comes back afterwards. A call of an API keeps its 401.
#[derive(Clone)]
pub struct LoginLayer(pub(super) Arc<Inner>);

impl<S> Layer<S> for LoginLayer {
    type Service = LoginService<S>;

    fn layer(&self, service: S) -> LoginService<S> {
        LoginService {
            inner: Arc::clone(&self.0),
            service,
        }
    }
}

/// A service behind a login; made by [`LoginLayer`].
#[derive(Clone)]
pub struct LoginService<S> {
    inner: Arc<Inner>,
    service: S,
}

/// Which of the login's own paths a request is for.
#[derive(Clone, Copy)]
enum Route {
    Login,
    Callback,
    Logout,
    ByProvider,
}

impl Inner {
    fn route(&self, path: &str) -> Option<Route> {
        let paths = &self.paths;
        match path {
            _ if path == paths.login => Some(Route::Login),
            _ if path == paths.callback => Some(Route::Callback),
            _ if path == paths.logout => Some(Route::Logout),
            _ if Some(path) == paths.by_provider.as_deref() => Some(Route::ByProvider),
            _ => None,
        }
    }
}

impl<S, B, R> Service<Request<B>> for LoginService<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone,
    B: Body + Send + 'static,
{
    type Response = Response<ResponseBody<R>>;
    type Error = S::Error;
    type Future = LoginFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.service.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let Some(route) = self.inner.route(request.uri().path()) else {
            let (head, body) = request.into_parts();
            let visit = page::is_navigation(&head).then(|| Visit::new(&self.inner, &head));
            let future = self.service.call(Request::from_parts(head, body));
            return LoginFuture {
                state: State::Passed { future, visit },
            };
        };
        // What the ready service holds is not needed.
        release(&mut self.service);
        let (head, body) = request.into_parts();
        let answer = answer(Arc::clone(&self.inner), route, head, body);
        LoginFuture {
            state: State::Own {
                answer: Box::pin(answer),
            },
        }
    }
}

async fn answer<B: Body>(inner: Arc<Inner>, route: Route, head: Parts, body: B) -> Response<Bytes> {
    let methods = match route {
        Route::Callback if inner.form_post => "GET, POST",
        Route::Login | Route::Callback => "GET",
        Route::Logout => "GET, POST",
        Route::ByProvider => "POST",
    };
    if !methods.split(", ").any(|method| head.method == method) {
        return page::not_allowed(methods);
    }
    let mut set = Vec::new();
    let result = match route {
        Route::Login => login::login(&inner, &head, &mut set).await,
        Route::Callback if head.method == Method::POST => match read_form(&head, body).await {
            Ok(form) => callback::callback(&inner, &head, &form, &mut set).await,
            Err(rejection) => Err(rejection),
        },
        Route::Callback => {
            let query = head.uri.query().unwrap_or_default();
            callback::callback(&inner, &head, query.as_bytes(), &mut set).await
        }
        Route::Logout => logout::logout(&inner, &head, &mut set).await,
        Route::ByProvider => match read_form(&head, body).await {
            Ok(form) => logout::by_provider(&inner, &form).await,
            Err(rejection) => Err(rejection),
        },
    };
    let mut response = match result {
        Ok(mut response) => {
            // Whoever has logged in with it.
            if let Some(identity) = response.extensions_mut().remove() {
                tell(None, Some(&identity));
            }
            response
        }
        Err(rejection) => {
            tell(Some(&rejection), None);
            page::refuse(&inner, page::wants_html(&head), rejection)
        }
    };
    cookies::append(response.headers_mut(), set);
    response
}

fn tell(rejection: Option<&Rejection>, identity: Option<&Identity>) {
    event::emit(rejection, || Decision {
        scheme: Some(NAME),
        place: Some(Place::Cookie),
        identity,
        policy: None,
    });
}

/// A small form, soon.
async fn read_form<B: Body>(head: &Parts, body: B) -> Result<Vec<u8>, Rejection> {
    let kind = head.headers.get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Err(LoginError::Request.into());
    }
    let reading = async move {
        let mut body = std::pin::pin!(body);
        let mut bytes = Vec::new();
        while let Some(frame) = poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
            let frame = frame.map_err(|_| LoginError::Request)?;
            let Ok(mut data) = frame.into_data() else {
                continue;
            };
            if bytes.len().saturating_add(data.remaining()) > MAX_BODY {
                return Err(LoginError::Request);
            }
            while data.has_remaining() {
                let chunk = data.chunk();
                bytes.extend_from_slice(chunk);
                let length = chunk.len();
                data.advance(length);
            }
        }
        Ok(bytes)
    };
    if tokio::runtime::Handle::try_current().is_err() {
        return Err(Rejection::unavailable("a login needs a Tokio runtime"));
    }
    let read = tokio::time::timeout(BODY_TIME, reading).await;
    Ok(read.map_err(|_| LoginError::Request)??)
}

/// A browser that navigates, and where it wants to go.
struct Visit {
    inner: Arc<Inner>,
    target: Option<String>,
    /// Whether the user has logged in a moment ago.
    just_now: bool,
}

impl Visit {
    fn new(inner: &Arc<Inner>, head: &Parts) -> Self {
        let target = head.uri.path_and_query().map(PathAndQuery::as_str);
        Self {
            target: target.and_then(|target| inner.returns.check(target)),
            just_now: cookies::one(&head.headers, &inner.just_now).is_some(),
            inner: Arc::clone(inner),
        }
    }

    /// Sends a refused browser to the login.
    fn sign_in(self, response: &mut http::response::Parts) -> bool {
        let kind = response.extensions.get().map(Rejection::kind);
        let is_refused = response.status == StatusCode::UNAUTHORIZED
            && kind.is_some_and(|kind| kind.status() == StatusCode::UNAUTHORIZED);
        if !is_refused || self.just_now {
            return false;
        }
        let mut location = self.inner.paths.login.clone();
        let mut separator = '?';
        let mut push = |name: &str, value: &str| {
            location.push(separator);
            location.push_str(name);
            location.extend(byte_serialize(value.as_bytes()));
            separator = '&';
        };
        if let Some(target) = &self.target {
            push("return_to=", target);
        }
        if kind == Some(RejectionKind::InsufficientAuthentication) {
            push("prompt=", "login");
        }
        let Ok(location) = HeaderValue::try_from(location) else {
            return false;
        };
        response.status = StatusCode::SEE_OTHER;
        let old = std::mem::take(&mut response.headers);
        let mut headers = HeaderMap::new();
        // Cookies that are over are taken back all the same.
        for field in old.get_all(header::SET_COOKIE) {
            headers.append(header::SET_COOKIE, field.clone());
        }
        headers.insert(header::LOCATION, location);
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response.headers = headers;
        true
    }
}

pin_project! {
    /// The response of a login, or of the service behind it.
    pub struct LoginFuture<F> {
        #[pin]
        state: State<F>,
    }
}

pin_project! {
    #[project = StateProject]
    enum State<F> {
        Own { answer: Pin<Box<dyn Future<Output = Response<Bytes>> + Send>> },
        Passed { #[pin] future: F, visit: Option<Visit> },
    }
}

impl<F, R, E> Future for LoginFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
{
    type Output = Result<Response<ResponseBody<R>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProject::Own { answer } => {
                let answer = ready!(answer.as_mut().poll(cx));
                Poll::Ready(Ok(answer.map(ResponseBody::own)))
            }
            StateProject::Passed { future, visit } => {
                let response = ready!(future.poll(cx))?;
                let (mut parts, body) = response.into_parts();
                let is_sent = visit.take().is_some_and(|visit| visit.sign_in(&mut parts));
                let body = match is_sent {
                    true => ResponseBody::own(Bytes::new()),
                    false => ResponseBody::inner(body),
                };
                Poll::Ready(Ok(Response::from_parts(parts, body)))
            }
        }
    }
}

impl fmt::Debug for LoginLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoginLayer")
            .field("paths", &self.0.paths)
            .finish_non_exhaustive()
    }
}

impl<S> fmt::Debug for LoginService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoginService")
            .field("paths", &self.inner.paths)
            .finish_non_exhaustive()
    }
}

impl<F> fmt::Debug for LoginFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LoginFuture")
    }
}
