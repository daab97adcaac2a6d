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

/// Returns whether a path has a dot segment once it is decoded.
pub(super) fn leaves(path: &str) -> bool {
    let decoded = path.to_ascii_lowercase().replace("%2e", ".");
    let decoded = decoded.replace("%2f", "/").replace("%5c", "/");
    decoded.split('/').any(|segment| segment == "..")
}

/// Whether servers that decode, join or redirect by a path are not led elsewhere by it.
pub(super) fn is_plain_path(path: &str) -> bool {
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
