//! What a token says before anybody has verified it: never who is calling, only whether it is
//! worth a fetch, and whose token it would be.

use super::{
    TokenError,
    compact::Compact,
    header::{Header, Types},
};
use crate::{
    claims::date::{self, Round},
    json::{Members, Object, Spans},
};

/// Reads the `iss` of a token that nobody has verified.
pub(super) fn issuer(token: &[u8], max_bytes: usize) -> Result<String, TokenError> {
    let payload = payload(&Compact::split(token, max_bytes)?)?;
    let issuer = payload.value().named("iss");
    let issuer = issuer.ok_or(TokenError::MissingClaim)?;
    let issuer = issuer.as_str().ok_or(TokenError::ClaimType)?;
    Ok(issuer.into_owned())
}

/// What a token has to be before anything is fetched for its sake.
pub(super) struct Plausible<'a> {
    pub(super) types: Types,
    pub(super) issuer: Option<&'a str>,
    /// By when it has to be good, the leeway taken off.
    pub(super) not_expired_at: u64,
}

impl Plausible<'_> {
    /// The `kid` of a token that may be good, as far as it can be told without its key: of the
    /// right form and issuer, signed with a key pair, not expired.
    pub(super) fn key_id(
        &self,
        token: &[u8],
        max_bytes: usize,
    ) -> Result<Option<String>, TokenError> {
        let token = Compact::split(token, max_bytes)?;
        let (text, mut found) = (token.header()?, Spans::new());
        let header = Members::read(&text, &mut found).map_err(|_| TokenError::Header)?;
        let header = Header::read(header, self.types)?;
        if header.algorithm.is_symmetric() {
            return Err(TokenError::UnknownKey);
        }
        let payload = payload(&token)?;
        let issuer = payload.value().named("iss");
        if let Some(expected) = self.issuer {
            let issuer = issuer.ok_or(TokenError::MissingClaim)?;
            if !issuer.is_str(expected) {
                return Err(TokenError::Issuer);
            }
        }
        if let Some(expiry) = payload.value().named("exp") {
            let expiry = date::read(expiry, Round::Down).ok_or(TokenError::ClaimType)?;
            if self.not_expired_at >= expiry {
                return Err(TokenError::Expired);
            }
        }
        Ok(header.key_id.map(std::borrow::Cow::into_owned))
    }
}

fn payload(token: &Compact<'_>) -> Result<Object, TokenError> {
    Object::parse(token.payload(0)?).map_err(|_| TokenError::Payload)
}
