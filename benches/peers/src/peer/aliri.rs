//! `aliri_tower`: an authority with a key set, claims of its own types where it asks for them.

use crate::{
    case::Subject,
    tokens::{AUDIENCE, Algorithm, ISSUER, LEEWAY, Material},
};
use aliri::{Jwks, jwa, jwt};
use aliri_clock::UnixTime;
use aliri_oauth2::{Authority, HasScope, scope::Scope};
use aliri_tower::Oauth2Authorizer;
use bytes::Bytes;
use http_body_util::Empty;
use serde::Deserialize;

#[derive(Clone, Debug, Deserialize)]
#[expect(dead_code, reason = "a handler would read them")]
struct Claims {
    iss: jwt::Issuer,
    sub: jwt::Subject,
    aud: jwt::Audiences,
    client_id: String,
    iat: UnixTime,
    nbf: UnixTime,
    exp: UnixTime,
    jti: String,
    scope: Scope,
    roles: Vec<String>,
}

impl jwt::CoreClaims for Claims {
    fn nbf(&self) -> Option<UnixTime> {
        Some(self.nbf)
    }

    fn exp(&self) -> Option<UnixTime> {
        Some(self.exp)
    }

    fn aud(&self) -> &jwt::Audiences {
        &self.aud
    }

    fn iss(&self) -> Option<&jwt::IssuerRef> {
        Some(&self.iss)
    }

    fn sub(&self) -> Option<&jwt::SubjectRef> {
        Some(&self.sub)
    }
}

impl HasScope for Claims {
    fn scope(&self) -> &Scope {
        &self.scope
    }
}

pub(super) fn subject(material: &Material) -> Option<Subject> {
    let algorithm = match material.algorithm {
        Algorithm::HS256 => jwa::Algorithm::HS256,
        Algorithm::RS256 => jwa::Algorithm::RS256,
        #[cfg(feature = "aliri-ec")]
        Algorithm::ES256 => jwa::Algorithm::ES256,
        _ => return None,
    };
    let keys: Jwks = serde_json::from_str(&material.jwks()).unwrap();
    let validator = jwt::CoreValidator::default()
        .add_approved_algorithm(algorithm)
        .add_allowed_audience(jwt::Audience::new(AUDIENCE.to_owned()))
        .require_issuer(jwt::Issuer::new(ISSUER.to_owned()))
        .with_leeway_secs(LEEWAY)
        .check_expiration()
        .check_not_before();
    let layer = Oauth2Authorizer::new()
        .with_claims::<Claims>()
        .with_terse_error_handler()
        .jwt_layer(Authority::new(keys, validator));
    Some(Subject::new::<_, (), Empty<Bytes>, _>(layer, || ()))
}
