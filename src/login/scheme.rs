//! [`SessionScheme`]: the session as credentials of an [`AuthLayer`](crate::AuthLayer).

use super::{
    Login, LoginError, cookies,
    session::{Fresh, Session},
    sessions::Carried,
    state::Inner,
    tokens::ProviderToken,
};
use crate::{
    Identity, Location, Rejection, RejectionKind, Scheme, Verdict,
    credential::{Credential, Found},
    rejection::{Challenge, Challenges},
    scheme::{Attempt, BrowserSession},
};
use http::{HeaderValue, header, request::Parts};
use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

pub(crate) const NAME: &str = "Cookie";

/// The scheme that knows who has logged in, by the cookie that the login has set; made by
/// [`Login::session`](super::Login::session).
///
/// Its identity has the provider as issuer, the provider's subject, and the claims of the ID
/// token; it ends with the session. Requests with the cookie pass the
/// [cross-site check](crate::AuthLayer#cross-site-requests), which trusts the redirect URI's origin
/// for these requests. The provider's tokens are refreshed
/// on the way, and [`ProviderToken`] is put beside the identity.
#[derive(Clone)]
pub struct SessionScheme {
    inner: Arc<Inner>,
    location: Location,
}

/// The effects of a request on its response.
#[derive(Default)]
struct Outcome {
    cookies: Vec<HeaderValue>,
    token: Option<ProviderToken>,
    /// Whether the session has ended without a decision of the application.
    is_over: bool,
}

type Shared = Arc<Mutex<Outcome>>;

impl Login {
    /// The scheme that knows who has logged in.
    ///
    /// # Panics
    ///
    /// If the application creates sessions of its own by [`LoginBuilder::on_login`](super::LoginBuilder::on_login). The scheme
    /// would not accept any request.
    #[must_use]
    #[track_caller]
    pub fn session(&self) -> SessionScheme {
        assert!(
            self.0.on_login.is_none(),
            "a login with `on_login` makes no sessions of its own: use the scheme of the application's sessions"
        );
        SessionScheme::new(Arc::clone(&self.0))
    }
}

impl SessionScheme {
    fn new(inner: Arc<Inner>) -> Self {
        let location = Location::cookie(&inner.cookie);
        Self { inner, location }
    }

    /// Returns whether the request comes from a page of the redirect URI's origin, according to its
    /// only `Origin` field. A proxy may have changed the host that the cross-site check compares.
    fn is_own_origin(&self, head: &Parts) -> bool {
        let mut origins = head.headers.get_all(header::ORIGIN).iter();
        let is_own = |origin: &HeaderValue| origin.as_bytes() == self.inner.origin.as_bytes();
        origins.next().is_some_and(is_own) && origins.next().is_none()
    }

    fn verdict(
        &self,
        carried: Option<Carried>,
        before: usize,
        shared: &Shared,
    ) -> Verdict<Identity> {
        let inner = &self.inner;
        let Some(carried) = carried else {
            return Verdict::ready(noted(Err(LoginError::Ended.into()), shared));
        };
        match carried {
            Carried::Whole(session)
                if inner.store.is_none() && !session.is_due(inner.now(), inner.refresh_before) =>
            {
                Verdict::ready(noted(admit(inner, &session, Vec::new(), shared), shared))
            }
            carried => {
                let (inner, shared) = (Arc::clone(inner), Arc::clone(shared));
                Verdict::pending(async move {
                    let result = look(&inner, carried, before, &shared).await;
                    noted(result, &shared)
                })
            }
        }
    }
}

/// Records that a session has ended.
fn noted(result: Result<Identity, Rejection>, shared: &Shared) -> Result<Identity, Rejection> {
    if let Err(rejection) = &result
        && rejection.kind() == RejectionKind::Invalid
    {
        lock(shared).is_over = true;
    }
    result
}

fn lock(shared: &Shared) -> MutexGuard<'_, Outcome> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn look(
    inner: &Arc<Inner>,
    carried: Carried,
    before: usize,
    shared: &Shared,
) -> Result<Identity, Rejection> {
    let session = inner.load(carried).await?;
    let access = Arc::clone(&session.tokens);
    let Fresh { session, sealed } = inner.fresh(session).await?;
    // A log-out may have come during the request to the provider.
    let is_new = !Arc::ptr_eq(&access, &session.tokens);
    if is_new && inner.is_ended(&session).await? {
        return Err(LoginError::Ended.into());
    }
    let cookies = match sealed {
        Some(sealed) => inner.set_session(&session, &sealed, before)?,
        None => Vec::new(),
    };
    admit(inner, &session, cookies, shared)
}

fn admit(
    inner: &Inner,
    session: &Session,
    cookies: Vec<HeaderValue>,
    shared: &Shared,
) -> Result<Identity, Rejection> {
    if inner.now() >= session.ends {
        return Err(LoginError::Ended.into());
    }
    let token =
        (!session.is_stale(inner.now())).then(|| ProviderToken(Arc::clone(&session.tokens)));
    let mut shared = lock(shared);
    shared.cookies = cookies;
    shared.token = token;
    drop(shared);
    session.identity(&inner.issuer, &inner.claims)
}

impl Scheme for SessionScheme {
    fn name(&self) -> &'static str {
        NAME
    }

    fn locations(&self) -> Vec<Location> {
        vec![self.location.clone()]
    }

    fn find(&self, head: &Parts) -> Found {
        let found = self.location.find(head);
        match self.is_own_origin(head) {
            true => found.sent_by_own_origin(),
            false => found,
        }
    }

    /// The credential is the first of the cookies that a long session is split into.
    fn authenticate(&self, head: &Parts, _: Credential) -> Attempt {
        let shared = Shared::default();
        let before = cookies::count(&head.headers, &self.inner.cookie);
        let carried = self.inner.carried(&head.headers);
        let is_own = carried.is_some() || self.inner.has_sealed_cookie(&head.headers);
        let name = self.inner.name_of_cookie(&head.headers, carried.as_ref());
        let verdict = self.verdict(carried, before, &shared);
        let inner = Arc::clone(&self.inner);
        // The response to a log-out or another login has set or cleared the cookies. The browser
        // may receive this response later, and it must not undo that.
        let is_late = move || name.is_some_and(|name| inner.ended.get(&name).is_some());
        let is_late_too = is_late.clone();
        let (inner, of_cookie) = (Arc::clone(&self.inner), Arc::clone(&shared));
        let for_response = Arc::clone(&shared);
        Attempt::new(verdict)
            .attach(move |_| lock(&shared).token.take())
            .on_response(move |_, response| {
                if !is_late() {
                    let set = std::mem::take(&mut lock(&for_response).cookies);
                    cookies::append(&mut response.headers, set);
                }
            })
            // Not because a decorator does not accept this user.
            .clear_cookie(move |_| match is_own && lock(&of_cookie).is_over {
                true if !is_late_too() => inner.jar.clear_joined(&inner.cookie, before),
                _ => Vec::new(),
            })
    }

    fn browser_session(&self) -> Option<Arc<dyn BrowserSession>> {
        let session: Arc<dyn BrowserSession> = self.inner.clone();
        Some(session)
    }

    fn challenge(&self, rejection: &Rejection, challenges: &mut Challenges<'_>) {
        if rejection.status() == http::StatusCode::UNAUTHORIZED {
            let realm = challenges.realm();
            challenges.push(Challenge::new(NAME).param("realm", realm));
        }
    }
}

impl fmt::Debug for SessionScheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionScheme")
            .field("issuer", &self.inner.issuer)
            .field("cookie", &self.inner.cookie)
            .finish_non_exhaustive()
    }
}
