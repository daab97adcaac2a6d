//! [`Rejection`]: the reason for which a request is rejected.

use super::{RejectionKind, Scope};
use http::StatusCode;
use std::{
    error::Error,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// A request that was refused: why, and what may be told about it.
///
/// A verifier, loader or policy returns one; a handler may too. Cloning is cheap. Every response to
/// a rejected request has it in its extensions, where a layer outside can count it or log it.
///
/// A handler that responds with a 401 needs an [`AuthLayer`](crate::AuthLayer) outside, or an
/// `issue::CredentialEndpointLayer` if it takes credentials in its body. These layers add the
/// `WWW-Authenticate` field that RFC 9110 section 15.5.2 requires.
///
/// ```
/// use tower_auth::{Rejection, RejectionKind};
///
/// let rejection = Rejection::unavailable(std::io::Error::other("database is down"));
/// assert_eq!(rejection.kind(), RejectionKind::Unavailable);
/// assert_eq!(rejection.status(), 503);
/// assert!(rejection.retry_after().is_some());
/// ```
#[derive(Clone)]
#[must_use = "a rejection has no effect unless it is returned"]
pub struct Rejection(Box<Parts>);

/// The parts, in memory of their own: every `Result` with a rejection is moved often, and nearly
/// all of them are `Ok`.
#[derive(Clone)]
struct Parts {
    kind: RejectionKind,
    /// The scheme whose credential was rejected; only its challenge carries an error code.
    scheme: Option<&'static str>,
    detail: &'static str,
    retry_after: Option<Duration>,
    source: Option<Arc<dyn Error + Send + Sync>>,
    scopes: Vec<Scope>,
    max_age: Option<Duration>,
    /// Whether the cause is the number of requests, and nothing is broken.
    is_busy: bool,
    /// Whether the same cause has been logged as an error within the last minute.
    is_repeated: bool,
    stage: Stage,
    is_logged: Logged,
}

/// Whether the rejection has been logged. A handler returns some rejections that a layer or an
/// extractor further inside has logged.
#[derive(Default)]
struct Logged(AtomicBool);

impl Clone for Logged {
    fn clone(&self) -> Self {
        Self(AtomicBool::new(self.0.load(Ordering::Relaxed)))
    }
}

/// How far a rejection has got on its way to the client.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Not rendered by this crate: a handler put it on a response of its own.
    Bare,
    /// This crate made the response; a layer outside may render it anew.
    Rendered,
    /// An `AuthLayer` has added its challenges: final.
    Challenged,
}

impl Rejection {
    fn of(kind: RejectionKind) -> Self {
        Self(Box::new(Parts {
            kind,
            scheme: None,
            detail: kind.detail(),
            retry_after: None,
            source: None,
            scopes: Vec::new(),
            max_age: None,
            is_busy: false,
            is_repeated: false,
            stage: Stage::Bare,
            is_logged: Logged::default(),
        }))
    }

    /// No credentials were sent: 401, without an error code (RFC 6750 section 3.1).
    pub fn missing() -> Self {
        Self::of(RejectionKind::Missing)
    }

    /// The credentials are not of the scheme's form, or there are several: 400.
    pub fn malformed() -> Self {
        Self::of(RejectionKind::Malformed)
    }

    /// Wrong, unknown, expired or revoked credentials: 401.
    pub fn invalid() -> Self {
        Self::of(RejectionKind::Invalid)
    }

    /// The identity was authenticated too weakly or too long ago: 401 (RFC 9470).
    pub fn insufficient_authentication() -> Self {
        Self::of(RejectionKind::InsufficientAuthentication)
    }

    /// The identity is known and not allowed: 403.
    pub fn forbidden() -> Self {
        Self::of(RejectionKind::Forbidden)
    }

    /// The identity is known and lacks scopes: 403, and the challenge names those needed
    /// (RFC 6750 section 3.1, `insufficient_scope`).
    pub fn insufficient_scope(needed: impl IntoIterator<Item = Scope>) -> Self {
        Self::forbidden().with_scopes(needed)
    }

    /// Too many attempts: 429, to be tried again after `retry_after` (sent in whole seconds,
    /// rounded up, at least one).
    pub fn too_many(retry_after: Duration) -> Self {
        Self::of(RejectionKind::TooMany).with_retry_after(retry_after)
    }

    /// Nobody can tell now: a store or key set cannot be reached. 503, to be tried again after
    /// one second.
    ///
    /// Made to be used as `.map_err(Rejection::unavailable)`. The source reaches logs, never
    /// the client.
    pub fn unavailable(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::of(RejectionKind::Unavailable)
            .with_retry_after(Duration::from_secs(1))
            .with_source(source)
    }

    /// Creates a rejection as [`unavailable`](Self::unavailable) does, for the case that clients
    /// request too much. In this case nothing is broken, and an anonymous client must not be able
    /// to raise an alarm. Such a rejection is logged at `INFO`.
    #[cfg(any(feature = "basic", feature = "introspection", feature = "jwt"))]
    pub(crate) fn busy(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        let mut rejection = Self::unavailable(source);
        rejection.0.is_busy = true;
        rejection
    }

