//! [`RedisStore`]: what is short-lived, shared by many servers.

use super::server::{Live, Server};
use crate::{
    ConfigError, Rejection, Verdict,
    store::{BatchRead, Counted, EphemeralStore, Raise, run::within},
};
use redis::{Cmd, FromRedisValue};
use std::{fmt, sync::Arc, time::Duration};
use tokio::time::Instant;

/// Adds one, and lets the counter end so long after the first.
const COUNT: &str = "\
local count = redis.call('INCR', KEYS[1])
if redis.call('PTTL', KEYS[1]) < 0 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return count";

/// Raises numbers. They are compared as texts of the same length.
const RAISE: &str = "\
for i, key in ipairs(KEYS) do
  local value, lifetime = ARGV[2 * i - 1], tonumber(ARGV[2 * i])
  local kept, left = redis.call('GET', key), redis.call('PTTL', key)
  if kept and kept > value then value = kept end
  if left == -1 then redis.call('SET', key, value)
  else redis.call('SET', key, value, 'PX', string.format('%.0f', math.max(left, lifetime))) end
end";

/// Reads counters, and the time until each of them ends.
const COUNTED: &str = "\
local found = {}
for i, key in ipairs(KEYS) do
  found[i] = {tonumber(redis.call('GET', key)) or 0, redis.call('PTTL', key)}
end
return found";

/// The longest time-out that can be configured.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// Keeps short-lived values in Redis (6.2 or later). Clones share one connection.
///
/// The server is one primary. A cluster and the address of a Sentinel are errors at start-up. With
/// Sentinel, use a name or a proxy that follows the primary: see rule 4.
///
/// 1. Whatever takes longer than a second, with connecting, is
///    [`Unavailable`](crate::RejectionKind::Unavailable). A connection that failed is made anew at
///    the next use, after a pause of up to a second where that fails again.
/// 2. A server that throws values out when its memory is full (`maxmemory-policy` other than
///    `noeviction`) is refused, also if it begins to later: it would forget revocations and attempts.
///    When its memory is full, every write is unavailable, including a log-out. The counters of
///    failed logins cannot fill it: there is at most one per account, and 65,536 for all names
///    without an account (some 8 MB). Give it memory for these, and for a revocation per log-out.
/// 3. Its [history](BatchRead::history) consists of the server's `run_id` and `master_replid`. Both are
///    read at every connection, and every second in use. A server that was restarted, even from an
///    old snapshot, has other values. So has a server that replaced another one.
/// 4. Replication of Redis is asynchronous: a replica that takes over may lack the last values. For
///    revocations that has no effect if the clients of Redis have to connect again, since the
///    history is read first. Behind a proxy that moves live connections to another server, the
///    change is noticed within a second. Set `min-replicas-to-write`, so that a primary that was
///    cut off does not continue to accept writes.
/// 5. Only revocations are safe from a restart that loses values. All other values return to the
///    snapshot, or to the state of the replica. A session of `login` that has ended since is
///    accepted again from a copy of its cookie. The `state` of a login can be used again. Failed
///    logins are no longer counted. Sessions kept here have a refresh token that the provider may
///    treat as stolen. To rule that out for a restart, set `appendonly yes` and `appendfsync
///    always`.
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

    fn ask<T: FromRedisValue + Send + 'static>(&self, command: Cmd) -> Verdict<T> {
        let store = self.clone();
        Verdict::pending(async move {
            let (live, deadline) = store.live().await?;
            store.server.query(&live, &command, deadline).await
        })
    }

    /// The connection, and until when it has to answer.
    async fn live(&self) -> Result<(Arc<Live>, Instant), Rejection> {
        let timeout = self.server.timeout().min(LONGEST);
        let deadline = Instant::now() + timeout;
        let live = within(timeout, self.server.connection()).await?;
        Ok((live, deadline))
    }
}

impl EphemeralStore for RedisStore {
    fn add(&self, key: &str, value: &[u8], lifetime: Duration) -> Verdict<bool> {
        let mut command = redis::cmd("SET");
        command.arg(self.key(key)).arg(value);
        command.arg("PX").arg(millis(lifetime)).arg("NX");
        let added = self.ask::<Option<String>>(command);
        added.map(|ok| ok.is_some())
    }

    fn put(&self, key: &str, value: &[u8], lifetime: Duration) -> Verdict<()> {
        let mut command = redis::cmd("SET");
        command.arg(self.key(key)).arg(value);
        command.arg("PX").arg(millis(lifetime));
        self.ask(command)
    }

    fn read(&self, keys: &[&str]) -> Verdict<BatchRead> {
        let mut command = redis::cmd("MGET");
        for key in keys {
            command.arg(self.key(key));
        }
        let (store, is_empty) = (self.clone(), keys.is_empty());
        Verdict::pending(async move {
            let (live, deadline) = store.live().await?;
            let values = match is_empty {
                true => Vec::new(),
                false => store.server.query(&live, &command, deadline).await?,
            };
            let history = Arc::clone(&live.history);
            Ok(BatchRead { values, history })
        })
    }

    fn take(&self, key: &str) -> Verdict<Option<Vec<u8>>> {
        let mut command = redis::cmd("GETDEL");
        command.arg(self.key(key));
        self.ask(command)
    }

    fn count(&self, key: &str, window: Duration) -> Verdict<u64> {
        let mut command = redis::cmd("EVAL");
        command.arg(COUNT).arg(1).arg(self.key(key));
        command.arg(millis(window));
        self.ask(command)
    }

    fn raise(&self, raised: &[Raise<'_>]) -> Verdict<()> {
        if raised.is_empty() {
            return Verdict::ready(Ok(()));
        }
        let mut command = redis::cmd("EVAL");
        command.arg(RAISE).arg(raised.len());
        for one in raised {
            command.arg(self.key(one.key));
        }
        for one in raised {
            command.arg(one.value()).arg(millis(one.lifetime));
        }
        self.ask(command)
    }

    fn counted(&self, keys: &[&str]) -> Verdict<Vec<Option<Counted>>> {
        let mut command = redis::cmd("EVAL");
        command.arg(COUNTED).arg(keys.len());
        for key in keys {
            command.arg(self.key(key));
        }
        let found = self.ask::<Vec<(u64, i64)>>(command);
        found.map(|found| {
            let counted = |(count, left)| Counted {
                count,
                ends_in: u64::try_from(left).ok().map(Duration::from_millis),
            };
            let found = found.into_iter();
            found
                .map(|found| (found.0 > 0).then(|| counted(found)))
                .collect()
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
