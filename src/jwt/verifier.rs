//! [`JwtVerifier`]: the verifier.

use super::{
    Health, KeysUnavailable, TokenError,
    cache::{Cache, Hash},
    claims::Rules,
    compact::Compact,
    header::{Header, Types},
    peek::Plausible,
    source::{Answer, Snapshot, Source, Waiting, Want},
};
use crate::{
    Clock, Identity, Rejection, Verdict, Verify, bearer, clock, identity::Prepared, json::Document,
};
use std::{fmt, str, sync::Arc};

/// How many fetches one token waits for: for one that was under way, and for one of its own.
pub(super) const FETCHES: usize = 2;

/// Verifies JSON Web Tokens of one issuer. Cloning is cheap.
///
/// Made by [`JwtVerifier::issuer`] and the [`JwtVerifierBuilder`](super::JwtVerifierBuilder) that it returns. See the [module](super) for
/// what is checked, in which order.
#[derive(Clone)]
pub struct JwtVerifier(pub(super) Arc<Verifier>);

pub(super) struct Verifier {
    pub(super) keys: Source,
    pub(super) types: Types,
    pub(super) rules: Rules,
    pub(super) max_token_bytes: usize,
    pub(super) clock: Arc<dyn Clock>,
    /// Tokens that have been verified.
    pub(super) cache: Option<Cache>,
}

impl JwtVerifier {
    pub(super) fn new(verifier: Verifier) -> Self {
        Self(Arc::new(verifier))
    }

    /// How the issuer's keys are, for a readiness probe. Cheap; nothing is fetched for it.
    #[must_use]
    pub fn health(&self) -> Health {
        self.0.keys.health(self.0.rules.issuer.as_ref())
    }
}

/// The reason for which a token cannot be verified with the current keys.
#[derive(Clone, Copy)]
pub(super) enum Lack {
    Set,
    /// The error that is returned if no fetch helps.
    Key(TokenError),
}

impl Lack {
    /// Returns what is lacking, if a fetch may help.
    pub(super) fn of(error: TokenError) -> Option<Self> {
        match error {
            // A key may be replaced under the same name, or have no name.
            TokenError::UnknownKey | TokenError::Signature | TokenError::KeyAlgorithm => {
                Some(Self::Key(error))
            }
            _ => None,
        }
    }
}

impl Verify<bearer::Token> for JwtVerifier {
    fn verify(&self, token: bearer::Token) -> Verdict<Identity> {
        match self.0.judge(token.as_bytes()) {
            Judged::Done(result) => Verdict::ready(result.map(Prepared::into_identity)),
            Judged::Fetch(waiting) => {
                Verdict::pending(Arc::clone(&self.0).judge_later(token, waiting))
            }
        }
    }

    // Inlined into the scheme, with the look at what is remembered: an identity that is handed
    // on once more waits for memory once more.
    #[inline(always)]
    fn verify_borrowed(&self, token: &[u8]) -> Option<Result<Prepared, Rejection>> {
        match self.0.look(token) {
            Ok(identity) => Some(Ok(identity)),
            Err(missed) => match self.0.judge_anew(token, missed) {
                Judged::Done(result) => Some(result),
                // `verify` reads the token again, which this method cannot wait for. The cost is
                // bounded, because few members of an unverified token are read.
                Judged::Fetch(_) => None,
            },
        }
    }

    fn token_format(&self) -> Option<&'static str> {
        Some("JWT")
    }
}

/// What is known about a token without waiting.
pub(super) enum Judged {
    Done(Result<Prepared, Rejection>),
    /// Keys have to be fetched first.
    Fetch(Waiting),
}

/// What is known of a token that is not remembered: when it was looked for, and where it would
/// lie.
#[derive(Clone, Copy)]
struct Missed<'a> {
    now: u64,
    has_keys: bool,
    cached: Option<(&'a Cache, Hash)>,
}

impl Verifier {
    fn judge(&self, token: &[u8]) -> Judged {
        match self.look(token) {
            Ok(identity) => Judged::Done(Ok(identity)),
            Err(missed) => self.judge_anew(token, missed),
        }
    }

    /// Returns the identity of a token that was verified recently. The token may belong to another
    /// issuer here. Then it does not start a fetch, and does not take a lock of a set that is not
    /// fetched.
    pub(super) fn remembered(&self, token: &[u8]) -> Option<Prepared> {
        let now = clock::now(&*self.clock);
        if !self.keys.is_settled(now) {
            return None;
        }
        self.look_at(token, now).ok()
    }

