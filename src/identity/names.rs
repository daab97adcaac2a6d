//! A short list of names in at most one allocation, however many there are.

#[cfg(any(feature = "jwt", feature = "introspection"))]
use std::collections::HashSet;

/// Roles or scopes.
///
/// The names are one after another, each behind its length. There is no separator, because a name
/// may contain any character and must not become two names.
#[derive(Clone, Default)]
pub(crate) struct Names(Vec<u8>);

/// The first allocation in bytes, which is enough for most lists.
const USUAL: usize = 96;

impl Names {
    fn push(&mut self, name: &str) {
        // A name of 4 GiB cannot occur here. It is left out rather than cut.
        let Ok(len) = u32::try_from(name.len()) else {
            return;
        };
        if self.0.capacity() == 0 {
            self.0.reserve(USUAL);
        }
        self.0.extend_from_slice(&len.to_ne_bytes());
        self.0.extend_from_slice(name.as_bytes());
    }

    /// Adds the names of another list that this list does not contain.
    #[cfg(any(feature = "jwt", feature = "introspection"))]
    pub(crate) fn add_missing(&mut self, others: &Self) {
        let known: HashSet<_> = self.iter().collect();
        let missing: Self = others.iter().filter(|name| !known.contains(name)).collect();
        self.0.extend_from_slice(&missing.0);
    }

    /// Returns the memory of the names in bytes.
    #[cfg(any(feature = "jwt", feature = "introspection"))]
    pub(super) fn bytes(&self) -> usize {
        self.0.capacity()
    }

    pub(super) fn iter(&self) -> Iter<'_> {
        Iter(&self.0)
    }
}

impl<S: AsRef<str>> Extend<S> for Names {
    fn extend<I: IntoIterator<Item = S>>(&mut self, names: I) {
        for name in names {
            self.push(name.as_ref());
        }
    }
}

impl<S: AsRef<str>> FromIterator<S> for Names {
    fn from_iter<I: IntoIterator<Item = S>>(names: I) -> Self {
        let mut list = Self::default();
        list.extend(names);
        list
    }
}

/// The names of a list.
pub(super) struct Iter<'a>(&'a [u8]);

impl<'a> Iterator for Iter<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let (len, names) = self.0.split_first_chunk()?;
        let len = usize::try_from(u32::from_ne_bytes(*len)).ok()?;
        let (name, others) = names.split_at_checked(len)?;
        self.0 = others;
        std::str::from_utf8(name).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back_as_they_went_in() {
        let names = [
            "",
            "a",
            "admin\u{0}editor",
            "è 3,4;5",
            "",
            &"x".repeat(1000),
        ];
        let mut list = Names::default();
        list.extend(names);
        assert!(list.iter().eq(names));
        list.extend(["more"]);
        assert!(list.iter().eq(names.into_iter().chain(["more"])));
        assert!(names.into_iter().collect::<Names>().iter().eq(names));
    }
}
