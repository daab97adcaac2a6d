//! One call of the endpoint, and what it shows.

use super::{
    IntrospectionError,
    answer::Rules,
    breaker::{Breaker, Leave, Outcome},
    log,
    request::{self, Credentials},
};
use crate::{
    Clock, Identity, clock,
    fetch::{FetchError, FetchErrorKind, Guard},
};
use bytes::Bytes;
use http::{Response, StatusCode, Uri};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    sync::Semaphore,
    time::{Instant, timeout},
};

/// The endpoint, and how it may be called.
pub(super) struct Endpoint {
    pub(super) url: Uri,
    pub(super) credentials: Credentials,
    pub(super) client: Guard,
    /// For a whole call, with waiting for its turn.
    pub(super) time_out: Duration,
    /// One for each call at once.
    pub(super) turns: Semaphore,
    /// How long a call may wait for its turn.
    pub(super) patience: Duration,
    pub(super) breaker: Mutex<Breaker>,
    /// How long the endpoint is left alone.
    pub(super) delay: Duration,
    pub(super) rules: Rules,
    pub(super) clock: Arc<dyn Clock>,
}

/// Leave to call. However the call ends, the breaker gets to know.
struct Call<'a> {
    endpoint: &'a Endpoint,
    leave: Leave,
    outcome: Outcome,
}

impl Endpoint {
    /// Asks about a token whose shape is right.
    pub(super) async fn ask(&self, token: &str) -> Result<Identity, IntrospectionError> {
        let mut call = self.admit()?;
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
        let judged = answer.and_then(|answer| self.judge(answer));
        call.outcome = outcome(&judged);
        judged
    }

    fn admit(&self) -> Result<Call<'_>, IntrospectionError> {
        let now = self.clock.now();
        let mut breaker = self.breaker.lock().unwrap_or_else(PoisonError::into_inner);
        match breaker.admit(now) {
            Ok(leave) => Ok(Call {
                endpoint: self,
                leave,
                outcome: Outcome::Nothing,
            }),
            Err(wait) => Err(IntrospectionError::LeftAlone(wait)),
        }
    }

    /// RFC 7662 sections 2.2 and 2.3.
    fn judge(&self, answer: Response<Bytes>) -> Result<Identity, IntrospectionError> {
        match answer.status() {
            StatusCode::OK => {
                let now = clock::now(&*self.clock);
                self.rules.identity(answer.into_body().into(), now)
            }
            status @ (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => {
                log::own_credentials_refused(self.host(), status);
                Err(IntrospectionError::Credentials(status))
            }
            status => Err(IntrospectionError::Status(status)),
        }
    }

    pub(super) fn host(&self) -> &str {
        self.url.host().unwrap_or_default()
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        let endpoint = self.endpoint;
        // The application's clock is not called under the lock.
        let now = endpoint.clock.now();
        let breaker = endpoint.breaker.lock();
        let mut breaker = breaker.unwrap_or_else(PoisonError::into_inner);
        let opened = breaker.settle(self.leave, self.outcome, now);
        drop(breaker);
        if opened {
            log::left_alone(endpoint.host(), endpoint.delay);
        }
    }
}

fn failed(error: FetchError) -> IntrospectionError {
    match error.kind() {
        FetchErrorKind::TimedOut => IntrospectionError::TimedOut,
        FetchErrorKind::NoRuntime => IntrospectionError::NoRuntime,
        _ => IntrospectionError::Fetch(Arc::new(error)),
    }
}

/// What a judged call shows of the endpoint, whatever it says of the token.
fn outcome(judged: &Result<Identity, IntrospectionError>) -> Outcome {
    match judged {
        Err(IntrospectionError::NoRuntime) => Outcome::Nothing,
        // The request is no good, and what a client has chosen in it is the token: nobody may
        // close the endpoint for all others by sending some.
        Err(IntrospectionError::Status(
            StatusCode::BAD_REQUEST
            | StatusCode::PAYLOAD_TOO_LARGE
            | StatusCode::UNPROCESSABLE_ENTITY,
        )) => Outcome::Nothing,
        Err(error) if error.is_unavailable() => Outcome::Failure,
        Ok(_) | Err(_) => Outcome::Success,
    }
}
