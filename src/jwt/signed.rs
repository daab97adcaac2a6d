//! ID tokens and logout tokens for a login, which checks their claims itself (OpenID Connect Core
//! section 3.1.3.7, Back-Channel Logout section 2.6). This module verifies their signatures.

use super::{
    Algorithm, JwtVerifier, JwtVerifierBuilder, TokenError,
    compact::Compact,
    header::{Header, Types},
    verifier::{Checked, Missing, Verifier, after_fetch},
};
use crate::{
    Identity, Rejection, clock,
    json::{Document, Value},
    util::shown::quoted,
};

/// What kind of token is expected (RFC 8725 section 3.11).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `typ` is `JWT`, or there is none.
    Id,
    /// `typ` may also be `logout+jwt`.
    Logout,
}

/// A payload with a valid signature of the issuer. Its claims have not been checked.
pub(crate) struct Signed {
    pub(crate) payload: Vec<u8>,
    pub(crate) algorithm: Algorithm,
}

impl JwtVerifierBuilder {
    /// For [`JwtVerifier::signed`] alone.
    pub(crate) fn of_logins(mut self) -> Self {
        self.types = Types::Login;
        self.without_cache()
    }
}

impl JwtVerifier {
    /// Returns the payload of a token with a valid signature. Its keys are fetched first if that may
    /// help.
    pub(crate) async fn signed(&self, token: &str, kind: Kind) -> Result<Signed, Rejection> {
        let check = || self.0.signed(token.as_bytes(), kind);
        match check() {
            Checked::Done(result) => result,
            Checked::Fetch(waiting) => after_fetch(waiting, check).await,
        }
    }

    /// Checks the claims by the settings of the verifier: `iss`, `aud`, `exp`, `nbf`, `iat`, and a
    /// subject.
    pub(crate) fn check_claims(&self, payload: Vec<u8>) -> Result<Identity, TokenError> {
        let now = clock::now(&*self.0.clock);
        let (identity, _) = self.0.rules.identity(payload, now, None, None)?;
        Ok(identity)
    }
}

impl Verifier {
    fn signed(&self, token: &[u8], kind: Kind) -> Checked<Signed> {
        let now = clock::now(&*self.clock);
        match self.keys.current(now) {
            None => self.without_key(token, Missing::Set, now),
            Some(_) => self.checked(token, self.payload(token, kind), now),
        }
    }

    fn payload(&self, token: &[u8], kind: Kind) -> Result<Signed, TokenError> {
        let token = Compact::split(token, self.max_token_bytes)?;
        let header = token.header()?;
        let header = Document::read(&header).map_err(TokenError::header)?;
        let typ = header.named("typ").and_then(Value::as_str);
        let is_id = typ.is_none_or(|typ| typ.eq_ignore_ascii_case("JWT"));
        if kind == Kind::Id && !is_id {
            return Err(self.types.mismatch(&quoted(typ.unwrap_or_default())));
        }
        let algorithm = Header::read(&header, self.types)?.algorithm;
        self.check_signature(&self.keys.snapshot(), &token)?;
        let payload = token.payload(0)?;
        Document::read(&payload).map_err(TokenError::payload)?;
        Ok(Signed { payload, algorithm })
    }
}
