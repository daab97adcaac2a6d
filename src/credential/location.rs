//! One configured location, and several in order.

use super::{
    Credential, Found, Place, authorization, cookie,
    items::single,
    query,
    websocket::{self, Encoding},
};
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
    /// The name of a scheme and its credentials.
    Scheme(HeaderName, SchemeName),
    /// The password or the user name of `Authorization: Basic`.
    Basic,
    /// The whole value of a field. In `Authorization`, one word.
    Header(HeaderName),
    Query(Box<str>),
    Cookie(Box<str>),
    WebSocketProtocol(Box<str>, Encoding),
    Connection,
}

/// The name of an authentication scheme, as it is spelled in challenges.
#[derive(Clone)]
struct SchemeName(Box<str>);

/// The case does not matter (RFC 9110 section 11.1).
impl PartialEq for SchemeName {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for SchemeName {}

impl Location {
    /// `Authorization: SCHEME credentials`. The case of the scheme's name does not matter
    /// (RFC 9110 section 11.1).
    ///
    /// The challenge of a scheme names it as it is spelled here: `Location::authorization("Token")`
    /// is answered by `WWW-Authenticate: Token realm="…"`.
    #[track_caller]
    #[must_use]
    pub fn authorization(scheme: &str) -> Self {
        Self::header_with_scheme("authorization", scheme)
    }

    /// A header field with the name of a scheme before the credential, as in
    /// `X-Forwarded-Authorization: Bearer TOKEN`.
    #[track_caller]
    #[must_use]
    pub fn header_with_scheme(name: &str, scheme: &str) -> Self {
        assert!(is_token(scheme), "scheme name {scheme:?} is not a token");
        Self(Kind::Scheme(field(name), SchemeName(scheme.into())))
    }

    /// A header field that holds nothing but the credential.
    ///
    /// In `Authorization` this is one word, as in cargo's `Authorization: TOKEN`. Another scheme of
    /// the layer may read `Authorization: SCHEME credentials`. The name of such a scheme alone,
    /// without credentials, is then ambiguous.
    #[track_caller]
    #[must_use]
    pub fn header(name: &str) -> Self {
        Self(Kind::Header(field(name)))
    }

    /// The one secret of `Authorization: Basic`, for clients that have no other way to send a key or
    /// token, such as git, docker and npm.
    ///
    /// It is the password. If the password is empty or `x-oauth-basic`, it is the user name. The other
    /// part is ignored: `x-access-token:KEY`, `oauth2:KEY`, `KEY:` and `KEY:x-oauth-basic` have the
    /// same secret. As browsers send Basic credentials by themselves, the [cross-site
    /// check](crate::AuthLayer#cross-site-requests) applies.
    #[must_use]
    pub fn basic() -> Self {
        Self(Kind::Basic)
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

    /// A cookie. Requests with it have to pass the cross-site check. Prefer a `__Host-` name.
    ///
    /// If the cookie is expired, revoked or otherwise invalid, the request is rejected with 401. If
    /// the cookie is sent twice, the request is rejected with 400. Browsers send a cookie until it
    /// expires, and a client cannot take it away. On paths that [rules](crate::AccessRules::allow)
    /// open, and behind an [`optional`](crate::AuthLayer::optional) layer, such a cookie therefore
    /// makes an anonymous caller, who has the [rejection](crate::Anonymous::rejection). If the cookie
    /// cannot be verified now, the response is 503 there, too.
    ///
    /// Of several cookies the first in order is used. If it is invalid, the next one is tried.
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
        Self::websocket(prefix, Encoding::Plain)
    }

    /// An element of `Sec-WebSocket-Protocol` with this prefix, and behind it the credential in
    /// base64url without padding (RFC 4648 section 5).
    ///
    /// Credentials may have characters that subprotocols must not have. Kubernetes uses
    /// `base64url.bearer.authorization.k8s.io.`. If the element cannot be decoded, the request is
    /// rejected with 400.
    #[track_caller]
    #[must_use]
    pub fn websocket_protocol_base64url(prefix: &str) -> Self {
        Self::websocket(prefix, Encoding::Base64Url)
    }

    #[track_caller]
    fn websocket(prefix: &str, encoding: Encoding) -> Self {
        assert!(is_token(prefix), "{prefix:?} cannot begin a subprotocol");
        Self(Kind::WebSocketProtocol(prefix.into(), encoding))
    }

