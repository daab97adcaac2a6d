//! [`LoginLayer`]: answers the login's own paths, and passes everything else on.

use super::{
    Login, LoginError,
    callback::{self, Refused},
    cookies, logout, page,
    scheme::NAME,
    start,
    state::Inner,
};
use crate::{
    Identity, Rejection, RejectionKind,
    credential::Place,
    layer::middleware::{ResponseBody, release},
    observe::event::{self, Decision},
};
use bytes::{Buf, Bytes};
use http::{
    Extensions, HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, header,
    request::Parts,
};
use http_body::Body;
use pin_project_lite::pin_project;
use std::{
    error::Error,
    fmt,
    future::{Future, poll_fn},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};
use tower_layer::Layer;
use tower_service::Service;

/// The longest body that is read, in bytes: a logout token is a few kilobytes.
const MAX_BODY: usize = 64 * 1024;

/// The longest time that a body may take to arrive.
const BODY_TIME: Duration = Duration::from_secs(5);

/// Answers `/login`, `/callback` and `/logout`, and passes every other request on; made by
/// [`Login::layer`](super::Login::layer).
///
/// It belongs outside of the [`AuthLayer`](crate::AuthLayer): where that refuses a browser that
/// navigates (`GET`, `Accept: text/html`, and `Sec-Fetch-Mode: navigate` or no Fetch Metadata at
/// all) with 401, the browser is sent to the login, and returns afterwards. If a session cannot be
/// refreshed at the moment (503), the browser gets a page with a link to the login. The call of an
/// API keeps its 401 or 503.
///
/// With [`on_login`](super::LoginBuilder::on_login) `/logout` is passed on, too, because only the
/// application can end its own sessions, unless [`on_logout`](super::LoginBuilder::on_logout) does.
#[derive(Clone)]
pub struct LoginLayer(Arc<Inner>);

impl Login {
    /// The layer that answers the login's own paths. It belongs outside of the
    /// [`AuthLayer`](crate::AuthLayer).
    #[must_use]
    pub fn layer(&self) -> LoginLayer {
        LoginLayer(Arc::clone(&self.0))
    }
}

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

/// The paths that the login answers.
#[derive(Clone, Copy)]
enum Route {
    Login,
    Callback,
    Logout,
    ByProvider,
}

impl Inner {
    fn route(&self, uri: &Uri, extensions: &Extensions) -> Option<Route> {
        let mut candidates = self.base.candidates(uri.path(), extensions);
        candidates.find_map(|path| self.route_of(path))
    }

    /// Returns whether this layer serves the log-out. If the application keeps its own sessions, only
    /// it can end them.
    fn logs_out(&self) -> bool {
        self.on_login.is_none() || self.on_logout.is_some()
    }

    fn route_of(&self, path: &str) -> Option<Route> {
        let paths = &self.paths;
        match path {
            _ if path == paths.login => Some(Route::Login),
            _ if path == paths.callback => Some(Route::Callback),
            _ if path == paths.logout && self.logs_out() => Some(Route::Logout),
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
        let Some(route) = self.inner.route(request.uri(), request.extensions()) else {
            let (head, body) = request.into_parts();
            let visit = page::is_navigation(&head).then(|| Visit::new(&self.inner, &head));
            let future = self.service.call(Request::from_parts(head, body));
            return LoginFuture {
                state: State::Passed { future, visit },
            };
        };
        // The ready service may hold a permit, which is not needed.
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
    let result: Result<_, Refused> = match route {
        Route::Login => {
            let begun = start::start(&inner, &head, &mut set).await;
            begun.map_err(Refused::from)
        }
        Route::Callback if head.method == Method::POST => match read_form(&head, body).await {
            Ok(form) => callback::callback(&inner, &head, &form, &mut set).await,
            Err(rejection) => Err(rejection.into()),
        },
        Route::Callback => {
            let query = head.uri.query().unwrap_or_default();
            callback::callback(&inner, &head, query.as_bytes(), &mut set).await
        }
        Route::Logout => {
            let ended = logout::logout(&inner, &head, &mut set).await;
            ended.map_err(Refused::from)
        }
        Route::ByProvider => match read_form(&head, body).await {
            Ok(form) => {
                let ended = logout::by_provider(&inner, &form).await;
                ended.map_err(Refused::from)
            }
            Err(rejection) => Err(rejection.into()),
        },
    };
    let mut response = match result {
        Ok(mut response) => {
            // The identity of a login that has succeeded.
            if let Some(identity) = response.extensions_mut().remove() {
                tell(&inner, None, Some(&identity));
                super::log::began(&identity);
            }
            response
        }
        Err(Refused {
            rejection,
            return_to,
        }) => {
            tell(&inner, Some(&rejection), None);
            page::refuse(&inner, &head, rejection, return_to.as_deref())
        }
    };
    cookies::append(response.headers_mut(), set);
    response
}

fn tell(inner: &Inner, rejection: Option<&Rejection>, identity: Option<&Identity>) {
    event::emit(rejection, Some(&inner.outage), || Decision {
        scheme: Some(NAME),
        place: Some(Place::Cookie),
        identity,
        is_anonymous: false,
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

/// The longest address that is passed on to the login, in bytes.
const MAX_TARGET: usize = 2048;

/// A browser that navigates, and where it wants to go.
struct Visit {
    inner: Arc<Inner>,
    target: Option<String>,
    /// The prefix of the login's addresses.
    prefix: String,
    /// Whether the user has logged in a moment ago.
    just_now: bool,
}

impl Visit {
    fn new(inner: &Arc<Inner>, head: &Parts) -> Self {
        let prefix = inner.base.prefix(head);
        let target = inner.returns.check(prefix, &inner.base.address(head));
        Self {
            prefix: prefix.to_owned(),
            target: target.filter(|target| target.len() <= MAX_TARGET),
            just_now: cookies::one(&head.headers, &inner.just_now).is_some(),
            inner: Arc::clone(inner),
        }
    }

    /// Returns the body of the new response for a rejected browser.
    fn help(self, response: &mut http::response::Parts) -> Option<Bytes> {
        let rejection = response.extensions.get::<Rejection>()?.clone();
        if rejection.status() != response.status {
            return None;
        }
        match response.status {
            StatusCode::UNAUTHORIZED if !self.just_now => self.sign_in(&rejection, response),
            StatusCode::SERVICE_UNAVAILABLE
                if rejection
                    .source()
                    .is_some_and(<dyn Error>::is::<LoginError>) =>
            {
                let login = self.inner.login_url(&self.prefix, self.target.as_deref());
                Some(page::show(&login, &rejection, &mut response.headers))
            }
            _ => None,
        }
    }

    /// Sends a rejected browser to the login.
    fn sign_in(
        &self,
        rejection: &Rejection,
        response: &mut http::response::Parts,
    ) -> Option<Bytes> {
        let mut location = self.inner.login_url(&self.prefix, self.target.as_deref());
        if rejection.kind() == RejectionKind::InsufficientAuthentication {
            location.push(if self.target.is_some() { '&' } else { '?' });
            location.push_str("prompt=login");
            // The provider then states when the user was authenticated, and the callback verifies
            // it.
            if let Some(age) = rejection.max_age() {
                location.push_str(&format!("&max_age={}", age.as_secs().min(u32::MAX.into())));
            }
        }
        let location = HeaderValue::try_from(location).ok()?;
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
        Some(Bytes::new())
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
                let helped = visit.take().and_then(|visit| visit.help(&mut parts));
                let body = match helped {
                    Some(body) => ResponseBody::own(body),
                    None => ResponseBody::inner(body),
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
