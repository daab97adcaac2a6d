//! [`AccessRules`]: a table of paths and methods, deny by default.

use super::{PolicyRequest, enforce::missing, path};
use crate::{Identity, Policy, Rejection, Verdict};
use http::{Method, request::Parts};
use std::{borrow::Cow, collections::HashMap, fmt, sync::Arc};

/// Who may call what: rules over paths and methods, deny by default.
///
/// Used inside an [`AuthLayer`](crate::AuthLayer::rules), where open paths are reachable
/// without credentials and challenges name the scopes that a path takes, or as a
/// [`RequireLayer`](crate::RequireLayer::rules) of its own. It is the way for tonic, whose
/// methods cannot carry a layer, and for whoever wants the whole table in one place.
///
/// ```
/// use http::Method;
/// use tower_auth::{AccessRules, authenticated, role, scope};
///
/// let rules = AccessRules::new()
///     .allow("/health")
///     .require((Method::GET, "/orders/{id}"), scope("orders:read"))
///     .require((Method::DELETE, "/orders/{id}"), role("admin"))
///     .require("/admin/{*rest}", role("admin"))
///     .otherwise(authenticated());
/// # let _ = rules;
/// ```
///
/// - `{name}` matches one segment (`:name` and `*` do not, and panic), `{*name}` at the end the rest of a path, at least one
///   character: `/admin/{*rest}` does not match `/admin` or `/admin/`. The policy of the rule
///   receives the values, see [`PolicyRequest::path_param`].
/// - The most specific pattern wins, whatever the order. A method that is not listed for it gets
///   [`otherwise`](Self::otherwise). `GET` covers `HEAD`. `GET` also covers `CONNECT` with a path,
///   which opens a WebSocket over HTTP/2 (RFC 8441) as `GET` does over HTTP/1.1.
/// - Without `otherwise`, what no rule names is denied: 401 for a visitor, else 403.
/// - A path that servers read differently is malformed: 400. That is `/a/../b`, `/a//b`, `/a%2fb`,
///   `\`, `%zz`, `..;x`, escaped control characters and overlong UTF-8 (`%0a`, `%c0%af`). A path is
///   also malformed if its spelling would match another rule than the normal spelling (`/%61dmin`,
///   `/items%3Apurge`, `/caf%c3%a9`), or another rule than the path without parameters
///   (`/admin;x/users`, for servers behind that ignore parameters). Patterns may be spelled either
///   way. A pattern with parameters panics, because all of its paths would be ambiguous.
/// - Paths are case-sensitive.
/// - Paths are matched as the layer sees them: under axum's `nest` without the prefix, and before
///   anything further inside changes them. `/admin/` is another path than `/admin`, so a layer that
///   trims slashes or rewrites paths belongs outside.
#[derive(Clone, Default)]
pub struct AccessRules {
    router: matchit::Router<usize>,
    patterns: HashMap<String, usize>,
    endpoints: Vec<Methods>,
    rules: Vec<Rule>,
    otherwise: Rule,
}

/// The position of a rule in its table. `None` is the rule for everything else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct RuleIndex(Option<usize>);

/// The rules of one pattern by method. Without a method, the rule is for the other methods.
type Methods = Vec<(Option<Method>, usize)>;

/// One rule.
#[derive(Clone)]
pub(crate) enum Rule {
    Allow,
    Require(Arc<dyn Policy>),
}

impl Rule {
    /// Returns the policy that the rule requires.
    pub(crate) fn policy(&self) -> Option<&dyn Policy> {
        match self {
            Self::Allow => None,
            Self::Require(policy) => Some(&**policy),
        }
    }

    /// Applies the rule to an identity, or to an anonymous caller.
    pub(crate) fn check(
        &self,
        caller: Option<&Identity>,
        request: &PolicyRequest<'_>,
    ) -> Verdict<()> {
        match (self, caller) {
            (Self::Allow, _) => Verdict::ready(Ok(())),
            (Self::Require(policy), Some(identity)) => policy.check(identity, request),
            (Self::Require(policy), None) => {
                Verdict::ready(Err(missing(&**policy, &request.extensions)))
            }
        }
    }
}

