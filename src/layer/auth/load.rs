//! Loads the application's own user beside the identity.

use crate::{Identity, IntoVerdict, Rejection, Verdict, scheme::Beside};
use http::Extensions;
use std::marker::PhantomData;

/// Puts what was loaded into the request's extensions.
pub(super) type Put = Box<dyn FnOnce(&mut Extensions) + Send>;

pub(super) trait Load: Send + Sync {
    fn load(&self, identity: Identity) -> Verdict<Put>;
}

pub(super) struct LoadFn<F, U, M> {
    f: F,
    marker: PhantomData<fn() -> (U, M)>,
}

impl<F, U, M> LoadFn<F, U, M> {
    pub(super) fn new(f: F) -> Self {
        Self {
            f,
            marker: PhantomData,
        }
    }
}

impl<F, R, U, M> Load for LoadFn<F, U, M>
where
    F: Fn(Identity) -> R + Send + Sync,
    R: IntoVerdict<Option<U>, M>,
    U: Clone + Send + Sync + 'static,
{
    fn load(&self, identity: Identity) -> Verdict<Put> {
        match (self.f)(identity).into_verdict().now() {
            Ok(result) => Verdict::ready(result.and_then(put)),
            Err(pending) => Verdict::pending(async move { pending.await.and_then(put) }),
        }
    }
}

/// Credentials without a user behind them are wrong credentials: 401.
fn put<U: Clone + Send + Sync + 'static>(user: Option<U>) -> Result<Put, Rejection> {
    let user = user.ok_or_else(Rejection::invalid)?;
    Ok(Box::new(move |extensions| Beside::put(extensions, user)))
}
