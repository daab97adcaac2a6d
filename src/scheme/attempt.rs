//! [`Attempt`]: one verification of a credential, and what the scheme adds to it.

use super::AttachedExtensions;
use crate::{Identity, Rejection, Verdict};
use http::{Extensions, response};
use std::fmt;

/// Adds to the response once the request is decided.
type OnResponse = Box<dyn FnOnce(Result<&Identity, &Rejection>, &mut response::Parts) + Send>;

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
}

/// The additions to the response to an accepted request.
pub(crate) struct AcceptedHooks(Vec<OnResponse>, Identity);

impl Hooks {
    /// Adds to the extensions of an accepted request.
    pub(crate) fn accept(self, extensions: &mut Extensions) -> Option<Box<AcceptedHooks>> {
        if self.on_accept.is_empty() && self.on_response.is_empty() {
            return None;
        }
        let identity = extensions.get::<Identity>()?.clone();
        for on_accept in self.on_accept {
            on_accept(&identity, extensions);
        }
        Some(Box::new(AcceptedHooks(self.on_response, identity)))
    }

    /// Adds to the response to a rejected request.
    pub(crate) fn reject(self, rejection: &Rejection, parts: &mut response::Parts) {
        for on_response in self.on_response {
            on_response(Err(rejection), parts);
        }
    }
}

impl AcceptedHooks {
    pub(crate) fn on_response(self, parts: &mut response::Parts) {
        let Self(all, identity) = self;
        for on_response in all {
            on_response(Ok(&identity), parts);
        }
    }
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
    /// Several such functions are called in the order in which they were added.
    pub fn on_response(
        mut self,
        f: impl FnOnce(Result<&Identity, &Rejection>, &mut response::Parts) + Send + 'static,
    ) -> Self {
        self.hooks.on_response.push(Box::new(f));
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
