//! Public keys as JSON Web Keys, for who issues tokens.

use super::{Key, checks, der};
use crate::{
    ConfigError,
    jwt::{Algorithm, algorithm::Family},
};
use ::der::Decode;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use pkcs1::RsaPublicKeyRef;
#[cfg(feature = "issue")]
use sha2::{Digest, Sha256};

impl Key {
    /// A public key as backends give it: `RSAPublicKey` in DER, an uncompressed point, or the 32
    /// bytes of Ed25519.
    pub(crate) fn from_public(algorithm: Algorithm, public: &[u8]) -> Result<Self, ConfigError> {
        let bytes = match algorithm.family() {
            Family::Rsa => der::from_der(algorithm, public),
            curve @ (Family::P256 | Family::P384) => checks::point(algorithm, curve, public),
            Family::Ed25519 => checks::ed25519(algorithm, public),
            Family::Hmac => Err(ConfigError::new("a shared secret has no public half")),
        };
        Self::new(algorithm, bytes?)
    }

    /// Returns the key as backends give it, see [`from_public`](Self::from_public), or the bytes of a
    /// shared secret.
    #[cfg(feature = "jsonwebtoken-12")]
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// An RSA public key by its modulus and exponent, both big-endian.
    #[cfg(feature = "jsonwebtoken-12")]
    pub(crate) fn from_rsa_components(
        algorithm: Algorithm,
        n: &[u8],
        e: &[u8],
    ) -> Result<Self, ConfigError> {
        Self::new(algorithm, checks::rsa(algorithm, n, e)?)
    }

    /// The members that make up the key, in the order of RFC 7638 section 3.2; `None` for a
    /// secret.
    fn members(&self) -> Option<String> {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let bytes = &self.bytes;
        Some(match self.algorithm().family() {
            Family::Hmac => return None,
            Family::Rsa => {
                let key = RsaPublicKeyRef::from_der(bytes).ok()?;
                let (e, n) = (key.public_exponent.as_bytes(), key.modulus.as_bytes());
                format!(r#""e":"{}","kty":"RSA","n":"{}""#, text(e), text(n))
            }
            curve @ (Family::P256 | Family::P384) => {
                let size = curve.coordinate_len();
                let (x, y) = bytes.get(1..)?.split_at_checked(size)?;
                let (bits, x, y) = (8 * size, text(x), text(y));
                format!(r#""crv":"P-{bits}","kty":"EC","x":"{x}","y":"{y}""#)
            }
            Family::Ed25519 => format!(r#""crv":"Ed25519","kty":"OKP","x":"{}""#, text(bytes)),
        })
    }

    /// The thumbprint of the key (RFC 7638), by SHA-256; `None` for a secret.
    #[cfg(feature = "issue")]
    pub(crate) fn thumbprint(&self) -> Option<String> {
        let digest = Sha256::digest(format!("{{{}}}", self.members()?));
        Some(URL_SAFE_NO_PAD.encode(digest))
    }

    /// The key as a JWK (RFC 7517 section 4); `None` for a secret, which is not published.
    pub(crate) fn to_public_jwk(&self) -> Option<String> {
        let kid = self.key_id().map(serde_json::Value::from);
        let kid = kid
            .map(|kid| format!(r#","kid":{kid}"#))
            .unwrap_or_default();
        let (members, algorithm) = (self.members()?, self.algorithm());
        Some(format!(
            r#"{{{members},"alg":"{algorithm}","use":"sig"{kid}}}"#
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_thumbprint_is_that_of_the_specification() {
        // RFC 7638 section 3.1.
        let key = Key::from_jwk(
            r#"{"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB","alg":"RS256","kid":"2011-04-29"}"#,
        )
        .unwrap();
        assert_eq!(
            key.thumbprint().as_deref(),
            Some("NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs")
        );
        // RFC 8037 appendix A.3.
        let key = Key::from_jwk(
            r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#,
        )
        .unwrap();
        assert_eq!(
            key.thumbprint().as_deref(),
            Some("kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k")
        );
    }

    #[test]
    fn what_is_published_is_the_key() {
        let key = Key::from_jwk(
            r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","kid":"a\"b"}"#,
        )
        .unwrap();
        let again = Key::from_jwk(&key.to_public_jwk().unwrap()).unwrap();
        assert!(again.is_same(&key));
        assert_eq!(again.key_id(), Some("a\"b"));
        let secret = Key::from_secret(Algorithm::HS256, [7; 32]).unwrap();
        assert!(secret.to_public_jwk().is_none() && secret.thumbprint().is_none());
    }
}
