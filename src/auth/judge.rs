//! One request on its way through an `AuthLayer`; the steps are numbered as in the module's docs.

use super::{
    finish::{AuthFinish, complete},
    layer::Config,
    load::{Loaded, Put},
};
use crate::{
    Anonymous, Attempt, Identity, Policy, Rejection, Verdict,
    event::{self, Decision, Outcome},
    gate::Judge,
    rejection::{is_grpc, without_body},
    require::Rule,
};
use bytes::Bytes;
use http::{
    HeaderMap, Method, Response,
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
    config: Arc<Config>,
    head: Parts,
    grpc: bool,
    rule: Option<Rule>,
    policy: Option<Arc<dyn Policy>>,
    /// The attempt whose verdict is awaited or known; its own verdict is moved out.
    attempt: Option<Attempt>,
    step: Step,
}

enum Step {
    Begin,
    Verify(Verdict<Identity>),
    Load(Verdict<Put>),
    Rule(Verdict<()>),
    Done,
}

impl AuthJudge {
    #[inline]
    pub(super) fn new(config: Arc<Config>, head: Parts) -> Self {
        let grpc = config.grpc && is_grpc(&head);
        Self {
            config,
            head,
            grpc,
            rule: None,
            policy: None,
            attempt: None,
            step: Step::Begin,
        }
    }

    /// Steps 1 to 7, up to what may have to be waited for.
    fn begin(&mut self) -> Result<Step, Rejection> {
        let head = &mut self.head;
        head.extensions.remove::<Identity>();
        head.extensions.remove::<Anonymous>();
        if let Some(Loaded(forget)) = head.extensions.remove() {
            forget(&mut head.extensions);
        }
        if self.config.preflight && is_preflight(head) {
            head.extensions.insert(Anonymous(()));
            return Ok(Step::Done);
        }
        if let Some(rules) = &self.config.rules {
            self.rule = Some(rules.find(&head.method, head.uri.path())?.clone());
        }
        let mut authorization = head.headers.get_all(AUTHORIZATION).iter();
        let is_authorized = authorization.next().is_some();
        if authorization.next().is_some() {
            return Err(Rejection::malformed());
        }
        let found = self.config.scheme.find(head);
        if found.is_nothing() {
            return self.visitor(is_authorized);
        }
        if found.may_be_cross_site() {
            self.config.cross_site.check(head)?;
        }
        // A scheme that finds credentials and then does not judge them must not let anyone pass.
        let mut attempt = self
            .config
            .scheme
            .authenticate(head)
            .ok_or_else(Rejection::missing)?;
        let taken = Verdict::ready(Err(Rejection::missing()));
        let verdict = mem::replace(&mut attempt.verdict, taken);
        self.attempt = Some(attempt);
        if found.is_ambiguous() {
            // Whatever a scheme says: nobody can tell which credential is meant.
            return Err(self.judged(Rejection::malformed()));
        }
        Ok(Step::Verify(verdict))
    }

    /// Step 5: nobody has sent credentials that any scheme knows.
    fn visitor(&mut self, is_authorized: bool) -> Result<Step, Rejection> {
        let step = match self.rule.take() {
            Some(rule) => {
                let (policy, verdict) = rule.judge(None, &self.head);
                self.policy = policy;
                Step::Rule(verdict)
            }
            None if self.config.optional => Step::Done,
            None => return Err(Rejection::missing()),
        };
        if is_authorized {
            return Err(Rejection::missing());
        }
        self.head.extensions.insert(Anonymous(()));
        Ok(step)
    }

    /// Step 8.
    fn verified(&mut self, identity: Identity) -> Step {
        let Some(attempt) = &self.attempt else {
            return Step::Rule(Verdict::ready(Err(Rejection::missing())));
        };
        let identity = identity.established(
            attempt.scheme,
            attempt.place,
            Some(attempt.realm.as_ref().unwrap_or(&self.config.realm)),
            self.config.implied.as_ref(),
        );
        match &self.config.load {
            Some(load) => {
                self.head.extensions.insert(identity.clone());
                Step::Load(load.load(identity))
            }
            None => self.identified(identity),
        }
    }

    /// Step 9.
    fn identified(&mut self, identity: Identity) -> Step {
        let step = match self.rule.take() {
            Some(rule) => {
                let (policy, verdict) = rule.judge(Some(&identity), &self.head);
                self.policy = policy;
                Step::Rule(verdict)
            }
            None => Step::Done,
        };
        self.head.extensions.insert(identity);
        step
    }

