//! [`RemoteKeys`]: where an issuer's keys are, and how they are kept.

use super::{
    document,
    flight::{At, Target},
    key_document::{KeyDocument, Timing},
    set::RemoteSet,
};
use crate::{
    ConfigError,
    clock::Clock,
    fetch::on_demand::OnDemand,
    fetch::{Fetch, Guard},
    jwt::{
        Algorithm, Backend, Keys,
        algorithm::Family,
        published::Accept,
        source::{Plan, Source},
    },
};
use http::Uri;
use std::{fmt, sync::Arc, time::Duration};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// Beyond this a duration is a mistake.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 3600);

/// Keys that an issuer publishes, for [`JwtVerifierBuilder::keys`](crate::jwt::JwtVerifierBuilder::keys).
///
/// See the [module](super) for what happens when.
#[must_use = "nothing is fetched before a verifier is built with it"]
pub struct RemoteKeys {
    place: Place,
    /// The issuer that the metadata must name, if it is not that of the verifier.
    named: Option<Arc<str>>,
    client: Option<Arc<dyn Fetch>>,
    allow_http: bool,
    timing: Timing,
    accept: Accept,
}

/// The place where the keys are.
enum Place {
    /// At the `jwks_uri` of the issuer's metadata, which is at the URL of the specifications.
    Discovered,
    /// At the `jwks_uri` of the metadata at this URL.
    Metadata(Box<str>),
    /// At this URL.
    Set(Box<str>),
}

impl Place {
    fn url(&self) -> Option<&str> {
        match self {
            Self::Discovered => None,
            Self::Metadata(url) | Self::Set(url) => Some(url),
        }
    }
}

impl RemoteKeys {
    /// The keys that the metadata of the verifier's issuer points to. This is what a verifier
    /// without keys uses.
    pub fn discover() -> Self {
        Self {
            place: Place::Discovered,
            named: None,
            client: None,
            allow_http: false,
            timing: Timing {
                cooldown: Duration::from_secs(30),
                lifetime: HOUR,
                bounds: (MINUTE, DAY),
                stale_limit: DAY,
            },
            accept: Accept {
                rsa: Algorithm::RS256,
                algorithms: None,
            },
        }
    }

    /// The JWK Set at this URL.
    pub fn at(url: impl Into<Box<str>>) -> Self {
        Self {
            place: Place::Set(url.into()),
            ..Self::discover()
        }
    }

    /// The keys that the metadata at this URL points to. The metadata must name the verifier's
    /// issuer.
    ///
    /// This is for an issuer whose metadata is not where [`discover`](Self::discover) looks for it,
    /// such as Azure AD B2C: `https://NAME.b2clogin.com/TENANT/POLICY/v2.0/.well-known/openid-configuration`
    /// names the issuer `https://NAME.b2clogin.com/TENANT-ID/v2.0/`. It is also for an issuer that
    /// servers reach at another address than browsers.
    pub fn metadata_at(url: impl Into<Box<str>>) -> Self {
        Self {
            place: Place::Metadata(url.into()),
            ..Self::discover()
        }
    }

    /// Takes the keys of metadata that name this issuer, whatever the issuer of the verifier is.
    #[cfg(feature = "login")]
    pub(crate) fn named_by_metadata(mut self, issuer: Arc<str>) -> Self {
        self.named = Some(issuer);
        self
    }

    /// Sends requests by this client, instead of the one that the feature `reqwest` brings.
    pub fn fetch_with(mut self, client: impl Fetch) -> Self {
        self.client = Some(Arc::new(client));
        self
    }

    /// Fetches over `http`, too.
    ///
    /// Whoever is on the way can then replace the keys and sign tokens of anybody. For tests on
    /// loopback.
    pub fn dangerous_allow_http(mut self) -> Self {
        self.allow_http = true;
        self
    }

