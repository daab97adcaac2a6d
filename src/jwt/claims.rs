//! The claims: the checks that they must pass, and the facts that an identity takes from them.

use super::{TokenError, cache::Window, log};
use crate::{
    Identity,
    claims::{
        self, IdentityPaths, Subject, SubjectError, WrongType,
        date::{self, NO_DATE, Round},
        text,
    },
    identity::{ClaimsError, Facts},
    json::{Document, Object, Value},
    rejection::Mismatch,
    util::shown::{one_of, quoted, shown},
};
use std::{any::Any, fmt, sync::Arc};

/// Parses all claims as a type of the application.
pub(super) type ParseTyped = fn(&str) -> Result<Arc<dyn Any + Send + Sync>, ClaimsError>;

/// The requirements on the claims of a token.
pub(super) struct Rules {
    /// If there is no issuer, every issuer is accepted.
    pub(super) issuer: Option<Arc<str>>,
    /// If there are no audiences, every audience is accepted.
    pub(super) audiences: Vec<Box<str>>,
    /// If there are no clients, tokens of every client are accepted.
    pub(super) clients: Vec<Box<str>>,
    pub(super) paths: IdentityPaths,
    /// In seconds.
    pub(super) leeway: u64,
    pub(super) expiry_is_required: bool,
    /// RFC 9068.
    pub(super) access_token_profile: bool,
    pub(super) typed: Option<ParseTyped>,
}

/// The claims of one token.
pub(super) struct Claims<'a>(pub(super) &'a Document<'a>);

/// One claim; `None` if it is absent.
#[derive(Clone, Copy)]
pub(super) struct Claim<'a> {
    name: &'static str,
    value: Option<&'a Value<'a>>,
}

impl<'a> Claims<'a> {
    pub(super) fn claim(&self, name: &'static str) -> Claim<'a> {
        let value = claims::present(self.0.named(name));
        Claim { name, value }
    }
}

impl<'a> Claim<'a> {
    fn read<T>(
        self,
        read: impl FnOnce(&'a Value<'a>) -> Result<T, WrongType>,
    ) -> Result<Option<T>, TokenError> {
        let read = self.value.map(read).transpose();
        read.map_err(wrong_type(self.name, self.value))
    }

    /// Returns the error for a claim that is missing and whose value is not compared.
    #[cold]
    pub(super) fn missing(self) -> TokenError {
        TokenError::missing(self.name, "")
    }

    pub(super) fn text(self) -> Result<Option<&'a str>, TokenError> {
        self.read(text)
    }

    /// Returns the string, unless it is empty: an empty string does not name anything that could be
    /// revoked.
    fn name(self) -> Result<Option<Box<str>>, TokenError> {
        let text = self.text()?.filter(|text| !text.is_empty());
        Ok(text.map(Into::into))
    }

    pub(super) fn date(self, round: Round) -> Result<Option<u64>, TokenError> {
        self.read(|value| date::read(value, round).ok_or(NO_DATE))
    }
}

/// Returns a function that completes the error for a claim of the wrong type.
fn wrong_type<'a>(
    claim: impl fmt::Display + 'a,
    value: Option<&'a Value<'a>>,
) -> impl FnOnce(WrongType) -> TokenError + 'a {
    move |wrong| TokenError::ClaimType(wrong.of(claim, value))
}

impl From<SubjectError> for TokenError {
    fn from(error: SubjectError) -> Self {
        match error {
            SubjectError::Missing(mismatch) => Self::MissingClaim(mismatch),
            SubjectError::Type(mismatch) => Self::ClaimType(mismatch),
        }
    }
}

impl Rules {
    /// Returns the identity of the token, and the time for which it is valid.
    ///
    /// If the token is given, it is kept behind the claims. The thumbprint is that of the key that
    /// the client has proved to have, if it has proved one.
    pub(super) fn identity(
        &self,
        payload: Vec<u8>,
        now: u64,
        token: Option<&str>,
        thumbprint: Option<&[u8; 32]>,
    ) -> Result<(Identity, Window), TokenError> {
        let checked = Object::parse_with(payload, |claims| {
            self.check(&Claims(claims), now, thumbprint)
        });
        let (mut payload, checked) = checked.map_err(TokenError::payload)?;
        let (mut facts, window) = checked?;
        if let Some(token) = token {
            payload.keep_behind(token);
        }
        facts.claims = Some(payload);
        Ok((facts.into(), window))
    }

