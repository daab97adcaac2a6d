//! One request on its way through an `AuthLayer`; the steps are numbered as in the module's docs.

use super::{
    finish::{AuthFinish, Hook, complete},
    layer::Config,
    load::Put,
};
use crate::{
    Anonymous, Found, Identity, Place, Policy, Rejection,
    authz::Rule,
    credential::is_repeated,
    identity::Prepared,
    layer::middleware::Judge,
    observe::event::{self, Decision},
    rejection::{OwnBody, is_grpc, without_body},
    scheme::{Beside, Hooks, Trial, Tried},
    verdict::Pending,
};
use http::{
    Extensions, HeaderMap, Method, Response, StatusCode,
    header::{ACCESS_CONTROL_REQUEST_METHOD, AUTHORIZATION, ORIGIN},
    request::Parts,
};
use std::{
    mem,
    sync::Arc,
    task::{Context, Poll, ready},
};

/// One request in front of an `AuthLayer`.
#[allow(missing_debug_implementations, reason = "nobody outside can name it")]
pub struct AuthJudge {
    grpc: bool,
    rule: Option<Rule>,
    policy: Option<Arc<dyn Policy>>,
    /// Who judges.
    trial: Trial,
    waits: Option<Box<Waits>>,
}

/// What has to be waited for; boxed, so that those that need not wait make no room for it.
enum Waits {
    Verify(Pending<Identity>),
    Load(Pending<Put>, Identity),
    Rule(Pending<()>),
}

// What nearly every request takes is inlined into one piece, so that nothing is handed on through
// memory; the rest is apart from it.
impl AuthJudge {
    #[inline]
    pub(super) fn new(config: &Arc<Config>, head: &Parts) -> Self {
        let grpc = config.grpc && is_grpc(head);
        Self {
            grpc,
            rule: None,
            policy: None,
            trial: Trial::default(),
            waits: None,
        }
    }

    /// Steps 1 to 7, up to what has to be waited for.
    #[inline(always)]
    fn begin(&mut self, config: &Config, head: &mut Parts) -> Result<(), Rejection> {
        if is_of_another_layer(&head.extensions) {
            forget(&mut head.extensions);
        }
        if config.preflight && is_preflight(head) {
            config.strip.apply(head);
            head.extensions.insert(Anonymous(()));
            return Ok(());
        }
        if let Some(rules) = &config.rules {
            self.rule = Some(rules.find(&head.method, head.uri.path())?.clone());
        }
        if is_repeated(&head.headers, &AUTHORIZATION) {
            return Err(Rejection::malformed());
        }
        let cross_site = |found: Found| match found.may_be_cross_site() {
            true => config.cross_site.check(head),
            false => Ok(()),
        };
        let scheme = &config.scheme;
        match scheme.attempt(head, &cross_site, &mut self.trial) {
            Tried::Passed(identity) => self.verified(config, head, identity),
            Tried::Nothing => self.visitor(config, head),
            Tried::Refused(rejection) => Err(self.judged(rejection)),
            Tried::Later(pending) => {
                self.waits = Some(Box::new(Waits::Verify(pending)));
                Ok(())
            }
        }
    }

    /// Step 5: nobody has sent credentials that any scheme knows.
    #[inline(never)]
    fn visitor(&mut self, config: &Config, head: &mut Parts) -> Result<(), Rejection> {
        match self.rule.take() {
            // Its refusal names the scopes needed, also beside a strange `Authorization`.
            Some(rule) => self.apply(rule, None, head)?,
            None if config.optional => {}
            None => return Err(Rejection::missing()),
        }
        if head.headers.contains_key(AUTHORIZATION) {
            return Err(Rejection::missing());
        }
        config.strip.apply(head);
        head.extensions.insert(Anonymous(()));
        Ok(())
    }

