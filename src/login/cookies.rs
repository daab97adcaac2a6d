//! Cookies: read from a request, set, and taken back.
//!
//! Every cookie of a login is `__Host-` (RFC 6265bis section 4.1.3.2: no other host, and no
//! page over `http`, can set it), `Secure`, `HttpOnly`, `SameSite=Lax` and for `/`; those of logins
//! that end by a form of the provider's site are `SameSite=None`. What is too
//! long for one is in several, which say how many they are.
//!
//! On loopback, the application may [drop](super::LoginBuilder::dangerous_insecure_cookies_on_loopback)
//! `Secure`, which `__Host-` requires.

use http::{
    HeaderMap, HeaderValue,
    header::{COOKIE, SET_COOKIE},
};

/// The largest length of a value, in bytes. Browsers accept 4096 bytes of name, value and
/// attributes.
const CHUNK: usize = 3500;

/// Into how many cookies a value is split at most. Servers read 16 KiB of fields, or so.
pub(super) const MAX_CHUNKS: usize = 4;

/// Names and values, in the order in which they came.
pub(super) fn all(headers: &HeaderMap) -> impl Iterator<Item = (&[u8], &[u8])> {
    let fields = headers.get_all(COOKIE).iter();
    let pairs = fields.flat_map(|field| field.as_bytes().split(|&byte| byte == b';'));
    pairs.filter_map(|pair| {
        let pair = pair.trim_ascii_start();
        let equals = pair.iter().position(|&byte| byte == b'=')?;
        let (name, value) = pair.split_at_checked(equals)?;
        Some((name, value.get(1..)?))
    })
}

/// The value of the cookie with this name; `None` if there is none, or more than one.
pub(super) fn one<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a [u8]> {
    let mut values = all(headers).filter(|(other, _)| *other == name.as_bytes());
    let (_, value) = values.next()?;
    values.next().is_none().then_some(value)
}

fn chunk_name(name: &str, chunk: usize) -> String {
    match chunk {
        0 => name.to_owned(),
        _ => format!("{name}.{chunk}"),
    }
}

/// A value that may be in several cookies, and in how many.
pub(super) fn joined(headers: &HeaderMap, name: &str) -> Option<Vec<u8>> {
    let (count, first) = one(headers, name)?.split_at_checked(2)?;
    let [count, b'.'] = count else { return None };
    let count = usize::from(count.checked_sub(b'0')?);
    if !(1..=MAX_CHUNKS).contains(&count) {
        return None;
    }
    let mut value = first.to_vec();
    for chunk in 1..count {
        value.extend_from_slice(one(headers, &chunk_name(name, chunk))?);
    }
    Some(value)
}

/// Returns the number of cookies in a request that belong to one value, valid or not.
pub(super) fn count(headers: &HeaderMap, name: &str) -> usize {
    let is_there = |chunk: &usize| {
        let name = chunk_name(name, *chunk);
        all(headers).any(|(other, _)| other == name.as_bytes())
    };
    let last = (0..MAX_CHUNKS).rev().find(is_there);
    last.map_or(0, |last| last.saturating_add(1))
}

/// Returns whether a value is short enough to be set.
pub(super) fn fits(value: &str) -> bool {
    (1..=CHUNK.saturating_mul(MAX_CHUNKS)).contains(&value.len())
}

/// Sets and clears cookies.
#[derive(Clone, Copy)]
pub(super) struct Jar {
    pub(super) is_secure: bool,
}

impl Jar {
    /// Sets a value, in as many cookies as it takes, and takes back those that were more before.
    /// `None` if it is too long.
    pub(super) fn set_joined(
        self,
        name: &str,
        value: &str,
        before: usize,
        seconds: u64,
    ) -> Option<Vec<HeaderValue>> {
        let chunks: Vec<_> = value.as_bytes().chunks(CHUNK).collect();
        if chunks.is_empty() || chunks.len() > MAX_CHUNKS {
            return None;
        }
        let mut fields = Vec::with_capacity(chunks.len());
        for (i, chunk) in chunks.iter().enumerate() {
            let chunk = std::str::from_utf8(chunk).ok()?;
            let value = match i {
                0 => format!("{}.{chunk}", chunks.len()),
                _ => chunk.to_owned(),
            };
            fields.push(self.set(&chunk_name(name, i), &value, seconds)?);
        }
        fields.extend(
            (chunks.len()..before).filter_map(|chunk| self.clear(&chunk_name(name, chunk))),
        );
        Some(fields)
    }

