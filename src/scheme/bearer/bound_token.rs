//! [`BoundToken`]: a token with the key that the client has proved to have.

use super::Token;

/// A token that is bound to a key (`cnf`, RFC 7800 section 3.1), with the thumbprint of the key whose
/// possession the client has proved.
///
/// It is a type of its own, so that no verifier of bearer tokens can accept a bound token without
/// the comparison: a `Verify<Token>` rejects every token that has `cnf`.
///
/// A scheme that verifies proofs, such as DPoP (RFC 9449), creates it after it has verified the
/// proof.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct BoundToken {
    /// The token.
    pub token: Token,
    /// The SHA-256 thumbprint of the key (RFC 7638), 32 bytes.
    pub key_thumbprint: [u8; 32],
}

impl BoundToken {
    /// Creates a bound token. The caller must have verified that the client has the private key.
    #[must_use]
    pub fn new(token: Token, key_thumbprint: [u8; 32]) -> Self {
        Self {
            token,
            key_thumbprint,
        }
    }
}
