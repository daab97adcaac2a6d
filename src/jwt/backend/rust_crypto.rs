//! Signatures by the crates of the RustCrypto project.

use super::Prepared;
use crate::jwt::Algorithm;
use ::hmac::{Hmac, KeyInit, Mac};
use ::p256::ecdsa as p256;
use ::p384::ecdsa as p384;
use ::rsa::{PublicKey, pkcs1::DecodeRsaPublicKey, pkcs1v15, pss, signature::Verifier};
use sha2::{Sha256, Sha384, Sha512};
use std::sync::Arc;

/// Returns `None` if the bytes are not a key for the algorithm.
pub(super) fn prepare(algorithm: Algorithm, key: &[u8]) -> Option<Prepared> {
    use Algorithm as A;
    // The crate takes 1024 to 8192 bits; shorter keys are rejected before.
    let rsa = || PublicKey::from_pkcs1_der(key).ok();
    match algorithm {
        A::HS256 => secret::<Hmac<Sha256>>(key),
        A::HS384 => secret::<Hmac<Sha384>>(key),
        A::HS512 => secret::<Hmac<Sha512>>(key),
        A::RS256 => public::<pkcs1v15::Signature>(pkcs1v15::VerifyingKey::<Sha256>::new(rsa()?)),
        A::RS384 => public::<pkcs1v15::Signature>(pkcs1v15::VerifyingKey::<Sha384>::new(rsa()?)),
        A::RS512 => public::<pkcs1v15::Signature>(pkcs1v15::VerifyingKey::<Sha512>::new(rsa()?)),
        // The salt is as long as the hash (RFC 7518 section 3.5), which is the default.
        A::PS256 => public::<pss::Signature>(pss::VerifyingKey::<Sha256>::new(rsa()?)),
        A::PS384 => public::<pss::Signature>(pss::VerifyingKey::<Sha384>::new(rsa()?)),
        A::PS512 => public::<pss::Signature>(pss::VerifyingKey::<Sha512>::new(rsa()?)),
        A::ES256 => public::<p256::Signature>(p256::VerifyingKey::from_sec1_bytes(key).ok()?),
        A::ES384 => public::<p384::Signature>(p384::VerifyingKey::from_sec1_bytes(key).ok()?),
        A::EdDSA => {
            let key = ed25519_dalek::VerifyingKey::try_from(key).ok()?;
            Some(Arc::new(move |message, signature| {
                ed25519_dalek::Signature::from_slice(signature)
                    .is_ok_and(|signature| key.verify_strict(message, &signature).is_ok())
            }))
        }
    }
}

/// The state contains the key. Every verification begins with a copy of it.
fn secret<M: KeyInit + Mac + Clone + Send + Sync + 'static>(key: &[u8]) -> Option<Prepared> {
    let state = <M as KeyInit>::new_from_slice(key).ok()?;
    Some(Arc::new(move |message, signature| {
        // Compares in constant time.
        let state = state.clone().chain_update(message);
        state.verify_slice(signature).is_ok()
    }))
}

fn public<S: for<'a> TryFrom<&'a [u8]>>(
    key: impl Verifier<S> + Send + Sync + 'static,
) -> Option<Prepared> {
    Some(Arc::new(move |message, signature| {
        S::try_from(signature).is_ok_and(|signature| key.verify(message, &signature).is_ok())
    }))
}
