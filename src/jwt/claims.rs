//! The claims: which of them let a token pass, and what an identity takes from them.

use super::{TokenError, cache::Window, known::Known};
use crate::{
    ClaimPath,
    claims::{
        self,
        date::{self, Round},
        text,
    },
    identity::{Facts, Names, Prepared, Text},
    json::{Members, Object, Spans, Value},
};
use std::{any::Any, sync::Arc};

/// Parses all claims as a type of the application's.
pub(super) type ParseTyped = fn(&str) -> Option<Arc<dyn Any + Send + Sync>>;

/// What a token's claims have to be.
pub(super) struct Rules {
    /// `None`: any.
    pub(super) issuer: Option<Arc<str>>,
    /// Empty: any.
    pub(super) audiences: Vec<Box<str>>,
    /// Claims of tokens that named one of them.
    pub(super) good_audiences: Known<()>,
    /// `None`: `sub`.
    pub(super) subject: Option<ClaimPath>,
    pub(super) roles: Option<ClaimPath>,
    /// `None`: `scope`.
    pub(super) scopes: Option<ClaimPath>,
    /// In seconds.
    pub(super) leeway: u64,
    pub(super) expiry_is_required: bool,
    /// RFC 9068.
    pub(super) access_token_profile: bool,
    pub(super) typed: Option<ParseTyped>,
}

/// The claims that this crate reads by name.
#[derive(Default)]
struct Registered<'a> {
    iss: Option<Value<'a>>,
    sub: Option<Value<'a>>,
    aud: Option<Value<'a>>,
    exp: Option<Value<'a>>,
    nbf: Option<Value<'a>>,
    iat: Option<Value<'a>>,
    jti: Option<Value<'a>>,
    auth_time: Option<Value<'a>>,
    client_id: Option<Value<'a>>,
    scope: Option<Value<'a>>,
    sid: Option<Value<'a>>,
}

impl<'a> Registered<'a> {
    /// Into its place: it is large.
    fn read(&mut self, members: Members<'a>) -> Result<(), TokenError> {
        for (name, value) in members.iter() {
            let claim = match &*name {
                b"iss" => &mut self.iss,
                b"sub" => &mut self.sub,
                b"aud" => &mut self.aud,
                b"exp" => &mut self.exp,
                b"nbf" => &mut self.nbf,
                b"iat" => &mut self.iat,
                b"jti" => &mut self.jti,
                b"auth_time" => &mut self.auth_time,
                b"client_id" => &mut self.client_id,
                b"scope" => &mut self.scope,
                b"sid" => &mut self.sid,
                // Whoever bears the token has yet to prove that a key is theirs (RFC 7800
                // section 3; RFC 8705 section 3 and RFC 9449 section 6 for access tokens).
                b"cnf" => return Err(TokenError::Bound),
                // A security event (RFC 8417 section 2.2) or a logout token (OpenID Connect
                // Back-Channel Logout section 2.4) of the same issuer (RFC 8725 section 2.8).
                b"events" => return Err(TokenError::Event),
                _ => continue,
            };
            *claim = Some(value);
        }
        Ok(())
    }
}

impl Rules {
    /// Who the token is of, if its claims let it pass at this time.
    ///
    /// And when it does; `found` are the members of the payload, and `token` is kept behind its
    /// claims, if there is one.
    pub(super) fn identity(
        &self,
        mut payload: Object,
        found: &Spans,
        now: u64,
        token: Option<&str>,
    ) -> Result<(Prepared, Window), TokenError> {
        let mut claims = Registered::default();
        let members = payload.members(found);
        claims.read(members)?;
        self.check_issuer(claims.iss)?;
        self.check_audience(claims.aud)?;
        let (expiry, issued_at, window) = self.check_times(&claims, now)?;
        if self.access_token_profile {
            check_profile(&claims)?;
        }
        if let Some(sub) = claims.sub {
            text(sub)?; // RFC 7519 section 4.1.2, also where another claim is the subject
        }

        let subject = match &self.subject {
            None => claims.sub,
            Some(path) => members.at(path),
        };
        let subject = subject.map(claims::subject).transpose()?.flatten();
        let subject = subject.ok_or(TokenError::MissingClaim)?;
        let date = |value| date::read(value, Round::Down).ok_or(TokenError::ClaimType);
        // What cannot be read could not be revoked, either.
        let id = |value| Ok::<_, TokenError>(Text::of(&payload, text(value)?));
        let scopes = match &self.scopes {
            None => claims.scope,
            Some(path) => members.at(path),
        };
        let roles = self.roles.as_ref().and_then(|path| members.at(path));
        let typed = match self.typed {
            Some(parse) => Some(parse(payload.as_str()).ok_or(TokenError::TypedClaims)?),
            None => None,
        };
        let issuer = claims.iss.map(text).transpose()?;
        let issuer = issuer.map(|issuer| Text::of(&payload, issuer));
        let subject = Text::of(&payload, subject);
        let roles = roles.map_or(Ok(Names::default()), |roles| claims::roles(&payload, roles))?;
        let scopes = scopes.map_or(Ok(Names::default()), |scopes| {
            claims::scopes(&payload, scopes)
        })?;
        let authenticated_at = claims.auth_time.map(date).transpose()?;
        let token_id = claims.jti.map(id).transpose()?; // RFC 7519 section 4.1.7
        let session_id = claims.sid.map(id).transpose()?;
        if let Some(token) = token {
            payload.keep_behind(token);
        }
        let facts = Facts {
            issuer,
            subject,
            roles,
            scopes,
            expires_at: expiry,
            authenticated_at,
            issued_at,
            token_id,
            session_id,
            claims: Some(payload),
            typed,
            data: None,
        };
        Ok((facts.into(), window))
    }

