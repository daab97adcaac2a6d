//! The four traits over SQL: what is asked becomes a statement on a connection of the right kind.

use super::{Store, accounts, api_keys, fits, short_lived, tokens};
use crate::{
    Verdict,
    store::{
        Account, AccountStore, ApiKeyRecord, ApiKeyStore, BatchRead, Counted, EphemeralStore,
        FamilyQuery, Raise, RefreshRotation, RefreshTokenFamily, Revocation, RevocationPage,
        RevocationQuery, RevocationStatus, TokenStore,
        sql::{BATCH, lifetime_millis},
    },
};
use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime},
};

// No row has a value that does not fit into a text of the database.

impl AccountStore for Store {
    fn add_account(&self, account: &Account) -> Verdict<bool> {
        let account = account.clone();
        self.write(|connection| Box::pin(async move { accounts::add(connection, &account).await }))
    }

    fn account_named(&self, issuer: &str, name: &str) -> Verdict<Option<Account>> {
        if !fits([issuer, name]) {
            return Verdict::ready(Ok(None));
        }
        let (issuer, name) = (issuer.to_owned(), name.to_owned());
        self.read(|connection| {
            Box::pin(async move { accounts::named(connection, &issuer, &name).await })
        })
    }

    fn account(&self, issuer: &str, subject: &str) -> Verdict<Option<Account>> {
        if !fits([issuer, subject]) {
            return Verdict::ready(Ok(None));
        }
        let (issuer, subject) = (issuer.to_owned(), subject.to_owned());
        self.read(|connection| {
            Box::pin(async move { accounts::of_subject(connection, &issuer, &subject).await })
        })
    }

    fn set_password_hash(
        &self,
        issuer: &str,
        subject: &str,
        old: Option<&str>,
        new: &str,
    ) -> Verdict<bool> {
        if !fits([issuer, subject, old.unwrap_or_default()]) {
            return Verdict::ready(Ok(false));
        }
        let (issuer, subject) = (issuer.to_owned(), subject.to_owned());
        let (old, new) = (old.map(str::to_owned), new.to_owned());
        self.write(|connection| {
            Box::pin(async move {
                let old = old.as_deref();
                accounts::set_password_hash(connection, &issuer, &subject, old, &new).await
            })
        })
    }

    fn set_roles(&self, issuer: &str, subject: &str, roles: &[String]) -> Verdict<bool> {
        if !fits([issuer, subject]) {
            return Verdict::ready(Ok(false));
        }
        let (issuer, subject) = (issuer.to_owned(), subject.to_owned());
        let roles = roles.to_vec();
        self.write(|connection| {
            Box::pin(
                async move { accounts::set_roles(connection, &issuer, &subject, &roles).await },
            )
        })
    }

    fn set_enabled(&self, issuer: &str, subject: &str, enabled: bool) -> Verdict<bool> {
        if !fits([issuer, subject]) {
            return Verdict::ready(Ok(false));
        }
        let (issuer, subject) = (issuer.to_owned(), subject.to_owned());
        self.write(move |connection| {
            Box::pin(
                async move { accounts::set_enabled(connection, &issuer, &subject, enabled).await },
            )
        })
    }

    fn remove_account(&self, issuer: &str, subject: &str) -> Verdict<bool> {
        if !fits([issuer, subject]) {
            return Verdict::ready(Ok(false));
        }
        let (issuer, subject) = (issuer.to_owned(), subject.to_owned());
        self.write(|connection| {
            Box::pin(async move { accounts::remove(connection, &issuer, &subject).await })
        })
    }
}

impl ApiKeyStore for Store {
    fn add_api_key(&self, key: &ApiKeyRecord) -> Verdict<bool> {
        let key = key.clone();
        self.write(|connection| Box::pin(async move { api_keys::add(connection, &key).await }))
    }

    fn api_key(&self, digest: &[u8; 32]) -> Verdict<Option<ApiKeyRecord>> {
        let digest = *digest;
        self.read(move |connection| {
            Box::pin(async move { api_keys::with_digest(connection, &digest).await })
        })
    }

    fn api_keys_of(&self, issuer: &str, subject: &str) -> Verdict<Vec<ApiKeyRecord>> {
        if !fits([issuer, subject]) {
            return Verdict::ready(Ok(Vec::new()));
        }
        let (issuer, subject) = (issuer.to_owned(), subject.to_owned());
        self.read(|connection| {
            Box::pin(async move { api_keys::of_owner(connection, &issuer, &subject).await })
        })
    }

