//! [`Accounts`]: registration and login.

use super::{NameError, UserName};
use crate::{
    Clock, ConfigError, Identity, Rejection, SystemClock,
    digest::named,
    password::{
        HashPool, NormalizedPassword, PasswordHash, PasswordPolicy, PolicyError, normalize,
    },
    store::{Account, AccountStore, ShortLived},
};
use std::{error::Error, fmt, sync::Arc, time::Duration};
use tokio::runtime::Handle;
use zeroize::Zeroizing;

/// NIST SP 800-63B-4 section 3.2.2 allows a hundred in a row.
const ATTEMPTS: u64 = 100;

const WINDOW: Duration = Duration::from_secs(3600);

/// The longest password that is looked at, in bytes.
const LONGEST: usize = 1024;

/// Registers accounts and logs them in. Cloning is cheap; the rules stand in the
/// [module](super).
#[derive(Clone)]
#[must_use]
pub struct Accounts {
    issuer: Arc<str>,
    store: Arc<dyn AccountStore>,
    policy: Arc<PasswordPolicy>,
    pool: HashPool,
    attempts: Option<Arc<dyn ShortLived>>,
    limit: u64,
    window: Duration,
    /// Credentials of the Basic scheme that were right a moment ago.
    #[cfg(feature = "basic")]
    remembered: Arc<crate::password::Remembered>,
    clock: Arc<dyn Clock>,
}

impl Accounts {
    /// Accounts in this store, of one issuer: the `iss` of the tokens that they get, or a realm.
    ///
    /// # Errors
    ///
    /// If the issuer is empty, or the operating system has no random bytes.
    pub fn new(issuer: impl Into<Arc<str>>, store: impl AccountStore) -> Result<Self, ConfigError> {
        let issuer = issuer.into();
        if issuer.is_empty() {
            return Err(ConfigError::new("an issuer is not empty"));
        }
        Ok(Self {
            issuer,
            store: Arc::new(store),
            policy: Arc::new(PasswordPolicy::new()),
            pool: HashPool::new()?,
            attempts: None,
            limit: ATTEMPTS,
            window: WINDOW,
            #[cfg(feature = "basic")]
            remembered: super::basic::remembered()?,
            clock: Arc::new(SystemClock),
        })
    }

    /// Sets what a new password has to be. Default: [`PasswordPolicy::new`].
    pub fn password_policy(mut self, policy: PasswordPolicy) -> Self {
        self.policy = Arc::new(policy);
        self
    }

    /// Hashes passwords in this pool, which others may share.
    pub fn pool(mut self, pool: HashPool) -> Self {
        self.pool = pool;
        self
    }

    /// Counts logins that fail in this store, so that nobody can go on guessing: after a hundred
    /// for one name within an hour the answer is 429 (NIST SP 800-63B-4 section 3.2.2). Default:
    /// not counted.
    ///
    /// Somebody else can use them up, too, and keep the owner out for the rest of the hour; limit
    /// the rate of each address in front, where that matters.
    pub fn count_attempts_in(mut self, store: impl ShortLived) -> Self {
        self.attempts = Some(Arc::new(store));
        self
    }

    /// Sets how many logins for one name may fail within some time, where they are
    /// [counted](Self::count_attempts_in); at least one.
    pub fn max_attempts(mut self, attempts: u64, within: Duration) -> Self {
        self.limit = attempts.max(1);
        self.window = within.max(Duration::from_secs(1));
        self
    }

    /// Tells the time. Default: [`SystemClock`].
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Within what subjects and names are unique.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Adds an account with this name and password, without roles.
    ///
    /// # Errors
    ///
    /// If the name or the password is not one that may be chosen, the name is taken, or the store
    /// or the pool cannot answer now.
    pub async fn register(&self, name: &str, password: &str) -> Result<Account, RegisterError> {
        let name = UserName::parse(name).map_err(RegisterError::Name)?;
        let password = self.checked(name.as_str(), password).await;
        let password = password.map_err(RegisterError::Password)?;
        let unavailable = RegisterError::Unavailable;
        // Before anything is hashed, which is costly.
        let known = self.store.account_named(&self.issuer, name.as_str()).await;
        if known.map_err(unavailable)?.is_some() {
            return Err(RegisterError::Taken);
        }
        let hash = self.pool.hash(password.expose()).await;
        let hash = hash.map_err(RegisterError::Unavailable)?;
        let account = Account {
            issuer: self.issuer.to_string(),
            subject: subject().map_err(RegisterError::Unavailable)?,
            name: name.as_str().to_owned(),
            password_hash: Some(hash.as_str().to_owned()),
            roles: Vec::new(),
            enabled: true,
            created_at: self.clock.now(),
        };
        let added = self.store.add_account(&account).await;
        match added.map_err(RegisterError::Unavailable)? {
            true => Ok(account),
            false => Err(RegisterError::Taken),
        }
    }

