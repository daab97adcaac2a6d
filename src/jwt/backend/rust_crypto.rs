//! Signatures by the crates of the RustCrypto project.

use super::prepared::{BadKey, Material, Prepared};
use crate::jwt::Algorithm;
use ::hmac::{Hmac, KeyInit, Mac};
use ::rsa::{PublicKey, pkcs1::DecodeRsaPublicKey, pkcs1v15, pss};
use sha2::{Digest, Sha256, Sha384, Sha512, digest::FixedOutputReset};

pub(super) const COMPILED: bool = true;

pub(super) fn prepare(
    algorithm: Algorithm,
    material: &Material,
) -> Result<Box<dyn Prepared>, BadKey> {
    use Algorithm as A;
    Ok(match (algorithm, material) {
        (A::HS256, Material::Secret(secret)) => Box::new(keyed::<Hmac<Sha256>>(secret)?),
        (A::HS384, Material::Secret(secret)) => Box::new(keyed::<Hmac<Sha384>>(secret)?),
        (A::HS512, Material::Secret(secret)) => Box::new(keyed::<Hmac<Sha512>>(secret)?),
        (_, Material::Rsa(pkcs1)) => {
            // The crate takes 1024 to 8192 bits; shorter keys are rejected before.
            let key = PublicKey::from_pkcs1_der(pkcs1).map_err(|_| BadKey)?;
            match algorithm {
                A::RS256 => Box::new(pkcs1v15::VerifyingKey::<Sha256>::new(key)),
                A::RS384 => Box::new(pkcs1v15::VerifyingKey::<Sha384>::new(key)),
                A::RS512 => Box::new(pkcs1v15::VerifyingKey::<Sha512>::new(key)),
                // The salt is as long as the hash (RFC 7518 section 3.5), which is the default.
                A::PS256 => Box::new(pss::VerifyingKey::<Sha256>::new(key)),
                A::PS384 => Box::new(pss::VerifyingKey::<Sha384>::new(key)),
                A::PS512 => Box::new(pss::VerifyingKey::<Sha512>::new(key)),
                _ => return Err(BadKey),
            }
        }
        (A::ES256, Material::Point(point)) => {
            Box::new(p256::ecdsa::VerifyingKey::from_sec1_bytes(point).map_err(|_| BadKey)?)
        }
        (A::ES384, Material::Point(point)) => {
            Box::new(p384::ecdsa::VerifyingKey::from_sec1_bytes(point).map_err(|_| BadKey)?)
        }
        (A::EdDSA, Material::Ed25519(key)) => {
            Box::new(ed25519_dalek::VerifyingKey::from_bytes(key).map_err(|_| BadKey)?)
        }
        _ => return Err(BadKey),
    })
}

/// A state with the key in it. Every verification begins with a copy of it.
struct Keyed<M>(M);

fn keyed<M: KeyInit>(secret: &[u8]) -> Result<Keyed<M>, BadKey> {
    let state = M::new_from_slice(secret);
    state.map(Keyed).map_err(|_| BadKey)
}

impl<M: Mac + Clone + Send + Sync> Prepared for Keyed<M> {
    fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        // Compares in constant time.
        self.0
            .clone()
            .chain_update(message)
            .verify_slice(signature)
            .is_ok()
    }
}

impl<D> Prepared for pkcs1v15::VerifyingKey<D>
where
    D: Digest + Send + Sync,
{
    fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        pkcs1v15::Signature::try_from(signature).is_ok_and(|signature| {
            ::rsa::signature::Verifier::verify(self, message, &signature).is_ok()
        })
    }
}

impl<D> Prepared for pss::VerifyingKey<D>
where
    D: Digest + FixedOutputReset + Send + Sync,
{
    fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        pss::Signature::try_from(signature).is_ok_and(|signature| {
            ::rsa::signature::Verifier::verify(self, message, &signature).is_ok()
        })
    }
}

impl Prepared for p256::ecdsa::VerifyingKey {
    fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        p256::ecdsa::Signature::from_slice(signature).is_ok_and(|signature| {
            p256::ecdsa::signature::Verifier::verify(self, message, &signature).is_ok()
        })
    }
}

impl Prepared for p384::ecdsa::VerifyingKey {
    fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        p384::ecdsa::Signature::from_slice(signature).is_ok_and(|signature| {
            p384::ecdsa::signature::Verifier::verify(self, message, &signature).is_ok()
        })
    }
}

impl Prepared for ed25519_dalek::VerifyingKey {
    fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        ed25519_dalek::Signature::from_slice(signature)
            .is_ok_and(|signature| self.verify_strict(message, &signature).is_ok())
    }
}