    fn expire_api_key(
        &self,
        issuer: &str,
        subject: &str,
        id: &str,
        at: SystemTime,
    ) -> Verdict<bool> {
        if !fits([issuer, subject, id]) {
            return Verdict::ready(Ok(false));
        }
        let (issuer, subject, id) = (issuer.to_owned(), subject.to_owned(), id.to_owned());
        self.write(move |connection| {
            Box::pin(async move { api_keys::expire(connection, &issuer, &subject, &id, at).await })
        })
    }

    fn revoke_api_key(
        &self,
        issuer: &str,
        subject: &str,
        id: &str,
        at: SystemTime,
    ) -> Verdict<bool> {
        if !fits([issuer, subject, id]) {
            return Verdict::ready(Ok(false));
        }
        let (issuer, subject, id) = (issuer.to_owned(), subject.to_owned(), id.to_owned());
        self.write(move |connection| {
            Box::pin(async move { api_keys::revoke(connection, &issuer, &subject, &id, at).await })
        })
    }

    fn used_api_key(&self, id: &str, at: SystemTime) -> Verdict<()> {
        if !fits([id]) {
            return Verdict::ready(Ok(()));
        }
        let id = id.to_owned();
        self.write(move |connection| {
            Box::pin(async move { api_keys::used(connection, &id, at).await })
        })
    }
}

impl TokenStore for Store {
    fn begin_family(&self, family: &RefreshTokenFamily) -> Verdict<Option<u64>> {
        let family = family.clone();
        self.transact(|connection| {
            Box::pin(async move { tokens::begin_family(connection, &family).await })
        })
    }

    fn family(&self, id: &str) -> Verdict<Option<RefreshTokenFamily>> {
        if !fits([id]) {
            return Verdict::ready(Ok(None));
        }
        let id = id.to_owned();
        self.read(|connection| Box::pin(async move { tokens::family(connection, &id).await }))
    }

    fn families_of(&self, query: FamilyQuery<'_>) -> Verdict<Vec<RefreshTokenFamily>> {
        let after_id = query.after.map_or("", |(_, id)| id);
        if !fits([query.issuer, query.subject, after_id]) {
            return Verdict::ready(Ok(Vec::new()));
        }
        let (issuer, subject) = (query.issuer.to_owned(), query.subject.to_owned());
        let after = query.after.map(|(begun, id)| (begun, id.to_owned()));
        let FamilyQuery {
            now,
            with_ended,
            limit,
            ..
        } = query;
        self.read(move |connection| {
            Box::pin(async move {
                let after = after.as_ref().map(|(begun, id)| (*begun, id.as_str()));
                let (issuer, subject) = (&*issuer, &*subject);
                let query = FamilyQuery {
                    issuer,
                    subject,
                    now,
                    after,
                    with_ended,
                    limit,
                };
                tokens::families_of(connection, query).await
            })
        })
    }

    fn rotate(&self, rotation: RefreshRotation<'_>) -> Verdict<bool> {
        if !fits([rotation.family]) {
            return Verdict::ready(Ok(false));
        }
        let family = rotation.family.to_owned();
        let (spent, successor) = (*rotation.spent, *rotation.successor);
        let (at, expires_at) = (rotation.at, rotation.expires_at);
        self.write(move |connection| {
            Box::pin(async move {
                tokens::rotate(connection, &family, spent, successor, at, expires_at).await
            })
        })
    }

    fn end_family(&self, issuer: &str, id: &str, until: SystemTime) -> Verdict<()> {
        let (issuer, id) = (issuer.to_owned(), id.to_owned());
        self.transact(move |connection| {
            Box::pin(async move { tokens::end_family(connection, &issuer, &id, until).await })
        })
    }

    fn end_families_of(
        &self,
        issuer: &str,
        subject: &str,
        cut_off: SystemTime,
        until: SystemTime,
    ) -> Verdict<u64> {
        let (issuer, subject) = (issuer.to_owned(), subject.to_owned());
        self.transact(move |connection| {
            Box::pin(async move {
                tokens::end_families_of(connection, &issuer, &subject, cut_off, until).await
            })
        })
    }

