//! Accounts as users of the Basic scheme.

use super::{Accounts, UserName};
use crate::{
    Identity, Rejection, Verdict, Verify,
    basic::Credentials,
    password::{PasswordHash, Remembered},
};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// As with [`Users`](crate::basic::Users).
const TIME_TO_LIVE: Duration = Duration::from_secs(60);
const CAPACITY: usize = 1024;

/// Credentials that were right are taken for right for another minute without computing the hash
/// again; 1024 are remembered at most, and no password is. The account is read on every request
/// all the same: one that is gone, disabled, or has another password is out at once.
impl Verify<Credentials> for Accounts {
    fn verify(&self, credentials: Credentials) -> Verdict<Identity> {
        let accounts = self.clone();
        Verdict::pending(async move {
            let (name, password) = (credentials.user(), credentials.password());
            if let Some(identity) = accounts.recalled(name, password).await? {
                return Ok(identity);
            }
            let identity = accounts.log_in(name, password).await?;
            accounts.recall(name, password, &identity);
            Ok(identity)
        })
    }
}

impl Accounts {
    async fn recalled(&self, name: &str, password: &str) -> Result<Option<Identity>, Rejection> {
        let remembered = self.remembered();
        let Ok(name) = UserName::parse(name) else {
            return Ok(None);
        };
        let digest = remembered.digest(name.as_str(), password);
        // Nobody remembers what has never been right: the store is not asked twice for that.
        if !remembered.may_know(&digest) {
            return Ok(None);
        }
        let Some(account) = self.named(name.as_str()).await? else {
            return Ok(None);
        };
        let hash = account.password_hash.as_deref().map(PasswordHash::parse);
        let Some(Ok(hash)) = hash else {
            return Ok(None);
        };
        let knows = remembered.knows(&digest, &hash, Instant::now());
        // The password was shown now, remembered or not.
        Ok((knows && account.enabled).then(|| self.authenticated(account)))
    }

    fn recall(&self, name: &str, password: &str, identity: &Identity) {
        let account = identity.data::<crate::store::Account>();
        let hash = account.and_then(|account| account.password_hash.as_deref());
        let hash = hash.map(PasswordHash::parse);
        let remembered = self.remembered();
        if let (Ok(name), Some(Ok(hash))) = (UserName::parse(name), hash) {
            let digest = remembered.digest(name.as_str(), password);
            remembered.insert(digest, hash, Instant::now());
        }
    }
}

pub(super) fn remembered() -> Result<Arc<Remembered>, crate::ConfigError> {
    Ok(Arc::new(Remembered::new(TIME_TO_LIVE, CAPACITY)?))
}
