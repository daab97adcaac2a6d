//! [`Identity`]: one caller, established by one scheme.

use super::{Anonymous, ClaimPath, ClaimsError, Facts, Hierarchy, Implied, Realm};
use crate::{Rejection, clock, credential::Place};
use http::Extensions;
use serde::de::DeserializeOwned;
use std::{borrow::Cow, fmt, sync::Arc, time::SystemTime};

/// Who is calling, as one scheme established it.
///
/// An [`AuthLayer`](crate::AuthLayer) puts it into the request's extensions. Cloning is cheap.
///
/// A subject is unique only within its issuer and its kind: [`issuer`](Self::issuer),
/// [`subject`](Self::subject) and [`is_client`](Self::is_client) together are the key for accounts,
/// limits and revocation.
///
/// A verifier builds one:
///
/// ```
/// use tower_auth::Identity;
///
/// let identity = Identity::new("42").with_role("editor").with_scope("orders:read");
/// assert_eq!(identity.subject(), "42");
/// assert!(identity.has_role("editor"));
/// assert!(!identity.has_role("admin"));
/// ```
#[derive(Clone)]
pub struct Identity {
    /// Shared by all requests with the same token or key.
    facts: Arc<Facts>,
    /// The part that the scheme and the layer of this request add to the verifier's facts.
    scheme: &'static str,
    place: Option<Place>,
    realm: Option<Realm>,
    implied: Option<Arc<Implied>>,
}

impl From<Facts> for Identity {
    fn from(facts: Facts) -> Self {
        Self::of(Arc::new(facts))
    }
}

impl Identity {
    /// An identity with this subject, unique within its issuer or realm.
    ///
    /// The subject is not checked. Reject credentials without a subject: an identity with an empty
    /// subject satisfies [`authenticated`](crate::authenticated) like any other identity.
    pub fn new(subject: impl Into<Box<str>>) -> Self {
        Self::from(Facts {
            subject: subject.into(),
            ..Facts::default()
        })
    }

    /// Creates the identity of a client that acts for itself and not for a user, such as a service
    /// with a token of the client credentials grant (RFC 6749 section 4.4).
    ///
    /// The id is the [`subject`](Self::subject), and [`is_client`](Self::is_client) keeps it apart
    /// from a user of the same name.
    pub fn client(id: impl Into<Box<str>>) -> Self {
        Self::from(Facts {
            subject: id.into(),
            is_client: true,
            ..Facts::default()
        })
    }

    /// Returns the verifier's facts alone, without the additions of one request.
    pub(crate) fn without_request(self) -> Self {
        Self::of(self.facts)
    }

    fn of(facts: Arc<Facts>) -> Self {
        Self {
            facts,
            scheme: "",
            place: None,
            realm: None,
            implied: None,
        }
    }

    /// Completes the verifier's facts by what the scheme and the layer add. Writes to no memory
    /// that other requests share, unless the layer has a hierarchy or a realm made at run time.
    pub(crate) fn established(
        self,
        scheme: &'static str,
        place: Option<Place>,
        realm: &Realm,
        implied: Option<&Arc<Implied>>,
    ) -> Self {
        Self {
            facts: self.facts,
            scheme,
            place,
            realm: Some(realm.clone()),
            implied: implied.cloned(),
        }
    }

    /// Returns the token that is kept behind its claims.
    #[cfg(feature = "jwt")]
    pub(crate) fn token(&self) -> &[u8] {
        self.facts
            .claims
            .as_ref()
            .map_or(&[], crate::json::Object::behind)
    }

    /// Returns the approximate memory of the claims, of the token behind them, of the data that was
    /// copied out of them and of typed claims, in bytes.
    #[cfg(any(feature = "jwt", feature = "introspection"))]
    pub(crate) fn bytes(&self) -> usize {
        self.facts.bytes()
    }

    /// Returns the facts for a change. Verifiers build an identity before they share it, so this
    /// rarely copies.
    fn facts_mut(&mut self) -> &mut Facts {
        Arc::make_mut(&mut self.facts)
    }

    /// Adds a role.
    #[must_use]
    pub fn with_role(self, role: impl AsRef<str>) -> Self {
        self.with_roles([role])
    }

    /// Adds several roles.
    #[must_use]
    pub fn with_roles(mut self, roles: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        self.facts_mut().roles.extend(roles);
        self
    }

    /// Adds a scope (RFC 6749 section 3.3).
    #[must_use]
    pub fn with_scope(self, scope: impl AsRef<str>) -> Self {
        self.with_scopes([scope])
    }

    /// Adds several scopes.
    #[must_use]
    pub fn with_scopes(mut self, scopes: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        self.facts_mut().scopes.extend(scopes);
        self
    }

    /// Sets the issuer within which the subject is unique.
    ///
    /// Without one, the realm of the scheme or layer takes its place.
    #[must_use]
    pub fn with_issuer(mut self, issuer: impl Into<Arc<str>>) -> Self {
        self.facts_mut().issuer = Some(issuer.into());
        self
    }

