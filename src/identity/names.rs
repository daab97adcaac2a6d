//! A short list of names in one allocation, however many there are.

use std::fmt;

/// Roles or scopes, one after another, each behind its length. No separator: a name may hold
/// any character, and must not become two.
#[derive(Clone, Default)]
pub(super) struct Names(Vec<u8>);

/// Bytes; enough for what most tokens list.
const USUAL: usize = 96;

impl Names {
    pub(super) fn push(&mut self, name: &str) {
        // A name of 4 GiB would not have got here; it is left out rather than cut.
        let Ok(len) = u32::try_from(name.len()) else {
            return;
        };
        if self.0.capacity() == 0 {
            self.0.reserve(USUAL);
        }
        self.0.extend_from_slice(&len.to_ne_bytes());
        self.0.extend_from_slice(name.as_bytes());
    }

    pub(super) fn extend(&mut self, names: impl IntoIterator<Item = impl AsRef<str>>) {
        for name in names {
            self.push(name.as_ref());
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        let mut rest = self.0.as_slice();
        std::iter::from_fn(move || {
            let (len, names) = rest.split_first_chunk()?;
            let len = usize::try_from(u32::from_ne_bytes(*len)).ok()?;
            let (name, others) = names.split_at_checked(len)?;
            rest = others;
            std::str::from_utf8(name).ok()
        })
    }
}

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
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
    }
}
