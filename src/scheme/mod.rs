//! [`Scheme`]: finds its credentials in a request and judges them.

use crate::{
    Challenges, Found, Identity, Location, Place, Rejection, Verdict, identity::Prepared,
    realm::Realm, verdict::Pending,
};
use http::{Extensions, request, response};
use std::{fmt, sync::Arc};

pub mod api_key;
#[cfg(feature = "basic")]
pub mod basic;
pub mod bearer;
pub(crate) mod token_scheme;

/// An authentication scheme: finds its credentials in the request head and judges them.
///
/// An [`AuthLayer`](crate::AuthLayer) asks in this order: [`find`](Self::find); where that finds
/// something, [`authenticate`](Self::authenticate) of the one scheme it is of; and
/// [`challenge`](Self::challenge) where a request is refused in HTTP, whatever the reason.
///
/// Implement it for a scheme that this crate does not know. What is below a scheme (users,
/// keys, tokens) is a [`Verify`](crate::Verify) and needs no scheme of its own.
///
/// ```
/// use http::request::Parts;
/// use tower_auth::{Attempt, Challenge, Challenges, Found, Identity, Location, Place};
/// use tower_auth::{Rejection, Scheme, Verdict};
///
/// /// Trusts a header that a proxy in front sets and strips from what clients send.
/// struct Proxied;
///
/// impl Scheme for Proxied {
///     fn locations(&self) -> Vec<Location> {
///         vec![Location::header("x-remote-user")]
///     }
///
///     fn find(&self, head: &Parts) -> Found {
///         match head.headers.get_all("x-remote-user").iter().count() {
///             0 => Found::nothing(),
///             1 => Found::at(Place::Header),
///             _ => Found::ambiguous(Place::Header),
///         }
///     }
///
///     fn authenticate(&self, head: &Parts) -> Option<Attempt> {
///         let user = head.headers.get("x-remote-user")?;
///         let identity = user.to_str().map(Identity::new).map_err(|_| Rejection::malformed());
///         Some(Attempt::new("Proxied", Place::Header, Verdict::ready(identity)))
///     }
///
///     fn challenge(&self, _: &Rejection, challenges: &mut Challenges<'_>) {
///         let realm = challenges.realm();
///         challenges.push(Challenge::new("Proxied").param("realm", realm));
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an authentication scheme",
    note = "a verifier goes into a scheme: `Bearer::new(jwt)`, `Basic::new(realm, users)`, `ApiKey::header(name, keys)`"
)]
pub trait Scheme: Send + Sync + 'static {
    /// Every location that the scheme reads, asked once at start-up.
    ///
    /// Two schemes of one layer must not share any. Fields are marked as sensitive, parameters
    /// and subprotocols stripped from what is passed inward, and responses `Vary` by the fields.
    fn locations(&self) -> Vec<Location>;

    /// How many credentials of this scheme the request carries, and where.
    ///
    /// Pure and cheap: asked of every scheme before any of them judges.
    fn find(&self, head: &request::Parts) -> Found;

    /// Judges the credentials; `None` if the request carries none of this scheme.
    ///
    /// Also asked where `find` says ambiguous, to name the scheme: then answer
    /// [`malformed`](Rejection::malformed) and verify nothing. The layer refuses such a request
    /// in any case.
    fn authenticate(&self, head: &request::Parts) -> Option<Attempt>;

    /// Both at once, as a layer asks: `admit` hears what was found before anything is judged.
    /// Who judges fills in the trial.
    ///
    /// Only this crate's schemes have their own, which look once.
    #[doc(hidden)]
    fn attempt(&self, head: &request::Parts, admit: Admit<'_>, trial: &mut Trial) -> Tried {
        let found = self.find(head);
        if found.is_nothing() {
            return Tried::Nothing;
        }
        if let Err(rejection) = admit(found) {
            return Tried::Refused(rejection);
        }
        // A scheme that finds credentials and does not judge them must let nobody pass.
        let Some(attempt) = self.authenticate(head) else {
            return Tried::Refused(Rejection::missing());
        };
        *trial = attempt.trial;
        // Caches, events and the identity go by where the credential was found.
        trial.place = found.anywhere();
        if found.is_ambiguous() {
            // Whatever a scheme says: nobody can tell which credential is meant.
            return Tried::Refused(Rejection::malformed());
        }
        attempt.verdict.into()
    }

    /// Adds what a client is told of this scheme when a request is refused.
    ///
    /// An error code belongs only there if the scheme itself judged:
    /// [`Rejection::scheme`] is then its name. Every scheme adds a challenge to a 401.
    fn challenge(&self, rejection: &Rejection, challenges: &mut Challenges<'_>);

    /// How its bearer tokens are made, for descriptions of an API: `JWT`, where that is known.
    #[doc(hidden)]
    fn token_format(&self) -> Option<&'static str> {
        None
    }

    /// This scheme or another one: whichever the request carries credentials of.
    ///
    /// A bad credential of one is never offered to the other.
    fn or(self, other: impl Scheme) -> AnyOf
    where
        Self: Sized,
    {
        AnyOf(vec![Box::new(self)]).or(other)
    }
}

