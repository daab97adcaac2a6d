//! [`Key`]: verifies signatures of one algorithm.

use super::{
    checks::{self, Bytes},
    der,
};
use crate::{
    ConfigError,
    jwt::{Algorithm, Backend, backend::Prepared},
};
use std::{fmt, sync::Arc};

/// A key that verifies signatures of one algorithm, parsed once. Cloning is cheap.
///
/// The algorithm is the key's, not the token's: a token that names another one is refused. What
/// is too weak for its algorithm, or no key at all, fails here, at start-up:
///
/// - a secret shorter than the hash (32, 48 or 64 bytes; RFC 7518 section 3.2),
/// - an RSA modulus under 2048 bits (RFC 7518 section 3.3) or over 8192, an exponent that is
///   even, 1, or over 33 bits,
/// - a point that is not on the algorithm's curve, an Ed25519 key of small order,
/// - a private key where a public one belongs.
#[derive(Clone)]
pub struct Key {
    id: Option<Arc<str>>,
    algorithm: Algorithm,
    /// A shared secret, `RSAPublicKey` in DER (RFC 8017 appendix A.1.1), an uncompressed point (SEC 1
    /// section 2.3.3), or the 32 bytes of Ed25519. The bytes have passed `checks`.
    pub(super) bytes: Arc<Bytes>,
    backend: Backend,
    prepared: Prepared,
}

impl Key {
    /// A shared secret, as bytes: decode it first if it is configured as text in base64 or hex.
    ///
    /// # Errors
    ///
    /// If the algorithm takes another kind of key, if the secret is shorter than the hash, or if
    /// it is a key in PEM by mistake.
    pub fn from_secret(
        algorithm: Algorithm,
        secret: impl AsRef<[u8]>,
    ) -> Result<Self, ConfigError> {
        Self::new(algorithm, checks::secret(algorithm, secret.as_ref())?)
    }

    /// A public key in PEM: `PUBLIC KEY`, or `RSA PUBLIC KEY` for RSA.
    ///
    /// # Errors
    ///
    /// If it is none (a private key, a certificate), or one that the algorithm does not take.
    pub fn from_pem(algorithm: Algorithm, pem: impl AsRef<[u8]>) -> Result<Self, ConfigError> {
        Self::new(algorithm, der::from_pem(algorithm, pem.as_ref())?)
    }

    /// A public key in DER: `SubjectPublicKeyInfo` (RFC 5280 section 4.1), or `RSAPublicKey`
    /// (RFC 8017 appendix A.1.1) for RSA.
    ///
    /// # Errors
    ///
    /// If it is none, or one that the algorithm does not take.
    pub fn from_der(algorithm: Algorithm, der: impl AsRef<[u8]>) -> Result<Self, ConfigError> {
        Self::new(algorithm, der::from_der(algorithm, der.as_ref())?)
    }

    /// The same key under this name, which tokens call it by (`kid`).
    #[must_use]
    pub fn with_key_id(mut self, key_id: impl Into<Arc<str>>) -> Self {
        self.id = Some(key_id.into());
        self
    }

    /// What tokens call the key.
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// The one algorithm that the key is for.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Prepares a key that has passed `checks` by the default backend.
    pub(super) fn new(algorithm: Algorithm, bytes: Bytes) -> Result<Self, ConfigError> {
        let backend = Backend::chosen(None)?;
        Ok(Self {
            id: None,
            algorithm,
            prepared: backend.prepare(algorithm, &bytes)?,
            bytes: Arc::new(bytes),
            backend,
        })
    }

    /// Returns the same key, prepared by this backend, or by the default one.
    pub(crate) fn on(mut self, backend: Option<Backend>) -> Result<Self, ConfigError> {
        let backend = Backend::chosen(backend)?;
        if self.backend != backend {
            self.prepared = backend.prepare(self.algorithm, &self.bytes)?;
            self.backend = backend;
        }
        Ok(self)
    }

    /// Returns whether the signature of the message is valid.
    pub(crate) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        (self.prepared)(message, signature)
    }

    /// Returns whether the other key is the same public key, for the same algorithm and under the
    /// same name. Shared secrets are never compared.
    #[cfg(any(test, feature = "jwks"))]
    pub(in crate::jwt) fn is_same(&self, other: &Self) -> bool {
        !self.is_secret() && self.is_like(other) && self.bytes == other.bytes
    }

    pub(in crate::jwt) fn is_secret(&self) -> bool {
        self.algorithm.is_symmetric()
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key")
            .field("kid", &self.id)
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}
