//! [`HttpClient`]: the client that comes with the feature `reqwest`.

use super::{Fetch, FetchError, FetchErrorKind, Fetching, MAX_BODY, TIME_OUT};
use crate::{ConfigError, util::tls};
use bytes::{Bytes, BytesMut};
use http::{Request, Response};
use rustls::ClientConfig;
use rustls_platform_verifier::BuilderVerifierExt;
use std::{error::Error, fmt};

/// An HTTP client that speaks TLS by rustls and trusts the certificates that the system trusts.
/// Cloning is cheap, and clones share connections.
///
/// It follows no redirects, keeps no cookies, and gives up after [`TIME_OUT`] or
/// [`MAX_BODY`] bytes. Proxies are those of the environment (`HTTPS_PROXY`, `NO_PROXY`).
///
/// The cryptography of TLS is that of the application, which installs a provider of rustls once:
///
/// ```
/// use tower_auth::fetch::HttpClient;
///
/// // An error means that a provider is installed already.
/// let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
/// let client = HttpClient::new()?;
/// # let _ = client;
/// # Ok::<(), tower_auth::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct HttpClient(reqwest::Client);

impl HttpClient {
    /// A client with connections of its own.
    ///
    /// # Errors
    ///
    /// If no provider of rustls is installed, or if the system has no certificates to trust (an image
    /// without `ca-certificates`).
    pub fn new() -> Result<Self, ConfigError> {
        let refuse = |error: Box<dyn Error + Send + Sync>| {
            ConfigError::new("cannot set up TLS: does the system have certificates to trust?")
                .with_source(error)
        };
        let tls = ClientConfig::builder_with_provider(tls::provider()?)
            .with_safe_default_protocol_versions()
            .and_then(BuilderVerifierExt::with_platform_verifier)
            .map_err(|error| refuse(error.into()))?
            .with_no_client_auth();
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .connect_timeout(TIME_OUT)
            .timeout(TIME_OUT)
            .user_agent(concat!("tower-auth/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| refuse(error.into()))?;
        Ok(Self(client))
    }
}

impl Fetch for HttpClient {
    fn fetch(&self, request: Request<Bytes>) -> Fetching {
        let client = self.0.clone();
        Box::pin(async move {
            let request = reqwest::Request::try_from(request).map_err(failed)?;
            let mut response = client.execute(request).await.map_err(failed)?;
            let announced = response.content_length().unwrap_or_default();
            let mut body = BytesMut::with_capacity(announced.min(64 * 1024) as usize);
            while let Some(chunk) = response.chunk().await.map_err(failed)? {
                if body.len().saturating_add(chunk.len()) > MAX_BODY {
                    return Err(FetchError::of(FetchErrorKind::TooLong));
                }
                body.extend_from_slice(&chunk);
            }
            let mut answer = Response::new(body.freeze());
            *answer.status_mut() = response.status();
            *answer.headers_mut() = std::mem::take(response.headers_mut());
            Ok(answer)
        })
    }
}

fn failed(error: reqwest::Error) -> FetchError {
    match error.is_timeout() {
        true => FetchError::of(FetchErrorKind::TimedOut),
        false => FetchError::new(error.without_url()),
    }
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HttpClient")
    }
}
