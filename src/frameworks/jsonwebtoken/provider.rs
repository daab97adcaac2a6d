//! [`CRYPTO_PROVIDER`].

use crate::{
    ConfigError,
    jwt::{Algorithm, Key},
};
use der::{Decode, asn1::UintRef};
use jsonwebtoken::{
    DecodingKey, EncodingKey,
    crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils},
    errors::{Error, ErrorKind, Result, new_error},
    jwk::{EllipticCurve, ThumbprintHash},
    signature,
};
use pkcs1::{RsaPrivateKeyRef, RsaPublicKeyRef};
use pkcs8::PrivateKeyInfoRef;
use sha2::{Digest, Sha256, Sha384, Sha512};

type Theirs = jsonwebtoken::Algorithm;

/// The default [`Backend`](crate::jwt::Backend) of this crate as a provider of `jsonwebtoken`.
///
/// Call `CRYPTO_PROVIDER.install_default()` at the start of the process to use it; the features
/// `aws_lc_rs` and `rust_crypto` of `jsonwebtoken` are then not needed. Signing, and a `Jwk` from an
/// `EncodingKey`, need the feature `issue` of tower-auth.
///
/// Keys that this crate rejects are an error here as well: secrets that are shorter than the hash,
/// RSA keys of less than 2048 bits, Ed25519 keys of small order. Without the feature `aws-lc-rs`,
/// nothing is signed with RSA.
///
/// ```no_run
/// use tower_auth::jsonwebtoken::CRYPTO_PROVIDER;
///
/// CRYPTO_PROVIDER.install_default().expect("no provider was installed before");
/// ```
pub static CRYPTO_PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: signer,
    verifier_factory: verifier,
    key_utils: KeyUtils {
        rsa_pub_components_from_private_key: rsa_components_of_private,
        rsa_pub_components_from_public_key: rsa_components_of_public,
        ec_pub_components_from_private_key: ec_components,
        ed_pub_components_from_private_key: ed_components,
        compute_digest: digest,
    },
};

struct Verifier {
    algorithm: Theirs,
    key: Key,
}

impl JwtVerifier for Verifier {
    fn algorithm(&self) -> Theirs {
        self.algorithm
    }
}

impl signature::Verifier<Vec<u8>> for Verifier {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> signature::Result<()> {
        match self.key.verify(message, signature) {
            true => Ok(()),
            false => Err(signature::Error::new()),
        }
    }
}

fn verifier(algorithm: &Theirs, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>> {
    let key = Algorithm::try_from(*algorithm).and_then(|ours| Key::try_from((ours, key)));
    Ok(Box::new(Verifier {
        algorithm: *algorithm,
        key: key.map_err(rejected)?,
    }))
}

#[cfg(feature = "issue")]
mod signing {
    use super::{Algorithm, EncodingKey, JwtSigner, Result, Theirs, rejected, signature};
    use crate::issue;

    struct Signer {
        algorithm: Theirs,
        signer: issue::Signer,
    }

    impl JwtSigner for Signer {
        fn algorithm(&self) -> Theirs {
            self.algorithm
        }
    }

    impl signature::Signer<Vec<u8>> for Signer {
        fn try_sign(&self, message: &[u8]) -> signature::Result<Vec<u8>> {
            self.signer.sign(message).ok_or_else(signature::Error::new)
        }
    }

    pub(super) fn signer(algorithm: &Theirs, key: &EncodingKey) -> Result<Box<dyn JwtSigner>> {
        let ours = Algorithm::try_from(*algorithm);
        let signer = ours.and_then(|ours| issue::Signer::try_from((ours, key)));
        Ok(Box::new(Signer {
            algorithm: *algorithm,
            signer: signer.map_err(rejected)?,
        }))
    }

    /// Returns the public half of a private key, as backends give it.
    pub(super) fn public(algorithm: Algorithm, pkcs8: &[u8]) -> Result<Vec<u8>> {
        let signer = issue::Signer::from_der(algorithm, pkcs8).map_err(rejected)?;
        Ok(signer.key().as_bytes().to_vec())
    }
}

#[cfg(not(feature = "issue"))]
mod signing {
    use super::{Algorithm, EncodingKey, JwtSigner, Result, Theirs, provider_error};

    const MISSING: &str = "signing needs the feature \"issue\" of tower-auth";

    pub(super) fn signer(_: &Theirs, _: &EncodingKey) -> Result<Box<dyn JwtSigner>> {
        Err(provider_error(MISSING))
    }

    pub(super) fn public(_: Algorithm, _: &[u8]) -> Result<Vec<u8>> {
        Err(provider_error(MISSING))
    }
}

use signing::{public, signer};

fn rsa_components_of_private(der: &[u8]) -> Result<(Vec<u8>, Vec<u8>)> {
    let invalid = |_| new_error(ErrorKind::InvalidRsaKey("not a private key in DER".into()));
    let info = PrivateKeyInfoRef::from_der(der);
    let pkcs1 = info
        .as_ref()
        .map_or(der, |info| info.private_key.as_bytes());
    let key = RsaPrivateKeyRef::from_der(pkcs1).map_err(invalid)?;
    Ok(components(&key.public_key()))
}

fn rsa_components_of_public(der: &[u8]) -> Result<(Vec<u8>, Vec<u8>)> {
    let key = Key::from_der(Algorithm::RS256, der).map_err(rejected)?;
    let key = RsaPublicKeyRef::from_der(key.as_bytes())
        .map_err(|error| new_error(ErrorKind::InvalidRsaKey(error.to_string())))?;
    Ok(components(&key))
}

fn components(key: &RsaPublicKeyRef<'_>) -> (Vec<u8>, Vec<u8>) {
    let bytes = |number: UintRef<'_>| number.as_bytes().to_vec();
    (bytes(key.modulus), bytes(key.public_exponent))
}

fn ec_components(der: &[u8], algorithm: Theirs) -> Result<(EllipticCurve, Vec<u8>, Vec<u8>)> {
    let invalid = || new_error(ErrorKind::InvalidEcdsaKey);
    let (ours, curve, size) = match algorithm {
        Theirs::ES256 => (Algorithm::ES256, EllipticCurve::P256, 32),
        Theirs::ES384 => (Algorithm::ES384, EllipticCurve::P384, 48),
        _ => return Err(invalid()),
    };
    let point = public(ours, der)?;
    let coordinates = point.get(1..).and_then(|xy| xy.split_at_checked(size));
    let (x, y) = coordinates.ok_or_else(invalid)?;
    Ok((curve, x.to_vec(), y.to_vec()))
}

fn ed_components(der: &[u8], curve: &EllipticCurve) -> Result<Vec<u8>> {
    match curve {
        EllipticCurve::Ed25519 => public(Algorithm::EdDSA, der),
        _ => Err(new_error(ErrorKind::InvalidEddsaKey)),
    }
}

fn digest(data: &[u8], hash: ThumbprintHash) -> Result<Vec<u8>> {
    Ok(match hash {
        ThumbprintHash::SHA256 => Sha256::digest(data).to_vec(),
        ThumbprintHash::SHA384 => Sha384::digest(data).to_vec(),
        ThumbprintHash::SHA512 => Sha512::digest(data).to_vec(),
        other => return Err(provider_error(&format!("{other:?} is not supported"))),
    })
}

#[allow(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn rejected(error: ConfigError) -> Error {
    provider_error(&error.to_string())
}

fn provider_error(text: &str) -> Error {
    new_error(ErrorKind::Provider(text.to_owned()))
}
