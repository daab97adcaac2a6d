//! [`TokenError`]: the reason for which a token is rejected.

use super::Algorithm;
use crate::{
    Rejection,
    json::JsonError,
    rejection::Mismatch,
    util::shown::{one_of, quoted},
};
use std::{error::Error, fmt, time::Duration};

/// The reason for which a token is rejected: the source of the [`Rejection`], for logs and metrics.
///
/// Clients receive no more than that the token is invalid, expired or not valid yet. `Display` names
/// the claim, header parameter or key concerned, and both sides of the comparison. The fields have
/// the same [in the form for logs](Mismatch). Neither has the signature of the token.
///
/// ```
/// use std::error::Error;
/// use tower_auth::{Rejection, jwt::TokenError};
///
/// fn hint(rejection: &Rejection) -> Option<String> {
///     match rejection.source()?.downcast_ref()? {
///         TokenError::Issuer(issuer) => Some(format!("{} != {}", issuer.found, issuer.expected)),
///         TokenError::MissingClaim(claim) => Some(format!("add {} to the token", claim.name)),
///         error => Some(error.as_str().to_owned()), // such as `expired`, for a metric
///     }
/// }
/// # let _ = hint;
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TokenError {
    /// The token, or its header, is longer than accepted, such as by
    /// [`JwtVerifierBuilder::max_token_bytes`](super::JwtVerifierBuilder::max_token_bytes).
    TooLong(Box<Mismatch>),
    /// The token does not consist of three parts of base64url. It may be an opaque token.
    Form(Box<Mismatch>),
    /// The header is not a JSON object, or a parameter in it is of the wrong type.
    Header(Box<Mismatch>),
    /// `alg` is missing, `none`, or an algorithm that this crate does not know.
    Algorithm(Box<Mismatch>),
    /// `typ` names another kind of token.
    Type(Box<Mismatch>),
    /// `crit` or `b64` requires an extension.
    Extension(Box<Mismatch>),
    /// No key has the id `kid`, or no key can be chosen without an id. The expected side lists the
    /// known keys.
    UnknownKey(Box<Mismatch>),
    /// The key with the id `kid`, which is the name here, is not for the token's `alg`.
    KeyAlgorithm(Box<Mismatch>),
    /// The signature does not verify with the key that has this name.
    Signature(Box<Mismatch>),
    /// The payload is not a JSON object, or a name occurs twice in it.
    Payload(Box<Mismatch>),
    /// A required claim is missing.
    MissingClaim(Box<Mismatch>),
    /// A claim is of the wrong type. Both sides are types.
    ClaimType(Box<Mismatch>),
    /// `iss` is another issuer.
    Issuer(Box<Mismatch>),
    /// `aud` does not contain the configured audience.
    Audience(Box<Mismatch>),
    /// `azp` or `client_id` is not a configured client.
    Client(Box<Mismatch>),
    /// `exp` has passed.
    Expired(Box<Mismatch>),
    /// `nbf` or `iat` lies in the future.
    NotYetValid(Box<Mismatch>),
    /// The token is bound to a key (`cnf`), and the client has not proved to have it.
    Bound,
    /// The token is not bound to the key that the client has proved to have.
    OtherKey,
    /// The token is an event or a logout (`events`), not an access token.
    Event,
    /// The claims do not fit [`JwtVerifierBuilder::typed_claims`](super::JwtVerifierBuilder::typed_claims).
    TypedClaims(Box<Mismatch>),
}

