//! [`JwtVerifier`]: the verifier.

use super::{
    Health, KeysUnavailable, TokenError,
    cache::{Cache, Hash},
    claims::Rules,
    compact::Compact,
    header::{Header, Types},
    peek::Plausible,
    source::{Snapshot, Source, Waiting, Want},
};
use crate::{
    Identity, Rejection, Verdict, Verify, bearer,
    clock::{self, Clock},
    json::Document,
    rejection::Mismatch,
};
use std::{fmt, str, sync::Arc};

/// How many fetches one token waits for: for one that was under way, and for one of its own.
const FETCHES: usize = 2;

/// Verifies JSON Web Tokens of one issuer. Cloning is cheap.
///
/// Made by [`JwtVerifier::issuer`] and the [`JwtVerifierBuilder`](super::JwtVerifierBuilder) that it returns. See the [module](super) for
/// what is checked, in which order.
#[derive(Clone)]
pub struct JwtVerifier(pub(super) Arc<Verifier>);

pub(super) struct Verifier {
    pub(super) keys: Box<dyn Source>,
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
        self.0.keys.health()
    }
}

/// The reason for which a token cannot be verified with the current keys.
pub(super) enum Missing {
    Set,
    /// The error that is returned if no fetch helps.
    Key(TokenError),
}

impl Missing {
    /// Returns what is lacking, if a fetch may help. Otherwise it returns the error.
    pub(super) fn of(error: TokenError) -> Result<Self, TokenError> {
        match error {
            // A key may be replaced under the same name, or have no name.
            TokenError::UnknownKey(_) | TokenError::Signature(_) | TokenError::KeyAlgorithm(_) => {
                Ok(Self::Key(error))
            }
            _ => Err(error),
        }
    }
}

impl Verify<bearer::Token> for JwtVerifier {
    fn verify(&self, token: bearer::Token) -> Verdict<Identity> {
        self.verdict(token, None)
    }

    fn token_format(&self) -> Option<&'static str> {
        Some("JWT")
    }
}

/// Accepts only tokens that are bound to the key with this thumbprint (`cnf.jkt`).
///
/// Bound tokens are not cached: the cache would return them to bearers without a key.
impl Verify<bearer::BoundToken> for JwtVerifier {
    fn verify(&self, bound: bearer::BoundToken) -> Verdict<Identity> {
        self.verdict(bound.token, Some(bound.key_thumbprint))
    }

    fn token_format(&self) -> Option<&'static str> {
        Some("JWT")
    }
}

impl JwtVerifier {
    fn verdict(&self, token: bearer::Token, thumbprint: Option<[u8; 32]>) -> Verdict<Identity> {
        match self.0.check(token.as_bytes(), thumbprint.as_ref()) {
            Checked::Done(result) => Verdict::ready(result),
            Checked::Fetch(waiting) => {
                let verifier = Arc::clone(&self.0);
                Verdict::pending(after_fetch(waiting, move || {
                    verifier.check(token.as_bytes(), thumbprint.as_ref())
                }))
            }
        }
    }
}

/// The result for a token, as far as it is known without waiting.
pub(super) enum Checked<T> {
    Done(Result<T, Rejection>),
    /// Keys have to be fetched first.
    Fetch(Waiting),
}

/// Checks a token again once the keys have been fetched.
pub(super) async fn after_fetch<T>(
    mut waiting: Waiting,
    check: impl Fn() -> Checked<T>,
) -> Result<T, Rejection> {
    for _ in 0..FETCHES {
        waiting.await.map_err(KeysUnavailable::into_rejection)?;
        match check() {
            Checked::Done(result) => return result,
            Checked::Fetch(again) => waiting = again,
        }
    }
    Err(KeysUnavailable.into_rejection())
}

impl Verifier {
    fn check(&self, token: &[u8], thumbprint: Option<&[u8; 32]>) -> Checked<Identity> {
        let now = clock::now(&*self.clock);
        // The set comes first, then the token: see `source`.
        let Some(generation) = self.keys.current(now) else {
            return self.without_key(token, Missing::Set, now);
        };
        let cache = self.cache.as_ref().filter(|_| thumbprint.is_none());
        let cache = cache.map(|cache| (cache, cache.hash(token)));
        let cached = cache.and_then(|(cache, hash)| cache.get(hash, token, generation, now));
        if let Some(identity) = cached {
            return Checked::Done(Ok(identity));
        }
        let result = self.identity(token, &self.keys.snapshot(), cache, now, thumbprint);
        self.checked(token, result, now)
    }

