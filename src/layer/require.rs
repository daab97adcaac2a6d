//! [`RequireLayer`]: applies a policy to the identity that an outer `AuthLayer` established.

use super::middleware::{self, Decide, ResponseBody, ResponseFuture};
use crate::{
    AccessRules, Identity, Policy, Rejection, Verdict,
    authz::{RuleIndex, explained},
    observe::{
        event::{self, Decision},
        outage::Outage,
    },
    rejection::{OwnBody, is_grpc, response, without_body},
};
use http::{Request, Response, request::Parts};
use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll, ready},
};
use tower_layer::Layer;
use tower_service::Service;

/// Requires something of whoever calls the service behind it.
///
/// It stands inside an [`AuthLayer`](crate::AuthLayer), which says who is calling and completes
/// the refusals by the challenges of its schemes:
///
/// | who is calling | answer |
/// |---|---|
/// | an identity that the policy allows | the inner service's |
/// | an identity that it does not | 403 |
/// | an anonymous caller | 401, or the [rejection of the caller's cookie](crate::Anonymous::rejection) |
/// | nobody knows, for there is no `AuthLayer` outside | 500 |
///
/// ```
/// use tower_auth::{RequireLayer, role};
///
/// let admins_only = RequireLayer::new(role("admin"));
/// # let _ = admins_only;
/// ```
#[derive(Clone)]
pub struct RequireLayer {
    config: Arc<Config>,
}

/// The configuration of a layer.
// Public only in a private module: it is part of the type of a public future.
pub struct Config {
    rules: AccessRules,
    /// The state of the stores and servers that the policies use.
    outage: Outage,
}

impl RequireLayer {
    /// Creates a layer that requires this policy for every request.
    pub fn new(policy: impl Policy) -> Self {
        Self::rules(AccessRules::new().otherwise(policy))
    }

    /// Creates a layer that applies these rules to the path and method of each request.
    ///
    /// Paths that the rules open to anonymous callers are reachable for them only if the
    /// `AuthLayer` outside is [`optional`](crate::AuthLayer::optional). If one layer is enough for
    /// both, give the rules to the `AuthLayer` ([`AuthLayer::rules`](crate::AuthLayer::rules)).
    #[must_use]
    pub fn rules(rules: AccessRules) -> Self {
        Self {
            config: Arc::new(Config {
                rules,
                outage: Outage::new(),
            }),
        }
    }
}

impl<S> Layer<S> for RequireLayer {
    type Service = RequireService<S>;

    fn layer(&self, inner: S) -> RequireService<S> {
        RequireService {
            inner,
            config: Arc::clone(&self.config),
        }
    }
}

/// A service behind a requirement; made by [`RequireLayer`].
#[derive(Clone)]
pub struct RequireService<S> {
    inner: S,
    config: Arc<Config>,
}

impl<S, B, R> Service<Request<B>> for RequireService<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone,
{
    type Response = Response<ResponseBody<R>>;
    type Error = S::Error;
    type Future = ResponseFuture<S, B, Authorization>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        middleware::call(&mut self.inner, request, &self.config)
    }
}

/// The decision of a `RequireLayer` on one request.
#[allow(missing_debug_implementations, reason = "nothing outside can name it")]
#[derive(Default)]
pub struct Authorization {
    rule: RuleIndex,
    /// The verdict of the rule, once it is applied.
    verdict: Option<Verdict<()>>,
}

impl Authorization {
    fn begin(&mut self, config: &Config, head: &Parts) -> Result<Verdict<()>, Rejection> {
        let caller = Identity::from_extensions(&head.extensions)?;
        self.rule = config.rules.find(&head.method, head.uri.path())?;
        let request = config.rules.request(self.rule, head);
        Ok(config.rules.get(self.rule).check(caller, &request))
    }

    /// Returns the policy that was applied.
    fn policy<'a>(&self, config: &'a Config) -> Option<&'a dyn Policy> {
        self.verdict.as_ref()?;
        config.rules.get(self.rule).policy()
    }

    fn emit(&self, config: &Config, head: &Parts, rejection: Option<&Rejection>) {
        event::emit(rejection, Some(&config.outage), || {
            Decision::about(head.extensions.get(), self.policy(config))
        });
    }
}

impl Decide for Authorization {
    type Config = Config;
    type OnResponse = ();

    fn poll_decide(
        &mut self,
        config: &Arc<Config>,
        head: &mut Parts,
        cx: Option<&mut Context<'_>>,
    ) -> Poll<Result<(), Rejection>> {
        let verdict = match self.verdict.take() {
            Some(verdict) => verdict,
            None => self.begin(config, head)?,
        };
        let result = ready!(self.verdict.insert(verdict).poll_if(cx));
        Poll::Ready(result.map_err(|rejection| {
            let identity = head.extensions.get::<Identity>();
            explained(
                rejection,
                self.policy(config),
                identity.map(Identity::scheme),
            )
        }))
    }

    fn accept(self, config: &Arc<Config>, head: &mut Parts) {
        self.emit(config, head, None);
    }

    fn reject(
        self,
        config: &Arc<Config>,
        head: &mut Parts,
        rejection: Rejection,
    ) -> Response<OwnBody> {
        self.emit(config, head, Some(&rejection));
        let response = response(rejection).map(OwnBody::from);
        if is_grpc(head) {
            return without_body(response);
        }
        response
    }
}

impl fmt::Debug for RequireLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.config.fmt(f)
    }
}

impl<S> fmt::Debug for RequireService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.config.fmt(f)
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Require({:?})", self.rules)
    }
}
