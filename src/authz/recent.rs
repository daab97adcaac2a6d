//! Policies about when a user was authenticated (RFC 9470).

use super::PolicyRequest;
use crate::{
    Identity, Policy, Rejection, Verdict,
    clock::{Clock, SystemClock},
};
use std::{borrow::Cow, fmt, sync::Arc, time::Duration};

/// Requires that the user was authenticated no longer ago than this; whole seconds count.
///
/// Otherwise the answer is 401 with `insufficient_user_authentication` and `max_age` (RFC 9470
/// section 3), so that a client has its user log in again. It goes by
/// [`Identity::authenticated_at`] (`auth_time`); credentials that do not say are not recent.
///
/// ```
/// use std::time::Duration;
/// use tower_auth::{RequireLayer, authz::authenticated_within};
///
/// let change_password = RequireLayer::new(authenticated_within(Duration::from_secs(300)));
/// # let _ = change_password;
/// ```
pub fn authenticated_within(max_age: Duration) -> AuthenticatedWithin {
    AuthenticatedWithin {
        max_age,
        clock: Arc::new(SystemClock),
    }
}

/// A user who was authenticated recently; made by [`authenticated_within`].
#[derive(Clone)]
pub struct AuthenticatedWithin {
    max_age: Duration,
    clock: Arc<dyn Clock>,
}

impl AuthenticatedWithin {
    /// Tells the time. Default: [`SystemClock`].
    #[must_use]
    pub fn with_clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }
}

impl Policy for AuthenticatedWithin {
    fn check(&self, identity: &Identity, _: &PolicyRequest<'_>) -> Verdict<()> {
        let now = self.clock.now();
        let is_recent = identity.authenticated_at().is_some_and(|at| {
            // A time in the future is that of another clock.
            let age = now.duration_since(at).unwrap_or_default();
            age.as_secs() <= self.max_age.as_secs()
        });
        Verdict::ready(match is_recent {
            true => Ok(()),
            false => Err(Rejection::insufficient_authentication().with_max_age(self.max_age)),
        })
    }

    fn name(&self) -> Cow<'_, str> {
        format!("authenticated_within({}s)", self.max_age.as_secs()).into()
    }
}

impl fmt::Debug for AuthenticatedWithin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())
    }
}
