//! The ready-made policies.

use crate::{Identity, Policy, Rejection, Verdict, identity::ClaimPath, rejection::Scope};
use http::request::Parts;
use serde::Serialize;
use serde_json::Value;
use std::borrow::Cow;

fn allow(allowed: bool) -> Verdict<()> {
    Verdict::ready(if allowed {
        Ok(())
    } else {
        Err(Rejection::forbidden())
    })
}

/// Requires an identity, whoever it is.
#[must_use]
pub fn authenticated() -> Authenticated {
    Authenticated(())
}

/// Any identity will do; made by [`authenticated`].
#[derive(Clone, Copy, Debug)]
pub struct Authenticated(());

impl Policy for Authenticated {
    fn check(&self, _: &Identity, _: &Parts) -> Verdict<()> {
        allow(true)
    }

    fn name(&self) -> Cow<'_, str> {
        "authenticated".into()
    }
}

/// Requires a role.
pub fn role(role: impl Into<String>) -> Roles {
    Roles(vec![role.into()])
}

/// Requires at least one of several roles.
///
/// # Panics
///
/// If there are none: nobody could have one of them.
#[track_caller]
pub fn any_role(roles: impl IntoIterator<Item = impl Into<String>>) -> Roles {
    let roles: Vec<String> = roles.into_iter().map(Into::into).collect();
    assert!(!roles.is_empty(), "any_role of no roles allows nobody");
    Roles(roles)
}

/// At least one of some roles; made by [`role`] and [`any_role`].
#[derive(Clone, Debug)]
pub struct Roles(Vec<String>);

impl Policy for Roles {
    fn check(&self, identity: &Identity, _: &Parts) -> Verdict<()> {
        allow(self.0.iter().any(|role| identity.has_role(role)))
    }

    fn name(&self) -> Cow<'_, str> {
        format!("role({})", self.0.join("|")).into()
    }
}

/// Requires a scope (RFC 6749 section 3.3).
///
/// # Panics
///
/// If the name is not that of a scope.
#[track_caller]
pub fn scope(scope: impl AsRef<str>) -> Scopes {
    all_scopes([scope])
}

/// Requires all of several scopes.
///
/// # Panics
///
/// If there are none, which would allow everybody, or a name is not that of a scope.
#[track_caller]
pub fn all_scopes(scopes: impl IntoIterator<Item = impl AsRef<str>>) -> Scopes {
    let mut all = Vec::new();
    for scope in scopes {
        match Scope::new(scope) {
            Ok(scope) => all.push(scope),
            Err(error) => panic!("{error}"),
        }
    }
    assert!(!all.is_empty(), "all_scopes of no scopes allows everybody");
    Scopes(all)
}

/// All of some scopes; made by [`scope`] and [`all_scopes`].
#[derive(Clone, Debug)]
pub struct Scopes(Vec<Scope>);

impl Policy for Scopes {
    fn check(&self, identity: &Identity, _: &Parts) -> Verdict<()> {
        Verdict::ready(
            if self
                .0
                .iter()
                .all(|scope| identity.has_scope(scope.as_str()))
            {
                Ok(())
            } else {
                Err(Rejection::insufficient_scope(self.0.iter().cloned()))
            },
        )
    }

    fn name(&self) -> Cow<'_, str> {
        let names: Vec<_> = self.0.iter().map(Scope::as_str).collect();
        format!("scope({})", names.join(" ")).into()
    }

    fn scopes(&self) -> &[Scope] {
        &self.0
    }
}

/// Requires a claim to have exactly this JSON value.
///
/// An identity without claims (Basic, an API key) is not allowed.
///
/// ```
/// use tower_auth::claim;
///
/// let verified = claim("email_verified", true);
/// let tenant = claim(["tenant", "id"], "acme");
/// # let _ = (verified, tenant);
/// ```
///
/// # Panics
///
/// If the value cannot be written as JSON, as a map whose keys are not strings.
#[track_caller]
pub fn claim(path: impl Into<ClaimPath>, value: impl Serialize) -> Claim {
    let path = path.into();
    match serde_json::to_value(value) {
        Ok(value) => Claim { path, value },
        Err(error) => panic!("the value for claim {path} is no JSON: {error}"),
    }
}

/// One claim of a certain value; made by [`claim`].
#[derive(Clone, Debug)]
pub struct Claim {
    path: ClaimPath,
    value: Value,
}

impl Policy for Claim {
    fn check(&self, identity: &Identity, _: &Parts) -> Verdict<()> {
        allow(identity.claim::<Value>(self.path.clone()).as_ref() == Some(&self.value))
    }

    fn name(&self) -> Cow<'_, str> {
        format!("claim({})", self.path).into()
    }
}

/// Requires one subject of one issuer, or of one realm where there is no issuer.
///
/// Both are needed: a subject is unique only within its issuer.
pub fn subject(issuer: impl Into<String>, subject: impl Into<String>) -> Subject {
    Subject {
        issuer: issuer.into(),
        subject: subject.into(),
    }
}

/// One subject of one issuer; made by [`subject`].
#[derive(Clone, Debug)]
pub struct Subject {
    issuer: String,
    subject: String,
}

impl Policy for Subject {
    fn check(&self, identity: &Identity, _: &Parts) -> Verdict<()> {
        let issued = identity.issuer() == Some(&self.issuer);
        allow(issued && identity.subject() == self.subject)
    }

    fn name(&self) -> Cow<'_, str> {
        format!("subject({})", self.subject).into()
    }
}
