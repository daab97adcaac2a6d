//! One configured location, and several in order.

use super::{Credential, Found, Place, authorization, cookie, items::single, query, websocket};
use crate::rejection::is_token;
use http::{HeaderName, header, request::Parts};
use std::fmt;

/// One location where a scheme looks for its credentials: what OpenAPI calls `in` and `name`.
///
/// ```
/// use tower_auth::Location;
///
/// let locations = [
///     Location::header("x-api-key"),
///     Location::query("api_key"),
///     Location::cookie("__Host-api_key"),
/// ];
/// # let _ = locations;
/// ```
///
/// # Panics
///
/// Every constructor panics on a name that cannot be one; names are constants of a program.
#[derive(Clone, PartialEq, Eq)]
pub struct Location(Kind);

#[derive(Clone, PartialEq, Eq)]
enum Kind {
    /// The name of the scheme, in lower case.
    Authorization(Box<str>),
    Header(HeaderName),
    Query(Box<str>),
    Cookie(Box<str>),
    WebSocketProtocol(Box<str>),
    Connection,
}

impl Location {
    /// `Authorization: SCHEME credentials`; the scheme's name is case-insensitive
    /// (RFC 9110 section 11.1).
    #[track_caller]
    #[must_use]
    pub fn authorization(scheme: &str) -> Self {
        assert!(is_token(scheme), "scheme name {scheme:?} is not a token");
        Self(Kind::Authorization(scheme.to_ascii_lowercase().into()))
    }

    /// A header field of its own, which holds nothing but the credential.
    #[track_caller]
    #[must_use]
    pub fn header(name: &str) -> Self {
        let Ok(name) = HeaderName::from_bytes(name.as_bytes()) else {
            panic!("{name:?} is not the name of a header field");
        };
        assert!(
            !matches!(
                name,
                header::AUTHORIZATION | header::COOKIE | header::SEC_WEBSOCKET_PROTOCOL
            ),
            "{name} has a location of its own, such as Location::authorization(\"ApiKey\")"
        );
        Self(Kind::Header(name))
    }

    /// A parameter of the query, percent-decoded.
    ///
    /// The layer strips it from the URI passed inward. Proxies, browsers and the server's own
    /// access log in front have seen it by then: prefer a header (RFC 6750 section 2.3).
    /// Inside of `Router::layer` axum's `OriginalUri` still holds it: a router fills that in
    /// before its layers run.
    ///
    /// Another site can put a credential of its own into a link or form. If the request also has an
    /// ambient credential, the parameter is used, and the [cross-site
    /// check](crate::AuthLayer#cross-site-requests) applies.
    ///
    /// If a layer inside of this one reads the same parameter, it does not find the parameter, and
    /// rejects the request with 401. Nest layers only if they read header fields or cookies.
    #[track_caller]
    #[must_use]
    pub fn query(name: &str) -> Self {
        assert!(!name.is_empty(), "a query parameter has a name");
        Self(Kind::Query(name.into()))
    }

    /// A cookie. Its requests pass the cross-site check; prefer a `__Host-` name.
    ///
    /// If the cookie is expired, revoked or otherwise invalid, the request is rejected with 401. If
    /// the cookie is sent twice, the request is rejected with 400. Both also apply to paths that
    /// [rules](crate::AccessRules::allow) open and to [`optional`](crate::AuthLayer::optional)
    /// layers, where a request without the cookie is accepted. Browsers send the cookie until it
    /// expires. Give it the lifetime of the credential, and serve log-in and log-out pages outside
    /// of the layer.
    #[track_caller]
    #[must_use]
    pub fn cookie(name: &str) -> Self {
        assert!(is_token(name), "{name:?} is not the name of a cookie");
        Self(Kind::Cookie(name.into()))
    }

