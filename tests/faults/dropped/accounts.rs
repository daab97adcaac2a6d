//! Operations on accounts, each dropped once.

use super::pair::{Failed, Pair, SECOND, completed, wrong};
use crate::{
    harness::{PATIENCE, answered},
    polls::dropped_after,
};
use std::{sync::Arc, time::Instant};
use tower_auth::account::{ChangeError, RegisterError};

const PASSWORD: &str = "a quiet harbour at dusk";
const OTHER_PASSWORD: &str = "another harbour at dawn";

pub(super) async fn register(pair: &Pair, polls: usize, subject: &str) -> Result<bool, Failed> {
    let [dropping, other] = &pair.accounts;
    let dropped = dropped_after(polls, dropping.register(subject, PASSWORD)).await;
    match other.register(subject, PASSWORD).await {
        Ok(_) | Err(RegisterError::Taken) => {}
        Err(error) => return Err(registered(error)),
    }
    other.log_in(subject, PASSWORD).await?;
    Ok(dropped.transpose().map_err(registered)?.is_some())
}

fn registered(error: RegisterError) -> Failed {
    match error {
        RegisterError::Unavailable(rejection) => rejection.into(),
        error => wrong(error.to_string()),
    }
}

pub(super) async fn change_password(
    pair: &Pair,
    polls: usize,
    subject: &str,
) -> Result<bool, Failed> {
    let [dropping, other] = &pair.accounts;
    let account = other
        .register(subject, PASSWORD)
        .await
        .map_err(registered)?;
    let changing = dropping.change_password(&account.subject, PASSWORD, OTHER_PASSWORD);
    let dropped = dropped_after(polls, changing).await;
    let dropped = dropped.transpose().map_err(|error| match error {
        ChangeError::Refused(rejection) => rejection.into(),
        error => wrong(error.to_string()),
    })?;
    let accepts = async |password| {
        let answer = answered(|| other.log_in(subject, password)).await;
        answer.is_ok()
    };
    let until = Instant::now() + PATIENCE / 10;
    loop {
        let (old, new) = (accepts(PASSWORD).await, accepts(OTHER_PASSWORD).await);
        if old != new && (new || dropped.is_none()) {
            return Ok(dropped.is_some());
        }
        // It may have been changed between the two.
        if Instant::now() > until {
            return Err(wrong(format!("accepted: old {old}, new {new}")));
        }
    }
}

/// Log-ins with the right password whose client gives up: the owner is not locked out.
pub(super) async fn log_in(pair: &Pair, polls: usize, subject: &str) -> Result<bool, Failed> {
    let [dropping, _] = &pair.accounts;
    let limited = dropping.clone();
    let limited = limited.with_attempt_store(Arc::clone(&pair.attempts));
    let limited = limited.max_attempts(3, 3600 * SECOND);
    limited
        .register(subject, PASSWORD)
        .await
        .map_err(registered)?;
    let mut last = None;
    for _ in 0..5 {
        last = dropped_after(polls, limited.log_in(subject, PASSWORD)).await;
    }
    answered(|| limited.log_in(subject, PASSWORD)).await?;
    completed(last)
}
