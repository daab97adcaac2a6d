//! [`UntilEnded`]: the end of credentials, for streams that would outlive them.

use super::RevocationCheck;
use crate::{
    Identity, Rejection,
    clock::{self, Clock, SystemClock},
};
use std::{fmt, sync::Arc, time::Duration};

/// The longest time between two looks at the clock. A timer stands still while a computer sleeps.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);

/// Waits until credentials are no longer accepted, so that a stream which they have opened ends.
///
/// A layer authenticates a request once. A WebSocket, server-sent events or a gRPC stream may go on
/// for hours after that. [`ended`](Self::ended) is a future that such a stream waits for beside its
/// own events:
///
/// ```
/// use axum::extract::ws::{Message, WebSocket};
/// use std::time::Duration;
/// use tower_auth::{Identity, revocation::{Revocations, UntilEnded}};
///
/// async fn serve(mut socket: WebSocket, identity: Identity, list: Revocations) {
///     let ended = UntilEnded::new(identity)
///         .recheck(list, Duration::from_secs(30)) // or `tokens.revocations().clone()`
///         .ended();
///     tokio::pin!(ended);
///     loop {
///         tokio::select! {
///             _ = &mut ended => break,
///             message = socket.recv() => match message {
///                 Some(Ok(message)) => if socket.send(message).await.is_err() { break },
///                 _ => break,
///             },
///         }
///     }
///     let _ = socket.send(Message::Close(None)).await;
/// }
/// # let _ = serve;
/// ```
///
/// A stream of the crate `futures` ends by `take_until(ended)`, as the events of axum's `Sse`. The
/// rejection is the last status of a gRPC stream: `Status::from(ended.await)`.
#[derive(Clone)]
#[must_use]
pub struct UntilEnded {
    identity: Identity,
    leeway: Duration,
    list: Option<(Arc<dyn RevocationCheck>, Duration)>,
    clock: Arc<dyn Clock>,
}

impl UntilEnded {
    /// Waits for the expiry of these credentials.
    pub fn new(identity: Identity) -> Self {
        Self {
            identity,
            leeway: Duration::from_secs(60),
            list: None,
            clock: Arc::new(SystemClock),
        }
    }

    /// Sets for how long the credentials are accepted after their expiry: the leeway of the
    /// verifier, so that a request which the layer accepts does not end at once. Default: 60
    /// seconds, the default of `JwtVerifierBuilder::leeway`. Whole seconds count.
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway;
        self
    }

    /// Checks at this interval, of a second or more, whether the credentials have been revoked. If
    /// the list cannot be reached, the stream ends as well, with the rejection of the list.
    pub fn recheck(mut self, list: impl RevocationCheck, interval: Duration) -> Self {
        let interval = interval.max(Duration::from_secs(1));
        self.list = Some((Arc::new(list), interval));
        self
    }

    /// Sets the clock that the expiry is compared with. Default: [`SystemClock`].
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Returns once the credentials are no longer accepted, with the rejection that the next
    /// request receives. It never returns if the credentials neither expire nor are rechecked.
    ///
    /// # Panics
    ///
    /// If it is awaited outside of a Tokio runtime with timers.
    pub async fn ended(self) -> Rejection {
        // A list knows the identity as the verifier has made it, without a realm.
        let identity = self.identity.clone().without_request();
        let ends = self.identity.expires_at().map(clock::seconds);
        let ends = ends.map(|ends| ends.saturating_add(self.leeway.as_secs()));
        let mut rechecked = tokio::time::Instant::now();
        loop {
            let now = clock::now(&*self.clock);
            if ends.is_some_and(|ends| now >= ends) {
                return Rejection::invalid().with_source("the credentials have expired");
            }
            let left = ends.map(|ends| Duration::from_secs(ends.saturating_sub(now)));
            let mut sleep = left.unwrap_or(LONGEST_SLEEP).min(LONGEST_SLEEP);
            if let Some((list, interval)) = &self.list {
                let passed = rechecked.elapsed();
                if passed >= *interval {
                    if let Err(rejection) = list.check(&identity).await {
                        return rejection;
                    }
                    rechecked = tokio::time::Instant::now();
                }
                sleep = sleep.min(interval.saturating_sub(rechecked.elapsed()));
            }
            tokio::time::sleep(sleep).await;
        }
    }
}

impl fmt::Debug for UntilEnded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UntilEnded")
            .field("identity", &self.identity)
            .field("leeway", &self.leeway)
            .finish_non_exhaustive()
    }
}
