//! What people write: axum's `from_fn`, `jsonwebtoken` 11, and the claims in the extensions.

use crate::{
    case::{Claims, Subject, decoding_key, validation},
    tokens::{Algorithm, Material},
};
use axum::{
    body::Body,
    extract::{Request, State},
    http::StatusCode,
    middleware::{Next, from_fn_with_state},
    response::Response,
};
use jsonwebtoken11::{DecodingKey, Validation, decode};
use std::sync::Arc;

pub(crate) struct Verifier {
    key: DecodingKey,
    validation: Validation,
}

impl Verifier {
    pub(crate) fn new(material: &Material) -> Arc<Self> {
        Arc::new(Self {
            key: decoding_key!(jsonwebtoken11, material),
            validation: validation!(jsonwebtoken11, material),
        })
    }
}

async fn verify(
    State(verifier): State<Arc<Verifier>>,
    mut request: Request,
    next: Next,
) -> Result<Response, StatusCode> {
    let token = request
        .headers()
        .get("authorization")
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "))
        .ok_or(StatusCode::UNAUTHORIZED)?;
    let token = decode::<Claims>(token, &verifier.key, &verifier.validation)
        .map_err(|_| StatusCode::UNAUTHORIZED)?;
    request.extensions_mut().insert(token.claims);
    Ok(next.run(request).await)
}

pub(super) fn subject(material: &Material) -> Option<Subject> {
    let layer = from_fn_with_state(Verifier::new(material), verify);
    Some(Subject::new::<_, Body, Body, _>(layer, Body::empty))
}

/// On a router.
pub(crate) fn layer(router: axum::Router, material: &Material) -> axum::Router {
    router.layer(from_fn_with_state(Verifier::new(material), verify))
}
