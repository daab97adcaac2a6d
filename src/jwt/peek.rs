//! What a token says before anybody has verified it: never who is calling, only whether it is
//! worth a fetch, and whose token it would be.

use super::{
    TokenError,
    compact::Compact,
    header::{Header, Types},
    log,
};
use crate::{
    claims::date::{self, Round},
    json::{Members, Spans, Value},
};

/// The largest number of members, of all objects together, that are read of an unverified payload.
/// Anybody may send such a payload, and each member costs time. Verified payloads have no such
/// limit.
const MOST_MEMBERS: u32 = 512;

/// The claims that are read before the signature is verified.
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
                // As in a verified claim, `null` is absence.
                _ if value.is_null() => {}
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
    /// Returns the `iat` of a token that may be valid, as far as that can be decided without its
    /// key. Such a token has the right form and issuer, is signed with a key pair, has not expired,
    /// and is not from the future.
    pub(super) fn issued_at(
        &self,
        token: &[u8],
        max_bytes: usize,
    ) -> Result<Option<u64>, TokenError> {
        let token = Compact::split(token, max_bytes)?;
        let (text, mut found) = (token.header()?, Spans::new());
        let header = Members::read(&text, &mut found).map_err(|_| TokenError::Header)?;
        let header = Header::read(header, self.types)?;
        // Remote sets never contain secrets.
        if header.algorithm.is_symmetric() {
            return Err(TokenError::UnknownKey);
        }
        let (payload, mut found) = (token.payload(0)?, Spans::new());
        let claimed = Claimed::read(&payload, &mut found)?;
        if let Some(expected) = self.issuer {
            let issuer = claimed.iss.ok_or(TokenError::MissingClaim)?;
            if !issuer.is_str(expected) {
                if let Some(found) = issuer.as_str() {
                    log::issuer(expected, &found);
                }
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

#[cfg(test)]
mod tests {
    use super::*;
    use base64_simd::URL_SAFE_NO_PAD;

    fn token(payload: &str) -> String {
        let part = |text: &str| URL_SAFE_NO_PAD.encode_to_string(text);
        format!("{}.{}.AA", part(r#"{"alg":"EdDSA"}"#), part(payload))
    }

    fn plausible(payload: &str) -> Result<Option<u64>, TokenError> {
        let plausible = Plausible {
            types: Types::Usual,
            issuer: Some("i"),
            now: 1000,
            leeway: 60,
        };
        plausible.issued_at(token(payload).as_bytes(), 1 << 20)
    }

    #[test]
    fn only_tokens_that_may_be_valid_are_plausible() {
        for (payload, expected) in [
            (r#"{"iss":"i","exp":941}"#, Ok(None)),
            (r#"{"iss":"i","exp":940}"#, Err(TokenError::Expired)),
            (r#"{"iss":"i","exp":"1"}"#, Err(TokenError::ClaimType)),
            (r#"{"iss":"i","exp":null,"iat":null}"#, Ok(None)),
            (r#"{"iss":"i","iat":1060.5}"#, Err(TokenError::NotYetValid)),
            (r#"{"iss":"i","iat":1060}"#, Ok(Some(1060))),
            (r#"{"iss":"i","iat":7.9}"#, Ok(Some(7))),
            (r#"{"iss":"i","iat":[]}"#, Err(TokenError::ClaimType)),
            (r#"{"\u0069ss":"i"}"#, Ok(None)),
            (r#"{"iss":"j"}"#, Err(TokenError::Issuer)),
            (r#"{"iss":7}"#, Err(TokenError::Issuer)),
            (r#"{"iss":null}"#, Err(TokenError::MissingClaim)),
            ("{}", Err(TokenError::MissingClaim)),
            (r#"{"iss":"i","iss":"i"}"#, Err(TokenError::Payload)),
        ] {
            assert_eq!(plausible(payload), expected, "{payload}");
        }
    }

    #[test]
    fn an_unverified_payload_has_a_limit_of_members_in_all_its_objects() {
        let flat = |members: u32| {
            let more: String = (1..members).map(|n| format!(",\"{n}\":1")).collect();
            format!("{{\"iss\":\"i\"{more}}}")
        };
        let nested = |members: u32| {
            let more: Vec<_> = (2..members).map(|_| "{\"a\":1}").collect();
            format!("{{\"iss\":\"i\",\"x\":[{}]}}", more.join(","))
        };
        for payload in [flat, nested] {
            let (most, more) = (payload(MOST_MEMBERS), payload(MOST_MEMBERS + 1));
            assert_eq!(plausible(&most), Ok(None));
            assert_eq!(plausible(&more), Err(TokenError::Payload));
            assert!(issuer(token(&most).as_bytes(), 1 << 20).is_ok());
            let error = issuer(token(&more).as_bytes(), 1 << 20);
            assert_eq!(error, Err(TokenError::Payload));
        }
    }
}
