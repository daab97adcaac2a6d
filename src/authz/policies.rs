//! The ready-made policies.

use super::PolicyRequest;
use crate::{Identity, Policy, Rejection, Verdict, identity::ClaimPath, rejection::Scope};
use serde::Serialize;
use serde_json::Value;
use std::borrow::Cow;

/// Requires an identity, whoever it is.
#[must_use]
pub fn authenticated() -> BuiltInPolicy {
    BuiltInPolicy(Kind::Authenticated)
}

/// Requires a role.
pub fn role(role: impl Into<String>) -> BuiltInPolicy {
    BuiltInPolicy(Kind::Roles(vec![role.into()]))
}

/// Requires at least one of several roles.
///
/// # Panics
///
/// If there are none: nobody could have one of them.
#[track_caller]
pub fn any_role(roles: impl IntoIterator<Item = impl Into<String>>) -> BuiltInPolicy {
    let roles: Vec<String> = roles.into_iter().map(Into::into).collect();
    assert!(!roles.is_empty(), "any_role of no roles allows nobody");
    BuiltInPolicy(Kind::Roles(roles))
}

/// Requires a scope (RFC 6749 section 3.3).
///
/// # Panics
///
/// If the name is not that of a scope.
#[track_caller]
pub fn scope(scope: impl AsRef<str>) -> BuiltInPolicy {
    all_scopes([scope])
}

/// Requires all of several scopes.
///
/// # Panics
///
/// If there are none, which would allow everybody, or a name is not that of a scope.
#[track_caller]
pub fn all_scopes(scopes: impl IntoIterator<Item = impl AsRef<str>>) -> BuiltInPolicy {
    let mut all = Vec::new();
    for scope in scopes {
        match Scope::new(scope) {
            Ok(scope) => all.push(scope),
            Err(error) => panic!("{error}"),
        }
    }
    assert!(!all.is_empty(), "all_scopes of no scopes allows everybody");
    BuiltInPolicy(Kind::Scopes(all))
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
pub fn claim(path: impl Into<ClaimPath>, value: impl Serialize) -> BuiltInPolicy {
    let path = path.into();
    match serde_json::to_value(value) {
        Ok(value) => BuiltInPolicy(Kind::Claim(path, value)),
        Err(error) => panic!("the value for claim {path} is no JSON: {error}"),
    }
}

/// Requires one subject of one issuer, or of one realm where there is no issuer.
///
/// Both are needed: a subject is unique only within its issuer.
pub fn subject(issuer: impl Into<String>, subject: impl Into<String>) -> BuiltInPolicy {
    BuiltInPolicy(Kind::Subject {
        issuer: issuer.into(),
        subject: subject.into(),
    })
}

/// Requires an access token that comes of a login, and not of a refresh token (`fresh`).
///
/// Otherwise the answer is 401 with `insufficient_user_authentication` (RFC 9470 section 3), so
/// that a client has its user log in again. Tokens of [`issue::TokenIssuer`](crate) say so; other
/// credentials are not fresh, see [`authenticated_within`](super::authenticated_within) for those.
#[must_use]
pub fn fresh() -> BuiltInPolicy {
    BuiltInPolicy(Kind::Fresh)
}

/// A ready-made policy; made by [`role`], [`scope`], [`subject`] and the other functions of this
/// kind.
#[derive(Clone, Debug)]
pub struct BuiltInPolicy(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Authenticated,
    /// At least one of these roles.
    Roles(Vec<String>),
    /// All of these scopes.
    Scopes(Vec<Scope>),
    Claim(ClaimPath, Value),
    Subject {
        issuer: String,
        subject: String,
    },
    Fresh,
}

impl Policy for BuiltInPolicy {
    fn check(&self, identity: &Identity, _: &PolicyRequest<'_>) -> Verdict<()> {
        let is_allowed = match &self.0 {
            Kind::Authenticated => true,
            Kind::Roles(roles) => roles.iter().any(|role| identity.has_role(role)),
            Kind::Scopes(scopes) => scopes.iter().all(|s| identity.has_scope(s.as_str())),
            Kind::Claim(path, value) => {
                identity.claim::<Value>(path.clone()).as_ref() == Some(value)
            }
            Kind::Subject { issuer, subject } => {
                let is_user = !identity.is_client();
                is_user && identity.issuer() == Some(issuer) && identity.subject() == subject
            }
            Kind::Fresh => identity.claim("fresh") == Some(true),
        };
        Verdict::ready(match &self.0 {
            _ if is_allowed => Ok(()),
            Kind::Scopes(scopes) => Err(Rejection::insufficient_scope(scopes.iter().cloned())),
            Kind::Fresh => Err(Rejection::insufficient_authentication()),
            _ => Err(Rejection::forbidden()),
        })
    }

    fn name(&self) -> Cow<'_, str> {
        match &self.0 {
            Kind::Authenticated => "authenticated".into(),
            Kind::Roles(roles) => format!("role({})", roles.join("|")).into(),
            Kind::Scopes(scopes) => {
                let names: Vec<_> = scopes.iter().map(Scope::as_str).collect();
                format!("scope({})", names.join(" ")).into()
            }
            Kind::Claim(path, _) => format!("claim({path})").into(),
            Kind::Subject { subject, .. } => format!("subject({subject})").into(),
            Kind::Fresh => "fresh".into(),
        }
    }

    fn scopes(&self) -> &[Scope] {
        match &self.0 {
            Kind::Scopes(scopes) => scopes,
            _ => &[],
        }
    }
}
