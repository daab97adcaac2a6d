//! [`Base`]: the public URL of the application. Every address that the login sends a browser to is
//! below it.
//!
//! 1. The redirect URI is the public URL and the path of the callback. Two of the three determine
//!    the third.
//! 2. The path of the public URL is the prefix. A proxy or a router may remove it from the paths
//!    that the layer receives. A path that begins with the prefix is a path as in the browser. To
//!    every other path the prefix is added.
//! 3. An axum router keeps the path as it was before [`nest`] removed a part of it. That path is
//!    used first. If the public URL has no prefix, the part that the router removed is the prefix
//!    of the login's own addresses.
//! 4. A header field such as `X-Forwarded-Prefix` is not read, because any client can send it.
//!
//! [`nest`]: https://docs.rs/axum/0.8/axum/struct.Router.html#method.nest

use super::path::{below, is_plain, join};
use crate::{
    ConfigError,
    util::{loopback::is_loopback, return_path::is_plain_path},
};
use http::{Extensions, request::Parts};
use std::borrow::Cow;
use url::Url;

/// The path of the callback, if neither it nor the redirect URI is configured.
const CALLBACK: &str = "/callback";

const PUBLIC: &str = "public URL";

/// The public URL of the application.
pub(super) struct Base {
    pub(super) redirect_uri: Url,
    /// The path without its last slash: empty, or with a slash at its beginning.
    prefix: String,
    /// The path as it is configured, which may end with a slash.
    home: String,
}

impl Base {
    /// Returns the public URL, and the path of the callback below it, given those of the three that
    /// are configured.
    pub(super) fn of(
        public: Option<&str>,
        redirect_uri: Option<&str>,
        callback: Option<&str>,
    ) -> Result<(Self, String), ConfigError> {
        let public = public.map(|text| url(PUBLIC, text)).transpose()?;
        if let Some(public) = public.as_ref().filter(|url| url.query().is_some()) {
            return Err(ConfigError::new(format!(
                "the public URL {:?} must not have a query",
                public.as_str()
            )));
        }
        let redirect_uri = match (redirect_uri, &public) {
            (Some(text), _) => url("redirect URI", text)?,
            (None, Some(public)) => {
                let below = public.path().trim_end_matches('/');
                let mut redirect_uri = public.clone();
                redirect_uri.set_path(&join(below, callback.unwrap_or(CALLBACK)));
                redirect_uri
            }
            (None, None) => {
                return Err(ConfigError::new(
                    "a login needs to know its own address: call `public_url` or `redirect_uri`",
                ));
            }
        };
        let path = redirect_uri.path();
        let home = match (&public, callback) {
            (Some(public), _) => public.path().to_owned(),
            (None, None) => "/".to_owned(),
            (None, Some(callback)) => match path.strip_suffix(callback) {
                Some(prefix) => format!("{prefix}/"),
                None => return Err(apart(&redirect_uri, callback)),
            },
        };
        let base = Self {
            prefix: home.trim_end_matches('/').to_owned(),
            home,
            redirect_uri,
        };
        let is_same_origin = public
            .as_ref()
            .is_none_or(|public| public.origin() == base.redirect_uri.origin());
        let below = base.below(base.redirect_uri.path());
        let Some(own) = below.filter(|_| is_same_origin).map(str::to_owned) else {
            let public = public.as_ref().map_or(&*base.home, Url::as_str);
            return Err(ConfigError::new(format!(
                "the redirect URI {:?} must be below the public URL {public:?}",
                base.redirect_uri.as_str(),
            )));
        };
        match callback.map(|callback| base.inside(callback)) {
            Some(callback) if callback != own => Err(apart(&base.redirect_uri, callback)),
            _ => Ok((base, own)),
        }
    }

    /// Returns the prefix, which is empty if the application is at the root of its host.
    pub(super) fn prefix_of_paths(&self) -> &str {
        &self.prefix
    }

    pub(super) fn origin(&self) -> String {
        self.redirect_uri.origin().ascii_serialization()
    }

