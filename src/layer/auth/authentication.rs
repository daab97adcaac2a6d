//! [`Authentication`]: the decision on one request. The steps are numbered as in the module's
//! documentation.

use super::{
    choice::{Configured, choose},
    config::Config,
    load::Insert,
    response::{AuthResponse, complete, summary},
};
use crate::{
    Anonymous, Identity, Policy, Rejection, Verdict,
    authz::{Rule, RuleIndex, explained, missing},
    credential::{Place, is_repeated},
    layer::middleware::Decide,
    observe::event::{self, Decision},
    rejection::{OwnBody, is_grpc, without_body},
    scheme::{AttachedExtensions, Hooks},
};
use http::{
    Extensions, Method, Response, StatusCode,
    header::{ACCESS_CONTROL_REQUEST_METHOD, AUTHORIZATION, ORIGIN},
    request::Parts,
};
use std::{
    mem,
    sync::Arc,
    task::{Context, Poll, ready},
};

/// The decision of an `AuthLayer` on one request.
#[allow(missing_debug_implementations, reason = "nothing outside can name it")]
#[derive(Default)]
pub struct Authentication {
    step: Step,
    grpc: bool,
    rule: Option<RuleIndex>,
    /// Whether the policy of the rule was applied.
    is_applied: bool,
    /// The index of the scheme that verifies. Several schemes that are ambiguous together have
    /// none.
    scheme: Option<usize>,
    place: Option<Place>,
    hooks: Hooks,
}

/// The step that is under way, with its verdict.
#[derive(Default)]
enum Step {
    /// Steps 1 to 6.
    #[default]
    Begin,
    /// Step 7.
    Verify(Verdict<Identity>),
    /// Step 8, the change of the identity.
    Map(Verdict<Identity>),
    /// Step 8, the application's user.
    Load(Verdict<Insert>),
    /// Step 9.
    Apply(Verdict<()>),
    Done,
}

impl Decide for Authentication {
    type Config = Config;
    type OnResponse = AuthResponse;

    fn poll_decide(
        &mut self,
        config: &Arc<Config>,
        head: &mut Parts,
        mut cx: Option<&mut Context<'_>>,
    ) -> Poll<Result<(), Rejection>> {
        loop {
            self.step = match &mut self.step {
                Step::Begin => self.begin(config, head)?,
                Step::Verify(verdict) => {
                    let identity = ready!(verdict.poll_if(cx.as_deref_mut()))
                        .map_err(|rejection| self.rejected(config, rejection))?;
                    self.establish(config, head, identity)
                }
                Step::Map(verdict) => {
                    let identity = ready!(verdict.poll_if(cx.as_deref_mut()))
                        .map_err(|rejection| self.rejected(config, rejection))?;
                    let identity = self.established(config, identity);
                    self.load(config, head, identity)
                }
                Step::Load(verdict) => {
                    let insert = ready!(verdict.poll_if(cx.as_deref_mut()))
                        .map_err(|rejection| self.rejected(config, rejection))?;
                    insert(&mut head.extensions);
                    self.apply(config, head)
                }
                Step::Apply(verdict) => {
                    ready!(verdict.poll_if(cx.as_deref_mut())).map_err(|rejection| {
                        let scheme = self.scheme(config).map(|scheme| scheme.name);
                        explained(rejection, self.policy(config), scheme)
                    })?;
                    Step::Done
                }
                Step::Done => return Poll::Ready(Ok(())),
            };
        }
    }

    fn accept(self, config: &Arc<Config>, head: &mut Parts) -> AuthResponse {
        self.emit(config, head, None);
        // Shared caches restrict themselves only for requests with `Authorization` (RFC 9111
        // section 3.5). They do not for other credentials and for anonymous callers.
        let elsewhere = |place| place != Place::Authorization;
        let private =
            config.optional || config.rules.is_some() || self.place.is_some_and(elsewhere);
        AuthResponse {
            private,
            grpc: self.grpc,
            scheme: self.scheme(config).map(|scheme| scheme.name),
            place: self.place,
            request: summary(config, head, self.grpc).map(Box::new),
            hooks: self.hooks.accept(&mut head.extensions),
            config: Arc::clone(config),
        }
    }

    fn reject(
        self,
        config: &Arc<Config>,
        head: &mut Parts,
        rejection: Rejection,
    ) -> Response<OwnBody> {
        self.emit(config, head, Some(&rejection));
        let is_grpc = is_grpc(head);
        let request = summary(config, head, self.grpc);
        // The request is over. The response is written into its memory, which saves three
        // allocations (`cargo test --test allocations`).
        let (mut parts, ()) = Response::new(()).into_parts();
        parts.headers = mem::take(&mut head.headers);
        parts.headers.clear();
        parts.extensions = mem::take(&mut head.extensions);
        parts.extensions.clear();
        self.hooks.reject(&rejection, &mut parts);
        let body = complete(config, rejection, self.grpc, request.as_ref(), &mut parts);
        let response = Response::from_parts(parts, body);
        if is_grpc {
            return without_body(response);
        }
        response
    }
}

