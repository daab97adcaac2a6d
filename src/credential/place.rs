//! [`Place`]: where in a request credentials were found.

/// The part of a request in which a credential was found.
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
    /// Returns whether clients send credentials in this place without being asked.
    #[must_use]
    pub fn is_ambient(self) -> bool {
        matches!(self, Self::Cookie | Self::Connection)
    }

    /// Returns one word for logs.
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
