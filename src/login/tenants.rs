//! Users of several tenants of one provider, as in Microsoft Entra ID.
//!
//! 1. The metadata of such a provider names an issuer with a place-holder, such as
//!    `https://login.microsoftonline.com/{tenantid}/v2.0`. The provider is configured by the issuer
//!    of all tenants, whose path has `common` or `organizations` in that place.
//! 2. An ID token names its tenant by `tid`, and its `iss` must be the issuer of that tenant.
//! 3. The application decides which tenants are allowed.
//! 4. The `iss` of the ID token becomes the issuer of the identity, because a subject is unique only
//!    within its issuer (OpenID Connect Core section 2).

use crate::{
    ConfigError,
    json::{Document, Value},
};
use std::sync::Arc;

/// The place-holder of a tenant's id.
const PLACE: &str = "{tenantid}";

/// The names of all tenants in the place of one.
const ALL: [&str; 2] = ["common", "organizations"];

/// The longest id of a tenant, in bytes.
const MAX_ID: usize = 64;

pub(super) type Allowed = dyn Fn(&str) -> bool + Send + Sync;

pub(super) struct Tenants {
    /// The issuer before and behind the tenant's id.
    before: Box<str>,
    behind: Box<str>,
    allowed: Box<Allowed>,
}

impl Tenants {
    /// Returns the tenants of a provider, given the issuer of all tenants.
    pub(super) fn new(issuer: &str, allowed: Box<Allowed>) -> Result<Self, ConfigError> {
        let place = ALL.iter().find_map(|all| {
            let (before, behind) = issuer.split_once(&format!("/{all}"))?;
            let is_segment = behind.is_empty() || behind.starts_with('/');
            is_segment.then(|| (format!("{before}/"), behind.to_owned()))
        });
        let (before, behind) = place.ok_or_else(|| {
            ConfigError::new(format!(
                "the issuer {issuer:?} must have `common` or `organizations` in the place of the tenant, such as \"https://login.microsoftonline.com/organizations/v2.0\""
            ))
        })?;
        Ok(Self {
            before: before.into(),
            behind: behind.into(),
            allowed,
        })
    }

    /// Returns the issuer that the metadata must name.
    pub(super) fn template(&self) -> Arc<str> {
        format!("{}{PLACE}{}", self.before, self.behind).into()
    }

    /// Returns whether this is the issuer of an allowed tenant.
    pub(super) fn has(&self, issuer: &str) -> bool {
        self.tenant_of(issuer)
            .is_some_and(|tenant| (self.allowed)(tenant))
    }

    fn tenant_of<'a>(&self, issuer: &'a str) -> Option<&'a str> {
        let tenant = issuer.strip_prefix(&*self.before)?;
        let tenant = tenant.strip_suffix(&*self.behind)?;
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-.".contains(&byte);
        let is_id = (1..=MAX_ID).contains(&tenant.len()) && tenant.bytes().all(is_plain);
        is_id.then_some(tenant)
    }

    /// Checks that the claims of an ID token are of an allowed tenant.
    pub(super) fn check(&self, claims: &Document<'_>) -> Result<(), &'static str> {
        let text = |name| claims.named(name).and_then(Value::as_str);
        let tenant = text("iss").and_then(|issuer| self.tenant_of(issuer));
        let tenant = tenant.ok_or("iss is not the issuer of a tenant")?;
        match text("tid") {
            Some(tid) if tid == tenant => {}
            _ => return Err("tid is not the tenant of iss"),
        }
        (self.allowed)(tenant)
            .then_some(())
            .ok_or("the tenant is not allowed")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL_TENANTS: &str = "https://login.example/organizations/v2.0";

    fn check(claims: &str) -> Result<(), &'static str> {
        let tenants = Tenants::new(ALL_TENANTS, Box::new(|tenant| tenant != "blocked")).unwrap();
        tenants.check(&Document::read(claims.as_bytes()).unwrap())
    }

    #[test]
    fn an_id_token_is_of_the_tenant_whose_issuer_it_names() {
        let issuer = |tenant: &str| format!("https://login.example/{tenant}/v2.0");
        for (iss, tid, is_good) in [
            (issuer("8eaef023-2b34"), "8eaef023-2b34", true),
            (issuer("8eaef023-2b34"), "other", false),
            (issuer("8eaef023-2b34"), "", false),
            (issuer("blocked"), "blocked", false),
            (issuer("a/b"), "a/b", false),
            (issuer(""), "", false),
            (issuer("{tenantid}"), "{tenantid}", false),
            (issuer(&"a".repeat(65)), &"a".repeat(65), false),
            ("https://login.example/a/v1.0".into(), "a", false),
            ("https://evil.example/a/v2.0".into(), "a", false),
            ("https://login.example/a/v2.0/".into(), "a", false),
        ] {
            let claims = format!(r#"{{"iss":{iss:?},"tid":{tid:?}}}"#);
            assert_eq!(check(&claims).is_ok(), is_good, "{claims}");
        }
        for claims in [
            "{}",
            r#"{"iss":"https://login.example/a/v2.0"}"#,
            r#"{"tid":"a"}"#,
        ] {
            assert!(check(claims).is_err(), "{claims}");
        }
    }

    #[test]
    fn the_issuer_of_all_tenants_has_a_place_for_one() {
        let template = |issuer: &str| {
            let tenants = Tenants::new(issuer, Box::new(|_| true)).ok()?;
            Some(tenants.template().to_string())
        };
        for (issuer, expected) in [
            (ALL_TENANTS, Some("https://login.example/{tenantid}/v2.0")),
            (
                "https://login.example/common",
                Some("https://login.example/{tenantid}"),
            ),
            ("https://login.example/commonplace/v2.0", None),
            ("https://login.example/8eaef023/v2.0", None),
        ] {
            assert_eq!(template(issuer).as_deref(), expected);
        }
    }
}
