//! [`User`]: a user with a password.

use crate::{ConfigError, Identity, error::fail_if, password::PasswordHash, util::lanes::Lanes};

/// One user of [`Users`](super::Users): a name, a hashed password, and what they may do.
#[derive(Clone, Debug)]
pub struct User {
    /// Its subject is the user's name.
    pub(super) identity: Identity,
    /// The identity with a reference count of the lane's own.
    own: Lanes<Identity>,
    pub(super) hash: PasswordHash,
    pub(super) enabled: bool,
}

impl User {
    /// A user with this name and password, without roles and scopes yet.
    pub fn new(name: impl Into<Box<str>>, hash: PasswordHash) -> Self {
        Self {
            identity: Identity::new(name),
            own: Lanes::default(),
            hash,
            enabled: true,
        }
    }

    /// Adds a role.
    #[must_use]
    pub fn with_role(mut self, role: impl AsRef<str>) -> Self {
        self.identity = self.identity.with_role(role);
        self
    }

    /// Adds a scope (RFC 6749 section 3.3).
    #[must_use]
    pub fn with_scope(mut self, scope: impl AsRef<str>) -> Self {
        self.identity = self.identity.with_scope(scope);
        self
    }

    /// Attaches what handlers find as [`Identity::data`].
    #[must_use]
    pub fn with_data<T: Send + Sync + 'static>(mut self, data: T) -> Self {
        self.identity = self.identity.with_data(data);
        self
    }

    /// The user's name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.identity.subject()
    }

    /// Returns the identity for a request.
    pub(super) fn own_identity(&self) -> Identity {
        self.own.own(|| self.identity.unshared()).clone()
    }

    /// Whether a request can carry the name at all (RFC 7617 section 2).
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        fail_if!(
            self.name().contains(':') || self.name().chars().any(char::is_control),
            "user {:?} cannot log in: a name has no colon and no control characters",
            self.name()
        );
        Ok(())
    }
}