    /// An element of `Sec-WebSocket-Protocol` with this prefix: all that a browser's
    /// `new WebSocket(url, ["chat", "bearer." + token])` lets a page add to the handshake.
    ///
    /// The element is stripped from what is passed inward. A browser insists that the server
    /// chooses one of the protocols it offered, so a page offers a second one, as above.
    ///
    /// As with [`query`](Self::query), another site can fill the element, and a layer further
    /// inside does not find it.
    #[track_caller]
    #[must_use]
    pub fn websocket_protocol(prefix: &str) -> Self {
        assert!(is_token(prefix), "{prefix:?} cannot begin a subprotocol");
        Self(Kind::WebSocketProtocol(prefix.into()))
    }

    /// The connection itself, for schemes that judge a client certificate.
    #[must_use]
    pub fn connection() -> Self {
        Self(Kind::Connection)
    }

    /// Returns the part of the request that the location is in.
    #[must_use]
    pub fn place(&self) -> Place {
        match self.0 {
            Kind::Authorization(_) => Place::Authorization,
            Kind::Header(_) => Place::Header,
            Kind::Query(_) => Place::Query,
            Kind::Cookie(_) => Place::Cookie,
            Kind::WebSocketProtocol(_) => Place::WebSocketProtocol,
            Kind::Connection => Place::Connection,
        }
    }

    /// The name of the scheme, field, parameter or cookie, or the prefix of the subprotocol.
    #[must_use]
    pub fn name(&self) -> &str {
        match &self.0 {
            Kind::Header(name) => name.as_str(),
            Kind::Authorization(name)
            | Kind::Query(name)
            | Kind::Cookie(name)
            | Kind::WebSocketProtocol(name) => name,
            Kind::Connection => "",
        }
    }

    /// The header field that this location is part of, for `Vary`.
    pub(crate) fn field(&self) -> Option<HeaderName> {
        match &self.0 {
            Kind::Authorization(_) => Some(header::AUTHORIZATION),
            Kind::Header(name) => Some(name.clone()),
            Kind::Cookie(_) => Some(header::COOKIE),
            Kind::WebSocketProtocol(_) => Some(header::SEC_WEBSOCKET_PROTOCOL),
            Kind::Query(_) | Kind::Connection => None,
        }
    }

    /// Finds the credential in this location, for implementations of [`Scheme`](crate::Scheme).
    ///
    /// A location that is filled twice is [ambiguous](Found::ambiguous). A scheme with several
    /// locations combines the results by [`Found::and`]. [`connection`](Self::connection) is
    /// always empty here: only the scheme itself can read its extension.
    pub fn find(&self, head: &Parts) -> Found {
        let headers = &head.headers;
        match &self.0 {
            Kind::Authorization(scheme) => authorization::find(headers, scheme),
            Kind::Header(name) => {
                let values = headers.get_all(name).iter();
                single(Place::Header, values, |value| {
                    let whole = 0..value.len();
                    Some(Credential::of_field(Place::Header, value, whole))
                })
            }
            Kind::Query(name) => query::find(head.uri.query(), name),
            Kind::Cookie(name) => cookie::find(headers, name),
            Kind::WebSocketProtocol(prefix) => websocket::find(headers, prefix),
            Kind::Connection => Found::nothing(),
        }
    }
}

impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.place().as_str(), self.name())
    }
}

/// The locations of one scheme, in order.
#[derive(Clone, Debug)]
pub(crate) struct Locations(Vec<Location>);

impl Locations {
    #[track_caller]
    pub(crate) fn new(locations: impl IntoIterator<Item = Location>) -> Self {
        let locations: Vec<_> = locations.into_iter().collect();
        assert!(
            !locations.is_empty(),
            "a scheme looks for its credentials in at least one location"
        );
        for (i, location) in locations.iter().enumerate() {
            // Every credential there would be found twice, and rejected.
            let is_again = locations.iter().take(i).any(|other| other == location);
            assert!(!is_again, "{location:?} is configured twice");
        }
        Self(locations)
    }

    pub(crate) fn all(&self) -> &[Location] {
        &self.0
    }

    pub(crate) fn find(&self, head: &Parts) -> Found {
        let found = self.0.iter().map(|location| location.find(head));
        found.reduce(Found::and).unwrap_or_else(Found::nothing)
    }
}
