//! Conversions between the values of the crate and those of databases, and limits.

use crate::clock::{LAST_SECOND, at, seconds};
use sha2::{Digest as _, Sha256};
use std::{
    future::Future,
    pin::Pin,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// The future of a statement's result, which borrows the connection.
pub(in crate::store) type Answer<'c, T> =
    Pin<Box<dyn Future<Output = sqlx::Result<T>> + Send + 'c>>;

/// The largest number of expired rows that are deleted at once.
pub(in crate::store) const BATCH: u64 = 500;

/// The largest number of rows that are read at once if all of them are needed.
pub(in crate::store) const PAGE: usize = 1000;

/// Expired rows are deleted by one in so many writes of short-lived values.
pub(in crate::store) const SWEEP_EVERY: u64 = 64;

/// A time in whole seconds, rounded down.
pub(in crate::store) fn to_seconds(time: SystemTime) -> i64 {
    capped(seconds(time))
}

/// A time in whole seconds, rounded up.
pub(in crate::store) fn to_seconds_up(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    capped(
        since
            .as_secs()
            .saturating_add(u64::from(since.subsec_nanos() > 0)),
    )
}

fn capped(seconds: u64) -> i64 {
    i64::try_from(seconds.min(LAST_SECOND)).unwrap_or(i64::MAX)
}

pub(in crate::store) fn from_seconds(seconds: i64) -> SystemTime {
    at(u64::try_from(seconds).unwrap_or(0))
}

/// A time in milliseconds, rounded down.
pub(in crate::store) fn to_millis(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let last = Duration::from_secs(LAST_SECOND);
    i64::try_from(since.min(last).as_millis()).unwrap_or(i64::MAX)
}

pub(in crate::store) fn from_millis(millis: i64) -> SystemTime {
    let since = Duration::from_millis(u64::try_from(millis).unwrap_or(0));
    UNIX_EPOCH + since.min(Duration::from_secs(LAST_SECOND))
}

/// Converts a logical time. A number that is too large for a database is stored as the largest.
pub(in crate::store) fn to_number(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(in crate::store) fn from_number(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

/// A lifetime in milliseconds, rounded up, and at most as long as there are years.
pub(in crate::store) fn lifetime_millis(lifetime: Duration) -> i64 {
    let millis = lifetime.as_nanos().div_ceil(1_000_000);
    i64::try_from(millis)
        .unwrap_or(i64::MAX)
        .min(capped(LAST_SECOND).saturating_mul(1000))
}

pub(in crate::store) fn to_list(items: &[String]) -> sqlx::Result<String> {
    serde_json::to_string(items).map_err(|error| sqlx::Error::Encode(error.into()))
}

pub(in crate::store) fn from_list(text: &str) -> sqlx::Result<Vec<String>> {
    serde_json::from_str(text).map_err(decode)
}

pub(in crate::store) fn from_digest(bytes: Vec<u8>) -> sqlx::Result<[u8; 32]> {
    bytes
        .try_into()
        .map_err(|_| decode("a digest that is not 32 bytes long"))
}

pub(in crate::store) fn from_text(bytes: Vec<u8>) -> sqlx::Result<String> {
    String::from_utf8(bytes).map_err(decode)
}

pub(in crate::store) fn decode(
    error: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> sqlx::Error {
    sqlx::Error::Decode(error.into())
}

/// The kind of a revocation, as in `auth_revocations.kind`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum Kind {
    Token = 1,
    Session = 2,
    Subject = 3,
}

/// Stands for something revoked, whatever its name is made of.
pub(in crate::store) fn revocation_digest(kind: Kind, issuer: &str, name: &str) -> [u8; 32] {
    Sha256::new()
        .chain_update([kind as u8])
        .chain_update((issuer.len() as u64).to_be_bytes())
        .chain_update(issuer)
        .chain_update(name)
        .finalize()
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_any_size_are_kept_as_what_is_nearest() {
        let end = UNIX_EPOCH + Duration::from_secs(LAST_SECOND);
        let beyond = UNIX_EPOCH + Duration::from_secs(i64::MAX as u64);
        let before = UNIX_EPOCH - Duration::from_secs(5);
        assert_eq!(from_seconds(to_seconds(beyond)), end);
        assert_eq!(from_seconds(to_seconds_up(beyond)), end);
        assert_eq!(from_millis(to_millis(beyond)), end);
        assert_eq!(from_seconds(to_seconds(before)), UNIX_EPOCH);
        assert_eq!(from_millis(to_millis(before)), UNIX_EPOCH);
        assert_eq!(from_seconds(i64::MAX), end);
        assert_eq!(from_millis(i64::MIN), UNIX_EPOCH);
        assert_eq!(lifetime_millis(Duration::MAX), 253_402_300_799_000);
        assert_eq!(lifetime_millis(Duration::from_nanos(1)), 1);
    }

    #[test]
    fn only_a_time_until_which_something_is_remembered_is_rounded_up() {
        let time = UNIX_EPOCH + Duration::from_millis(1_500);
        assert_eq!((to_seconds(time), to_seconds_up(time)), (1, 2));
        assert_eq!(to_seconds_up(UNIX_EPOCH + Duration::from_secs(2)), 2);
    }

    #[test]
    fn no_two_things_revoked_have_one_digest() {
        let digests = [
            revocation_digest(Kind::Token, "ab", "c"),
            revocation_digest(Kind::Token, "a", "bc"),
            revocation_digest(Kind::Session, "ab", "c"),
            revocation_digest(Kind::Subject, "ab", "c"),
        ];
        for (n, digest) in digests.iter().enumerate() {
            assert!(!digests[..n].contains(digest));
        }
    }
}
