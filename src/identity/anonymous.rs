//! [`Anonymous`]: a caller without credentials.

/// The request passed an [`AuthLayer`](crate::AuthLayer) without credentials, because that
/// layer lets visitors in.
///
/// Behind an `AuthLayer` exactly one of `Identity` and `Anonymous` is in the extensions.
#[derive(Clone, Debug)]
pub struct Anonymous(pub(crate) ());
