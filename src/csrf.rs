//! The cross-site check: did another site make the browser send this?
//!
//! 1. `GET` and `HEAD` pass: they change nothing, and the same-origin policy hides the answer.
//!    A WebSocket upgrade does not pass so, since that policy does not apply to it.
//! 2. With `Sec-Fetch-Site` (Fetch Metadata, section 2.3): `same-origin` and `none` pass.
//! 3. Without it, a request without `Origin` passes (no browser of the last years sends it), and
//!    so does one whose `Origin` is the host that the request is for.
//! 4. Otherwise the `Origin` has to be trusted.
//!
//! For forward authentication, the request of the browser is described by the fields of its proxy:
//! `X-Forwarded-Method` and `X-Forwarded-Host`.

use crate::Rejection;
use http::{
    HeaderName, Method, header,
    request::Parts,
    uri::{Authority, Scheme},
};
use std::{fmt, sync::Arc};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const FORWARDED_METHOD: HeaderName = HeaderName::from_static("x-forwarded-method");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// A condition on an origin.
type TrustFn = dyn Fn(&str) -> bool + Send + Sync;

/// The cross-site check and the origins it trusts.
#[derive(Clone, Default)]
// Public only in a private module: it is part of the type of a public future.
#[allow(
    unreachable_pub,
    reason = "it is in the type of a future only with `issue`"
)]
pub struct CrossSite {
    trusted: Vec<String>,
    trusted_by: Vec<Arc<TrustFn>>,
    /// Whether a proxy asks about the request of a browser.
    forwarded: bool,
    off: bool,
}

impl CrossSite {
    /// # Panics
    ///
    /// If this is no serialised origin (`https://app.example.com`, RFC 6454 section 6.2).
    #[track_caller]
    pub(crate) fn trust(&mut self, origin: &str) {
        let Some(origin) = serialized(origin) else {
            panic!("{origin:?} is not an origin such as \"https://app.example.com\"");
        };
        self.trusted.push(origin);
    }

    pub(crate) fn trust_by(&mut self, f: impl Fn(&str) -> bool + Send + Sync + 'static) {
        self.trusted_by.push(Arc::new(f));
    }

    /// Reads the method and the host of requests from the fields of a proxy.
    pub(crate) fn of_forwarded_requests(&mut self) {
        self.forwarded = true;
    }

    pub(crate) fn turn_off(&mut self) {
        self.off = true;
    }

    pub(crate) fn check(&self, head: &Parts) -> Result<(), Rejection> {
        if self.off || self.is_harmless(head) || self.is_same_site(head) {
            return Ok(());
        }
        let sent = |name| head.headers.get(name).and_then(|value| value.to_str().ok());
        let cause = format!(
            "Sec-Fetch-Site {:?}, Origin {:?}, Host {:?}, X-Forwarded-Method {:?}",
            sent(SEC_FETCH_SITE),
            sent(header::ORIGIN),
            sent(header::HOST),
            sent(FORWARDED_METHOD),
        );
        Err(Rejection::forbidden()
            .with_detail("cross-site requests are not allowed")
            .with_source(cause))
    }

    fn is_same_site(&self, head: &Parts) -> bool {
        let mut sites = head.headers.get_all(SEC_FETCH_SITE).iter().peekable();
        let mut origins = head.headers.get_all(header::ORIGIN).iter();
        let origin = origins.next();
        if origins.next().is_some() {
            return false;
        }
        let own = if sites.peek().is_some() {
            sites.all(|site| site == "same-origin" || site == "none")
        } else {
            match origin {
                None => true,
                Some(origin) => origin
                    .to_str()
                    .is_ok_and(|origin| is_own(origin, self.host(head))),
            }
        };
        own || origin
            .and_then(|origin| origin.to_str().ok())
            .is_some_and(|origin| self.is_trusted(origin))
    }

    fn is_trusted(&self, origin: &str) -> bool {
        let mut trusted = self.trusted.iter();
        if trusted.any(|trusted| trusted.eq_ignore_ascii_case(origin)) {
            return true;
        }
        if self.trusted_by.is_empty() {
            return false;
        }
        // The closures only see what browsers send, so that a pattern needs no check of the form.
        let sent = serialized(origin).filter(|sent| sent.eq_ignore_ascii_case(origin));
        sent.is_some_and(|origin| self.trusted_by.iter().any(|is_trusted| is_trusted(&origin)))
    }

