//! [`Verdict`]: the result of a check, ready or pending on I/O.

use crate::Rejection;
use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, Waker},
};

/// The result of a check, either ready immediately or pending on I/O.
///
/// One type serves a check that only computes and one that asks a database. A ready verdict costs
/// no allocation. A pending verdict is a boxed future, which does nothing until it is polled.
///
/// Verdicts compose: [`then`](Self::then), [`map`](Self::map), [`map_err`](Self::map_err) and
/// [`and_then`](Self::and_then) apply the same closure to a ready verdict and to a pending one.
///
/// ```
/// use std::sync::Arc;
/// use tower_auth::{Identity, Rejection, Verdict};
///
/// /// Rejects identities that are not on the list.
/// fn admitted(verdict: Verdict<Identity>, list: &Arc<Vec<String>>) -> Verdict<Identity> {
///     verdict.and_then(list, |list, identity| {
///         let is_listed = list.iter().any(|subject| subject == identity.subject());
///         Verdict::ready(if is_listed { Ok(identity) } else { Err(Rejection::invalid()) })
///     })
/// }
///
/// let list = Arc::new(vec!["ann".to_owned()]);
/// let verdict = Verdict::ready(Ok(Identity::new("bob")));
/// assert!(admitted(verdict, &list).now().unwrap().is_err());
/// ```
///
/// A closure does not need to name this type: [`verify_fn`](crate::verify_fn),
/// [`policy_fn`](crate::policy_fn) and [`AuthLayer::load`](crate::AuthLayer::load) accept a plain
/// `Result` and an `async` block alike, see [`IntoVerdict`].
#[must_use = "a verdict has no effect unless it is read"]
pub struct Verdict<T>(State<T>);

enum State<T> {
    Ready(Result<T, Rejection>),
    Pending(Pending<T>),
    Done,
}

/// The future of a pending verdict.
type Pending<T> = Pin<Box<dyn Future<Output = Result<T, Rejection>> + Send>>;

impl<T> Verdict<T> {
    /// Creates a verdict that is already known.
    pub fn ready(result: Result<T, Rejection>) -> Self {
        Self(State::Ready(result))
    }

    /// Creates a verdict that has to be awaited.
    pub fn pending(future: impl Future<Output = Result<T, Rejection>> + Send + 'static) -> Self {
        Self(State::Pending(Box::pin(future)))
    }

    /// Returns the result if it is known without waiting.
    ///
    /// # Errors
    ///
    /// Returns the verdict itself if it has to be awaited.
    pub fn now(self) -> Result<Result<T, Rejection>, Self> {
        match self.0 {
            State::Ready(result) => Ok(result),
            state => Err(Self(state)),
        }
    }

    /// Returns a reference to the result if it is known without waiting.
    #[must_use]
    pub fn peek(&self) -> Option<Result<&T, &Rejection>> {
        match &self.0 {
            State::Ready(result) => Some(result.as_ref()),
            State::Pending(_) | State::Done => None,
        }
    }

    /// Applies a function to the result, now or once it is known.
    pub fn then<U>(
        self,
        f: impl FnOnce(Result<T, Rejection>) -> Result<U, Rejection> + Send + 'static,
    ) -> Verdict<U>
    where
        T: Send + 'static,
    {
        match self.now() {
            Ok(result) => Verdict::ready(f(result)),
            Err(pending) => Verdict::pending(async move { f(pending.await) }),
        }
    }

