//! [`Attempt`]: one verification of a credential, and what the scheme adds to it.

use super::AttachedExtensions;
use crate::{
    Identity, Rejection, Verdict,
    credential::{cookie_name, sets_cookie},
};
use http::{
    Extensions, HeaderValue,
    header::{CACHE_CONTROL, SET_COOKIE},
    response,
};
use std::fmt;

/// Adds to the response once the request is decided.
type OnResponse = Box<dyn FnOnce(Result<&Identity, &Rejection>, &mut response::Parts) + Send>;

/// Returns the `Set-Cookie` lines that clear a rejected credential.
type Clear = Box<dyn FnOnce(&Rejection) -> Vec<HeaderValue> + Send>;

/// Adds to the request once it is accepted.
type OnAccept = Box<dyn FnOnce(&Identity, &mut Extensions) + Send>;

/// One attempt to authenticate a request: a verdict, and what the scheme adds to the request and
/// the response.
#[must_use]
pub struct Attempt {
    pub(crate) verdict: Verdict<Identity>,
    pub(crate) hooks: Hooks,
}

/// The additions of a scheme and of its decorators, in order.
#[derive(Default)]
pub(crate) struct Hooks {
    on_accept: Vec<OnAccept>,
    on_response: Vec<OnResponse>,
    clear: Vec<Clear>,
}

/// The additions for a credential that was rejected, although the request was not.
pub(crate) struct RejectedHooks {
    hooks: Hooks,
    rejection: Rejection,
}

/// The additions to the response to an accepted request.
pub(crate) struct AcceptedHooks {
    /// Those of the credential that was accepted.
    accepted: Option<(Vec<OnResponse>, Identity)>,
    rejected: Vec<RejectedHooks>,
    may_clear: bool,
}

impl Hooks {
    /// Keeps the additions of a credential that was rejected.
    pub(crate) fn rejected(self, rejection: Rejection) -> RejectedHooks {
        RejectedHooks {
            hooks: self,
            rejection,
        }
    }

    /// Drops the functions that clear the credential, which was verified.
    pub(crate) fn keep_cookie(&mut self) {
        self.clear.clear();
    }

    /// Adds to the extensions of an accepted request. `rejected` are the additions for other
    /// credentials of it, whose cookies the response clears if it `may_clear`.
    pub(crate) fn accept(
        self,
        rejected: Vec<RejectedHooks>,
        may_clear: bool,
        extensions: &mut Extensions,
    ) -> Option<Box<AcceptedHooks>> {
        if self.on_accept.is_empty() && self.on_response.is_empty() && rejected.is_empty() {
            return None;
        }
        let accepted = extensions.get::<Identity>().cloned().map(|identity| {
            for on_accept in self.on_accept {
                on_accept(&identity, extensions);
            }
            (self.on_response, identity)
        });
        Some(Box::new(AcceptedHooks {
            accepted,
            rejected,
            may_clear,
        }))
    }

    /// Adds to the response to a rejected request.
    pub(crate) fn reject(self, rejection: &Rejection, parts: &mut response::Parts) {
        self.finish(rejection, true, parts);
    }

    fn finish(self, rejection: &Rejection, may_clear: bool, parts: &mut response::Parts) {
        for on_response in self.on_response {
            on_response(Err(rejection), parts);
        }
        if may_clear {
            let lines = self.clear.into_iter().flat_map(|clear| clear(rejection));
            clear_cookies(lines.collect(), parts);
        }
    }
}

impl RejectedHooks {
    /// Adds to the response, and clears the cookie of the credential if it `may_clear`.
    pub(crate) fn finish(self, may_clear: bool, parts: &mut response::Parts) {
        self.hooks.finish(&self.rejection, may_clear, parts);
    }
}

