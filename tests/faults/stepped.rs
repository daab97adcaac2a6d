//! Stores that make the caller wait before and after each operation, so that a request can be dropped
//! when nothing has been done yet, and when it is done and the answer is on its way.

use crate::harness::{Durable, Stores};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::{Duration, SystemTime},
};
use tokio::task::yield_now;
use tower_auth::{
    Rejection, Verdict,
    store::{
        Account, AccountStore, ApiKeyRecord, ApiKeyStore, BatchRead, Counted, EphemeralStore,
        FamilyQuery, Raise, RefreshRotation, RefreshTokenFamily, Revocation, RevocationPage,
        RevocationQuery, RevocationStatus, TokenStore,
    },
};

impl Stores {
    /// The same stores, in steps.
    pub(crate) fn stepped(&self) -> Self {
        self.breakable(&Arc::default())
    }

    /// The same stores, in steps; while this is set, nothing can be written to the lookup store.
    pub(crate) fn breakable(&self, broken: &Arc<AtomicBool>) -> Self {
        let lookup = self
            .lookup
            .clone()
            .map(|lookup| -> Arc<dyn EphemeralStore> {
                Arc::new(Stepped(lookup, Arc::clone(broken)))
            });
        Self {
            durable: Arc::new(Stepped(Arc::clone(&self.durable), Arc::default())),
            lookup,
        }
    }
}

struct Stepped<S: ?Sized>(Arc<S>, Arc<AtomicBool>);

impl Stepped<dyn EphemeralStore> {
    fn unless_broken<T: Send + 'static>(&self, written: Verdict<T>) -> Verdict<T> {
        match self.1.load(SeqCst) {
            true => Verdict::ready(Err(Rejection::unavailable("broken"))),
            false => written,
        }
    }
}

/// Calls an operation with owned copies of its arguments, in steps.
macro_rules! stepped {
    ($self:ident, $($copy:ident = $value:expr),* ; $store:ident => $call:expr) => {{
        let $store = Arc::clone(&$self.0);
        $(let $copy = $value;)*
        Verdict::pending(async move {
            yield_now().await;
            let answer = $call.await;
            yield_now().await;
            answer
        })
    }};
}

impl AccountStore for Stepped<dyn Durable> {
    fn add_account(&self, account: &Account) -> Verdict<bool> {
        stepped!(self, account = account.clone(); s => s.add_account(&account))
    }

    fn account_named(&self, issuer: &str, name: &str) -> Verdict<Option<Account>> {
        stepped!(self, i = issuer.to_owned(), n = name.to_owned(); s => s.account_named(&i, &n))
    }

    fn account(&self, issuer: &str, subject: &str) -> Verdict<Option<Account>> {
        stepped!(self, i = issuer.to_owned(), n = subject.to_owned(); s => s.account(&i, &n))
    }

    fn set_password_hash(
        &self,
        issuer: &str,
        subject: &str,
        old: Option<&str>,
        new: &str,
    ) -> Verdict<bool> {
        stepped!(
            self,
            i = issuer.to_owned(),
            n = subject.to_owned(),
            old = old.map(str::to_owned),
            new = new.to_owned();
            s => s.set_password_hash(&i, &n, old.as_deref(), &new)
        )
    }

    fn set_roles(&self, issuer: &str, subject: &str, roles: &[String]) -> Verdict<bool> {
        stepped!(
            self,
            i = issuer.to_owned(),
            n = subject.to_owned(),
            roles = roles.to_vec();
            s => s.set_roles(&i, &n, &roles)
        )
    }

    fn set_enabled(&self, issuer: &str, subject: &str, enabled: bool) -> Verdict<bool> {
        stepped!(
            self,
            i = issuer.to_owned(),
            n = subject.to_owned();
            s => s.set_enabled(&i, &n, enabled)
        )
    }

    fn remove_account(&self, issuer: &str, subject: &str) -> Verdict<bool> {
        stepped!(self, i = issuer.to_owned(), n = subject.to_owned(); s => s.remove_account(&i, &n))
    }
}

impl ApiKeyStore for Stepped<dyn Durable> {
    fn add_api_key(&self, key: &ApiKeyRecord) -> Verdict<bool> {
        stepped!(self, key = key.clone(); s => s.add_api_key(&key))
    }

    fn api_key(&self, digest: &[u8; 32]) -> Verdict<Option<ApiKeyRecord>> {
        stepped!(self, digest = *digest; s => s.api_key(&digest))
    }

    fn api_keys_of(&self, issuer: &str, subject: &str) -> Verdict<Vec<ApiKeyRecord>> {
        stepped!(self, i = issuer.to_owned(), n = subject.to_owned(); s => s.api_keys_of(&i, &n))
    }

    fn expire_api_key(
        &self,
        issuer: &str,
        subject: &str,
        id: &str,
        at: SystemTime,
    ) -> Verdict<bool> {
        stepped!(
            self,
            i = issuer.to_owned(),
            n = subject.to_owned(),
            id = id.to_owned();
            s => s.expire_api_key(&i, &n, &id, at)
        )
    }

    fn revoke_api_key(
        &self,
        issuer: &str,
        subject: &str,
        id: &str,
        at: SystemTime,
    ) -> Verdict<bool> {
        stepped!(
            self,
            i = issuer.to_owned(),
            n = subject.to_owned(),
            id = id.to_owned();
            s => s.revoke_api_key(&i, &n, &id, at)
        )
    }

