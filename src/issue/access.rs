//! Access tokens: claims, and the signature over them.

use super::{AccessToken, SigningKeys, TokenSubject, signing_keys::header};
use crate::{Rejection, clock, store::RefreshTokenFamily, util::random};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Serialize;
use serde_json::{Map, Value};
use std::time::Duration;
use zeroize::Zeroizing;

/// The settings of the issuer that are the same for every access token.
pub(super) struct Access {
    pub(super) issuer: Box<str>,
    pub(super) audiences: Vec<String>,
    pub(super) client: Box<str>,
    pub(super) lifetime: Duration,
    pub(super) keys: SigningKeys,
}

/// The claims of an access token (RFC 9068 section 2.2).
#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: Audience<'a>,
    client_id: &'a str,
    iat: u64,
    nbf: u64,
    exp: u64,
    jti: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    sid: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session_begun: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_time: Option<u64>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    fresh: bool,
    #[serde(skip_serializing_if = "str::is_empty")]
    scope: &'a str,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    roles: &'a [String],
    #[serde(flatten)]
    more: &'a Map<String, Value>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Audience<'a> {
    One(&'a str),
    Several(&'a [String]),
}

/// The time and the session of a new token.
#[derive(Clone, Copy)]
pub(super) struct Moment<'a> {
    /// Seconds since 1970.
    pub(super) now: u64,
    pub(super) session: Option<&'a RefreshTokenFamily>,
    /// Whether a login has just happened.
    pub(super) fresh: bool,
}

impl Access {
    pub(super) fn lifetime(&self, grant: &TokenSubject) -> u64 {
        grant.lifetime.unwrap_or(self.lifetime.as_secs())
    }

    pub(super) fn token(
        &self,
        grant: &TokenSubject,
        moment: Moment<'_>,
    ) -> Result<AccessToken, Rejection> {
        let session = moment.session;
        // A token of a session does not outlive the session.
        let ends = session.map_or(u64::MAX, |family| clock::seconds(family.ends_at));
        let expires = moment.now.saturating_add(self.lifetime(grant)).min(ends);
        let id = random::bytes::<16>().map_err(Rejection::unavailable)?;
        let id = URL_SAFE_NO_PAD.encode(*id);
        let audiences = match grant.audiences.as_slice() {
            [] => self.audiences.as_slice(),
            own => own,
        };
        let scopes = grant.scopes.join(" ");
        let claims = Claims {
            iss: &self.issuer,
            sub: &grant.subject,
            aud: match audiences {
                [one] => Audience::One(one),
                several => Audience::Several(several),
            },
            client_id: grant.client.as_deref().unwrap_or(&self.client),
            iat: moment.now,
            nbf: moment.now,
            exp: expires,
            jti: &id,
            sid: session.map(|family| family.id.as_str()),
            session_begun: session.map(|family| family.begun),
            auth_time: grant.auth_time,
            fresh: moment.fresh,
            scope: &scopes,
            roles: &grant.roles,
            more: &grant.claims,
        };
        let claims = serde_json::to_vec(&claims).map_err(Rejection::unavailable)?;
        let claims = Zeroizing::new(claims);
        Ok(AccessToken {
            token: self.signed(&claims, &grant.header)?,
            expires_in: Duration::from_secs(expires.saturating_sub(moment.now)),
            scopes,
            session: session.map(|family| family.id.as_str().into()),
            id: id.into(),
        })
    }

    /// The compact form (RFC 7515 section 7.1).
    fn signed(
        &self,
        claims: &[u8],
        more: &Map<String, Value>,
    ) -> Result<Zeroizing<String>, Rejection> {
        let none = || Rejection::unavailable("the token could not be signed");
        let key = self.keys.signing_now().ok_or_else(none)?;
        // Room for all of it: growing would leave copies behind.
        let mut token = Zeroizing::new(String::with_capacity(
            claims.len().saturating_mul(2).saturating_add(1024),
        ));
        match more.is_empty() {
            true => token.push_str(&key.header),
            false => token.push_str(&header(&key.signer, more)),
        }
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(claims, &mut token);
        let signature = key.signer.sign(token.as_bytes()).ok_or_else(none)?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(&signature, &mut token);
        Ok(token)
    }
}
