//! The endpoint's answer about a token (RFC 7662 section 2.2).

use super::{IntrospectionError, log};
use crate::{
    Identity,
    claims::{
        self, WrongType,
        date::{self, Round},
        named, text,
    },
    clock,
    identity::{ClaimPath, Names},
    json::{Document, Object, Value},
};
use std::sync::Arc;

/// The requirements for the members of an answer.
pub(super) struct Rules {
    /// `None`: any.
    pub(super) issuer: Option<Arc<str>>,
    /// Empty: any.
    pub(super) audiences: Vec<Box<str>>,
    /// `None`: `sub`.
    pub(super) subject: Option<ClaimPath>,
    pub(super) roles: Option<ClaimPath>,
    /// In seconds.
    pub(super) leeway: u64,
}

/// The members of an answer.
#[derive(Clone, Copy)]
struct Members<'a>(&'a Document<'a>);

impl<'a> Members<'a> {
    fn get(self, name: &str) -> Option<&'a Value<'a>> {
        claims::present(self.0.named(name))
    }

    fn text(self, name: &str) -> Result<Option<&'a str>, IntrospectionError> {
        Ok(named(&name, self.get(name).map(text).transpose())?)
    }

    /// Returns the string, unless it is empty: an empty string does not name anything that could be
    /// revoked.
    fn name(self, name: &str) -> Result<Option<&'a str>, IntrospectionError> {
        Ok(self.text(name)?.filter(|text| !text.is_empty()))
    }

    fn date(self, name: &str, round: Round) -> Result<Option<u64>, IntrospectionError> {
        let date = |value| date::read(value, round).ok_or(WrongType);
        Ok(named(&name, self.get(name).map(date).transpose())?)
    }
}

impl Rules {
    /// Returns the identity of the token, if the answer allows it at this time.
    pub(super) fn identity(&self, body: Vec<u8>, now: u64) -> Result<Identity, IntrospectionError> {
        let checked = Object::parse_with(body, |answer| self.check(Members(answer), now));
        let (answer, checked) = checked.map_err(|_| IntrospectionError::Malformed)?;
        let (identity, roles, scopes) = checked?;
        Ok(identity.with_claims(answer, roles, scopes))
    }

    /// Checks the answer. Returns the identity without its claims, the roles and the scopes.
    fn check(
        &self,
        answer: Members<'_>,
        now: u64,
    ) -> Result<(Identity, Names, Names), IntrospectionError> {
        // No other member of an inactive answer has a meaning. Here `null` is not absence.
        match answer.0.named("active").and_then(Value::as_bool) {
            Some(true) => {}
            Some(false) => return Err(IntrospectionError::Inactive),
            None => return Err(IntrospectionError::Malformed),
        }
        check_type(answer)?;
        let issuer = self.check_issuer(answer)?;
        self.check_audience(answer)?;
        let expiry = self.check_times(answer, now)?;
        let subject = match &self.subject {
            None => answer
                .get("sub")
                .map(claims::subject)
                .transpose()
                .map(Option::flatten),
            Some(path) => claims::chosen_subject(answer.0, path),
        };
        let subject = named(&"the subject", subject)?;
        let mut identity = Identity::new(subject.ok_or(IntrospectionError::Subject)?);
        if let Some(issuer) = issuer {
            identity = identity.with_issuer(issuer);
        }
        if let Some(expiry) = expiry {
            identity = identity.with_expiry(clock::at(expiry));
        }
        if let Some(iat) = answer.date("iat", Round::Down)? {
            identity = identity.with_issued_at(clock::at(iat));
        }
        if let Some(auth_time) = answer.date("auth_time", Round::Down)? {
            identity = identity.with_authenticated_at(clock::at(auth_time));
        }
        if let Some(jti) = answer.name("jti")? {
            identity = identity.with_token_id(jti);
        }
        if let Some(sid) = answer.name("sid")? {
            identity = identity.with_session_id(sid);
        }
        let scopes = answer.get("scope").map(claims::scopes).transpose();
        let scopes = named(&"scope", scopes)?.unwrap_or_default();
        let roles = self.roles.as_ref();
        let roles = roles.and_then(|path| claims::present(answer.0.at(path.names())));
        let roles = named(&"the roles", roles.map(claims::roles).transpose())?;
        Ok((identity, roles.unwrap_or_default(), scopes))
    }

    /// Compared as it stands (RFC 8725 section 3.8).
    fn check_issuer(&self, answer: Members<'_>) -> Result<Option<Arc<str>>, IntrospectionError> {
        let found = answer.text("iss")?;
        match &self.issuer {
            None => Ok(found.map(Into::into)),
            Some(issuer) if found == Some(&**issuer) => Ok(Some(Arc::clone(issuer))),
            Some(issuer) => {
                log::issuer(issuer, found);
                Err(IntrospectionError::Issuer)
            }
        }
    }

    fn check_audience(&self, answer: Members<'_>) -> Result<(), IntrospectionError> {
        match answer.get("aud") {
            Some(aud) if named(&"aud", claims::is_for(aud, &self.audiences))? => Ok(()),
            None if self.audiences.is_empty() => Ok(()),
            found => {
                let found = found.and_then(|_| answer.0.raw(["aud"]));
                log::audience(&self.audiences, found);
                Err(IntrospectionError::Audience)
            }
        }
    }

    /// Returns the expiry. The endpoint has just compared it with its own clock, so there is no
    /// leeway here. A token that was issued a moment ago may seem to be from the future.
    fn check_times(
        &self,
        answer: Members<'_>,
        now: u64,
    ) -> Result<Option<u64>, IntrospectionError> {
        let expiry = answer.date("exp", Round::Down)?;
        if expiry.is_some_and(|expiry| now >= expiry) {
            return Err(IntrospectionError::Expired);
        }
        for name in ["nbf", "iat"] {
            let start = answer.date(name, Round::Up)?;
            if start.is_some_and(|start| start > now.saturating_add(self.leeway)) {
                return Err(IntrospectionError::NotYetValid);
            }
        }
        Ok(expiry)
    }
}

/// Checks that the token is a bearer token, and an access token.
fn check_type(answer: Members<'_>) -> Result<(), IntrospectionError> {
    // RFC 7800 section 3, RFC 8705 section 3.2 and RFC 9449 section 6.2: the bearer of the token
    // has yet to prove the possession of a key. Here `null` is not absence.
    if let Some(cnf) = answer.0.named("cnf") {
        named(&"cnf", claims::is_confirmation(cnf))?;
        return Err(IntrospectionError::Bound);
    }
    // RFC 6749 section 5.1: of any case. Some servers name the kind instead (RFC 8693 section 3).
    let types = [
        "bearer",
        "access_token",
        "urn:ietf:params:oauth:token-type:access_token",
    ];
    check_name(answer, "token_type", &types)?;
    // Not of the RFC: how several servers tell access tokens from refresh and id tokens, about
    // which they answer as well.
    check_name(answer, "token_use", &["access_token", "access"])
}

fn check_name(answer: Members<'_>, name: &str, known: &[&str]) -> Result<(), IntrospectionError> {
    let is_known = |found: &str| known.iter().any(|known| found.eq_ignore_ascii_case(known));
    match answer.text(name)?.is_none_or(is_known) {
        true => Ok(()),
        false => Err(IntrospectionError::TokenType),
    }
}
