//! One JSON Web Key (RFC 7517, RFC 7518 section 6, RFC 8037 section 2).

use super::{Key, checks, der};
use crate::{
    ConfigError,
    error::fail_if,
    json::{Document, Members, Value},
    jwt::{Algorithm, algorithm::Family},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

/// The members of an object that should be a key; `None` if the value is not an object.
pub(in crate::jwt) struct Jwk<'a>(pub(in crate::jwt) Option<&'a Members<'a>>);

impl<'a> Jwk<'a> {
    fn member(&self, name: &str) -> Option<&'a Value<'a>> {
        self.0?.named(name)
    }

    /// The `kid`, if it is a string.
    pub(in crate::jwt) fn id(&self) -> Option<&'a str> {
        self.member("kid")?.as_str()
    }

    /// The key, if it can verify signatures. `rsa` is the algorithm of an RSA key without `alg`.
    pub(in crate::jwt) fn key(&self, rsa: Algorithm) -> Result<Key, ConfigError> {
        let kind = self.required("kty")?;
        self.verifies()?;
        let default = match kind {
            "oct" => None,
            "RSA" => Some(rsa),
            "EC" => match self.text("crv")? {
                Some("P-256") => Some(Algorithm::ES256),
                Some("P-384") => Some(Algorithm::ES384),
                _ => return Err(ConfigError::new("the curve is neither P-256 nor P-384")),
            },
            "OKP" => match self.text("crv")? {
                Some("Ed25519") => Some(Algorithm::EdDSA),
                _ => return Err(ConfigError::new("the curve is not Ed25519")),
            },
            _ => return Err(ConfigError::new("\"kty\" is none of oct, RSA, EC and OKP")),
        };
        let algorithm = self.algorithm()?.or(default).ok_or_else(|| {
            ConfigError::new("\"alg\" is missing, and a secret has no algorithm of its own")
        })?;
        let family = default.map_or(Family::Hmac, Algorithm::family);
        if family != Family::Hmac {
            self.is_public()?;
        }
        let bytes = match family {
            Family::Hmac => checks::secret(algorithm, &self.bytes("k")?),
            Family::Rsa => checks::rsa(algorithm, &self.bytes("n")?, &self.bytes("e")?),
            Family::P256 | Family::P384 => checks::point(algorithm, family, &self.point(family)?),
            Family::Ed25519 => checks::ed25519(algorithm, &self.bytes("x")?),
        };
        let key = Key::new(algorithm, bytes?)?;
        Ok(match self.text("kid")? {
            Some(id) => key.with_key_id(id),
            None => key,
        })
    }

    fn algorithm(&self) -> Result<Option<Algorithm>, ConfigError> {
        let named = |name: &str| {
            let unknown = || ConfigError::new(format!("the algorithm {name:?} is not supported"));
            Algorithm::named(name).ok_or_else(unknown)
        };
        self.text("alg")?.map(named).transpose()
    }

    /// Refuses a key for another purpose (RFC 7517 sections 4.2 and 4.3).
    fn verifies(&self) -> Result<(), ConfigError> {
        fail_if!(
            self.text("use")?.is_some_and(|purpose| purpose != "sig"),
            "\"use\" is not \"sig\""
        );
        let Some(operations) = self.member("key_ops") else {
            return Ok(());
        };
        match operations.elements() {
            None => Err(ConfigError::new("\"key_ops\" is not an array")),
            Some(names) if names.iter().any(|name| name.is_str("verify")) => Ok(()),
            Some(_) => Err(ConfigError::new("\"key_ops\" does not hold \"verify\"")),
        }
    }

    /// Refuses the private half: where verifiers get it, everybody may have it.
    fn is_public(&self) -> Result<(), ConfigError> {
        let private = ["d", "p", "q", "dp", "dq", "qi", "oth"];
        match private.iter().any(|name| self.member(name).is_some()) {
            true => Err(der::private()),
            false => Ok(()),
        }
    }

    /// Both coordinates, in their full size (RFC 7518 section 6.2.1.2), as SEC 1 writes them.
    fn point(&self, curve: Family) -> Result<Vec<u8>, ConfigError> {
        let size = curve.coordinate_len();
        let mut point = vec![4];
        for name in ["x", "y"] {
            let coordinate = self.bytes(name)?;
            fail_if!(coordinate.len() != size, "{name:?} has {size} bytes");
            point.extend_from_slice(&coordinate);
        }
        Ok(point)
    }

    /// A string, or nothing.
    fn text(&self, name: &str) -> Result<Option<&'a str>, ConfigError> {
        let wrong = || ConfigError::new(format!("{name:?} is not a string"));
        let text = |value: &'a Value<'a>| value.as_str().ok_or_else(wrong);
        self.member(name).map(text).transpose()
    }

    fn required(&self, name: &str) -> Result<&'a str, ConfigError> {
        let missing = || ConfigError::new(format!("{name:?} is missing"));
        self.text(name)?.ok_or_else(missing)
    }

    /// Bytes in base64url, which may be a secret.
    fn bytes(&self, name: &str) -> Result<Zeroizing<Vec<u8>>, ConfigError> {
        let bytes = URL_SAFE_NO_PAD.decode(self.required(name)?);
        // The cause would quote a byte of it.
        bytes
            .map(Zeroizing::new)
            .map_err(|_| ConfigError::new(format!("{name:?} is not base64url without padding")))
    }
}

impl Key {
    /// A JSON Web Key (RFC 7517), with its `kid`.
    ///
    /// The algorithm is its `alg`. Without one it is `RS256` for RSA, and that of the curve for
    /// EC and OKP; a secret has to say.
    ///
    /// # Errors
    ///
    /// If it is none, is too weak, is not meant for signatures (`use`, `key_ops`), is of an
    /// unknown kind, or holds the private half.
    pub fn from_jwk(jwk: &str) -> Result<Self, ConfigError> {
        let jwk = Document::read(jwk.as_bytes())
            .map_err(|error| ConfigError::new("this is not a JSON Web Key").with_source(error))?;
        Jwk(Some(&jwk)).key(Algorithm::RS256)
    }
}

/// A key of a JWK Set that cannot be used, see [`KeySet::skipped_keys`](crate::jwt::KeySet::skipped_keys).
#[derive(Clone, Debug)]
pub struct SkippedKey {
    kid: Option<Box<str>>,
    reason: Box<str>,
}

impl SkippedKey {
    pub(crate) fn new(kid: Option<&str>, reason: &ConfigError) -> Self {
        Self {
            kid: kid.map(Into::into),
            reason: reason.to_string().into(),
        }
    }

    /// What the set calls the key.
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// Why it cannot be used.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }
}