    /// Completes the result of a token that has been checked with the current keys.
    pub(super) fn checked<T>(
        &self,
        token: &[u8],
        result: Result<T, TokenError>,
        now: u64,
    ) -> Checked<T> {
        match result {
            Ok(value) => Checked::Done(Ok(value)),
            Err(error) => match Missing::of(error) {
                Ok(missing) => self.without_key(token, missing, now),
                Err(error) => Checked::Done(Err(error.into_rejection())),
            },
        }
    }

    /// Returns the identity of a token that is cached. The token may belong to another issuer, so
    /// this neither starts a fetch nor takes a lock of a set that is not fetched.
    pub(super) fn cached(&self, token: &[u8]) -> Option<Identity> {
        let now = clock::now(&*self.clock);
        if !self.keys.is_settled(now) {
            return None;
        }
        let (cache, generation) = (self.cache.as_ref()?, self.keys.current(now)?);
        cache.get(cache.hash(token), token, generation, now)
    }

    /// Decides about a token whose key is missing or does not fit. A fetch is started only if the
    /// token may be valid.
    pub(super) fn without_key<T>(&self, token: &[u8], missing: Missing, now: u64) -> Checked<T> {
        let rejected = |error: TokenError| Checked::Done(Err(error.into_rejection()));
        // Most invalid signatures end here, before any other part of the token is read.
        let missing = match missing {
            Missing::Key(error)
                if !self.keys.may_change()
                    || !matches!(error, TokenError::UnknownKey(_))
                        && self.keys.ask(Want::Replaced).is_err() =>
            {
                return rejected(error);
            }
            missing => missing,
        };
        let plausible = Plausible {
            types: self.types,
            issuer: self.rules.issuer.as_deref(),
            now,
            leeway: self.rules.leeway,
        };
        let issued_at = match plausible.issued_at(token, self.max_token_bytes) {
            Ok(issued_at) => issued_at,
            Err(error) => return rejected(error),
        };
        let want = match missing {
            Missing::Set => Want::Set,
            Missing::Key(TokenError::UnknownKey(_)) => Want::Key { issued_at },
            Missing::Key(_) => Want::Replaced,
        };
        match self.keys.ask(want) {
            Ok(()) => Checked::Fetch(self.keys.fetch(want)),
            Err(Some(unavailable)) => Checked::Done(Err(unavailable)),
            Err(None) => match missing {
                Missing::Key(error) => rejected(error),
                // Without a set, no token can be rejected for its key.
                Missing::Set => Checked::Done(Err(KeysUnavailable.into_rejection())),
            },
        }
    }

    fn identity(
        &self,
        token: &[u8],
        snapshot: &Snapshot,
        cached: Option<(&Cache, Hash)>,
        now: u64,
        thumbprint: Option<&[u8; 32]>,
    ) -> Result<Identity, TokenError> {
        let token = Compact::split(token, self.max_token_bytes)?;
        self.check_signature(snapshot, &token)?;
        let kept = cached.and_then(|_| str::from_utf8(token.whole).ok());
        let payload = token.payload(kept.map_or(0, str::len))?;
        let (identity, window) = self.rules.identity(payload, now, kept, thumbprint)?;
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
        let header = Document::read(&header).map_err(TokenError::header)?;
        let key = snapshot.keys.select(&Header::read(&header, self.types)?)?;
        match token.check_signature(|signature| key.verify(token.signed, signature))? {
            true => Ok(()),
            false => Err(TokenError::Signature(Mismatch::new(
                key.key_id().unwrap_or_default(),
                "another signature",
                key.algorithm().as_str(),
            ))),
        }
    }
}

impl fmt::Debug for JwtVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwtVerifier")
            .field("issuer", &self.0.rules.issuer)
            .field("audiences", &self.0.rules.audiences)
            .field("keys", &self.0.keys.snapshot().keys)
            .finish_non_exhaustive()
    }
}