    /// RFC 7519 section 4.1.1; compared as it stands (RFC 8725 section 3.8).
    fn check_issuer(&self, iss: Option<Value<'_>>) -> Result<(), TokenError> {
        match (&self.issuer, iss) {
            (Some(issuer), Some(iss)) if iss.is_str(issuer) => Ok(()),
            (Some(_), Some(iss)) => {
                text(iss)?;
                Err(TokenError::Issuer)
            }
            (Some(_), None) => Err(TokenError::MissingClaim),
            (None, Some(iss)) => Ok(text(iss).map(drop)?),
            (None, None) => Ok(()),
        }
    }

    /// RFC 7519 section 4.1.3, RFC 8725 section 3.9. The signature has been checked.
    fn check_audience(&self, aud: Option<Value<'_>>) -> Result<(), TokenError> {
        match aud {
            Some(aud) if self.good_audiences.get(aud.text().as_bytes()).is_some() => Ok(()),
            Some(aud) => match claims::is_for(aud, &self.audiences)? {
                true => {
                    self.good_audiences.remember(aud.text().as_bytes(), ());
                    Ok(())
                }
                false => Err(TokenError::Audience),
            },
            None if self.audiences.is_empty() => Ok(()),
            None => Err(TokenError::MissingClaim),
        }
    }

    /// RFC 7519 sections 4.1.4 to 4.1.6; gives the expiry, `iat`, and when all of it is so.
    fn check_times(
        &self,
        claims: &Registered<'_>,
        now: u64,
    ) -> Result<(Option<u64>, Option<u64>, Window), TokenError> {
        let date = |claim: Option<Value<'_>>, round| match claim {
            None => Ok(None),
            Some(value) => date::read(value, round)
                .map(Some)
                .ok_or(TokenError::ClaimType),
        };
        let expiry = date(claims.exp, Round::Down)?;
        let mut window = Window {
            from: 0,
            until: u64::MAX,
        };
        match expiry {
            Some(expiry) => window.until = expiry.saturating_add(self.leeway),
            None if self.expiry_is_required => return Err(TokenError::MissingClaim),
            None => {}
        }
        if now >= window.until && expiry.is_some() {
            return Err(TokenError::Expired);
        }
        let not_before = date(claims.nbf, Round::Up)?;
        let issued_at = claims.iat.map(date::read_both);
        let issued_at = issued_at.map(|iat| iat.ok_or(TokenError::ClaimType));
        let issued_at = issued_at.transpose()?;
        // The RFC asks no check of `iat`; a token from the future has a wrong date nevertheless.
        for start in [not_before, issued_at.map(|(_, up)| up)] {
            let start = start.unwrap_or_default();
            window.from = window.from.max(start.saturating_sub(self.leeway));
        }
        if now < window.from {
            return Err(TokenError::NotYetValid);
        }
        Ok((expiry, issued_at.map(|(down, _)| down), window))
    }
}

/// What RFC 9068 section 2.2 requires of an access token, by the types of RFC 7519 and RFC 8693.
///
/// What is there is of its type already, other than `client_id`.
fn check_profile(claims: &Registered<'_>) -> Result<(), TokenError> {
    let required = [
        claims.iss, claims.exp, claims.aud, claims.sub, claims.iat, claims.jti,
    ];
    if required.iter().any(Option::is_none) {
        return Err(TokenError::MissingClaim);
    }
    let client_id = text(claims.client_id.ok_or(TokenError::MissingClaim)?)?;
    let subject = claims.sub.map(text).transpose()?;
    if client_id.is_empty() || subject.is_none_or(|subject| subject.is_empty()) {
        return Err(TokenError::MissingClaim);
    }
    Ok(())
}