    /// The connection itself, for schemes that verify a client certificate.
    #[must_use]
    pub fn connection() -> Self {
        Self(Kind::Connection)
    }

    /// Returns the part of the request that the location is in.
    #[must_use]
    pub fn place(&self) -> Place {
        match &self.0 {
            Kind::Basic => Place::Authorization,
            Kind::Scheme(name, _) | Kind::Header(name) if *name == header::AUTHORIZATION => {
                Place::Authorization
            }
            Kind::Scheme(..) | Kind::Header(_) => Place::Header,
            Kind::Query(_) => Place::Query,
            Kind::Cookie(_) => Place::Cookie,
            Kind::WebSocketProtocol(..) => Place::WebSocketProtocol,
            Kind::Connection => Place::Connection,
        }
    }

    /// Returns the name of the scheme in `Authorization`, of the field, parameter or cookie, or the
    /// prefix of the subprotocol.
    #[must_use]
    pub fn name(&self) -> &str {
        match &self.0 {
            Kind::Scheme(name, scheme) if *name == header::AUTHORIZATION => &scheme.0,
            Kind::Scheme(name, _) | Kind::Header(name) => name.as_str(),
            Kind::Basic => "Basic",
            Kind::Query(name) | Kind::Cookie(name) | Kind::WebSocketProtocol(name, _) => name,
            Kind::Connection => "",
        }
    }

    /// Returns the name of the authentication scheme that stands before the credential, for
    /// challenges.
    #[must_use]
    pub fn scheme(&self) -> Option<&str> {
        match &self.0 {
            Kind::Scheme(_, scheme) => Some(&scheme.0),
            Kind::Basic => Some("Basic"),
            _ => None,
        }
    }

    /// Returns whether one value can be a credential in both locations.
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            // One word in `Authorization` is not the name of a scheme and its credentials.
            (Kind::Header(name), Kind::Scheme(other, _))
            | (Kind::Scheme(other, _), Kind::Header(name)) => {
                name == other && *name != header::AUTHORIZATION
            }
            (Kind::Basic, Kind::Scheme(..)) => *other == Self::authorization("Basic"),
            (Kind::Scheme(..), Kind::Basic) => other.overlaps(self),
            (Kind::WebSocketProtocol(one, _), Kind::WebSocketProtocol(two, _)) => {
                one.starts_with(&**two) || two.starts_with(&**one)
            }
            (one, two) => one == two,
        }
    }

    /// The header field that this location is part of, for `Vary`.
    pub(crate) fn field(&self) -> Option<HeaderName> {
        match &self.0 {
            Kind::Basic => Some(header::AUTHORIZATION),
            Kind::Scheme(name, _) | Kind::Header(name) => Some(name.clone()),
            Kind::Cookie(_) => Some(header::COOKIE),
            Kind::WebSocketProtocol(..) => Some(header::SEC_WEBSOCKET_PROTOCOL),
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
            Kind::Scheme(name, scheme) => {
                authorization::find(headers, name, self.place(), &scheme.0)
            }
            Kind::Basic => authorization::find_in_basic(headers),
            Kind::Header(name) if *name == header::AUTHORIZATION => {
                authorization::find_bare(headers)
            }
            Kind::Header(name) => {
                let values = headers.get_all(name).iter();
                single(Place::Header, values, |value| {
                    let whole = 0..value.len();
                    Some(Credential::of_field(Place::Header, value, whole))
                })
            }
            Kind::Query(name) => query::find(head.uri.query(), name),
            Kind::Cookie(name) => cookie::find(headers, name),
            Kind::WebSocketProtocol(prefix, encoding) => {
                websocket::find(headers, prefix, *encoding)
            }
            Kind::Connection => Found::nothing(),
        }
    }
}

/// Returns the name of a field whose value may be a credential.
#[track_caller]
fn field(name: &str) -> HeaderName {
    let Ok(name) = HeaderName::from_bytes(name.as_bytes()) else {
        panic!("{name:?} is not the name of a header field");
    };
    assert!(
        !matches!(name, header::COOKIE | header::SEC_WEBSOCKET_PROTOCOL),
        "{name} has a location of its own, such as Location::cookie(\"session\")"
    );
    name
}

impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.place().as_str(), self.name())?;
        match (self.place(), self.scheme()) {
            (Place::Header, Some(scheme)) => write!(f, " of {scheme}"),
            _ => Ok(()),
        }
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
            let is_again = locations
                .iter()
                .take(i)
                .any(|other| other.overlaps(location));
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
