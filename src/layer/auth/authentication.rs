//! [`Authentication`]: the decision on one request. The steps are numbered as in the module's
//! documentation.

use super::{
    browser,
    choice::{Configured, authenticate, choose},
    config::Config,
    load::Insert,
    response::{AuthResponse, complete, summary},
};
use crate::{
    Anonymous, Identity, Policy, Rejection, RejectionKind, Verdict,
    authz::{Rule, RuleIndex, explained, missing, with_needed_scopes},
    credential::{Found, Place, is_repeated},
    layer::middleware::Decide,
    observe::event::{self, Decision},
    rejection::{OwnBody, is_grpc, without_body},
    scheme::{AttachedExtensions, Hooks, RejectedHooks},
};
use http::{
    Extensions, Method, Response,
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
    by_script: bool,
    rule: Option<RuleIndex>,
    /// Whether the policy of the rule was applied.
    is_applied: bool,
    /// The index of the scheme that verifies. Several schemes that are ambiguous together have
    /// none.
    scheme: Option<usize>,
    place: Option<Place>,
    hooks: Hooks,
    /// The ambient credentials that are left to try.
    next: Option<Box<Found>>,
    /// The additions of the credentials that were invalid.
    rejected: Vec<RejectedHooks>,
    /// The rejection of a client certificate, which other ambient credentials were tried after.
    of_connection: Option<Rejection>,
}

/// The step that is under way, with its verdict.
#[derive(Default)]
enum Step {
    /// Steps 1 to 6.
    #[default]
    Begin,
    /// Step 7.
    Verify(Verdict<Identity>),
    /// Step 9, the change of the identity.
    Map(Verdict<Identity>),
    /// Step 9, the application's user.
    Load(Verdict<Insert>),
    /// Step 10.
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
                Step::Verify(verdict) => match ready!(verdict.poll_if(cx.as_deref_mut())) {
                    Ok(identity) => self.establish(config, head, identity),
                    Err(rejection) => self.rejected(config, head, rejection)?,
                },
                Step::Map(verdict) => match ready!(verdict.poll_if(cx.as_deref_mut())) {
                    Ok(identity) => {
                        let identity = self.established(config, identity);
                        self.load(config, head, identity)
                    }
                    Err(rejection) => self.rejected(config, head, rejection)?,
                },
                Step::Load(verdict) => match ready!(verdict.poll_if(cx.as_deref_mut())) {
                    Ok(insert) => {
                        insert(&mut head.extensions);
                        self.apply(config, head)
                    }
                    Err(rejection) => self.rejected(config, head, rejection)?,
                },
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
        let may_clear = !self.rejected.is_empty() && browser::is_top_level_navigation(head);
        AuthResponse {
            private,
            grpc: self.grpc,
            scheme: self.scheme(config).map(|scheme| scheme.name),
            place: self.place,
            by_script: self.by_script,
            request: summary(config, head, self.grpc).map(Box::new),
            hooks: self
                .hooks
                .accept(self.rejected, may_clear, &mut head.extensions),
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
        for rejected in self.rejected {
            rejected.finish(true, &mut parts);
        }
        self.hooks.reject(&rejection, &mut parts);
        let (grpc, by_script) = (self.grpc, self.by_script);
        let body = complete(
            config,
            rejection,
            grpc,
            by_script,
            request.as_ref(),
            &mut parts,
        );
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
        self.by_script = config.opens_dialog && browser::is_script(head);
        forget_caller(&mut head.extensions);
        if config.preflight && is_preflight(head) {
            return Ok(self.anonymous(config, head, None));
        }
        if let Some(rules) = &config.rules {
            self.rule = Some(rules.find(&head.method, head.uri.path())?);
        }
        if is_repeated(&head.headers, &AUTHORIZATION) {
            return Err(Rejection::malformed());
        }
        match choose(&config.schemes, head) {
            Some(found) => self.attempt(config, head, found),
            None if self.is_open(config, head) => Ok(self.anonymous(config, head, None)),
            None => Err(self.missing(config, head)),
        }
    }

    /// Steps 6 and 7, for one credential.
    fn attempt(
        &mut self,
        config: &Config,
        head: &Parts,
        mut found: Found,
    ) -> Result<Step, Rejection> {
        if found.may_be_cross_site() {
            config.cross_site.check(head)?;
        }
        self.next = found.take_next();
        self.scheme = found.scheme();
        self.place = found.place();
        let attempt = authenticate(found, &config.schemes, head);
        self.hooks = attempt.hooks;
        Ok(Step::Verify(attempt.verdict))
    }

