//! [`KeySet`]: the keys of an issuer, and which of them a token is verified with.

use super::{Algorithm, Backend, Key, SkippedKey, TokenError, header::Header, key::Jwk, log};
use crate::{
    ConfigError,
    error::fail_if,
    json::{Document, Value},
    rejection::Mismatch,
    util::shown::{self, quoted},
};
use std::{fs, path::Path};

/// The keys of one issuer.
///
/// A token is verified with one key, or refused:
///
/// 1. A token with a `kid` takes the key of that name and of its `alg`. If no key has that name,
///    it takes the one key of its `alg` that has no name.
/// 2. A token without a `kid` takes the one key of its `alg`. If there are several keys, it takes
///    the one that has no name. If all of them have names, the token is rejected.
#[derive(Clone, Debug)]
pub struct KeySet {
    pub(super) keys: Vec<Key>,
    pub(super) skipped_keys: Vec<SkippedKey>,
}

impl KeySet {
    /// A set of keys.
    ///
    /// # Errors
    ///
    /// If there are none, or if a token could not tell two of them apart: same `kid` (or both
    /// without), same algorithm.
    pub fn new(keys: impl IntoIterator<Item = Key>) -> Result<Self, ConfigError> {
        Self::of(keys.into_iter().map(Ok)).checked()
    }

    /// The keys of a JWK Set (RFC 7517 section 5).
    ///
    /// A key that cannot be used is left out and the others serve: one that is too weak, of an
    /// unknown kind (section 5: "ignore"), for another purpose than signatures, or private where
    /// it should be public. See [`skipped_keys`](Self::skipped_keys); each is logged as a warning, too.
    /// Which algorithm a key is for is said at [`Key::from_jwk`]; a secret without `alg` is left
    /// out.
    ///
    /// # Errors
    ///
    /// If the text is no JWK Set, if no key of it can be used, if two cannot be told apart, or
    /// if it mixes secrets with public keys: who publishes the latter publishes the former.
    pub fn from_jwks(jwks: &str) -> Result<Self, ConfigError> {
        Self::read(jwks, usize::MAX, Algorithm::RS256, Ok)?.of_one_kind()
    }

    /// Collects the entries of a JWK Set, each of them a key or the reason why it is skipped, without
    /// further checks.
    pub(crate) fn of(entries: impl IntoIterator<Item = Result<Key, SkippedKey>>) -> Self {
        let (mut keys, mut skipped_keys) = (Vec::new(), Vec::new());
        for entry in entries {
            match entry {
                Ok(key) => keys.push(key),
                Err(skipped) => skipped_keys.push(skipped),
            }
        }
        Self { keys, skipped_keys }
    }

    /// Reads a JWK Set (RFC 7517 section 5) of at most so many entries. `rsa` is the algorithm of RSA
    /// keys without `alg`; `accept` returns the key in the form for the set, or rejects it.
    pub(super) fn read(
        jwks: &str,
        most: usize,
        rsa: Algorithm,
        accept: impl Fn(Key) -> Result<Key, ConfigError>,
    ) -> Result<Self, ConfigError> {
        let set = Document::published(jwks.as_bytes())
            .map_err(|error| ConfigError::new("this is not a JWK Set").with_source(error))?;
        let entries = set.named("keys").and_then(Value::elements);
        let entries =
            entries.ok_or_else(|| ConfigError::new("a JWK Set has an array called \"keys\""))?;
        fail_if!(entries.len() > most, "this JWK Set lists too many keys");
        Ok(Self::of(entries.iter().map(|entry| {
            let jwk = Jwk(entry.members());
            let key = jwk.key(rsa).and_then(&accept);
            key.map_err(|error| SkippedKey::new(jwk.id(), &error))
        })))
    }

    /// The keys of a JWK Set in a file, read once, now; see [`from_jwks`](Self::from_jwks).
    ///
    /// # Errors
    ///
    /// If the file cannot be read, and for what `from_jwks` refuses.
    pub fn from_jwks_file(path: impl AsRef<Path>) -> Result<Self, ConfigError> {
        let path = path.as_ref();
        let text = fs::read_to_string(path).map_err(|error| {
            ConfigError::new(format!("cannot read the JWK Set {}", path.display()))
                .with_source(error)
        })?;
        Self::from_jwks(&zeroize::Zeroizing::new(text)).map_err(|error| {
            ConfigError::new(format!("the JWK Set {} cannot be used", path.display()))
                .with_source(error)
        })
    }