    fn used_api_key(&self, id: &str, at: SystemTime) -> Verdict<()> {
        stepped!(self, id = id.to_owned(); s => s.used_api_key(&id, at))
    }
}

impl TokenStore for Stepped<dyn Durable> {
    fn begin_family(&self, family: &RefreshTokenFamily) -> Verdict<Option<u64>> {
        stepped!(self, family = family.clone(); s => s.begin_family(&family))
    }

    fn family(&self, id: &str) -> Verdict<Option<RefreshTokenFamily>> {
        stepped!(self, id = id.to_owned(); s => s.family(&id))
    }

    fn families_of(&self, query: FamilyQuery<'_>) -> Verdict<Vec<RefreshTokenFamily>> {
        let FamilyQuery {
            now,
            with_ended,
            limit,
            ..
        } = query;
        stepped!(
            self,
            issuer = query.issuer.to_owned(),
            subject = query.subject.to_owned(),
            after = query.after.map(|(begun, id)| (begun, id.to_owned()));
            s => s.families_of(FamilyQuery {
                issuer: &issuer,
                subject: &subject,
                now,
                after: after.as_ref().map(|(begun, id)| (*begun, id.as_str())),
                with_ended,
                limit,
            })
        )
    }

    fn rotate(&self, rotation: RefreshRotation<'_>) -> Verdict<bool> {
        stepped!(
            self,
            family = rotation.family.to_owned(),
            spent = *rotation.spent,
            successor = *rotation.successor,
            at = rotation.at,
            expires_at = rotation.expires_at;
            s => s.rotate(RefreshRotation {
                family: &family,
                spent: &spent,
                successor: &successor,
                at,
                expires_at,
            })
        )
    }

    fn end_family(&self, issuer: &str, id: &str, until: SystemTime) -> Verdict<()> {
        stepped!(self, i = issuer.to_owned(), id = id.to_owned(); s => s.end_family(&i, &id, until))
    }

    fn end_families_of(
        &self,
        issuer: &str,
        subject: &str,
        cut_off: SystemTime,
        until: SystemTime,
    ) -> Verdict<u64> {
        stepped!(
            self,
            i = issuer.to_owned(),
            n = subject.to_owned();
            s => s.end_families_of(&i, &n, cut_off, until)
        )
    }

    fn revoke(&self, revocation: &Revocation) -> Verdict<()> {
        stepped!(self, revocation = revocation.clone(); s => s.revoke(&revocation))
    }

    fn revoked(&self, names: RevocationQuery<'_>) -> Verdict<RevocationStatus> {
        stepped!(
            self,
            issuer = names.issuer.to_owned(),
            subject = names.subject.to_owned(),
            token = names.token.map(str::to_owned),
            session = names.session.map(str::to_owned);
            s => s.revoked(RevocationQuery {
                issuer: &issuer,
                subject: &subject,
                token: token.as_deref(),
                session: session.as_deref(),
            })
        )
    }

    fn revocations(&self, now: SystemTime, after: Option<&[u8]>) -> Verdict<RevocationPage> {
        stepped!(self, after = after.map(<[u8]>::to_vec); s => s.revocations(now, after.as_deref()))
    }

    fn purge_tokens(&self, now: SystemTime) -> Verdict<u64> {
        stepped!(self, ; s => s.purge_tokens(now))
    }
}

impl EphemeralStore for Stepped<dyn EphemeralStore> {
    fn add(&self, key: &str, value: &[u8], lifetime: Duration) -> Verdict<bool> {
        let added =
            stepped!(self, k = key.to_owned(), v = value.to_vec(); s => s.add(&k, &v, lifetime));
        self.unless_broken(added)
    }

    fn put(&self, key: &str, value: &[u8], lifetime: Duration) -> Verdict<()> {
        let put =
            stepped!(self, k = key.to_owned(), v = value.to_vec(); s => s.put(&k, &v, lifetime));
        self.unless_broken(put)
    }

    fn read(&self, keys: &[&str]) -> Verdict<BatchRead> {
        stepped!(
            self,
            keys = keys.iter().map(|&key| key.to_owned()).collect::<Vec<_>>();
            s => {
                let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
                s.read(&keys)
            }
        )
    }

    fn take(&self, key: &str) -> Verdict<Option<Vec<u8>>> {
        stepped!(self, k = key.to_owned(); s => s.take(&k))
    }

    fn count(&self, key: &str, window: Duration) -> Verdict<u64> {
        stepped!(self, k = key.to_owned(); s => s.count(&k, window))
    }

    fn counted(&self, keys: &[&str]) -> Verdict<Vec<Option<Counted>>> {
        stepped!(
            self,
            keys = keys.iter().map(|&key| key.to_owned()).collect::<Vec<_>>();
            s => {
                let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
                s.counted(&keys)
            }
        )
    }

    fn raise(&self, raised: &[Raise<'_>]) -> Verdict<()> {
        let raised = stepped!(
            self,
            raised = raised
                .iter()
                .map(|one| (one.key.to_owned(), one.number, one.lifetime))
                .collect::<Vec<_>>();
            s => {
                let raised: Vec<_> = raised
                    .iter()
                    .map(|(key, number, lifetime)| Raise {
                        key,
                        number: *number,
                        lifetime: *lifetime,
                    })
                    .collect();
                s.raise(&raised)
            }
        );
        self.unless_broken(raised)
    }
}