impl Default for Rule {
    fn default() -> Self {
        Self::Require(Arc::new(NoRule))
    }
}

/// What no rule names is denied.
struct NoRule;

impl Policy for NoRule {
    fn check(&self, _: &Identity, _: &PolicyRequest<'_>) -> Verdict<()> {
        Verdict::ready(Err(Rejection::forbidden()))
    }

    fn name(&self) -> Cow<'_, str> {
        "no rule".into()
    }
}

/// A path pattern, with methods or for all of them; made from `"/path"`,
/// `(Method::GET, "/path")` or `([Method::GET, Method::PUT], "/path")`.
#[derive(Clone, Debug)]
pub struct RoutePattern {
    pattern: String,
    /// `None` is every method.
    methods: Vec<Option<Method>>,
}

impl From<&str> for RoutePattern {
    fn from(pattern: &str) -> Self {
        Self::from(pattern.to_owned())
    }
}

impl From<String> for RoutePattern {
    fn from(pattern: String) -> Self {
        Self {
            pattern,
            methods: vec![None],
        }
    }
}

impl From<(Method, &str)> for RoutePattern {
    fn from((method, pattern): (Method, &str)) -> Self {
        Self::from(([method], pattern))
    }
}

impl<const N: usize> From<([Method; N], &str)> for RoutePattern {
    /// # Panics
    ///
    /// If there are no methods: the rule would never apply.
    #[track_caller]
    fn from((methods, pattern): ([Method; N], &str)) -> Self {
        assert!(N > 0, "a rule for no methods never applies");
        Self {
            pattern: pattern.to_owned(),
            methods: methods.map(Some).to_vec(),
        }
    }
}

impl AccessRules {
    /// Rules that deny everything.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Opens an endpoint to visitors. Credentials that are sent all the same must be good.
    ///
    /// # Panics
    ///
    /// If the pattern is not valid, conflicts with another one, or has a rule already.
    #[track_caller]
    #[must_use]
    pub fn allow(self, endpoint: impl Into<RoutePattern>) -> Self {
        self.rule(endpoint.into(), Rule::Allow)
    }

    /// Requires a policy of whoever calls this endpoint.
    ///
    /// # Panics
    ///
    /// If the pattern is not valid, conflicts with another one, or has a rule already.
    #[track_caller]
    #[must_use]
    pub fn require(self, endpoint: impl Into<RoutePattern>, policy: impl Policy) -> Self {
        self.rule(endpoint.into(), Rule::Require(Arc::new(policy)))
    }

    /// Requires a policy of whoever calls anything that no rule names.
    #[must_use]
    pub fn otherwise(mut self, policy: impl Policy) -> Self {
        self.otherwise = Rule::Require(Arc::new(policy));
        self
    }

    #[track_caller]
    fn rule(mut self, endpoint: RoutePattern, rule: Rule) -> Self {
        let RoutePattern { pattern, methods } = endpoint;
        assert!(
            pattern.starts_with('/'),
            "path pattern {pattern:?} does not begin with '/'"
        );
        assert!(
            !path::has_foreign_wildcard(&pattern),
            "path pattern {pattern:?} has a wildcard of another syntax: write {{id}} for a segment \
             and {{*rest}} for the rest of a path"
        );
        let index = match self.patterns.get(&pattern) {
            Some(&index) => index,
            None => {
                let index = self.endpoints.len();
                let plain = path::normalized_pattern(&pattern);
                assert!(
                    path::is_unambiguous(&pattern) && path::is_unambiguous(&plain),
                    "path pattern {pattern:?} is ambiguous, as no request's path may be"
                );
                assert!(
                    path::without_parameters(&plain).is_none(),
                    "path pattern {pattern:?} has parameters (`;`): servers that ignore them read \
                     its paths as others, so that they are ambiguous"
                );
                // As it is written, and as clients and decoding servers spell it.
                let spellings = [Some(&pattern), Some(&plain).filter(|_| plain != pattern)];
                for spelling in spellings.into_iter().flatten() {
                    if let Err(error) = self.router.insert(spelling, index) {
                        panic!("path pattern {pattern:?}: {error}");
                    }
                }
                self.endpoints.push(Methods::default());
                self.patterns.insert(pattern.clone(), index);
                index
            }
        };
        let Some(endpoint) = self.endpoints.get_mut(index) else {
            return self;
        };
        let index = self.rules.len();
        self.rules.push(rule);
        for method in methods {
            let taken = endpoint.iter().any(|(known, _)| *known == method);
            let name = method.as_ref().map(|method| format!("{method} "));
            let name = name.unwrap_or_default();
            assert!(!taken, "{name}{pattern:?} has a rule already");
            endpoint.push((method, index));
        }
        self
    }

