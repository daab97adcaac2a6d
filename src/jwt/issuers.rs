//! [`Issuers`]: tokens of several issuers.

use super::{
    Health, JwtVerifier, JwtVerifierBuilder, TokenError, peek,
    tenants::{Tenant, Tenants},
};
use crate::{ConfigError, Identity, Rejection, Verdict, Verify, bearer, error::fail_if};
use std::{
    collections::{HashMap, HashSet},
    fmt,
    sync::Arc,
};

/// What a token may be long where no verifier says: the default of every one.
const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// The number of verifiers whose caches are asked for a token before the token is read.
const FEW: usize = 4;

/// Verifies tokens of several issuers, each by its own [`JwtVerifier`] and no other's. Cloning is cheap.
///
/// 1. The `iss` of a token, which nobody has verified yet, says whose token it claims to be. It
///    chooses the verifier, and decides nothing else.
/// 2. That verifier judges the token with its own keys, audiences, algorithms and claims, and
///    checks `iss` like every other claim. A key of one issuer is no good for another's tokens.
/// 3. A token of an issuer that is none of these is refused (401). Nothing is fetched for it.
/// 4. An issuer that cannot be reached harms its own tokens only (503).
/// 5. The part that is read before the signature is verified is bounded: a token whose payload has
///    more than 512 members, in all its objects together, is rejected (401).
///
/// ```
/// use tower_auth::jwt::{Algorithm, Issuers, JwtVerifier, Key};
///
/// # let (ours, theirs) = (Key::from_secret(Algorithm::HS256, [7; 32])?, Key::from_secret(Algorithm::HS256, [8; 32])?);
/// let staff = JwtVerifier::issuer("https://login.example.com/")
///     .audience("https://api.example.com")
///     .roles_at("roles")
///     .keys(ours)
///     .build()?;
/// let partner = JwtVerifier::issuer("https://partner.example/").audience("example-api").keys(theirs).build()?;
/// let issuers = Issuers::new([staff, partner])?;
/// assert!(issuers.health().all(|health| health.is_ready));
/// # Ok::<(), tower_auth::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct Issuers {
    fixed: Arc<HashMap<Arc<str>, JwtVerifier>>,
    tenants: Vec<Arc<Tenants>>,
    max_token_bytes: usize,
}

impl Issuers {
    /// The issuers of these verifiers.
    ///
    /// # Errors
    ///
    /// If two have the same issuer, or one takes tokens of any.
    pub fn new(issuers: impl IntoIterator<Item = JwtVerifier>) -> Result<Self, ConfigError> {
        let mut fixed = HashMap::new();
        let mut max_token_bytes = MAX_TOKEN_BYTES;
        for jwt in issuers {
            let issuer = jwt.0.rules.issuer.clone().ok_or_else(|| {
                ConfigError::new("a verifier of any issuer's tokens is not one among several")
            })?;
            max_token_bytes = max_token_bytes.max(jwt.0.max_token_bytes);
            fail_if!(
                fixed.insert(Arc::clone(&issuer), jwt).is_some(),
                "two verifiers have the issuer {issuer:?}"
            );
        }
        Ok(Self {
            fixed: Arc::new(fixed),
            tenants: Vec::new(),
            max_token_bytes,
        })
    }

    /// Further issuers on a list, such as the tenants of a provider: each has its verifier made
    /// by `configure` when its first token comes.
    ///
    /// If these verifiers fetch their keys, let them share a client, because creating a client
    /// takes a while. The crate does not share one by itself, because the connections of a client
    /// end with the runtime that made them.
    ///
    /// A token longer than 16 KiB, or than what one of the fixed verifiers takes, is refused before
    /// it is asked whose it is.
    ///
    /// ```
    /// use tower_auth::jwt::{Issuers, JwtVerifier};
    ///
    /// let tenant = |id: &str| format!("https://login.microsoftonline.com/{id}/v2.0");
    /// let issuers = Issuers::new([])?.with_tenants(
    ///     ["8eaef023-2b34-4da1-9baa-8bc8c9d6a490"].map(tenant),
    ///     |issuer| JwtVerifier::issuer(issuer).audience("api://example").roles_at("roles"),
    /// );
    /// # let _ = issuers;
    /// # Ok::<(), tower_auth::ConfigError>(())
    /// ```
    #[must_use]
    pub fn with_tenants(
        self,
        allowed: impl IntoIterator<Item = impl Into<Box<str>>>,
        configure: impl Fn(&str) -> JwtVerifierBuilder + Send + Sync + 'static,
    ) -> Self {
        let allowed: HashSet<Box<str>> = allowed.into_iter().map(Into::into).collect();
        let limit = allowed.len();
        self.with_tenants_where(limit, move |issuer| allowed.contains(issuer), configure)
    }

