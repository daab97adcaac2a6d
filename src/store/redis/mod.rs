//! [`RedisStore`]: what is short-lived, shared by many servers.

mod server;

use super::{Read, ShortLived};
use crate::{ConfigError, Rejection, Verdict};
use redis::{Cmd, FromRedisValue};
use server::{Live, Server};
use std::{fmt, sync::Arc, time::Duration};
use tokio::time::Instant;

/// Adds one, and lets the counter end so long after the first.
const COUNT: &str = "\
local count = redis.call('INCR', KEYS[1])
if redis.call('PTTL', KEYS[1]) < 0 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return count";

/// Makes the mark of a filling, if it is still there, that of completeness, which does not end.
const COMPLETE: &str = "\
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call('RENAME', KEYS[1], KEYS[2])
redis.call('PERSIST', KEYS[2])
return 1";

/// How long one may wait at most, whatever is configured.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// How long a filling may take.
const FILLED_WITHIN: Duration = Duration::from_secs(10 * 60);

/// Keeps short-lived values in Redis (6.2 or later; one server, not a cluster). Clones share one
/// connection.
///
/// 1. Whatever takes longer than a second, with connecting, is
///    [`Unavailable`](crate::RejectionKind::Unavailable). A connection that failed is made anew at
///    the next use, after a pause of up to a second where that fails again.
/// 2. A server that throws values out when its memory is full (`maxmemory-policy` other than
///    `noeviction`) is refused, also if it begins to later: it would forget revocations and attempts.
/// 3. The mark of [completeness](Read::complete) is kept under the server's `run_id` and
///    `master_replid`, which are read at every connection, and every second in use. A server that
///    was restarted, also from an old snapshot, has others, as has one that took another's place;
///    one that was emptied has lost the mark with the rest.
#[derive(Clone)]
pub struct RedisStore {
    server: Arc<Server>,
    prefix: Arc<str>,
}

impl RedisStore {
    /// Connects to the server of a URL (`redis://user:password@host:port/database`; `rediss://`
    /// for TLS, with the certificates that the system trusts).
    ///
    /// # Errors
    ///
    /// If the URL cannot be read, or the server cannot be reached or may throw values out.
    pub async fn connect(url: &str) -> Result<Self, ConfigError> {
        let store = Self::open(url)?;
        store.check().await?;
        Ok(store)
    }

    /// A store whose server need not be there yet. It is looked for at the first use, and
    /// everything is [`Unavailable`](crate::RejectionKind::Unavailable) until it is found, and
    /// does not throw values out.
    ///
    /// # Errors
    ///
    /// If the URL cannot be read.
    pub fn open(url: &str) -> Result<Self, ConfigError> {
        Ok(Self {
            server: Arc::new(Server::new(url)?),
            prefix: Arc::from("tower-auth:"),
        })
    }

    /// Sets what all keys begin with; `tower-auth:` by default. What shares a server and is not
    /// to share values needs another.
    #[must_use]
    pub fn with_prefix(mut self, prefix: &str) -> Self {
        self.prefix = Arc::from(prefix);
        self
    }

    /// Sets how long an answer may take, with connecting; a second by default. Makes a connection
    /// of its own.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.server = Arc::new(self.server.with_timeout(timeout));
        self
    }

    /// Accepts a server that may throw values out when its memory is full, or does not say whether
    /// it does. With them it forgets who is revoked and how often somebody has tried, and nobody
    /// is told. Makes a connection of its own.
    #[must_use]
    pub fn dangerous_allow_eviction(mut self) -> Self {
        self.server = Arc::new(self.server.with_eviction());
        self
    }

    /// Connects now, unless there is a connection.
    ///
    /// # Errors
    ///
    /// If the server cannot be reached or may throw values out.
    pub async fn check(&self) -> Result<(), ConfigError> {
        self.live().await.map(drop).map_err(|rejection| {
            ConfigError::new("the Redis server cannot be used").with_source(rejection)
        })
    }

    fn key(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }

    /// Names of our own begin with a space, which those of others do not.
    fn complete_key(&self, live: &Live) -> String {
        self.key(&format!(" complete:{}", live.history))
    }

    fn filling_key(&self, mark: &str) -> String {
        self.key(&format!(" filling:{mark}"))
    }

    /// Asks by a command that is made for the server it goes to.
    fn ask<T: FromRedisValue + Send + 'static>(
        &self,
        command: impl FnOnce(&Self, &Live) -> Cmd + Send + 'static,
    ) -> Verdict<T> {
        let store = self.clone();
        Verdict::pending(async move {
            let (live, deadline) = store.live().await?;
            let command = command(&store, &live);
            store.server.query(&live, &command, deadline).await
        })
    }

    /// The connection, and until when it has to answer.
    async fn live(&self) -> Result<(Arc<Live>, Instant), Rejection> {
        let timeout = self.server.timeout().min(LONGEST);
        let deadline = Instant::now() + timeout;
        let live = super::within(timeout, self.server.connection()).await?;
        Ok((live, deadline))
    }
}