    /// Returns whether the rejection was made by [`busy`](Self::busy).
    #[cfg(any(feature = "tracing", feature = "accounts"))]
    pub(crate) fn is_busy(&self) -> bool {
        self.0.is_busy
    }

    /// No [`AuthLayer`](crate::AuthLayer) is in front, so nobody knows who is calling: 500.
    pub fn no_auth_layer() -> Self {
        Self::of(RejectionKind::NoAuthLayer).with_source(
            "no AuthLayer is outside of this service (in axum the layer added last is the outermost)",
        )
    }

    /// A bug in the application: 500, logged at `ERROR`. The source reaches logs, never the client.
    pub fn internal(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::of(RejectionKind::Internal).with_source(source)
    }

    /// Logs the rejection at `DEBUG`, because its cause has been logged within the last minute.
    #[cfg(feature = "axum")]
    pub(crate) fn repeated(mut self) -> Self {
        self.0.is_repeated = true;
        self
    }

    /// Returns whether the rejection was changed by [`repeated`](Self::repeated).
    #[cfg(feature = "tracing")]
    pub(crate) fn is_repeated(&self) -> bool {
        self.0.is_repeated
    }

    /// Says more to the client, in a text that is the same for every request.
    pub fn with_detail(mut self, detail: &'static str) -> Self {
        self.0.detail = detail;
        self
    }

    /// Keeps the cause for logs; clients never see it.
    pub fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.0.source = Some(Arc::from(source.into()));
        self
    }

    /// Sets `Retry-After`, sent in whole seconds, rounded up, at least one.
    pub fn with_retry_after(mut self, retry_after: Duration) -> Self {
        self.0.retry_after = Some(retry_after);
        self
    }

    /// Says for how long ago the user may have been authenticated (`max_age`, RFC 9470 section 3),
    /// in whole seconds.
    pub fn with_max_age(mut self, max_age: Duration) -> Self {
        self.0.max_age = Some(Duration::from_secs(max_age.as_secs()));
        self
    }

    pub(crate) fn with_scopes(mut self, scopes: impl IntoIterator<Item = Scope>) -> Self {
        self.0.scopes = scopes.into_iter().collect();
        self
    }

    pub(crate) fn with_scheme(mut self, scheme: &'static str) -> Self {
        self.0.scheme = Some(scheme);
        self
    }

    /// Returns the rejection in the form for a proxy that asks about a request. nginx knows no
    /// denial but 401 and 403.
    pub(crate) fn forwarded(mut self) -> Self {
        if matches!(
            self.0.kind,
            RejectionKind::Malformed | RejectionKind::TooMany
        ) {
            self.0.kind = RejectionKind::Forbidden;
            self.0.retry_after = None;
        }
        self
    }

    /// Returns the kind of the rejection.
    #[must_use]
    pub fn kind(&self) -> RejectionKind {
        self.0.kind
    }

    /// The HTTP status that goes with the kind.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.0.kind.status()
    }

    /// The name of the scheme that judged, if one did.
    #[must_use]
    pub fn scheme(&self) -> Option<&'static str> {
        self.0.scheme
    }

    /// The text sent to the client.
    #[must_use]
    pub fn detail(&self) -> &'static str {
        self.0.detail
    }

    /// After how long a client may try again.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// The scopes that the request would have needed, as far as they are known.
    #[must_use]
    pub fn scopes(&self) -> &[Scope] {
        &self.0.scopes
    }

    /// For how long ago the user may have been authenticated, as far as that is what is missing.
    #[must_use]
    pub fn max_age(&self) -> Option<Duration> {
        self.0.max_age
    }

    pub(crate) fn is_logged(&self) -> bool {
        self.0.is_logged.0.load(Ordering::Relaxed)
    }

    #[cfg(feature = "tracing")]
    pub(crate) fn mark_logged(&self) {
        self.0.is_logged.0.store(true, Ordering::Relaxed);
    }

    /// Whether an outer layer may still add challenges.
    pub(crate) fn is_open(&self) -> bool {
        self.0.stage != Stage::Challenged
    }

    /// Whether the response around it is this crate's own rendering.
    pub(crate) fn is_rendered(&self) -> bool {
        self.0.stage == Stage::Rendered
    }

    pub(super) fn rendered(mut self) -> Self {
        self.0.stage = Stage::Rendered;
        self
    }

    pub(crate) fn challenged(mut self) -> Self {
        self.0.stage = Stage::Challenged;
        self
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.detail)
    }
}

impl fmt::Debug for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Rejection");
        debug
            .field("kind", &self.0.kind)
            .field("detail", &self.0.detail);
        if let Some(scheme) = self.0.scheme {
            debug.field("scheme", &scheme);
        }
        if self.0.is_busy {
            debug.field("busy", &true);
        }
        if self.0.is_repeated {
            debug.field("repeated", &true);
        }
        if let Some(source) = self.source() {
            debug.field("source", &format_args!("{source}"));
        }
        debug.finish()
    }
}

impl Error for Rejection {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self.0.source.as_deref() {
            Some(source) => Some(source),
            None => None,
        }
    }
}