    /// Logs an account in: its identity, authenticated now, with the [`Account`] as
    /// [`data`](Identity::data).
    ///
    /// A name that is unknown takes as long as a wrong password. A stored hash that is not as
    /// strong as those made today is replaced.
    ///
    /// # Errors
    ///
    /// [`Invalid`](crate::RejectionKind::Invalid) whatever is wrong with the credentials;
    /// [`TooMany`](crate::RejectionKind::TooMany) after too many that were;
    /// [`Unavailable`](crate::RejectionKind::Unavailable) if a store or the pool cannot answer
    /// now.
    pub async fn log_in(&self, name: &str, password: &str) -> Result<Identity, Rejection> {
        let invalid = || Rejection::invalid().with_detail("the name or the password is wrong");
        if password.len() > LONGEST {
            return Err(invalid());
        }
        // Before anything is read: what ends sessions meanwhile ends what comes of this, too.
        let begun = self.clock.now();
        let name = UserName::parse(name).ok();
        let name = name.as_ref().map(UserName::as_str);
        let counter = name.and_then(|name| {
            let attempts = self.attempts.as_ref()?;
            Some((attempts, named("login", &self.issuer, name)))
        });
        if let Some((attempts, key)) = &counter {
            self.count(&**attempts, key).await?;
        }
        let account = match name {
            Some(name) => self.store.account_named(&self.issuer, name).await?,
            None => None,
        };
        let account = account.filter(|account| account.enabled);
        let stored = account.as_ref().and_then(readable);
        let is_right = self
            .is_right(name.unwrap_or_default(), password, stored.as_ref())
            .await?;
        let (Some(account), Some(stored), true) = (account, stored, is_right) else {
            return Err(invalid());
        };
        if let Some((attempts, key)) = &counter {
            // Whether it can be reset or not: the credentials were right.
            let _ = attempts.take(key).await;
        }
        // Looked at again: the password may have been changed while it was checked.
        let now = self.store.account(&self.issuer, &account.subject).await?;
        let mut account = now
            .filter(|now| now.enabled && now.password_hash == account.password_hash)
            .ok_or_else(invalid)?;
        if stored.needs_rehash()
            && let Some(new) = self.strengthened(&account, &stored, password).await
        {
            account.password_hash = Some(new);
        }
        Ok(self.identity(account).with_authenticated_at(begun))
    }

    /// Sets another password, for who knows the old one. Sessions stay; end them by
    /// `Tokens::log_out_everywhere`, which a user expects.
    ///
    /// # Errors
    ///
    /// If the old password is wrong ([`ChangeError::Refused`]), or the new one is not one that
    /// may be chosen.
    pub async fn change_password(
        &self,
        subject: &str,
        old: &str,
        new: &str,
    ) -> Result<(), ChangeError> {
        let account = self.store.account(&self.issuer, subject).await;
        let account = account.map_err(ChangeError::Refused)?;
        let name = account.map(|account| account.name).unwrap_or_default();
        // As at a login: counted, and as slow for who does not exist.
        let identity = self.log_in(&name, old).await;
        let identity = identity.map_err(ChangeError::Refused)?;
        match identity.data::<Account>() {
            // From the hash that was verified, so that a change meanwhile is not undone.
            Some(account) if account.subject == subject => self.replace(account, new).await,
            _ => Err(ChangeError::Refused(Rejection::invalid())),
        }
    }