impl ShortLived for RedisStore {
    fn add(&self, key: &str, value: &[u8], lifetime: Duration) -> Verdict<bool> {
        let mut command = redis::cmd("SET");
        command.arg(self.key(key)).arg(value);
        command.arg("PX").arg(millis(lifetime)).arg("NX");
        let added = self.ask::<Option<String>>(|_, _| command);
        added.map(|ok| ok.is_some())
    }

    fn put(&self, key: &str, value: &[u8], lifetime: Duration) -> Verdict<()> {
        let mut command = redis::cmd("SET");
        command.arg(self.key(key)).arg(value);
        command.arg("PX").arg(millis(lifetime));
        self.ask(|_, _| command)
    }

    fn read(&self, keys: &[&str]) -> Verdict<Read> {
        let keys: Vec<_> = keys.iter().map(|key| self.key(key)).collect();
        let found = self.ask::<Vec<Option<Vec<u8>>>>(|store, live| {
            let mut command = redis::cmd("MGET");
            command.arg(store.complete_key(live)).arg(keys);
            command
        });
        found.map(|found| {
            let mut found = found.into_iter();
            let complete = found.next().flatten().is_some();
            Read {
                values: found.collect(),
                complete,
            }
        })
    }

    fn take(&self, key: &str) -> Verdict<Option<Vec<u8>>> {
        let mut command = redis::cmd("GETDEL");
        command.arg(self.key(key));
        self.ask(|_, _| command)
    }

    fn count(&self, key: &str, window: Duration) -> Verdict<u64> {
        let mut command = redis::cmd("EVAL");
        command.arg(COUNT).arg(1).arg(self.key(key));
        command.arg(millis(window));
        self.ask(|_, _| command)
    }

    fn begin_filling(&self) -> Verdict<String> {
        let store = self.clone();
        Verdict::pending(async move {
            let (live, deadline) = store.live().await?;
            let random = super::random_hex().map_err(Rejection::unavailable)?;
            // What is filled on one server says nothing about another, also not about a replica
            // that takes its place with most of its values.
            let mark = format!("{}:{random}", live.history);
            let mut command = redis::cmd("SET");
            command.arg(store.filling_key(&mark)).arg("");
            command.arg("PX").arg(millis(FILLED_WITHIN));
            store.server.query::<()>(&live, &command, deadline).await?;
            Ok(mark)
        })
    }

    fn complete(&self, mark: &str) -> Verdict<bool> {
        let store = self.clone();
        let mark = mark.to_owned();
        Verdict::pending(async move {
            let (live, deadline) = store.live().await?;
            if mark.split_once(':').map(|(history, _)| history) != Some(&*live.history) {
                return Ok(false);
            }
            let mut command = redis::cmd("EVAL");
            command.arg(COMPLETE).arg(2);
            command.arg(store.filling_key(&mark));
            command.arg(store.complete_key(&live));
            store.server.query(&live, &command, deadline).await
        })
    }
}

/// Rounded up: no value of Redis lasts for less than a millisecond. The most is what it can add
/// to the present.
fn millis(lifetime: Duration) -> u64 {
    let millis = lifetime.as_nanos().div_ceil(1_000_000).max(1);
    let most = crate::clock::LAST_SECOND.saturating_mul(1000);
    u64::try_from(millis).map_or(most, |millis| millis.min(most))
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore")
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}
