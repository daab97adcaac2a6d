//! [`SessionScheme`]: the session as credentials of an [`AuthLayer`](crate::AuthLayer).

use super::{
    Inner, LoginError, cookies, session::Session, sessions::Carried, tokens::ProviderToken,
};
use crate::{
    Attempt, Challenge, Challenges, Found, Identity, Location, Place, Rejection, RejectionKind,
    Scheme, Verdict, place::Locations, scheme::Beside,
};
use http::{HeaderValue, request::Parts};
use std::{
    error::Error,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

pub(super) const NAME: &str = "Cookie";

/// The scheme that knows who has logged in, by the cookie that the login has set; made by
/// [`Login::session`](super::Login::session).
///
/// Its identity has the provider as issuer, the provider's subject, and the claims of the ID
/// token; it ends with the session. Requests with the cookie pass the
/// [cross-site check](crate::AuthLayer#cross-site-requests). The provider's tokens are refreshed
/// on the way, and [`ProviderToken`] is put beside the identity.
#[derive(Clone)]
pub struct SessionScheme {
    inner: Arc<Inner>,
    locations: Locations,
}

/// What a request has brought about.
#[derive(Default)]
struct Outcome {
    cookies: Vec<HeaderValue>,
    token: Option<ProviderToken>,
}

type Shared = Arc<Mutex<Outcome>>;

impl SessionScheme {
    pub(super) fn new(inner: Arc<Inner>) -> Self {
        let locations = Locations::new([Location::cookie(&inner.cookie)]);
        Self { inner, locations }
    }

    fn verdict(
        &self,
        carried: Option<Carried>,
        before: usize,
        shared: &Shared,
    ) -> Verdict<Identity> {
        let inner = &self.inner;
        let Some(carried) = carried else {
            return Verdict::ready(Err(LoginError::Ended.into()));
        };
        let shared = Arc::clone(shared);
        match carried {
            Carried::Whole(session)
                if inner.store.is_none()
                    && !session.is_due(inner.now().saturating_add(inner.refresh_before)) =>
            {
                Verdict::ready(admit(inner, &session, Vec::new(), &shared))
            }
            carried => {
                let inner = Arc::clone(inner);
                Verdict::pending(async move {
                    let session = inner.load(carried).await?;
                    let (session, is_new) = inner.fresh(session).await?;
                    let cookies = match is_new && !inner.in_store {
                        true => inner.session_cookies(&session, before)?,
                        false => Vec::new(),
                    };
                    admit(&inner, &session, cookies, &shared)
                })
            }
        }
    }
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
    let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
    *shared = Outcome { cookies, token };
    session.identity(inner)
}

impl Scheme for SessionScheme {
    fn locations(&self) -> Vec<Location> {
        self.locations.all().to_vec()
    }

    fn find(&self, head: &Parts) -> Found {
        self.locations.find(head)
    }

    fn authenticate(&self, head: &Parts) -> Option<Attempt> {
        let found = self.find(head);
        if found.is_nothing() {
            return None;
        }
        if found.is_ambiguous() {
            let malformed = Verdict::ready(Err(Rejection::malformed()));
            return Some(Attempt::new(NAME, Place::Cookie, malformed));
        }
        let shared = Shared::default();
        let before = cookies::count(&head.headers, &self.inner.cookie);
        let verdict = self.verdict(self.inner.carried(&head.headers), before, &shared);
        let (name, for_response) = (self.inner.cookie.clone(), Arc::clone(&shared));
        let mut attempt = Attempt::new(NAME, Place::Cookie, verdict);
        attempt.trial.hooks.get_or_insert_default().on_admit =
            Some(Box::new(move |_, extensions| {
                let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(token) = shared.token.take() {
                    Beside::put(extensions, token);
                }
            }));
        Some(attempt.on_response(move |result, response| {
            let mut shared = for_response.lock().unwrap_or_else(PoisonError::into_inner);
            let mut set = std::mem::take(&mut shared.cookies);
            // Not because the application does not want this user.
            let is_over = result.is_err_and(|rejection| {
                let own = rejection
                    .source()
                    .is_some_and(<dyn Error>::is::<LoginError>);
                own && rejection.kind() == RejectionKind::Invalid && set.is_empty()
            });
            if is_over {
                set = cookies::clear_joined(&name, before);
            }
            cookies::append(&mut response.headers, set);
        }))
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