    /// Further issuers that a rule allows, of which `limit` have a verifier at a time. Beyond
    /// that number, the next issuer replaces an earlier one. A verifier that has not verified any
    /// token is replaced first, then the verifier whose last verified token is longest ago. A
    /// verifier keeps its place for its first 30 seconds, and for five minutes after each token
    /// that it has verified. If all verifiers keep their places, the next issuer's tokens are 503.
    /// Set a limit with room for all issuers that are in use at once.
    ///
    /// Anybody can name an issuer in a token that is not signed. Such a token never takes the place
    /// of a verifier in use. But it can take a free place for 30 seconds, or the place of an issuer
    /// without a token for five minutes. If that matters, list the issuers by
    /// [`with_tenants`](Self::with_tenants): then each has a place of its own.
    ///
    /// `configure` is called once for an issuer, however many of its tokens come at once. If the
    /// call fails, the issuer's tokens are 503, and `configure` is called again after 30 seconds.
    ///
    /// `allowed` is asked about whatever a token claims to be from, before anything about it has
    /// been verified. An issuer that it lets pass is asked for its keys, and its tokens are good:
    /// know your tenants, and do not settle for a prefix.
    #[must_use]
    pub fn with_tenants_where(
        mut self,
        limit: usize,
        allowed: impl Fn(&str) -> bool + Send + Sync + 'static,
        configure: impl Fn(&str) -> JwtVerifierBuilder + Send + Sync + 'static,
    ) -> Self {
        let tenants = Tenants::new(limit, Box::new(allowed), Box::new(configure));
        self.tenants.push(Arc::new(tenants));
        self
    }

    /// How the keys of each issuer are, for a readiness probe; of tenants those that have had a
    /// token.
    pub fn health(&self) -> impl Iterator<Item = Health> {
        let fixed = self.fixed.values().map(JwtVerifier::health);
        fixed.chain(self.tenants.iter().flat_map(|tenants| tenants.health()))
    }

    /// Returns the verifier for a token, and the tenant that it belongs to.
    fn of(&self, token: &[u8]) -> Result<(JwtVerifier, Option<Arc<Tenant>>), Rejection> {
        let issuer = peek::issuer(token, self.max_token_bytes)
            .and_then(|issuer| issuer.ok_or_else(|| TokenError::missing("iss", "")))
            .map_err(TokenError::into_rejection)?;
        if let Some(jwt) = self.fixed.get(issuer.as_str()) {
            return Ok((jwt.clone(), None));
        }
        for tenants in &self.tenants {
            if let Some(tenant) = tenants.of(&issuer) {
                let tenant = tenant?;
                return Ok((tenants.jwt(&issuer, &tenant)?, Some(tenant)));
            }
        }
        let known = self.fixed.keys().map(|issuer| &**issuer);
        let tenants = (!self.tenants.is_empty()).then_some("an allowed tenant");
        Err(TokenError::issuer(&issuer, known.chain(tenants)).into_rejection())
    }
}

impl Verify<bearer::Token> for Issuers {
    fn verify(&self, token: bearer::Token) -> Verdict<Identity> {
        // A verifier that has cached the token has verified its issuer. To ask a few caches costs
        // less than to read the token.
        let mut few = self.fixed.values().take(FEW);
        if let Some(identity) = few.find_map(|jwt| jwt.0.cached(token.as_bytes())) {
            return Verdict::ready(Ok(identity));
        }
        match self.of(token.as_bytes()) {
            Ok((jwt, tenant)) => jwt.verify(token).map(move |identity| {
                // Only a verified token keeps a tenant's place.
                if let Some(tenant) = tenant {
                    tenant.verified();
                }
                identity
            }),
            Err(rejection) => Verdict::ready(Err(rejection)),
        }
    }

    fn token_format(&self) -> Option<&'static str> {
        Some("JWT")
    }
}

impl fmt::Debug for Issuers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issuers")
            .field("fixed", &self.fixed.keys())
            .finish_non_exhaustive()
    }
}
