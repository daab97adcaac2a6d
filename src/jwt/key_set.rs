//! [`KeySet`]: the keys of an issuer, and which of them a token is verified with.

use super::{Algorithm, Backend, Key, SkippedKey, TokenError, header::Header, key::Jwk, log};
use crate::{
    ConfigError,
    json::{Document, Value},
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
        let keys: Vec<Key> = keys.into_iter().collect();
        Self::checked(keys, Vec::new())
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
        Self::from_entries(entries(&read_set(jwks)?)?.iter().map(|entry| {
            let jwk = Jwk::new(entry.members());
            jwk.key(Algorithm::RS256)
                .map_err(|error| SkippedKey::new(jwk.id(), &error))
        }))
    }

    /// The entries of a JWK Set, each of them a key or the reason why it is skipped.
    pub(crate) fn from_entries(
        entries: impl Iterator<Item = Result<Key, SkippedKey>>,
    ) -> Result<Self, ConfigError> {
        let mut keys = Vec::new();
        let mut skipped_keys = Vec::new();
        for entry in entries {
            match entry {
                Ok(key) => keys.push(key),
                Err(skipped) => skipped_keys.push(skipped),
            }
        }
        log::keys_left_out(&skipped_keys);
        if keys.iter().any(Key::is_secret) && !keys.iter().all(Key::is_secret) {
            return Err(ConfigError::new(
                "a JWK Set holds either secrets or public keys",
            ));
        }
        Self::checked(keys, skipped_keys)
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
        Self::from_jwks(&zeroize::Zeroizing::new(text))
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

    fn checked(keys: Vec<Key>, skipped_keys: Vec<SkippedKey>) -> Result<Self, ConfigError> {
        if keys.is_empty() {
            return Err(match skipped_keys.first() {
                None => ConfigError::new("a key set holds at least one key"),
                Some(first) => ConfigError::new(format!(
                    "no key of this set can be used; the first: {}",
                    first.reason()
                )),
            });
        }
        let mut rest = keys.as_slice();
        while let Some((key, others)) = rest.split_first() {
            if others.iter().any(|other| key.is_like(other)) {
                return Err(ConfigError::new(match key.key_id() {
                    Some(kid) => format!("two keys for {} are called {kid:?}", key.algorithm()),
                    None => format!("two keys for {} have no \"kid\"", key.algorithm()),
                }));
            }
            rest = others;
        }
        Ok(Self { keys, skipped_keys })
    }

    /// The same set, its keys made ready by this backend.
    pub(crate) fn on(self, backend: Option<Backend>) -> Result<Self, ConfigError> {
        let keys = self.keys.into_iter().map(|key| key.on(backend));
        Ok(Self {
            keys: keys.collect::<Result<_, _>>()?,
            skipped_keys: self.skipped_keys,
        })
    }

    /// Those of these keys that this backend takes; perhaps none.
    #[cfg(feature = "issue")]
    pub(crate) fn of_those_ready(
        keys: impl Iterator<Item = Key>,
        backend: Option<Backend>,
    ) -> Self {
        Self {
            keys: keys.filter_map(|key| key.on(backend).ok()).collect(),
            skipped_keys: Vec::new(),
        }
    }

    /// Returns the one key that a token with this header is verified with.
    pub(super) fn select(&self, header: &Header<'_>) -> Result<&Key, TokenError> {
        let selected = self.find(header);
        if selected.is_err() {
            log::unknown_key(header.algorithm, header.key_id, &self.keys);
        }
        selected
    }

    fn find(&self, header: &Header<'_>) -> Result<&Key, TokenError> {
        let fitting = self.keys.iter().filter(|key| key.is_for(header.algorithm));
        let Some(key_id) = header.key_id else {
            let nameless = fitting.clone().filter(|key| key.key_id().is_none());
            return only(nameless).or_else(|_| only(fitting));
        };
        let is_named = |key: &&Key| key.key_id() == Some(key_id);
        match fitting.clone().find(is_named) {
            Some(key) => Ok(key),
            None if self.keys.iter().any(|key| is_named(&key)) => Err(TokenError::KeyAlgorithm),
            None => only(fitting.filter(|key| key.key_id().is_none())),
        }
    }
}

/// Reads a JWK Set (RFC 7517 section 5).
pub(super) fn read_set(jwks: &str) -> Result<Document<'_>, ConfigError> {
    Document::published(jwks.as_bytes())
        .map_err(|error| ConfigError::new("this is not a JWK Set").with_source(error))
}

/// Returns what a JWK Set lists.
pub(super) fn entries<'a>(set: &'a Document<'_>) -> Result<&'a [Value<'a>], ConfigError> {
    let entries = set.named("keys").and_then(Value::elements);
    entries.ok_or_else(|| ConfigError::new("a JWK Set has an array called \"keys\""))
}

fn only<'a>(mut keys: impl Iterator<Item = &'a Key>) -> Result<&'a Key, TokenError> {
    match (keys.next(), keys.next()) {
        (Some(key), None) => Ok(key),
        _ => Err(TokenError::UnknownKey),
    }
}

impl Key {
    fn is_for(&self, algorithm: Algorithm) -> bool {
        self.algorithm() == algorithm
    }

    /// Whether no token could tell the two apart.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        self.key_id() == other.key_id() && self.is_for(other.algorithm())
    }
}

impl From<Key> for KeySet {
    fn from(key: Key) -> Self {
        Self {
            keys: vec![key],
            skipped_keys: Vec::new(),
        }
    }
}
