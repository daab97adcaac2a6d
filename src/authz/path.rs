//! Which paths rules may be applied to at all.
//!
//! Rules match the path as it was sent. A path that a server behind could read as another one
//! would be judged by the wrong rule, so it is refused: dot segments (RFC 3986 section 5.2.4),
//! also encoded; empty segments; encoded slashes, backslashes and control characters; overlong
//! UTF-8 (RFC 3629 section 3); backslashes; a `%` that does not begin an escape (section 2.1).

use crate::util::percent::escapes;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode};
use std::borrow::Cow;

/// Whether every server reads this path alike.
pub(crate) fn is_unambiguous(path: &str) -> bool {
    let bytes = path.as_bytes();
    if bytes.contains(&b'\\') || bytes.windows(2).any(|pair| pair == b"//") {
        return false;
    }
    has_plain_escapes(path) && !path.split('/').any(is_dot_segment)
}

/// Returns whether each `%` begins an escape, and no escape is a character that separates or ends
/// paths.
fn has_plain_escapes(path: &str) -> bool {
    let mut before = None;
    let texts = path.split('%').skip(1);
    texts.zip(escapes(path.as_bytes())).all(|(text, byte)| {
        let Some(byte) = byte else {
            return false;
        };
        let separates = matches!(byte, b'/' | b'\\') || byte.is_ascii_control();
        // Lenient decoders read these as shorter characters, mostly of ASCII: `%c0%af` as `/`.
        let overlong = matches!(
            (before, byte),
            (_, 0xc0 | 0xc1) | (Some(0xe0), 0x80..=0x9f) | (Some(0xf0), 0x80..=0x8f)
        );
        // The control characters U+0080 to U+009F.
        let control = matches!((before, byte), (Some(0xc2), 0x80..=0x9f));
        // Only an escape that follows at once continues the character of this one.
        before = (text.len() == 2).then_some(byte);
        !(separates || overlong || control)
    })
}

fn is_dot_segment(segment: &str) -> bool {
    // Some servers take what follows a semicolon for parameters (RFC 3986 section 3.3).
    let segment = segment.split(';').next().unwrap_or_default();
    // A dot is three characters at most, so that nothing long is ever decoded here.
    segment.len() <= 6
        && (segment.starts_with('.') || segment.starts_with('%'))
        && matches!(
            &*segment.to_ascii_lowercase().replace("%2e", "."),
            "." | ".."
        )
}

/// The path in its one normal spelling: what may stand in a path stands there plain
/// (`pchar` of RFC 3986 section 3.3), everything else is an escape in upper case. That is how a
/// server reads it that decodes before it routes. `None` if it is spelled so already.
pub(crate) fn normalized(path: &str) -> Option<String> {
    // A slash that was escaped never gets here.
    let decoded: Cow<'_, [u8]> = percent_decode_str(path).into();
    let spelled: Cow<'_, str> = percent_encode(&decoded, NOT_IN_PATHS).into();
    (spelled != path).then(|| spelled.into_owned())
}

/// Returns the path without parameters (`;…`, RFC 3986 section 3.3) and without the segments that
/// become empty by that, given the path's normal spelling. Servlet containers read paths in this
/// form. Returns `None` if the path has no parameters.
///
/// A slash at the end is kept: `/a/;x` becomes `/a/`.
pub(crate) fn without_parameters(path: &str) -> Option<String> {
    if !path.contains(';') {
        return None;
    }
    let mut out = String::with_capacity(path.len());
    let mut ends_empty = false;
    for segment in path.split('/') {
        let name = segment.split(';').next().unwrap_or_default();
        ends_empty = name.is_empty();
        if !ends_empty {
            out.push('/');
            out.push_str(name);
        }
    }
    if ends_empty {
        out.push('/');
    }
    Some(out)
}

/// The same for a pattern, whose parameters stay as they are.
pub(crate) fn normalized_pattern(pattern: &str) -> String {
    // Doubled braces are meant as such.
    let pattern = pattern.replace("{{", "%7B").replace("}}", "%7D");
    let mut out = String::with_capacity(pattern.len());
    let mut in_name = false;
    for piece in pattern.split_inclusive(['{', '}']) {
        let text = piece.trim_end_matches(['{', '}']);
        match normalized(text).filter(|_| !in_name) {
            Some(plain) => out.push_str(&plain),
            None => out.push_str(text),
        }
        in_name = piece.ends_with('{');
        out.extend(piece.chars().last().filter(|c| matches!(c, '{' | '}')));
    }
    out
}

