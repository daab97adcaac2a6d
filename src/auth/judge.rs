//! One request on its way through an `AuthLayer`; the steps are numbered as in the module's docs.

use super::{
    finish::{AuthFinish, complete},
    layer::Config,
    load::{Loaded, Put},
};
use crate::{
    Anonymous, Found, Identity, Place, Policy, Rejection,
    event::{self, Decision},
    gate::Judge,
    realm::Realm,
    rejection::{is_grpc, without_body},
    require::Rule,
    scheme::{Beside, OnAdmit, OnResponse},
    verdict::Pending,
};
use bytes::Bytes;
use http::{
    HeaderMap, Method, Response, StatusCode,
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
    /// Who judges: an attempt without its verdict.
    scheme: &'static str,
    place: Option<Place>,
    realm: Option<Realm>,
    on_response: Option<Box<OnResponse>>,
    on_admit: Option<Box<OnAdmit>>,
    waits: Waits,
}

/// What has to be waited for.
enum Waits {
    /// Nothing: not begun, or decided.
    No,
    Verify(Pending<Identity>),
    Load(Pending<Put>),
    Rule(Pending<()>),
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
            scheme: "",
            place: None,
            realm: None,
            on_response: None,
            on_admit: None,
            waits: Waits::No,
        }
    }

    /// Steps 1 to 7, up to what has to be waited for.
    fn begin(&mut self, head: &mut Parts) -> Result<Waits, Rejection> {
        if !head.extensions.is_empty() {
            head.extensions.remove::<Identity>();
            head.extensions.remove::<Anonymous>();
            if let Some(Loaded(forget)) = head.extensions.remove() {
                forget(&mut head.extensions);
            }
            if let Some(Beside(forget)) = head.extensions.remove() {
                forget(&mut head.extensions);
            }
        }
        if self.config.preflight && is_preflight(head) {
            self.config.strip.apply(head);
            head.extensions.insert(Anonymous(()));
            return Ok(Waits::No);
        }
        if let Some(rules) = &self.config.rules {
            self.rule = Some(rules.find(&head.method, head.uri.path())?.clone());
        }
        // Looked for only where any field is repeated at all.
        if head.headers.len() != head.headers.keys_len()
            && head.headers.get_all(AUTHORIZATION).iter().nth(1).is_some()
        {
            return Err(Rejection::malformed());
        }
        let cross_site = |found: Found| match found.may_be_cross_site() {
            true => self.config.cross_site.check(head),
            false => Ok(()),
        };
        let Some(attempt) = self.config.scheme.attempt(head, &cross_site)? else {
            return self.visitor(head);
        };
        self.scheme = attempt.scheme;
        self.place = Some(attempt.place);
        self.realm = attempt.realm;
        self.on_response = attempt.on_response;
        self.on_admit = attempt.on_admit;
        match attempt.verdict.split() {
            Ok(Ok(identity)) => self.verified(head, identity),
            Ok(Err(rejection)) => Err(self.judged(rejection)),
            Err(pending) => Ok(Waits::Verify(pending)),
        }
    }

    /// Step 5: nobody has sent credentials that any scheme knows.
    fn visitor(&mut self, head: &mut Parts) -> Result<Waits, Rejection> {
        let waits = match self.rule.take() {
            // Its refusal names the scopes needed, also beside a strange `Authorization`.
            Some(rule) => self.apply(rule, None, head)?,
            None if self.config.optional => Waits::No,
            None => return Err(Rejection::missing()),
        };
        if head.headers.contains_key(AUTHORIZATION) {
            return Err(Rejection::missing());
        }
        self.config.strip.apply(head);
        head.extensions.insert(Anonymous(()));
        Ok(waits)
    }

    /// Step 8.
    fn verified(&mut self, head: &mut Parts, identity: Identity) -> Result<Waits, Rejection> {
        let Some(place) = self.place else {
            return Err(Rejection::missing());
        };
        let realm = self.realm.unwrap_or(self.config.realm);
        let implied = self.config.implied.as_ref();
        let identity = identity.established(self.scheme, place, realm, implied);
        let Some(load) = &self.config.load else {
            return self.identified(head, identity);
        };
        head.extensions.insert(identity.clone());
        match load.load(identity.clone()).split() {
            Ok(Ok(put)) => {
                put(&mut head.extensions);
                self.identified(head, identity)
            }
            Ok(Err(rejection)) => Err(self.judged(rejection)),
            Err(pending) => Ok(Waits::Load(pending)),
        }
    }

    /// Steps 9 and 10.
    fn identified(&mut self, head: &mut Parts, identity: Identity) -> Result<Waits, Rejection> {
        // Policies see the head as those further inside do.
        self.config.strip.apply(head);
        let waits = match self.rule.take() {
            None => Ok(Waits::No),
            Some(rule) => self.apply(rule, Some(&identity), head),
        };
        head.extensions.insert(identity);
        waits
    }

    fn apply(
        &mut self,
        rule: Rule,
        identity: Option<&Identity>,
        head: &Parts,
    ) -> Result<Waits, Rejection> {
        let (policy, verdict) = rule.judge(identity, head);
        self.policy = policy;
        match verdict.split() {
            Ok(answer) => answer.map(|()| Waits::No),
            Err(pending) => Ok(Waits::Rule(pending)),
        }
    }

    /// A rejection by the scheme that judged.
    fn judged(&self, mut rejection: Rejection) -> Rejection {
        // Whoever comes back with a better token should come with what the path takes, too.
        if let Some(Rule::Require(policy)) = &self.rule
            && rejection.status() == StatusCode::UNAUTHORIZED
            && rejection.scopes().is_empty()
            && !policy.scopes().is_empty()
        {
            rejection = rejection.with_scopes(policy.scopes().iter().cloned());
        }
        match self.scheme {
            "" => rejection,
            scheme => rejection.with_scheme(scheme),
        }
    }

    fn emit(&self, head: &Parts, rejection: Option<&Rejection>) {
        event::emit(rejection, || Decision {
            // Several schemes at once have no name.
            scheme: Some(self.scheme).filter(|scheme| !scheme.is_empty()),
            place: self.place,
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
        cx: Option<&mut Context<'_>>,
    ) -> Poll<Result<(), Rejection>> {
        let Some(cx) = cx else {
            self.waits = self.begin(head)?;
            return match self.waits {
                Waits::No => Poll::Ready(Ok(())),
                _ => Poll::Pending,
            };
        };
        loop {
            self.waits = match &mut self.waits {
                Waits::No => return Poll::Ready(Ok(())),
                Waits::Verify(pending) => match ready!(pending.as_mut().poll(cx)) {
                    Ok(identity) => self.verified(head, identity)?,
                    Err(rejection) => return Poll::Ready(Err(self.judged(rejection))),
                },
                Waits::Load(pending) => match ready!(pending.as_mut().poll(cx)) {
                    Ok(put) => {
                        put(&mut head.extensions);
                        match head.extensions.get::<Identity>().cloned() {
                            Some(identity) => self.identified(head, identity)?,
                            None => return Poll::Ready(Err(Rejection::missing())),
                        }
                    }
                    Err(rejection) => return Poll::Ready(Err(self.judged(rejection))),
                },
                Waits::Rule(pending) => {
                    ready!(pending.as_mut().poll(cx))?;
                    Waits::No
                }
            };
        }
    }

    fn admit(mut self, head: &mut Parts) -> AuthFinish {
        self.emit(head, None);
        if let Some(on_admit) = self.on_admit.take()
            && let Some(identity) = head.extensions.get::<Identity>().cloned()
        {
            on_admit(&identity, &mut head.extensions);
        }
        // A shared cache keeps responses to `Authorization` apart by itself (RFC 9111
        // section 3.5); no other credential, and no visitor.
        let elsewhere = |place| place != Place::Authorization;
        let private = self.config.optional
            || self.config.rules.is_some()
            || self.place.is_some_and(elsewhere);
        AuthFinish {
            private,
            grpc: self.grpc,
            hook: self.on_response.and_then(|on_response| {
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
        if let Some(on_response) = self.on_response {
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
