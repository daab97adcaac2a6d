//! Loads the application's own user beside the identity.

use crate::{Identity, Rejection, Verdict, scheme::AttachedExtensions, verdict::IntoVerdict};
use http::Extensions;
use std::marker::PhantomData;

/// Puts the loaded user into the request's extensions.
pub(super) type Insert = Box<dyn FnOnce(&mut Extensions) + Send>;

/// Changes an identity.
pub(super) type Map = dyn Fn(Identity) -> Verdict<Identity> + Send + Sync;

pub(super) trait Load: Send + Sync {
    fn load(&self, identity: Identity) -> Verdict<Insert>;
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
    fn load(&self, identity: Identity) -> Verdict<Insert> {
        (self.f)(identity).into_verdict().then(|result| {
            // Credentials without a user behind them are wrong credentials: 401.
            let user = result?.ok_or_else(Rejection::invalid)?;
            Ok(Box::new(|extensions: &mut _| {
                AttachedExtensions::insert(extensions, user);
            }) as Insert)
        })
    }
}
