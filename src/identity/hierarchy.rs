//! Roles and scopes that come with others.

use crate::{ConfigError, error::fail_if};
use std::collections::{HashMap, HashSet};

/// Which roles (or scopes) come with others: `admin` is also an `editor`.
///
/// Implication is transitive. It widens what an identity passes for, wherever it is asked
/// ([`Identity::has_role`](crate::Identity::has_role), policies); the identity's own list of
/// roles stays as it is.
///
/// ```
/// use tower_auth::identity::Hierarchy;
///
/// let roles = Hierarchy::new([("admin", "editor"), ("editor", "viewer")])?;
/// assert!(roles.implies("admin", "viewer"));
/// assert!(!roles.implies("viewer", "editor"));
/// # Ok::<(), tower_auth::ConfigError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Hierarchy {
    /// Everything that a name implies, directly or not.
    closure: HashMap<Box<str>, HashSet<Box<str>>>,
}

impl Hierarchy {
    /// A hierarchy from pairs of a name and one that it implies.
    ///
    /// # Errors
    ///
    /// If a name implies itself, directly or around a cycle: two names that imply each other
    /// are one name, and more likely a mistake that makes everybody an administrator.
    pub fn new<N: AsRef<str>, M: AsRef<str>>(
        pairs: impl IntoIterator<Item = (N, M)>,
    ) -> Result<Self, ConfigError> {
        let mut direct: HashMap<Box<str>, Vec<Box<str>>> = HashMap::new();
        for (name, implied) in pairs {
            direct
                .entry(name.as_ref().into())
                .or_default()
                .push(implied.as_ref().into());
        }
        let mut closure = HashMap::with_capacity(direct.len());
        for start in direct.keys() {
            let mut reached = HashSet::new();
            let mut open: Vec<&str> = vec![start];
            while let Some(name) = open.pop() {
                for implied in direct.get(name).into_iter().flatten() {
                    fail_if!(implied == start, "{start:?} implies itself");
                    if reached.insert(implied.clone()) {
                        open.push(implied);
                    }
                }
            }
            closure.insert(start.clone(), reached);
        }
        Ok(Self { closure })
    }

    /// Whether whoever has `name` also passes for `wanted`.
    #[must_use]
    pub fn implies(&self, name: &str, wanted: &str) -> bool {
        self.closure
            .get(name)
            .is_some_and(|implied| implied.contains(wanted))
    }
}

/// Which roles and scopes come with others.
// Aligned, so that the reference counts of the copies of two lanes are on different cache lines.
#[derive(Clone, Debug, Default)]
#[repr(align(128))]
pub(crate) struct Implied {
    pub(crate) roles: Hierarchy,
    pub(crate) scopes: Hierarchy,
}
