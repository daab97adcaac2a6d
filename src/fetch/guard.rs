//! [`Guard`]: what no client is trusted with.

use super::{Fetch, FetchError, FetchErrorKind, MAX_BODY, TIME_OUT};
use crate::ConfigError;
use bytes::Bytes;
use http::{Request, Response, Uri, header::AUTHORIZATION};
use std::{fmt, sync::Arc};

/// A client, and what holds for every request through it. Cloning is cheap.
#[derive(Clone)]
pub(crate) struct Guard {
    client: Arc<dyn Fetch>,
    allow_http: bool,
}

impl Guard {
    /// Around the application's client, or around the default one.
    pub(crate) fn new(
        client: Option<Arc<dyn Fetch>>,
        allow_http: bool,
    ) -> Result<Self, ConfigError> {
        let client = match client {
            Some(client) => client,
            None => default_client()?,
        };
        Ok(Self { client, allow_http })
    }

    /// Whether a URL may be asked; for URLs that are configured, before the first request.
    pub(crate) fn check(&self, url: &Uri) -> Result<(), FetchError> {
        match url.scheme_str() {
            Some("https") => {}
            Some("http") if self.allow_http => {}
            _ => return Err(FetchError::of(FetchErrorKind::Insecure)),
        }
        let authority = url.authority().map_or("", |authority| authority.as_str());
        if url.host().is_none_or(str::is_empty) || authority.contains('@') {
            return Err(FetchError::of(FetchErrorKind::Url));
        }
        Ok(())
    }

    /// Sends a request and reads the answer, whatever its status.
    pub(crate) async fn send(
        &self,
        mut request: Request<Bytes>,
    ) -> Result<Response<Bytes>, FetchError> {
        self.check(request.uri())?;
        if let Some(credentials) = request.headers_mut().get_mut(AUTHORIZATION) {
            credentials.set_sensitive(true);
        }
        // Timers panic without a runtime, and so do most clients.
        if tokio::runtime::Handle::try_current().is_err() {
            return Err(FetchError::of(FetchErrorKind::NoRuntime));
        }
        let response = tokio::time::timeout(TIME_OUT, self.client.fetch(request))
            .await
            .map_err(|_| FetchError::of(FetchErrorKind::TimedOut))??;
        if response.body().len() > MAX_BODY {
            return Err(FetchError::of(FetchErrorKind::TooLong));
        }
        Ok(response)
    }
}

#[cfg(feature = "reqwest")]
fn default_client() -> Result<Arc<dyn Fetch>, ConfigError> {
    Ok(Arc::new(super::HttpClient::new()?))
}

#[cfg(not(feature = "reqwest"))]
fn default_client() -> Result<Arc<dyn Fetch>, ConfigError> {
    Err(ConfigError::new(
        "an HTTP client is missing: enable the feature \"reqwest\" of tower-auth, or call `fetch_with` with a client of the application",
    ))
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard")
            .field("allow_http", &self.allow_http)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fetch::fetch_fn;
    use std::{future::pending, time::Duration};

    fn guard(allow_http: bool, body: usize) -> Guard {
        let client = fetch_fn(move |request: Request<Bytes>| async move {
            if request.uri().path() == "/hang" {
                pending::<()>().await;
            }
            let sensitive = request
                .headers()
                .values()
                .all(http::HeaderValue::is_sensitive);
            assert!(sensitive);
            Ok::<_, FetchError>(Response::new(Bytes::from(vec![b'x'; body])))
        });
        Guard::new(Some(Arc::new(client)), allow_http).unwrap()
    }

    async fn get(guard: &Guard, url: &str) -> Result<usize, FetchErrorKind> {
        let mut request = Request::new(Bytes::new());
        *request.uri_mut() = url.parse().unwrap();
        let secret = http::HeaderValue::from_static("Basic secret");
        request.headers_mut().insert(AUTHORIZATION, secret);
        let response = guard.send(request).await.map_err(|error| error.kind())?;
        Ok(response.body().len())
    }

    #[tokio::test]
    async fn only_https_is_asked_unless_the_danger_is_named() {
        let (strict, open) = (guard(false, 1), guard(true, 1));
        assert_eq!(get(&strict, "https://a.example/x").await, Ok(1));
        assert_eq!(get(&open, "http://127.0.0.1:1/x").await, Ok(1));
        for url in [
            "http://a.example/",
            "http://127.0.0.1/",
            "http://localhost/",
            "ftp://a.example/",
            "/etc/passwd",
        ] {
            assert_eq!(get(&strict, url).await, Err(FetchErrorKind::Insecure));
        }
        for url in ["https://user@a.example/", "https://u:p@a.example/"] {
            assert_eq!(get(&open, url).await, Err(FetchErrorKind::Url));
        }
    }

    #[tokio::test]
    async fn a_body_has_an_end() {
        let long = guard(false, MAX_BODY + 1);
        let url = "https://a.example/";
        assert_eq!(get(&long, url).await, Err(FetchErrorKind::TooLong));
        assert_eq!(get(&guard(false, MAX_BODY), url).await, Ok(MAX_BODY));
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_has_an_end() {
        let started = tokio::time::Instant::now();
        let answer = get(&guard(false, 1), "https://a.example/hang").await;
        assert_eq!(answer, Err(FetchErrorKind::TimedOut));
        assert!(started.elapsed() < TIME_OUT + Duration::from_secs(1));
    }

    #[test]
    fn without_a_runtime_nothing_panics() {
        let guard = guard(false, 1);
        let mut answer = std::pin::pin!(get(&guard, "https://a.example/"));
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        let answer = answer.as_mut().poll(&mut cx);
        assert_eq!(
            answer,
            std::task::Poll::Ready(Err(FetchErrorKind::NoRuntime))
        );
    }
}
