//! The identity in tonic's requests, and rejections as tonic's statuses.

use crate::{Identity, Rejection};
use tonic::{Code, Request, Status};

/// Access to the caller's identity in a tonic request.
///
/// ```
/// use tonic::{Request, Response, Status};
/// use tower_auth::tonic::RequestExt;
///
/// async fn delete(request: Request<()>) -> Result<Response<()>, Status> {
///     let caller = request.identity()?;
///     println!("{} deletes", caller.subject());
///     Ok(Response::new(()))
/// }
/// # let _ = delete;
/// ```
pub trait RequestExt {
    /// Returns the caller's identity.
    ///
    /// # Errors
    ///
    /// `UNAUTHENTICATED` for an anonymous caller, or the status of the rejection of the caller's
    /// cookie. `INTERNAL` if there is no `AuthLayer`.
    fn identity(&self) -> Result<&Identity, Status>;

    /// Returns the caller's identity, or `None` for an anonymous caller.
    ///
    /// # Errors
    ///
    /// `INTERNAL` where there is no `AuthLayer`.
    fn optional_identity(&self) -> Result<Option<&Identity>, Status>;
}

impl<T> RequestExt for Request<T> {
    fn identity(&self) -> Result<&Identity, Status> {
        Ok(Identity::required(self.extensions())?)
    }

    fn optional_identity(&self) -> Result<Option<&Identity>, Status> {
        Ok(Identity::from_extensions(self.extensions())?)
    }
}

/// The kind's code and fixed text; the rejection itself is the status's source.
impl From<Rejection> for Status {
    fn from(rejection: Rejection) -> Self {
        let code = Code::from_i32(rejection.kind().grpc_code().into());
        let mut status = Self::new(code, rejection.detail());
        status.set_source(std::sync::Arc::new(rejection));
        status
    }
}
