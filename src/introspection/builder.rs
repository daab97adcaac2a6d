//! [`IntrospectionBuilder`]: whom to ask, and what the answer has to be.

use super::{
    Introspection,
    answer::Rules,
    cache::{Cache, Limits},
    call::Endpoint,
    log,
    request::Credentials,
    shape::Shape,
    verifier::Inner,
};
use crate::{
    ConfigError,
    claims::IdentityPaths,
    clock::{Clock, SystemClock},
    fetch::{self, Fetch, Guard},
    identity::ClaimPath,
    util::single_flight::SingleFlight,
};
use http::Uri;
use std::{fmt, sync::Arc, time::Duration};
use tokio::sync::Semaphore;

/// Beyond this a leeway is a mistake.
const MAX_LEEWAY: Duration = Duration::from_secs(3600);

/// The longest time for which an answer is cached. A token that is revoked at the server is
/// accepted for up to this time.
const MAX_AGE: Duration = Duration::from_secs(3600);

/// So many calls may wait for each that is made.
const WAITING: usize = 16;

/// Builds an [`Introspection`]; made by [`Introspection::endpoint`].
///
/// Credentials, an issuer and an audience have to be configured, or building fails.
#[must_use = "a builder verifies nothing"]
pub struct IntrospectionBuilder {
    url: String,
    credentials: Option<Credentials>,
    client: Option<Arc<dyn Fetch>>,
    allow_http: bool,
    any_issuer: bool,
    any_audience: bool,
    rules: Rules,
    leeway: Duration,
    shape: Shape,
    limits: Limits,
    time_out: Duration,
    max_calls: usize,
    patience: Duration,
    clock: Arc<dyn Clock>,
}

impl Introspection {
    /// A verifier that asks at this URL, the server's `introspection_endpoint`.
    pub fn endpoint(url: impl Into<String>) -> IntrospectionBuilder {
        IntrospectionBuilder::new(url.into())
    }
}

impl IntrospectionBuilder {
    pub(super) fn new(url: String) -> Self {
        Self {
            url,
            credentials: None,
            client: None,
            allow_http: false,
            any_issuer: false,
            any_audience: false,
            rules: Rules {
                issuer: None,
                audiences: Vec::new(),
                paths: IdentityPaths::default(),
                leeway: 0,
            },
            leeway: Duration::from_secs(60),
            shape: Shape::default(),
            limits: Limits {
                max_age: Duration::from_secs(60),
                refused_age: Duration::from_secs(10),
                capacity: 10_000,
                bytes: 64 * 1024 * 1024,
            },
            time_out: fetch::TIME_OUT,
            max_calls: 32,
            patience: Duration::from_secs(1),
            clock: Arc::new(SystemClock),
        }
    }

    /// This service's own id and secret, sent by the Basic scheme (`client_secret_basic`).
    ///
    /// Both are form-encoded first, as RFC 6749 section 2.3.1 has it.
    pub fn client_basic(mut self, id: impl AsRef<str>, secret: impl AsRef<str>) -> Self {
        self.credentials = Some(Credentials::basic(id.as_ref(), secret.as_ref()));
        self
    }

    /// This service's own id and secret, sent in the body (`client_secret_post`).
    pub fn client_post(mut self, id: impl AsRef<str>, secret: impl AsRef<str>) -> Self {
        self.credentials = Some(Credentials::post(id.as_ref(), secret.as_ref()));
        self
    }

    /// Sets the issuer of the tokens: the answer's `iss` is then required, and must be this very
    /// string.
    pub fn issuer(mut self, issuer: impl Into<Arc<str>>) -> Self {
        self.rules.issuer = Some(issuer.into());
        self
    }

    /// Accepts answers of any issuer, and those that name none, as many servers do.
    ///
    /// With an endpoint that answers for one issuer only, this gives up little: an identity
    /// whose answer names no issuer is known by its realm instead. An endpoint that answers for
    /// several lets any of them speak for the others' subjects.
    pub fn dangerous_any_issuer(mut self) -> Self {
        self.any_issuer = true;
        self
    }

    /// A name of this service that tokens are made for: the answer's `aud` has to be there, and
    /// to be or hold it. Call it again for another name; a token needs one of them.
    pub fn audience(mut self, audience: impl Into<Box<str>>) -> Self {
        self.rules.audiences.push(audience.into());
        self
    }

    /// Accepts tokens that were made for anybody.
    ///
    /// Then whatever service a user logs in to can take the token it gets, and come here with it
    /// in the user's name. Where the endpoint itself answers `"active": false` about tokens that
    /// are for others (RFC 7662 section 4), this gives up nothing.
    pub fn dangerous_any_audience(mut self) -> Self {
        self.any_audience = true;
        self
    }

