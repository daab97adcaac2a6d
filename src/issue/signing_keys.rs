//! [`SigningKeys`]: which key signs now, and which are published.

use super::Signer;
use crate::{
    ConfigError,
    clock::{self, Clock, SystemClock},
    jwt::{
        Backend, Health, KeySet, Keys,
        source::{Plan, Snapshot, Source},
    },
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use std::{
    fmt,
    sync::{
        Arc, PoisonError, RwLock, RwLockReadGuard,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

/// For how long a key is published after it has signed for the last time: the longest life of an
/// access token, and the largest leeway of a verifier.
const OVERLAP: u64 = super::grant::LONGEST_ACCESS.as_secs() + 3600;

/// For how long a key is published before it signs, unless its owner says.
const LEAD: Duration = Duration::from_secs(3600);

/// The keys of one issuer over time. Clones share them.
///
/// One key signs at any time. The next one is published before it does, so that every verifier
/// has fetched it by then (the *lead*), and the last one stays published until the tokens that it
/// signed are over (the *overlap*: 25 hours).
///
/// The keys and their times are in memory only. A key that is not part of the configuration of the
/// next start is lost at that start, and the tokens that it signed are rejected. Therefore store a
/// new key before you schedule it:
///
/// ```
/// use tower_auth::{issue::{Signer, SigningKeys}, jwt::Algorithm};
///
/// # use std::time::{Duration, SystemTime};
/// # let (first, next) = (Signer::generate(Algorithm::ES256)?, Signer::generate(Algorithm::ES256)?);
/// # let (first, next) = (first.to_pem().unwrap(), next.to_pem().unwrap());
/// # let next_signs_from = SystemTime::now() + Duration::from_secs(3600);
/// // Two PEM files and a time, from the configuration that all servers share. A new key comes
/// // from `openssl genpkey`, or from `Signer::generate` and `Signer::to_pem`.
/// let keys = SigningKeys::new(Signer::from_pem(Algorithm::ES256, first.as_bytes())?);
/// keys.schedule(Signer::from_pem(Algorithm::ES256, next.as_bytes())?, next_signs_from)?;
/// assert_eq!(keys.jwks().matches("kid").count(), 2);
/// # Ok::<(), tower_auth::ConfigError>(())
/// ```
///
/// Servers that share an issuer [schedule](Self::schedule) the same keys for the same times, from
/// their configuration. A [`JwtVerifier`](crate::jwt::JwtVerifier) takes this as its keys and follows it.
#[derive(Clone)]
pub struct SigningKeys {
    shared: Arc<Shared>,
    clock: Arc<dyn Clock>,
}

struct Shared {
    ring: RwLock<Ring>,
    /// The generation of the ring, which every request reads without the lock.
    generation: AtomicU64,
    first_ends: AtomicU64,
    /// Whether these keys have been used to sign, publish or verify anything.
    is_used: AtomicBool,
}

impl Shared {
    /// Records that tokens of these keys may exist from now on.
    fn note_use(&self) {
        // The flag is written only once, since all readers share its cache line.
        if !self.is_used.load(Ordering::Relaxed) {
            self.is_used.store(true, Ordering::Relaxed);
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, Ring> {
        self.ring.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the ring, and tells of it in the order that `jwt/source.rs` asks for.
    fn change<T>(&self, change: impl FnOnce(&mut Ring) -> T) -> T {
        let mut ring = self.ring.write().unwrap_or_else(PoisonError::into_inner);
        let changed = change(&mut ring);
        self.generation.store(ring.generation, Ordering::SeqCst);
        self.first_ends.store(ring.first_ends(), Ordering::SeqCst);
        changed
    }
}

struct Ring {
    /// In the order in which they sign; there is always one.
    keys: Vec<Scheduled>,
    /// Changes with every change of what is published.
    generation: u64,
}

#[derive(Clone)]
struct Scheduled {
    signer: Signer,
    /// The second from which it signs.
    from: u64,
    /// The second until which the previous key may have signed.
    replaces_at: u64,
    /// The first part of a token.
    header: Arc<str>,
}

/// The key that signs now.
pub(super) struct Current {
    pub(super) signer: Signer,
    pub(super) header: Arc<str>,
}

impl SigningKeys {
    /// Signs with this key, from now on.
    #[must_use]
    pub fn new(signer: Signer) -> Self {
        Self {
            shared: Arc::new(Shared {
                ring: RwLock::new(Ring {
                    keys: vec![Scheduled::new(signer, 0, 0)],
                    generation: 0,
                }),
                generation: AtomicU64::new(0),
                first_ends: AtomicU64::new(u64::MAX),
                is_used: AtomicBool::new(false),
            }),
            clock: Arc::new(SystemClock),
        }
    }

    /// Tells the time, for this handle and the clones made of it. Default: [`SystemClock`].
    #[must_use]
    pub fn with_clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Publishes a key now and signs with it in an hour. This applies in this process only, and
    /// until the process ends: store the key first, and [schedule](Self::schedule) it at the next
    /// start.
    ///
    /// # Errors
    ///
    /// If a key of this name and algorithm is here already.
    pub fn rotate(&self, next: Signer) -> Result<(), ConfigError> {
        let from = self.clock.now().checked_add(LEAD);
        self.schedule(next, from.unwrap_or(SystemTime::UNIX_EPOCH))
    }

    /// Publishes a key now and signs with it from some time on; whole seconds count.
    ///
    /// The time may lie in the past, as in a configuration that is read again at every start. In
    /// that case, the overlap of the previous key starts at that time. Once the keys have been used
    /// (to sign, to verify, or to be published), the overlap starts now at the earliest, since the
    /// previous key may have signed until now.
    ///
    /// # Errors
    ///
    /// If a key of this name and algorithm is here already.
    pub fn schedule(&self, next: Signer, from: SystemTime) -> Result<(), ConfigError> {
        let now = clock::seconds(self.clock.now());
        self.shared.change(|ring| {
            // This runs under the lock: a thread that has signed with a key of the ring so far has
            // recorded that before.
            let added = match self.shared.is_used.load(Ordering::Relaxed) {
                true => now,
                false => 0,
            };
            let known = |key: &Scheduled| {
                key.signer.key_id() == next.key_id() && key.signer.algorithm() == next.algorithm()
            };
            if ring.keys.iter().any(known) {
                let algorithm = next.algorithm();
                return Err(ConfigError::new(match next.key_id() {
                    Some(key_id) => format!("a key for {algorithm} is called {key_id:?} already"),
                    None => format!(
                        "there is a key for {algorithm} without a name already: give this one a name by `with_key_id`"
                    ),
                }));
            }
            let from = clock::seconds(from);
            ring.keys.push(Scheduled::new(next, from, from.max(added)));
            ring.keys.sort_by_key(|key| key.from);
            ring.changed();
            Ok(())
        })
    }

    /// Takes a key back at once, as when somebody else has learned it: it signs nothing, is not
    /// published, and what it signed is refused here from now on. One without a name cannot be:
    /// give secrets one ([`Signer::with_key_id`]).
    ///
    /// # Errors
    ///
    /// If no key has this name, or if no other key could sign now. In the latter case, first
    /// schedule another key for now.
    pub fn withdraw(&self, key_id: &str) -> Result<(), ConfigError> {
        let now = clock::seconds(self.clock.now());
        self.shared.change(|ring| {
            // A key whose overlap has ended must not sign again because there is no other key.
            ring.retire(now);
            let mut names = ring.keys.iter().map(|key| key.signer.key_id());
            if !names.any(|name| name == Some(key_id)) {
                return Err(ConfigError::new(format!(
                    "invalid key id: no signing key is called {key_id:?}"
                )));
            }
            let stays = |key: &Scheduled| key.signer.key_id() != Some(key_id);
            if !ring.keys.iter().any(|key| stays(key) && key.from <= now) {
                return Err(ConfigError::new(
                    "no other key could sign now: schedule one first",
                ));
            }
            ring.keys.retain(stays);
            ring.changed();
            Ok(())
        })
    }

    /// The public keys as a JWK Set (RFC 7517 section 5), those of the future and of the recent
    /// past among them. Shared secrets are left out.
    #[must_use]
    pub fn jwks(&self) -> String {
        self.shared.note_use();
        self.retire();
        let ring = self.shared.read();
        let keys = ring.keys.iter();
        let keys = keys.filter_map(|key| key.signer.key().to_public_jwk());
        format!(r#"{{"keys":[{}]}}"#, keys.collect::<Vec<_>>().join(","))
    }

    /// Returns a number that changes whenever [`jwks`](Self::jwks) does. It takes no lock, unless
    /// the overlap of a key has ended by now.
    pub(crate) fn generation(&self) -> u64 {
        self.retire();
        self.shared.generation.load(Ordering::SeqCst)
    }

    pub(super) fn signing_now(&self) -> Option<Current> {
        self.shared.note_use();
        let now = clock::seconds(self.clock.now());
        let ring = self.shared.read();
        let key = ring.signing(now)?;
        Some(Current {
            signer: key.signer.clone(),
            header: Arc::clone(&key.header),
        })
    }

    /// Drops the keys whose overlap has ended by this handle's clock.
    fn retire(&self) {
        let now = clock::seconds(self.clock.now());
        if self.shared.first_ends.load(Ordering::SeqCst) <= now {
            self.shared.change(|ring| ring.retire(now));
        }
    }
}

impl Scheduled {
    fn new(signer: Signer, from: u64, replaces_at: u64) -> Self {
        let header = header(&signer, &serde_json::Map::new()).into();
        Self {
            signer,
            from,
            replaces_at,
            header,
        }
    }
}

/// The first part of a token: `alg`, `typ` (RFC 9068 section 2.1), `kid`, and what else is asked
/// for.
pub(super) fn header(signer: &Signer, more: &serde_json::Map<String, serde_json::Value>) -> String {
    let mut header = more.clone();
    header.insert("alg".into(), signer.algorithm().as_str().into());
    header.insert("typ".into(), "at+jwt".into());
    if let Some(key_id) = signer.key_id() {
        header.insert("kid".into(), key_id.into());
    }
    let text = serde_json::Value::Object(header).to_string();
    URL_SAFE_NO_PAD.encode(text)
}

impl Ring {
    fn changed(&mut self) {
        self.generation = self.generation.wrapping_add(1);
    }

    /// The last of those that may sign. Before the first one may, it is that one: a clock that
    /// was set back must not stop everybody.
    fn signing(&self, now: u64) -> Option<&Scheduled> {
        let begun = self.keys.iter().rev().find(|key| key.from <= now);
        begun.or_else(|| self.keys.first())
    }

    /// Returns the end of the first key: the overlap after the next key replaced it, if there is a
    /// next key.
    fn first_ends(&self) -> u64 {
        let next = self.keys.get(1);
        next.map_or(u64::MAX, |next| next.replaces_at.saturating_add(OVERLAP))
    }

    /// Drops the keys that are over.
    fn retire(&mut self, now: u64) {
        while self.keys.len() > 1 && self.first_ends() <= now {
            self.keys.remove(0);
            self.changed();
        }
    }
}

impl From<SigningKeys> for Keys {
    /// A verifier with these keys follows them: the next one, and what is withdrawn.
    fn from(keys: SigningKeys) -> Self {
        Self::planned(keys)
    }
}

impl Plan for SigningKeys {
    fn source(
        self: Box<Self>,
        issuer: Option<Arc<str>>,
        backend: Option<Backend>,
        _: &Arc<dyn Clock>,
    ) -> Result<Box<dyn Source>, ConfigError> {
        let snapshot = snapshot(&self.shared.read(), backend)?;
        Ok(Box::new(Followed {
            keys: *self,
            backend,
            issuer,
            snapshot: RwLock::new(snapshot),
        }))
    }
}

/// The keys of a [`SigningKeys`], as one verifier uses them.
struct Followed {
    keys: SigningKeys,
    backend: Option<Backend>,
    issuer: Option<Arc<str>>,
    snapshot: RwLock<Arc<Snapshot>>,
}

fn snapshot(ring: &Ring, backend: Option<Backend>) -> Result<Arc<Snapshot>, ConfigError> {
    let keys = ring.keys.iter().map(|key| key.signer.key().clone());
    let keys = KeySet::new(keys)?.on(backend)?;
    let generation = ring.generation;
    Ok(Arc::new(Snapshot { keys, generation }))
}

impl Source for Followed {
    fn current(&self, now: u64) -> Option<u64> {
        let shared = &self.keys.shared;
        // The order matters: if the end has moved, the generation has changed as well.
        if now >= shared.first_ends.load(Ordering::SeqCst) {
            self.keys.retire();
        }
        Some(shared.generation.load(Ordering::SeqCst))
    }

    fn snapshot(&self) -> Arc<Snapshot> {
        self.keys.shared.note_use();
        let known = self.snapshot.read();
        let known = known.unwrap_or_else(PoisonError::into_inner).clone();
        if known.generation == self.keys.shared.generation.load(Ordering::SeqCst) {
            return known;
        }
        // A key that this backend does not take verifies nothing; the others do, and none that
        // was withdrawn.
        let fresh = {
            let ring = self.keys.shared.read();
            let keys = ring.keys.iter().map(|key| key.signer.key().clone());
            let keys = keys.filter_map(|key| key.on(self.backend).ok());
            Arc::new(Snapshot {
                keys: KeySet::of(keys.map(Ok)),
                generation: ring.generation,
            })
        };
        let mut kept = self
            .snapshot
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        *kept = Arc::clone(&fresh);
        fresh
    }

    fn health(&self) -> Health {
        Health::fixed(self.issuer.as_ref(), &self.snapshot().keys)
    }
}

impl fmt::Debug for SigningKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ring = self.shared.read();
        let signers = ring.keys.iter().map(|key| &key.signer);
        f.debug_list().entries(signers).finish()
    }
}