    /// Takes back a value that was in so many cookies.
    pub(super) fn clear_joined(self, name: &str, count: usize) -> Vec<HeaderValue> {
        let chunks = 0..count.clamp(1, MAX_CHUNKS);
        chunks
            .filter_map(|chunk| self.clear(&chunk_name(name, chunk)))
            .collect()
    }

    /// Sets one cookie, for so many seconds.
    pub(super) fn set(self, name: &str, value: &str, seconds: u64) -> Option<HeaderValue> {
        self.line(name, value, seconds, "Lax")
    }

    /// The same for one that has to come with a form of another site: only what is bound to a login
    /// under way.
    pub(super) fn set_for_forms(
        self,
        name: &str,
        value: &str,
        seconds: u64,
    ) -> Option<HeaderValue> {
        self.line(name, value, seconds, "None")
    }

    fn line(self, name: &str, value: &str, seconds: u64, same_site: &str) -> Option<HeaderValue> {
        let secure = if self.is_secure { "; Secure" } else { "" };
        let text = format!(
            "{name}={value}; Max-Age={seconds}; Path=/{secure}; HttpOnly; SameSite={same_site}"
        );
        let mut field = HeaderValue::try_from(text).ok()?;
        field.set_sensitive(true);
        Some(field)
    }

    /// Takes one cookie back.
    pub(super) fn clear(self, name: &str) -> Option<HeaderValue> {
        self.set(name, "", 0)
    }
}

pub(super) fn append(headers: &mut HeaderMap, fields: impl IntoIterator<Item = HeaderValue>) {
    for field in fields {
        headers.append(SET_COOKIE, field);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const JAR: Jar = Jar { is_secure: true };

    /// Returns the header that a browser sends after these `Set-Cookie` fields.
    fn sent(fields: &[HeaderValue]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for field in fields {
            let (pair, rest) = field.to_str().unwrap().split_once("; ").unwrap();
            assert!(rest.ends_with("Path=/; Secure; HttpOnly; SameSite=Lax"));
            assert!(field.is_sensitive() && field.len() < 4096);
            if !rest.starts_with("Max-Age=0;") {
                headers.append(COOKIE, pair.parse().unwrap());
            }
        }
        headers
    }

    #[test]
    fn a_value_of_any_length_comes_back_up_to_a_bound() {
        for length in [1, CHUNK - 1, CHUNK, CHUNK + 1, MAX_CHUNKS * CHUNK] {
            let value = "v".repeat(length);
            assert!(fits(&value));
            let headers = sent(&JAR.set_joined("__Host-s", &value, 0, 9).unwrap());
            assert_eq!(joined(&headers, "__Host-s"), Some(value.into_bytes()));
        }
        let value = "v".repeat(MAX_CHUNKS * CHUNK + 1);
        assert!(!fits(&value) && !fits(""));
        assert!(JAR.set_joined("__Host-s", &value, 0, 9).is_none());
    }

    #[test]
    fn cookies_that_are_no_longer_needed_are_taken_back() {
        let fields = JAR.set_joined("s", "v", 3, 9).unwrap();
        let names: Vec<_> = fields
            .iter()
            .map(|field| field.to_str().unwrap().split('=').next().unwrap())
            .collect();
        assert_eq!(names, ["s", "s.1", "s.2"]);
        assert_eq!(JAR.clear_joined("s", 3).len(), 3);
    }

    #[test]
    fn what_is_missing_doubled_or_miscounted_is_nothing() {
        let read = |field: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(COOKIE, HeaderValue::from_static(field));
            joined(&headers, "s")
        };
        assert_eq!(read("a=b; s=2.x; s.1=y"), Some(b"xy".to_vec()));
        assert_eq!(read("s=1.x; s.1=y"), Some(b"x".to_vec()));
        for none in [
            "",
            "s",
            "s=",
            "s=1",
            "s=.x",
            "s=0.x",
            "s=9.x",
            "s=2.x",
            "s=1.x; s=1.y",
            "s=2.x; s.1=y; s.1=z",
            "S=1.x",
            "s=/.x",
        ] {
            assert_eq!(read(none), None, "{none}");
        }
    }
}
