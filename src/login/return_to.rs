//! The allow-list of addresses to which a browser may be sent after a login, so that a link cannot
//! redirect from this application to a foreign page (RFC 9700 section 4.11).
//!
//! 1. Only visible ASCII without a backslash, up to a bound. Browsers read a backslash as a slash,
//!    and drop tabs and line breaks.
//! 2. A path, which begins with one slash, and not with two. It is read as browsers do (WHATWG
//!    URL): afterwards its origin is that of this application, and its path, with dot segments
//!    gone, still does not begin with two slashes, encoded or not.
//! 3. The path is below the prefix of the [public URL](super::base). Other paths of the same host
//!    belong to other applications. If there is a prefix, a path with an encoded dot segment is
//!    refused, because a server may decode it and leave the prefix.
//! 4. It is none of the paths that the login itself answers.
//! 5. A whole URL only if it is `http` or `https`, and its origin one that was allowed by name.

use super::path::below;
use crate::{
    ConfigError,
    util::return_path::{has_dot_segments, is_plain_path, is_visible},
};
use url::{Origin, Url};

/// The allowed addresses.
pub(super) struct Returns {
    /// This application.
    base: Url,
    /// The prefix of its paths.
    prefix: String,
    allowed: Vec<Origin>,
    /// The login's own paths, below the prefix.
    own: Vec<String>,
}

impl Returns {
    pub(super) fn new(base: Url, prefix: &str, own: Vec<String>) -> Self {
        Self {
            base,
            prefix: prefix.to_owned(),
            allowed: Vec::new(),
            own,
        }
    }

    /// Allows an origin, such as `https://app.example.com`.
    pub(super) fn allow(&mut self, text: &str) -> Result<(), ConfigError> {
        self.allowed.push(origin(text)?);
        Ok(())
    }

    /// Returns the address in a form for `Location`, or `None` if it is not allowed. The login's own
    /// addresses have this prefix in the browser.
    pub(super) fn check(&self, prefix: &str, wanted: &str) -> Option<String> {
        if !is_visible(wanted) {
            return None;
        }
        if !wanted.starts_with('/') {
            let url = Url::parse(wanted).ok()?;
            let is_plain = url.username().is_empty() && url.password().is_none();
            // `blob:` has an origin, too: that of the URL in it.
            let is_web = matches!(url.scheme(), "http" | "https");
            let is_allowed = is_web && is_plain && self.allowed.contains(&url.origin());
            return is_allowed.then(|| url.into());
        }
        if wanted.starts_with("//") {
            return None;
        }
        let url = self.base.join(wanted).ok()?;
        if url.origin() != self.base.origin() || !is_plain_path(url.path()) {
            return None;
        }
        let path = url.path();
        if below(&self.prefix, path).is_none() || !self.prefix.is_empty() && has_dot_segments(path)
        {
            return None;
        }
        let own = below(prefix, path).unwrap_or(path);
        if self.own.iter().any(|one| one == own || one == path) {
            return None;
        }
        url.as_str()
            .strip_prefix(&self.base.origin().ascii_serialization())
            .map(str::to_owned)
    }
}

