//! [`JwtVerifierBuilder`]: what a token has to be.

use super::{
    Backend, JwtVerifier, Keys,
    cache::{Cache, Limits},
    claims::Rules,
    header::Types,
    verifier::Verifier,
};
use crate::{
    ConfigError,
    claims::IdentityPaths,
    clock::{Clock, SystemClock},
    identity::{ClaimPath, ClaimsError},
};
use serde::de::DeserializeOwned;
use std::{fmt, sync::Arc, time::Duration};

/// The longest leeway, in seconds. A leeway lengthens the life of every token.
const MAX_LEEWAY: u64 = 3600;

/// Builds a [`JwtVerifier`]; made by [`JwtVerifier::issuer`].
///
/// An audience has to be configured, or building fails, and keys, unless they are discovered.
#[must_use = "a builder verifies nothing"]
pub struct JwtVerifierBuilder {
    rules: Rules,
    any_audience: bool,
    has_clients: bool,
    keys: Option<Keys>,
    backend: Option<Backend>,
    pub(super) types: Types,
    max_token_bytes: usize,
    cache: Limits,
    is_cached: bool,
    clock: Arc<dyn Clock>,
}

impl JwtVerifier {
    /// A verifier of this issuer's tokens: their `iss` is this very string, letter by letter. A
    /// slash at its end counts.
    pub fn issuer(issuer: impl Into<Arc<str>>) -> JwtVerifierBuilder {
        JwtVerifierBuilder::new(Some(issuer.into()))
    }

    /// A verifier of anybody's tokens, as long as one of its keys has signed them.
    ///
    /// With the keys of one issuer this gives up little but RFC 8725 section 3.8. With keys that
    /// issuers share, any of them can speak for the others' subjects.
    pub fn dangerous_any_issuer() -> JwtVerifierBuilder {
        JwtVerifierBuilder::new(None)
    }
}

impl JwtVerifierBuilder {
    fn new(issuer: Option<Arc<str>>) -> Self {
        let rules = Rules {
            issuer,
            audiences: Vec::new(),
            clients: Vec::new(),
            paths: IdentityPaths::default(),
            leeway: 60,
            expiry_is_required: true,
            access_token_profile: false,
            typed: None,
        };
        Self {
            rules,
            any_audience: false,
            has_clients: false,
            keys: None,
            backend: None,
            types: Types::Usual,
            max_token_bytes: 16 * 1024,
            cache: Limits::default(),
            is_cached: true,
            clock: Arc::new(SystemClock),
        }
    }

    /// A name of this service that tokens are made for (`aud`). Call it again for another name;
    /// a token needs one of them.
    pub fn audience(mut self, audience: impl Into<Box<str>>) -> Self {
        self.rules.audiences.push(audience.into());
        self
    }

    /// Accepts tokens that were made for anybody.
    ///
    /// Then whatever service a user logs in to can take the token it gets, and come here with it
    /// in the user's name (RFC 8725 section 3.9).
    pub fn dangerous_any_audience(mut self) -> Self {
        self.any_audience = true;
        self
    }

    /// The keys that tokens are signed with: one [`Key`](super::Key), a [`KeySet`](super::KeySet),
    /// or remote ones.
    ///
    /// Without this, and with the feature `jwks`, the issuer is asked where its keys are.
    pub fn keys(mut self, keys: impl Into<Keys>) -> Self {
        self.keys = Some(keys.into());
        self
    }

    /// Sets the cryptography backend. Default: `None`, which is the compiled-in backend, see
    /// [`Backend`].
    pub fn backend(mut self, backend: impl Into<Option<Backend>>) -> Self {
        self.backend = backend.into();
        self
    }

    /// Accepts access tokens by RFC 9068 only: `typ` is `at+jwt` or `application/at+jwt`, and
    /// `iss`, `exp`, `aud`, `sub`, `client_id`, `iat` and `jti` are there.
    ///
    /// Without this profile, `typ` may also be `JWT` or missing. Then an ID token of the issuer is
    /// accepted, too, if its audience, which is a client's id, is an audience of this service. In
    /// general, claims do not distinguish the two: several providers put `nonce` and `at_hash` into
    /// access tokens, too.
    pub fn access_token_profile(mut self) -> Self {
        self.rules.access_token_profile = true;
        self.types = Types::AccessToken;
        self
    }

    /// Accepts only tokens that were issued to one of these clients.
    ///
    /// A token then needs `azp` (OpenID Connect Core section 2) or `client_id` (RFC 9068 section
    /// 2.2). If it has both, both must be configured clients. Default: any client. Another call adds
    /// to the clients.
    ///
    /// ```
    /// # use tower_auth::jwt::JwtVerifier;
    /// let builder = JwtVerifier::issuer("https://login.example.com/realms/shop")
    ///     .audience("orders")
    ///     .clients(["web", "billing"]);
    /// # let _ = builder;
    /// ```
    pub fn clients(mut self, clients: impl IntoIterator<Item = impl Into<Box<str>>>) -> Self {
        self.rules
            .clients
            .extend(clients.into_iter().map(Into::into));
        self.has_clients = true;
        self
    }

