//! `tower-jwt`: one key, `jsonwebtoken` 9.

use crate::{
    case::{Claims, Subject, decoding_key, validation},
    tokens::{Algorithm, Material},
};
use bytes::Bytes;
use http_body_util::Empty;
use tower_jwt::JwtLayer;

pub(super) fn subject(material: &Material) -> Option<Subject> {
    let layer: JwtLayer<Claims> = JwtLayer::new(
        validation!(jsonwebtoken9, material),
        decoding_key!(jsonwebtoken9, material),
    );
    Some(Subject::new::<_, (), Empty<Bytes>, _>(layer, || ()))
}
