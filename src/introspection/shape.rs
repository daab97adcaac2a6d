//! The form that a token must have before the endpoint is asked about it.

use crate::bearer::{MAX_TOKEN_SIZE, is_b64token};
use std::sync::Arc;

pub(super) type Filter = dyn Fn(&str) -> bool + Send + Sync;

/// A length, an alphabet, and what the application knows about its server's tokens.
#[derive(Clone)]
pub(super) struct Shape {
    pub(super) min_bytes: usize,
    pub(super) max_bytes: usize,
    /// Empty: any.
    pub(super) prefixes: Vec<Box<str>>,
    pub(super) filter: Option<Arc<Filter>>,
}

impl Default for Shape {
    fn default() -> Self {
        Self {
            min_bytes: 1,
            max_bytes: MAX_TOKEN_SIZE,
            prefixes: Vec::new(),
            filter: None,
        }
    }
}

impl Shape {
    /// A token that fits is ASCII.
    pub(super) fn fits(&self, token: &str) -> bool {
        token.len() >= self.min_bytes
            && token.len() <= self.max_bytes
            && is_b64token(token.as_bytes())
            && (self.prefixes.is_empty() || self.has_prefix(token))
            && self.filter.as_ref().is_none_or(|filter| filter(token))
    }

    fn has_prefix(&self, token: &str) -> bool {
        let mut prefixes = self.prefixes.iter();
        prefixes.any(|prefix| token.starts_with(&**prefix))
    }
}