impl<T: Scheme + ?Sized> Scheme for Arc<T> {
    fn locations(&self) -> Vec<Location> {
        (**self).locations()
    }

    fn find(&self, head: &request::Parts) -> Found {
        (**self).find(head)
    }

    fn authenticate(&self, head: &request::Parts) -> Option<Attempt> {
        (**self).authenticate(head)
    }

    fn attempt(&self, head: &request::Parts, admit: Admit<'_>, trial: &mut Trial) -> Tried {
        (**self).attempt(head, admit, trial)
    }

    fn challenge(&self, rejection: &Rejection, challenges: &mut Challenges<'_>) {
        (**self).challenge(rejection, challenges);
    }

    fn token_format(&self) -> Option<&'static str> {
        (**self).token_format()
    }
}

impl<T: Scheme + ?Sized> Scheme for Box<T> {
    fn locations(&self) -> Vec<Location> {
        (**self).locations()
    }

    fn find(&self, head: &request::Parts) -> Found {
        (**self).find(head)
    }

    fn authenticate(&self, head: &request::Parts) -> Option<Attempt> {
        (**self).authenticate(head)
    }

    fn attempt(&self, head: &request::Parts, admit: Admit<'_>, trial: &mut Trial) -> Tried {
        (**self).attempt(head, admit, trial)
    }

    fn challenge(&self, rejection: &Rejection, challenges: &mut Challenges<'_>) {
        (**self).challenge(rejection, challenges);
    }

    fn token_format(&self) -> Option<&'static str> {
        (**self).token_format()
    }
}

/// Several schemes, of which a request uses one; made by [`Scheme::or`].
pub struct AnyOf(Vec<Box<dyn Scheme>>);

impl AnyOf {
    /// One scheme more.
    #[must_use]
    pub fn or(mut self, other: impl Scheme) -> Self {
        self.0.push(Box::new(other));
        self
    }
}

impl Scheme for AnyOf {
    fn locations(&self) -> Vec<Location> {
        self.0.iter().flat_map(Scheme::locations).collect()
    }

    fn find(&self, head: &request::Parts) -> Found {
        self.0.iter().fold(Found::nothing(), |found, scheme| {
            found.and(scheme.find(head))
        })
    }

    fn authenticate(&self, head: &request::Parts) -> Option<Attempt> {
        Attempt::by(self, head)
    }

    fn attempt(&self, head: &request::Parts, admit: Admit<'_>, trial: &mut Trial) -> Tried {
        let mut found = Found::nothing();
        let mut chosen = None;
        let mut ambiguous = None;
        for scheme in &self.0 {
            let own = scheme.find(head);
            if own.is_explicit() && found.is_explicit() {
                ambiguous = found.anywhere();
            }
            if found.yields_to(own) {
                chosen = Some(scheme);
            }
            found = found.and(own);
        }
        match (chosen, ambiguous) {
            (None, _) => Tried::Nothing,
            // The ambient credential of another scheme may demand the cross-site check.
            (Some(scheme), None) => {
                scheme.attempt(head, &|own| admit(own.checked_with(found)), trial)
            }
            // No scheme can judge for the others.
            (_, Some(place)) => match admit(found) {
                Ok(()) => {
                    trial.place = Some(place);
                    Tried::Refused(Rejection::malformed())
                }
                Err(rejection) => Tried::Refused(rejection),
            },
        }
    }

    fn challenge(&self, rejection: &Rejection, challenges: &mut Challenges<'_>) {
        for scheme in &self.0 {
            scheme.challenge(rejection, challenges);
        }
    }

    fn token_format(&self) -> Option<&'static str> {
        self.0.iter().find_map(Scheme::token_format)
    }
}

impl fmt::Debug for AnyOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.locations()).finish()
    }
}

/// Says whether what was found may be judged at all.
pub(crate) type Admit<'a> = &'a dyn Fn(Found) -> Result<(), Rejection>;

pub(crate) type OnResponse = dyn FnOnce(Result<&Identity, &Rejection>, &mut response::Parts) + Send;

/// What a scheme puts beside the identity once the request has passed everything.
pub(crate) type OnAdmit = dyn FnOnce(&Identity, &mut Extensions) + Send;

/// One try to authenticate a request: by which scheme, from where, with which verdict.
#[must_use]
pub struct Attempt {
    pub(crate) trial: Trial,
    pub(crate) verdict: Verdict<Identity>,
}

/// One try of a layer to authenticate a request, filled in by the scheme that judges.
///
/// In small parts, and where they stay: what is copied as a whole is waited for.
#[doc(hidden)]
#[allow(unreachable_pub, missing_debug_implementations)]
#[derive(Default)]
pub struct Trial {
    pub(crate) scheme: &'static str,
    pub(crate) place: Option<Place>,
    pub(crate) realm: Option<Realm>,
    pub(crate) hooks: Option<Box<Hooks>>,
}

