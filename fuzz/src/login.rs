//! Whatever a browser asks of a login, it is sent to the provider or to this application, and
//! nobody is logged in whom the provider has not answered for.

use crate::through::{percent_decode, request};
use bytes::Bytes;
use http::{
    HeaderMap, Request, Response, StatusCode,
    header::{COOKIE, LOCATION, SET_COOKIE},
};
use http_body_util::Empty;
use std::{
    convert::Infallible,
    future::{Ready, poll_fn, ready},
    sync::{
        LazyLock,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};
use tokio::runtime::{Builder, Runtime};
use tower_auth::{
    AuthLayer, Identity,
    fetch::fetch_fn,
    login::{Login, Secret},
};
use tower_layer::Layer;
use tower_service::Service;

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_current_thread().enable_all().build().unwrap());

/// How often the provider was asked.
static ASKED: AtomicUsize = AtomicUsize::new(0);

static LOGIN: LazyLock<Login> = LazyLock::new(|| {
    let provider = fetch_fn(|request: Request<Bytes>| async move {
        ASKED.fetch_add(1, Ordering::Relaxed);
        let answer: &[u8] = match request.uri().path() {
            "/token" => br#"{"access_token":"t","token_type":"Bearer"}"#,
            _ => br#"{"sub":"alice"}"#,
        };
        Ok::<_, Infallible>(Response::new(Bytes::from_static(answer)))
    });
    Login::builder("https://login.example")
        .without_openid()
        .authorization_endpoint("https://login.example/auth")
        .token_endpoint("https://login.example/token")
        .user_info_endpoint("https://login.example/me")
        .public_client("fuzz")
        .redirect_uri("https://app.example/callback")
        .secret(Secret::new([7; 32]).unwrap())
        .fetch_with(provider)
        .build()
        .unwrap()
});

/// The input is a request: `METHOD URI`, then `name: value`.
///
/// Returns whether it has begun a login, which then ends well.
pub fn check(input: &[u8]) -> bool {
    let Some(request) = request(input) else {
        return false;
    };
    RUNTIME.block_on(async {
        let before = ASKED.load(Ordering::Relaxed);
        let answer = send(request.map(|()| Empty::new())).await;
        assert_eq!(ASKED.load(Ordering::Relaxed), before);
        assert!(!has_session(answer.headers()));
        let Some(location) = location(&answer) else {
            assert!(!answer.status().is_server_error(), "{answer:?}");
            return false;
        };
        assert_eq!(answer.status(), StatusCode::SEE_OTHER);
        let Some((_, rest)) = location.split_once("https://login.example/auth?") else {
            assert_is_here(&location);
            return false;
        };
        let state = rest.split('&').find_map(|pair| pair.strip_prefix("state="));
        let cookies = answer.headers().get_all(SET_COOKIE).iter();
        let cookies = cookies.map(|field| field.to_str().unwrap().split(';').next().unwrap());
        let cookies: Vec<_> = cookies.filter(|pair| !pair.ends_with('=')).collect();
        let callback = format!("/callback?code=c&state={}", state.unwrap());
        let callback = Request::get(callback).header(COOKIE, cookies.join("; "));
        let answer = send(callback.body(Empty::new()).unwrap()).await;
        assert_eq!(answer.status(), StatusCode::SEE_OTHER, "{answer:?}");
        assert!(has_session(answer.headers()));
        assert_is_here(&self::location(&answer).unwrap());
        true
    })
}

/// A path of this application, also to a server that decodes once and redirects.
fn assert_is_here(location: &str) {
    for text in [
        location.as_bytes().to_vec(),
        percent_decode(location.as_bytes()),
    ] {
        let path = text.split(|byte| b"?#".contains(byte)).next().unwrap();
        let is_here = path.starts_with(b"/")
            && !path.starts_with(b"//")
            && !path.starts_with(b"/\\")
            && !path.iter().any(u8::is_ascii_control);
        assert!(is_here, "{location:?}");
    }
}

fn location(answer: &Response<impl Sized>) -> Option<String> {
    let field = answer.headers().get(LOCATION)?;
    Some(field.to_str().unwrap().to_owned())
}

/// Whether a session is set, and not only taken back.
fn has_session(headers: &HeaderMap) -> bool {
    let mut fields = headers.get_all(SET_COOKIE).iter();
    fields.any(|field| field.as_bytes().starts_with(b"__Host-session=1."))
}

async fn send(request: Request<Empty<Bytes>>) -> Response<impl std::fmt::Debug> {
    let known = AuthLayer::new(LOGIN.session()).layer(Nobody);
    let mut service = LOGIN.layer().layer(known);
    poll_fn(|cx| service.poll_ready(cx)).await.unwrap();
    service.call(request).await.unwrap()
}

/// Must not be reached.
#[derive(Clone)]
struct Nobody;

impl Service<Request<Empty<Bytes>>> for Nobody {
    type Response = Response<()>;
    type Error = Infallible;
    type Future = Ready<Result<Response<()>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Empty<Bytes>>) -> Self::Future {
        panic!("{:?}", request.extensions().get::<Identity>());
        #[allow(unreachable_code, reason = "the type of the future")]
        ready(Ok(Response::new(())))
    }
}
