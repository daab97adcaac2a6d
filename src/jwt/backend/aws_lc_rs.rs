//! Signatures by `aws-lc-rs`.

use super::prepared::{BadKey, Material, Prepared};
use crate::jwt::Algorithm;
use ::aws_lc_rs::{
    hmac,
    signature::{self, ParsedPublicKey, VerificationAlgorithm},
};

pub(super) const COMPILED: bool = true;

pub(super) fn prepare(
    algorithm: Algorithm,
    material: &Material,
) -> Result<Box<dyn Prepared>, BadKey> {
    use Algorithm as A;
    Ok(match algorithm {
        A::HS256 => secret(hmac::HMAC_SHA256, material)?,
        A::HS384 => secret(hmac::HMAC_SHA384, material)?,
        A::HS512 => secret(hmac::HMAC_SHA512, material)?,
        A::RS256 => public(&signature::RSA_PKCS1_2048_8192_SHA256, material)?,
        A::RS384 => public(&signature::RSA_PKCS1_2048_8192_SHA384, material)?,
        A::RS512 => public(&signature::RSA_PKCS1_2048_8192_SHA512, material)?,
        A::PS256 => public(&signature::RSA_PSS_2048_8192_SHA256, material)?,
        A::PS384 => public(&signature::RSA_PSS_2048_8192_SHA384, material)?,
        A::PS512 => public(&signature::RSA_PSS_2048_8192_SHA512, material)?,
        // The fixed form is r and s one after the other (RFC 7518 section 3.4), not DER.
        A::ES256 => public(&signature::ECDSA_P256_SHA256_FIXED, material)?,
        A::ES384 => public(&signature::ECDSA_P384_SHA384_FIXED, material)?,
        A::EdDSA => public(&signature::ED25519, material)?,
    })
}

fn secret(algorithm: hmac::Algorithm, material: &Material) -> Result<Box<dyn Prepared>, BadKey> {
    match material {
        Material::Secret(secret) => Ok(Box::new(hmac::Key::new(algorithm, secret))),
        _ => Err(BadKey),
    }
}

fn public(
    algorithm: &'static dyn VerificationAlgorithm,
    material: &Material,
) -> Result<Box<dyn Prepared>, BadKey> {
    let bytes: &[u8] = match material {
        Material::Rsa(pkcs1) => pkcs1,
        Material::Point(point) => point,
        Material::Ed25519(key) => key,
        Material::Secret(_) => return Err(BadKey),
    };
    let key = ParsedPublicKey::new(algorithm, bytes).map_err(|_| BadKey)?;
    Ok(Box::new(key))
}

impl Prepared for hmac::Key {
    fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        // Compares in constant time.
        hmac::verify(self, message, signature).is_ok()
    }
}

impl Prepared for ParsedPublicKey {
    fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        self.verify_sig(message, signature).is_ok()
    }
}
