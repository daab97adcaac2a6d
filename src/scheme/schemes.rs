//! [`Schemes`]: several schemes, of which a request uses one.

use super::Scheme;
use std::fmt;

/// A list of schemes, of which a request uses one; made by [`Scheme::or`], or from one scheme.
///
/// The [`AuthLayer`](crate::AuthLayer) chooses: it asks every scheme what it
/// [finds](Scheme::find), and only the scheme whose credential is used
/// [authenticates](Scheme::authenticate). [`Found::and`](crate::credential::Found::and) has the rules. A
/// credential that one scheme rejects is never offered to another one.
pub struct Schemes(Vec<Box<dyn Scheme>>);

impl Schemes {
    /// Appends other schemes.
    #[must_use]
    pub fn or(mut self, other: impl Into<Self>) -> Self {
        self.0.extend(other.into().0);
        self
    }

    /// Wraps every scheme, for decorators of schemes.
    ///
    /// ```
    /// # use tower_auth::{Scheme, scheme::Schemes};
    /// # fn wrap<D: Scheme>(schemes: Schemes, audited: impl Fn(Box<dyn Scheme>) -> D) -> Schemes {
    /// schemes.map(|scheme| audited(scheme))
    /// # }
    /// ```
    #[must_use]
    pub fn map<S: Scheme>(self, wrap: impl Fn(Box<dyn Scheme>) -> S) -> Self {
        let wrapped = self.0.into_iter().map(|scheme| Box::new(wrap(scheme)) as _);
        Self(wrapped.collect())
    }

    /// Returns the schemes in order.
    pub fn iter(&self) -> impl Iterator<Item = &dyn Scheme> {
        self.0.iter().map(|scheme| &**scheme)
    }

    pub(crate) fn into_vec(self) -> Vec<Box<dyn Scheme>> {
        self.0
    }
}

impl<S: Scheme> From<S> for Schemes {
    fn from(scheme: S) -> Self {
        Self(vec![Box::new(scheme)])
    }
}

impl fmt::Debug for Schemes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map()
            .entries(
                self.iter()
                    .map(|scheme| (scheme.name(), scheme.locations())),
            )
            .finish()
    }
}
