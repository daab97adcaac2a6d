//! An issuer of tokens with a clock that tests move.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tower_auth::{
    Identity, Rejection, RejectionKind, Verify,
    bearer::Token,
    clock::Clock,
    issue::{RefreshError, Signer, SigningKeys, TokenIssuer, TokenIssuerBuilder},
    jwt::Algorithm,
    revocation::RevokedBy,
    store::MemoryStore,
};

pub(crate) const ISSUER: &str = "https://api.example.com/";
pub(crate) const SECRET: [u8; 32] = [7; 32];
pub(crate) const START: u64 = 1_800_000_000_000;

/// A clock in milliseconds that a test moves.
#[derive(Clone)]
pub(crate) struct Hand(pub(crate) Arc<AtomicU64>);

impl Hand {
    pub(crate) fn new() -> Self {
        Self(Arc::new(AtomicU64::new(START)))
    }

    pub(crate) fn pass(&self, time: Duration) {
        self.0.fetch_add(time.as_millis() as u64, SeqCst);
    }

    pub(crate) fn back(&self, time: Duration) {
        self.0.fetch_sub(time.as_millis() as u64, SeqCst);
    }
}

impl Clock for Hand {
    fn now(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(self.0.load(SeqCst))
    }
}

pub(crate) fn keys() -> SigningKeys {
    SigningKeys::new(Signer::from_secret(Algorithm::HS256, SECRET).unwrap())
}

pub(crate) fn builder(hand: &Hand) -> TokenIssuerBuilder {
    TokenIssuer::issuer(ISSUER, keys())
        .audience(ISSUER)
        .store(MemoryStore::new().with_clock(hand.clone()), SECRET)
        .clock(hand.clone())
}

pub(crate) fn tokens() -> (TokenIssuer, Hand) {
    let hand = Hand::new();
    (builder(&hand).build().unwrap(), hand)
}

pub(crate) async fn verify(tokens: &TokenIssuer, token: &str) -> Result<Identity, Rejection> {
    tokens.verifier().unwrap().verify(Token::new(token)).await
}

#[track_caller]
pub(crate) fn refused<T: std::fmt::Debug>(result: Result<T, Rejection>, error: RefreshError) {
    let rejection = result.unwrap_err();
    assert_eq!(rejection.kind(), RejectionKind::Invalid);
    let source = std::error::Error::source(&rejection).unwrap();
    assert_eq!(source.downcast_ref(), Some(&error));
}

#[track_caller]
pub(crate) fn revoked(result: Result<Identity, Rejection>, cause: RevokedBy) {
    let rejection = result.unwrap_err();
    assert_eq!(rejection.kind(), RejectionKind::Invalid);
    let source = std::error::Error::source(&rejection).unwrap();
    assert_eq!(source.downcast_ref(), Some(&cause));
}

pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const MINUTE: Duration = Duration::from_secs(60);
pub(crate) const DAY: Duration = Duration::from_secs(24 * 3600);
