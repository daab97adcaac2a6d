//! What a token says before anybody has verified it: never who is calling, only whether it is
//! worth a fetch, and whose token it would be.

use super::{
    TokenError,
    claims::Claims,
    compact::Compact,
    header::{Header, Types},
};
use crate::{
    claims::date::{self, Round},
    json::Document,
    rejection::Mismatch,
    util::shown::quoted,
};

/// The largest number of members, of all objects together, that are read of an unverified payload.
/// Anybody may send such a payload, and each member costs time. Verified payloads have no such
/// limit.
const MOST_MEMBERS: u32 = 512;

/// Reads a payload whose signature has not been verified.
fn unverified(payload: &[u8]) -> Result<Document<'_>, TokenError> {
    Document::read_at_most(MOST_MEMBERS, payload).map_err(TokenError::payload)
}

/// Reads the `iss` of a token that has not been verified; `None` if it is absent.
pub(super) fn issuer(token: &[u8], max_bytes: usize) -> Result<Option<String>, TokenError> {
    let payload = Compact::split(token, max_bytes)?.payload(0)?;
    let claims = unverified(&payload)?;
    let issuer = Claims(&claims).claim("iss").text()?;
    Ok(issuer.map(str::to_owned))
}

/// What a token has to be before anything is fetched for its sake.
pub(super) struct Plausible<'a> {
    pub(super) types: Types,
    pub(super) issuer: Option<&'a str>,
    pub(super) now: u64,
    pub(super) leeway: u64,
}

impl Plausible<'_> {
    fn out_of_time(&self, claim: &str, date: u64) -> Box<Mismatch> {
        date::out_of_time(claim, date, self.now, self.leeway)
    }

    /// Returns the `iat` of a token that may be valid, as far as that can be decided without its
    /// key. Such a token has the right form and issuer, is signed with a key pair, has not expired,
    /// and is not from the future.
    pub(super) fn issued_at(
        &self,
        token: &[u8],
        max_bytes: usize,
    ) -> Result<Option<u64>, TokenError> {
        let token = Compact::split(token, max_bytes)?;
        let header = token.header()?;
        let header = Document::read(&header).map_err(TokenError::header)?;
        // Remote sets never contain secrets.
        let algorithm = Header::read(&header, self.types)?.algorithm;
        if algorithm.is_symmetric() {
            return Err(TokenError::no_key(algorithm, "public keys"));
        }
        let payload = token.payload(0)?;
        let claims = unverified(&payload)?;
        let claims = Claims(&claims);
        if let Some(expected) = self.issuer {
            let found = claims.claim("iss").text()?;
            let found = found.ok_or_else(|| TokenError::missing("iss", quoted(expected)))?;
            if found != expected {
                return Err(TokenError::issuer(found, [expected]));
            }
        }
        if let Some(expiry) = claims.claim("exp").date(Round::Down)?
            && self.now >= expiry.saturating_add(self.leeway)
        {
            return Err(TokenError::Expired(self.out_of_time("exp", expiry)));
        }
        let issued_at = claims.claim("iat");
        if let Some(start) = issued_at.date(Round::Up)?
            && start.saturating_sub(self.leeway) > self.now
        {
            return Err(TokenError::NotYetValid(self.out_of_time("iat", start)));
        }
        issued_at.date(Round::Down)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

    fn token(payload: &str) -> String {
        let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
        format!("{}.{}.AA", part(r#"{"alg":"EdDSA"}"#), part(payload))
    }

    fn plausible(payload: &str) -> Result<Option<u64>, &'static str> {
        let plausible = Plausible {
            types: Types::Usual,
            issuer: Some("i"),
            now: 1000,
            leeway: 60,
        };
        let issued_at = plausible.issued_at(token(payload).as_bytes(), 1 << 20);
        issued_at.map_err(|error| error.as_str())
    }

    #[test]
    fn only_tokens_that_may_be_valid_are_plausible() {
        for (payload, expected) in [
            (r#"{"iss":"i","exp":941}"#, Ok(None)),
            (r#"{"iss":"i","exp":940}"#, Err("expired")),
            (r#"{"iss":"i","exp":"1"}"#, Err("claim_type")),
            (r#"{"iss":"i","exp":null,"iat":null}"#, Ok(None)),
            (r#"{"iss":"i","iat":1060.5}"#, Err("not_yet_valid")),
            (r#"{"iss":"i","iat":1060}"#, Ok(Some(1060))),
            (r#"{"iss":"i","iat":7.9}"#, Ok(Some(7))),
            (r#"{"iss":"i","iat":[]}"#, Err("claim_type")),
            (r#"{"\u0069ss":"i"}"#, Ok(None)),
            (r#"{"iss":"j"}"#, Err("issuer")),
            (r#"{"iss":7}"#, Err("claim_type")),
            (r#"{"iss":null}"#, Err("missing_claim")),
            ("{}", Err("missing_claim")),
            (r#"{"iss":"i","iss":"i"}"#, Err("payload")),
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
            assert_eq!(plausible(&more), Err("payload"));
            assert!(issuer(token(&most).as_bytes(), 1 << 20).is_ok());
            let error = issuer(token(&more).as_bytes(), 1 << 20).unwrap_err();
            assert_eq!(error.as_str(), "payload");
        }
    }
}