    /// Adds a claim that is the subject, a non-empty string or a whole number. Default: `sub`, as a
    /// string only. `subject_at("sub")` also takes a number.
    ///
    /// If this method is called several times, the first of these claims that a token has is the
    /// subject. A claim that is `null` or an empty string is absent. If a claim has another type, the
    /// token is rejected.
    ///
    /// The number 42 and the string `"42"` are the same subject. The issuer must never give a
    /// subject to another user, so an e-mail address is not suitable. For the tokens of clients,
    /// call [`client_at`](Self::client_at).
    pub fn subject_at(mut self, path: impl Into<ClaimPath>) -> Self {
        self.rules.paths.subjects.push(path.into());
        self
    }

    /// Adds a claim that names the client, for tokens that have no subject because they belong to no
    /// user. Default: none, so that such tokens are rejected.
    ///
    /// The identity of such a token is that of a [client](crate::Identity::is_client): revocations
    /// and policies do not confuse it with a user of the same name. If this method is called several
    /// times, the first of these claims that the token has is used.
    ///
    /// A token that has a subject belongs to a user, as far as this verifier can see. Some issuers
    /// put the client's id into `sub`.
    ///
    /// ```
    /// # use tower_auth::jwt::JwtVerifier;
    /// // Service tokens of Cloudflare Access have an empty `sub`, and their id in `common_name`.
    /// let builder = JwtVerifier::issuer("https://team.cloudflareaccess.com")
    ///     .audience("4714c1358e65fe4b408ad6d432a5f878f08194bdb4752441fd56faefa9b2b6f2")
    ///     .client_at("common_name");
    /// # let _ = builder;
    /// ```
    pub fn client_at(mut self, path: impl Into<ClaimPath>) -> Self {
        self.rules.paths.clients.push(path.into());
        self
    }

    /// Adds a claim that holds roles: an array of strings, or one string that is one role. Default:
    /// none, so that no identity has a role.
    ///
    /// The roles of several claims add up:
    ///
    /// ```
    /// # use tower_auth::jwt::JwtVerifier;
    /// // Keycloak: the roles of the realm, and those of the client `orders`.
    /// let builder = JwtVerifier::issuer("https://login.example.com/realms/shop")
    ///     .audience("orders")
    ///     .roles_at(["realm_access", "roles"])
    ///     .roles_at(["resource_access", "orders", "roles"]);
    /// # let _ = builder;
    /// ```
    ///
    /// If the claim is missing or `null`, it adds no roles. If the claim has any other type, the
    /// token is rejected.
    pub fn roles_at(mut self, path: impl Into<ClaimPath>) -> Self {
        self.rules.paths.roles.push(path.into());
        self
    }

    /// Adds a claim that holds scopes: a string, separated by spaces, or an array of strings.
    /// Default: `scope`, unless this method is called.
    ///
    /// The scopes of several claims add up. Auth0 has those of a user's permissions in a claim of
    /// their own: `.scopes_at("scope").scopes_at("permissions")`.
    ///
    /// If the claim is missing or `null`, it adds no scopes. If the claim has any other type, the
    /// token is rejected.
    pub fn scopes_at(mut self, path: impl Into<ClaimPath>) -> Self {
        self.rules.paths.scopes.push(path.into());
        self
    }