    /// Sets a password for somebody who has shown otherwise who they are, as by a link that was
    /// mailed to them.
    ///
    /// # Errors
    ///
    /// If the password is not one that may be chosen, there is no such account, or a store or the
    /// pool cannot answer now.
    pub async fn set_password(&self, subject: &str, new: &str) -> Result<(), ChangeError> {
        let account = self.store.account(&self.issuer, subject).await;
        let account = account.map_err(ChangeError::Refused)?;
        let account = account.ok_or_else(|| ChangeError::Refused(Rejection::invalid()))?;
        self.replace(&account, new).await
    }

    /// Sets a password in the place of the one that the account had when it was read.
    async fn replace(&self, account: &Account, new: &str) -> Result<(), ChangeError> {
        let new = self.checked(&account.name, new).await;
        let new = new.map_err(ChangeError::Password)?;
        let hash = self.pool.hash(new.expose()).await;
        let hash = hash.map_err(ChangeError::Refused)?;
        let old = account.password_hash.as_deref();
        let set = self
            .store
            .set_password_hash(&self.issuer, &account.subject, old, hash.as_str());
        match set.await.map_err(ChangeError::Refused)? {
            true => Ok(()),
            false => Err(ChangeError::Refused(Rejection::unavailable(
                "the password was changed by somebody else meanwhile",
            ))),
        }
    }

    /// Who a subject is now; `None` if the account is gone or disabled. For
    /// `TokensBuilder::reload`.
    ///
    /// # Errors
    ///
    /// [`Unavailable`](crate::RejectionKind::Unavailable) if the store cannot be reached.
    pub async fn find(&self, subject: &str) -> Result<Option<Identity>, Rejection> {
        let account = self.account(subject).await?;
        let account = account.filter(|account| account.enabled);
        Ok(account.map(|account| self.identity(account)))
    }

    /// The account of a subject, enabled or not.
    ///
    /// # Errors
    ///
    /// [`Unavailable`](crate::RejectionKind::Unavailable) if the store cannot be reached.
    pub async fn account(&self, subject: &str) -> Result<Option<Account>, Rejection> {
        self.store.account(&self.issuer, subject).await
    }

    /// The account of this name, enabled or not.
    ///
    /// # Errors
    ///
    /// [`Unavailable`](crate::RejectionKind::Unavailable) if the store cannot be reached.
    pub async fn named(&self, name: &str) -> Result<Option<Account>, Rejection> {
        match UserName::parse(name) {
            Ok(name) => self.store.account_named(&self.issuer, name.as_str()).await,
            Err(_) => Ok(None),
        }
    }

    /// Replaces the roles of a subject; `false` if there is no such account.
    ///
    /// # Errors
    ///
    /// [`Unavailable`](crate::RejectionKind::Unavailable) if the store cannot be reached.
    pub async fn set_roles(&self, subject: &str, roles: &[String]) -> Result<bool, Rejection> {
        self.store.set_roles(&self.issuer, subject, roles).await
    }

    /// Lets a subject log in, or no longer; `false` if there is no such account. What it was
    /// issued ends with its next refresh, or by `Tokens::log_out_everywhere` at once.
    ///
    /// # Errors
    ///
    /// [`Unavailable`](crate::RejectionKind::Unavailable) if the store cannot be reached.
    pub async fn set_enabled(&self, subject: &str, enabled: bool) -> Result<bool, Rejection> {
        self.store.set_enabled(&self.issuer, subject, enabled).await
    }

    /// Removes an account; `false` if there was none.
    ///
    /// # Errors
    ///
    /// [`Unavailable`](crate::RejectionKind::Unavailable) if the store cannot be reached.
    pub async fn remove(&self, subject: &str) -> Result<bool, Rejection> {
        self.store.remove_account(&self.issuer, subject).await
    }

    #[cfg(feature = "basic")]
    pub(super) fn remembered(&self) -> &crate::password::Remembered {
        &self.remembered
    }

    /// Somebody who has just shown who they are.
    #[cfg(feature = "basic")]
    pub(super) fn authenticated(&self, account: Account) -> Identity {
        let now = self.clock.now();
        self.identity(account).with_authenticated_at(now)
    }

    fn identity(&self, account: Account) -> Identity {
        Identity::new(account.subject.as_str())
            .with_issuer(Arc::clone(&self.issuer))
            .with_roles(&account.roles)
            .with_data(account)
    }

