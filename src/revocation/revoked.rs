//! [`RevocationCheck`]: what is asked about every identity.

use crate::{Identity, Rejection, Verdict};
use std::{error::Error, fmt, sync::Arc};

/// Knows which credentials were revoked before they expired.
///
/// [`Revocations`](super::Revocations) does in memory. A store of your own is asked on every
/// request, so it should answer within milliseconds and bound its own time:
///
/// ```
/// use tower_auth::{Identity, Rejection, Verdict, revocation::{RevokedBy, RevocationCheck}};
///
/// # #[derive(Clone)] struct Store;
/// # impl Store {
/// #     async fn has(&self, _: (Option<String>, String)) -> Result<bool, std::io::Error> { Ok(false) }
/// # }
/// struct Shared(Store);
///
/// impl RevocationCheck for Shared {
///     fn check(&self, identity: &Identity) -> Verdict<()> {
///         let Some(id) = identity.token_id() else {
///             return Verdict::ready(Ok(())); // nothing to look up: no need to wait
///         };
///         let store = self.0.clone();
///         let name = (identity.issuer().map(str::to_owned), id.to_owned());
///         Verdict::pending(async move {
///             match store.has(name).await.map_err(Rejection::unavailable)? {
///                 true => Err(RevokedBy::Token.into()),
///                 false => Ok(()),
///             }
///         })
///     }
/// }
/// ```
pub trait RevocationCheck: Send + Sync + 'static {
    /// Passes unless the identity is revoked.
    ///
    /// It is asked before the layer adds a realm: an identity without an issuer of its own has
    /// none yet.
    ///
    /// A revoked identity is a [`RevokedBy`] made a rejection; a store that cannot tell answers
    /// [`Rejection::unavailable`].
    fn check(&self, identity: &Identity) -> Verdict<()>;
}

impl<R: RevocationCheck + ?Sized> RevocationCheck for Arc<R> {
    fn check(&self, identity: &Identity) -> Verdict<()> {
        (**self).check(identity)
    }
}

impl<R: RevocationCheck + ?Sized> RevocationCheck for Box<R> {
    fn check(&self, identity: &Identity) -> Verdict<()> {
        (**self).check(identity)
    }
}

/// By what an identity is revoked: the source of its [`Rejection`], for logs and metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RevokedBy {
    /// The token itself (`jti`).
    Token,
    /// Everything its subject was issued until some time.
    Subject,
    /// The session it belongs to (`sid`).
    Session,
}

impl From<RevokedBy> for Rejection {
    /// 401; the client is told no more than that the credentials are not valid.
    fn from(cause: RevokedBy) -> Self {
        Self::invalid().with_source(cause)
    }
}

impl fmt::Display for RevokedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Token => "the token is revoked",
            Self::Subject => "what the subject was issued until then is revoked",
            Self::Session => "the session is revoked",
        })
    }
}

impl Error for RevokedBy {}