    fn is_harmless(&self, head: &Parts) -> bool {
        if self.forwarded {
            // The request of a proxy is a `GET`, whatever the browser has sent. Proxies forward
            // neither `Upgrade` nor, over HTTP/2, the extended `CONNECT`.
            let method = only(head, &FORWARDED_METHOD);
            return matches!(method, Some("GET" | "HEAD"))
                && !head.headers.contains_key(header::SEC_WEBSOCKET_KEY)
                && !head.headers.contains_key(header::SEC_WEBSOCKET_VERSION)
                && is_harmless(head);
        }
        is_harmless(head)
    }

    /// Returns the host that the request is for.
    fn host<'a>(&self, head: &'a Parts) -> Option<&'a str> {
        if self.forwarded && head.headers.contains_key(FORWARDED_HOST) {
            return only(head, &FORWARDED_HOST);
        }
        match head.uri.authority() {
            Some(authority) => Some(authority.as_str()),
            None => only(head, &header::HOST),
        }
    }
}

impl fmt::Debug for CrossSite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CrossSite")
            .field("trusted", &self.trusted)
            .field("closures", &self.trusted_by.len())
            .field("forwarded", &self.forwarded)
            .field("off", &self.off)
            .finish()
    }
}

/// Returns the value of a field that occurs once.
fn only<'a>(head: &'a Parts, name: &HeaderName) -> Option<&'a str> {
    let mut values = head.headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok(),
        _ => None,
    }
}

/// Returns an origin in the form in which browsers send it (RFC 6454 section 6.2); `None` if the
/// text is not an origin.
fn serialized(origin: &str) -> Option<String> {
    let (scheme, authority) = origin.split_once("://")?;
    if scheme.is_empty() || scheme.parse::<Scheme>().is_err() || !is_host(authority) {
        return None;
    }
    let scheme = scheme.to_ascii_lowercase();
    let host = without_default_port(&scheme, authority);
    Some(format!("{scheme}://{host}"))
}

/// Whether this is a host, with or without a port, and no pattern of hosts.
fn is_host(authority: &str) -> bool {
    let Ok(parsed) = authority.parse::<Authority>() else {
        return false;
    };
    let is_host_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"-._[]:".contains(&byte);
    let port = authority.strip_prefix(parsed.host());
    !parsed.host().is_empty()
        && parsed.host().bytes().all(is_host_byte)
        && is_serialized(parsed.host())
        && port.is_some_and(|port| {
            // Browsers write ports without leading zeros.
            port.is_empty() || (parsed.port_u16().is_some() && !port.starts_with(":0"))
        })
}

/// Returns whether browsers write the host in this form: an IPv6 address in its shortest form (URL
/// standard, section 3.5). If an address has an IPv4 part, the only check of that part is that it
/// is in hexadecimal.
fn is_serialized(host: &str) -> bool {
    let Some(address) = host.strip_prefix('[') else {
        return true;
    };
    let address = address.trim_end_matches(']');
    let shortest = address
        .parse()
        .map(|address: std::net::Ipv6Addr| address.to_string());
    shortest.is_ok_and(|shortest| {
        !address.contains('.') && (shortest.contains('.') || shortest.eq_ignore_ascii_case(address))
    })
}

fn is_harmless(head: &Parts) -> bool {
    let upgrades = || {
        let values = head.headers.get_all(header::UPGRADE).iter();
        let mut protocols = values.flat_map(|value| value.as_bytes().split(|&b| b == b','));
        protocols.any(|protocol| {
            // `websocket`, or with a version (RFC 9110 section 7.8).
            let name = protocol.split(|&b| b == b'/').next().unwrap_or_default();
            name.trim_ascii().eq_ignore_ascii_case(b"websocket")
        })
    };
    matches!(head.method, Method::GET | Method::HEAD) && !upgrades()
}

/// Whether the origin is the host that the request is for. The server cannot see its own scheme
/// behind a proxy, so `http://` and `https://` of one host count as one site.
fn is_own(origin: &str, host: Option<&str>) -> bool {
    // Not what an application's own scheme (`capacitor://localhost`) says about its host.
    let Some((scheme @ ("http" | "https"), authority)) = origin.split_once("://") else {
        return false;
    };
    let Some(host) = host else {
        return false;
    };
    let authority = without_default_port(scheme, authority);
    !authority.is_empty() && authority == without_default_port(scheme, host)
}

/// In lower case. A serialised origin leaves its scheme's default port out; `Host` need not.
fn without_default_port(scheme: &str, host: &str) -> String {
    let default_port = match scheme {
        "https" => ":443",
        "http" => ":80",
        _ => "",
    };
    let host = host.strip_suffix(default_port).unwrap_or(host);
    host.to_ascii_lowercase()
}

#[cfg(test)]
mod tests;