/// What comes of it.
#[doc(hidden)]
#[allow(unreachable_pub, missing_debug_implementations)]
pub enum Tried {
    /// The request carries no credentials of this scheme.
    Nothing,
    Passed(Prepared),
    Refused(Rejection),
    Later(Pending<Identity>),
}

impl From<Verdict<Identity>> for Tried {
    fn from(verdict: Verdict<Identity>) -> Self {
        match verdict.split() {
            Ok(result) => result.into(),
            Err(pending) => Self::Later(pending),
        }
    }
}

impl From<Result<Identity, Rejection>> for Tried {
    #[inline]
    fn from(result: Result<Identity, Rejection>) -> Self {
        match result {
            Ok(identity) => Self::Passed(identity.into()),
            Err(rejection) => Self::Refused(rejection),
        }
    }
}

/// What few schemes do besides: behind one pointer, since every request carries it along.
#[derive(Default)]
pub(crate) struct Hooks {
    pub(crate) on_response: Option<Box<OnResponse>>,
    pub(crate) on_admit: Option<Box<OnAdmit>>,
}

impl Attempt {
    /// A try of the scheme with this name.
    ///
    /// The place is for callers of [`Scheme::authenticate`]. A layer takes it from
    /// [`Scheme::find`].
    pub fn new(scheme: &'static str, place: Place, verdict: impl Into<Verdict<Identity>>) -> Self {
        Self {
            trial: Trial {
                scheme,
                place: Some(place),
                ..Trial::default()
            },
            verdict: verdict.into(),
        }
    }

    /// The attempt of a scheme that has its own [`Scheme::attempt`].
    #[allow(dead_code, reason = "every scheme of this crate can be left out")]
    pub(crate) fn by(scheme: &impl Scheme, head: &request::Parts) -> Option<Self> {
        let mut trial = Trial::default();
        let verdict = match scheme.attempt(head, &|_| Ok(()), &mut trial) {
            Tried::Nothing => return None,
            Tried::Passed(identity) => Verdict::ready(Ok(identity.into_identity())),
            Tried::Refused(rejection) => Verdict::ready(Err(rejection)),
            Tried::Later(pending) => pending.into(),
        };
        Some(Self { trial, verdict })
    }

    /// The realm within which subjects are unique, for identities without an issuer.
    ///
    /// A constant, or [`Identity::with_issuer`] serves better: what comes from a request is no
    /// realm.
    pub fn with_realm(mut self, realm: &'static str) -> Self {
        self.trial.realm = Some(Realm::new(realm));
        self
    }

    /// What the scheme adds to the response, whatever becomes of the request.
    pub fn on_response(
        mut self,
        f: impl FnOnce(Result<&Identity, &Rejection>, &mut response::Parts) + Send + 'static,
    ) -> Self {
        self.trial.on_response(f);
        self
    }
}

impl Trial {
    /// What the scheme adds to the response, whatever becomes of the request.
    pub(crate) fn on_response(
        &mut self,
        f: impl FnOnce(Result<&Identity, &Rejection>, &mut response::Parts) + Send + 'static,
    ) {
        self.hooks.get_or_insert_default().on_response = Some(Box::new(f));
    }
}

/// What stands beside an identity in the extensions, of a scheme or loaded, and how a layer
/// further inside takes it back with the identity it is of.
#[derive(Clone, Default)]
pub(crate) struct Beside(Vec<fn(&mut Extensions)>);

impl Beside {
    pub(crate) fn put<T: Clone + Send + Sync + 'static>(extensions: &mut Extensions, value: T) {
        extensions.insert(value);
        let Self(all) = extensions.get_or_insert_default();
        all.push(|extensions| {
            extensions.remove::<T>();
        });
    }

    pub(crate) fn take_back(extensions: &mut Extensions) {
        if let Some(Self(all)) = extensions.remove() {
            all.into_iter().for_each(|take_back| take_back(extensions));
        }
    }
}

impl fmt::Debug for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attempt")
            .field("scheme", &self.trial.scheme)
            .field("place", &self.trial.place)
            .field("verdict", &self.verdict)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_stands_beside_an_identity_is_taken_back_and_nothing_else() {
        let mut extensions = Extensions::new();
        extensions.insert("the application's");
        Beside::put(&mut extensions, 1_u8);
        Beside::put(&mut extensions, 2_u16);
        Beside::take_back(&mut extensions);
        assert_eq!(extensions.get(), Some(&"the application's"));
        assert_eq!(extensions.len(), 1);
        // Nothing is left to take back a second time.
        extensions.insert(3_u8);
        Beside::take_back(&mut extensions);
        assert_eq!(extensions.get(), Some(&3_u8));
    }
}