impl Authentication {
    /// Steps 1 to 6.
    fn begin(&mut self, config: &Config, head: &mut Parts) -> Result<Step, Rejection> {
        self.grpc = config.grpc && is_grpc(head);
        forget_caller(&mut head.extensions);
        if config.preflight && is_preflight(head) {
            config.strip.apply(head);
            head.extensions.insert(Anonymous(()));
            return Ok(Step::Done);
        }
        if let Some(rules) = &config.rules {
            self.rule = Some(rules.find(&head.method, head.uri.path())?);
        }
        if is_repeated(&head.headers, &AUTHORIZATION) {
            return Err(Rejection::malformed());
        }
        let Some(choice) = choose(&config.schemes, head) else {
            return self.anonymous(config, head);
        };
        if choice.may_be_cross_site {
            config.cross_site.check(head)?;
        }
        self.scheme = choice.scheme;
        self.place = Some(choice.place);
        let attempt = choice.authenticate(&config.schemes, head);
        self.hooks = attempt.hooks;
        Ok(Step::Verify(attempt.verdict))
    }

    /// Step 5, for a request without credentials of any scheme.
    fn anonymous(&mut self, config: &Config, head: &mut Parts) -> Result<Step, Rejection> {
        match self.rule(config) {
            // The rejection names the scopes that the path needs, also if the request has an
            // `Authorization` of an unknown scheme.
            Some(Rule::Require(policy)) => {
                let rejection = config.missing(missing(&**policy), head);
                self.is_applied = true;
                return Err(rejection);
            }
            Some(Rule::Allow) => {}
            None if config.optional => {}
            None => return Err(config.missing(Rejection::missing(), head)),
        }
        if head.headers.contains_key(AUTHORIZATION) {
            return Err(config.missing(Rejection::missing(), head));
        }
        config.strip.apply(head);
        head.extensions.insert(Anonymous(()));
        Ok(Step::Done)
    }

    /// Begins step 8. The identity is in the extensions from here on, for policies and events.
    fn establish(&mut self, config: &Config, head: &mut Parts, identity: Identity) -> Step {
        let identity = self.established(config, identity);
        match &config.map {
            Some(map) => {
                head.extensions.insert(identity.clone());
                Step::Map(map(identity))
            }
            None => self.load(config, head, identity),
        }
    }

    /// Adds the facts of the scheme and of the layer.
    fn established(&self, config: &Config, identity: Identity) -> Identity {
        let scheme = self.scheme(config);
        let realm = scheme.and_then(|scheme| scheme.realm.as_ref());
        identity.established(
            scheme.map_or("", |scheme| scheme.name),
            self.place,
            realm.unwrap_or(&config.realm),
            config.implied.as_ref(),
        )
    }

    /// Begins to load the application's user.
    fn load(&mut self, config: &Config, head: &mut Parts, identity: Identity) -> Step {
        let load = config.load.as_ref();
        let loading = load.map(|load| Step::Load(load.load(identity.clone())));
        head.extensions.insert(identity);
        loading.unwrap_or_else(|| self.apply(config, head))
    }

    /// Begins step 9. Policies receive the same head as inner services: with the identity, without
    /// credentials.
    fn apply(&mut self, config: &Config, head: &mut Parts) -> Step {
        config.strip.apply(head);
        let (Some(rules), Some(index)) = (&config.rules, self.rule) else {
            return Step::Done;
        };
        self.is_applied = true;
        let request = rules.request(index, head);
        Step::Apply(rules.get(index).check(head.extensions.get(), &request))
    }

    fn rule<'a>(&self, config: &'a Config) -> Option<&'a Rule> {
        Some(config.rules.as_ref()?.get(self.rule?))
    }

    /// Returns the policy that was applied.
    fn policy<'a>(&self, config: &'a Config) -> Option<&'a dyn Policy> {
        self.rule(config).filter(|_| self.is_applied)?.policy()
    }

    fn scheme<'a>(&self, config: &'a Config) -> Option<&'a Configured> {
        config.schemes.get(self.scheme?)
    }

    /// Completes a rejection of the credential.
    fn rejected(&self, config: &Config, mut rejection: Rejection) -> Rejection {
        // A client that returns with a better token should bring the scopes that the path needs.
        if let Some(Rule::Require(policy)) = self.rule(config)
            && rejection.status() == StatusCode::UNAUTHORIZED
            && rejection.scopes().is_empty()
            && !policy.scopes().is_empty()
        {
            rejection = rejection.with_scopes(policy.scopes().iter().cloned());
        }
        match self.scheme(config) {
            Some(scheme) => rejection.with_scheme(scheme.name),
            None => rejection,
        }
    }

    fn emit(&self, config: &Config, head: &Parts, rejection: Option<&Rejection>) {
        let outage = self.scheme(config).map(|scheme| &*scheme.outage);
        event::emit(rejection, outage, || Decision {
            scheme: self.scheme(config).map(|scheme| scheme.name),
            place: self.place,
            identity: head.extensions.get(),
            policy: self.policy(config),
        });
        if let Some(listener) = &config.listener {
            listener(&super::Decision {
                scheme: self.scheme(config).map(|scheme| scheme.name),
                place: self.place,
                rejection,
                head,
            });
        }
    }
}

/// Removes the caller that a layer further outside has established.
fn forget_caller(extensions: &mut Extensions) {
    extensions.remove::<Identity>();
    extensions.remove::<Anonymous>();
    AttachedExtensions::remove_all(extensions);
}

fn is_preflight(head: &Parts) -> bool {
    head.method == Method::OPTIONS
        && head.headers.contains_key(ORIGIN)
        && head.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}
