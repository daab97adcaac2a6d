//! Where credentials lie in a request, and which of several count.
//!
//! A scheme is told its [`Location`]s; a request has its credentials in one [`Place`].
//!
//! One request, one credential. [`Found`] is that rule, and the only place where it is written:
//!
//! 1. A location that is filled twice is ambiguous.
//! 2. Two explicit places that are filled at once are ambiguous, within a scheme and across
//!    schemes. Ambiguous is 400, before anything is verified.
//! 3. An ambient place (a cookie, a client certificate: sent without being asked) yields to an
//!    explicit one.
//! 4. Of several ambient ones the first in the configured order counts.
//!
//! What a browser sends by itself may have been sent on behalf of another site. Such credentials
//! pass a cross-site check first, see [`AuthLayer`](crate::AuthLayer#cross-site-requests).

mod authorization;
mod bytes;
mod cookie;
mod found;
mod location;
mod query;
mod strip;
mod websocket;

pub use bytes::Credential;
pub use found::Found;
pub use location::Location;
pub(crate) use location::is_repeated;
#[allow(unused_imports, reason = "every scheme of this crate can be left out")]
pub(crate) use location::{Locations, Taken};
pub(crate) use strip::Strip;

/// Where in a request credentials were found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Place {
    /// The `Authorization` field (RFC 9110 section 11.6.2).
    Authorization,
    /// A field of another name.
    Header,
    /// A parameter of the URI's query.
    Query,
    /// A cookie; ambient.
    Cookie,
    /// An element of `Sec-WebSocket-Protocol` (RFC 6455 section 11.3.4).
    WebSocketProtocol,
    /// The connection itself, as with a client certificate; ambient.
    Connection,
}

impl Place {
    /// Whether clients send what lies here without being asked.
    #[must_use]
    pub fn is_ambient(self) -> bool {
        matches!(self, Self::Cookie | Self::Connection)
    }

    /// One word for logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Authorization => "authorization",
            Self::Header => "header",
            Self::Query => "query",
            Self::Cookie => "cookie",
            Self::WebSocketProtocol => "websocket_protocol",
            Self::Connection => "connection",
        }
    }
}
