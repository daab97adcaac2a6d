//! `tower-oauth2-resource-server`: one tenant with a fixed key set, `jsonwebtoken` 11.

use super::wait;
use crate::{
    case::{Claims, Subject},
    tokens::{AUDIENCE, Algorithm, ISSUER, Material},
};
use bytes::Bytes;
use http_body_util::Empty;
use tower_oauth2_resource_server::{
    server::OAuth2ResourceServer, tenant::TenantConfiguration, validation::ClaimsValidationSpec,
};

pub(super) fn subject(material: &Material) -> Option<Subject> {
    let algorithm = match material.algorithm {
        Algorithm::HS256 => jsonwebtoken11::Algorithm::HS256,
        Algorithm::RS256 => jsonwebtoken11::Algorithm::RS256,
        Algorithm::ES256 => jsonwebtoken11::Algorithm::ES256,
        Algorithm::EdDSA => jsonwebtoken11::Algorithm::EdDSA,
    };
    let claims = ClaimsValidationSpec::recommended(ISSUER, &vec![AUDIENCE.to_owned()]);
    let tenant = TenantConfiguration::static_builder(material.jwks())
        .claims_validation(claims)
        .allowed_algorithms(&[algorithm])
        .build()
        .unwrap();
    let server = OAuth2ResourceServer::<Claims>::builder().add_tenant(tenant);
    let server = wait(server.build()).unwrap();
    Some(Subject::new::<_, (), Empty<Bytes>, _>(
        server.into_layer(),
        || (),
    ))
}
