//! Signatures by `aws-lc-rs`.

use super::prepared::{Pair, Signing, Unprepared};
use crate::jwt::Algorithm;
use ::aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der},
    hmac,
    rand::SystemRandom,
    rsa::KeySize,
    signature::{
        self, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair, RsaEncoding, RsaKeyPair,
    },
};
use zeroize::Zeroizing;

pub(super) fn pair(algorithm: Algorithm, pkcs8: &[u8]) -> Result<Pair, Unprepared> {
    use Algorithm as A;
    let bad = |_| Unprepared::BadKey;
    Ok(match algorithm {
        A::HS256 | A::HS384 | A::HS512 => return Err(Unprepared::BadKey),
        A::RS256 => rsa(&signature::RSA_PKCS1_SHA256, pkcs8)?,
        A::RS384 => rsa(&signature::RSA_PKCS1_SHA384, pkcs8)?,
        A::RS512 => rsa(&signature::RSA_PKCS1_SHA512, pkcs8)?,
        A::PS256 => rsa(&signature::RSA_PSS_SHA256, pkcs8)?,
        A::PS384 => rsa(&signature::RSA_PSS_SHA384, pkcs8)?,
        A::PS512 => rsa(&signature::RSA_PSS_SHA512, pkcs8)?,
        A::ES256 | A::ES384 => {
            let key = EcdsaKeyPair::from_pkcs8(curve(algorithm)?, pkcs8).map_err(bad)?;
            Pair {
                public: key.public_key().as_ref().to_vec(),
                signing: Box::new(key),
            }
        }
        A::EdDSA => {
            // Version 1 of PKCS #8 has no public key to check against.
            let key = Ed25519KeyPair::from_pkcs8_maybe_unchecked(pkcs8).map_err(bad)?;
            Pair {
                public: key.public_key().as_ref().to_vec(),
                signing: Box::new(key),
            }
        }
    })
}

fn curve(algorithm: Algorithm) -> Result<&'static EcdsaSigningAlgorithm, Unprepared> {
    // The fixed form is r and s one after the other (RFC 7518 section 3.4), not DER.
    match algorithm {
        Algorithm::ES256 => Ok(&signature::ECDSA_P256_SHA256_FIXED_SIGNING),
        Algorithm::ES384 => Ok(&signature::ECDSA_P384_SHA384_FIXED_SIGNING),
        _ => Err(Unprepared::BadKey),
    }
}

fn rsa(encoding: &'static dyn RsaEncoding, pkcs8: &[u8]) -> Result<Pair, Unprepared> {
    let key = RsaKeyPair::from_pkcs8(pkcs8).map_err(|_| Unprepared::BadKey)?;
    Ok(Pair {
        public: key.public_key().as_ref().to_vec(),
        signing: Box::new(Rsa { encoding, key }),
    })
}

pub(super) fn secret(algorithm: Algorithm, secret: &[u8]) -> Result<Box<dyn Signing>, Unprepared> {
    let hash = match algorithm {
        Algorithm::HS256 => hmac::HMAC_SHA256,
        Algorithm::HS384 => hmac::HMAC_SHA384,
        Algorithm::HS512 => hmac::HMAC_SHA512,
        _ => return Err(Unprepared::BadKey),
    };
    Ok(Box::new(hmac::Key::new(hash, secret)))
}

pub(super) fn generate(algorithm: Algorithm) -> Result<Zeroizing<Vec<u8>>, Unprepared> {
    let bad = |_| Unprepared::BadKey;
    let random = SystemRandom::new();
    let key = match algorithm {
        Algorithm::ES256 | Algorithm::ES384 => {
            EcdsaKeyPair::generate_pkcs8(curve(algorithm)?, &random)
                .map_err(bad)?
                .as_ref()
                .to_vec()
        }
        Algorithm::EdDSA => Ed25519KeyPair::generate_pkcs8v1(&random)
            .map_err(bad)?
            .as_ref()
            .to_vec(),
        _ => {
            let key = RsaKeyPair::generate(KeySize::Rsa2048).map_err(bad)?;
            let der: Pkcs8V1Der<'_> = key.as_der().map_err(bad)?;
            der.as_ref().to_vec()
        }
    };
    Ok(Zeroizing::new(key))
}

impl Signing for hmac::Key {
    fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        Some(hmac::sign(self, message).as_ref().to_vec())
    }
}

struct Rsa {
    encoding: &'static dyn RsaEncoding,
    key: RsaKeyPair,
}

impl Signing for Rsa {
    fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        let mut signature = vec![0; self.key.public_modulus_len()];
        let random = SystemRandom::new();
        self.key
            .sign(self.encoding, &random, message, &mut signature)
            .ok()?;
        Some(signature)
    }
}

impl Signing for EcdsaKeyPair {
    fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        let signature = self.sign(&SystemRandom::new(), message).ok()?;
        Some(signature.as_ref().to_vec())
    }
}

impl Signing for Ed25519KeyPair {
    fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        Some(self.try_sign(message).ok()?.as_ref().to_vec())
    }
}
