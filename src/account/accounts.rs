//! [`Accounts`]: registration and login.

use super::{NameError, UserName, attempts::Attempts};
#[cfg(feature = "tracing")]
use crate::error::Chain;
use crate::{
    ConfigError, Identity, Rejection, RejectionKind,
    clock::{Clock, SystemClock},
    observe::{event::recovered, outage::Outage},
    password::{
        HashPool, Lane, NormalizedPassword, PasswordHash, PasswordPolicy, PolicyError, normalize,
    },
    store::{Account, AccountStore, EphemeralStore, MemoryStore},
    util::random,
};
use std::{error::Error, fmt, sync::Arc, time::Duration};

/// The limit of NIST SP 800-63B-4 section 3.2.2, which counts consecutive failures, however long
/// they take.
const ATTEMPTS: u64 = 100;

const WINDOW: Duration = Duration::from_secs(3600);

/// The longest password that may be set, in bytes.
const LONGEST: usize = 1024;

/// The longest password that is processed as it was typed, in bytes. In decomposed form (NFD),
/// UTF-8 is up to three times as long as in composed form.
const LONGEST_TYPED: usize = 3 * LONGEST;

/// The largest number of times that a login reads the account again, if its password hash is
/// replaced meanwhile.
const REREADS: usize = 3;

/// The time for which verified credentials of the Basic scheme are cached, and the number of such
/// credentials, as in [`Users`](crate::basic::Users).
#[cfg(feature = "basic")]
const BASIC_LIFETIME: Duration = Duration::from_secs(60);
#[cfg(feature = "basic")]
const BASIC_CAPACITY: usize = 1024;

/// Registers accounts and logs them in. Cloning is cheap; see the [module](super) for the rules.
#[derive(Clone)]
#[must_use]
pub struct Accounts {
    issuer: Arc<str>,
    store: Arc<dyn AccountStore>,
    policy: Arc<PasswordPolicy>,
    pool: HashPool,
    attempts: Arc<Attempts>,
    /// Whether failed logins are counted in the memory of this process, by the clock below.
    counts_here: bool,
    /// Credentials of the Basic scheme that were right a moment ago.
    #[cfg(feature = "basic")]
    remembered: Arc<crate::password::Remembered>,
    clock: Arc<dyn Clock>,
    /// The state of the stores and of the pool.
    outage: Arc<Outage>,
}

