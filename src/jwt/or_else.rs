//! [`OrElse`]: tokens of one issuer, and all other tokens, in one place.

use super::{JwtVerifier, or_opaque::is_jwt, peek};
use crate::{
    Identity, Verdict, Verify,
    bearer::{BoundToken, Token},
};

/// A verifier of one issuer's tokens, and another verifier for all other tokens; made by
/// [`JwtVerifier::or_else`].
///
/// The token decides which of the two verifies it, before either does:
///
/// | token | verifier |
/// |---|---|
/// | not a JWT by its [shape](super::OrOpaque) | the second |
/// | a JWT with another `iss`, or without one | the second |
/// | a JWT whose `iss` is that of the first | the first |
/// | a JWT whose claims cannot be read, or whose `iss` is not a string | the first, which rejects it |
///
/// The `iss` is unverified at this point. It chooses a verifier and has no other effect. A token that
/// the first verifier rejects is never offered to the second, whatever the reason is: an invalid
/// signature, an expired token, a token that is bound to a key (`cnf`), or keys that cannot be
/// fetched (503). A sender who changes the `iss` of a token gets the second verifier, which must
/// therefore have keys and checks of its own.
#[derive(Clone, Debug)]
pub struct OrElse<V> {
    first: JwtVerifier,
    other: V,
}

impl JwtVerifier {
    /// Verifies the tokens of this verifier's issuer, and [all other tokens](OrElse) by another
    /// verifier. For example, while an application moves from tokens of its own to those of a
    /// provider, it accepts both in one place:
    ///
    /// ```
    /// use tower_auth::{AuthLayer, ConfigError, bearer::Bearer, jwt::{Algorithm, JwtVerifier, Key}};
    ///
    /// fn auth(new: JwtVerifier, old_secret: [u8; 32]) -> Result<AuthLayer, ConfigError> {
    ///     // The old tokens have neither `iss` nor `aud`.
    ///     let old = JwtVerifier::dangerous_any_issuer()
    ///         .dangerous_any_audience()
    ///         .keys(Key::from_secret(Algorithm::HS256, old_secret)?)
    ///         .build()?;
    ///     Ok(AuthLayer::new(Bearer::new(new.or_else(old))))
    /// }
    /// ```
    ///
    /// The other verifier may be of any kind, and may have an alternative itself:
    /// `a.or_else(b.or_else(c))`. If this verifier accepts any issuer, every JWT is its own. For
    /// verifiers of several issuers, [`Issuers`](super::Issuers) chooses by a table.
    ///
    /// A token whose `iss` is this issuer never reaches the other verifier. Therefore the other
    /// verifier cannot state this issuer's subjects, also if it accepts any issuer.
    pub fn or_else<V>(self, other: V) -> OrElse<V> {
        OrElse { first: self, other }
    }

    /// Returns whether a token belongs to this verifier, as far as its form and its `iss` say.
    fn owns(&self, token: &[u8]) -> bool {
        if !is_jwt(token) {
            return false;
        }
        let Some(issuer) = self.0.rules.issuer.as_deref() else {
            return true;
        };
        match peek::issuer(token, self.0.max_token_bytes) {
            Ok(Some(found)) => found == issuer,
            Ok(None) => false,
            // The token cannot be read. The first verifier rejects it.
            Err(_) => true,
        }
    }
}

impl<V: Verify<Token>> Verify<Token> for OrElse<V> {
    fn verify(&self, token: Token) -> Verdict<Identity> {
        // A verifier that has cached the token has verified its issuer. To ask the cache costs less
        // than to read the token.
        if let Some(identity) = self.first.0.cached(token.as_bytes()) {
            return Verdict::ready(Ok(identity));
        }
        match self.first.owns(token.as_bytes()) {
            true => self.first.verify(token),
            false => self.other.verify(token),
        }
    }
}

impl<V: Verify<BoundToken>> Verify<BoundToken> for OrElse<V> {
    fn verify(&self, bound: BoundToken) -> Verdict<Identity> {
        match self.first.owns(bound.token.as_bytes()) {
            true => self.first.verify(bound),
            false => self.other.verify(bound),
        }
    }
}