impl AcceptedHooks {
    pub(crate) fn on_response(self, parts: &mut response::Parts) {
        for rejected in self.rejected {
            rejected.finish(self.may_clear, parts);
        }
        if let Some((all, identity)) = self.accepted {
            for on_response in all {
                on_response(Ok(&identity), parts);
            }
        }
    }
}

/// Adds lines that clear cookies, unless the response sets one of these cookies itself. A response
/// to a log-in sets a new one.
fn clear_cookies(lines: Vec<HeaderValue>, parts: &mut response::Parts) {
    let is_set = |line| sets_cookie(&parts.headers, cookie_name(line));
    if lines.is_empty() || lines.iter().any(is_set) {
        return;
    }
    for line in lines {
        parts.headers.append(SET_COOKIE, line);
    }
    let no_store = HeaderValue::from_static("no-store");
    parts.headers.insert(CACHE_CONTROL, no_store);
}

impl Attempt {
    /// Creates an attempt with this verdict.
    pub fn new(verdict: impl Into<Verdict<Identity>>) -> Self {
        Self {
            verdict: verdict.into(),
            hooks: Hooks::default(),
        }
    }

    /// Returns the verdict.
    pub fn verdict(&self) -> &Verdict<Identity> {
        &self.verdict
    }

    /// Converts into the verdict, without the additions.
    pub fn into_verdict(self) -> Verdict<Identity> {
        self.verdict
    }

    /// Replaces the verdict, for decorators of schemes. [`Verdict::then`] sees the result of a
    /// ready verdict and of a pending one.
    pub fn map_verdict(mut self, f: impl FnOnce(Verdict<Identity>) -> Verdict<Identity>) -> Self {
        self.verdict = f(self.verdict);
        self
    }

    /// Adds to the response, whether the request is accepted or rejected: by this scheme, by the
    /// loader or by the rules of the layer.
    ///
    /// If the credential is a cookie and is rejected, the request may be accepted all the same, from
    /// an anonymous caller or by another ambient credential. The function then receives the rejection
    /// of this credential. To clear the cookie, use [`clear_cookie`](Self::clear_cookie).
    ///
    /// Several such functions are called in the order in which they were added.
    pub fn on_response(
        mut self,
        f: impl FnOnce(Result<&Identity, &Rejection>, &mut response::Parts) + Send + 'static,
    ) -> Self {
        self.hooks.on_response.push(Box::new(f));
        self
    }

    /// Clears the cookie of this credential, if the credential is rejected.
    ///
    /// The function receives the rejection and returns the values of `Set-Cookie` fields. It returns
    /// none unless the scheme can tell that it issued the credential: another application of the same
    /// host may have set a cookie of the same name. It must not clear a refresh token, which may be
    /// valid.
    ///
    /// The response has the fields
    ///
    /// - if the request is rejected because of this credential;
    /// - if the request is accepted from an anonymous caller, or by another credential, and is a
    ///   top-level navigation: the other requests of a page arrive beside a log-in or a renewal, and
    ///   a late response to one of them would clear the new cookie.
    ///
    /// It has none of them if it sets one of these cookies itself. A response with such a field is
    /// `no-store`.
    pub fn clear_cookie(
        mut self,
        lines: impl FnOnce(&Rejection) -> Vec<HeaderValue> + Send + 'static,
    ) -> Self {
        self.hooks.clear.push(Box::new(lines));
        self
    }

    /// Puts a value beside the identity into the request's extensions, once the request is
    /// accepted.
    ///
    /// A layer further inside that establishes another identity removes the value.
    pub fn attach<T: Clone + Send + Sync + 'static>(
        mut self,
        value: impl FnOnce(&Identity) -> Option<T> + Send + 'static,
    ) -> Self {
        self.hooks.on_accept.push(Box::new(|identity, extensions| {
            if let Some(value) = value(identity) {
                AttachedExtensions::insert(extensions, value);
            }
        }));
        self
    }
}

impl fmt::Debug for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attempt")
            .field("verdict", &self.verdict)
            .finish_non_exhaustive()
    }
}