    /// The keys.
    pub fn keys(&self) -> impl Iterator<Item = &Key> {
        self.keys.iter()
    }

    /// The keys of a JWK Set that cannot be used, and why.
    #[must_use]
    pub fn skipped_keys(&self) -> &[SkippedKey] {
        &self.skipped_keys
    }

    /// Logs the skipped keys and rejects a mixture of secrets and public keys.
    pub(crate) fn of_one_kind(self) -> Result<Self, ConfigError> {
        log::keys_left_out(&self.skipped_keys);
        let secrets = self.keys.iter().filter(|key| key.is_secret()).count();
        fail_if!(
            secrets != 0 && secrets != self.keys.len(),
            "a JWK Set holds either secrets or public keys"
        );
        self.checked()
    }

    /// Rejects an empty set, and two keys that no token could tell apart.
    fn checked(self) -> Result<Self, ConfigError> {
        if self.keys.is_empty() {
            return Err(match self.skipped_keys.first() {
                None => ConfigError::new("a key set holds at least one key"),
                Some(first) => ConfigError::new(format!(
                    "no key of this set can be used; the first: {}",
                    first.reason()
                )),
            });
        }
        for (i, key) in self.keys.iter().enumerate() {
            if self.keys.iter().take(i).any(|other| other.is_like(key)) {
                return Err(ConfigError::new(match key.key_id() {
                    Some(kid) => format!("two keys for {} are called {kid:?}", key.algorithm()),
                    None => format!("two keys for {} have no \"kid\"", key.algorithm()),
                }));
            }
        }
        Ok(self)
    }

    /// Returns the same set, its keys prepared by this backend.
    pub(crate) fn on(mut self, backend: Option<Backend>) -> Result<Self, ConfigError> {
        let keys = self.keys.into_iter().map(|key| key.on(backend));
        self.keys = keys.collect::<Result<_, _>>()?;
        Ok(self)
    }

    /// Returns the one key that a token with this header is verified with.
    pub(super) fn select(&self, header: &Header<'_>) -> Result<&Key, TokenError> {
        let fitting = self
            .keys
            .iter()
            .filter(|key| key.algorithm() == header.algorithm);
        let Some(key_id) = header.key_id else {
            let nameless = fitting.clone().filter(|key| key.key_id().is_none());
            let selected = only(nameless).or_else(|| only(fitting));
            return selected
                .ok_or_else(|| TokenError::no_key(header.algorithm, listed(&self.keys)));
        };
        let is_named = |key: &&Key| key.key_id() == Some(key_id);
        match fitting.clone().find(is_named) {
            Some(key) => Ok(key),
            None if self.keys.iter().any(|key| is_named(&key)) => {
                let named = self.keys.iter().filter(is_named);
                let algorithms = named.map(|key| key.algorithm().as_str().to_owned());
                let found = header.algorithm.as_str();
                let mismatch = Mismatch::new(key_id, found, shown::listed(algorithms));
                Err(TokenError::KeyAlgorithm(mismatch))
            }
            None => only(fitting.filter(|key| key.key_id().is_none())).ok_or_else(|| {
                let mismatch = Mismatch::new("kid", quoted(key_id), listed(&self.keys));
                TokenError::UnknownKey(mismatch)
            }),
        }
    }
}

fn only<'a>(mut keys: impl Iterator<Item = &'a Key>) -> Option<&'a Key> {
    match (keys.next(), keys.next()) {
        (Some(key), None) => Some(key),
        _ => None,
    }
}

/// Returns the ids and algorithms of keys in the form for logs.
#[cold]
fn listed(keys: &[Key]) -> String {
    shown::listed(keys.iter().map(|key| match key.key_id() {
        Some(id) => format!("{} ({})", quoted(id), key.algorithm()),
        None => format!("one without an id ({})", key.algorithm()),
    }))
}

impl Key {
    /// Whether no token could tell the two apart.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        self.key_id() == other.key_id() && self.algorithm() == other.algorithm()
    }
}

impl From<Key> for KeySet {
    fn from(key: Key) -> Self {
        Self::of([Ok(key)])
    }
}
