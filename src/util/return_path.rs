//! Paths to which a browser may be sent, so that a link cannot redirect from this application to a
//! foreign page (RFC 9700 section 4.11).

/// The longest address that is parsed, in bytes.
const MAX: usize = 16 * 1024;

/// Returns a path of this application, such as `next` of a log-in form, for `Location`. Returns
/// `None` if a browser or a proxy could read it as an address elsewhere.
///
/// A path begins with one slash. It consists of visible ASCII characters without a backslash, since
/// browsers read a backslash as a slash, and drop tabs and line breaks (WHATWG URL section 4.4). It
/// does not begin with another slash, encoded or not, and has neither dot segments nor encoded
/// control characters. It has at most 16 KiB, including its query.
///
/// ```
/// use tower_auth::issue::return_path;
///
/// assert_eq!(return_path("/orders?page=2"), Some("/orders?page=2"));
/// assert_eq!(return_path("https://evil.example/"), None);
/// assert_eq!(return_path("//evil.example"), None);
/// let next = return_path("/\\evil.example").unwrap_or("/");
/// assert_eq!(next, "/");
/// ```
#[cfg(feature = "issue")]
#[must_use]
pub fn return_path(wanted: &str) -> Option<&str> {
    let path = wanted.split(['?', '#']).next().unwrap_or_default();
    let is_own = is_visible(wanted) && is_plain_path(path) && !has_dot_segments(path);
    is_own.then_some(wanted)
}

/// Returns whether an address has only characters that browsers do not drop or change.
pub(crate) fn is_visible(wanted: &str) -> bool {
    let is_visible = |byte: u8| byte.is_ascii_graphic() && byte != b'\\';
    wanted.len() <= MAX && wanted.bytes().all(is_visible)
}

/// Returns whether a path begins with one slash, encoded or not, and has no encoded control
/// characters. A server that decodes, joins or redirects by such a path stays at this host.
pub(crate) fn is_plain_path(path: &str) -> bool {
    let lower = path.to_ascii_lowercase();
    let Some(rest) = lower.strip_prefix('/') else {
        return false;
    };
    let is_slash = ["/", "%2f", "%5c", "\\"]
        .iter()
        .any(|slash| rest.starts_with(slash));
    // C0 controls and DEL, encoded.
    let mut escapes = lower.split('%').skip(1);
    let has_control =
        escapes.any(|escape| matches!(escape.as_bytes(), [b'0' | b'1', ..] | [b'7', b'f', ..]));
    !is_slash && !has_control
}

/// Returns whether a path has a dot segment (RFC 3986 section 3.3) once it is decoded.
pub(crate) fn has_dot_segments(path: &str) -> bool {
    let decoded = path.to_ascii_lowercase().replace("%2e", ".");
    let decoded = decoded.replace("%2f", "/").replace("%5c", "/");
    let mut segments = decoded.split('/');
    segments.any(|segment| matches!(segment, "." | ".."))
}

#[cfg(all(test, feature = "issue"))]
mod tests {
    use super::*;

    #[test]
    fn paths_of_this_application_are_returned_as_they_are() {
        for path in [
            "/",
            "/a/b?c=d&e=/f//g#h",
            "/a?next=https://evil.example/",
            "/a?b=../c",
            "/@evil.example",
            "/:80",
            "/caf%C3%A9/a%2Fb",
            "/a//b",
            "/a/.well-known",
            "/...",
        ] {
            assert_eq!(return_path(path), Some(path));
        }
    }

    #[test]
    fn addresses_elsewhere_are_not_returned() {
        let long = format!("/{}", "a".repeat(MAX));
        for path in [
            "",
            "a",
            "?a",
            "#a",
            ".",
            "//evil.example",
            "///evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "/\t/evil.example",
            "/\n/evil.example",
            "\t//evil.example",
            " /a",
            "/a b",
            "/é",
            "/.//evil.example",
            "/a/..//evil.example",
            "/%2e%2E//evil.example",
            "/a/%2e%2e%2f/evil.example",
            "/%2f/evil.example",
            "/%5Cevil.example",
            "/a%0d%0aSet-Cookie:x",
            "https://evil.example/",
            "javascript:alert(1)",
            "data:,x",
            &long,
        ] {
            assert_eq!(return_path(path), None, "{path}");
        }
    }
}