    /// Sets the lifetime of a set for which the issuer does not state one. The next use after four
    /// fifths of it, plus a random time, starts another fetch. Default: an hour.
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.timing.lifetime = lifetime;
        self
    }

    /// Sets the shortest and the longest lifetime that is accepted from an issuer (`Cache-Control:
    /// max-age`). Default: a minute and a day. The longest one bounds the time for which a
    /// withdrawn key may go unnoticed.
    pub fn lifetime_between(mut self, least: Duration, most: Duration) -> Self {
        self.timing.bounds = (least, most);
        self
    }

    /// Sets the time between two fetches that are started by tokens with an unknown key or an
    /// invalid signature. Default: 30 seconds; at least one.
    pub fn cooldown(mut self, cooldown: Duration) -> Self {
        self.timing.cooldown = cooldown;
        self
    }

    /// Sets the time for which a set is used after its last success while fetches fail; never
    /// shorter than its lifetime. Default: 24 hours. Whole seconds count.
    ///
    /// A set that is older does not verify any token: tokens wait for a fetch, and are 503 if the
    /// fetch fails. Without failures a set is used for at most twice its lifetime.
    pub fn stale_limit(mut self, limit: Duration) -> Self {
        self.timing.stale_limit = limit;
        self
    }

    /// What RSA keys that do not say (`alg`) are for. Default: `RS256`.
    pub fn rsa_algorithm(mut self, algorithm: Algorithm) -> Self {
        self.accept.rsa = algorithm;
        self
    }

    /// Takes keys for these algorithms only. Default: all but the symmetric ones, which are
    /// never taken from a published set.
    pub fn algorithms(mut self, algorithms: impl IntoIterator<Item = Algorithm>) -> Self {
        self.accept.algorithms = Some(algorithms.into_iter().collect());
        self
    }

    fn check(&self) -> Result<(), ConfigError> {
        let Timing {
            cooldown,
            lifetime,
            bounds: (least, most),
            stale_limit,
        } = self.timing;
        let refuse = |message: &'static str| Err(ConfigError::new(message));
        if [cooldown, lifetime, least, most, stale_limit]
            .into_iter()
            .any(|duration| duration > LONGEST)
        {
            return refuse("what is remembered of remote keys lasts a year at most");
        }
        if cooldown < Duration::from_secs(1) {
            return refuse("a cooldown of remote keys is at least a second");
        }
        if least < Duration::from_secs(1) || lifetime < Duration::from_secs(1) {
            return refuse("a lifetime of remote keys is at least a second");
        }
        if least > most {
            return refuse("the bounds of a lifetime are in order");
        }
        if self.accept.rsa.family() != Family::Rsa {
            return refuse("RSA keys need an algorithm of RSA");
        }
        if let Some(algorithms) = &self.accept.algorithms
            && (algorithms.is_empty() || algorithms.iter().any(|one| one.is_symmetric()))
        {
            return refuse("remote keys are for at least one algorithm, and for no symmetric one");
        }
        Ok(())
    }

    fn place(&self, issuer: Option<&str>) -> Result<At, ConfigError> {
        let issuer = self.named.as_deref().or(issuer);
        match (&self.place, issuer) {
            (Place::Set(url), _) => parse(url).map(At::Url),
            (Place::Metadata(url), Some(issuer)) => Ok(At::Metadata {
                issuer: issuer.into(),
                urls: vec![parse(url)?],
            }),
            (Place::Discovered, Some(issuer)) => match document::metadata_urls(issuer) {
                Some(urls) => Ok(At::Metadata {
                    issuer: issuer.into(),
                    urls,
                }),
                None => Err(ConfigError::new(format!(
                    "the issuer {:?} is no URL that metadata could be at: call `keys`",
                    without_credentials(issuer)
                ))),
            },
            (Place::Metadata(_) | Place::Discovered, None) => Err(ConfigError::new(
                "keys are discovered at an issuer, and this verifier is for any",
            )),
        }
    }
}

impl Plan for RemoteKeys {
    fn source(
        self: Box<Self>,
        issuer: Option<Arc<str>>,
        backend: Option<Backend>,
        clock: &Arc<dyn Clock>,
    ) -> Result<Box<dyn Source>, ConfigError> {
        self.check()?;
        let at = self.place(issuer.as_deref())?;
        let guard = Guard::new(self.client, self.allow_http)?;
        let urls = match &at {
            At::Metadata { urls, .. } => urls.as_slice(),
            At::Url(url) => std::slice::from_ref(url),
        };
        for url in urls {
            guard.check(url).map_err(|error| {
                let url = url.to_string();
                let url = without_credentials(&url);
                ConfigError::new(format!("{url:?} cannot be asked for keys")).with_source(error)
            })?;
        }
        let target = Target {
            at,
            guard,
            accept: self.accept,
            backend,
        };
        let cooldown = self.timing.cooldown;
        let set = KeyDocument::new(target, self.timing, Arc::clone(clock));
        Ok(Box::new(RemoteSet {
            issuer,
            keys: Arc::new(OnDemand::new(set, cooldown, Arc::clone(clock))),
        }))
    }
}

impl From<RemoteKeys> for Keys {
    fn from(keys: RemoteKeys) -> Self {
        Self::planned(keys)
    }
}

fn parse(url: &str) -> Result<Uri, ConfigError> {
    url.parse().map_err(|error| {
        let url = without_credentials(url);
        ConfigError::new(format!("{url:?} must be a URL")).with_source(error)
    })
}

/// Returns the part of a URL behind a `user:password@`, because start-up errors are logged.
fn without_credentials(url: &str) -> &str {
    url.rsplit_once('@').map_or(url, |(_, rest)| rest)
}

impl fmt::Debug for RemoteKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteKeys")
            .field("url", &self.place.url().map(without_credentials))
            .field("allow_http", &self.allow_http)
            .finish_non_exhaustive()
    }
}