    /// Returns the rule at this position.
    pub(crate) fn get(&self, RuleIndex(index): RuleIndex) -> &Rule {
        let rule = index.and_then(|index| self.rules.get(index));
        rule.unwrap_or(&self.otherwise)
    }

    /// Returns a request with the path parameters of the rule at this position.
    pub(crate) fn request<'a>(&'a self, index: RuleIndex, head: &'a Parts) -> PolicyRequest<'a> {
        match index {
            RuleIndex(Some(_)) => PolicyRequest::of_rule(head, &self.router),
            RuleIndex(None) => PolicyRequest::new(head),
        }
    }

    /// Finds the rule for a request.
    ///
    /// # Errors
    ///
    /// Malformed, if the path may be read in more than one way.
    pub(crate) fn find(&self, method: &Method, path: &str) -> Result<RuleIndex, Rejection> {
        if self.rules.is_empty() {
            // One policy applies to every path.
            return Ok(RuleIndex::default());
        }
        let ambiguous = || Err(Rejection::malformed().with_detail("the path is ambiguous"));
        if !path::is_unambiguous(path) {
            return ambiguous();
        }
        let rule = self.matching(method, path);
        let meets_another = |spelling: &str| {
            !path::is_unambiguous(spelling) || rule != self.matching(method, spelling)
        };
        let plain = path::normalized(path);
        let bare = path::without_parameters(plain.as_deref().unwrap_or(path));
        // Whether a slash at the end is kept depends on the server.
        let trimmed = bare.as_deref().and_then(|bare| bare.strip_suffix('/'));
        let trimmed = trimmed.filter(|path| !path.is_empty());
        let mut spellings = [plain.as_deref(), bare.as_deref(), trimmed].into_iter();
        if spellings.any(|spelling| spelling.is_some_and(meets_another)) {
            return ambiguous();
        }
        Ok(rule)
    }

    fn matching(&self, method: &Method, path: &str) -> RuleIndex {
        let found = self.router.at(path).ok();
        let endpoint = found.and_then(|found| self.endpoints.get(*found.value));
        RuleIndex(endpoint.and_then(|endpoint| rule_of(endpoint, method)))
    }
}

fn rule_of(methods: &Methods, method: &Method) -> Option<usize> {
    let listed = |wanted: Option<&Method>| {
        let mut methods = methods.iter();
        let found = methods.find(|(method, _)| method.as_ref() == wanted);
        found.map(|(_, rule)| *rule)
    };
    // A plain `CONNECT` has no path (RFC 9113 section 8.5), so it does not match any pattern.
    let is_as_get = matches!(*method, Method::HEAD | Method::CONNECT);
    let as_get = || is_as_get.then(|| listed(Some(&Method::GET))).flatten();
    listed(Some(method))
        .or_else(as_get)
        .or_else(|| listed(None))
}

impl fmt::Debug for AccessRules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.otherwise.policy() {
            Some(policy) if self.rules.is_empty() => f.write_str(&policy.name()),
            _ => f.debug_set().entries(self.patterns.keys()).finish(),
        }
    }
}
