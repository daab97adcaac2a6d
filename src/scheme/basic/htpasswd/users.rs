//! [`Htpasswd`]: users of a file that `htpasswd` writes.

use super::watch::{self, Watch};
use crate::{
    ConfigError, Identity, Verdict, Verify,
    basic::{Credentials, User, Users},
    password::HashPool,
};
use std::{
    fmt,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc},
    time::Duration,
};

/// The users of a file as Apache's `htpasswd -B` writes it, followed as it changes.
///
/// A line is `name:hash`, with any hash that [`PasswordHash::parse`] understands: bcrypt
/// (`htpasswd -B`), SHA-crypt (`htpasswd -5`, `mkpasswd`), Argon2id and the others. What follows
/// another colon is ignored, as are blank lines and those that begin with `#`. Kinds that are too
/// weak are refused: `$apr1$` (what `htpasswd` makes when asked for nothing), `{SHA}`, DES and
/// plain text.
///
/// A thread checks the file once a second, and reads it if it has changed and was not written for
/// a fifth of a second. Removed users are rejected after about two seconds, even if they are
/// cached. If the file cannot be read or is invalid, the users stay as they are, and one warning is
/// logged (target `tower_auth`). To change the file, rename a complete one to its name.
///
/// The file has at most 4 MiB, and a line 1,024 bytes. Clones share the users; the thread ends with
/// the last one. Everything else is as with [`Users`].
///
/// ```no_run
/// use tower_auth::basic::{Basic, Htpasswd};
///
/// let users = Htpasswd::open("/etc/shop/htpasswd")?
///     .with_roles(|name| if name == "root" { vec!["admin"] } else { vec![] });
/// let basic = Basic::new("internal", users);
/// # let _ = basic;
/// # Ok::<(), tower_auth::ConfigError>(())
/// ```
///
/// [`PasswordHash::parse`]: crate::password::PasswordHash::parse
#[derive(Clone)]
pub struct Htpasswd {
    users: Users,
    source: Arc<Mutex<Source>>,
    /// Ends the thread when it is dropped.
    _watching: Arc<mpsc::Sender<()>>,
}

/// Who is in the file, and what the application lets them be.
struct Source {
    all: Vec<User>,
    roles: Arc<Roles>,
}

type Roles = dyn Fn(&str) -> Vec<Box<str>> + Send + Sync;

impl Htpasswd {
    /// Reads the file, and follows it. It blocks: for start-up.
    ///
    /// # Errors
    ///
    /// If it cannot be read, is too large, or has a line that is of no use; the message names the
    /// line. If no thread can be had, or the operating system has no random bytes.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, ConfigError> {
        let path = path.as_ref();
        let mut watch = Watch::new(path);
        let all = watch.first()?;
        let users = Users::new([])?;
        let source = Arc::new(Mutex::new(Source {
            all,
            roles: Arc::new(|_| Vec::new()),
        }));
        lock(&source).publish(&users);
        let (sender, stopped) = mpsc::channel();
        watch::spawn(watch, INTERVAL, stopped, {
            let (source, users) = (Arc::clone(&source), users.clone());
            move |all| {
                let mut source = lock(&source);
                source.all = all;
                source.publish(&users);
            }
        })
        .map_err(|error| ConfigError::new("no thread to watch the file").with_source(error))?;
        Ok(Self {
            users,
            source,
            _watching: Arc::new(sender),
        })
    }

    /// Gives users the roles that this returns for their name, now and whenever the file changes.
    ///
    /// It counts for every clone, and replaces what was given before.
    #[must_use]
    pub fn with_roles<R>(self, roles: impl Fn(&str) -> R + Send + Sync + 'static) -> Self
    where
        R: IntoIterator,
        R::Item: AsRef<str>,
    {
        let mut source = lock(&self.source);
        source.roles = Arc::new(move |name| {
            let roles = roles(name).into_iter();
            roles.map(|role| role.as_ref().into()).collect()
        });
        source.publish(&self.users);
        drop(source);
        self
    }

    /// Checks passwords in this pool, which others may share.
    #[must_use]
    pub fn with_pool(mut self, pool: HashPool) -> Self {
        self.users = self.users.with_pool(pool);
        self
    }

    /// Sets for how long credentials that were right are taken for right without computing the
    /// hash again. Default: 60 seconds.
    #[must_use]
    pub fn with_cache_time_to_live(mut self, time_to_live: Duration) -> Self {
        self.users = self.users.with_cache_time_to_live(time_to_live);
        self
    }

    /// Computes the hash for every request.
    #[must_use]
    pub fn without_cache(mut self) -> Self {
        self.users = self.users.without_cache();
        self
    }

    /// How many users there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.users.len()
    }

    /// Whether there is no user at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.users.is_empty()
    }
}

impl Source {
    fn publish(&self, users: &Users) {
        let all = self.all.iter().map(|user| {
            let roles = (self.roles)(user.name());
            roles.iter().fold(user.clone(), User::with_role)
        });
        users.set_all(all.collect());
    }
}

/// A panic of the application's closure leaves it whole.
fn lock(source: &Mutex<Source>) -> MutexGuard<'_, Source> {
    source.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Verify<Credentials> for Htpasswd {
    fn verify(&self, credentials: Credentials) -> Verdict<Identity> {
        self.users.verify(credentials)
    }
}

impl fmt::Debug for Htpasswd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Htpasswd")
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

/// How often the file is looked at.
const INTERVAL: Duration = Duration::from_secs(1);
