//! The connection to the server: made when it is needed, dropped when it fails.

use crate::{ConfigError, Rejection, store::run::within, util::tls};
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, ErrorKind, FromRedisValue, RedisError,
    RetryMethod, aio::MultiplexedConnection,
};
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// The pause after a connection could not be made, which doubles up to the second of these.
const PAUSE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// A server in use is asked so often whether it still is who it was.
const ASKED_EVERY: Duration = Duration::from_secs(1);

/// A connection on which it was not asked for so long is made anew.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(5);

/// The server that keeps the values, and the connection to it.
pub(super) struct Server {
    client: Client,
    timeout: Duration,
    may_evict: bool,
    live: Mutex<Option<Arc<Live>>>,
    /// Held by who connects; the others wait.
    connecting: tokio::sync::Mutex<Attempts>,
}

/// A connection, and who is at its other end.
pub(super) struct Live {
    connection: MultiplexedConnection,
    /// The process (`run_id`), and the history of its values (`master_replid`): a primary that was
    /// a replica for a while has those of another, and is the same process.
    pub(super) history: Arc<str>,
    asked: Mutex<Instant>,
}

/// Since when connecting fails.
#[derive(Default)]
struct Attempts {
    pause: Duration,
    not_before: Option<Instant>,
}

impl Server {
    pub(super) fn new(url: &str) -> Result<Self, ConfigError> {
        let client = Client::open(url).map_err(|error| {
            ConfigError::new("the URL of the Redis server cannot be read").with_source(error)
        })?;
        // The crate `redis` panics without a provider.
        if matches!(
            client.get_connection_info().addr(),
            ConnectionAddr::TcpTls { .. }
        ) {
            tls::provider()?;
        }
        Ok(Self::of(client, Duration::from_secs(1), false))
    }

    fn of(client: Client, timeout: Duration, may_evict: bool) -> Self {
        Self {
            client,
            timeout,
            may_evict,
            live: Mutex::default(),
            connecting: tokio::sync::Mutex::default(),
        }
    }

    pub(super) fn with_timeout(&self, timeout: Duration) -> Self {
        Self::of(self.client.clone(), timeout, self.may_evict)
    }

    pub(super) fn with_eviction(&self) -> Self {
        Self::of(self.client.clone(), self.timeout, true)
    }

    pub(super) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// The connection, made if there is none. A task makes it, so that it does not matter that
    /// a caller goes away.
    pub(super) async fn connection(self: &Arc<Self>) -> Result<Arc<Live>, Rejection> {
        if let Some(live) = self.known() {
            if live.is_to_be_asked() {
                tokio::spawn(Arc::clone(self).ask(Arc::clone(&live)));
            }
            return Ok(live);
        }
        let server = Arc::clone(self);
        let made = tokio::spawn(async move { server.connect_once().await });
        made.await.map_err(Rejection::unavailable)?
    }

    async fn connect_once(&self) -> Result<Arc<Live>, Rejection> {
        let mut attempts = self.connecting.lock().await;
        if let Some(live) = self.known() {
            return Ok(live);
        }
        if attempts.not_before.is_some_and(|at| Instant::now() < at) {
            return Err(Rejection::unavailable(
                "the Redis server could not be reached a moment ago",
            ));
        }
        match within(self.timeout, self.connect()).await {
            Ok(live) => {
                let live = Arc::new(live);
                *attempts = Attempts::default();
                *self.live() = Some(Arc::clone(&live));
                Ok(live)
            }
            Err(rejection) => {
                attempts.failed();
                Err(rejection)
            }
        }
    }

