//! [`AuthRequest`]: what the provider is asked for.

use super::form::Form;
use super::{LoginError, provider::Endpoints};
use crate::ConfigError;
use std::fmt;
use url::Url;

/// The parameters that only the login sets.
const RESERVED: [&str; 16] = [
    "acr_values",
    "client_id",
    "code_challenge",
    "code_challenge_method",
    "login_hint",
    "max_age",
    "nonce",
    "prompt",
    "redirect_uri",
    "request",
    "request_uri",
    "resource",
    "response_mode",
    "response_type",
    "scope",
    "state",
];

/// The longest value that a query may bring, in bytes.
const MAX_VALUE: usize = 512;

/// The parameters of one authorization request (RFC 6749 section 4.1.1, OpenID Connect Core section
/// 3.1.2.1, RFC 8707). The login adds `state`, `nonce` and PKCE.
///
/// `Debug` shows neither the login hint nor the values of other parameters.
#[derive(Clone, Default)]
#[must_use]
pub struct AuthRequest {
    pub(super) scopes: Vec<String>,
    pub(super) resources: Vec<String>,
    pub(super) prompt: Option<String>,
    pub(super) login_hint: Option<String>,
    /// In seconds.
    pub(super) max_age: Option<u64>,
    pub(super) acr_values: Option<String>,
    pub(super) others: Vec<(String, String)>,
}

impl AuthRequest {
    /// Asks for these scopes, too, separated by spaces.
    pub fn scope(mut self, scopes: &str) -> Self {
        for scope in scopes.split_ascii_whitespace() {
            if !self.scopes.iter().any(|other| other == scope) {
                self.scopes.push(scope.to_owned());
            }
        }
        self
    }

    /// Asks for an access token that is for this API (RFC 8707).
    pub fn resource(mut self, resource: impl Into<String>) -> Self {
        self.resources.push(resource.into());
        self
    }

    /// Whether the user is asked: `none`, `login`, `consent`, `select_account`.
    pub fn prompt(mut self, prompt: impl Into<String>) -> Self {
        self.prompt = Some(prompt.into());
        self
    }

    /// Sets a hint about the user who is about to sign in.
    pub fn login_hint(mut self, hint: impl Into<String>) -> Self {
        self.login_hint = Some(hint.into());
        self
    }

    /// Sets the largest age of the user's authentication, in seconds. The ID token must then have
    /// the time of the authentication.
    pub fn max_age(mut self, seconds: u64) -> Self {
        self.max_age = Some(seconds);
        self
    }

    /// Sets the requested authentication context classes, separated by spaces. The claim `acr` has
    /// the class that was used.
    pub fn acr_values(mut self, values: impl Into<String>) -> Self {
        self.acr_values = Some(values.into());
        self
    }

    /// Any other parameter, such as `audience`, `ui_locales` or `domain_hint`. Those that the
    /// login sets itself are left out.
    pub fn param(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.others.push((name.into(), value.into()));
        self
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        match self.others.iter().find(|(name, _)| is_reserved(name)) {
            Some((name, _)) => Err(ConfigError::new(format!(
                "the parameter {name:?} must not be set by `param`: the login sets it itself, by a method of its own if the value can be chosen"
            ))),
            None => Ok(()),
        }
    }

    /// Adds the parameters of the browser's query, where nothing is configured. The query cannot
    /// request other scopes or resources, or a greater age. If another site caused the request,
    /// only a smaller age and `prompt=login` are used: its `acr_values` could replace a stronger
    /// default of the provider.
    pub(super) fn with_query(
        mut self,
        query: &Form<'_>,
        is_foreign: bool,
    ) -> Result<Self, LoginError> {
        let value = |name| match query.one(name)? {
            Some(value) if value.len() > MAX_VALUE || value.contains(char::is_control) => {
                Err(LoginError::Request)
            }
            value => Ok(value.map(str::to_owned)),
        };
        if let Some(prompt) = value("prompt")?
            && (!is_foreign || prompt == "login")
        {
            self.prompt.get_or_insert(prompt);
        }
        if let Some(hint) = value("login_hint")?
            && !is_foreign
        {
            self.login_hint.get_or_insert(hint);
        }
        if let Some(values) = value("acr_values")?
            && !is_foreign
        {
            self.acr_values.get_or_insert(values);
        }
        if let Some(max_age) = value("max_age")? {
            let max_age: u32 = max_age.parse().map_err(|_| LoginError::Request)?;
            let most = self.max_age.unwrap_or(u64::MAX);
            self.max_age = Some(most.min(max_age.into()));
        }
        Ok(self)
    }

