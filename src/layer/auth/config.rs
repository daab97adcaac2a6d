//! [`Config`]: everything that a layer is built from.

use super::{
    choice::Configured,
    decision::Listener,
    load::{Load, Map},
};
use crate::{
    AccessRules, Location, Rejection,
    credential::{Strip, UnreadAuthorization},
    csrf::CrossSite,
    identity::{Implied, Realm},
    observe::outage::Outage,
    rejection::{Challenges, Responder},
    util::lanes::Lanes,
};
use http::{HeaderMap, HeaderValue, header::AUTHORIZATION, request::Parts};
use std::{fmt, ops::Deref, sync::Arc};

/// The configuration of a layer, shared by its services.
// Public only in a private module: it is part of the type of a public future.
// Aligned, so that the reference counts of the copies of two lanes are on different cache lines.
#[derive(Clone)]
#[repr(align(128))]
pub struct Config {
    pub(super) schemes: Vec<Configured>,
    pub(super) optional: bool,
    pub(super) map: Option<Arc<Map>>,
    pub(super) load: Option<Arc<dyn Load>>,
    pub(super) rules: Option<Arc<AccessRules>>,
    pub(super) grpc: bool,
    pub(super) preflight: bool,
    pub(super) forward_auth: bool,
    pub(super) responder: Option<Arc<Responder>>,
    pub(super) listener: Option<Arc<Listener>>,
    pub(super) realm: Realm,
    /// The URL of the document about this resource.
    pub(super) resource_metadata: Option<Arc<str>>,
    pub(super) cross_site: CrossSite,
    pub(super) implied: Option<Arc<Implied>>,
    pub(super) strip: Arc<Strip>,
    /// The header fields that schemes read.
    pub(super) vary: Option<HeaderValue>,
    /// The state of the stores and servers that the inner service uses.
    pub(super) outage: Arc<Outage>,
    /// Whether a challenge of a scheme makes browsers open a dialog.
    pub(super) opens_dialog: bool,
}

impl Config {
    /// Adds the challenges of all schemes. Returns whether one of them makes browsers open a dialog.
    pub(super) fn challenge(
        &self,
        rejection: &Rejection,
        by_script: bool,
        headers: &mut HeaderMap,
    ) -> bool {
        let mut challenges = Challenges::new(self.realm.as_str(), headers)
            .with_resource_metadata(self.resource_metadata.as_deref())
            .for_script(by_script);
        for configured in &self.schemes {
            configured.scheme.challenge(rejection, &mut challenges);
        }
        challenges.finish()
    }

    /// Returns a copy with its own reference counts for everything that accepted requests count
    /// references to.
    pub(super) fn unshared(&self) -> Self {
        let mut config = self.clone();
        config.realm = self.realm.unshared();
        for configured in &mut config.schemes {
            configured.realm = configured.realm.as_ref().map(Realm::unshared);
        }
        let implied = self.implied.as_deref();
        config.implied = implied.map(|implied| Arc::new(implied.clone()));
        let vary = self.vary.as_ref();
        config.vary = vary.and_then(|vary| HeaderValue::from_bytes(vary.as_bytes()).ok());
        config
    }

    /// Returns the challenges for a request without credentials.
    pub(super) fn challenges(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        self.challenge(&Rejection::missing(), false, &mut headers);
        headers
    }

    /// Completes the rejection of a request without credentials. If the request has an
    /// `Authorization` field that no scheme reads, the source says so.
    pub(super) fn missing(&self, rejection: Rejection, head: &Parts) -> Rejection {
        match head.headers.get(AUTHORIZATION) {
            Some(field) => {
                let unread = UnreadAuthorization::new(field, &self.locations());
                rejection.with_source(unread)
            }
            None => rejection,
        }
    }

    pub(super) fn locations(&self) -> Vec<Location> {
        let schemes = self.schemes.iter();
        schemes
            .flat_map(|configured| configured.scheme.locations())
            .collect()
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthLayer")
            .field("locations", &self.locations())
            .field("optional", &self.optional)
            .field("rules", &self.rules)
            .field("realm", &self.realm)
            .finish_non_exhaustive()
    }
}

/// A configuration, and a copy of it for each [lane](crate::util::lanes).
///
/// A request that is accepted counts a reference to its configuration until the response is there,
/// and copies of it to what the configuration adds to identities and responses. These are counts of
/// the lane's copy.
#[derive(Clone)]
pub(super) struct LaneConfig {
    config: Config,
    own: Lanes<Arc<Config>>,
}

impl LaneConfig {
    pub(super) fn new(config: Config) -> Self {
        Self {
            config,
            own: Lanes::default(),
        }
    }

    /// Returns the copy of this thread's lane.
    pub(super) fn own(&self) -> &Arc<Config> {
        self.own.own(|| Arc::new(self.config.unshared()))
    }

    /// Returns the configuration for a change, which drops the copies.
    pub(super) fn change(&mut self) -> &mut Config {
        self.own = Lanes::default();
        &mut self.config
    }
}

impl Deref for LaneConfig {
    type Target = Config;

    fn deref(&self) -> &Config {
        &self.config
    }
}