    /// Sets when the credentials end; whole seconds count.
    #[must_use]
    pub fn with_expiry(mut self, expires_at: SystemTime) -> Self {
        self.facts_mut().expires_at = Some(clock::seconds(expires_at));
        self
    }

    /// Sets the time at which the user was last authenticated (`auth_time`), to the millisecond.
    #[must_use]
    pub fn with_authenticated_at(mut self, authenticated_at: SystemTime) -> Self {
        self.facts_mut().authenticated_at = Some(clock::millis(authenticated_at));
        self
    }

    /// Sets when the credentials were issued (`iat`); whole seconds count.
    #[must_use]
    pub fn with_issued_at(mut self, issued_at: SystemTime) -> Self {
        self.facts_mut().issued_at = Some(clock::seconds(issued_at));
        self
    }

    /// Sets the session that the credentials belong to (`sid`).
    #[must_use]
    pub fn with_session_id(mut self, session_id: impl Into<Box<str>>) -> Self {
        self.facts_mut().session_id = Some(session_id.into());
        self
    }

    /// Sets the identifier of the credentials themselves: a `jti`, the id of an API key.
    #[must_use]
    pub fn with_token_id(mut self, token_id: impl Into<Box<str>>) -> Self {
        self.facts_mut().token_id = Some(token_id.into());
        self
    }

