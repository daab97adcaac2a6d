//! One call of the endpoint, and the meaning of its answer.

use super::{
    IntrospectionError,
    answer::Rules,
    log,
    request::{self, Credentials},
};
use crate::{
    Identity,
    clock::{self, Clock},
    fetch::{FetchError, FetchErrorKind, Guard},
};
use bytes::Bytes;
use http::{Response, StatusCode, Uri, header::RETRY_AFTER};
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::Semaphore,
    time::{Instant, timeout},
};

/// The upper bound for a `Retry-After` of the endpoint.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// The endpoint, and how it may be called.
///
/// Calls are not stopped after failures, because a client chooses the tokens that the endpoint is
/// asked about. If an endpoint fails on odd tokens, a client could stop the calls for all others by
/// sending a few. `turns`, `patience` and `time_out` bound the cost of an endpoint that is down.
pub(super) struct Endpoint {
    pub(super) url: Uri,
    pub(super) credentials: Credentials,
    pub(super) client: Guard,
    /// For a whole call, with waiting for its turn.
    pub(super) time_out: Duration,
    /// One for each call at once.
    pub(super) turns: Semaphore,
    /// The longest time for which a call may wait for its turn.
    pub(super) patience: Duration,
    pub(super) rules: Rules,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) credentials_log: log::Seldom,
}

impl Endpoint {
    /// Asks about a token whose shape is right.
    pub(super) async fn ask(&self, token: &str) -> Result<Identity, IntrospectionError> {
        let started = Instant::now();
        let patience = self.patience.min(self.time_out);
        let Ok(Ok(_turn)) = timeout(patience, self.turns.acquire()).await else {
            return Err(IntrospectionError::Busy);
        };
        let left = self.time_out.saturating_sub(started.elapsed());
        let request = request::about(token, &self.url, &self.credentials);
        let answer = match timeout(left, self.client.send(request)).await {
            Ok(answer) => answer.map_err(failed),
            Err(_) => Err(IntrospectionError::TimedOut),
        };
        answer.and_then(|answer| self.check(answer))
    }

    /// RFC 7662 sections 2.2 and 2.3.
    fn check(&self, answer: Response<Bytes>) -> Result<Identity, IntrospectionError> {
        match answer.status() {
            StatusCode::OK => {
                let now = clock::now(&*self.clock);
                self.rules.identity(answer.into_body().into(), now)
            }
            status @ (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => {
                if self.credentials_log.is_due(clock::now(&*self.clock)) {
                    log::own_credentials_refused(self.host(), status);
                }
                Err(IntrospectionError::Credentials(status))
            }
            status => Err(match retry_after(&answer) {
                Some(wait) => IntrospectionError::RetryAfter(status, wait),
                None => IntrospectionError::Status(status),
            }),
        }
    }

    pub(super) fn host(&self) -> &str {
        self.url.host().unwrap_or_default()
    }
}

fn failed(error: FetchError) -> IntrospectionError {
    match error.kind() {
        FetchErrorKind::TimedOut => IntrospectionError::TimedOut,
        FetchErrorKind::NoRuntime => IntrospectionError::NoRuntime,
        _ => IntrospectionError::Fetch(Arc::new(error)),
    }
}

/// Returns the time after which a busy endpoint may be asked again. Dates are not read, because
/// servers that limit calls send seconds.
fn retry_after(answer: &Response<Bytes>) -> Option<Duration> {
    let is_busy = [
        StatusCode::TOO_MANY_REQUESTS,
        StatusCode::SERVICE_UNAVAILABLE,
    ]
    .contains(&answer.status());
    let seconds = answer.headers().get(RETRY_AFTER).filter(|_| is_busy)?;
    let seconds: u64 = seconds.to_str().ok()?.parse().ok()?;
    let wait = Duration::from_secs(seconds);
    Some(wait.clamp(Duration::from_secs(1), LONGEST_WAIT))
}
