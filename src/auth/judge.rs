//! One request on its way through an `AuthLayer`; the steps are numbered as in the module's docs.

use super::{
    finish::{AuthFinish, complete},
    layer::Config,
    load::{Loaded, Put},
};
use crate::{
    Anonymous, Attempt, Found, Identity, Place, Policy, Rejection, Verdict,
    event::{self, Decision},
    gate::Judge,
    rejection::{is_grpc, without_body},
    require::Rule,
    scheme::OnResponse,
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
    grpc: bool,
    rule: Option<Rule>,
    policy: Option<Arc<dyn Policy>>,
    by: Option<By>,
    step: Step,
}

/// Who judges: an attempt without its verdict.
struct By {
    scheme: &'static str,
    place: Place,
    realm: Option<Arc<str>>,
    on_response: Option<Box<OnResponse>>,
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
    pub(super) fn new(config: Arc<Config>, head: &Parts) -> Self {
        let grpc = config.grpc && is_grpc(head);
        Self {
            config,
            grpc,
            rule: None,
            policy: None,
            by: None,
            step: Step::Begin,
        }
    }

    /// Steps 1 to 7, up to what may have to be waited for.
    fn begin(&mut self, head: &mut Parts) -> Result<Step, Rejection> {
        if !head.extensions.is_empty() {
            head.extensions.remove::<Identity>();
            head.extensions.remove::<Anonymous>();
            if let Some(Loaded(forget)) = head.extensions.remove() {
                forget(&mut head.extensions);
            }
        }
        if self.config.preflight && is_preflight(head) {
            self.config.strip.apply(head);
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
        let cross_site = |found: Found| match found.may_be_cross_site() {
            true => self.config.cross_site.check(head),
            false => Ok(()),
        };
        let Some(attempt) = self.config.scheme.attempt(head, &cross_site)? else {
            return self.visitor(head, is_authorized);
        };
        let Attempt {
            scheme,
            place,
            realm,
            verdict,
            on_response,
        } = attempt;
        self.by = Some(By {
            scheme,
            place,
            realm,
            on_response,
        });
        match verdict.now() {
            Ok(Ok(identity)) => Ok(self.verified(head, identity)),
            Ok(Err(rejection)) => Err(self.judged(rejection)),
            Err(pending) => Ok(Step::Verify(pending)),
        }
    }

    /// Step 5: nobody has sent credentials that any scheme knows.
    fn visitor(&mut self, head: &mut Parts, is_authorized: bool) -> Result<Step, Rejection> {
        let step = match self.rule.take() {
            Some(rule) => {
                let (policy, verdict) = rule.judge(None, head);
                self.policy = policy;
                // Its refusal names the scopes needed, also beside a strange `Authorization`.
                match verdict.now() {
                    Ok(answer) => answer.map(|()| Step::Done)?,
                    Err(pending) => Step::Rule(pending),
                }
            }
            None if self.config.optional => Step::Done,
            None => return Err(Rejection::missing()),
        };
        if is_authorized {
            return Err(Rejection::missing());
        }
        self.config.strip.apply(head);
        head.extensions.insert(Anonymous(()));
        Ok(step)
    }

    /// Step 8.
    fn verified(&mut self, head: &mut Parts, identity: Identity) -> Step {
        let Some(by) = &self.by else {
            return Step::Rule(Verdict::ready(Err(Rejection::missing())));
        };
        let realm = by.realm.as_ref().unwrap_or(&self.config.realm);
        let implied = self.config.implied.as_ref();
        let identity = identity.established(by.scheme, by.place, realm, implied);
        match &self.config.load {
            Some(load) => {
                head.extensions.insert(identity.clone());
                Step::Load(load.load(identity))
            }
            None => self.identified(head, identity),
        }
    }

    /// Step 9.
    fn identified(&mut self, head: &mut Parts, identity: Identity) -> Step {
        // Policies see the head as those further inside do.
        self.config.strip.apply(head);
        let step = match self.rule.take() {
            Some(rule) => {
                let (policy, verdict) = rule.judge(Some(&identity), head);
                self.policy = policy;
                Step::Rule(verdict)
            }
            None => Step::Done,
        };
        head.extensions.insert(identity);
        step
    }

    /// A rejection by the scheme that judged.
    fn judged(&self, rejection: Rejection) -> Rejection {
        match &self.by {
            Some(by) if !by.scheme.is_empty() => rejection.with_scheme(by.scheme),
            _ => rejection,
        }
    }

    fn emit(&self, head: &Parts, rejection: Option<&Rejection>) {
        event::emit(rejection, || Decision {
            // Several schemes at once have no name.
            scheme: self
                .by
                .as_ref()
                .map(|by| by.scheme)
                .filter(|scheme| !scheme.is_empty()),
            place: self.by.as_ref().map(|by| by.place),
            identity: head.extensions.get(),
            policy: self.policy.as_deref(),
        });
    }
}

impl Judge for AuthJudge {
    type After = AuthFinish;

    fn decide(
        &mut self,
        head: &mut Parts,
        mut cx: Option<&mut Context<'_>>,
    ) -> Poll<Result<(), Rejection>> {
        loop {
            let cx = cx.as_deref_mut();
            self.step = match &mut self.step {
                Step::Begin => self.begin(head)?,
                Step::Verify(verdict) => match ready!(verdict.poll_if(cx)) {
                    Ok(identity) => self.verified(head, identity),
                    Err(rejection) => return Poll::Ready(Err(self.judged(rejection))),
                },
                Step::Load(verdict) => match ready!(verdict.poll_if(cx)) {
                    Ok(put) => {
                        put(&mut head.extensions);
                        match head.extensions.get::<Identity>().cloned() {
                            Some(identity) => self.identified(head, identity),
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

    fn admit(self, head: &mut Parts) -> AuthFinish {
        self.emit(head, None);
        // A shared cache keeps responses to `Authorization` apart by itself (RFC 9111
        // section 3.5); no other credential, and no visitor.
        let elsewhere = |by: &By| by.place != Place::Authorization;
        let private = self.config.optional
            || self.config.rules.is_some()
            || self.by.as_ref().is_some_and(elsewhere);
        let on_response = self.by.and_then(|by| by.on_response);
        AuthFinish {
            private,
            grpc: self.grpc,
            hook: on_response.and_then(|on_response| {
                let identity = head.extensions.get::<Identity>()?.clone();
                Some((on_response, identity))
            }),
            config: self.config,
        }
    }

    fn refuse(self, mut head: Parts, rejection: Rejection) -> Response<Bytes> {
        self.emit(&head, Some(&rejection));
        let is_grpc = is_grpc(&head);
        // The request is over: its memory serves the response.
        let (mut parts, ()) = Response::new(()).into_parts();
        parts.headers = mem::take(&mut head.headers);
        parts.headers.clear();
        parts.extensions = mem::take(&mut head.extensions);
        parts.extensions.clear();
        if let Some(on_response) = self.by.and_then(|by| by.on_response) {
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

fn is_preflight(head: &Parts) -> bool {
    let has = |headers: &HeaderMap, name| headers.contains_key(name);
    head.method == Method::OPTIONS
        && has(&head.headers, ORIGIN)
        && has(&head.headers, ACCESS_CONTROL_REQUEST_METHOD)
}