    /// Step 8, for a credential that was rejected or that has no user.
    fn rejected(
        &mut self,
        config: &Config,
        head: &mut Parts,
        rejection: Rejection,
    ) -> Result<Step, Rejection> {
        let rejection = self.explained(config, rejection);
        let is_ambient = self.place.is_some_and(Place::is_ambient);
        let is_invalid = rejection.kind() == RejectionKind::Invalid;
        if is_ambient
            && is_invalid
            && let Some(next) = self.next.take()
        {
            if self.place == Some(Place::Connection) {
                self.of_connection.get_or_insert(rejection.clone());
            }
            self.set_aside(head, rejection);
            return self.attempt(config, head, *next);
        }
        if !self.is_old_cookie(config, head, &rejection) {
            return Err(rejection);
        }
        // The client can take away its certificate, but not its cookie.
        if let Some(of_connection) = self.of_connection.take() {
            return Err(of_connection);
        }
        if !self.is_open(config, head) {
            return Err(rejection);
        }
        self.set_aside(head, rejection.clone());
        Ok(self.anonymous(config, head, Some(rejection)))
    }

    /// Returns whether the rejected credential is a cookie that a browser sends again and again.
    /// A repeated companion is not ambient.
    fn is_old_cookie(&self, config: &Config, head: &Parts, rejection: &Rejection) -> bool {
        let companions = self.scheme(config);
        self.place == Some(Place::Cookie)
            && match rejection.kind() {
                RejectionKind::Invalid => true,
                RejectionKind::Malformed => !companions.is_some_and(|s| s.repeats_companion(head)),
                _ => false,
            }
    }

    /// Removes the caller of a rejected credential, and keeps the additions of its scheme.
    fn set_aside(&mut self, head: &mut Parts, rejection: Rejection) {
        forget_caller(&mut head.extensions);
        let hooks = mem::take(&mut self.hooks);
        self.rejected.push(hooks.rejected(rejection));
    }

    /// Returns whether an anonymous caller may call the path. An `Authorization` field of an unknown
    /// scheme is an explicit credential.
    fn is_open(&self, config: &Config, head: &Parts) -> bool {
        let is_open = match self.rule(config) {
            Some(rule) => matches!(rule, Rule::Allow),
            None => config.optional,
        };
        is_open && !head.headers.contains_key(AUTHORIZATION)
    }

    /// Returns the rejection of a request without credentials of any scheme. It names the scopes
    /// that the path needs, also if the request has an `Authorization` field of an unknown scheme.
    fn missing(&mut self, config: &Config, head: &Parts) -> Rejection {
        let Some(Rule::Require(policy)) = self.rule(config) else {
            return config.missing(Rejection::missing(), head);
        };
        let rejection = missing(&**policy, &head.extensions);
        self.is_applied = true;
        config.missing(rejection, head)
    }

    fn anonymous(&self, config: &Config, head: &mut Parts, rejection: Option<Rejection>) -> Step {
        config.strip.apply(head);
        head.extensions.insert(Anonymous::new(rejection));
        Step::Done
    }

    /// Begins step 9. The identity is in the extensions from here on, for policies and events.
    fn establish(&mut self, config: &Config, head: &mut Parts, identity: Identity) -> Step {
        self.hooks.keep_cookie();
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

    /// Begins step 10. Policies receive the same head as inner services: with the identity, without
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
    fn explained(&self, config: &Config, mut rejection: Rejection) -> Rejection {
        if let Some(Rule::Require(policy)) = self.rule(config) {
            rejection = with_needed_scopes(rejection, &**policy);
        }
        match self.scheme(config) {
            Some(scheme) => rejection.with_scheme(scheme.name),
            None => rejection,
        }
    }

    fn emit(&self, config: &Config, head: &Parts, rejection: Option<&Rejection>) {
        let outage = self.scheme(config).map(|scheme| &*scheme.outage);
        let anonymous = head.extensions.get().and_then(Anonymous::rejection);
        event::emit(rejection.or(anonymous), outage, || Decision {
            scheme: self.scheme(config).map(|scheme| scheme.name),
            place: self.place,
            identity: head.extensions.get(),
            is_anonymous: anonymous.is_some(),
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
