//! What a token says before anybody has verified it: never who is calling, only whether it is
//! worth a fetch, and whose token it would be.

use super::{
    TokenError,
    compact::Compact,
    header::{Header, Types},
};
use crate::{
    claims::date::{self, Round},
    json::{Members, Spans, Value},
};

/// The most members, of all objects together, that are read of a payload that nobody has verified:
/// anybody may send one, and each costs time. Verified payloads have no such limit.
const MOST_MEMBERS: u32 = 512;

/// The claims that are read before the signature is.
#[derive(Default)]
struct Claimed<'a> {
    iss: Option<Value<'a>>,
    exp: Option<Value<'a>>,
    iat: Option<Value<'a>>,
}

impl<'a> Claimed<'a> {
    fn read(payload: &'a [u8], found: &'a mut Spans) -> Result<Self, TokenError> {
        let members = Members::read_at_most(MOST_MEMBERS, payload, found);
        let mut claimed = Self::default();
        for (name, value) in members.map_err(|_| TokenError::Payload)?.iter() {
            match &*name {
                b"iss" => claimed.iss = Some(value),
                b"exp" => claimed.exp = Some(value),
                b"iat" => claimed.iat = Some(value),
                _ => {}
            }
        }
        Ok(claimed)
    }
}

/// Reads the `iss` of a token that nobody has verified.
pub(super) fn issuer(token: &[u8], max_bytes: usize) -> Result<String, TokenError> {
    let (payload, mut found) = (Compact::split(token, max_bytes)?.payload(0)?, Spans::new());
    let issuer = Claimed::read(&payload, &mut found)?.iss;
    let issuer = issuer.ok_or(TokenError::MissingClaim)?;
    let issuer = issuer.as_str().ok_or(TokenError::ClaimType)?;
    Ok(issuer.into_owned())
}

/// What a token has to be before anything is fetched for its sake.
pub(super) struct Plausible<'a> {
    pub(super) types: Types,
    pub(super) issuer: Option<&'a str>,
    pub(super) now: u64,
    pub(super) leeway: u64,
}

impl Plausible<'_> {
    /// The `iat` of a token that may be valid, as far as it can be told without its key: of the
    /// right form and issuer, signed with a key pair, not expired, and not from the future.
    pub(super) fn issued_at(
        &self,
        token: &[u8],
        max_bytes: usize,
    ) -> Result<Option<u64>, TokenError> {
        let token = Compact::split(token, max_bytes)?;
        let (text, mut found) = (token.header()?, Spans::new());
        let header = Members::read(&text, &mut found).map_err(|_| TokenError::Header)?;
        let header = Header::read(header, self.types)?;
        // Remote sets never hold secrets.
        if header.algorithm.is_symmetric() {
            return Err(TokenError::UnknownKey);
        }
        let (payload, mut found) = (token.payload(0)?, Spans::new());
        let claimed = Claimed::read(&payload, &mut found)?;
        if let Some(expected) = self.issuer {
            let issuer = claimed.iss.ok_or(TokenError::MissingClaim)?;
            if !issuer.is_str(expected) {
                return Err(TokenError::Issuer);
            }
        }
        if let Some(expiry) = claimed.exp {
            let expiry = date::read(expiry, Round::Down).ok_or(TokenError::ClaimType)?;
            if self.now >= expiry.saturating_add(self.leeway) {
                return Err(TokenError::Expired);
            }
        }
        let Some(issued_at) = claimed.iat else {
            return Ok(None);
        };
        let (down, up) = date::read_both(issued_at).ok_or(TokenError::ClaimType)?;
        if up.saturating_sub(self.leeway) > self.now {
            return Err(TokenError::NotYetValid);
        }
        Ok(Some(down))
    }
}
