//! The hosts that are this machine.

/// Returns whether this is an `http` URL on the loopback interface.
#[cfg(feature = "issue")]
pub(crate) fn is_http_on_loopback(url: &str) -> bool {
    let url = url.parse::<http::Uri>().ok();
    url.is_some_and(|url| url.scheme_str() == Some("http") && url.host().is_some_and(is_loopback))
}

/// Returns whether this host of a URL is the loopback interface. No other party can listen on the
/// way to it (RFC 8252 section 8.3 allows `http` there).
pub(crate) fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let is_loopback = |address: std::net::IpAddr| address.is_loopback();
    host == "localhost" || bare.parse().is_ok_and(is_loopback)
}
