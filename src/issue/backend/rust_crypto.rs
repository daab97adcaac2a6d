//! Signatures by the crates of the RustCrypto project; those of RSA are left to the other one.

use super::prepared::{Pair, Signing, Unprepared};
use crate::{jwt::Algorithm, util::random};
use ::hmac::{Hmac, KeyInit, Mac};
use ed25519_dalek::pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _};
use p256::ecdsa::signature::Signer as _;
use sha2::{Sha256, Sha384, Sha512};
use zeroize::Zeroizing;

pub(super) fn pair(algorithm: Algorithm, pkcs8: &[u8]) -> Result<Pair, Unprepared> {
    let bad = |_| Unprepared::BadKey;
    Ok(match algorithm {
        Algorithm::ES256 => {
            let key = p256::SecretKey::from_pkcs8_der(pkcs8).map_err(bad)?;
            let key = p256::ecdsa::SigningKey::from(key);
            Pair {
                public: key.verifying_key().to_sec1_point(false).as_bytes().to_vec(),
                signing: Box::new(key),
            }
        }
        Algorithm::ES384 => {
            let key = p384::SecretKey::from_pkcs8_der(pkcs8).map_err(bad)?;
            let key = p384::ecdsa::SigningKey::from(key);
            Pair {
                public: key.verifying_key().to_sec1_point(false).as_bytes().to_vec(),
                signing: Box::new(key),
            }
        }
        Algorithm::EdDSA => {
            let key =
                ed25519_dalek::SigningKey::from_pkcs8_der(pkcs8).map_err(|_| Unprepared::BadKey)?;
            Pair {
                public: key.verifying_key().as_bytes().to_vec(),
                signing: Box::new(key),
            }
        }
        _ => return Err(Unprepared::NotHere),
    })
}

pub(super) fn secret(algorithm: Algorithm, secret: &[u8]) -> Result<Box<dyn Signing>, Unprepared> {
    let bad = |_| Unprepared::BadKey;
    Ok(match algorithm {
        Algorithm::HS256 => Box::new(Secret(Hmac::<Sha256>::new_from_slice(secret).map_err(bad)?)),
        Algorithm::HS384 => Box::new(Secret(Hmac::<Sha384>::new_from_slice(secret).map_err(bad)?)),
        Algorithm::HS512 => Box::new(Secret(Hmac::<Sha512>::new_from_slice(secret).map_err(bad)?)),
        _ => return Err(Unprepared::BadKey),
    })
}

pub(super) fn generate(algorithm: Algorithm) -> Result<Zeroizing<Vec<u8>>, Unprepared> {
    let bad = |_| Unprepared::BadKey;
    // A draw beyond the order of the group is as rare as it is refused.
    let document = match algorithm {
        Algorithm::ES256 => p256::SecretKey::from_slice(&*random::bytes::<32>().map_err(bad)?)
            .map_err(|_| Unprepared::BadKey)?
            .to_pkcs8_der(),
        Algorithm::ES384 => p384::SecretKey::from_slice(&*random::bytes::<48>().map_err(bad)?)
            .map_err(|_| Unprepared::BadKey)?
            .to_pkcs8_der(),
        Algorithm::EdDSA => {
            ed25519_dalek::SigningKey::from_bytes(&*random::bytes::<32>().map_err(bad)?)
                .to_pkcs8_der()
        }
        _ => return Err(Unprepared::NotHere),
    };
    Ok(document.map_err(|_| Unprepared::BadKey)?.to_bytes())
}

struct Secret<M>(M);

impl<M: Mac + Clone + Send + Sync> Signing for Secret<M> {
    fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        let mac = self.0.clone().chain_update(message);
        Some(mac.finalize().into_bytes().to_vec())
    }
}

// Deterministic nonces (RFC 6979): no randomness is drawn.
impl Signing for p256::ecdsa::SigningKey {
    fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        let signature: p256::ecdsa::Signature = self.try_sign(message).ok()?;
        Some(signature.to_bytes().to_vec())
    }
}

impl Signing for p384::ecdsa::SigningKey {
    fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        let signature: p384::ecdsa::Signature = self.try_sign(message).ok()?;
        Some(signature.to_bytes().to_vec())
    }
}

impl Signing for ed25519_dalek::SigningKey {
    fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        Some(self.try_sign(message).ok()?.to_bytes().to_vec())
    }
}
