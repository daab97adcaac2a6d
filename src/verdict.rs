//! [`Verdict`]: an answer that is there now, or after I/O.

use crate::Rejection;
use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, Waker},
};

/// The answer of anything that judges: now, or after I/O.
///
/// One type serves a check that only computes and one that asks a database. A ready verdict
/// costs no allocation; a pending one is a boxed future, and it does nothing until it is polled.
///
/// A closure need not name it: whatever takes one ([`verify_fn`](crate::verify_fn),
/// [`policy_fn`](crate::policy_fn), [`AuthLayer::load`](crate::AuthLayer::load)) accepts a plain
/// `Result` and an `async` block alike, see [`IntoVerdict`].
#[must_use = "a verdict that nobody reads protects nothing"]
pub struct Verdict<T>(State<T>);

enum State<T> {
    Ready(Result<T, Rejection>),
    Pending(Pending<T>),
    Done,
}

/// What a verdict that is not there yet waits for.
pub(crate) type Pending<T> = Pin<Box<dyn Future<Output = Result<T, Rejection>> + Send>>;

impl<T> Verdict<T> {
    /// An answer that is already known.
    pub fn ready(result: Result<T, Rejection>) -> Self {
        Self(State::Ready(result))
    }

    /// An answer that has to be waited for.
    pub fn pending(future: impl Future<Output = Result<T, Rejection>> + Send + 'static) -> Self {
        Self(State::Pending(Box::pin(future)))
    }

    /// The answer, if it is known without waiting.
    ///
    /// # Errors
    ///
    /// Gives the verdict back if it has to be awaited.
    pub fn now(self) -> Result<Result<T, Rejection>, Self> {
        match self.0 {
            State::Ready(result) => Ok(result),
            state => Err(Self(state)),
        }
    }

    /// The same verdict with another value on success.
    pub fn map<U>(self, f: impl FnOnce(T) -> U + Send + 'static) -> Verdict<U>
    where
        T: Send + 'static,
    {
        match self.now() {
            Ok(result) => Verdict::ready(result.map(f)),
            Err(pending) => Verdict::pending(async move { pending.await.map(f) }),
        }
    }
}

impl<T> Verdict<T> {
    /// The answer, or what it waits for.
    #[inline]
    pub(crate) fn split(self) -> Result<Result<T, Rejection>, Pending<T>> {
        match self.0 {
            State::Ready(result) => Ok(result),
            State::Pending(pending) => Err(pending),
            State::Done => Ok(Err(polled_again())),
        }
    }

    /// The answer, waiting for it only if there is a context to wait with.
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
        let answer = match std::mem::replace(&mut self.0, State::Done) {
            State::Ready(result) => result,
            State::Pending(mut future) => match future.as_mut().poll(cx) {
                Poll::Ready(result) => result,
                Poll::Pending => {
                    self.0 = State::Pending(future);
                    return Poll::Pending;
                }
            },
            // A second poll is a bug of the caller. It must neither panic nor pass.
            State::Done => Err(polled_again()),
        };
        Poll::Ready(answer)
    }
}

fn polled_again() -> Rejection {
    Rejection::unavailable("verdict polled after completion")
}

impl<T> From<Result<T, Rejection>> for Verdict<T> {
    fn from(result: Result<T, Rejection>) -> Self {
        Self::ready(result)
    }
}

impl<T> From<Pending<T>> for Verdict<T> {
    fn from(pending: Pending<T>) -> Self {
        Self(State::Pending(pending))
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

/// What a closure may answer with: a `Result<T, Rejection>`, or a future of one.
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
