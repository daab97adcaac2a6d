//! [`Signer`]: signs tokens with one algorithm.

use super::backend::{self, Signing};
use crate::{
    ConfigError,
    jwt::{Algorithm, Backend, Key},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use der::pem::{LineEnding, decode_vec, encode_string};
use serde::Serialize;
use std::{fmt, sync::Arc};
use zeroize::Zeroizing;

/// A key that signs tokens with one algorithm, parsed once. Cloning is cheap; `Debug` shows its
/// name and its algorithm.
///
/// A key that is too weak for its algorithm is an error at start-up, as with [`Key`].
///
/// ```
/// use tower_auth::{issue::Signer, jwt::Algorithm};
///
/// let signer = Signer::generate(Algorithm::ES256)?;
/// let pem = signer.to_pem().expect("a key pair"); // to be kept where secrets are
/// let again = Signer::from_pem(Algorithm::ES256, pem.as_bytes())?;
/// assert_eq!(again.key_id(), signer.key_id());
/// # Ok::<(), tower_auth::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct Signer {
    /// Verifies what this signs; its name is this one's.
    key: Key,
    private: Arc<Private>,
}

struct Private {
    signing: Box<dyn Signing>,
    pkcs8: Option<Zeroizing<Vec<u8>>>,
}

impl Signer {
    /// A shared secret, as bytes: whoever verifies could sign, too.
    ///
    /// It has no `kid`, see [`with_key_id`](Self::with_key_id).
    ///
    /// # Errors
    ///
    /// If the algorithm takes another kind of key, or the secret is shorter than its hash.
    pub fn from_secret(
        algorithm: Algorithm,
        secret: impl AsRef<[u8]>,
    ) -> Result<Self, ConfigError> {
        let key = Key::from_secret(algorithm, secret.as_ref())?;
        let signing = backend::secret(compiled()?, algorithm, secret.as_ref())?;
        Ok(Self::of(key, signing, None))
    }

    /// A private key in PEM (`PRIVATE KEY`: PKCS #8, RFC 5958).
    ///
    /// Its `kid` is its thumbprint (RFC 7638), unless [another](Self::with_key_id) is given.
    ///
    /// # Errors
    ///
    /// If it is none, or one that the algorithm does not take.
    pub fn from_pem(algorithm: Algorithm, pem: impl AsRef<[u8]>) -> Result<Self, ConfigError> {
        let none = || {
            ConfigError::new(
                "this is not a private key in PEM (`PRIVATE KEY`); others become one by: openssl pkcs8 -topk8 -nocrypt",
            )
        };
        let (label, der) = decode_vec(pem.as_ref().trim_ascii()).map_err(|_| none())?;
        let der = Zeroizing::new(der);
        match label {
            "PRIVATE KEY" => Self::from_der(algorithm, &*der),
            _ => Err(none()),
        }
    }

    /// A private key in DER (PKCS #8, RFC 5958); otherwise as [`from_pem`](Self::from_pem).
    ///
    /// # Errors
    ///
    /// If it is none, or one that the algorithm does not take.
    pub fn from_der(algorithm: Algorithm, der: impl AsRef<[u8]>) -> Result<Self, ConfigError> {
        let der = der.as_ref();
        let pair = backend::pair(compiled()?, algorithm, der)?;
        let key = Key::from_public(algorithm, &pair.public)?;
        let key = match key.thumbprint() {
            Some(thumbprint) => key.with_key_id(thumbprint),
            None => key,
        };
        let pkcs8 = Zeroizing::new(der.to_vec());
        Ok(Self::of(key, pair.signing, Some(pkcs8)))
    }

    fn of(key: Key, signing: Box<dyn Signing>, pkcs8: Option<Zeroizing<Vec<u8>>>) -> Self {
        Self {
            key,
            private: Arc::new(Private { signing, pkcs8 }),
        }
    }

    /// A new key from the operating system's generator: RSA of 2048 bits, or of the algorithm's
    /// curve. Keep it by [`to_pem`](Self::to_pem), or what it signed ends with the process.
    ///
    /// # Errors
    ///
    /// If the algorithm takes a secret, or the operating system has no randomness to give.
    pub fn generate(algorithm: Algorithm) -> Result<Self, ConfigError> {
        if algorithm.is_symmetric() {
            return Err(ConfigError::new(
                "a secret is drawn by its owner: 32 random bytes or more, then `from_secret`",
            ));
        }
        Self::from_der(algorithm, &*backend::generate(compiled()?, algorithm)?)
    }

    /// The same key under another name (`kid`).
    #[must_use]
    pub fn with_key_id(mut self, key_id: impl Into<Arc<str>>) -> Self {
        self.key = self.key.with_key_id(key_id);
        self
    }

    /// The private key as PEM, to be kept where secrets are; `None` for a shared secret.
    #[must_use]
    pub fn to_pem(&self) -> Option<Zeroizing<String>> {
        let pkcs8 = self.private.pkcs8.as_deref()?;
        let pem = encode_string("PRIVATE KEY", LineEnding::LF, pkcs8).ok()?;
        Some(Zeroizing::new(pem))
    }

    /// Returns the key id in the header of tokens (`kid`).
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        self.key.key_id()
    }

    /// The one algorithm that the key is for.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.key.algorithm()
    }

    /// The key that verifies what this one signs.
    #[must_use]
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// Returns the private key as PKCS #8; `None` for a shared secret.
    #[cfg(feature = "jsonwebtoken-12")]
    pub(crate) fn pkcs8(&self) -> Option<&[u8]> {
        self.private.pkcs8.as_deref().map(Vec::as_slice)
    }

    /// Signs claims as a JWT (RFC 7519): `typ` is `JWT`, and `kid` the id of this key.
    ///
    /// For tokens that other servers verify, such as the assertion of a client. Access tokens for one's
    /// own routes come from a [`TokenIssuer`](super::TokenIssuer).
    ///
    /// # Errors
    ///
    /// If the claims are not a JSON object, or the key cannot sign.
    pub fn sign_jwt(&self, claims: &impl Serialize) -> Result<String, ConfigError> {
        let claims = serde_json::to_string(claims).ok();
        let claims = claims.filter(|claims| claims.starts_with('{'));
        let claims = claims.ok_or_else(|| ConfigError::new("claims must be a JSON object"))?;
        let mut header = serde_json::Map::new();
        header.insert("alg".into(), self.algorithm().as_str().into());
        header.insert("typ".into(), "JWT".into());
        if let Some(key_id) = self.key_id() {
            header.insert("kid".into(), key_id.into());
        }
        let header = serde_json::Value::Object(header).to_string();
        let mut token = URL_SAFE_NO_PAD.encode(header);
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(claims, &mut token);
        let signature = self.sign(token.as_bytes());
        let signature = signature.ok_or_else(|| ConfigError::new("the key cannot sign"))?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        Ok(token)
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        self.private.signing.sign(message)
    }
}

fn compiled() -> Result<Backend, ConfigError> {
    Backend::compiled().ok_or_else(|| {
        ConfigError::new("signing needs the feature \"aws-lc-rs\" or \"rust-crypto\" of tower-auth")
    })
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer")
            .field("algorithm", &self.algorithm())
            .field("key_id", &self.key_id())
            .finish_non_exhaustive()
    }
}