/// Parses an origin, such as `https://app.example.com`.
pub(super) fn origin(text: &str) -> Result<Origin, ConfigError> {
    let url = Url::parse(text).ok();
    let is_origin = |url: &Url| {
        matches!(url.scheme(), "http" | "https")
            && url.origin().ascii_serialization() == text.trim_end_matches('/')
    };
    let url = url.filter(is_origin).ok_or_else(|| {
        ConfigError::new(format!(
            "{text:?} is no origin such as \"https://app.example.com\""
        ))
    })?;
    Ok(url.origin())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn returns() -> Returns {
        let base = Url::parse("https://app.example.com/callback").unwrap();
        let own = ["/login", "/callback", "/logout"].map(str::to_owned);
        Returns::new(base, "", own.into())
    }

    fn check(wanted: &str) -> Option<String> {
        returns().check("", wanted)
    }

    #[test]
    fn a_path_of_this_application_is_allowed() {
        for (wanted, expected) in [
            ("/", "/"),
            ("/a/b?c=d&e=/f//g#h", "/a/b?c=d&e=/f//g#h"),
            ("/a/../b", "/b"),
            (
                "/a?next=https://evil.example/",
                "/a?next=https://evil.example/",
            ),
            ("/@evil.example", "/@evil.example"),
            ("/:80", "/:80"),
            ("/caf%C3%A9/a%2Fb", "/caf%C3%A9/a%2Fb"),
            ("/loginx", "/loginx"),
        ] {
            assert_eq!(check(wanted).as_deref(), Some(expected));
        }
    }

    #[test]
    fn nothing_leads_elsewhere() {
        for wanted in [
            "",
            "a",
            "?a",
            "#a",
            ".",
            "..",
            "//evil.example",
            "///evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "\\/evil.example",
            "/\t/evil.example",
            "/\n/evil.example",
            "\t//evil.example",
            " //evil.example",
            "/ /evil.example",
            "/%2f/evil.example",
            "/%2Fevil.example",
            "/%5Cevil.example",
            "/%5c%5cevil.example",
            "/.//evil.example",
            "/..//evil.example",
            "/a/..//evil.example",
            "/%2e//evil.example",
            "/%2e%2e//evil",
            "/./%2Fevil.example",
            "/%09/evil.example",
            "/%0d%0aset-cookie:a=b",
            "/%00",
            "/%7f",
            "https://evil.example/",
            "https:evil.example",
            "https:/evil.example",
            "http://a",
            "https://app.example.com",
            "https://app.example.com@evil.example/",
            "javascript:x",
            "data:text/html,x",
            "/login",
            "/callback",
            "/logout",
            "/login?return_to=/",
            "/a/../login",
            "/\u{2f}/evil",
            "/\u{ff0f}evil.example",
            "/é",
        ] {
            assert_eq!(check(wanted), None, "{wanted:?}");
        }
        let long = format!("/{}", "a".repeat(16 * 1024));
        assert_eq!(check(&long), None);
    }

    #[test]
    fn a_path_of_another_application_on_the_host_is_not_allowed() {
        let base = Url::parse("https://app.example.com/shop/callback").unwrap();
        let returns = Returns::new(base, "/shop", vec!["/login".into(), "/callback".into()]);
        for wanted in [
            "/shop",
            "/shop/",
            "/shop/a/../b?c#d",
            "/shop/shop",
            "/x/../shop/",
        ] {
            assert!(returns.check("/shop", wanted).is_some(), "{wanted}");
        }
        for wanted in [
            "/",
            "/other/",
            "/shopping",
            "/Shop/",
            "/shop/../other/",
            "/shop/%2e%2e/other/",
            "/shop/..%2fother/",
            "/shop/x%2F..%2F%2e%2E%5cother/",
            "/shop/login",
            "/shop/callback?code=x",
            "/%73hop/",
        ] {
            assert_eq!(returns.check("/shop", wanted), None, "{wanted}");
        }
    }

    #[test]
    fn another_origin_is_allowed_by_name_only() {
        let mut returns = returns();
        returns.allow("https://other.example").unwrap();
        returns.allow("https://port.example:8443/").unwrap();
        for (wanted, expected) in [
            ("https://other.example/x?y#z", "https://other.example/x?y#z"),
            ("https://port.example:8443/", "https://port.example:8443/"),
        ] {
            assert_eq!(returns.check("", wanted).as_deref(), Some(expected));
        }
        for wanted in [
            "http://other.example/",
            "https://other.example.evil/",
            "https://other.example:1/",
            "https://port.example/",
            "https://user@other.example/",
            "blob:https://other.example/x",
            "BLOB:https://other.example/0b6c6b1c-0f5c-4b5c-8d7e-2f6f3a1c9d10",
            "blob:blob:https://other.example/x",
            "filesystem:https://other.example/temporary/x",
            "view-source:https://other.example/",
            "//other.example/",
            "https://other.example\\@evil.example/",
            "https://app.example.com/",
        ] {
            assert_eq!(returns.check("", wanted), None, "{wanted:?}");
        }
        for none in ["", "other.example", "https://a/b", "ftp://a", "https://u@a"] {
            assert!(returns.allow(none).is_err(), "{none}");
        }
    }

    proptest! {
        /// By the oracle that browsers are specified by.
        #[test]
        fn no_return_url_leaves_the_allow_list(
            wanted in r"[/\\.%2fF5cCeE0d9a@:?#\t\n -]{0,12}(//)?(evil\.example)?[/?#a]{0,3}"
        ) {
            let base = Url::parse("https://app.example.com/x/callback").unwrap();
            if let Some(location) = check(&wanted) {
                let url = base.join(&location).unwrap();
                prop_assert_eq!(url.origin(), base.origin(), "{}", location);
                prop_assert!(location.starts_with('/') && !location.starts_with("//"));
                // Once more, as a server would that decodes and redirects.
                let decoded = location.replace("%2F", "/").replace("%2f", "/");
                let decoded = decoded.replace("%5C", "\\").replace("%5c", "\\");
                prop_assert_eq!(base.join(&decoded).unwrap().origin(), base.origin());
            }
        }

        #[test]
        fn any_text_is_checked_without_a_panic(wanted: String) {
            if let Some(location) = check(&wanted) {
                prop_assert!(http::HeaderValue::try_from(location).is_ok());
            }
        }
    }
}
