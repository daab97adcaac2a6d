//! The claims: which of them let a token pass, and what an identity takes from them.

use super::{TokenError, cache::Window, known::Known};
use crate::{
    ClaimPath, ConfigError,
    claims::{
        self,
        date::{self, Round},
        text,
    },
    identity::{Facts, Names, Prepared, Text},
    json::{Found, Number, Object, Reader, Value},
};
use std::{any::Any, sync::Arc};

/// Parses all claims as a type of the application's.
pub(super) type ParseTyped = fn(&str) -> Option<Arc<dyn Any + Send + Sync>>;

/// What a token's claims have to be.
pub(super) struct Rules {
    pub(super) reader: Reader,
    /// `None`: any.
    pub(super) issuer: Option<Arc<str>>,
    /// Empty: any.
    pub(super) audiences: Vec<Box<str>>,
    /// Claims of tokens that named one of them.
    pub(super) good_audiences: Known<()>,
    /// `None`: `sub`.
    pub(super) subject: Option<Located>,
    pub(super) roles: Option<Located>,
    /// `None`: `scope`.
    pub(super) scopes: Option<Located>,
    /// In seconds.
    pub(super) leeway: u64,
    pub(super) expiry_is_required: bool,
    /// RFC 9068.
    pub(super) access_token_profile: bool,
    pub(super) typed: Option<ParseTyped>,
}

/// A claim that is read by its name, of every token.
#[derive(Clone, Copy)]
enum Claim {
    Iss,
    Sub,
    Aud,
    Exp,
    Nbf,
    Iat,
    Jti,
    AuthTime,
    ClientId,
    Scope,
    Sid,
    Cnf,
    Events,
}

/// In that order.
const NAMES: [&str; 13] = [
    "iss",
    "sub",
    "aud",
    "exp",
    "nbf",
    "iat",
    "jti",
    "auth_time",
    "client_id",
    "scope",
    "sid",
    "cnf",
    "events",
];

/// A claim that the application says where to find.
pub(super) struct Located {
    number: Number,
    path: ClaimPath,
}

/// The claims of one token.
#[derive(Clone, Copy)]
struct Claims<'a> {
    payload: &'a Object,
    found: &'a Found,
}

impl<'a> Claims<'a> {
    #[inline]
    fn get(&self, claim: Claim) -> Option<Value<'a>> {
        self.payload.found(self.found, Number::new(claim as u8))
    }

    fn at(&self, located: &Located) -> Option<Value<'a>> {
        let first = self.payload.found(self.found, located.number)?;
        located.path.names().skip(1).try_fold(first, Value::named)
    }
}

/// Reads claims; those that are read of every token have the numbers they have here.
pub(super) fn reader() -> Reader {
    Reader::new(&NAMES)
}

impl Located {
    pub(super) fn new(path: ClaimPath, reader: &mut Reader) -> Result<Self, ConfigError> {
        let number = path.names().next().and_then(|first| reader.ask(first));
        let number = number.ok_or(ConfigError::new(
            "the path of a claim has at least one name",
        ))?;
        Ok(Self { number, path })
    }
}

impl Rules {
    /// Who the token is of, if its claims let it pass at this time.
    ///
    /// And when it does; `found` says where its claims lie, and `token` is kept behind them, if
    /// there is one.
    pub(super) fn identity(
        &self,
        mut payload: Object,
        found: &Found,
        now: u64,
        token: Option<&str>,
    ) -> Result<(Prepared, Window), TokenError> {
        let claims = Claims {
            payload: &payload,
            found,
        };
        let (iss, sub) = (claims.get(Claim::Iss), claims.get(Claim::Sub));
        // Whoever bears the token has yet to prove that a key is theirs (RFC 7800 section 3;
        // RFC 8705 section 3 and RFC 9449 section 6 for access tokens).
        if claims.get(Claim::Cnf).is_some() {
            return Err(TokenError::Bound);
        }
        // A security event (RFC 8417 section 2.2) or a logout token (OpenID Connect Back-Channel
        // Logout section 2.4) of the same issuer (RFC 8725 section 2.8).
        if claims.get(Claim::Events).is_some() {
            return Err(TokenError::Event);
        }
        self.check_issuer(iss)?;
        self.check_audience(claims.get(Claim::Aud))?;
        let (expiry, issued_at, window) = self.check_times(claims, now)?;
        if self.access_token_profile {
            check_profile(claims)?;
        }
        if let Some(sub) = sub {
            text(sub)?; // RFC 7519 section 4.1.2, also where another claim is the subject
        }

        let subject = match &self.subject {
            None => sub,
            Some(located) => claims.at(located),
        };
        let subject = subject.map(claims::subject).transpose()?.flatten();
        let subject = subject.ok_or(TokenError::MissingClaim)?;
        let date = |value| date::read(value, Round::Down).ok_or(TokenError::ClaimType);
        // What cannot be read could not be revoked, either.
        let id = |value| Ok::<_, TokenError>(Text::of(&payload, text(value)?));
        let scopes = match &self.scopes {
            None => claims.get(Claim::Scope),
            Some(located) => claims.at(located),
        };
        let roles = self.roles.as_ref().and_then(|located| claims.at(located));
        let typed = match self.typed {
            Some(parse) => Some(parse(payload.as_str()).ok_or(TokenError::TypedClaims)?),
            None => None,
        };
        let issuer = iss.map(text).transpose()?;
        let issuer = issuer.map(|issuer| Text::of(&payload, issuer));
        let subject = Text::of(&payload, subject);
        let roles = roles.map_or(Ok(Names::default()), |roles| claims::roles(&payload, roles))?;
        let scopes = scopes.map_or(Ok(Names::default()), |scopes| {
            claims::scopes(&payload, scopes)
        })?;
        let authenticated_at = claims.get(Claim::AuthTime).map(date).transpose()?;
        let token_id = claims.get(Claim::Jti).map(id).transpose()?; // RFC 7519 section 4.1.7
        let session_id = claims.get(Claim::Sid).map(id).transpose()?;
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
        claims: Claims<'_>,
        now: u64,
    ) -> Result<(Option<u64>, Option<u64>, Window), TokenError> {
        let date = |claim: Option<Value<'_>>, round| match claim {
            None => Ok(None),
            Some(value) => date::read(value, round)
                .map(Some)
                .ok_or(TokenError::ClaimType),
        };
        let expiry = date(claims.get(Claim::Exp), Round::Down)?;
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
        let not_before = date(claims.get(Claim::Nbf), Round::Up)?;
        let issued_at = claims.get(Claim::Iat).map(date::read_both);
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
fn check_profile(claims: Claims<'_>) -> Result<(), TokenError> {
    use Claim::{Aud, ClientId, Exp, Iat, Iss, Jti, Sub};
    let required = [Iss, Exp, Aud, Sub, Iat, Jti];
    if required.iter().any(|&claim| claims.get(claim).is_none()) {
        return Err(TokenError::MissingClaim);
    }
    let client_id = text(claims.get(ClientId).ok_or(TokenError::MissingClaim)?)?;
    let subject = claims.get(Sub).map(text).transpose()?;
    if client_id.is_empty() || subject.is_none_or(|subject| subject.is_empty()) {
        return Err(TokenError::MissingClaim);
    }
    Ok(())
}
