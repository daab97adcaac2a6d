//! Accounts as users of the Basic scheme.

use super::{Accounts, UserName};
use crate::{
    Identity, Rejection, RejectionKind, Verdict, Verify,
    basic::Credentials,
    password::{Lane, PasswordHash},
};
use std::time::Instant;

/// Credentials that were right are taken for right for another minute without computing the hash
/// again; 1024 are remembered at most, and no password is. The account is read on every request
/// all the same: one that is gone, disabled, or has another password is out at once.
///
/// For another hour, verified credentials do not wait behind those of unknown clients, and are not
/// subject to the [limit of failed logins](Self::with_attempt_store).
impl Verify<Credentials> for Accounts {
    fn verify(&self, credentials: Credentials) -> Verdict<Identity> {
        let accounts = self.clone();
        Verdict::pending(async move {
            let (name, password) = (credentials.user(), credentials.password());
            let lane = match accounts.recalled(name, password).await? {
                Recalled::Right(identity) => return Ok(*identity),
                Recalled::Other(lane) => lane,
            };
            let identity = accounts.log_in_by(lane, name, password).await;
            accounts.recall(name, password, &identity);
            identity
        })
    }
}

impl Accounts {
    async fn recalled(&self, name: &str, password: &str) -> Result<Recalled, Rejection> {
        let remembered = self.remembered();
        let Ok(name) = UserName::lookup(name) else {
            return Ok(Recalled::Other(Lane::Unknown));
        };
        let digest = remembered.digest(name.as_str(), password);
        // Nobody remembers what has never been right: the store is not asked twice for that.
        if !remembered.may_know(&digest, Instant::now()) {
            return Ok(Recalled::Other(Lane::Unknown));
        }
        let account = self.named(name.as_str()).await?;
        let Some(account) = account.filter(|account| account.enabled) else {
            return Ok(Recalled::Other(Lane::Unknown));
        };
        let hash = account.password_hash.as_deref().map(PasswordHash::parse);
        Ok(match hash {
            // The password was presented in this request, whether its verification was cached or
            // not.
            Some(Ok(hash)) if remembered.knows(&digest, &hash, Instant::now()) => {
                Recalled::Right(Box::new(self.authenticated(account)))
            }
            _ => Recalled::Other(Lane::Known),
        })
    }

    fn recall(&self, name: &str, password: &str, identity: &Result<Identity, Rejection>) {
        let account = match identity {
            Ok(identity) => identity.data::<crate::store::Account>(),
            Err(rejection) if rejection.kind() == RejectionKind::Invalid => None,
            // It is not known whether the credentials are correct.
            Err(_) => return,
        };
        let hash = account.and_then(|account| account.password_hash.as_deref());
        let hash = hash.map(PasswordHash::parse);
        let remembered = self.remembered();
        let Ok(name) = UserName::lookup(name) else {
            return;
        };
        let digest = remembered.digest(name.as_str(), password);
        match hash {
            Some(Ok(hash)) => remembered.insert(digest, hash, Instant::now()),
            // The next use of these credentials is limited like any other guess.
            _ => remembered.forget(&digest),
        }
    }
}

/// The result of looking credentials up among those that were verified recently.
enum Recalled {
    Right(Box<Identity>),
    /// Credentials that have to be checked, in this lane.
    Other(Lane),
}
