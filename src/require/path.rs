//! Which paths rules may be applied to at all.
//!
//! Rules match the path as it was sent. A path that a server behind could read as another one
//! would be judged by the wrong rule, so it is refused: dot segments (RFC 3986 section 5.2.4),
//! also encoded; empty segments; encoded slashes, backslashes and NUL; backslashes.

use std::borrow::Cow;

/// Whether every server reads this path alike.
pub(crate) fn is_unambiguous(path: &str) -> bool {
    let bytes = path.as_bytes();
    if bytes.contains(&b'\\') || bytes.windows(2).any(|pair| pair == b"//") {
        return false;
    }
    let forbidden = [*b"2f", *b"5c", *b"00"];
    if escapes(bytes).any(|hex| forbidden.contains(&hex)) {
        return false;
    }
    !path.split('/').any(is_dot_segment)
}

/// The two digits of every escape, in lower case. A `%` without two digits gives what follows it.
fn escapes(bytes: &[u8]) -> impl Iterator<Item = [u8; 2]> {
    bytes.windows(3).filter_map(|window| match window {
        [b'%', high, low] => Some([high.to_ascii_lowercase(), low.to_ascii_lowercase()]),
        _ => None,
    })
}

fn is_dot_segment(segment: &str) -> bool {
    // A dot is three characters at most, so that nothing long is ever decoded here.
    segment.len() <= 6
        && (segment.starts_with('.') || segment.starts_with('%'))
        && matches!(
            &*segment.to_ascii_lowercase().replace("%2e", "."),
            "." | ".."
        )
}

/// The path with the escapes that mean nothing undone: those of unreserved characters
/// (RFC 3986 section 6.2.2.2). `None` if there are none.
pub(crate) fn normalized(path: &str) -> Option<Cow<'_, str>> {
    if !path.contains('%') {
        return None;
    }
    let mut out = String::with_capacity(path.len());
    let mut rest = path;
    let mut changed = false;
    while let Some((before, after)) = rest.split_once('%') {
        out.push_str(before);
        let decoded = after
            .get(..2)
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match decoded.map(char::from) {
            Some(c) if c.is_ascii_alphanumeric() || "-._~".contains(c) => {
                out.push(c);
                rest = after.get(2..).unwrap_or_default();
                changed = true;
            }
            _ => {
                out.push('%');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    changed.then_some(Cow::Owned(out))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ambiguous_paths_are_told_from_plain_ones() {
        for path in [
            "/.",
            "/..",
            "/a/../b",
            "/a/./b",
            "/a/..",
            "/%2e%2E/b",
            "/.%2e/b",
            "/a//b",
            "//",
            "/a/",
            "/a%2fb",
            "/a%2Fb",
            "/a%5cb",
            "/a\\b",
            "/a%00",
            "/a%5C..%5cb",
        ] {
            assert_eq!(is_unambiguous(path), path == "/a/", "{path}");
        }
        for path in [
            "/",
            "*",
            "",
            "/a/b",
            "/a/...",
            "/.well-known/x",
            "/a.b",
            "/%2e%2e%2e",
            "/%e2%82%ac",
            "/50%25",
        ] {
            assert!(is_unambiguous(path), "{path}");
        }
    }

    #[test]
    fn only_escapes_that_mean_nothing_are_undone() {
        assert_eq!(normalized("/admin"), None);
        assert_eq!(normalized("/a%20b"), None);
        assert_eq!(normalized("/%61dm%69n%20%").as_deref(), Some("/admin%20%"));
        assert_eq!(normalized("/%7euser%").as_deref(), Some("/~user%"));
        assert_eq!(normalized("/%é"), None);
    }
}