    /// By how much the issuer's clock may differ. Default: 60 seconds; at most an hour. Whole
    /// seconds count.
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.rules.leeway = leeway.as_secs();
        self
    }

    /// Tells the time. Default: [`SystemClock`].
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// The longest token that is looked at, in bytes. Default: 16 KiB.
    ///
    /// [`Bearer::max_token_bytes`](crate::bearer::Bearer::max_token_bytes) has the same default and
    /// is checked first. To accept longer tokens, set both.
    pub fn max_token_bytes(mut self, bytes: usize) -> Self {
        self.max_token_bytes = bytes;
        self
    }

    /// Verifies every token anew and caches none, whatever the other cache settings are.
    pub fn without_cache(mut self) -> Self {
        self.is_cached = false;
        self
    }

    /// Sets the number of verified tokens that are cached. Default: 16,384; 0 for none.
    ///
    /// A cached token costs a look-up instead of a signature. Its dates, the keys and its revocation
    /// are checked on every request all the same.
    pub fn cache_capacity(mut self, tokens: usize) -> Self {
        self.cache.entries = tokens;
        self
    }

    /// Sets the approximate memory of all cached tokens, in bytes. Default: 64 MiB; 0 for none. A
    /// token takes its own length, its claims, and some 700 bytes.
    ///
    /// A quarter of the memory is for copies of tokens that are used often: threads on different
    /// processors read different copies.
    ///
    /// The memory of a value of [`typed_claims`](Self::typed_claims) cannot be measured. It is
    /// assumed to be sixteen times the length of the token's claims, which is what a
    /// `serde_json::Value` of many small values takes. If a type takes more, the limit is exceeded
    /// by the difference.
    pub fn cache_bytes(mut self, bytes: usize) -> Self {
        self.cache.bytes = bytes;
        self
    }

    /// For how long a verified token is remembered, if it is good for that long. Default and
    /// maximum: five minutes. Whole seconds count; zero for not at all.
    pub fn cache_time_to_live(mut self, time_to_live: Duration) -> Self {
        self.cache.time_to_live = time_to_live;
        self
    }

    /// Parses the claims of every token as this type, once, for
    /// [`Identity::typed_claims`](crate::Identity::typed_claims). A token whose claims do not fit
    /// this type is rejected with 401. The path, the expected type and the type that was found are
    /// logged at `WARN`, once a minute per issuer and path.
    pub fn typed_claims<T: DeserializeOwned + Send + Sync + 'static>(mut self) -> Self {
        self.rules.typed = Some(|claims| Ok(Arc::new(ClaimsError::parse::<T>(claims)?)));
        self
    }

    /// Accepts tokens without `exp`, which stay valid for as long as their key does.
    pub fn dangerous_allow_missing_expiry(mut self) -> Self {
        self.rules.expiry_is_required = false;
        self
    }

    /// Builds the verifier. Nothing is fetched before the first token, or
    /// [`connect`](Self::connect).
    ///
    /// # Errors
    ///
    /// If there are no keys and they cannot be discovered; if there is neither an audience nor
    /// [`dangerous_any_audience`](Self::dangerous_any_audience), or both; if an issuer, audience,
    /// client or claim path is empty; if the leeway is over an hour; if the backend is not compiled in
    /// or does not take a key; if the profile is asked for without what it requires.
    pub fn build(mut self) -> Result<JwtVerifier, ConfigError> {
        self.check()?;
        if self.rules.paths.scopes.is_empty() {
            self.rules.paths.scopes.push("scope".into());
        }
        Backend::chosen(self.backend)?;
        let keys = match self.keys {
            Some(keys) => keys,
            None => discovered_keys(self.rules.issuer.is_some())?,
        };
        let issuer = self.rules.issuer.clone();
        Ok(JwtVerifier::new(Verifier {
            keys: keys.0.source(issuer, self.backend, &self.clock)?,
            types: self.types,
            rules: self.rules,
            max_token_bytes: self.max_token_bytes,
            cache: self.is_cached.then(|| Cache::new(self.cache)).flatten(),
            clock: self.clock,
        }))
    }

    /// Builds the verifier and fetches its keys, so that what is configured wrongly fails at
    /// start-up. Needs a Tokio runtime.
    ///
    /// # Errors
    ///
    /// For what [`build`](Self::build) refuses, and if no keys can be had now.
    pub async fn connect(self) -> Result<JwtVerifier, ConfigError> {
        let jwt = self.build()?;
        jwt.0.keys.connect().await?;
        Ok(jwt)
    }

    fn check(&self) -> Result<(), ConfigError> {
        let rules = &self.rules;
        require(
            rules.issuer.as_deref() != Some(""),
            "issuer must not be empty",
        )?;
        let has_empty = rules.audiences.iter().any(|audience| audience.is_empty());
        require(!has_empty, "audience must not be empty")?;
        require(
            !self.has_clients || !rules.clients.is_empty(),
            "clients must not be an empty list",
        )?;
        let has_empty = rules.clients.iter().any(|client| client.is_empty());
        require(!has_empty, "client must not be empty")?;
        rules.paths.check()?;
        let has_audience = !rules.audiences.is_empty();
        require(
            has_audience || self.any_audience,
            "a JWT verifier needs the name that tokens are made for: call `audience`",
        )?;
        require(
            !(has_audience && self.any_audience),
            "`audience` and `dangerous_any_audience` must not both be called",
        )?;
        require(rules.leeway <= MAX_LEEWAY, "leeway must be at most an hour")?;
        require(
            rules.expiry_is_required || !rules.access_token_profile,
            "RFC 9068 requires an expiry",
        )
    }
}

fn require(holds: bool, message: &'static str) -> Result<(), ConfigError> {
    holds.then_some(()).ok_or_else(|| ConfigError::new(message))
}

/// Returns the keys of a verifier that has none configured.
fn discovered_keys(has_issuer: bool) -> Result<Keys, ConfigError> {
    match has_issuer {
        #[cfg(feature = "jwks")]
        true => Ok(super::remote::RemoteKeys::discover().into()),
        #[cfg(not(feature = "jwks"))]
        true => Err(ConfigError::new(
            "the keys of the issuer are missing: call `keys`, or enable the feature \"provider\" of tower-auth, which fetches them",
        )),
        false => Err(ConfigError::new(
            "a JWT verifier of any issuer's tokens needs keys: call `keys`",
        )),
    }
}

impl fmt::Debug for JwtVerifierBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwtVerifierBuilder")
            .field("issuer", &self.rules.issuer)
            .field("audiences", &self.rules.audiences)
            .field("keys", &self.keys)
            .finish_non_exhaustive()
    }
}
