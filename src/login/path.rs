//! Paths of URLs: which are plain, and which are below others.

/// Returns whether a path has no character that has a meaning in a URL or in HTML.
pub(super) fn is_plain(path: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    path.starts_with('/') && !path.contains("//") && path.bytes().all(is_plain)
}

/// Returns a path below a prefix. The prefix is added unless the path has it.
pub(super) fn join(prefix: &str, path: &str) -> String {
    match below(prefix, path) {
        Some(_) => path.to_owned(),
        None => format!("{prefix}{path}"),
    }
}

/// Returns the rest of a path below a prefix. The rest begins with a slash.
pub(super) fn below<'a>(prefix: &str, path: &'a str) -> Option<&'a str> {
    match path.strip_prefix(prefix)? {
        "" => Some("/"),
        rest => rest.starts_with('/').then_some(rest),
    }
}
