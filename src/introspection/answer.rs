//! What the endpoint says about a token (RFC 7662 section 2.2).

use super::{IntrospectionError, log};
use crate::{
    ClaimPath, Identity,
    claims::{
        self, WrongType,
        date::{self, Round},
        named, text,
    },
    clock,
    json::{Object, Value},
};
use std::{borrow::Cow, sync::Arc};

/// What the members of an answer have to be.
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

/// The members that this crate reads by name.
#[derive(Default)]
struct Members<'a> {
    active: Option<Value<'a>>,
    iss: Option<Value<'a>>,
    sub: Option<Value<'a>>,
    aud: Option<Value<'a>>,
    exp: Option<Value<'a>>,
    nbf: Option<Value<'a>>,
    iat: Option<Value<'a>>,
    jti: Option<Value<'a>>,
    sid: Option<Value<'a>>,
    auth_time: Option<Value<'a>>,
    scope: Option<Value<'a>>,
    token_type: Option<Value<'a>>,
    token_use: Option<Value<'a>>,
    cnf: Option<Value<'a>>,
}

impl<'a> Members<'a> {
    fn read(answer: &'a Object) -> Self {
        let mut members = Self::default();
        for (name, value) in answer.value().members().into_iter().flatten() {
            let member = match &*name {
                "active" => &mut members.active,
                "iss" => &mut members.iss,
                "sub" => &mut members.sub,
                "aud" => &mut members.aud,
                "exp" => &mut members.exp,
                "nbf" => &mut members.nbf,
                "iat" => &mut members.iat,
                "jti" => &mut members.jti,
                "sid" => &mut members.sid,
                "auth_time" => &mut members.auth_time,
                "scope" => &mut members.scope,
                "token_type" => &mut members.token_type,
                "token_use" => &mut members.token_use,
                "cnf" => &mut members.cnf,
                _ => continue,
            };
            *member = Some(value);
        }
        // All members except `active` and `cnf`, which `null` must not remove.
        for member in [
            &mut members.iss,
            &mut members.sub,
            &mut members.aud,
            &mut members.exp,
            &mut members.nbf,
            &mut members.iat,
            &mut members.jti,
            &mut members.sid,
            &mut members.auth_time,
            &mut members.scope,
            &mut members.token_type,
            &mut members.token_use,
        ] {
            *member = claims::present(*member);
        }
        members
    }
}

impl Rules {
    /// Who the token is of, if the answer lets it pass at this time.
    pub(super) fn identity(&self, body: Vec<u8>, now: u64) -> Result<Identity, IntrospectionError> {
        let answer = Object::parse(body).map_err(|_| IntrospectionError::Malformed)?;
        let members = Members::read(&answer);
        match members.active {
            Some(active) if active.is_true() => {}
            // Nothing else that an inactive answer holds means anything.
            Some(active) if active.is_false() => return Err(IntrospectionError::Inactive),
            _ => return Err(IntrospectionError::Malformed),
        }
        check_type(&members)?;
        self.check_issuer(members.iss)?;
        self.check_audience(members.aud)?;
        let expiry = self.check_times(&members, now)?;
        let subject = match &self.subject {
            None => members.sub.map(claims::subject),
            Some(path) => claims::present(answer.at(path)).map(claims::chosen_subject),
        };
        let subject = named("the subject", subject.transpose())?.flatten();
        let mut identity = Identity::new(subject.ok_or(IntrospectionError::Subject)?);
        if let Some(issuer) = &self.issuer {
            identity = identity.with_issuer(Arc::clone(issuer));
        } else if let Some(issuer) = members.iss {
            identity = identity.with_issuer(named("iss", text(issuer))?);
        }
        if let Some(expiry) = expiry {
            identity = identity.with_expiry(clock::at(expiry));
        }
        if let Some(iat) = date("iat", members.iat, Round::Down)? {
            identity = identity.with_issued_at(clock::at(iat));
        }
        if let Some(auth_time) = date("auth_time", members.auth_time, Round::Down)? {
            identity = identity.with_authenticated_at(clock::at(auth_time));
        }
        // An empty string does not name a token that could be revoked.
        if let Some(jti) = name("jti", members.jti)? {
            identity = identity.with_token_id(jti);
        }
        if let Some(sid) = name("sid", members.sid)? {
            identity = identity.with_session_id(sid);
        }
        let scopes = members.scope.map(|scopes| claims::scopes(&answer, scopes));
        let scopes = named("scope", scopes.transpose())?.unwrap_or_default();
        let roles = self.roles.as_ref().and_then(|path| answer.at(path));
        let roles = claims::present(roles).map(|roles| claims::roles(&answer, roles));
        let roles = named("the roles", roles.transpose())?.unwrap_or_default();
        Ok(identity.with_claims(answer, roles, scopes))
    }

