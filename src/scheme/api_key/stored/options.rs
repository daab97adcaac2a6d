//! [`KeyOptions`]: the owner and the permissions of a new key.

use crate::{ConfigError, error::fail_if};
use std::time::SystemTime;

/// In bytes.
const MAX_LABEL: usize = 200;

/// The owner and the permissions of a new key of [`StoredKeys`](super::StoredKeys).
#[derive(Clone, Debug)]
#[must_use]
pub struct KeyOptions {
    pub(super) issuer: String,
    pub(super) subject: String,
    pub(super) label: String,
    pub(super) roles: Vec<String>,
    pub(super) scopes: Vec<String>,
    pub(super) expires_at: Option<SystemTime>,
}

impl KeyOptions {
    /// Creates options for a key of this subject of this issuer or realm, without roles and scopes.
    pub fn new(issuer: impl Into<String>, subject: impl Into<String>) -> Self {
        Self {
            issuer: issuer.into(),
            subject: subject.into(),
            label: String::new(),
            roles: Vec::new(),
            scopes: Vec::new(),
            expires_at: None,
        }
    }

    /// Names the key for its owner's list: at most 200 bytes, without control characters.
    pub fn with_label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// Adds a role.
    pub fn with_role(mut self, role: impl Into<String>) -> Self {
        self.roles.push(role.into());
        self
    }

    /// Adds a scope.
    pub fn with_scope(mut self, scope: impl Into<String>) -> Self {
        self.scopes.push(scope.into());
        self
    }

    /// Sets the time from which the key is rejected, in whole seconds.
    pub fn with_expiry(mut self, expires_at: SystemTime) -> Self {
        self.expires_at = Some(expires_at);
        self
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        fail_if!(
            self.label.len() > MAX_LABEL || self.label.chars().any(char::is_control),
            "the label of a key must have at most 200 bytes and no control characters"
        );
        Ok(())
    }
}