    /// Step 8.
    #[inline(always)]
    fn verified(
        &mut self,
        config: &Config,
        head: &mut Parts,
        identity: Prepared,
    ) -> Result<(), Rejection> {
        let Some(place) = self.trial.place else {
            return Err(Rejection::missing());
        };
        let realm = self.trial.realm.unwrap_or(config.realm);
        let implied = config.implied.as_ref();
        let identity = identity.established(self.trial.scheme, place, realm, implied);
        let Some(load) = &config.load else {
            return self.identified(config, head, identity);
        };
        // If the loader rejects the request, the event names the identity.
        head.extensions.insert(identity.clone());
        match load.load(identity.clone()).split() {
            Ok(loaded) => self.loaded(config, head, identity, loaded),
            Err(pending) => {
                self.waits = Some(Box::new(Waits::Load(pending, identity)));
                Ok(())
            }
        }
    }

    /// Completes step 8, both for a loader that returns at once and for a loader that is awaited.
    fn loaded(
        &mut self,
        config: &Config,
        head: &mut Parts,
        identity: Identity,
        loaded: Result<Put, Rejection>,
    ) -> Result<(), Rejection> {
        match loaded {
            Ok(put) => {
                put(&mut head.extensions);
                self.identified(config, head, identity)
            }
            Err(rejection) => Err(self.judged(rejection)),
        }
    }

    /// Steps 9 and 10.
    #[inline(always)]
    fn identified(
        &mut self,
        config: &Config,
        head: &mut Parts,
        identity: Identity,
    ) -> Result<(), Rejection> {
        // Policies receive the same head as inner services: with the identity, without credentials.
        config.strip.apply(head);
        let Some(rule) = self.rule.take() else {
            head.extensions.insert(identity);
            return Ok(());
        };
        head.extensions.insert(identity.clone());
        self.apply(rule, Some(&identity), head)
    }

    #[inline(never)]
    fn apply(
        &mut self,
        rule: Rule,
        identity: Option<&Identity>,
        head: &Parts,
    ) -> Result<(), Rejection> {
        let (policy, verdict) = rule.judge(identity, head);
        self.policy = policy;
        verdict.split().unwrap_or_else(|pending| {
            self.waits = Some(Box::new(Waits::Rule(pending)));
            Ok(())
        })
    }

    /// A rejection by the scheme that judged.
    #[inline(never)]
    fn judged(&self, mut rejection: Rejection) -> Rejection {
        // Whoever comes back with a better token should come with what the path takes, too.
        if let Some(Rule::Require(policy)) = &self.rule
            && rejection.status() == StatusCode::UNAUTHORIZED
            && rejection.scopes().is_empty()
            && !policy.scopes().is_empty()
        {
            rejection = rejection.with_scopes(policy.scopes().iter().cloned());
        }
        match self.trial.scheme {
            "" => rejection,
            scheme => rejection.with_scheme(scheme),
        }
    }

    /// What comes after one wait, up to the next.
    #[inline(never)]
    fn step(
        &mut self,
        config: &Config,
        head: &mut Parts,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Rejection>> {
        let Some(waits) = &mut self.waits else {
            return Poll::Ready(Ok(()));
        };
        Poll::Ready(match &mut **waits {
            Waits::Verify(pending) => {
                let verified = ready!(pending.as_mut().poll(cx));
                self.waits = None;
                match verified {
                    Ok(identity) => self.verified(config, head, identity.into()),
                    Err(rejection) => Err(self.judged(rejection)),
                }
            }
            Waits::Load(pending, identity) => {
                let loaded = ready!(pending.as_mut().poll(cx));
                let identity = identity.clone();
                self.waits = None;
                self.loaded(config, head, identity, loaded)
            }
            Waits::Rule(pending) => {
                let judged = ready!(pending.as_mut().poll(cx));
                self.waits = None;
                judged
            }
        })
    }

    #[inline(always)]
    fn emit(&self, head: &Parts, rejection: Option<&Rejection>) {
        event::emit(rejection, || Decision {
            // Several schemes at once have no name.
            scheme: Some(self.trial.scheme).filter(|scheme| !scheme.is_empty()),
            place: self.trial.place,
            identity: head.extensions.get(),
            policy: self.policy.as_deref(),
        });
    }
}

impl Judge for AuthJudge {
    type Config = Arc<Config>;
    type After = AuthFinish;

