//! Algorithms and keys.

use crate::{
    ConfigError,
    jwt::{Algorithm, Key, KeySet, SkippedKey},
};
use jsonwebtoken::{
    AlgorithmFamily, DecodingKey, DecodingKeyKind,
    jwk::{AlgorithmParameters, Jwk, JwkSet},
};
use zeroize::Zeroizing;

type Theirs = jsonwebtoken::Algorithm;

impl TryFrom<Theirs> for Algorithm {
    type Error = ConfigError;

    fn try_from(algorithm: Theirs) -> Result<Self, ConfigError> {
        Ok(match algorithm {
            Theirs::HS256 => Self::HS256,
            Theirs::HS384 => Self::HS384,
            Theirs::HS512 => Self::HS512,
            Theirs::RS256 => Self::RS256,
            Theirs::RS384 => Self::RS384,
            Theirs::RS512 => Self::RS512,
            Theirs::PS256 => Self::PS256,
            Theirs::PS384 => Self::PS384,
            Theirs::PS512 => Self::PS512,
            Theirs::ES256 => Self::ES256,
            Theirs::ES384 => Self::ES384,
            Theirs::EdDSA => Self::EdDSA,
            other => {
                return Err(ConfigError::new(format!(
                    "invalid algorithm: {other:?} is not supported"
                )));
            }
        })
    }
}

impl TryFrom<Algorithm> for Theirs {
    type Error = ConfigError;

    fn try_from(algorithm: Algorithm) -> Result<Self, ConfigError> {
        algorithm.as_str().parse().map_err(|error| {
            ConfigError::new(format!(
                "invalid algorithm: jsonwebtoken does not support {algorithm}"
            ))
            .with_source(error)
        })
    }
}

/// Converts a JWK as [`Key::from_jwk`] reads it. Private members are lost before the conversion, so
/// that a JWK of a private key is not rejected.
impl TryFrom<&Jwk> for Key {
    type Error = ConfigError;

    fn try_from(jwk: &Jwk) -> Result<Self, ConfigError> {
        // `jsonwebtoken` reads a known `kty` as `Other` if a member is missing, of the wrong type or
        // duplicate, and keeps the last of the duplicates.
        if let AlgorithmParameters::Other(_) = &jwk.algorithm {
            return Err(ConfigError::new(
                "invalid JWK: \"kty\" is unknown, or a member of the key is missing, duplicate, or of the wrong type",
            ));
        }
        let text = serde_json::to_string(jwk).map(Zeroizing::new);
        let text = text.map_err(|error| {
            ConfigError::new("invalid JWK: it cannot be written as JSON").with_source(error)
        })?;
        Self::from_jwk(&text)
    }
}

/// Converts a public key with its `kid` and `alg`. A shared secret is an error: `Debug` of a `Jwk`
/// would print it.
impl TryFrom<&Key> for Jwk {
    type Error = ConfigError;

    fn try_from(key: &Key) -> Result<Self, ConfigError> {
        let jwk = key.to_public_jwk().ok_or_else(|| {
            ConfigError::new("invalid key: a shared secret is not converted to a public JWK")
        })?;
        serde_json::from_str(&jwk).map_err(|error| {
            ConfigError::new("invalid key: jsonwebtoken cannot read it as a JWK").with_source(error)
        })
    }
}

/// Converts a set as [`KeySet::from_jwks`] reads it: keys that cannot be used are
/// [skipped](KeySet::skipped_keys).
impl TryFrom<&JwkSet> for KeySet {
    type Error = ConfigError;

    fn try_from(set: &JwkSet) -> Result<Self, ConfigError> {
        let entries = set.keys.iter().map(|jwk| {
            let key_id = jwk.common.key_id.as_deref();
            Key::try_from(jwk).map_err(|error| SkippedKey::new(key_id, &error))
        });
        Self::of(entries).of_one_kind()
    }
}

/// Converts the keys of the set; skipped keys are not part of it.
impl TryFrom<&KeySet> for JwkSet {
    type Error = ConfigError;

    fn try_from(set: &KeySet) -> Result<Self, ConfigError> {
        let keys = set.keys().map(Jwk::try_from).collect::<Result<_, _>>()?;
        Ok(Self { keys })
    }
}

/// Converts a key for one algorithm. The key has no `kid`, see [`Key::with_key_id`].
impl TryFrom<(Algorithm, &DecodingKey)> for Key {
    type Error = ConfigError;

    fn try_from((algorithm, key): (Algorithm, &DecodingKey)) -> Result<Self, ConfigError> {
        let family = check_family(algorithm, key.family())?;
        match (key.kind(), family) {
            (DecodingKeyKind::RsaModulusExponent { n, e }, _) => {
                Self::from_rsa_components(algorithm, n, e)
            }
            (DecodingKeyKind::SecretOrDer(secret), AlgorithmFamily::Hmac) => {
                Self::from_secret(algorithm, secret)
            }
            // `jsonwebtoken` keeps the inner key of a PEM file: a point, or the bytes of Ed25519.
            // Its constructors `from_…_der` keep any bytes.
            (DecodingKeyKind::SecretOrDer(point), AlgorithmFamily::Ec)
                if point.first() == Some(&4) =>
            {
                Self::from_public(algorithm, point)
            }
            (DecodingKeyKind::SecretOrDer(key), AlgorithmFamily::Ed) if key.len() == 32 => {
                Self::from_public(algorithm, key)
            }
            (DecodingKeyKind::SecretOrDer(der), _) => Self::from_der(algorithm, der),
        }
    }
}