    fn revoke(&self, revocation: &Revocation) -> Verdict<()> {
        let revocation = revocation.clone();
        self.transact(|connection| {
            Box::pin(async move { tokens::revoke(connection, &revocation).await })
        })
    }

    fn revoked(&self, names: RevocationQuery<'_>) -> Verdict<RevocationStatus> {
        let (issuer, subject) = (names.issuer.to_owned(), names.subject.to_owned());
        let token = names.token.map(str::to_owned);
        let session = names.session.map(str::to_owned);
        self.read(|connection| {
            Box::pin(async move {
                let (token, session) = (token.as_deref(), session.as_deref());
                tokens::revoked(connection, &issuer, &subject, token, session).await
            })
        })
    }

    fn revocations(&self, now: SystemTime, after: Option<&[u8]>) -> Verdict<RevocationPage> {
        let after = after.unwrap_or_default().to_vec();
        self.read(move |connection| {
            Box::pin(async move { tokens::revocations(connection, now, &after).await })
        })
    }

    fn purge_tokens(&self, now: SystemTime) -> Verdict<u64> {
        let store = self.clone();
        // A batch at a time, so that nobody waits for all of it.
        Verdict::pending(async move {
            let mut purged = 0u64;
            loop {
                let families = store.write(move |connection| {
                    Box::pin(async move { tokens::purge_families(connection, now).await })
                });
                let revocations = store.write(move |connection| {
                    Box::pin(async move { tokens::purge_revocations(connection, now).await })
                });
                let (families, revocations) = (families.await?, revocations.await?);
                purged = purged.saturating_add(families).saturating_add(revocations);
                if families.max(revocations) < BATCH {
                    return Ok(purged);
                }
            }
        })
    }
}

impl EphemeralStore for Store {
    fn add(&self, key: &str, value: &[u8], lifetime: Duration) -> Verdict<bool> {
        let (key, value) = (key.to_owned(), value.to_vec());
        let (lifetime, sweeps) = (lifetime_millis(lifetime), self.sweeps());
        self.write(move |connection| {
            Box::pin(async move {
                if sweeps {
                    short_lived::sweep(connection).await?;
                }
                short_lived::add(connection, &key, &value, lifetime).await
            })
        })
    }

    fn put(&self, key: &str, value: &[u8], lifetime: Duration) -> Verdict<()> {
        let (key, value) = (key.to_owned(), value.to_vec());
        let (lifetime, sweeps) = (lifetime_millis(lifetime), self.sweeps());
        self.write(move |connection| {
            Box::pin(async move {
                if sweeps {
                    short_lived::sweep(connection).await?;
                }
                short_lived::put(connection, &key, &value, lifetime).await
            })
        })
    }

    fn read(&self, keys: &[&str]) -> Verdict<BatchRead> {
        let keys: Vec<_> = keys.iter().map(|key| (*key).to_owned()).collect();
        Self::read(self, |connection| {
            Box::pin(async move { short_lived::read(connection, &keys).await })
        })
    }

    fn take(&self, key: &str) -> Verdict<Option<Vec<u8>>> {
        let key = key.to_owned();
        self.write(|connection| Box::pin(async move { short_lived::take(connection, &key).await }))
    }

    fn count(&self, key: &str, window: Duration) -> Verdict<u64> {
        let key = key.to_owned();
        let (window, sweeps) = (lifetime_millis(window), self.sweeps());
        self.write(move |connection| {
            Box::pin(async move {
                if sweeps {
                    short_lived::sweep(connection).await?;
                }
                let count = short_lived::count(connection, &key, window).await?;
                Ok(u64::try_from(count).unwrap_or(0))
            })
        })
    }

    fn counted(&self, keys: &[&str]) -> Verdict<Vec<Option<Counted>>> {
        let keys: Vec<_> = keys.iter().map(|key| (*key).to_owned()).collect();
        Self::read(self, |connection| {
            Box::pin(async move { short_lived::counted(connection, &keys).await })
        })
    }

    fn raise(&self, raised: &[Raise<'_>]) -> Verdict<()> {
        let mut all = BTreeMap::<String, (String, i64)>::new();
        for one in raised {
            let new = (one.value(), lifetime_millis(one.lifetime));
            let kept = all.entry(one.key.to_owned()).or_default();
            *kept = (kept.0.clone().max(new.0), kept.1.max(new.1));
        }
        self.write(move |connection| {
            Box::pin(async move { short_lived::raise(connection, &all).await })
        })
    }
}