    /// Attaches what the verifier has read, such as the row of a database; see
    /// [`data`](Self::data).
    #[must_use]
    pub fn with_data<T: Send + Sync + 'static>(mut self, data: T) -> Self {
        self.facts_mut().data = Some(Arc::new(data));
        self
    }

    /// Returns a copy with a reference count of its own, which only the threads that use the copy
    /// write to.
    pub(crate) fn unshared(&self) -> Self {
        Self {
            facts: Arc::new(Facts::clone(&self.facts)),
            ..self.clone()
        }
    }

    #[cfg(any(
        feature = "introspection",
        feature = "login",
        all(test, feature = "jwt")
    ))]
    pub(crate) fn with_claims(
        mut self,
        claims: crate::json::Object,
        roles: super::Names,
        scopes: super::Names,
    ) -> Self {
        let facts = self.facts_mut();
        facts.claims = Some(claims);
        facts.roles = roles;
        facts.scopes = scopes;
        self
    }

    /// Who it is, within [`issuer`](Self::issuer).
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.facts.subject
    }

    /// Returns whether the subject is the id of a client that acts for itself. Otherwise the subject
    /// is a user.
    ///
    /// A user and a client of one issuer may have the same name. Wherever an application stores a
    /// subject, this is part of the key.
    #[must_use]
    pub fn is_client(&self) -> bool {
        self.facts.is_client
    }

    /// Returns the subject in the form in which revocations are kept.
    pub(crate) fn revocable_subject(&self) -> Cow<'_, str> {
        match self.is_client() {
            true => revocable_client(self.subject()).into(),
            false => self.subject().into(),
        }
    }

    /// Within what the subject is unique: the token's issuer (`iss`), or the realm.
    #[must_use]
    pub fn issuer(&self) -> Option<&str> {
        // The issuer is the stronger name; most tokens have one.
        self.own_issuer().or(self.realm.as_ref().map(Realm::as_str))
    }

    /// The issuer that the verifier named; no realm takes its place.
    pub(crate) fn own_issuer(&self) -> Option<&str> {
        self.facts.issuer.as_deref()
    }

    /// The roles that the credentials carry, without those they imply.
    pub fn roles(&self) -> impl Iterator<Item = &str> {
        self.facts.roles.iter()
    }

    /// The scopes that the credentials carry, without those they imply.
    pub fn scopes(&self) -> impl Iterator<Item = &str> {
        self.facts.scopes.iter()
    }

    /// Whether the identity has this role, by itself or because one of its roles implies it
    /// ([`AuthLayer::role_hierarchy`](crate::AuthLayer::role_hierarchy)).
    #[must_use]
    pub fn has_role(&self, role: &str) -> bool {
        let implied = self.implied.as_deref().map(|implied| &implied.roles);
        has(self.roles(), implied, role)
    }

    /// Whether the identity has this scope, by itself or because one of its scopes implies it
    /// ([`AuthLayer::scope_hierarchy`](crate::AuthLayer::scope_hierarchy)).
    #[must_use]
    pub fn has_scope(&self, scope: &str) -> bool {
        let implied = self.implied.as_deref().map(|implied| &implied.scopes);
        has(self.scopes(), implied, scope)
    }

    /// When the credentials end, to the second; `None` if they do not.
    ///
    /// A WebSocket or gRPC stream may outlive the token that opened it: end it by
    /// `revocation::UntilEnded`, which waits for this time and checks revocations meanwhile.
    #[must_use]
    pub fn expires_at(&self) -> Option<SystemTime> {
        self.facts.expires_at.map(clock::at)
    }

    /// Whether the credentials have ended since, by the system's clock and without leeway.
    #[must_use]
    pub fn expired(&self) -> bool {
        self.expires_at()
            .is_some_and(|end| SystemTime::now() >= end)
    }

    /// When the user was last authenticated (`auth_time`), if the credentials say so.
    #[must_use]
    pub fn authenticated_at(&self) -> Option<SystemTime> {
        self.facts.authenticated_at.map(clock::at_millis)
    }

    /// When the credentials were issued (`iat`), if they say so.
    #[must_use]
    pub fn issued_at(&self) -> Option<SystemTime> {
        self.facts.issued_at.map(clock::at)
    }

    /// The session that the credentials belong to (`sid`, as of OpenID Connect Front-Channel
    /// Logout section 3), if they say so.
    #[must_use]
    pub fn session_id(&self) -> Option<&str> {
        self.facts.session_id.as_deref()
    }

    /// The identifier of the credentials themselves: a token's `jti`, the id of an API key.
    #[must_use]
    pub fn token_id(&self) -> Option<&str> {
        self.facts.token_id.as_deref()
    }

    /// One claim of the token, parsed on demand.
    ///
    /// The path is one top-level name, or a list of names that nest. `None` if the credentials
    /// carry no claims, the claim is absent, or it is not a `T`.
    ///
    /// ```
    /// # let identity = tower_auth::Identity::new("42");
    /// let email: Option<String> = identity.claim("email");
    /// let roles: Option<Vec<String>> = identity.claim(["realm_access", "roles"]);
    /// ```
    #[must_use]
    pub fn claim<T: DeserializeOwned>(&self, path: impl Into<ClaimPath>) -> Option<T> {
        let claims = self.facts.claims.as_ref()?;
        claims.get(path.into().names())
    }

    /// All claims of the token as one type, parsed on demand.
    ///
    /// `None` if the credentials carry no claims or they are not a `T`. Where every request
    /// needs them, let the verifier parse them once: see [`typed_claims`](Self::typed_claims).
    #[must_use]
    pub fn claims<T: DeserializeOwned>(&self) -> Option<T> {
        self.parse_claims()?.ok()
    }

    /// Parses all claims as one type; `None` if the credentials carry no claims.
    pub(crate) fn parse_claims<T: DeserializeOwned>(&self) -> Option<Result<T, ClaimsError>> {
        let claims = self.facts.claims.as_ref()?;
        Some(ClaimsError::parse(claims.as_str()))
    }

    /// The claims as the type that the verifier parsed them into, once per token.
    #[must_use]
    pub fn typed_claims<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        self.facts.typed.clone()?.downcast().ok()
    }

    #[cfg(feature = "issue")]
    pub(crate) fn has_claims(&self) -> bool {
        self.facts.claims.is_some()
    }

    /// What the verifier attached with [`with_data`](Self::with_data), if it is a `T`.
    #[must_use]
    pub fn data<T: 'static>(&self) -> Option<&T> {
        self.facts.data.as_deref()?.downcast_ref()
    }

    /// The name of the scheme that authenticated the request; empty before one has.
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        self.scheme
    }

    /// Returns the place of the credential in the request.
    #[must_use]
    pub fn place(&self) -> Option<Place> {
        self.place
    }

    /// Returns the identity in a request's extensions, or `None` for an anonymous caller.
    ///
    /// # Errors
    ///
    /// A rejection with status 500 if there is no [`AuthLayer`](crate::AuthLayer) outside. Such a
    /// request is not anonymous, because its credentials were not verified.
    pub fn from_extensions(extensions: &Extensions) -> Result<Option<&Self>, Rejection> {
        match extensions.get::<Self>() {
            Some(identity) => Ok(Some(identity)),
            None if extensions.get::<Anonymous>().is_some() => Ok(None),
            None => Err(Rejection::no_auth_layer()),
        }
    }

    /// Returns the identity in a request's extensions.
    ///
    /// # Errors
    ///
    /// As [`from_extensions`](Self::from_extensions). For an anonymous caller, the rejection of the
    /// cookie of the request, or a rejection with status 401 if the request has no credentials.
    pub fn required(extensions: &Extensions) -> Result<&Self, Rejection> {
        Self::from_extensions(extensions)?.ok_or_else(|| {
            let rejection = extensions.get().and_then(Anonymous::rejection);
            rejection.cloned().unwrap_or_else(Rejection::missing)
        })
    }
}

/// Returns the id of a client in the form in which revocations are kept.
///
/// Stores have one name space for the subjects of an issuer. The subject of a user in a token does
/// not contain control characters, so it never has this form.
pub(crate) fn revocable_client(id: &str) -> String {
    format!("client\u{1f}{id}")
}

fn has<'a>(
    mut own: impl Iterator<Item = &'a str>,
    hierarchy: Option<&Hierarchy>,
    wanted: &str,
) -> bool {
    own.any(|name| name == wanted || hierarchy.is_some_and(|h| h.implies(name, wanted)))
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Claims and data stay out: they are the application's, and may be private.
        f.debug_struct("Identity")
            .field("subject", &self.subject())
            .field("is_client", &self.is_client())
            .field("issuer", &self.issuer())
            .field("roles", &self.roles().collect::<Vec<_>>())
            .field("scopes", &self.scopes().collect::<Vec<_>>())
            .field("scheme", &self.scheme)
            .field("place", &self.place)
            .finish_non_exhaustive()
    }
}