    fn emit(&self, rejection: Option<&Rejection>) {
        let identity = self.head.extensions.get::<Identity>();
        let attempt = self.attempt.as_ref();
        event::emit(&Decision {
            scheme: attempt.map(|attempt| attempt.scheme),
            place: attempt.map(|attempt| attempt.place),
            outcome: match (rejection, identity) {
                (Some(rejection), identity) => Outcome::Rejected(rejection, identity),
                (None, Some(identity)) => Outcome::Allowed(identity),
                (None, None) => Outcome::Anonymous,
            },
            policy: self.policy.as_deref(),
        });
    }
}

impl Judge for AuthJudge {
    type After = AuthFinish;

    fn decide(&mut self, mut cx: Option<&mut Context<'_>>) -> Poll<Result<(), Rejection>> {
        loop {
            let cx = cx.as_deref_mut();
            self.step = match &mut self.step {
                Step::Begin => match self.begin() {
                    Ok(step) => step,
                    Err(rejection) => return Poll::Ready(Err(rejection)),
                },
                Step::Verify(verdict) => match ready!(verdict.poll_if(cx)) {
                    Ok(identity) => self.verified(identity),
                    Err(rejection) => return Poll::Ready(Err(self.judged(rejection))),
                },
                Step::Load(verdict) => match ready!(verdict.poll_if(cx)) {
                    Ok(put) => {
                        put(&mut self.head.extensions);
                        match self.head.extensions.get::<Identity>().cloned() {
                            Some(identity) => self.identified(identity),
                            None => return Poll::Ready(Err(Rejection::missing())),
                        }
                    }
                    Err(rejection) => return Poll::Ready(Err(self.judged(rejection))),
                },
                Step::Rule(verdict) => match ready!(verdict.poll_if(cx)) {
                    Ok(()) => Step::Done,
                    Err(rejection) => return Poll::Ready(Err(rejection)),
                },
                Step::Done => return Poll::Ready(Ok(())),
            };
        }
    }

    #[inline]
    fn admit(mut self) -> (Parts, AuthFinish) {
        self.emit(None);
        self.config.strip.apply(&mut self.head);
        let hook = self.attempt.as_mut().and_then(|attempt| {
            let on_response = attempt.on_response.take()?;
            let identity = self.head.extensions.get::<Identity>()?.clone();
            Some((on_response, identity))
        });
        let after = AuthFinish {
            // A shared cache keeps responses to `Authorization` apart by itself
            // (RFC 9111 section 3.5); no other credential, and no visitor.
            private: self.config.optional
                || self.config.rules.is_some()
                || self
                    .attempt
                    .as_ref()
                    .is_some_and(|a| a.place != crate::Place::Authorization),
            config: self.config,
            grpc: self.grpc,
            hook,
        };
        (self.head, after)
    }

    fn refuse(mut self, rejection: Rejection) -> Response<Bytes> {
        self.emit(Some(&rejection));
        let is_grpc = is_grpc(&self.head);
        // The request is over: its memory serves the response.
        let (mut parts, ()) = Response::new(()).into_parts();
        parts.headers = mem::take(&mut self.head.headers);
        parts.headers.clear();
        parts.extensions = mem::take(&mut self.head.extensions);
        parts.extensions.clear();
        let hook = self.attempt.and_then(|attempt| attempt.on_response);
        if let Some(on_response) = hook {
            on_response(Err(&rejection), &mut parts);
        }
        let body = complete(&self.config, rejection, self.grpc, &mut parts);
        let response = Response::from_parts(parts, body);
        if is_grpc {
            return without_body(response);
        }
        response
    }
}

impl AuthJudge {
    /// A rejection by the scheme that judged.
    fn judged(&self, rejection: Rejection) -> Rejection {
        match &self.attempt {
            Some(attempt) if !attempt.scheme.is_empty() => rejection.with_scheme(attempt.scheme),
            _ => rejection,
        }
    }
}

fn is_preflight(head: &Parts) -> bool {
    let has = |headers: &HeaderMap, name| headers.contains_key(name);
    head.method == Method::OPTIONS
        && has(&head.headers, ORIGIN)
        && has(&head.headers, ACCESS_CONTROL_REQUEST_METHOD)
}