    /// Returns the rest of a path as in the browser, if it is below the prefix. The rest begins
    /// with a slash.
    fn below<'a>(&self, path: &'a str) -> Option<&'a str> {
        below(&self.prefix, path)
    }

    /// Returns whether a path as in the browser belongs to this application.
    pub(super) fn has(&self, path: &str) -> bool {
        self.below(path).is_some()
    }

    /// Returns a configured path without the prefix.
    pub(super) fn inside<'a>(&self, path: &'a str) -> &'a str {
        self.below(path).unwrap_or(path)
    }

    /// Returns a configured path as in the browser. The prefix is added unless the path has it.
    pub(super) fn outside(&self, path: &str) -> String {
        join(&self.prefix, path)
    }

    /// Returns the forms of a request's path in which it may be one of the login's own paths.
    pub(super) fn candidates<'a>(
        &'a self,
        path: &'a str,
        extensions: &'a Extensions,
    ) -> impl Iterator<Item = &'a str> {
        let original = original_path(extensions);
        let outer = original.and_then(|original| self.below(original));
        [Some(path), self.below(path), outer].into_iter().flatten()
    }

    /// Returns the address of a request as in the browser: its path and query.
    pub(super) fn address(&self, head: &Parts) -> String {
        let path = head.uri.path();
        let original = original_path(&head.extensions);
        let known = original.into_iter().chain([path]);
        let mut address = match known.into_iter().find(|path| self.has(path)) {
            Some(path) => path.to_owned(),
            None => format!("{}{path}", self.prefix),
        };
        if let Some(query) = head.uri.query() {
            address.push('?');
            address.push_str(query);
        }
        address
    }

    /// Returns the prefix of the login's own addresses in the browser that has sent a request.
    pub(super) fn prefix<'a>(&'a self, head: &'a Parts) -> &'a str {
        match self.prefix.is_empty() {
            true => removed_by_router(head).unwrap_or_default(),
            false => &self.prefix,
        }
    }

    /// Returns the page of the application to which nothing else leads.
    pub(super) fn home<'a>(&'a self, head: &'a Parts) -> Cow<'a, str> {
        match self.prefix.is_empty() {
            true => match removed_by_router(head) {
                Some(prefix) => prefix.into(),
                None => "/".into(),
            },
            false => (&*self.home).into(),
        }
    }
}

/// Returns the part of the path that an axum router has removed, in the form in which it may be the
/// beginning of an address. It comes from the request's address.
fn removed_by_router(head: &Parts) -> Option<&str> {
    let (original, path) = (original_path(&head.extensions)?, head.uri.path());
    let removed = match original.strip_suffix(path) {
        Some(removed) => removed,
        // A router passes on `/` for its own path without a slash.
        None if path == "/" => original,
        None => return None,
    };
    let is_plain = removed
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"-._~/%".contains(&byte));
    let is_prefix = is_plain && is_plain_path(removed) && !removed.contains("//");
    is_prefix.then(|| removed.trim_end_matches('/'))
}

/// Returns the path of a request before a router removed a part of it.
#[cfg(feature = "axum")]
fn original_path(extensions: &Extensions) -> Option<&str> {
    let original = extensions.get::<axum::extract::OriginalUri>()?;
    Some(original.0.path())
}

#[cfg(not(feature = "axum"))]
fn original_path(_: &Extensions) -> Option<&str> {
    None
}

fn apart(redirect_uri: &Url, callback: &str) -> ConfigError {
    ConfigError::new(format!(
        "the path of the redirect URI {:?} must end with the path of the callback, {callback:?}",
        redirect_uri.as_str()
    ))
}

/// Parses an address of this application: `https`, or `http` on loopback (RFC 8252 section 7.3).
fn url(name: &str, text: &str) -> Result<Url, ConfigError> {
    let refuse = |why: &str| Err(ConfigError::new(format!("the {name} {text:?} {why}")));
    let Ok(url) = Url::parse(text) else {
        return refuse("must be a URL such as \"https://app.example.com/callback\"");
    };
    match url.scheme() {
        "https" => {}
        "http" if url.host_str().is_some_and(is_loopback) => {}
        _ => return refuse("must be https, or http on loopback"),
    }
    // The redirect URI is compared with the registered one character by character.
    let without_slash = url.as_str().strip_suffix('/') == Some(text) && name == PUBLIC;
    if url.as_str() != text && !without_slash {
        return refuse(&format!("must be in its normal form, {:?}", url.as_str()));
    }
    if url.fragment().is_some() || !url.username().is_empty() || url.password().is_some() {
        return refuse("must not have a fragment or a user");
    }
    // The provider adds these parameters, and a parameter that occurs twice is rejected.
    let is_own = |name: &str| matches!(name, "code" | "error" | "iss" | "state");
    if url.query_pairs().any(|(name, _)| is_own(&name)) {
        return refuse("must not have a parameter that the provider adds to it");
    }
    let is_host_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"-._[]:".contains(&byte);
    if !url.host_str().unwrap_or_default().bytes().all(is_host_byte) {
        return refuse("has a host that cannot be compared with an origin");
    }
    if !is_plain(url.path()) {
        return refuse("must have a path of letters, digits and `-._~/` only");
    }
    Ok(url)
}
