//! Signatures by the crates of the RustCrypto project.

use super::{
    mac,
    prepared::{BadKey, Material, Prepared},
};
use crate::jwt::Algorithm;
use ::rsa::{
    BigUint, RsaPublicKey, pkcs1v15, pss,
    sha2::{Sha256 as RsaSha256, Sha384 as RsaSha384, Sha512 as RsaSha512},
};
use der::Decode;
use pkcs1::RsaPublicKeyRef;

pub(super) const COMPILED: bool = true;

pub(super) fn prepare(
    algorithm: Algorithm,
    material: &Material,
) -> Result<Box<dyn Prepared>, BadKey> {
    use Algorithm as A;
    Ok(match (algorithm, material) {
        (_, Material::Secret(_)) => mac::prepare(algorithm, material)?,
        (_, Material::Rsa(pkcs1)) => {
            let key = rsa(pkcs1)?;
            match algorithm {
                A::RS256 => Box::new(pkcs1v15::VerifyingKey::<RsaSha256>::new(key)),
                A::RS384 => Box::new(pkcs1v15::VerifyingKey::<RsaSha384>::new(key)),
                A::RS512 => Box::new(pkcs1v15::VerifyingKey::<RsaSha512>::new(key)),
                // The salt is as long as the hash (RFC 7518 section 3.5), which is the default.
                A::PS256 => Box::new(pss::VerifyingKey::<RsaSha256>::new(key)),
                A::PS384 => Box::new(pss::VerifyingKey::<RsaSha384>::new(key)),
                A::PS512 => Box::new(pss::VerifyingKey::<RsaSha512>::new(key)),
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

fn rsa(pkcs1: &[u8]) -> Result<RsaPublicKey, BadKey> {
    let key = RsaPublicKeyRef::from_der(pkcs1).map_err(|_| BadKey)?;
    let n = BigUint::from_bytes_be(key.modulus.as_bytes());
    let e = BigUint::from_bytes_be(key.public_exponent.as_bytes());
    // By itself the crate stops at 4096 bits; what is too large has been refused before.
    let bits = n.bits();
    RsaPublicKey::new_with_max_size(n, e, bits).map_err(|_| BadKey)
}

impl<D> Prepared for pkcs1v15::VerifyingKey<D>
where
    D: ::rsa::sha2::Digest + Send + Sync,
{
    fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        pkcs1v15::Signature::try_from(signature).is_ok_and(|signature| {
            ::rsa::signature::Verifier::verify(self, message, &signature).is_ok()
        })
    }
}

impl<D> Prepared for pss::VerifyingKey<D>
where
    D: ::rsa::sha2::Digest + ::rsa::sha2::digest::FixedOutputReset + Send + Sync,
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
