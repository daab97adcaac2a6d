//! `axum-jwt-auth`: an extractor, made a layer by axum's `from_extractor`; a local key,
//! `jsonwebtoken` 10.

use crate::{
    case::{Claims, Subject, decoding_key, validation},
    tokens::{Algorithm, Material},
};
use axum::{body::Body, middleware::from_extractor_with_state};
use axum_jwt_auth::{Decoder, LocalDecoder};
use std::sync::Arc;

pub(super) fn subject(material: &Material) -> Option<Subject> {
    let decoder = LocalDecoder::builder()
        .keys(vec![decoding_key!(jsonwebtoken10, material)])
        .validation(validation!(jsonwebtoken10, material))
        .build()
        .unwrap();
    let decoder: Decoder<Claims> = Arc::new(decoder);
    let layer = from_extractor_with_state::<axum_jwt_auth::Claims<Claims>, _>(decoder);
    Some(Subject::new::<_, Body, Body, _>(layer, Body::empty))
}