    /// Checks the claims, and returns everything but their text.
    fn check(
        &self,
        claims: &Claims<'_>,
        now: u64,
        thumbprint: Option<&[u8; 32]>,
    ) -> Result<(Facts, Window), TokenError> {
        check_binding(claims.0.named("cnf"), thumbprint)?;
        // A security event (RFC 8417 section 2.2) or a logout token (OpenID Connect Back-Channel
        // Logout section 2.4) of the same issuer (RFC 8725 section 2.8). Both have an object there.
        // A value of any other type is a claim of the application's own.
        if claims
            .claim("events")
            .value
            .and_then(Value::members)
            .is_some()
        {
            return Err(TokenError::Event);
        }
        let issuer = self.check_issuer(claims)?;
        self.check_audience(claims)?;
        let (expires_at, window) = self.check_times(claims, now)?;
        if self.access_token_profile {
            check_profile(claims)?;
        }
        self.check_client(claims)?;
        let (subject, is_client) = match self.paths.subject(claims.0)? {
            Subject::User(name) => (name, false),
            Subject::Client(name) => (name, true),
        };
        let typed = match self.typed {
            Some(parse) => Some(parse(claims.0.as_str()).map_err(|error| {
                log::typed_claims(issuer.as_deref(), &error);
                TokenError::TypedClaims(error.into_mismatch())
            })?),
            None => None,
        };
        // `fresh` and `authenticated_within` depend on this claim.
        let authenticated_at = claims.claim("auth_time").date(Round::Down)?;
        let facts = Facts {
            issuer,
            subject: subject.into(),
            is_client,
            roles: self.paths.roles(claims.0).map_err(TokenError::ClaimType)?,
            scopes: self.paths.scopes(claims.0).map_err(TokenError::ClaimType)?,
            expires_at,
            authenticated_at: authenticated_at.map(|at| at.saturating_mul(1000)),
            issued_at: claims.claim("iat").date(Round::Down)?,
            // A token or session whose name cannot be read could not be revoked.
            token_id: claims.claim("jti").name()?, // RFC 7519 section 4.1.7
            session_id: claims.claim("sid").name()?,
            claims: None,
            typed,
            data: None,
        };
        Ok((facts, window))
    }

    /// RFC 7519 section 4.1.1; compared as it stands (RFC 8725 section 3.8).
    fn check_issuer(&self, claims: &Claims<'_>) -> Result<Option<Arc<str>>, TokenError> {
        let found = claims.claim("iss").text()?;
        let Some(issuer) = &self.issuer else {
            return Ok(found.map(Into::into));
        };
        match found {
            Some(found) if *found == **issuer => Ok(Some(Arc::clone(issuer))),
            Some(found) => Err(TokenError::issuer(found, [&**issuer])),
            None => Err(TokenError::missing("iss", quoted(issuer))),
        }
    }

    /// RFC 7519 section 4.1.3, RFC 8725 section 3.9. The signature has been verified.
    fn check_audience(&self, claims: &Claims<'_>) -> Result<(), TokenError> {
        let is_for = |aud: &Value<'_>| claims::is_for(aud, &self.audiences);
        let expected = || one_of(self.audiences.iter().map(|audience| &**audience));
        match claims.claim("aud").read(is_for)? {
            Some(true) => Ok(()),
            Some(false) => {
                let found = shown(claims.0.raw(["aud"]).unwrap_or_default());
                let mismatch = Mismatch::new("aud", found, expected());
                Err(TokenError::Audience(mismatch))
            }
            None if self.audiences.is_empty() => Ok(()),
            None => Err(TokenError::missing("aud", expected())),
        }
    }

