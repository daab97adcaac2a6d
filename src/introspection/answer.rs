//! The endpoint's answer about a token (RFC 7662 section 2.2).

use super::IntrospectionError;
use crate::{
    Identity,
    claims::{
        self, IdentityPaths, Subject, SubjectError, WrongType,
        date::{self, NO_DATE, Round},
        text,
    },
    clock,
    identity::Names,
    json::{Document, Object, Value},
    rejection::Mismatch,
    util::shown::{one_of, quoted, shown},
};
use std::{fmt, sync::Arc};

/// The requirements for the members of an answer.
pub(super) struct Rules {
    /// `None`: any.
    pub(super) issuer: Option<Arc<str>>,
    /// Empty: any.
    pub(super) audiences: Vec<Box<str>>,
    pub(super) paths: IdentityPaths,
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

    /// Reads a member, if it is present.
    fn read<T>(
        self,
        name: &str,
        read: impl FnOnce(&'a Value<'a>) -> Result<T, WrongType>,
    ) -> Result<Option<T>, IntrospectionError> {
        let value = self.get(name);
        let read = value.map(read).transpose();
        read.map_err(wrong_type(name, value))
    }

    fn text(self, name: &str) -> Result<Option<&'a str>, IntrospectionError> {
        self.read(name, text)
    }

    /// Returns the string, unless it is empty: an empty string does not name anything that could be
    /// revoked.
    fn name(self, name: &str) -> Result<Option<&'a str>, IntrospectionError> {
        Ok(self.text(name)?.filter(|text| !text.is_empty()))
    }

    fn date(self, name: &str, round: Round) -> Result<Option<u64>, IntrospectionError> {
        self.read(name, |value| date::read(value, round).ok_or(NO_DATE))
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
        let subject = self.paths.subject(answer.0).map_err(|error| match error {
            SubjectError::Missing(mismatch) => IntrospectionError::Subject(mismatch),
            SubjectError::Type(mismatch) => IntrospectionError::ClaimType(mismatch),
        })?;
        let mut identity = match subject {
            Subject::User(name) => Identity::new(name),
            Subject::Client(name) => Identity::client(name),
        };
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
        let roles = self.paths.roles(answer.0);
        let roles = roles.map_err(IntrospectionError::ClaimType)?;
        let scopes = self.paths.scopes(answer.0);
        let scopes = scopes.map_err(IntrospectionError::ClaimType)?;
        Ok((identity, roles, scopes))
    }

    /// Compared as it stands (RFC 8725 section 3.8).
    fn check_issuer(&self, answer: Members<'_>) -> Result<Option<Arc<str>>, IntrospectionError> {
        let found = answer.text("iss")?;
        match &self.issuer {
            None => Ok(found.map(Into::into)),
            Some(issuer) if found == Some(&**issuer) => Ok(Some(Arc::clone(issuer))),
            Some(issuer) => {
                let found = found.map_or_else(|| "missing".to_owned(), quoted);
                let mismatch = Mismatch::new("iss", found, quoted(issuer));
                Err(IntrospectionError::Issuer(mismatch))
            }
        }
    }

    fn check_audience(&self, answer: Members<'_>) -> Result<(), IntrospectionError> {
        match answer.read("aud", |aud| claims::is_for(aud, &self.audiences))? {
            Some(true) => Ok(()),
            None if self.audiences.is_empty() => Ok(()),
            found => {
                let found = found.and_then(|_| answer.0.raw(["aud"]));
                let expected = one_of(self.audiences.iter().map(|audience| &**audience));
                let mismatch =
                    Mismatch::new("aud", found.map_or("missing".into(), shown), expected);
                Err(IntrospectionError::Audience(mismatch))
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
        if let Some(expiry) = expiry.filter(|expiry| now >= *expiry) {
            let mismatch = date::out_of_time("exp", expiry, now, 0);
            return Err(IntrospectionError::Expired(mismatch));
        }
        for name in ["nbf", "iat"] {
            let start = answer.date(name, Round::Up)?;
            if let Some(start) = start.filter(|start| *start > now.saturating_add(self.leeway)) {
                let mismatch = date::out_of_time(name, start, now, self.leeway);
                return Err(IntrospectionError::NotYetValid(mismatch));
            }
        }
        Ok(expiry)
    }
}

/// Returns a function that completes the error for a member of the wrong type.
fn wrong_type<'a>(
    name: impl fmt::Display + 'a,
    value: Option<&'a Value<'a>>,
) -> impl FnOnce(WrongType) -> IntrospectionError + 'a {
    move |wrong| IntrospectionError::ClaimType(wrong.of(name, value))
}

/// Checks that the token is a bearer token, and an access token.
fn check_type(answer: Members<'_>) -> Result<(), IntrospectionError> {
    // RFC 7800 section 3, RFC 8705 section 3.2 and RFC 9449 section 6.2: the bearer of the token
    // has yet to prove the possession of a key. Here `null` is not absence.
    if let Some(cnf) = answer.0.named("cnf") {
        claims::is_confirmation(cnf).map_err(wrong_type("cnf", Some(cnf)))?;
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
    match answer.text(name)?.filter(|found| !is_known(found)) {
        None => Ok(()),
        Some(found) => {
            let expected = one_of(known.iter().copied());
            let mismatch = Mismatch::new(name, quoted(found), expected);
            Err(IntrospectionError::TokenType(mismatch))
        }
    }
}
