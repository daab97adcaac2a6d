//! [`BrowserSession`]: a session that a browser keeps in cookies.

use crate::Verdict;
use http::{HeaderValue, request::Parts};
use std::sync::{Arc, Weak};
#[cfg(any(feature = "issue", feature = "login"))]
use std::sync::{PoisonError, RwLock};

/// The sessions of a scheme that a browser keeps in cookies, and that begin with a sign-in.
///
/// A browser may have sessions of several schemes of one layer. The layer uses the first that is
/// valid, so the last sign-in would have no effect beside an earlier one. Therefore a sign-in ends
/// the sessions of the other schemes in the same browser. The layer
/// [joins](Self::join) its schemes when it is constructed.
pub trait BrowserSession: Send + Sync {
    /// Remembers the sessions of the other schemes of a layer. A sign-in
    /// [displaces](Self::displace) them. A scheme may be in several layers.
    fn join(&self, others: &[Weak<dyn BrowserSession>]);

    /// Ends the session whose cookies a request carries, because the browser has signed in by
    /// another scheme. Returns the `Set-Cookie` lines that clear the cookies. A cookie that this
    /// scheme cannot have set must not be cleared.
    ///
    /// `None` stands for a request whose cookies are not known, as of a form that another site has
    /// sent. The cookies are then cleared in any case. The verdict must be ready.
    fn displace(self: Arc<Self>, head: Option<&Parts>) -> Verdict<Vec<HeaderValue>>;
}

/// Joins the sessions of the schemes of one layer.
pub(crate) fn join(sessions: &[Arc<dyn BrowserSession>]) {
    for session in sessions {
        let others = sessions.iter().filter(|other| !Arc::ptr_eq(other, session));
        let others: Vec<_> = others.map(Arc::downgrade).collect();
        session.join(&others);
    }
}

/// The sessions of other schemes, which a sign-in displaces.
#[cfg(any(feature = "issue", feature = "login"))]
#[derive(Default)]
pub(crate) struct Others(RwLock<Vec<Weak<dyn BrowserSession>>>);

#[cfg(any(feature = "issue", feature = "login"))]
impl Others {
    pub(crate) fn add(&self, others: &[Weak<dyn BrowserSession>]) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        known.retain(|known| known.strong_count() > 0);
        for other in others {
            if !known.iter().any(|known| known.ptr_eq(other)) {
                known.push(other.clone());
            }
        }
    }

    /// Displaces all of them. Returns the lines that clear their cookies.
    #[cfg(feature = "login")]
    pub(crate) async fn displace(&self, head: Option<&Parts>) -> Vec<HeaderValue> {
        let mut lines = Vec::new();
        for other in self.alive() {
            // A session that cannot be ended now is ended by the next sign-in.
            lines.extend(other.displace(head).await.unwrap_or_default());
        }
        lines
    }

    /// Returns the lines that clear the cookies of all of them, whatever the browser has.
    #[cfg(feature = "issue")]
    pub(crate) fn cleared(&self) -> Vec<HeaderValue> {
        let lines = self
            .alive()
            .into_iter()
            .map(|other| other.displace(None).now());
        lines
            .filter_map(|lines| lines.ok()?.ok())
            .flatten()
            .collect()
    }

    fn alive(&self) -> Vec<Arc<dyn BrowserSession>> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        known.iter().filter_map(Weak::upgrade).collect()
    }
}

#[cfg(any(feature = "issue", feature = "login"))]
impl std::fmt::Debug for Others {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Others")
    }
}
