//! [`PolicyRequest`]: the request that a policy is applied to.

use crate::{Rejection, util::percent};
use http::request::Parts;
use std::{borrow::Cow, fmt, ops::Deref};

/// The request that a policy is applied to: its head, and the parameters of the rule's path.
///
/// It dereferences to the head, so that `request.method`, `request.uri` and `request.headers` are
/// the fields of [`http::request::Parts`].
#[derive(Clone, Copy)]
pub struct PolicyRequest<'a> {
    head: &'a Parts,
    /// The patterns of the table, if the rule is the rule of a pattern.
    patterns: Option<&'a matchit::Router<usize>>,
}

impl<'a> PolicyRequest<'a> {
    /// Creates a request without path parameters, for tests of policies.
    #[must_use]
    pub fn new(head: &'a Parts) -> Self {
        Self {
            head,
            patterns: None,
        }
    }

    pub(super) fn of_rule(head: &'a Parts, patterns: &'a matchit::Router<usize>) -> Self {
        Self {
            head,
            patterns: Some(patterns),
        }
    }

    /// Returns a parameter of the path, as the pattern of the rule names it: `tenant` in
    /// `/t/{tenant}/orders`, `rest` in `/files/{*rest}`.
    ///
    /// The value is percent-decoded once, as handlers of axum receive it. `/t/ac%6De/orders` is
    /// therefore the same tenant as `/t/acme/orders`.
    ///
    /// ```
    /// use tower_auth::{AccessRules, Rejection, policy_fn};
    ///
    /// let own_tenant = policy_fn("own_tenant", |identity, request| {
    ///     let tenant = request.path_param("tenant")?;
    ///     match identity.claim::<String>("tenant").is_some_and(|own| own == tenant) {
    ///         true => Ok(()),
    ///         false => Err(Rejection::forbidden()),
    ///     }
    /// });
    /// let rules = AccessRules::new().require("/t/{tenant}/{*rest}", own_tenant);
    /// # let _ = rules;
    /// ```
    ///
    /// # Errors
    ///
    /// A policy returns both rejections as they are. [`not`](crate::Policy::not) does not turn them
    /// into "allowed".
    ///
    /// - Malformed (400), if servers could read the value in more than one way: it is not UTF-8, or
    ///   it has a `;`, which some servers take for the beginning of parameters (RFC 3986 section
    ///   3.3).
    /// - Internal (500), if the pattern has no such parameter, or if the policy does not belong to
    ///   a pattern, as in [`otherwise`](crate::AccessRules::otherwise) and
    ///   [`RequireLayer::new`](crate::RequireLayer::new). This is a bug of the application.
    pub fn path_param(&self, name: &str) -> Result<Cow<'a, str>, Rejection> {
        let path = self.head.uri.path();
        let found = self.patterns.and_then(|patterns| patterns.at(path).ok());
        let Some(raw) = found.and_then(|found| found.params.get(name)) else {
            let source = format!("the path pattern of the rule has no parameter {name:?}");
            return Err(Rejection::internal(source));
        };
        decoded(raw).ok_or_else(|| Rejection::malformed().with_detail("the path is ambiguous"))
    }
}

fn decoded(raw: &str) -> Option<Cow<'_, str>> {
    let text = match percent::decode(raw.as_bytes())? {
        Cow::Borrowed(_) => Cow::Borrowed(raw),
        Cow::Owned(bytes) => Cow::Owned(String::from_utf8(bytes).ok()?),
    };
    (!text.contains(';')).then_some(text)
}

impl Deref for PolicyRequest<'_> {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        self.head
    }
}

impl fmt::Debug for PolicyRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PolicyRequest")
            .field("method", &self.head.method)
            .field("path", &self.head.uri.path())
            .finish_non_exhaustive()
    }
}