impl TokenError {
    /// Returns the name of the variant in lower case, such as `missing_claim`, for metrics.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::TooLong(_) => "too_long",
            Self::Form(_) => "form",
            Self::Header(_) => "header",
            Self::Algorithm(_) => "algorithm",
            Self::Type(_) => "type",
            Self::Extension(_) => "extension",
            Self::UnknownKey(_) => "unknown_key",
            Self::KeyAlgorithm(_) => "key_algorithm",
            Self::Signature(_) => "signature",
            Self::Payload(_) => "payload",
            Self::MissingClaim(_) => "missing_claim",
            Self::ClaimType(_) => "claim_type",
            Self::Issuer(_) => "issuer",
            Self::Audience(_) => "audience",
            Self::Client(_) => "client",
            Self::Expired(_) => "expired",
            Self::NotYetValid(_) => "not_yet_valid",
            Self::Bound => "bound",
            Self::OtherKey => "other_key",
            Self::Event => "event",
            Self::TypedClaims(_) => "typed_claims",
        }
    }

    pub(super) fn into_rejection(self) -> Rejection {
        let rejection = Rejection::invalid();
        let rejection = match self {
            Self::Expired(_) => rejection.with_detail("the token has expired"),
            Self::NotYetValid(_) => rejection.with_detail("the token is not valid yet"),
            _ => rejection,
        };
        rejection.with_source(self)
    }

    /// Creates the error for a token or header of so many bytes.
    #[cold]
    pub(super) fn too_long(name: &str, bytes: usize, most: usize) -> Self {
        Self::TooLong(Mismatch::new(name, bytes.to_string(), most.to_string()))
    }

    /// Creates the error for a header that is not a JSON object.
    #[cold]
    pub(super) fn header(error: JsonError) -> Self {
        Self::Header(Mismatch::new("", error.to_string(), "a JSON object"))
    }

    /// Creates the error for a payload that is not a JSON object.
    #[cold]
    pub(super) fn payload(error: JsonError) -> Self {
        Self::Payload(Mismatch::new("", error.to_string(), "a JSON object"))
    }

    /// Creates the error for a claim that is missing. If its value is not compared, `expected` is
    /// empty.
    #[cold]
    pub(super) fn missing(claim: impl fmt::Display, expected: impl Into<Box<str>>) -> Self {
        Self::MissingClaim(Mismatch::missing(claim, expected))
    }

    /// Creates the error for a token without a usable `kid`.
    #[cold]
    pub(super) fn no_key(algorithm: Algorithm, known: impl Into<Box<str>>) -> Self {
        Self::UnknownKey(Mismatch::new("alg", algorithm.as_str(), known))
    }

    /// Creates the error for another issuer than one of these.
    #[cold]
    pub(super) fn issuer<'a>(found: &str, expected: impl IntoIterator<Item = &'a str>) -> Self {
        Self::Issuer(Mismatch::new("iss", quoted(found), one_of(expected)))
    }
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong(part) => write!(
                f,
                "the {} has {} bytes, at most {} are accepted",
                part.name, part.found, part.expected
            ),
            Self::Form(part) => {
                write!(
                    f,
                    "the token is not a compact JWS: the {} {part}",
                    part.name
                )
            }
            Self::Header(of) if of.name.is_empty() => {
                write!(f, "the header is malformed: {}", of.found)
            }
            Self::Header(of) => write!(
                f,
                "the header parameter \"{}\" must be {}, found {}",
                of.name, of.expected, of.found
            ),
            Self::Algorithm(of) | Self::Type(of) | Self::Extension(of) => {
                write!(f, "the header parameter \"{}\" {of}", of.name)
            }
            Self::UnknownKey(key) => {
                match &*key.name {
                    "kid" => write!(f, "no key has the id {}", key.found)?,
                    _ => write!(f, "no key can be chosen for {} without an id", key.found)?,
                }
                write!(f, "; known: {}", key.expected)
            }
            Self::KeyAlgorithm(key) => write!(
                f,
                "the key \"{}\" is for {}, but \"alg\" is {}",
                key.name, key.expected, key.found
            ),
            Self::Signature(key) if key.name.is_empty() => write!(
                f,
                "the signature does not verify with the key without an id, which is for {}",
                key.expected
            ),
            Self::Signature(key) => write!(
                f,
                "the signature does not verify with the key \"{}\", which is for {}",
                key.name, key.expected
            ),
            Self::Payload(of) => write!(f, "the payload is malformed: {}", of.found),
            Self::MissingClaim(of) => write!(f, "the claim \"{}\" {of}", of.name),
            Self::ClaimType(of) => write!(
                f,
                "the claim \"{}\" must be {}, found {}",
                of.name, of.expected, of.found
            ),
            Self::Issuer(of) => write!(f, "the issuer {of}"),
            Self::Audience(of) => write!(f, "the audience {of}"),
            Self::Client(of) => write!(f, "the client in \"{}\" {of}", of.name),
            Self::Expired(of) => write!(f, "the token has expired: \"{}\" {of}", of.name),
            Self::NotYetValid(of) => {
                write!(f, "the token is not valid yet: \"{}\" {of}", of.name)
            }
            Self::Bound => f.write_str("the token is bound to a key by the claim \"cnf\""),
            Self::OtherKey => {
                f.write_str("the claim \"cnf\" does not bind the token to the client's key")
            }
            Self::Event => {
                f.write_str("the claim \"events\" makes the token an event, not an access token")
            }
            Self::TypedClaims(of) => write!(
                f,
                "the claims do not fit the application's type: the claim \"{}\" {of}",
                of.name
            ),
        }
    }
}

impl Error for TokenError {}

/// The issuer's keys cannot be had: the source of a [`Rejection`] with status 503, for logs.
///
/// [`JwtVerifier::health`](super::JwtVerifier::health) says why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeysUnavailable;

impl KeysUnavailable {
    pub(super) fn into_rejection(self) -> Rejection {
        Rejection::unavailable(self).with_retry_after(Duration::from_secs(1))
    }
}

impl fmt::Display for KeysUnavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the issuer's keys cannot be fetched now")
    }
}

impl Error for KeysUnavailable {}
