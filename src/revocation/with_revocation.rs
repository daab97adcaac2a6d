//! [`WithRevocation`]: a verifier that rejects revoked identities.

use super::RevocationCheck;
use crate::{
    Identity, Rejection, RejectionKind, Verdict, Verify,
    observe::{event::recovered, outage::Outage},
    verdict::IntoVerdict,
    verify::MapIdentity,
};
use std::{fmt, sync::Arc};

/// Decorators of verifiers that this crate provides.
pub trait VerifyExt: Sized {
    /// Rejects credentials that this verifier accepts, once they are [revoked](crate::revocation).
    ///
    /// The list is asked for every request, also if the verifier has cached the credential.
    ///
    /// ```
    /// # use tower_auth::{Identity, verify_fn};
    /// use tower_auth::revocation::{VerifyExt, Revocations};
    ///
    /// # struct Ticket;
    /// # let tickets = verify_fn(|_: Ticket| Ok(Identity::new("42")));
    /// let revocations = Revocations::new();
    /// let verifier = tickets.with_revocation(revocations.clone());
    /// # let _ = verifier;
    /// ```
    fn with_revocation(self, list: impl RevocationCheck) -> WithRevocation<Self> {
        WithRevocation {
            verifier: self,
            list: List {
                revoked: Arc::new(list),
                allow_when_unavailable: false,
                outage: Arc::default(),
            },
        }
    }

    /// Changes every identity that this verifier accepts, by a closure, plain or async. Policies such
    /// as [`role`](crate::role) see the changed identity.
    ///
    /// The closure is called for every request, also if the verifier has cached the credential. Its
    /// rejection is the result: [`Rejection::unavailable`] is 503, so that an outage of a database is
    /// not a denial.
    ///
    /// Roles of an application's own, from its database, beside those of the token:
    ///
    /// ```
    /// use tower_auth::{AuthLayer, Identity, Rejection, bearer::Bearer, jwt::JwtVerifier, revocation::VerifyExt};
    ///
    /// # #[derive(Clone)] struct Database;
    /// # impl Database {
    /// #     async fn roles_of(&self, _: Option<&str>, _: &str) -> Result<Vec<String>, std::io::Error> { Ok(Vec::new()) }
    /// # }
    /// fn auth(jwt: JwtVerifier, database: Database) -> AuthLayer {
    ///     let jwt = jwt.map_identity(move |identity: Identity| {
    ///         let database = database.clone();
    ///         async move {
    ///             let roles = database.roles_of(identity.issuer(), identity.subject()).await;
    ///             Ok(identity.with_roles(roles.map_err(Rejection::unavailable)?))
    ///         }
    ///     });
    ///     AuthLayer::new(Bearer::new(jwt))
    /// }
    /// ```
    ///
    /// A closure that does not wait returns a `Result`. Here the provider's roles are an object
    /// whose names are the roles:
    ///
    /// ```
    /// # use tower_auth::{Identity, Verify, bearer::Token, jwt::JwtVerifier, revocation::VerifyExt};
    /// use std::collections::HashMap;
    ///
    /// # fn verifier(jwt: JwtVerifier) -> impl Verify<Token> {
    /// jwt.map_identity(|identity: Identity| {
    ///     let roles: Option<HashMap<String, serde_json::Value>> =
    ///         identity.claim("urn:zitadel:iam:org:project:roles");
    ///     Ok(identity.with_roles(roles.unwrap_or_default().into_keys()))
    /// })
    /// # }
    /// ```
    ///
    /// For schemes without a verifier of their own, such as the sessions of a login, see
    /// [`AuthLayer::map_identity`](crate::AuthLayer::map_identity).
    fn map_identity<F, R, M>(self, f: F) -> MapIdentity<Self, F, M>
    where
        F: Fn(Identity) -> R + Send + Sync + 'static,
        R: IntoVerdict<Identity, M>,
    {
        MapIdentity::new(self, f)
    }
}

// Not bounded by `Verify<C>`: a verifier of several types of credentials is decorated for all.
impl<V> VerifyExt for V {}

/// A verifier that rejects revoked identities; made by [`VerifyExt::with_revocation`].
///
/// The list is asked for every request, also if the verifier has cached the credential.
#[derive(Clone)]
pub struct WithRevocation<V> {
    verifier: V,
    list: List,
}

#[derive(Clone)]
struct List {
    revoked: Arc<dyn RevocationCheck>,
    allow_when_unavailable: bool,
    /// The state of the list.
    outage: Arc<Outage>,
}

impl<V> WithRevocation<V> {
    /// Lets identities pass while the list cannot be asked, and logs a warning
    /// when that begins.
    ///
    /// Then whoever can keep the store from answering can use what was revoked.
    #[must_use]
    pub fn dangerous_allow_when_unavailable(mut self) -> Self {
        self.list.allow_when_unavailable = true;
        self
    }
}

impl<C, V: Verify<C>> Verify<C> for WithRevocation<V> {
    fn verify(&self, credential: C) -> Verdict<Identity> {
        self.verifier
            .verify(credential)
            .and_then(&self.list, List::check)
    }

    fn token_format(&self) -> Option<&'static str> {
        self.verifier.token_format()
    }
}

impl List {
    fn check(&self, identity: Identity) -> Verdict<Identity> {
        let allow_when_unavailable = self.allow_when_unavailable;
        let outage = Arc::clone(&self.outage);
        self.revoked
            .check(&identity)
            .then(move |result| match result {
                Err(rejection)
                    if allow_when_unavailable && rejection.kind() == RejectionKind::Unavailable =>
                {
                    if outage.begins() {
                        log_unchecked(&rejection);
                    }
                    Ok(identity)
                }
                result => {
                    if allow_when_unavailable {
                        recovered(&outage, "revocations");
                    }
                    result.map(|()| identity)
                }
            })
    }
}

/// Logs that an identity is accepted although the list is unavailable.
fn log_unchecked(rejection: &Rejection) {
    #[cfg(feature = "tracing")]
    tracing::warn!(
        target: "tower_auth",
        error = std::error::Error::source(rejection).map(tracing::field::display),
        "revocations cannot be looked up; the credentials pass all the same, as configured"
    );
    #[cfg(not(feature = "tracing"))]
    let _ = rejection;
}

impl<V: fmt::Debug> fmt::Debug for WithRevocation<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WithRevocation")
            .field("verifier", &self.verifier)
            .field("allow_when_unavailable", &self.list.allow_when_unavailable)
            .finish_non_exhaustive()
    }
}