    #[inline(always)]
    fn look(&self, token: &[u8]) -> Result<Prepared, Missed<'_>> {
        self.look_at(token, clock::now(&*self.clock))
    }

    #[inline(always)]
    fn look_at(&self, token: &[u8], now: u64) -> Result<Prepared, Missed<'_>> {
        let mut missed = Missed {
            now,
            has_keys: false,
            cached: None,
        };
        // The set comes first, then the token: see `source`.
        let Some(generation) = self.keys.current(missed.now) else {
            return Err(missed);
        };
        missed.has_keys = true;
        let Some(cache) = &self.cache else {
            return Err(missed);
        };
        let hash = cache.hash(token);
        missed.cached = Some((cache, hash));
        let found = cache.get(hash, token, generation, missed.now);
        found.ok_or(missed)
    }

    #[inline(never)]
    fn judge_anew(&self, token: &[u8], missed: Missed<'_>) -> Judged {
        let Missed {
            now,
            has_keys,
            cached,
        } = missed;
        if !has_keys {
            return self.without_key(token, Lack::Set, now);
        }
        let snapshot = self.keys.snapshot();
        match self.identity(token, &snapshot, cached, now) {
            Err(error) => match Lack::of(error) {
                Some(lack) => self.without_key(token, lack, now),
                None => Judged::Done(Err(error.into_rejection())),
            },
            Ok(identity) => Judged::Done(Ok(identity)),
        }
    }

    async fn judge_later(
        self: Arc<Self>,
        token: bearer::Token,
        mut waiting: Waiting,
    ) -> Result<Identity, Rejection> {
        for _ in 0..FETCHES {
            waiting.await.map_err(KeysUnavailable::into_rejection)?;
            match self.judge(token.as_bytes()) {
                Judged::Done(result) => return result.map(Prepared::into_identity),
                Judged::Fetch(again) => waiting = again,
            }
        }
        Err(KeysUnavailable.into_rejection())
    }

    /// Decides about a token whose key is missing or does not fit. A fetch is started only if the
    /// token may be valid.
    #[cold]
    pub(super) fn without_key(&self, token: &[u8], lack: Lack, now: u64) -> Judged {
        let refuse = |error: TokenError| Judged::Done(Err(error.into_rejection()));
        let (error, is_known) = match lack {
            Lack::Set => (TokenError::UnknownKey, false),
            Lack::Key(error) => (error, error != TokenError::UnknownKey),
        };
        let Source::Remote(remote) = &self.keys else {
            return refuse(error);
        };
        // Most invalid signatures end here, before any other part of the token is read.
        if is_known && remote.ask(Want::Replaced) != Answer::Wait {
            return refuse(error);
        }
        let plausible = Plausible {
            types: self.types,
            issuer: self.rules.issuer.as_deref(),
            now,
            leeway: self.rules.leeway,
        };
        let issued_at = match plausible.issued_at(token, self.max_token_bytes) {
            Ok(issued_at) => issued_at,
            Err(error) => return refuse(error),
        };
        let want = match lack {
            Lack::Set => Want::Set,
            Lack::Key(TokenError::UnknownKey) => Want::Key { issued_at },
            Lack::Key(_) => Want::Replaced,
        };
        match remote.ask(want) {
            Answer::Unknown => refuse(error),
            Answer::Unavailable(retry_after) => {
                let rejection = KeysUnavailable.into_rejection();
                Judged::Done(Err(rejection.with_retry_after(retry_after)))
            }
            // Anybody can name a key and a date, so this is not an alarm.
            Answer::Limited(retry_after) => {
                let rejection = Rejection::busy(KeysUnavailable);
                Judged::Done(Err(rejection.with_retry_after(retry_after)))
            }
            Answer::Wait => Judged::Fetch(remote.fetch(want)),
        }
    }

    /// One pointer, since a result that has to be moved costs time.
    fn identity(
        &self,
        token: &[u8],
        snapshot: &Snapshot,
        cached: Option<(&Cache, Hash)>,
        now: u64,
    ) -> Result<Prepared, TokenError> {
        let token = Compact::split(token, self.max_token_bytes)?;
        self.check_signature(snapshot, &token)?;
        let kept = cached.and_then(|_| str::from_utf8(token.whole).ok());
        let payload = token.payload(kept.map_or(0, str::len))?;
        let (identity, window) = self.rules.identity(payload, now, kept)?;
        if let Some((cache, hash)) = cached {
            cache.insert(hash, identity.clone(), snapshot.generation, window, now);
        }
        Ok(identity)
    }

    /// Verifies the signature with the key that the header selects.
    pub(super) fn check_signature(
        &self,
        snapshot: &Snapshot,
        token: &Compact<'_>,
    ) -> Result<(), TokenError> {
        let header = token.header()?;
        let header = Document::read(&header).map_err(|_| TokenError::Header)?;
        let key = snapshot.keys.select(&Header::read(&header, self.types)?)?;
        token.check_signature(|signature| key.verify(token.signed, signature))
    }
}

impl fmt::Debug for JwtVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwtVerifier")
            .field("issuer", &self.0.rules.issuer)
            .field("audiences", &self.0.rules.audiences)
            .field("keys", &self.0.keys)
            .finish_non_exhaustive()
    }
}
