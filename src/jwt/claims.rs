//! The claims: which of them let a token pass, and what an identity takes from them.

use super::TokenError;
use crate::{
    ClaimPath, Identity,
    claims::{
        self,
        date::{self, Round},
        text, with_roles, with_scopes,
    },
    clock,
    json::{Object, Value},
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
    fn read(payload: &'a Object) -> Result<Self, TokenError> {
        let mut claims = Self::default();
        for (name, value) in payload.members().iter() {
            let claim = match &*name {
                "iss" => &mut claims.iss,
                "sub" => &mut claims.sub,
                "aud" => &mut claims.aud,
                "exp" => &mut claims.exp,
                "nbf" => &mut claims.nbf,
                "iat" => &mut claims.iat,
                "jti" => &mut claims.jti,
                "auth_time" => &mut claims.auth_time,
                "client_id" => &mut claims.client_id,
                "scope" => &mut claims.scope,
                "sid" => &mut claims.sid,
                // Whoever bears the token has yet to prove that a key is theirs (RFC 7800
                // section 3; RFC 8705 section 3 and RFC 9449 section 6 for access tokens).
                "cnf" => return Err(TokenError::Bound),
                // A security event (RFC 8417 section 2.2) or a logout token (OpenID Connect
                // Back-Channel Logout section 2.4) of the same issuer (RFC 8725 section 2.8).
                "events" => return Err(TokenError::Event),
                _ => continue,
            };
            *claim = Some(value);
        }
        Ok(claims)
    }
}

impl Rules {
    /// Who the token is of, if its claims let it pass at this time.
    pub(super) fn identity(&self, payload: Object, now: u64) -> Result<Identity, TokenError> {
        let claims = Registered::read(&payload)?;
        self.check_issuer(claims.iss)?;
        self.check_audience(claims.aud)?;
        let expiry = self.check_times(&claims, now)?;
        if self.access_token_profile {
            check_profile(&claims)?;
        }
        if let Some(sub) = claims.sub {
            text(sub)?; // RFC 7519 section 4.1.2, also where another claim is the subject
        }

        let subject = match &self.subject {
            None => claims.sub,
            Some(path) => payload.at(path),
        };
        let subject = subject.map(claims::subject).transpose()?.flatten();
        let mut identity = Identity::new(subject.ok_or(TokenError::MissingClaim)?);
        if let Some(issuer) = &self.issuer {
            identity = identity.with_issuer(Arc::clone(issuer));
        } else if let Some(issuer) = claims.iss {
            identity = identity.with_issuer(text(issuer)?);
        }
        if let Some(expiry) = expiry {
            identity = identity.with_expiry(clock::at(expiry));
        }
        if let Some(jti) = claims.jti {
            identity = identity.with_token_id(text(jti)?); // RFC 7519 section 4.1.7
        }
        if let Some(auth_time) = claims.auth_time {
            let seconds = date::read(auth_time, Round::Down).ok_or(TokenError::ClaimType)?;
            identity = identity.with_authenticated_at(clock::at(seconds));
        }
        if let Some(iat) = claims.iat {
            let seconds = date::read(iat, Round::Down).ok_or(TokenError::ClaimType)?;
            identity = identity.with_issued_at(clock::at(seconds));
        }
        // What cannot be read could not be revoked.
        if let Some(sid) = claims.sid {
            identity = identity.with_session_id(text(sid)?);
        }
        let scopes = match &self.scopes {
            None => claims.scope,
            Some(path) => payload.at(path),
        };
        if let Some(scopes) = scopes {
            identity = with_scopes(identity, scopes)?;
        }
        if let Some(roles) = self.roles.as_ref().and_then(|path| payload.at(path)) {
            identity = with_roles(identity, roles)?;
        }
        if let Some(parse) = self.typed {
            let typed = parse(payload.as_str()).ok_or(TokenError::TypedClaims)?;
            identity = identity.with_typed_claims(typed);
        }
        Ok(identity.with_claims(payload))
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

    /// RFC 7519 section 4.1.3, RFC 8725 section 3.9.
    fn check_audience(&self, aud: Option<Value<'_>>) -> Result<(), TokenError> {
        match aud {
            Some(aud) => match claims::is_for(aud, &self.audiences)? {
                true => Ok(()),
                false => Err(TokenError::Audience),
            },
            None if self.audiences.is_empty() => Ok(()),
            None => Err(TokenError::MissingClaim),
        }
    }

    /// RFC 7519 sections 4.1.4 to 4.1.6; gives the expiry.
    fn check_times(&self, claims: &Registered<'_>, now: u64) -> Result<Option<u64>, TokenError> {
        let date = |claim: Option<Value<'_>>, round| match claim {
            None => Ok(None),
            Some(value) => date::read(value, round)
                .map(Some)
                .ok_or(TokenError::ClaimType),
        };
        let expiry = date(claims.exp, Round::Down)?;
        match expiry {
            Some(expiry) if now >= expiry.saturating_add(self.leeway) => {
                return Err(TokenError::Expired);
            }
            None if self.expiry_is_required => return Err(TokenError::MissingClaim),
            _ => {}
        }
        // The RFC asks no check of `iat`; a token from the future has a wrong date nevertheless.
        for claim in [claims.nbf, claims.iat] {
            if date(claim, Round::Up)?.is_some_and(|start| start > now.saturating_add(self.leeway))
            {
                return Err(TokenError::NotYetValid);
            }
        }
        Ok(expiry)
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
