//! Tokens that a login is told: their signature is this room's matter, their claims are judged
//! by the login (OpenID Connect Core section 3.1.3.7, Back-Channel Logout section 2.6).

use super::{
    Algorithm, JwtVerifier, JwtVerifierBuilder, KeysUnavailable, TokenError,
    compact::Compact,
    header::{Header, Types},
    source::Waiting,
    verifier::{Checked, FETCHES, Missing, Verifier},
};
use crate::{
    Identity, Rejection, clock,
    json::{Document, Value},
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

enum Failed {
    Refused(Rejection),
    Fetch(Waiting),
}

impl JwtVerifierBuilder {
    /// For [`JwtVerifier::signed`] alone.
    pub(crate) fn of_logins(mut self) -> Self {
        self.types = Some(Types::Login);
        self.without_cache()
    }
}

impl JwtVerifier {
    /// The payload of a token with a good signature; its keys are fetched first where that helps.
    pub(crate) async fn signed(&self, token: &str, kind: Kind) -> Result<Signed, Rejection> {
        for _ in 0..=FETCHES {
            match self.0.signed(token.as_bytes(), kind) {
                Ok(signed) => return Ok(signed),
                Err(Failed::Refused(rejection)) => return Err(rejection),
                Err(Failed::Fetch(waiting)) => {
                    waiting.await.map_err(KeysUnavailable::into_rejection)?;
                }
            }
        }
        Err(KeysUnavailable.into_rejection())
    }

    /// Judges claims by what the verifier was built for: `iss`, `aud`, `exp`, `nbf`, `iat`, and a
    /// subject.
    pub(crate) fn check_claims(&self, payload: Vec<u8>) -> Result<Identity, TokenError> {
        let now = clock::now(&*self.0.clock);
        let (identity, _) = self.0.rules.identity(payload, now, None, None)?;
        Ok(identity)
    }
}

impl Verifier {
    fn signed(&self, token: &[u8], kind: Kind) -> Result<Signed, Failed> {
        let now = clock::now(&*self.clock);
        let missing = match self.keys.current(now) {
            None => Missing::Set,
            Some(_) => match self.payload(token, kind) {
                Ok(signed) => return Ok(signed),
                Err(error) => match Missing::of(error) {
                    Some(missing) => missing,
                    None => return Err(Failed::Refused(error.into_rejection())),
                },
            },
        };
        Err(match self.without_key(token, missing, now) {
            Checked::Fetch(waiting) => Failed::Fetch(waiting),
            Checked::Done(Err(rejection)) => Failed::Refused(rejection),
            // Without a key nothing passes.
            Checked::Done(Ok(_)) => Failed::Refused(TokenError::UnknownKey.into_rejection()),
        })
    }

    fn payload(&self, token: &[u8], kind: Kind) -> Result<Signed, TokenError> {
        let token = Compact::split(token, self.max_token_bytes)?;
        let header = token.header()?;
        let header = Document::read(&header).map_err(|_| TokenError::Header)?;
        let typ = header.named("typ").and_then(Value::as_str);
        let is_id = typ.is_none_or(|typ| typ.eq_ignore_ascii_case("JWT"));
        if kind == Kind::Id && !is_id {
            return Err(TokenError::Type);
        }
        let algorithm = Header::read(&header, self.types)?.algorithm;
        self.check_signature(&self.keys.snapshot(), &token)?;
        let payload = token.payload(0)?;
        Document::read(&payload).map_err(|_| TokenError::Payload)?;
        Ok(Signed { payload, algorithm })
    }
}
