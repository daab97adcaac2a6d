//! API keys in memory.

use super::store::{MemoryStore, ready};
use crate::{
    Verdict,
    store::{ApiKeyRecord, ApiKeyStore},
};
use std::time::SystemTime;

impl ApiKeyStore for MemoryStore {
    fn add_api_key(&self, key: &ApiKeyRecord) -> Verdict<bool> {
        let mut tables = self.tables();
        if tables.key_ids.contains_key(&key.id) || tables.keys.contains_key(&key.digest) {
            return ready(false);
        }
        tables.key_ids.insert(key.id.clone(), key.digest);
        tables.keys.insert(key.digest, key.clone());
        ready(true)
    }

    fn api_key(&self, digest: &[u8; 32]) -> Verdict<Option<ApiKeyRecord>> {
        ready(self.tables().keys.get(digest).cloned())
    }

    fn api_keys_of(&self, issuer: &str, subject: &str) -> Verdict<Vec<ApiKeyRecord>> {
        let tables = self.tables();
        let own = |key: &&ApiKeyRecord| key.issuer == issuer && key.subject == subject;
        let mut keys: Vec<_> = tables.keys.values().filter(own).cloned().collect();
        keys.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
        ready(keys)
    }

    fn expire_api_key(
        &self,
        issuer: &str,
        subject: &str,
        id: &str,
        at: SystemTime,
    ) -> Verdict<bool> {
        let mut tables = self.tables();
        let key = tables.own_key(issuer, subject, id);
        ready(
            key.map(|key| key.expires_at = Some(key.expires_at.map_or(at, |end| end.min(at))))
                .is_some(),
        )
    }

    fn revoke_api_key(
        &self,
        issuer: &str,
        subject: &str,
        id: &str,
        at: SystemTime,
    ) -> Verdict<bool> {
        let mut tables = self.tables();
        let key = tables.own_key(issuer, subject, id);
        ready(
            key.map(|key| {
                key.revoked_at.get_or_insert(at);
            })
            .is_some(),
        )
    }

    fn used_api_key(&self, id: &str, at: SystemTime) -> Verdict<()> {
        let mut tables = self.tables();
        if let Some(key) = tables.key_mut(id) {
            key.last_used_at = key.last_used_at.max(Some(at));
        }
        ready(())
    }
}