    /// Applies a function to the value of an accepting verdict.
    pub fn map<U>(self, f: impl FnOnce(T) -> U + Send + 'static) -> Verdict<U>
    where
        T: Send + 'static,
    {
        self.then(|result| result.map(f))
    }

    /// Applies a function to the rejection of a rejecting verdict.
    pub fn map_err(self, f: impl FnOnce(Rejection) -> Rejection + Send + 'static) -> Self
    where
        T: Send + 'static,
    {
        self.then(|result| result.map_err(f))
    }

    /// Continues an accepting verdict with another check of its value.
    ///
    /// The state is cloned only if this verdict is pending. A ready verdict therefore does not
    /// write to the reference count of an `Arc` that requests on other threads write to.
    pub fn and_then<S, U>(
        self,
        state: &S,
        next: impl FnOnce(&S, T) -> Verdict<U> + Send + 'static,
    ) -> Verdict<U>
    where
        S: Clone + Send + 'static,
        T: Send + 'static,
        U: Send + 'static,
    {
        match self.now() {
            Ok(Ok(value)) => next(state, value),
            Ok(Err(rejection)) => Verdict::ready(Err(rejection)),
            Err(pending) => {
                let state = state.clone();
                Verdict::pending(async move {
                    let value = pending.await?;
                    let verdict = next(&state, value);
                    drop(state);
                    verdict.await
                })
            }
        }
    }

    /// Returns the result if it is ready, and polls a pending verdict only if a context is given.
    pub(crate) fn poll_if(&mut self, cx: Option<&mut Context<'_>>) -> Poll<Result<T, Rejection>> {
        match (cx, &self.0) {
            (None, State::Pending(_)) => Poll::Pending,
            (Some(cx), _) => Pin::new(self).poll(cx),
            (None, _) => Pin::new(self).poll(&mut Context::from_waker(Waker::noop())),
        }
    }
}

// The future is boxed and the value is only ever moved out, so nothing in here is pinned.
impl<T> Unpin for Verdict<T> {}

impl<T> Future for Verdict<T> {
    type Output = Result<T, Rejection>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let result = match std::mem::replace(&mut self.0, State::Done) {
            State::Ready(result) => result,
            State::Pending(mut future) => match future.as_mut().poll(cx) {
                Poll::Ready(result) => result,
                Poll::Pending => {
                    self.0 = State::Pending(future);
                    return Poll::Pending;
                }
            },
            // A second poll is a bug of the caller. It must neither panic nor accept.
            State::Done => Err(Rejection::unavailable("verdict polled after completion")),
        };
        Poll::Ready(result)
    }
}

impl<T> From<Result<T, Rejection>> for Verdict<T> {
    fn from(result: Result<T, Rejection>) -> Self {
        Self::ready(result)
    }
}

impl<T> fmt::Debug for Verdict<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            State::Ready(Ok(_)) => "Verdict(ready, pass)",
            State::Ready(Err(_)) => "Verdict(ready, rejected)",
            State::Pending(_) => "Verdict(pending)",
            State::Done => "Verdict(done)",
        })
    }
}
/// A type that closures may return: a `Result<T, Rejection>`, or a future of one.
///
/// The second parameter only keeps the two apart; it is always inferred.
///
/// A [`Verdict`] is a future, too. A closure that returns one is awaited, even if it is ready: it
/// costs one allocation more. Implement [`Verify`](crate::Verify) or [`Policy`](crate::Policy)
/// to return verdicts as they are.
#[diagnostic::on_unimplemented(
    message = "the closure must return `Result<{T}, Rejection>`, or a future of one",
    note = "map other errors: `.map_err(Rejection::unavailable)` if the check could not be made, `Rejection::invalid()` if the credentials are wrong"
)]
pub trait IntoVerdict<T, Marker> {
    /// The answer as a [`Verdict`].
    fn into_verdict(self) -> Verdict<T>;
}

/// Marks an answer that is known at once, for [`IntoVerdict`].
#[derive(Debug)]
pub enum Now {}

/// Marks an answer that has to be awaited, for [`IntoVerdict`].
#[derive(Debug)]
pub enum Later {}

impl<T> IntoVerdict<T, Now> for Result<T, Rejection> {
    fn into_verdict(self) -> Verdict<T> {
        Verdict::ready(self)
    }
}

impl<T, F> IntoVerdict<T, Later> for F
where
    F: Future<Output = Result<T, Rejection>> + Send + 'static,
{
    fn into_verdict(self) -> Verdict<T> {
        Verdict::pending(self)
    }
}
