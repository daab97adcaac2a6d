//! This crate's own layers: the one place that knows how they are built.

use crate::case::Claims;
use crate::tokens::{AUDIENCE, Algorithm, ISSUER, LEEWAY, Material};
use std::time::Duration;
use tower_auth::{
    AuthLayer,
    bearer::Bearer,
    jwt::{self, JwtVerifier, JwtVerifierBuilder, Key},
};

/// Whether this version of the crate remembers verified tokens. If not, the cached cases take the
/// uncached path, and what is printed says so.
pub(crate) const HAS_CACHE: bool = true;

/// Every token verified anew.
pub(crate) fn cache_off(material: &Material) -> AuthLayer {
    layer(builder(material).without_cache())
}

/// The same, and every token's claims parsed as the type that the peers parse them as, too.
pub(crate) fn cache_off_typed(material: &Material) -> AuthLayer {
    layer(builder(material).typed_claims::<Claims>().without_cache())
}

/// Verified tokens remembered, as it comes.
pub(crate) fn cache_on(material: &Material) -> AuthLayer {
    layer(builder(material))
}

/// Verified tokens remembered; room for this many of them at once.
pub(crate) fn cache_of(material: &Material, tokens: usize) -> AuthLayer {
    // A third more, as locks divide what there is.
    let builder = builder(material)
        .cache_capacity(tokens + tokens / 3)
        .cache_bytes(tokens * 4 * 1024);
    layer(builder)
}

fn layer(builder: JwtVerifierBuilder) -> AuthLayer {
    AuthLayer::new(Bearer::new(builder.build().unwrap()))
}

fn builder(material: &Material) -> JwtVerifierBuilder {
    let key = match material.algorithm {
        Algorithm::HS256 => Key::from_secret(jwt::Algorithm::HS256, material.secret.as_bytes()),
        _ => Key::from_jwk(&material.jwk.to_string()),
    };
    JwtVerifier::issuer(ISSUER)
        .audience(AUDIENCE)
        .keys(key.unwrap().with_key_id(crate::tokens::KID))
        .roles_at("roles")
        .leeway(Duration::from_secs(LEEWAY))
}
