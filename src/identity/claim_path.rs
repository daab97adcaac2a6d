//! Where a claim lies in a token.

use std::{borrow::Cow, fmt};

/// Where a claim lies: one top-level name, or names that nest.
///
/// A single string is always one whole name, whatever characters it holds:
///
/// ```
/// use tower_auth::identity::ClaimPath;
///
/// let flat = ClaimPath::from("https://example.com/roles");
/// let nested = ClaimPath::from(["realm_access", "roles"]);
/// assert_eq!(nested.to_string(), "realm_access/roles");
/// # assert_eq!(flat.to_string(), "https://example.com/roles");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimPath(Vec<Cow<'static, str>>);

impl ClaimPath {
    /// The names, outermost first.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(AsRef::as_ref)
    }
}

impl From<&'static str> for ClaimPath {
    fn from(name: &'static str) -> Self {
        Self(vec![name.into()])
    }
}

impl From<String> for ClaimPath {
    fn from(name: String) -> Self {
        Self(vec![name.into()])
    }
}

impl<const N: usize> From<[&'static str; N]> for ClaimPath {
    fn from(names: [&'static str; N]) -> Self {
        Self(names.into_iter().map(Cow::from).collect())
    }
}

impl From<Vec<String>> for ClaimPath {
    fn from(names: Vec<String>) -> Self {
        Self(names.into_iter().map(Cow::from).collect())
    }
}

impl fmt::Display for ClaimPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, name) in self.names().enumerate() {
            write!(f, "{}{name}", if i == 0 { "" } else { "/" })?;
        }
        Ok(())
    }
}