    async fn connect(&self) -> Result<Live, Rejection> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(None)
            .set_response_timeout(None);
        let connection = self
            .client
            .get_multiplexed_async_connection_with_config(&config);
        let connection = connection.await.map_err(Rejection::unavailable)?;
        Ok(Live {
            history: self.history(&mut connection.clone()).await?,
            connection,
            asked: Mutex::new(Instant::now()),
        })
    }

    /// Returns the process and history of a server, or an error if it must not be used.
    async fn history(&self, connection: &mut MultiplexedConnection) -> Result<Arc<str>, Rejection> {
        let process = info(connection, "server").await?;
        match field(&process, "redis_mode") {
            Some("sentinel") => {
                return Err(Rejection::unavailable(
                    "the address is that of a Redis Sentinel: use the address of the primary, such as a name or a proxy that follows it",
                ));
            }
            Some("cluster") => {
                return Err(Rejection::unavailable(
                    "the Redis server is part of a cluster, which is not supported: use a single primary",
                ));
            }
            _ => {}
        }
        let run_id = field(&process, "run_id").filter(|run_id| !run_id.is_empty());
        let run_id = run_id
            .ok_or_else(|| Rejection::unavailable("the Redis server does not tell its run_id"))?;
        let replication = info(connection, "replication").await?;
        let replication = field(&replication, "master_replid").unwrap_or_default();
        if !self.may_evict {
            keeps_everything(connection).await?;
        }
        Ok(format!("{run_id}-{replication}").into())
    }

    /// Forgets a connection whose server is not who it was: its role may change, and its policy,
    /// while connections stay.
    async fn ask(self: Arc<Self>, live: Arc<Live>) {
        let mut connection = live.connection.clone();
        let history = within(self.timeout, self.history(&mut connection));
        if !history.await.is_ok_and(|history| history == live.history) {
            self.forget(&live);
        }
    }

    /// Asks. A connection that does not answer in time is not asked again: whatever comes after
    /// on it would wait as well.
    pub(super) async fn query<T: FromRedisValue>(
        &self,
        live: &Arc<Live>,
        command: &Cmd,
        deadline: tokio::time::Instant,
    ) -> Result<T, Rejection> {
        let mut connection = live.connection.clone();
        let answer = tokio::time::timeout_at(deadline, command.query_async(&mut connection));
        match answer.await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => {
                if is_of_the_connection(&error) {
                    self.forget(live);
                }
                Err(Rejection::unavailable(error))
            }
            Err(elapsed) => {
                self.forget(live);
                Err(Rejection::unavailable(elapsed))
            }
        }
    }

    fn forget(&self, failed: &Arc<Live>) {
        let mut live = self.live();
        if live.as_ref().is_some_and(|live| Arc::ptr_eq(live, failed)) {
            *live = None;
        }
    }

    fn known(&self) -> Option<Arc<Live>> {
        let mut live = self.live();
        live.take_if(|live| live.asked().elapsed() > FORGOTTEN_AFTER);
        live.clone()
    }

    fn live(&self) -> MutexGuard<'_, Option<Arc<Live>>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Live {
    fn is_to_be_asked(&self) -> bool {
        let mut asked = self.asked();
        let due = asked.elapsed() > ASKED_EVERY;
        if due {
            *asked = Instant::now();
        }
        due
    }

    fn asked(&self) -> MutexGuard<'_, Instant> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Attempts {
    fn failed(&mut self) {
        self.pause = self.pause.saturating_mul(2).clamp(PAUSE.0, PAUSE.1);
        self.not_before = Instant::now().checked_add(self.pause);
    }
}

/// Whether another connection may answer better; one refused command says nothing about the next.
fn is_of_the_connection(error: &RedisError) -> bool {
    match error.kind() {
        ErrorKind::Io | ErrorKind::Parse | ErrorKind::AuthenticationFailed => true,
        // A replica where the primary was before, a server that loads its snapshot.
        ErrorKind::Server(_) => {
            !matches!(error.retry_method(), RetryMethod::NoRetry)
                || error.code() == Some("READONLY")
        }
        _ => false,
    }
}

/// Makes sure that the server never throws a value out to make room for another.
async fn keeps_everything(connection: &mut MultiplexedConnection) -> Result<(), Rejection> {
    let asked: Result<Vec<String>, _> = redis::cmd("CONFIG")
        .arg("GET")
        .arg("maxmemory-policy")
        .query_async(connection)
        .await;
    let policy = match asked {
        Ok(answer) if answer.len() == 2 => answer.into_iter().nth(1),
        // `CONFIG` is forbidden, as by many hosting providers.
        Ok(_) | Err(_) => {
            let memory = info(connection, "memory").await?;
            field(&memory, "maxmemory_policy").map(str::to_owned)
        }
    };
    match policy.as_deref() {
        Some("noeviction") => Ok(()),
        Some(policy) => Err(Rejection::unavailable(format!(
            "the Redis server throws values out when its memory is full: its maxmemory-policy has to be noeviction, and is {policy}"
        ))),
        None => Err(Rejection::unavailable(
            "the Redis server does not tell its maxmemory-policy, which has to be noeviction",
        )),
    }
}

async fn info(connection: &mut MultiplexedConnection, section: &str) -> Result<String, Rejection> {
    let mut command = redis::cmd("INFO");
    let answer = command.arg(section).query_async(connection).await;
    answer.map_err(Rejection::unavailable)
}

/// A field of what `INFO` answers.
fn field<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = info.lines();
    lines
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
        .map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_of_info_is_found_by_its_whole_name() {
        let info = "# Server\r\nrun_id_before:x\r\nrun_id:abc\r\n";
        assert_eq!(field(info, "run_id"), Some("abc"));
        assert_eq!(field(info, "run"), None);
        assert_eq!(field(info, "config_file"), None);
    }

    #[test]
    fn pauses_double_up_to_a_second() {
        let mut attempts = Attempts::default();
        let pauses = [50, 100, 200, 400, 800, 1000, 1000];
        for pause in pauses.map(Duration::from_millis) {
            attempts.failed();
            assert_eq!(attempts.pause, pause);
        }
    }
}
