//! [`Jwt`]: the verifier.

use super::{
    JwtBuilder, KeySet, TokenError,
    claims::Rules,
    compact::{Compact, MAX_SIGNATURE},
    header::{Header, Types},
};
use crate::{
    Clock, Identity, Verdict, Verify, bearer, clock,
    json::{Member, Members, Object},
};
use std::{fmt, sync::Arc};

/// How many members a token has room for before memory has to grow; most have fewer.
const USUAL_MEMBERS: usize = 16;

/// Verifies JSON Web Tokens of one issuer. Cloning is cheap.
///
/// Made by [`Jwt::issuer`] and the [`JwtBuilder`] that it returns. See the [module](super) for
/// what is checked, in which order.
#[derive(Clone)]
pub struct Jwt(pub(super) Arc<Verifier>);

pub(super) struct Verifier {
    pub(super) keys: KeySet,
    pub(super) types: Types,
    pub(super) rules: Rules,
    pub(super) max_token_bytes: usize,
    pub(super) clock: Box<dyn Clock>,
}

impl Jwt {
    /// A verifier of this issuer's tokens: their `iss` is this very string, letter by letter. A
    /// slash at its end counts.
    pub fn issuer(issuer: impl Into<Arc<str>>) -> JwtBuilder {
        JwtBuilder::new(Some(issuer.into()))
    }

    /// A verifier of anybody's tokens, as long as one of its keys has signed them.
    ///
    /// With the keys of one issuer this gives up little but RFC 8725 section 3.8. With keys that
    /// issuers share, any of them can speak for the others' subjects.
    pub fn dangerous_any_issuer() -> JwtBuilder {
        JwtBuilder::new(None)
    }

    pub(super) fn new(verifier: Verifier) -> Self {
        Self(Arc::new(verifier))
    }
}

impl Verify<bearer::Token> for Jwt {
    fn verify(&self, token: bearer::Token) -> Verdict<Identity> {
        let identity = self.0.identity(token.as_bytes());
        Verdict::ready(identity.map_err(TokenError::into_rejection))
    }
}

impl Verifier {
    fn identity(&self, token: &[u8]) -> Result<Identity, TokenError> {
        let token = Compact::split(token, self.max_token_bytes)?;
        // Both serve the header first, then the payload, which the identity keeps.
        let mut text = Vec::new();
        let mut members = Vec::with_capacity(USUAL_MEMBERS);
        self.check_signature(&token, &mut text, &mut members)?;
        token.payload(&mut text)?;
        let payload = Object::parse(text, members).map_err(|_| TokenError::Payload)?;
        self.rules.identity(payload, clock::now(&*self.clock))
    }

    pub(super) fn check_signature(
        &self,
        token: &Compact<'_>,
        text: &mut Vec<u8>,
        members: &mut Vec<Member>,
    ) -> Result<(), TokenError> {
        token.header(text)?;
        let header = Members::read(text, members).map_err(|_| TokenError::Header)?;
        let key = self.keys.select(&Header::read(header, self.types)?)?;
        let mut signature = [0; MAX_SIGNATURE];
        let signature = token.signature(&mut signature)?;
        if !key.verify(token.signed, signature) {
            return Err(TokenError::Signature);
        }
        Ok(())
    }
}

impl fmt::Debug for Jwt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jwt")
            .field("issuer", &self.0.rules.issuer)
            .field("audiences", &self.0.rules.audiences)
            .field("keys", &self.0.keys)
            .finish_non_exhaustive()
    }
}
