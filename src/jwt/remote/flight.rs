//! One fetch of a set: where it is, what it holds, and whether it is another.

use super::{document, document::Unfit, failure::Failure};
use crate::{
    fetch::{FetchError, Guard},
    jwt::{Backend, KeySet, published::Accept},
};
use bytes::Bytes;
use http::{
    HeaderValue, Request, Response, StatusCode, Uri,
    header::{ACCEPT, CACHE_CONTROL, IF_NONE_MATCH},
};
use std::time::Duration;
use tokio::time::Instant;

/// After how long the metadata is read again.
const METADATA_LIFETIME: Duration = Duration::from_secs(24 * 3600);

/// Where the set is.
#[derive(Debug)]
pub(super) enum At {
    /// Where the metadata of this issuer says, itself at one of these.
    Metadata {
        issuer: Box<str>,
        urls: Vec<Uri>,
    },
    Url(Uri),
}

/// What is fetched, and how.
pub(super) struct Target {
    pub(super) at: At,
    pub(super) guard: Guard,
    pub(super) accept: Accept,
    pub(super) backend: Option<Backend>,
}

/// What earlier fetches have found out.
#[derive(Clone, Default)]
pub(super) struct Known {
    /// Where the set is, and since when that is known.
    place: Option<(Uri, Instant)>,
    /// The version of the set at that place.
    etag: Option<HeaderValue>,
    /// The place may be another by now.
    pub(super) in_doubt: bool,
}

impl Known {
    /// Makes the next answer contain the set, even if the set has not changed.
    pub(super) fn forget_version(&mut self) {
        self.etag = None;
    }
}

/// A good answer.
pub(super) struct Fetched {
    /// `None`: the set is the one that is known.
    pub(super) keys: Option<KeySet>,
    /// For how long the issuer says it is good.
    pub(super) lifetime: Option<Duration>,
}

/// Why there is none, and what caused that.
pub(super) struct SetError(pub(super) Failure, pub(super) Option<FetchError>);

impl From<Failure> for SetError {
    fn from(failure: Failure) -> Self {
        Self(failure, None)
    }
}

impl From<FetchError> for SetError {
    fn from(error: FetchError) -> Self {
        Self(Failure::Fetch(error.kind()), Some(error))
    }
}

impl Target {
    /// Fetches the set.
    pub(super) async fn fetch(&self, known: &mut Known) -> Result<Fetched, SetError> {
        let result = self.fetch_set(known).await;
        known.in_doubt = result.is_err();
        result
    }

    async fn fetch_set(&self, known: &mut Known) -> Result<Fetched, SetError> {
        let place = self.place(known).await?;
        let answer = self.get(&place, known.etag.as_ref()).await?;
        let lifetime = document::lifetime(answer.headers());
        match answer.status() {
            StatusCode::OK => {
                let text = std::str::from_utf8(answer.body()).map_err(|_| Failure::NoSet)?;
                let keys = KeySet::published(text, &self.accept, self.backend)
                    .map_err(|_| Failure::NoSet)?;
                known.etag = document::etag(answer.headers());
                Ok(Fetched {
                    keys: Some(keys),
                    lifetime,
                })
            }
            StatusCode::NOT_MODIFIED if known.etag.is_some() => Ok(Fetched {
                keys: None,
                lifetime,
            }),
            _ => Err(Failure::Status.into()),
        }
    }

    /// Where the set is.
    async fn place(&self, known: &mut Known) -> Result<Uri, SetError> {
        let (issuer, urls) = match &self.at {
            At::Url(url) => return Ok(url.clone()),
            At::Metadata { issuer, urls } => (issuer, urls),
        };
        let old = match &known.place {
            Some((place, since)) => {
                let is_old = since.elapsed() >= METADATA_LIFETIME;
                if !known.in_doubt && !is_old {
                    return Ok(place.clone());
                }
                Some(place.clone())
            }
            None => None,
        };
        match (self.discover(issuer, urls).await, old) {
            (Ok(place), old) => {
                if old.is_some_and(|old| old != place) {
                    known.etag = None;
                }
                known.place = Some((place.clone(), Instant::now()));
                Ok(place)
            }
            // Metadata of somebody else is worse than none.
            (Err(error @ SetError(Failure::Metadata(Unfit::Issuer), _)), _) => Err(error),
            (Err(_), Some(old)) => Ok(old),
            (Err(error), None) => Err(error),
        }
    }

    async fn discover(&self, issuer: &str, urls: &[Uri]) -> Result<Uri, SetError> {
        let mut first = None;
        for url in urls {
            let answer = self.get(url, None).await?;
            let failure = match answer.status() {
                StatusCode::OK => match document::jwks_uri(answer.body(), issuer) {
                    Ok(place) => {
                        self.guard.check(&place)?;
                        return Ok(place);
                    }
                    Err(Unfit::Issuer) => return Err(Failure::Metadata(Unfit::Issuer).into()),
                    Err(unfit) => Failure::Metadata(unfit),
                },
                _ => Failure::Status,
            };
            first.get_or_insert(failure);
        }
        Err(first.unwrap_or(Failure::Metadata(Unfit::Junk)).into())
    }

    async fn get(
        &self,
        url: &Uri,
        etag: Option<&HeaderValue>,
    ) -> Result<Response<Bytes>, FetchError> {
        let mut request = Request::new(Bytes::new());
        *request.uri_mut() = url.clone();
        let headers = request.headers_mut();
        headers.insert(
            ACCEPT,
            HeaderValue::from_static("application/json, application/jwk-set+json"),
        );
        // Caches on the way hold what may have been withdrawn since.
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        if let Some(etag) = etag {
            headers.insert(IF_NONE_MATCH, etag.clone());
        }
        self.guard.send(request).await
    }
}
