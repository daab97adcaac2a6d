//! API keys, and what keeps them.

use crate::Verdict;
use std::{sync::Arc, time::SystemTime};

/// An API key without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKeyRecord {
    /// The id that is part of the key, unique among all keys.
    pub id: String,
    /// SHA-256 of the key.
    pub digest: [u8; 32],
    /// The prefix of the key, such as `acme_live`.
    pub prefix: String,
    /// The issuer or realm of whose it is.
    pub issuer: String,
    /// Whose it is, within the issuer.
    pub subject: String,
    /// The name that the owner chose; may be empty.
    pub label: String,
    /// The roles of the key.
    pub roles: Vec<String>,
    /// The scopes of the key.
    pub scopes: Vec<String>,
    /// When it was made; whole seconds count, here and below.
    pub created_at: SystemTime,
    /// From when it is no longer good, if it ends.
    pub expires_at: Option<SystemTime>,
    /// Since when it is revoked, if it is.
    pub revoked_at: Option<SystemTime>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<SystemTime>,
}

/// Keeps API keys.
pub trait ApiKeyStore: Send + Sync + 'static {
    /// Adds a key; `false` if the id or the digest is there already.
    fn add_api_key(&self, key: &ApiKeyRecord) -> Verdict<bool>;

    /// The key of this digest, also one that is expired or revoked.
    fn api_key(&self, digest: &[u8; 32]) -> Verdict<Option<ApiKeyRecord>>;

    /// The keys of one owner, oldest first, with those that are expired or revoked.
    fn api_keys_of(&self, issuer: &str, subject: &str) -> Verdict<Vec<ApiKeyRecord>>;

    /// Ends a key of this owner at a time, unless it ends before; `false` if the owner has no such
    /// key.
    fn expire_api_key(
        &self,
        issuer: &str,
        subject: &str,
        id: &str,
        at: SystemTime,
    ) -> Verdict<bool>;

    /// Revokes a key of this owner for good; `false` if the owner has no such key.
    fn revoke_api_key(
        &self,
        issuer: &str,
        subject: &str,
        id: &str,
        at: SystemTime,
    ) -> Verdict<bool>;

    /// Notes that a key was used; an earlier time than is noted changes nothing.
    fn used_api_key(&self, id: &str, at: SystemTime) -> Verdict<()>;
}

impl<S: ApiKeyStore + ?Sized> ApiKeyStore for Arc<S> {
    fn add_api_key(&self, key: &ApiKeyRecord) -> Verdict<bool> {
        (**self).add_api_key(key)
    }

    fn api_key(&self, digest: &[u8; 32]) -> Verdict<Option<ApiKeyRecord>> {
        (**self).api_key(digest)
    }

    fn api_keys_of(&self, issuer: &str, subject: &str) -> Verdict<Vec<ApiKeyRecord>> {
        (**self).api_keys_of(issuer, subject)
    }

    fn expire_api_key(
        &self,
        issuer: &str,
        subject: &str,
        id: &str,
        at: SystemTime,
    ) -> Verdict<bool> {
        (**self).expire_api_key(issuer, subject, id, at)
    }

    fn revoke_api_key(
        &self,
        issuer: &str,
        subject: &str,
        id: &str,
        at: SystemTime,
    ) -> Verdict<bool> {
        (**self).revoke_api_key(issuer, subject, id, at)
    }

    fn used_api_key(&self, id: &str, at: SystemTime) -> Verdict<()> {
        (**self).used_api_key(id, at)
    }
}
