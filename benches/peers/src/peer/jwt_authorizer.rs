//! `jwt-authorizer`: a fixed key set, `jsonwebtoken` 9. The inner service answers with axum 0.7's
//! response, as it has to.

use super::wait;
use crate::{
    case::{Claims, Subject},
    tokens::{AUDIENCE, Algorithm, ISSUER, LEEWAY, Material},
};
use axum07::body::Body;
use jwt_authorizer::{IntoLayer, JwtAuthorizer, Validation};

pub(super) fn subject(material: &Material) -> Option<Subject> {
    let authorizer: JwtAuthorizer<Claims> = match material.algorithm {
        Algorithm::HS256 => JwtAuthorizer::from_secret(&material.secret),
        _ => JwtAuthorizer::from_jwks_text(&material.jwks()),
    };
    let validation = Validation::new()
        .iss(&[ISSUER])
        .aud(&[AUDIENCE])
        .leeway(LEEWAY)
        .exp(true)
        .nbf(true);
    let authorizer = wait(authorizer.validation(validation).build()).unwrap();
    Some(Subject::new::<_, (), Body, _>(
        authorizer.into_layer(),
        || {},
    ))
}
