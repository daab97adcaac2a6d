//! One configured location, and several in order.

use super::{Credential, Found, Place, authorization::SchemeName, cookie, query, websocket};
use crate::rejection::is_token;
use http::{HeaderMap, HeaderName, HeaderValue, header, request::Parts};
use std::fmt;
use zeroize::Zeroizing;

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
    Authorization(SchemeName),
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
        Self(Kind::Authorization(SchemeName::new(scheme)))
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

    /// What kind of place this is.
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
            Kind::Authorization(name) => name.as_str(),
            Kind::Header(name) => name.as_str(),
            Kind::Query(name) | Kind::Cookie(name) | Kind::WebSocketProtocol(name) => name,
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

    /// The credential that lies here, if this is the only location.
    #[allow(dead_code, reason = "only some features have schemes")]
    #[inline]
    pub(crate) fn take<'a>(&self, head: &'a Parts, decoded: &'a mut Decoded) -> Taken<'a> {
        let look = self.look(head);
        let found = look.found(self.place());
        match look {
            Look::Nothing => None,
            Look::One(raw) => Some((found, raw.sent(decoded))),
            Look::Several => Some((found, None)),
        }
    }

    /// What lies here.
    #[inline]
    pub(super) fn look<'a>(&self, head: &'a Parts) -> Look<'a> {
        let headers = &head.headers;
        match &self.0 {
            Kind::Authorization(scheme) => scheme.look(headers),
            Kind::Header(name) => match headers.get(name) {
                None => Look::Nothing,
                Some(_) if is_repeated(headers, name) => Look::Several,
                Some(value) => Look::One(Raw::Field(value, 0, value.len())),
            },
            Kind::Query(name) => query::look(head.uri.query(), name),
            Kind::Cookie(name) => cookie::look(headers, name),
            Kind::WebSocketProtocol(prefix) => websocket::look(headers, prefix),
            Kind::Connection => Look::Nothing,
        }
    }
}

impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.place().as_str(), self.name())
    }
}

/// What lies in one location.
#[derive(Clone, Copy)]
pub(super) enum Look<'a> {
    Nothing,
    One(Raw<'a>),
    Several,
}

/// The raw credential.
#[derive(Clone, Copy)]
pub(super) enum Raw<'a> {
    /// Part of a field: where it begins and ends.
    Field(&'a HeaderValue, usize, usize),
    /// Of the query, still percent-encoded.
    Query(&'a str),
}

impl<'a> Look<'a> {
    pub(super) fn and(self, raw: Raw<'a>) -> Self {
        match self {
            Self::Nothing => Self::One(raw),
            Self::One(_) | Self::Several => Self::Several,
        }
    }

    #[inline]
    fn found(self, place: Place) -> Found {
        match self {
            Self::Nothing => Found::nothing(),
            Self::One(_) => Found::at(place),
            Self::Several => Found::ambiguous(place),
        }
    }
}

impl<'a> Raw<'a> {
    #[inline]
    fn sent(self, decoded: &'a mut Decoded) -> Option<Sent<'a>> {
        match self {
            Self::Field(field, start, end) => Some(Sent {
                bytes: field.as_bytes().get(start..end).unwrap_or_default(),
                lies_in: Some((field, start)),
            }),
            Self::Query(text) => Some(Sent {
                bytes: decoded.insert(Zeroizing::new(query::decode(text.as_bytes())?.into_owned())),
                lies_in: None,
            }),
        }
    }
}

/// Room for a credential of the query, decoded.
pub(crate) type Decoded = Option<Zeroizing<Vec<u8>>>;

/// What was found, with the one credential that counts: none, if there are several, or if it is
/// broken on the level of its place; then it is malformed.
pub(crate) type Taken<'a> = Option<(Found, Option<Sent<'a>>)>;

/// The one credential that counts, still where it lies if it can be read there.
// Plain references: what has to be dropped would be moved through memory.
#[allow(dead_code, reason = "only some features have schemes")]
#[derive(Clone, Copy)]
pub(crate) struct Sent<'a> {
    pub(crate) bytes: &'a [u8],
    /// In which field, and where that part begins.
    lies_in: Option<(&'a HeaderValue, usize)>,
}

#[allow(dead_code, reason = "only some features have schemes")]
impl Sent<'_> {
    pub(crate) fn into_credential(self) -> Credential {
        match self.lies_in {
            Some((field, start)) => {
                Credential::of_field(field, start..start.saturating_add(self.bytes.len()))
            }
            None => Credential::new(self.bytes),
        }
    }
}

/// The elements of a list in a field, each with its end in the field.
pub(super) fn elements(field: &HeaderValue, separator: u8) -> impl Iterator<Item = (&[u8], usize)> {
    let split = field.as_bytes().split(move |&byte| byte == separator);
    split.scan(0usize, |start, element| {
        let end = start.saturating_add(element.len());
        *start = end.saturating_add(1);
        Some((element, end))
    })
}

/// Whether a field is there more than once; looked for only where any field is.
pub(crate) fn is_repeated(headers: &HeaderMap, name: &HeaderName) -> bool {
    headers.len() != headers.keys_len() && headers.get_all(name).iter().nth(1).is_some()
}

/// The locations of one scheme, in order.
#[derive(Clone, Debug)]
pub(crate) struct Locations(Vec<Location>);

#[allow(
    dead_code,
    reason = "which schemes have several locations depends on the features"
)]
impl Locations {
    #[track_caller]
    pub(crate) fn new(locations: impl IntoIterator<Item = Location>) -> Self {
        let locations: Vec<_> = locations.into_iter().collect();
        assert!(
            !locations.is_empty(),
            "a scheme looks for its credentials in at least one location"
        );
        for (i, location) in locations.iter().enumerate() {
            // Every credential there would be found twice, and refused.
            let is_again = locations.iter().take(i).any(|other| other == location);
            assert!(!is_again, "{location:?} is configured twice");
        }
        Self(locations)
    }

    pub(crate) fn all(&self) -> &[Location] {
        &self.0
    }

    /// How many credentials there are, and where.
    pub(crate) fn find(&self, head: &Parts) -> Found {
        self.0.iter().fold(Found::nothing(), |found, location| {
            found.and(location.look(head).found(location.place()))
        })
    }

    /// The one credential that counts.
    pub(crate) fn take<'a>(&self, head: &'a Parts, decoded: &'a mut Decoded) -> Taken<'a> {
        let mut found = Found::nothing();
        let mut taken = Look::Nothing;
        for location in &self.0 {
            let look = location.look(head);
            let here = look.found(location.place());
            if found.yields_to(here) {
                taken = look;
            }
            found = found.and(here);
        }
        match taken {
            _ if found.is_nothing() => None,
            Look::One(raw) if !found.is_ambiguous() => Some((found, raw.sent(decoded))),
            _ => Some((found, None)),
        }
    }
}
