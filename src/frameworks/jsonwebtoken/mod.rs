//! Conversions between the keys of this crate and those of the crate `jsonwebtoken` 12, and this
//! crate's cryptography as a `CryptoProvider`.
//!
//! | `jsonwebtoken` | here | direction |
//! |---|---|---|
//! | `Algorithm` | [`Algorithm`](crate::jwt::Algorithm) | both |
//! | `jwk::Jwk` | [`Key`](crate::jwt::Key) | both; a shared secret is not converted to a `Jwk`, because `Debug` of a `Jwk` prints it |
//! | `jwk::JwkSet` | [`KeySet`](crate::jwt::KeySet) | both; the same for a set of shared secrets |
//! | `DecodingKey` | [`Key`](crate::jwt::Key) | both; a `DecodingKey` has no algorithm, so it is converted together with one |
//! | `EncodingKey` | [`issue::Signer`](crate::issue::Signer), feature `issue` | both; from an `EncodingKey` together with its algorithm |
//!
//! All conversions are `TryFrom`, and their error is a [`ConfigError`](crate::ConfigError): a key
//! that is too weak for this crate is rejected by the conversion, too.
//!
#![cfg_attr(feature = "issue", doc = "```")]
#![cfg_attr(not(feature = "issue"), doc = "```ignore")]
//! use jsonwebtoken::{DecodingKey, EncodingKey, Header, encode};
//! use tower_auth::{issue::Signer, jwt::{Algorithm, JwtVerifier, Key}};
//!
//! # let (old, secret) = (DecodingKey::from_secret(&[7; 32])?, [7; 32]);
//! // An existing `DecodingKey`, for a verifier of this crate.
//! let key = Key::try_from((Algorithm::HS256, &old))?;
//! let verifier = JwtVerifier::issuer("https://login.example.com/")
//!     .audience("https://api.example.com")
//!     .keys(key)
//!     .build()?;
//!
//! // A key of this crate, for tokens that `jsonwebtoken` signs.
//! let signer = Signer::from_secret(Algorithm::HS256, secret)?;
//! let claims = serde_json::json!({ "sub": "42" });
//! let token = encode(&Header::default(), &claims, &EncodingKey::try_from(&signer)?)?;
//! # let _ = (verifier, token);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # JWKs
//!
//! [`Key::from_jwk`](crate::jwt::Key::from_jwk) and
//! [`KeySet::from_jwks`](crate::jwt::KeySet::from_jwks) read the text of a key, and are stricter than
//! the conversion of a `Jwk`: `jsonwebtoken` does not keep private members (`d`), so the conversion
//! cannot reject a published private key, and an error cannot name the member that is invalid.
//! Convert a `Jwk` only if the text is not available.
//!
//! # Cryptography
//!
//! [`CRYPTO_PROVIDER`] makes `jsonwebtoken` sign and verify with the backend of this crate
//! ([`Backend`](crate::jwt::Backend)), so that one library does the cryptography of the whole
//! process. This crate never installs it.

mod keys;
mod provider;

pub use provider::CRYPTO_PROVIDER;