    /// Returns the address to which the browser is sent.
    pub(super) fn url(&self, endpoints: &Endpoints, set: &[(&str, &str)]) -> Url {
        let mut url = endpoints.authorization.clone();
        {
            // A query that the endpoint has already is kept (RFC 6749 section 3.1).
            let mut query = url.query_pairs_mut();
            query.append_pair("response_type", "code");
            query.extend_pairs(set);
            if !self.scopes.is_empty() {
                query.append_pair("scope", &self.scopes.join(" "));
            }
            for resource in &self.resources {
                query.append_pair("resource", resource);
            }
            let max_age = self.max_age.map(|seconds| seconds.to_string());
            for (name, value) in [
                ("prompt", &self.prompt),
                ("login_hint", &self.login_hint),
                ("max_age", &max_age),
                ("acr_values", &self.acr_values),
            ] {
                if let Some(value) = value {
                    query.append_pair(name, value);
                }
            }
            for (name, value) in &self.others {
                if !is_reserved(name) {
                    query.append_pair(name, value);
                }
            }
        }
        url
    }
}

impl fmt::Debug for AuthRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let others = self.others.iter().map(|(name, _)| name);
        f.debug_struct("AuthRequest")
            .field("scopes", &self.scopes)
            .field("resources", &self.resources)
            .field("prompt", &self.prompt)
            .field("max_age", &self.max_age)
            .field("acr_values", &self.acr_values)
            .field("others", &others.collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

fn is_reserved(name: &str) -> bool {
    RESERVED.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_can_ask_for_more_care_only() {
        let ask = |request: AuthRequest, query: &str| {
            request.with_query(&Form::read(query.as_bytes()).unwrap(), false)
        };
        let query = "prompt=none&login_hint=bob&max_age=900&acr_values=gold&scope=admin&resource=x";
        let asked = ask(AuthRequest::default(), query).unwrap();
        assert_eq!(asked.prompt.as_deref(), Some("none"));
        assert_eq!(asked.login_hint.as_deref(), Some("bob"));
        assert_eq!(asked.acr_values.as_deref(), Some("gold"));
        assert_eq!(asked.max_age, Some(900));
        assert!(asked.scopes.is_empty() && asked.resources.is_empty());
        let strict = AuthRequest::default().prompt("login").max_age(60);
        let asked = ask(strict.clone(), query).unwrap();
        assert_eq!(
            (asked.prompt.as_deref(), asked.max_age),
            (Some("login"), Some(60))
        );
        assert_eq!(ask(strict, "max_age=5").unwrap().max_age, Some(5));
        for bad in [
            "max_age=-1",
            "max_age=x",
            "prompt=a%0Ab",
            "prompt=a&prompt=b",
        ] {
            assert!(ask(AuthRequest::default(), bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn another_site_can_only_make_a_sign_in_stricter() {
        let ask = |query: &str| {
            let query = Form::read(query.as_bytes()).unwrap();
            AuthRequest::default().with_query(&query, true).unwrap()
        };
        let asked = ask("prompt=none&login_hint=bob&max_age=900&acr_values=0");
        assert_eq!((asked.prompt, asked.login_hint), (None, None));
        assert_eq!((asked.acr_values, asked.max_age), (None, Some(900)));
        assert_eq!(ask("prompt=login").prompt.as_deref(), Some("login"));
    }

    #[test]
    fn what_is_asked_for_is_not_shown() {
        let request = AuthRequest::default()
            .scope("openid")
            .login_hint("alice@example.com")
            .param("client_secret", "s3cret");
        let shown = format!("{request:?}");
        assert!(
            !shown.contains("alice") && !shown.contains("s3cret"),
            "{shown}"
        );
    }
}