/// Whether a pattern has what other routers take for a wildcard (`/:id`, `/*`), and this one for
/// the very characters: such a rule would never be met.
pub(crate) fn has_foreign_wildcard(pattern: &str) -> bool {
    let mut in_name = false;
    let mut before = '/';
    for c in pattern.chars() {
        match c {
            '{' => in_name = true,
            '}' => in_name = false,
            '*' if !in_name => return true,
            ':' if !in_name && before == '/' => return true,
            _ => {}
        }
        before = c;
    }
    false
}

/// All characters but `pchar` (RFC 3986 section 3.3) and the slash.
const NOT_IN_PATHS: &AsciiSet = {
    let (mut set, mut allowed) = (
        NON_ALPHANUMERIC.remove(b'/'),
        b"-._~!$&'()*+,;=:@".as_slice(),
    );
    while let [character, rest @ ..] = allowed {
        set = set.remove(*character);
        allowed = rest;
    }
    &{ set }
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_of_other_routers_are_told_from_ours() {
        for pattern in [
            "/*", "/a/*", "/a/**", "/a/*rest", "/:id", "/a/:id/b", "/{x}/*",
        ] {
            assert!(has_foreign_wildcard(pattern), "{pattern}");
        }
        for pattern in [
            "/{id}",
            "/{*rest}",
            "/items:purge",
            "/{x}:y",
            "/shop.Orders/{method}",
        ] {
            assert!(!has_foreign_wildcard(pattern), "{pattern}");
        }
    }

    #[test]
    fn ambiguous_paths_are_told_from_plain_ones() {
        for path in [
            "/.",
            "/..",
            "/a/..;/b",
            "/a/%2e%2e;x=y/b",
            "/a%",
            "/a%2",
            "/%zz/b",
            "/%2%65",
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
            "/a%0a",
            "/a%1F/b",
            "/a%7f",
            "/a%c2%85",
            "/a%C2%9f",
            "/a%c0%af",
            "/a%c1%9c/b",
            "/%e0%80%af",
            "/%F0%80%80%AF",
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
            "/%c2%a0",
            "/%c3%85",
            "/%e0%a4%b9",
            "/%f0%9f%92%a9",
            "/%c2a%85",
            "/caf%e9",
            "/a;b=c",
            "/50%25",
        ] {
            assert!(is_unambiguous(path), "{path}");
        }
    }

    #[test]
    fn a_path_has_one_normal_spelling() {
        for path in ["/admin", "/a%20b", "/caf%C3%A9", "/%2561", "/a;b=c:d@e"] {
            assert_eq!(normalized(path), None, "{path}");
        }
        for (path, plain) in [
            ("/%61dm%69n%20%", "/admin%20%25"),
            ("/%7euser%", "/~user%25"),
            ("/%3a", "/:"),
            ("/é%c3%a9", "/%C3%A9%C3%A9"),
            ("/%%36%31", "/%2561"),
            ("/%é", "/%25%C3%A9"),
            ("/a b{c}", "/a%20b%7Bc%7D"),
        ] {
            assert_eq!(normalized(path).as_deref(), Some(plain), "{path}");
            assert_eq!(normalized(plain), None, "{plain}");
        }
    }

    #[test]
    fn parameters_of_segments_are_cut_with_what_they_leave_empty() {
        for path in ["/", "/a/b", "/a,b=c", ""] {
            assert_eq!(without_parameters(path), None, "{path}");
        }
        for (path, plain) in [
            ("/a;x=1/b", "/a/b"),
            ("/a;/b;c;d", "/a/b"),
            ("/;/a", "/a"),
            ("/a/;x/;/b", "/a/b"),
            ("/a;x/", "/a/"),
            ("/a/;x", "/a/"),
            ("/;", "/"),
            (";a", "/"),
        ] {
            assert_eq!(without_parameters(path).as_deref(), Some(plain), "{path}");
        }
    }

    #[test]
    fn a_pattern_keeps_its_parameters() {
        for (pattern, plain) in [
            ("/a b/{na me}/é", "/a%20b/{na me}/%C3%A9"),
            ("/x-{%61}.%61/{*rést}", "/x-{%61}.a/{*rést}"),
            ("/{{%61}}", "/%7Ba%7D"),
        ] {
            assert_eq!(normalized_pattern(pattern), plain);
        }
    }
}