impl Accounts {
    /// Accounts in this store, of one issuer: the `iss` of the tokens that they get, or a realm.
    ///
    /// # Errors
    ///
    /// If the issuer is empty, or the operating system has no random bytes.
    pub fn new(issuer: impl Into<Arc<str>>, store: impl AccountStore) -> Result<Self, ConfigError> {
        let issuer = issuer.into();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        if issuer.is_empty() {
            return Err(ConfigError::new("the issuer must not be empty"));
        }
        Ok(Self {
            issuer,
            store: Arc::new(store),
            policy: Arc::new(PasswordPolicy::new()),
            pool: HashPool::new()?,
            attempts: Arc::new(Attempts::new(here(&clock), ATTEMPTS, WINDOW)?),
            counts_here: true,
            #[cfg(feature = "basic")]
            remembered: Arc::new(crate::password::Remembered::new(
                BASIC_LIFETIME,
                BASIC_CAPACITY,
            )?),
            clock,
            outage: Arc::default(),
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

    /// Counts failed logins in this store, which several servers may share. Default: in the memory
    /// of this process.
    ///
    /// After 100 wrong passwords for one name within an hour, every login with that name is
    /// [`TooMany`](crate::RejectionKind::TooMany) (429) until the hour ends. Only a password whose
    /// hash was computed and did not match is counted: an outage or a full pool never locks an
    /// account. Names without an account are limited in the same way. The number of counters is at
    /// most the number of accounts plus 65,536. Invented names can therefore not fill a store that
    /// revocations are looked up in as well, such as a `RedisStore`.
    ///
    /// NIST SP 800-63B-4 section 3.2.2 allows at most 100 *consecutive* failures, after which the
    /// password has to be replaced. This limit differs: it ends by itself after an hour, which
    /// allows 876,000 guesses a year for one account. A correct password does not reset it. A new
    /// password ([`set_password`](Self::set_password)) does.
    ///
    /// Limits that this one does not replace:
    ///
    /// - Anyone who knows a name can use up its attempts, and lock the owner out for the rest of
    ///   the hour. Credentials of the Basic scheme that were verified within the last hour on this
    ///   server are not affected.
    /// - One password tried on many names (spraying) is not limited.
    ///
    /// For both, limit the rate of requests per client address in front of the login.
    pub fn with_attempt_store(mut self, store: impl EphemeralStore) -> Self {
        self.attempts = Arc::new(self.attempts.counted_in(Arc::new(store)));
        self.counts_here = false;
        self
    }

    /// Sets the number of logins with one name that may fail within a period; at least one.
    /// Default: 100 within an hour, see [`with_attempt_store`](Self::with_attempt_store).
    pub fn max_attempts(mut self, attempts: u64, within: Duration) -> Self {
        let within = within.max(Duration::from_secs(1));
        self.attempts = Arc::new(self.attempts.limited(attempts.max(1), within));
        self
    }

    /// Tells the time. Default: [`SystemClock`].
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        if self.counts_here {
            self.attempts = Arc::new(self.attempts.counted_in(here(&self.clock)));
        }
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
        let unavailable = RegisterError::Unavailable;
        let password = self.checked(name.as_str(), password).await;
        let password = password.map_err(unavailable)?;
        let password = password.map_err(RegisterError::Password)?;
        // Before anything is hashed, which is costly.
        let known = self.store.account_named(&self.issuer, name.as_str()).await;
        if known.map_err(unavailable)?.is_some() {
            return Err(RegisterError::Taken);
        }
        let hash = self.pool.hash(password.expose()).await;
        let hash = hash.map_err(RegisterError::Unavailable)?;
        let account = Account {
            issuer: self.issuer.to_string(),
            subject: random::hex()
                .map_err(|error| RegisterError::Unavailable(Rejection::unavailable(error)))?,
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
    /// A login with an unknown name takes as long as one with a wrong password, and is
    /// [limited](Self::with_attempt_store) in the same way. A stored hash that is weaker than those
    /// made today is replaced.
    ///
    /// # Errors
    ///
    /// [`Invalid`](crate::RejectionKind::Invalid) whatever is wrong with the credentials;
    /// [`TooMany`](crate::RejectionKind::TooMany) after too many wrong passwords, with the time
    /// until the limit ends as [`retry_after`](Rejection::retry_after);
    /// [`Unavailable`](crate::RejectionKind::Unavailable) if a store or the pool cannot answer
    /// now.
    pub async fn log_in(&self, name: &str, password: &str) -> Result<Identity, Rejection> {
        let result = self.log_in_by(Lane::Unknown, name, password).await;
        match &result {
            Ok(identity) => {
                recovered(&self.outage, "accounts");
                logged_in(identity);
            }
            // Logged where it is found, with the subject.
            Err(rejection) if rejection.kind() == RejectionKind::Invalid => {
                recovered(&self.outage, "accounts");
            }
            Err(rejection) => not_checked(&self.issuer, rejection, &self.outage),
        }
        result
    }

    /// Logs in like [`log_in`](Self::log_in), in this lane. Credentials in [`Lane::Known`] were
    /// verified recently and are not a guess: they are not limited, and do not wait behind those of
    /// unknown clients.
    pub(super) async fn log_in_by(
        &self,
        lane: Lane,
        name: &str,
        password: &str,
    ) -> Result<Identity, Rejection> {
        if password.len() > LONGEST_TYPED {
            failed(&self.issuer, None);
            return Err(invalid());
        }
        // Before anything is read: what ends sessions meanwhile ends what comes of this, too.
        let begun = self.clock.now();
        let parsed = UserName::lookup(name).ok();
        let name = parsed.as_ref().map_or(name, UserName::as_str);
        let attempt = match lane {
            Lane::Known => None,
            Lane::Unknown => Some(self.attempts.begin(&self.issuer, name, password)?),
        };
        let account = match parsed {
            Some(_) => self.store.account_named(&self.issuer, name).await?,
            None => None,
        };
        let exists = account.is_some();
        let permit = match &attempt {
            Some(attempt) => Some(attempt.permit(&self.issuer, name, exists).await?),
            None => None,
        };
        let subject = account.as_ref().map(|account| account.subject.clone());
        let right = self.right(lane, name, password, account).await?;
        let Some((mut account, stored)) = right else {
            if let (Some(attempt), Some(permit)) = (attempt, permit) {
                attempt.failed(permit).await?;
            }
            failed(&self.issuer, subject.as_deref());
            return Err(invalid());
        };
        if stored.needs_rehash()
            && let Some(new) = self.strengthened(&account, &stored, password).await
        {
            account.password_hash = Some(new);
        }
        Ok(self.identity(account).with_authenticated_at(begun))
    }

    /// Returns the account as it is now, and the hash that the password matches. Returns `None` if
    /// the password does not match. Returns `None` as well if the account may not log in.
    async fn right(
        &self,
        lane: Lane,
        name: &str,
        password: &str,
        mut account: Option<Account>,
    ) -> Result<Option<(Account, PasswordHash)>, Rejection> {
        for _ in 0..REREADS {
            let enabled = account.filter(|account| account.enabled);
            let stored = enabled.as_ref().and_then(readable);
            let is_right = self.is_right(lane, name, password, stored.as_ref()).await?;
            let (Some(verified), Some(stored), true) = (enabled, stored, is_right) else {
                return Ok(None);
            };
            // The account is read again, since it may have changed while the hash was computed. A
            // different hash is that of a new password, or a stronger hash of the same password.
            let now = self.store.account(&self.issuer, &verified.subject).await?;
            match now {
                Some(now) if now.password_hash == verified.password_hash => {
                    return Ok(now.enabled.then_some((now, stored)));
                }
                now => account = now,
            }
        }
        Err(Rejection::unavailable(
            "the password hash was replaced again and again while it was checked",
        ))
    }

    /// Changes the password of a user who knows the old one. Sessions do not end, not even those of
    /// a thief: call `TokenIssuer::end_all_sessions` afterwards. If the process ended before that was
    /// done, call it again.
    ///
    /// The old password is checked as at a login, within the same [limit](Self::with_attempt_store).
    /// The new password resets the limit.
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
    /// mailed to them. If the [limit](Self::with_attempt_store) of failed logins was reached, it is
    /// reset. Sessions do not end, as with [`change_password`](Self::change_password).
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
        let new = new.map_err(ChangeError::Refused)?;
        let new = new.map_err(ChangeError::Password)?;
        let hash = self.pool.hash(new.expose()).await;
        let hash = hash.map_err(ChangeError::Refused)?;
        // The failures so far were guesses at another password. They are removed first, so that
        // nothing is changed if this fails.
        let unlocked = self.attempts.forget(&self.issuer, &account.name).await;
        unlocked.map_err(ChangeError::Refused)?;
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

    /// Returns the present identity of a subject, or `None` if the account is deleted or disabled.
    /// For `TokenIssuerBuilder::reload`.
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
        match UserName::lookup(name) {
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

    /// Enables or disables the logins of a subject. Returns `false` if there is no such account.
    ///
    /// Access tokens that were issued before stay valid until they expire. Sessions end at their
    /// next refresh only if [`find`](Self::find) is the `TokenIssuerBuilder::reload`. Otherwise they can
    /// be refreshed for as long as a session lasts. `TokenIssuer::end_all_sessions` ends both at once.
    ///
    /// # Errors
    ///
    /// [`Unavailable`](crate::RejectionKind::Unavailable) if the store cannot be reached.
    pub async fn set_enabled(&self, subject: &str, enabled: bool) -> Result<bool, Rejection> {
        self.store.set_enabled(&self.issuer, subject, enabled).await
    }

    /// Removes an account; `false` if there was none.
    ///
    /// Its sessions, access tokens and API keys are stored elsewhere, and this method does not end
    /// them. Call `TokenIssuer::end_all_sessions`, as after [`set_enabled`](Self::set_enabled), and
    /// revoke its API keys.
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

    /// Checks whether a new password may be set. Estimating the guesses takes milliseconds, so the
    /// pool does it.
    async fn checked(
        &self,
        name: &str,
        password: &str,
    ) -> Result<Result<NormalizedPassword, PolicyError>, Rejection> {
        if password.len() > LONGEST {
            return Ok(Err(PolicyError::TooLong));
        }
        self.pool.estimate(&self.policy, name, password).await
    }

    /// In normal form, as passwords are set here; and as it was typed, for hashes that were made
    /// elsewhere.
    async fn is_right(
        &self,
        lane: Lane,
        name: &str,
        password: &str,
        stored: Option<&PasswordHash>,
    ) -> Result<bool, Rejection> {
        let normal = normalize(password);
        let verify = |password| self.pool.verify_in(lane, name, password, stored);
        let right = verify(normal.expose()).await?;
        if right || normal.expose() == password {
            return Ok(right);
        }
        verify(password).await
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

fn invalid() -> Rejection {
    Rejection::invalid().with_detail("the name or the password is wrong")
}

/// Returns counters in the memory of this process.
fn here(clock: &Arc<dyn Clock>) -> Arc<dyn EphemeralStore> {
    let clock = Arc::clone(clock);
    Arc::new(MemoryStore::new().with_clock(move || clock.now()))
}

/// Logs a failure with its subject. The typed name is not logged, since it may be a password.
#[cfg_attr(not(feature = "tracing"), allow(unused_variables))]
fn failed(issuer: &str, subject: Option<&str>) {
    #[cfg(feature = "tracing")]
    tracing::info!(target: "tower_auth", issuer, subject, "a login failed");
}

/// Logs that a user has logged in by a form.
#[cfg_attr(not(feature = "tracing"), allow(unused_variables))]
fn logged_in(identity: &Identity) {
    #[cfg(feature = "tracing")]
    tracing::info!(
        target: "tower_auth",
        issuer = identity.issuer(),
        subject = identity.subject(),
        "a user logged in"
    );
}

/// Logs a login that was not checked: there were too many attempts, or a store is down, which is
/// logged once.
fn not_checked(issuer: &str, rejection: &Rejection, outage: &Outage) {
    let is_outage = rejection.kind() == RejectionKind::Unavailable && !rejection.is_busy();
    let begins = is_outage && outage.begins();
    #[cfg(feature = "tracing")]
    {
        let kind = rejection.kind().as_str();
        let error = rejection.source().map(Chain);
        let error = error.map(tracing::field::display);
        const TEXT: &str = "a login was not checked";
        match (is_outage, begins) {
            (true, true) => {
                tracing::error!(target: "tower_auth", issuer, kind, error, "{TEXT}");
            }
            (true, false) => {
                tracing::debug!(target: "tower_auth", issuer, kind, error, "{TEXT}");
            }
            (false, _) => {
                tracing::info!(target: "tower_auth", issuer, kind, error, "{TEXT}");
            }
        }
    }
    #[cfg(not(feature = "tracing"))]
    let _ = (issuer, begins);
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