    #[inline(always)]
    fn decide(
        &mut self,
        config: &Arc<Config>,
        head: &mut Parts,
        cx: Option<&mut Context<'_>>,
    ) -> Poll<Result<(), Rejection>> {
        let Some(cx) = cx else {
            return match self.begin(config, head) {
                Err(rejection) => Poll::Ready(Err(rejection)),
                Ok(()) if self.waits.is_none() => Poll::Ready(Ok(())),
                Ok(()) => Poll::Pending,
            };
        };
        loop {
            ready!(self.step(config, head, cx))?;
            if self.waits.is_none() {
                return Poll::Ready(Ok(()));
            }
        }
    }

    #[inline(always)]
    fn admit(&mut self, config: &Arc<Config>, head: &mut Parts) -> AuthFinish {
        self.emit(head, None);
        let hook = self
            .trial
            .hooks
            .take()
            .and_then(|hooks| hooked(*hooks, head));
        // Shared caches restrict themselves only for requests with `Authorization` (RFC 9111
        // section 3.5). They do not for other credentials and for anonymous callers.
        let elsewhere = |place| place != Place::Authorization;
        let private =
            config.optional || config.rules.is_some() || self.trial.place.is_some_and(elsewhere);
        AuthFinish {
            private,
            grpc: self.grpc,
            hook,
            config: Arc::clone(config),
        }
    }

    fn refuse(
        &mut self,
        config: &Arc<Config>,
        head: &mut Parts,
        rejection: Rejection,
    ) -> Response<OwnBody> {
        self.emit(head, Some(&rejection));
        let is_grpc = is_grpc(head);
        // The request is over: its memory serves the response.
        let (mut parts, ()) = Response::new(()).into_parts();
        parts.headers = mem::take(&mut head.headers);
        parts.headers.clear();
        parts.extensions = mem::take(&mut head.extensions);
        parts.extensions.clear();
        if let Some(on_response) = self.trial.hooks.take().and_then(|hooks| hooks.on_response) {
            on_response(Err(&rejection), &mut parts);
        }
        let body = complete(config, rejection, self.grpc, &mut parts);
        let response = Response::from_parts(parts, body);
        if is_grpc {
            return without_body(response);
        }
        response
    }
}

/// Lets a scheme put things beside the identity, and keeps what it has for the response.
#[cold]
fn hooked(hooks: Hooks, head: &mut Parts) -> Option<Box<Hook>> {
    let identity = head.extensions.get::<Identity>()?.clone();
    if let Some(on_admit) = hooks.on_admit {
        on_admit(&identity, &mut head.extensions);
    }
    Some(Box::new((hooks.on_response?, identity)))
}

/// Whether a layer further outside has said who is calling. Asked apart from `forget`: a router has
/// put something of its own into nearly every request, and to remove what is not there takes longer
/// than to look for it.
#[inline]
fn is_of_another_layer(extensions: &Extensions) -> bool {
    !extensions.is_empty()
        && (extensions.get::<Identity>().is_some()
            || extensions.get::<Anonymous>().is_some()
            || extensions.get::<Beside>().is_some())
}

#[cold]
fn forget(extensions: &mut Extensions) {
    extensions.remove::<Identity>();
    extensions.remove::<Anonymous>();
    Beside::take_back(extensions);
}

fn is_preflight(head: &Parts) -> bool {
    let has = |headers: &HeaderMap, name| headers.contains_key(name);
    head.method == Method::OPTIONS
        && has(&head.headers, ORIGIN)
        && has(&head.headers, ACCESS_CONTROL_REQUEST_METHOD)
}