    /// Adds a member that is the subject, a non-empty string or a whole number. Default: `sub`, as a
    /// string only. `subject_at("sub")` also takes a number.
    ///
    /// If this method is called several times, the first of these members that an answer has is the
    /// subject. The number 42 and the string `"42"` are the same subject. The issuer must never give
    /// a subject to another user.
    pub fn subject_at(mut self, path: impl Into<ClaimPath>) -> Self {
        self.rules.paths.subjects.push(path.into());
        self
    }

    /// Adds a member that names the client, such as `client_id`, for tokens that have no subject
    /// because they belong to no user. Default: none, so that such tokens are rejected.
    ///
    /// The identity of such a token is that of a [client](crate::Identity::is_client): revocations
    /// and policies do not confuse it with a user of the same name. If this method is called several
    /// times, the first of these members that the answer has is used.
    pub fn client_at(mut self, path: impl Into<ClaimPath>) -> Self {
        self.rules.paths.clients.push(path.into());
        self
    }

    /// Adds a member that holds roles: an array of strings, or one string that is one role. The
    /// roles of several members add up. Default: none, so that no identity has a role.
    pub fn roles_at(mut self, path: impl Into<ClaimPath>) -> Self {
        self.rules.paths.roles.push(path.into());
        self
    }

    /// Adds a member that holds scopes: a string, separated by spaces, or an array of strings. The
    /// scopes of several members add up. Default: `scope`, unless this method is called.
    pub fn scopes_at(mut self, path: impl Into<ClaimPath>) -> Self {
        self.rules.paths.scopes.push(path.into());
        self
    }