/// Converts the key without its `kid`. A `DecodingKey` does not remember the algorithm:
/// `Validation` must name it.
impl TryFrom<&Key> for DecodingKey {
    type Error = ConfigError;

    fn try_from(key: &Key) -> Result<Self, ConfigError> {
        let bytes = key.as_bytes();
        Ok(match Theirs::try_from(key.algorithm())?.family() {
            AlgorithmFamily::Hmac => Self::from_secret(bytes)
                .map_err(|error| ConfigError::new("invalid secret").with_source(error))?,
            AlgorithmFamily::Rsa => Self::from_rsa_der(bytes),
            AlgorithmFamily::Ec => Self::from_ec_der(bytes),
            AlgorithmFamily::Ed => Self::from_ed_der(bytes),
        })
    }
}

/// Returns the family of the algorithm, if a key of this family fits it.
pub(super) fn check_family(
    algorithm: Algorithm,
    family: AlgorithmFamily,
) -> Result<AlgorithmFamily, ConfigError> {
    if Theirs::try_from(algorithm)?.family() == family {
        return Ok(family);
    }
    Err(ConfigError::new(format!(
        "invalid key: a key of the family {family:?} does not fit {algorithm}"
    )))
}

#[cfg(feature = "issue")]
mod signing {
    use super::{Theirs, check_family};
    use crate::{ConfigError, issue::Signer, jwt::Algorithm};
    use der::{
        Decode, Encode,
        asn1::{AnyRef, ObjectIdentifier, OctetStringRef},
    };
    use jsonwebtoken::{AlgorithmFamily, EncodingKey};
    use pkcs8::{AlgorithmIdentifierRef, PrivateKeyInfoRef};
    use zeroize::Zeroizing;

    /// The algorithm identifier of RSA keys (RFC 8017 appendix A.1).
    const RSA: AlgorithmIdentifierRef<'static> = AlgorithmIdentifierRef {
        oid: ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1"),
        parameters: Some(AnyRef::NULL),
    };

    /// Converts a key for one algorithm. Its `kid` is its thumbprint (RFC 7638), and a shared secret
    /// has none; see [`Signer::with_key_id`].
    impl TryFrom<(Algorithm, &EncodingKey)> for Signer {
        type Error = ConfigError;

        fn try_from((algorithm, key): (Algorithm, &EncodingKey)) -> Result<Self, ConfigError> {
            let bytes = key.as_bytes();
            match check_family(algorithm, key.family())? {
                AlgorithmFamily::Hmac => Self::from_secret(algorithm, bytes),
                // `jsonwebtoken` keeps RSA keys as PKCS #1, the other ones as PKCS #8.
                AlgorithmFamily::Rsa if PrivateKeyInfoRef::from_der(bytes).is_err() => {
                    Self::from_der(algorithm, &*wrap(bytes)?)
                }
                _ => Self::from_der(algorithm, bytes),
            }
        }
    }

    /// Converts the private key or the secret, without its `kid`: set it in the `Header`.
    impl TryFrom<&Signer> for EncodingKey {
        type Error = ConfigError;

        fn try_from(signer: &Signer) -> Result<Self, ConfigError> {
            let invalid = || ConfigError::new("invalid private key: it is not PKCS #8");
            let family = Theirs::try_from(signer.algorithm())?.family();
            let Some(pkcs8) = signer.pkcs8() else {
                return Self::from_secret(signer.key().as_bytes())
                    .map_err(|error| ConfigError::new("invalid secret").with_source(error));
            };
            Ok(match family {
                AlgorithmFamily::Hmac => return Err(invalid()),
                AlgorithmFamily::Rsa => {
                    let info = PrivateKeyInfoRef::from_der(pkcs8).map_err(|_| invalid())?;
                    Self::from_rsa_der(info.private_key.as_bytes())
                }
                AlgorithmFamily::Ec => Self::from_ec_der(pkcs8),
                AlgorithmFamily::Ed => Self::from_ed_der(pkcs8),
            })
        }
    }

    /// Wraps an `RSAPrivateKey` (PKCS #1) in PKCS #8.
    fn wrap(pkcs1: &[u8]) -> Result<Zeroizing<Vec<u8>>, ConfigError> {
        OctetStringRef::new(pkcs1)
            .and_then(|key| PrivateKeyInfoRef::new(RSA, key).to_der())
            .map(Zeroizing::new)
            .map_err(|error| ConfigError::new("invalid RSA private key").with_source(error))
    }
}
