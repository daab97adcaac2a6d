//! Why a token was refused.

use crate::{Rejection, claims::WrongType};
use std::{error::Error, fmt, time::Duration};

/// Why a token was refused: the source of the [`Rejection`], for logs and metrics.
///
/// Clients are told no more than that the token is invalid, expired or not valid yet. Nothing
/// here holds any part of the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TokenError {
    /// Longer than [`JwtVerifierBuilder::max_token_bytes`](super::JwtVerifierBuilder::max_token_bytes).
    TooLong,
    /// Not three parts of base64url; an opaque token, for one.
    Form,
    /// The header is no JSON object, or a parameter in it is of the wrong type.
    Header,
    /// `alg` is missing, `none`, or one that this crate does not know.
    Algorithm,
    /// `typ` names another kind of token.
    Type,
    /// `crit` or `b64` asks for an extension.
    Extension,
    /// No key is called `kid`, or none can be chosen without one.
    UnknownKey,
    /// The key called `kid` is not for the token's `alg`.
    KeyAlgorithm,
    /// The signature does not verify.
    Signature,
    /// The payload is no JSON object, or a name occurs twice in it.
    Payload,
    /// A required claim is missing.
    MissingClaim,
    /// A claim is of the wrong type.
    ClaimType,
    /// `iss` is another issuer.
    Issuer,
    /// `aud` does not hold the configured audience.
    Audience,
    /// `exp` has passed.
    Expired,
    /// `nbf` or `iat` lies in the future.
    NotYetValid,
    /// The token is bound to a key (`cnf`), so that bearing it is not enough.
    Bound,
    /// The token is not bound to the key that the client has proved to have.
    OtherKey,
    /// The token is an event or a logout (`events`), not an access token.
    Event,
    /// The claims do not fit [`JwtVerifierBuilder::typed_claims`](super::JwtVerifierBuilder::typed_claims).
    TypedClaims,
}

impl TokenError {
    pub(super) fn into_rejection(self) -> Rejection {
        let rejection = Rejection::invalid().with_cause(self.constant().0);
        match self {
            Self::Expired => rejection.with_detail("the token has expired"),
            Self::NotYetValid => rejection.with_detail("the token is not valid yet"),
            _ => rejection,
        }
    }

    /// Returns the same error as a constant, which a rejection holds without an allocation, and its
    /// message.
    fn constant(self) -> (&'static Self, &'static str) {
        match self {
            Self::TooLong => (&Self::TooLong, "the token is too long"),
            Self::Form => (&Self::Form, "the token is not a compact JWS"),
            Self::Header => (&Self::Header, "the header is malformed"),
            Self::Algorithm => (&Self::Algorithm, "the algorithm is unknown"),
            Self::Type => (&Self::Type, "the token is of another type"),
            Self::Extension => (&Self::Extension, "the header asks for an extension"),
            Self::UnknownKey => (&Self::UnknownKey, "no key can be chosen"),
            Self::KeyAlgorithm => (&Self::KeyAlgorithm, "the key is for another algorithm"),
            Self::Signature => (&Self::Signature, "the signature does not verify"),
            Self::Payload => (
                &Self::Payload,
                "the payload is not a JSON object of distinct names",
            ),
            Self::MissingClaim => (&Self::MissingClaim, "a required claim is missing"),
            Self::ClaimType => (&Self::ClaimType, "a claim is of the wrong type"),
            Self::Issuer => (&Self::Issuer, "the issuer is another"),
            Self::Audience => (&Self::Audience, "the audience is another"),
            Self::Expired => (&Self::Expired, "the token has expired"),
            Self::NotYetValid => (&Self::NotYetValid, "the token is not valid yet"),
            Self::Bound => (&Self::Bound, "the token is bound to a key"),
            Self::OtherKey => (
                &Self::OtherKey,
                "the token is not bound to the client's key",
            ),
            Self::Event => (&Self::Event, "the token is an event"),
            Self::TypedClaims => (
                &Self::TypedClaims,
                "the claims are not of the application's type",
            ),
        }
    }
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.constant().1)
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

impl From<WrongType> for TokenError {
    fn from(WrongType: WrongType) -> Self {
        Self::ClaimType
    }
}