    /// By how much the server's clock may be ahead, for `nbf` and `iat`. Default: 60 seconds; at
    /// most an hour. Whole seconds count. There is none for `exp`, which the server has just
    /// looked at itself.
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway;
        self
    }

    /// The shortest token that the endpoint is asked about, in bytes. Default: 1.
    pub fn min_token_bytes(mut self, bytes: usize) -> Self {
        self.shape.min_bytes = bytes;
        self
    }

    /// The longest token that the endpoint is asked about, in bytes. Default: 16 KiB.
    ///
    /// [`Bearer::max_token_bytes`](crate::bearer::Bearer::max_token_bytes) has the same default and
    /// is checked first. To accept longer tokens, set both.
    pub fn max_token_bytes(mut self, bytes: usize) -> Self {
        self.shape.max_bytes = bytes;
        self
    }

    /// Adds a prefix of this server's tokens. Call it again for another prefix. A token must have
    /// one of them. The endpoint is not asked about other tokens. Default: any prefix.
    pub fn token_prefix(mut self, prefix: impl Into<Box<str>>) -> Self {
        self.shape.prefixes.push(prefix.into());
        self
    }

    /// Sets a further check of the form of this server's tokens, such as a checksum. The endpoint
    /// is not asked about other tokens.
    pub fn token_filter(mut self, filter: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        self.shape.filter = Some(Arc::new(filter));
        self
    }

    /// Sets the time for which an answer that accepts the token is cached, though never beyond its
    /// `exp`. Default: 60 seconds; at most an hour.
    ///
    /// A token that is revoked at the server is accepted for so long. 0: every request asks,
    /// unless it can wait for a call that is under way.
    pub fn max_age(mut self, age: Duration) -> Self {
        self.limits.max_age = age;
        self
    }

    /// Sets the time for which an answer is cached that a token is not active, or not for this
    /// service. Default: 10 seconds; at most an hour.
    pub fn refused_age(mut self, age: Duration) -> Self {
        self.limits.refused_age = age;
        self
    }

    /// Sets the largest number of cached answers, for active tokens and for rejected tokens
    /// separately. Default: 10,000.
    pub fn capacity(mut self, answers: usize) -> Self {
        self.limits.capacity = answers;
        self
    }

    /// Sets the approximate memory for cached answers, in bytes. The limit applies to active tokens
    /// and to rejected tokens separately. Default: 64 MiB each. With 0, no answers are cached. An
    /// answer takes its length and some 700 bytes. A quarter of the memory for active tokens is for
    /// copies of answers that are used often.
    pub fn cache_bytes(mut self, bytes: usize) -> Self {
        self.limits.bytes = bytes;
        self
    }

    /// Sets the longest time that a call may take, including the time in which it waits for its
    /// turn. Default, and at most: [five seconds](fetch::TIME_OUT).
    pub fn time_out(mut self, time_out: Duration) -> Self {
        self.time_out = time_out;
        self
    }

    /// Sets the largest number of concurrent calls. Default: 32. Sixteen times as many may wait for
    /// their turn.
    pub fn max_calls(mut self, calls: usize) -> Self {
        self.max_calls = calls;
        self
    }

    /// Sets the longest time for which a call may wait for its turn. Default: one second.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Sends requests by this client, instead of the one that the feature `reqwest` brings.
    pub fn fetch_with(mut self, client: impl Fetch) -> Self {
        self.client = Some(Arc::new(client));
        self
    }

    /// Lets the endpoint be asked over plain `http`.
    ///
    /// Then whoever can see or change what is on the network learns tokens and this service's
    /// secret, and can answer that any token is anybody's.
    pub fn dangerous_allow_http(mut self) -> Self {
        self.allow_http = true;
        self
    }

    /// Tells the time, also for how long answers are kept. Default: [`SystemClock`].
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Builds the verifier. Nothing is asked yet.
    ///
    /// # Errors
    ///
    /// If the URL is none, or not `https`; if there are no credentials; if there is neither an
    /// issuer nor [`dangerous_any_issuer`](Self::dangerous_any_issuer), or both, and likewise
    /// for the audience; if an issuer, audience, prefix or claim path is empty; if the leeway is
    /// over an hour, or an answer is to be cached for longer; if the time-out is 0 or over five
    /// seconds; if the number of calls is 0; if there
    /// is no client; or if the operating system has no randomness to give.
    pub fn build(mut self) -> Result<Introspection, ConfigError> {
        self.check()?;
        self.rules.leeway = self.leeway.as_secs();
        if self.rules.paths.scopes.is_empty() {
            self.rules.paths.scopes.push("scope".into());
        }
        let url: Uri = self.url.parse().map_err(|error| {
            ConfigError::new("the introspection endpoint is no URL").with_source(error)
        })?;
        let client = Guard::new(self.client, self.allow_http)?;
        client.check(&url).map_err(|error| {
            ConfigError::new("the introspection endpoint cannot be asked").with_source(error)
        })?;
        let credentials = self.credentials.ok_or_else(|| {
            ConfigError::new(
                "introspection needs this service's own id and secret: call `client_basic` or `client_post`",
            )
        })?;
        let turns = self.max_calls.min(Semaphore::MAX_PERMITS);
        Ok(Introspection::new(Inner {
            shape: self.shape,
            cache: Cache::new(self.limits)?,
            calls: SingleFlight::new(turns.saturating_mul(WAITING.saturating_add(1))),
            endpoint: Endpoint {
                url,
                credentials,
                client,
                time_out: self.time_out,
                turns: Semaphore::new(turns),
                patience: self.patience,
                rules: self.rules,
                clock: Arc::clone(&self.clock),
                credentials_log: log::Seldom::default(),
            },
            clock: self.clock,
        }))
    }

    fn check(&self) -> Result<(), ConfigError> {
        let refuse = |message: &'static str| Err(ConfigError::new(message));
        match (self.rules.issuer.as_deref(), self.any_issuer) {
            (None, false) => {
                return refuse("introspection needs the issuer of the tokens: call `issuer`");
            }
            (Some(_), true) => return refuse("either an issuer or any issuer"),
            (Some(""), false) => return refuse("the issuer must not be empty"),
            _ => {}
        }
        match (self.rules.audiences.is_empty(), self.any_audience) {
            (true, false) => {
                return refuse(
                    "introspection needs the name that tokens are made for: call `audience`",
                );
            }
            (false, true) => {
                return refuse("`audience` and `dangerous_any_audience` must not both be called");
            }
            _ => {}
        }
        let mut names = self.rules.audiences.iter().chain(&self.shape.prefixes);
        if names.any(|name| name.is_empty()) {
            return refuse("an audience or prefix is not empty");
        }
        self.rules.paths.check()?;
        if self.leeway > MAX_LEEWAY {
            return refuse("a leeway is at most an hour");
        }
        if self.limits.max_age.max(self.limits.refused_age) > MAX_AGE {
            return refuse("invalid age of an answer: must be at most one hour");
        }
        if self.time_out.is_zero() || self.time_out > fetch::TIME_OUT {
            return refuse("a time-out is over 0 and at most five seconds");
        }
        if self.max_calls == 0 {
            return refuse("without a call nothing can be introspected");
        }
        Ok(())
    }
}

impl fmt::Debug for IntrospectionBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IntrospectionBuilder")
            .field("issuer", &self.rules.issuer)
            .field("audiences", &self.rules.audiences)
            .finish_non_exhaustive()
    }
}
