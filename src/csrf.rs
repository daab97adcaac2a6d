//! The cross-site check: did another site make the browser send this?
//!
//! 1. `GET` and `HEAD` pass: they change nothing, and the same-origin policy hides the answer.
//!    A WebSocket upgrade does not pass so, since that policy does not apply to it.
//! 2. With `Sec-Fetch-Site` (Fetch Metadata, section 2.3): `same-origin` and `none` pass.
//! 3. Without it, a request without `Origin` passes (no browser of the last years sends it), and
//!    so does one whose `Origin` is the host that the request is for.
//! 4. Otherwise the `Origin` has to be trusted.

use crate::Rejection;
use http::{
    HeaderName, Method, header,
    request::Parts,
    uri::{Authority, Scheme},
};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The cross-site check and the origins it trusts.
#[derive(Clone, Debug, Default)]
// Public only in a private module: it is part of the type of a public future.
#[allow(
    unreachable_pub,
    reason = "it is in the type of a future only with `issue`"
)]
pub struct CrossSite {
    trusted: Vec<String>,
    off: bool,
}

impl CrossSite {
    /// # Panics
    ///
    /// If this is no serialised origin (`https://app.example.com`, RFC 6454 section 6.2).
    #[track_caller]
    pub(crate) fn trust(&mut self, origin: &str) {
        let Some((scheme, authority)) = origin.split_once("://").filter(|(scheme, authority)| {
            !scheme.is_empty() && scheme.parse::<Scheme>().is_ok() && is_host(authority)
        }) else {
            panic!("{origin:?} is not an origin such as \"https://app.example.com\"");
        };
        let scheme = scheme.to_ascii_lowercase();
        let host = without_default_port(&scheme, authority);
        self.trusted.push(format!("{scheme}://{host}"));
    }

    pub(crate) fn turn_off(&mut self) {
        self.off = true;
    }

    pub(crate) fn check(&self, head: &Parts) -> Result<(), Rejection> {
        if self.off || is_harmless(head) || self.is_same_site(head) {
            return Ok(());
        }
        let sent = |name| head.headers.get(name).and_then(|value| value.to_str().ok());
        let cause = format!(
            "Sec-Fetch-Site {:?}, Origin {:?}, Host {:?}",
            sent(SEC_FETCH_SITE),
            sent(header::ORIGIN),
            sent(header::HOST),
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
                Some(origin) => origin.to_str().is_ok_and(|origin| is_own(origin, head)),
            }
        };
        own || origin
            .and_then(|origin| origin.to_str().ok())
            .is_some_and(|origin| {
                self.trusted
                    .iter()
                    .any(|trusted| trusted.eq_ignore_ascii_case(origin))
            })
    }
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
fn is_own(origin: &str, head: &Parts) -> bool {
    // Not what an application's own scheme (`capacitor://localhost`) says about its host.
    let Some((scheme @ ("http" | "https"), authority)) = origin.split_once("://") else {
        return false;
    };
    let host = match head.uri.authority() {
        Some(authority) => authority.as_str(),
        None => {
            let mut hosts = head.headers.get_all(header::HOST).iter();
            match (
                hosts.next().and_then(|host| host.to_str().ok()),
                hosts.next(),
            ) {
                (Some(host), None) => host,
                _ => return false,
            }
        }
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
