//! Bodies: those of the inner service are passed on unchanged, those of rejections have an exact size.

use crate::common::{self, Toy, get};
use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Empty};
use std::{
    collections::VecDeque,
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll, Waker},
};
use tower::{Layer, ServiceExt, service_fn};
use tower_auth::{AuthLayer, RequireLayer, layer::ResponseBody, role};

/// What a scripted body does next.
#[derive(Clone)]
enum Turn {
    Data(&'static str),
    Trailers(&'static str),
    Wait,
    Fail(&'static str),
}

use Turn::*;

/// A body that follows a script and tells what it likes about its size.
#[derive(Clone)]
struct Scripted {
    turns: VecDeque<Turn>,
    hint: (u64, Option<u64>),
    ends: bool,
}

impl Body for Scripted {
    type Data = Bytes;
    type Error = &'static str;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, &'static str>>> {
        Poll::Ready(match self.turns.pop_front() {
            None => None,
            Some(Data(data)) => Some(Ok(Frame::data(Bytes::from_static(data.as_bytes())))),
            Some(Trailers(value)) => {
                let mut trailers = HeaderMap::new();
                trailers.insert("x-trailer", value.parse().unwrap());
                Some(Ok(Frame::trailers(trailers)))
            }
            Some(Wait) => return Poll::Pending,
            Some(Fail(error)) => Some(Err(error)),
        })
    }

    fn is_end_stream(&self) -> bool {
        self.ends
    }

    fn size_hint(&self) -> SizeHint {
        let mut hint = SizeHint::new();
        hint.set_lower(self.hint.0);
        if let Some(upper) = self.hint.1 {
            hint.set_upper(upper);
        }
        hint
    }
}

fn scripted(turns: impl IntoIterator<Item = Turn>) -> Scripted {
    Scripted {
        turns: turns.into_iter().collect(),
        hint: (0, None),
        ends: false,
    }
}

/// The body behind both layers, for an administrator.
async fn passed<B: Body + Clone + 'static>(body: B) -> ResponseBody<ResponseBody<B>> {
    let inner = service_fn(move |_: Request<Empty<Bytes>>| {
        let body = body.clone();
        async move { Ok::<_, Infallible>(Response::new(body)) }
    });
    let layer = (
        AuthLayer::new(Toy::authorization("Toy")),
        RequireLayer::new(role("admin")),
    );
    let request = get("/", &[("authorization", "Toy ann:admin")]);
    layer
        .layer(inner)
        .oneshot(request)
        .await
        .unwrap()
        .into_body()
}

fn exact(body: &impl Body) -> Option<u64> {
    body.size_hint().exact()
}

#[tokio::test]
async fn the_size_hint_of_the_inner_body_is_kept() {
    for hint in [
        (0, None),
        (3, None),
        (3, Some(7)),
        (5, Some(5)),
        (0, Some(0)),
    ] {
        for ends in [false, true] {
            let body = Scripted {
                turns: VecDeque::new(),
                hint,
                ends,
            };
            let passed = passed(body).await;
            assert_eq!(passed.size_hint().lower(), hint.0);
            assert_eq!(passed.size_hint().upper(), hint.1);
            assert_eq!(passed.is_end_stream(), ends);
        }
    }
}

#[tokio::test]
async fn frames_and_trailers_pass_one_by_one() {
    let turns = [Data("one"), Data(""), Wait, Data("two"), Trailers("last")];
    let mut body = passed(scripted(turns)).await;
    let mut next = || {
        let mut cx = Context::from_waker(Waker::noop());
        let frame = match Pin::new(&mut body).poll_frame(&mut cx) {
            Poll::Pending => return "pending".to_owned(),
            Poll::Ready(None) => return "end".to_owned(),
            Poll::Ready(Some(frame)) => frame.unwrap(),
        };
        match frame.into_data() {
            Ok(data) => format!("data {data:?}"),
            Err(frame) => format!("trailers {:?}", frame.into_trailers().unwrap()["x-trailer"]),
        }
    };
    let seen: Vec<_> = (0..6).map(|_| next()).collect();
    assert_eq!(
        seen,
        [
            r#"data b"one""#,
            r#"data b"""#,
            "pending",
            r#"data b"two""#,
            r#"trailers "last""#,
            "end"
        ]
    );
}

#[tokio::test]
async fn an_error_of_the_inner_body_passes_as_it_is() {
    let mut body = passed(scripted([Data("one"), Fail("broken")])).await;
    assert!(body.frame().await.unwrap().is_ok());
    let error = body.frame().await.unwrap().unwrap_err();
    assert_eq!(error.to_string(), "broken");
}

async fn refused(credential: &str, method: &str, grpc: bool) -> ResponseBody<Scripted> {
    let inner = service_fn(|_: Request<Empty<Bytes>>| async {
        Ok::<_, Infallible>(Response::new(scripted([])))
    });
    let layer = AuthLayer::new(Toy::authorization("Toy"));
    let layer = if grpc { layer.grpc() } else { layer };
    let value = format!("Toy {credential}");
    let fields = [
        ("authorization", &*value),
        ("content-type", "application/grpc"),
    ];
    let request = common::request(method, "/", &fields);
    let response = layer.layer(inner).oneshot(request).await.unwrap();
    response.into_body()
}

#[tokio::test]
async fn a_rejections_body_has_its_exact_size_and_ends() {
    for credential in [
        "bad",
        "malformed",
        "unavailable",
        "weak",
        "many",
        "forbidden",
    ] {
        let mut body = refused(credential, "GET", false).await;
        let size = exact(&body).expect("an exact size");
        assert!(size > 0 && !body.is_end_stream());
        let frame = body.frame().await.unwrap().unwrap();
        assert_eq!(frame.into_data().unwrap().len() as u64, size);
        assert!(body.is_end_stream());
        assert_eq!(exact(&body), Some(0));
        assert!(body.frame().await.is_none());
        assert!(body.frame().await.is_none());
    }
}

/// `CorsLayer` and `TimeoutLayer` outside make responses of their own. The inner body need not have
/// a default.
#[tokio::test]
async fn the_default_body_is_empty() {
    let mut body = ResponseBody::<Scripted>::default();
    assert!(body.is_end_stream());
    assert_eq!(exact(&body), Some(0));
    assert!(body.frame().await.is_none());
}

#[tokio::test]
async fn a_grpc_rejections_body_is_empty_from_the_start() {
    let mut body = refused("bad", "POST", true).await;
    assert!(body.is_end_stream());
    assert_eq!(exact(&body), Some(0));
    assert!(body.frame().await.is_none());
}