    /// Checks the client that the token was issued to: `azp` (OpenID Connect Core section 2) or
    /// `client_id` (RFC 9068 section 2.2, RFC 8693 section 4.3). If a token has both, both must be
    /// configured clients.
    fn check_client(&self, claims: &Claims<'_>) -> Result<(), TokenError> {
        if self.clients.is_empty() {
            return Ok(());
        }
        let expected = || one_of(self.clients.iter().map(|client| &**client));
        let mut is_named = false;
        for claim in [claims.claim("azp"), claims.claim("client_id")] {
            let Some(found) = claim.text()? else { continue };
            if !self.clients.iter().any(|client| **client == *found) {
                let mismatch = Mismatch::new(claim.name, quoted(found), expected());
                return Err(TokenError::Client(mismatch));
            }
            is_named = true;
        }
        match is_named {
            true => Ok(()),
            false => Err(TokenError::missing("azp or client_id", expected())),
        }
    }

    /// RFC 7519 sections 4.1.4 to 4.1.6. Returns the expiry, and the time for which the token is
    /// valid.
    fn check_times(
        &self,
        claims: &Claims<'_>,
        now: u64,
    ) -> Result<(Option<u64>, Window), TokenError> {
        let expiry = claims.claim("exp").date(Round::Down)?;
        if expiry.is_none() && self.expiry_is_required {
            return Err(claims.claim("exp").missing());
        }
        let until = expiry.map_or(u64::MAX, |expiry| expiry.saturating_add(self.leeway));
        if let Some(expiry) = expiry.filter(|_| now >= until) {
            let mismatch = date::out_of_time("exp", expiry, now, self.leeway);
            return Err(TokenError::Expired(mismatch));
        }
        // The RFC requires no check of `iat`, but a token from the future has a wrong date.
        let (nbf, iat) = (
            claims.claim("nbf").date(Round::Up)?,
            claims.claim("iat").date(Round::Up)?,
        );
        let start = nbf.max(iat).unwrap_or_default();
        let from = start.saturating_sub(self.leeway);
        if now < from {
            let claim = if nbf >= iat { "nbf" } else { "iat" };
            let mismatch = date::out_of_time(claim, start, now, self.leeway);
            return Err(TokenError::NotYetValid(mismatch));
        }
        Ok((expiry, Window { from, until }))
    }
}

/// Checks that the token is bound to the key that the client has proved to have, or to no key if
/// the client has proved none.
///
/// The bearer of a bound token has not proved the possession of a key (RFC 7800 section 3; RFC 8705
/// section 3 and RFC 9449 section 6 for access tokens). A `cnf` without a known method, `null`
/// included, may be a binding that was lost on the way.
fn check_binding(cnf: Option<&Value<'_>>, thumbprint: Option<&[u8; 32]>) -> Result<(), TokenError> {
    let Some(cnf) = cnf else {
        return match thumbprint {
            Some(_) => Err(TokenError::OtherKey),
            None => Ok(()),
        };
    };
    claims::is_confirmation(cnf).map_err(wrong_type("cnf", Some(cnf)))?;
    let thumbprint = thumbprint.ok_or(TokenError::Bound)?;
    match claims::is_bound_to(cnf, thumbprint) {
        true => Ok(()),
        false => Err(TokenError::OtherKey),
    }
}

/// Checks the requirements of RFC 9068 section 2.2 on an access token, by the types of RFC 7519 and
/// RFC 8693.
///
/// The types of all these claims except `client_id`, `sub` and `jti` have been checked already.
fn check_profile(claims: &Claims<'_>) -> Result<(), TokenError> {
    for claim in ["iss", "exp", "aud", "iat"].map(|name| claims.claim(name)) {
        claim.value.ok_or_else(|| claim.missing())?;
    }
    // An empty string is not a name: a revocation of the `jti` "" would end every such token.
    for claim in ["client_id", "sub", "jti"].map(|name| claims.claim(name)) {
        claim.name()?.ok_or_else(|| claim.missing())?;
    }
    Ok(())
}
