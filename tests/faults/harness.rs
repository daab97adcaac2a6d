//! Two servers of one issuer that share their stores, and the clock of both.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};
use tower_auth::{
    Identity, Rejection, RejectionKind, Verify,
    api_key::{PresentedKey, StoredKeys},
    bearer::Token,
    clock::Clock,
    issue::{Signer, SigningKeys, TokenIssuer, TokenIssuerBuilder},
    jwt::{Algorithm, JwtVerifier},
    revocation::{VerifyExt, WithRevocation},
    store::{AccountStore, ApiKeyStore, EphemeralStore, TokenStore},
};

pub(crate) const ISSUER: &str = "https://api.example.com/";
pub(crate) const SECRET: [u8; 32] = [7; 32];

/// The longest wait for a state that has to be reached.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A store of accounts, API keys and tokens.
pub(crate) trait Durable: AccountStore + ApiKeyStore + TokenStore {}

impl<S: AccountStore + ApiKeyStore + TokenStore> Durable for S {}

/// The stores of one server; the second is the lookup store, if there is one.
#[derive(Clone)]
pub(crate) struct Stores {
    pub(crate) durable: Arc<dyn Durable>,
    pub(crate) lookup: Option<Arc<dyn EphemeralStore>>,
}

impl Stores {
    pub(crate) fn new(durable: impl Durable) -> Self {
        Self {
            durable: Arc::new(durable),
            lookup: None,
        }
    }

    pub(crate) fn with_lookup(mut self, lookup: impl EphemeralStore) -> Self {
        self.lookup = Some(Arc::new(lookup));
        self
    }
}

/// A clock that a test moves: the system's, or one that does not run by itself.
#[derive(Clone)]
pub(crate) struct Hand {
    base: Option<SystemTime>,
    shift: Arc<AtomicU64>,
}

impl Hand {
    pub(crate) fn running() -> Self {
        Self {
            base: None,
            shift: Arc::default(),
        }
    }

    pub(crate) fn fixed() -> Self {
        Self {
            base: Some(UNIX_EPOCH + Duration::from_secs(1_800_000_000)),
            shift: Arc::default(),
        }
    }

    pub(crate) fn pass(&self, time: Duration) {
        self.shift.fetch_add(time.as_millis() as u64, SeqCst);
    }
}

impl Clock for Hand {
    fn now(&self) -> SystemTime {
        let shift = Duration::from_millis(self.shift.load(SeqCst));
        self.base.unwrap_or_else(SystemTime::now) + shift
    }
}

pub(crate) fn builder(stores: &Stores, clock: &Hand) -> TokenIssuerBuilder {
    let keys = SigningKeys::new(Signer::from_secret(Algorithm::HS256, SECRET).unwrap());
    let builder = TokenIssuer::issuer(ISSUER, keys)
        .audience(ISSUER)
        .store(Arc::clone(&stores.durable), SECRET)
        .clock(clock.clone());
    match &stores.lookup {
        Some(lookup) => builder.with_lookup_store(Arc::clone(lookup)),
        None => builder,
    }
}

/// One server: an issuer, and the verifiers of its access tokens and of API keys. A clone is the same
/// server.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) tokens: TokenIssuer,
    pub(crate) keys: StoredKeys,
    durable: Arc<dyn Durable>,
    by_token: Arc<WithRevocation<JwtVerifier>>,
    by_key: Arc<WithRevocation<StoredKeys>>,
}

impl Server {
    pub(crate) fn new(stores: &Stores, clock: &Hand) -> Self {
        let tokens = builder(stores, clock).build().unwrap();
        // Not cached: what is revoked on one server is refused by the other at once.
        let keys = StoredKeys::new(Arc::clone(&stores.durable))
            .cache_time_to_live(Duration::ZERO)
            .with_clock(clock.clone());
        Self {
            by_token: Arc::new(tokens.verifier().unwrap()),
            by_key: Arc::new(keys.clone().with_revocation(tokens.revocations().clone())),
            durable: Arc::clone(&stores.durable),
            keys,
            tokens,
        }
    }

    pub(crate) async fn verify(&self, token: &str) -> Result<Identity, Rejection> {
        self.by_token.verify(Token::new(token)).await
    }

    pub(crate) async fn verify_key(&self, key: &str) -> Result<Identity, Rejection> {
        self.by_key.verify(PresentedKey::new(key)).await
    }

    /// Whether an access token passes, as soon as that can be answered.
    pub(crate) async fn passes(&self, token: &str) -> bool {
        answered(|| self.verify(token)).await.is_ok()
    }

    /// Whether a session was ended, by the durable store, as soon as that can be answered.
    pub(crate) async fn has_ended(&self, session: &str) -> bool {
        let family = answered(|| async { self.durable.family(session).await }).await;
        family.unwrap().expect("a family").ended
    }

    /// Whether an API key passes, as soon as that can be answered.
    pub(crate) async fn key_passes(&self, key: &str) -> bool {
        answered(|| self.verify_key(key)).await.is_ok()
    }
}

pub(crate) fn is_unavailable(rejection: &Rejection) -> bool {
    rejection.kind() == RejectionKind::Unavailable
}

/// The first answer that is not 503.
pub(crate) async fn answered<T, F>(ask: impl Fn() -> F) -> Result<T, Rejection>
where
    F: Future<Output = Result<T, Rejection>>,
{
    let until = Instant::now() + PATIENCE;
    loop {
        match ask().await {
            Err(rejection) if is_unavailable(&rejection) => {
                assert!(Instant::now() < until, "no recovery: {}", shown(&rejection));
            }
            answer => return answer,
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// A rejection with its causes, for messages of failed tests.
pub(crate) fn shown(rejection: &Rejection) -> String {
    let mut text = format!("{:?}", rejection.kind());
    let mut cause = std::error::Error::source(rejection);
    while let Some(error) = cause {
        text += &format!(": {error}");
        cause = error.source();
    }
    text
}

/// The number of times that each fault is repeated.
pub(crate) fn rounds() -> usize {
    let rounds = std::env::var("FAULT_ROUNDS").ok();
    rounds.map_or(1, |rounds| {
        rounds.parse().expect("FAULT_ROUNDS is a number")
    })
}
