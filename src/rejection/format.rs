//! [`Format`]: the protocol of a response.

/// The protocol of the response to a rejected request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// An HTTP response with the status of the rejection's kind.
    Http,
    /// A trailers-only gRPC reply: HTTP 200 with `grpc-status`, without a body.
    Grpc,
}
