//! Bodies of JSON, and problem documents (RFC 9457) for everything that is wrong with a request.
//!
//! What is wrong with credentials is a [`Rejection`], which is such a
//! document by itself. Texts are fixed: nothing of a request is sent back.

use axum::{
    Json,
    extract::{
        FromRequest, OptionalFromRequest, Request,
        rejection::{BytesRejection, JsonRejection},
    },
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::de::DeserializeOwned;
use serde_json::json;
use tower_auth::Rejection;

/// The longest body that is read, in bytes.
pub const LONGEST: usize = 16 * 1024;

/// A problem document without an exception's name.
pub struct Problem(pub StatusCode, pub &'static str);

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let Self(status, detail) = self;
        let document = json!({
            "type": "about:blank",
            "title": status.canonical_reason(),
            "status": status.as_u16(),
            "detail": detail,
        });
        let headers = [
            (header::CONTENT_TYPE, "application/problem+json"),
            (header::CACHE_CONTROL, "no-store"),
        ];
        (status, headers, document.to_string()).into_response()
    }
}

/// What a handler refuses, by the application's rules or by those of the crate.
pub enum Refused {
    Problem(Problem),
    Rejection(Rejection),
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl From<Rejection> for Refused {
    fn from(rejection: Rejection) -> Self {
        Self::Rejection(rejection)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        match self {
            Self::Problem(problem) => problem.into_response(),
            Self::Rejection(rejection) => rejection.into_response(),
        }
    }
}

/// A body of JSON; `Option<Body<T>>` is `None` where there is none.
pub struct Body<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let json = <Json<T> as FromRequest<S>>::from_request(request, state).await;
        json.map(|Json(value)| Self(value)).map_err(Problem::from)
    }
}

impl<T: DeserializeOwned, S: Send + Sync> OptionalFromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Option<Self>, Problem> {
        let json = <Json<T> as OptionalFromRequest<S>>::from_request(request, state).await?;
        Ok(json.map(|Json(value)| Self(value)))
    }
}

impl From<JsonRejection> for Problem {
    fn from(rejection: JsonRejection) -> Self {
        match rejection {
            JsonRejection::MissingJsonContentType(_) => Self(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "a body is application/json",
            ),
            JsonRejection::JsonDataError(_) => Self(
                StatusCode::UNPROCESSABLE_ENTITY,
                "a field is missing, unknown, twice there, or of another type",
            ),
            JsonRejection::BytesRejection(BytesRejection::FailedToBufferBody(error))
                if error.status() == StatusCode::PAYLOAD_TOO_LARGE =>
            {
                Self(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large")
            }
            _ => Self(StatusCode::BAD_REQUEST, "the body is no JSON"),
        }
    }
}
