//! `oauth-resource-server`: its tower layer, with a key set to start from; `jsonwebtoken` 9. It
//! takes public keys only, and makes its own token type out of all claims.

use crate::{
    case::Subject,
    tokens::{AUDIENCE, Algorithm, ISSUER, LEEWAY, Material},
};
use bytes::Bytes;
use http_body_util::Empty;
use oauth_resource_server::{KeyNaming, OAuthConfig, OAuthValidator, http_layer::HttpAuthLayer};
use std::sync::Arc;

pub(super) fn subject(material: &Material) -> Option<Subject> {
    if material.algorithm == Algorithm::HS256 {
        return None;
    }
    let config = OAuthConfig {
        enabled: true,
        issuer: ISSUER.to_owned(),
        jwks_uri: Some("https://login.example.com/jwks".to_owned()),
        audience: AUDIENCE.to_owned(),
        resource: AUDIENCE.to_owned(),
        algorithms: vec![material.algorithm.name().to_owned()],
        leeway_secs: LEEWAY,
        allow_unscoped_tokens: true,
        ..OAuthConfig::default()
    };
    let config = config.resolve(KeyNaming::Dotted("oauth")).unwrap().unwrap();
    let validator = OAuthValidator::builder(&config)
        .initial_jwks(&material.jwks())
        .build()
        .unwrap();
    let layer = HttpAuthLayer::builder()
        .oauth(Arc::new(validator))
        .build()
        .unwrap();
    Some(Subject::new::<_, (), Empty<Bytes>, _>(layer, || ()))
}
