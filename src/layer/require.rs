//! [`RequireLayer`]: asks a policy about the identity that an outer `AuthLayer` established.

use crate::{
    AccessRules, Identity, Policy, Rejection, Verdict,
    authz::{Rule, enforce, missing},
    layer::middleware::{self, Finish, Judge, ResponseBody, ResponseFuture},
    observe::event::{self, Decision},
    rejection::{Format, OwnBody, is_grpc, render, without_body},
};
use http::{Extensions, HeaderMap, Request, Response, request::Parts};
use std::{
    fmt, mem,
    sync::Arc,
    task::{Context, Poll},
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
/// | a visitor | 401 |
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
    requirement: Requirement,
}

#[derive(Clone)]
enum Requirement {
    Policy(Arc<dyn Policy>),
    Rules(Arc<AccessRules>),
}

impl RequireLayer {
    /// A layer that requires this policy of everybody.
    pub fn new(policy: impl Policy) -> Self {
        Self {
            requirement: Requirement::Policy(Arc::new(policy)),
        }
    }

    /// A layer that requires what these rules say for the path and method.
    ///
    /// Paths that the rules open to visitors are reachable for them only if the `AuthLayer`
    /// outside is [`optional`](crate::AuthLayer::optional). Give the rules to the `AuthLayer`
    /// itself ([`AuthLayer::rules`](crate::AuthLayer::rules)) where there is one layer for both.
    #[must_use]
    pub fn rules(rules: AccessRules) -> Self {
        Self {
            requirement: Requirement::Rules(Arc::new(rules)),
        }
    }
}

impl<S> Layer<S> for RequireLayer {
    type Service = RequireService<S>;

    fn layer(&self, inner: S) -> RequireService<S> {
        RequireService {
            inner,
            requirement: self.requirement.clone(),
        }
    }
}

/// A service behind a requirement; made by [`RequireLayer`].
#[derive(Clone)]
pub struct RequireService<S> {
    inner: S,
    requirement: Requirement,
}

impl<S, B, R> Service<Request<B>> for RequireService<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone,
{
    type Response = Response<ResponseBody<R>>;
    type Error = S::Error;
    type Future = ResponseFuture<S, B, RequireJudge>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        middleware::call(&mut self.inner, request, &(), |(), head| {
            RequireJudge::new(&self.requirement, head)
        })
    }
}

/// One request in front of a requirement.
#[allow(missing_debug_implementations, reason = "nobody outside can name it")]
pub struct RequireJudge {
    policy: Option<Arc<dyn Policy>>,
    verdict: Verdict<()>,
}

impl RequireJudge {
    fn new(requirement: &Requirement, head: &Parts) -> Self {
        let rule = match requirement {
            Requirement::Policy(policy) => Ok(Rule::Require(policy.clone())),
            Requirement::Rules(rules) => rules.find(&head.method, head.uri.path()).cloned(),
        };
        let caller = Identity::from_extensions(&head.extensions);
        let (policy, verdict) = match (caller, rule) {
            (Err(rejection), _) | (_, Err(rejection)) => (None, Verdict::ready(Err(rejection))),
            (Ok(caller), Ok(rule)) => rule.judge(caller, head),
        };
        Self { policy, verdict }
    }

    fn emit(&self, head: &Parts, rejection: Option<&Rejection>) {
        event::emit(rejection, || {
            Decision::about(head.extensions.get(), self.policy.as_deref())
        });
    }
}

impl Rule {
    /// Applies the rule to an identity, or to a visitor.
    pub(crate) fn judge(
        self,
        caller: Option<&Identity>,
        head: &Parts,
    ) -> (Option<Arc<dyn Policy>>, Verdict<()>) {
        match (self, caller) {
            (Self::Allow, _) => (None, Verdict::ready(Ok(()))),
            (Self::Require(policy), Some(identity)) => {
                let verdict = enforce(&policy, identity, head);
                (Some(policy), verdict)
            }
            (Self::Require(policy), None) => {
                let verdict = Verdict::ready(Err(missing(&*policy)));
                (Some(policy), verdict)
            }
        }
    }
}

impl Judge for RequireJudge {
    type Config = ();
    type After = Untouched;

    fn decide(
        &mut self,
        (): &(),
        _: &mut Parts,
        cx: Option<&mut Context<'_>>,
    ) -> Poll<Result<(), Rejection>> {
        self.verdict.poll_if(cx)
    }

    fn admit(&mut self, (): &(), head: &mut Parts) -> Untouched {
        self.emit(head, None);
        Untouched(())
    }

    fn refuse(&mut self, (): &(), head: &mut Parts, rejection: Rejection) -> Response<OwnBody> {
        self.emit(head, Some(&rejection));
        let is_grpc = is_grpc(head);
        let headers = mem::take(&mut head.headers);
        let extensions = mem::take(&mut head.extensions);
        let response = refusal(rejection, headers, extensions);
        if is_grpc {
            return without_body(response);
        }
        response
    }
}

/// The plain response of a rejection; an `AuthLayer` outside may render it anew.
pub(crate) fn refusal(
    rejection: Rejection,
    mut headers: HeaderMap,
    mut extensions: Extensions,
) -> Response<OwnBody> {
    headers.clear();
    extensions.clear();
    let (mut parts, ()) = Response::new(()).into_parts();
    parts.headers = headers;
    parts.extensions = extensions;
    let body = render(&rejection, Format::Http, None, &mut parts);
    parts.extensions.insert(rejection.rendered());
    Response::from_parts(parts, body)
}

/// What passes a requirement is answered by the inner service alone.
#[derive(Debug)]
pub struct Untouched(());

impl Finish for Untouched {
    fn finish<B>(self, _: &mut Response<B>) -> Option<OwnBody> {
        None
    }
}

impl fmt::Debug for RequireLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.requirement.fmt(f)
    }
}

impl<S> fmt::Debug for RequireService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.requirement.fmt(f)
    }
}

impl fmt::Debug for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Policy(policy) => write!(f, "Require({})", policy.name()),
            Self::Rules(rules) => write!(f, "Require({rules:?})"),
        }
    }
}