    /// Compared as it stands (RFC 8725 section 3.8).
    fn check_issuer(&self, iss: Option<Value<'_>>) -> Result<(), IntrospectionError> {
        let iss = named("iss", iss.map(text).transpose())?;
        match (&self.issuer, iss) {
            (None, _) => Ok(()),
            (Some(issuer), Some(iss)) if *iss == **issuer => Ok(()),
            (Some(issuer), iss) => {
                log::issuer(issuer, iss.as_deref());
                Err(IntrospectionError::Issuer)
            }
        }
    }

    fn check_audience(&self, aud: Option<Value<'_>>) -> Result<(), IntrospectionError> {
        match aud {
            Some(aud) if named("aud", claims::is_for(aud, &self.audiences))? => Ok(()),
            None if self.audiences.is_empty() => Ok(()),
            aud => {
                log::audience(&self.audiences, aud.map(Value::text));
                Err(IntrospectionError::Audience)
            }
        }
    }

    /// Gives the expiry. The endpoint has just looked at it by its own clock, so there is no
    /// leeway here; a token from a moment ago may seem to be from the future.
    fn check_times(
        &self,
        members: &Members<'_>,
        now: u64,
    ) -> Result<Option<u64>, IntrospectionError> {
        let expiry = date("exp", members.exp, Round::Down)?;
        if expiry.is_some_and(|expiry| now >= expiry) {
            return Err(IntrospectionError::Expired);
        }
        for (name, start) in [("nbf", members.nbf), ("iat", members.iat)] {
            let start = date(name, start, Round::Up)?;
            if start.is_some_and(|start| start > now.saturating_add(self.leeway)) {
                return Err(IntrospectionError::NotYetValid);
            }
        }
        Ok(expiry)
    }
}

/// Whether bearing the token is all it takes, and whether it is for APIs at all.
fn check_type(members: &Members<'_>) -> Result<(), IntrospectionError> {
    // RFC 7800 section 3, RFC 8705 section 3.2 and RFC 9449 section 6.2: whoever bears the token
    // has yet to prove that a key is theirs.
    if let Some(cnf) = members.cnf {
        named("cnf", claims::is_confirmation(cnf))?;
        return Err(IntrospectionError::Bound);
    }
    // RFC 6749 section 5.1: of any case. Some servers name the kind instead (RFC 8693 section 3).
    let types = [
        "bearer",
        "access_token",
        "urn:ietf:params:oauth:token-type:access_token",
    ];
    check_name("token_type", members.token_type, &types)?;
    // Not of the RFC: how several servers tell access tokens from refresh and id tokens, about
    // which they answer as well.
    check_name("token_use", members.token_use, &["access_token", "access"])
}

fn check_name(
    member: &str,
    name: Option<Value<'_>>,
    known: &[&str],
) -> Result<(), IntrospectionError> {
    let Some(name) = named(member, name.map(text).transpose())? else {
        return Ok(());
    };
    let is_known = known.iter().any(|known| name.eq_ignore_ascii_case(known));
    is_known.then_some(()).ok_or(IntrospectionError::TokenType)
}

/// Returns the string, unless it is empty.
fn name<'a>(
    member: &str,
    value: Option<Value<'a>>,
) -> Result<Option<Cow<'a, str>>, IntrospectionError> {
    let name = named(member, value.map(text).transpose())?;
    Ok(name.filter(|name| !name.is_empty()))
}

fn date(
    member: &str,
    value: Option<Value<'_>>,
    round: Round,
) -> Result<Option<u64>, IntrospectionError> {
    let read = |value| date::read(value, round).ok_or(WrongType);
    Ok(named(member, value.map(read).transpose())?)
}
