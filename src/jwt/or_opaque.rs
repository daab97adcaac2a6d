//! [`OrOpaque`]: JWTs and opaque tokens in one place.

use super::JwtVerifier;
use crate::{Identity, Verdict, Verify, bearer::Token};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

/// Two verifiers of bearer tokens as one; made by [`JwtVerifier::or_opaque`] or
/// [`OrOpaque::new`].
///
/// Which of the two judges is decided by what the token looks like, before either is asked, so
/// that each token has exactly one:
///
/// * A token with exactly two dots, whose first part begins as a JSON object does under base64url
///   (`eyJ…`; blanks may stand before the brace), is a JWT. What follows may be broken: then it
///   is a broken JWT.
/// * Everything else is opaque.
///
/// What one refuses is never offered to the other: a forged JWT costs no call of the
/// introspection endpoint, and nobody can choose the more lenient of the two.
///
/// An OpenAPI document does not state the format of such a token (`bearerFormat`), because the
/// token may be of either kind.
#[derive(Clone, Debug)]
pub struct OrOpaque<J, O> {
    jwt: J,
    opaque: O,
}

impl JwtVerifier {
    /// This verifier for JWTs, and another one for all other tokens, [chosen by the token's
    /// shape](OrOpaque).
    ///
    /// ```
    /// use tower_auth::{Identity, bearer::{Bearer, FixedTokens}, jwt::JwtVerifier};
    ///
    /// # fn scheme(jwt: JwtVerifier) -> Result<(), tower_auth::ConfigError> {
    /// let opaque = FixedTokens::new([("k0pBEy7lTMY6pCT0Vx3Hbw", Identity::new("ci"))])?;
    /// let scheme = Bearer::new(jwt.or_opaque(opaque));
    /// # let _ = scheme;
    /// # Ok(())
    /// # }
    /// ```
    pub fn or_opaque<O: Verify<Token>>(self, opaque: O) -> OrOpaque<Self, O> {
        OrOpaque::new(self, opaque)
    }
}

impl<J, O> OrOpaque<J, O> {
    /// A verifier of JWTs, whatever it is, and another one for all other tokens.
    ///
    /// ```
    /// use tower_auth::{revocation::{VerifyExt, Revocations}, jwt::{JwtVerifier, OrOpaque}};
    ///
    /// # fn both(jwt: JwtVerifier, opaque: tower_auth::bearer::FixedTokens, list: Revocations) {
    /// // Only JWTs can be revoked before they expire here.
    /// let both = OrOpaque::new(jwt.with_revocation(list), opaque);
    /// # let _ = both;
    /// # }
    /// ```
    pub fn new(jwt: J, opaque: O) -> Self {
        Self { jwt, opaque }
    }
}

impl<J: Verify<Token>, O: Verify<Token>> Verify<Token> for OrOpaque<J, O> {
    fn verify(&self, token: Token) -> Verdict<Identity> {
        match is_jwt(token.as_bytes()) {
            true => self.jwt.verify(token),
            false => self.opaque.verify(token),
        }
    }
}

/// Returns whether a token has the shape of a JWT, as described at [`OrOpaque`].
pub(super) fn is_jwt(token: &[u8]) -> bool {
    let mut parts = token.split(|&byte| byte == b'.');
    let header = parts.next().unwrap_or_default();
    parts.count() == 2 && begins_as_object(header)
}

/// Whether this is base64url of optional blanks (RFC 8259 section 2) and a brace, and then
/// anything at all.
fn begins_as_object(header: &[u8]) -> bool {
    for group in header.chunks(4) {
        let mut bytes = [0; 3];
        let Ok(length) = URL_SAFE_NO_PAD.decode_slice(group, &mut bytes) else {
            return false;
        };
        let mut bytes = bytes.iter().take(length);
        let is_blank = |byte: &&u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
        if let Some(byte) = bytes.find(|byte| !is_blank(byte)) {
            return *byte == b'{';
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jwt_has_two_dots_and_begins_as_an_object() {
        for token in [
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI0MiJ9.c2ln",
            "eyJhbGciOiJub25lIn0.eyJzdWIiOiI0MiJ9.",
            "ew.e30.",
            "eyJh..",
            "eyJhb~.+.=",
            "ICAgewo.e30.c2ln",
            "DQoJIHsK.e30.c2ln",
        ] {
            assert!(is_jwt(token.as_bytes()), "{token}");
        }
    }

    #[test]
    fn everything_else_is_opaque() {
        for token in [
            "",
            "..",
            "...",
            "mF_9.B5f-4.1JqM",
            "2YotnFZFEjr1zCsicMWpAA",
            "eyJhbGciOiJIUzI1NiJ9",
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI0MiJ9",
            // A JWE (RFC 7516 section 7.1).
            "eyJhbGciOiJkaXIifQ..aXY.Y2lwaGVy.dGFn",
            // A PASETO, an array, blanks only, standard base64.
            "v4.public.c2lnbmVk",
            "W10.e30.c2ln",
            "ICAgIA.e30.c2ln",
            "e+J.e30.c2ln",
            "e.e30.c2ln",
        ] {
            assert!(!is_jwt(token.as_bytes()), "{token}");
        }
    }
}