    /// To guess a password takes milliseconds: not on a runtime's thread, where there is one.
    async fn checked(&self, name: &str, password: &str) -> Result<NormalizedPassword, PolicyError> {
        let Ok(runtime) = Handle::try_current() else {
            return self.policy.check(&[name], password);
        };
        if password.len() > LONGEST {
            return Err(PolicyError::TooLong);
        }
        let policy = Arc::clone(&self.policy);
        let (name, password) = (name.to_owned(), Zeroizing::new(password.to_owned()));
        let check = move || policy.check(&[&name], &password);
        let checked = runtime.spawn_blocking(check).await;
        // The task can only end early with its runtime.
        checked.unwrap_or(Err(PolicyError::Guessable))
    }

    /// In normal form, as passwords are set here; and as it was typed, for hashes that were made
    /// elsewhere.
    async fn is_right(
        &self,
        name: &str,
        password: &str,
        stored: Option<&PasswordHash>,
    ) -> Result<bool, Rejection> {
        let normal = normalize(password);
        let right = self.pool.verify(name, normal.expose(), stored).await?;
        if right || normal.expose() == password {
            return Ok(right);
        }
        self.pool.verify(name, password, stored).await
    }

    async fn count(&self, attempts: &dyn ShortLived, key: &str) -> Result<(), Rejection> {
        let count = attempts.count(key, self.window).await?;
        if count > self.limit {
            return Err(Rejection::too_many(self.window)
                .with_detail("too many logins have failed for this name"));
        }
        Ok(())
    }

    /// A hash as those made today in place of a weaker one, if it can be stored. Nobody is kept out
    /// because that cannot be done now.
    async fn strengthened(
        &self,
        account: &Account,
        stored: &PasswordHash,
        password: &str,
    ) -> Option<String> {
        let normal = normalize(password);
        let new = self.pool.hash(normal.expose()).await.ok()?;
        let (subject, old) = (&account.subject, Some(stored.as_str()));
        let set = self
            .store
            .set_password_hash(&self.issuer, subject, old, new.as_str());
        let is_set = set.await.unwrap_or(false);
        is_set.then(|| new.as_str().to_owned())
    }
}

/// The stored hash. One that cannot be read is as good as none, or a client could tell by the
/// answer whose it is; somebody has to repair it.
fn readable(account: &Account) -> Option<PasswordHash> {
    let hash = PasswordHash::parse(account.password_hash.as_deref()?);
    #[cfg(feature = "tracing")]
    if let Err(error) = &hash {
        tracing::error!(
            target: "tower_auth",
            issuer = account.issuer.as_str(),
            subject = account.subject.as_str(),
            error = %error,
            "the stored password hash cannot be read"
        );
    }
    hash.ok()
}

/// 128 random bits in hexadecimal.
fn subject() -> Result<String, Rejection> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| Rejection::unavailable(error.to_string()))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Why nobody was registered. The texts may be shown.
#[derive(Debug)]
#[non_exhaustive]
pub enum RegisterError {
    /// The name is not one that may be chosen.
    Name(NameError),
    /// The password is not one that may be chosen.
    Password(PolicyError),
    /// The name is taken.
    Taken,
    /// Nobody can tell now.
    Unavailable(Rejection),
}

impl fmt::Display for RegisterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(error) => error.fmt(f),
            Self::Password(error) => error.fmt(f),
            Self::Taken => f.write_str("the name is taken"),
            Self::Unavailable(rejection) => rejection.fmt(f),
        }
    }
}

impl Error for RegisterError {}

/// Why a password was not changed. The texts may be shown.
#[derive(Debug)]
#[non_exhaustive]
pub enum ChangeError {
    /// The new password is not one that may be chosen.
    Password(PolicyError),
    /// The old one is wrong, there is no such account, or nobody can tell now.
    Refused(Rejection),
}

impl fmt::Display for ChangeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Password(error) => error.fmt(f),
            Self::Refused(rejection) => rejection.fmt(f),
        }
    }
}

impl Error for ChangeError {}

impl fmt::Debug for Accounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Accounts")
            .field("issuer", &self.issuer)
            .finish_non_exhaustive()
    }
}
