//! Signatures by `aws-lc-rs`.

use super::Prepared;
use crate::jwt::Algorithm;
use ::aws_lc_rs::{
    hmac,
    signature::{self, ParsedPublicKey, VerificationAlgorithm},
};
use std::sync::Arc;

/// Returns `None` if the bytes are not a key for the algorithm.
pub(super) fn prepare(algorithm: Algorithm, key: &[u8]) -> Option<Prepared> {
    use Algorithm as A;
    match algorithm {
        A::HS256 => Some(secret(hmac::HMAC_SHA256, key)),
        A::HS384 => Some(secret(hmac::HMAC_SHA384, key)),
        A::HS512 => Some(secret(hmac::HMAC_SHA512, key)),
        A::RS256 => public(&signature::RSA_PKCS1_2048_8192_SHA256, key),
        A::RS384 => public(&signature::RSA_PKCS1_2048_8192_SHA384, key),
        A::RS512 => public(&signature::RSA_PKCS1_2048_8192_SHA512, key),
        A::PS256 => public(&signature::RSA_PSS_2048_8192_SHA256, key),
        A::PS384 => public(&signature::RSA_PSS_2048_8192_SHA384, key),
        A::PS512 => public(&signature::RSA_PSS_2048_8192_SHA512, key),
        // The fixed form is r and s one after the other (RFC 7518 section 3.4), not DER.
        A::ES256 => public(&signature::ECDSA_P256_SHA256_FIXED, key),
        A::ES384 => public(&signature::ECDSA_P384_SHA384_FIXED, key),
        A::EdDSA => public(&signature::ED25519, key),
    }
}

fn secret(algorithm: hmac::Algorithm, key: &[u8]) -> Prepared {
    let key = hmac::Key::new(algorithm, key);
    // Compares in constant time.
    Arc::new(move |message, signature| hmac::verify(&key, message, signature).is_ok())
}

fn public(algorithm: &'static dyn VerificationAlgorithm, key: &[u8]) -> Option<Prepared> {
    let key = ParsedPublicKey::new(algorithm, key).ok()?;
    Some(Arc::new(move |message, signature| {
        key.verify_sig(message, signature).is_ok()
    }))
}
