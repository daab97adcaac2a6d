//! Extractors for axum handlers, and rejections as axum responses.

use crate::{
    Identity, Rejection,
    clock::{self, SystemClock},
    observe::event::{self, Decision},
    rejection::response,
    util::seldom::SeldomByKey,
};
use axum_core::{
    body::Body,
    extract::{FromRequestParts, OptionalFromRequestParts},
    response::{IntoResponse, Response},
};
#[cfg(feature = "accounts")]
use http::StatusCode;
use http::request::Parts;
#[cfg(any(feature = "accounts", feature = "issue"))]
use http::{
    HeaderValue,
    header::{CACHE_CONTROL, CONTENT_TYPE},
};
use serde::de::DeserializeOwned;
use std::{ops::Deref, sync::Arc};

/// Extracts the caller's identity. An anonymous caller is rejected with 401, or with the rejection
/// of the caller's cookie. If there is no `AuthLayer`, the response is 500.
impl<S: Send + Sync> FromRequestParts<S> for Identity {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Rejection> {
        required(parts).cloned()
    }
}

/// Extracts the caller's identity, or `None` for an anonymous caller. If there is no `AuthLayer`,
/// the response is 500.
impl<S: Send + Sync> OptionalFromRequestParts<S> for Identity {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Rejection> {
        optional(parts).map(Option::<&Self>::cloned)
    }
}

/// The claims of the caller's token, as one type.
///
/// If the verifier parses the claims into this type (`typed_claims`), they are parsed once per
/// token. Otherwise they are parsed here, for every request.
///
/// ```
/// use serde::Deserialize;
/// use tower_auth::axum::Claims;
///
/// #[derive(Deserialize)]
/// struct Profile {
///     email: String,
/// }
///
/// async fn handler(claims: Claims<Profile>) -> String {
///     format!("hello {}", claims.email)
/// }
/// # let _ = handler;
/// ```
///
/// | caller | `Claims<T>` | `Option<Claims<T>>` |
/// |---|---|---|
/// | a token whose claims fit `T` | the claims | the claims |
/// | a token whose claims do not fit `T` | 500 | 500 |
/// | credentials without claims (Basic, an API key) | 403 | `None` |
/// | an anonymous caller | 401 | `None` |
/// | no `AuthLayer` | 500 | 500 |
///
/// Claims that do not fit are a bug of the application, since the token is valid. They are logged at
/// `ERROR`, once a minute per issuer and path, with the path, the expected type and the type that
/// was found; see [`ClaimsError`](crate::identity::ClaimsError). If tokens with such claims have to
/// be rejected with 401, let the verifier parse them (`typed_claims`).
#[derive(Debug)]
pub struct Claims<T>(pub Arc<T>);

impl<T> Clone for Claims<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Deref for Claims<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T, S> FromRequestParts<S> for Claims<T>
where
    T: DeserializeOwned + Send + Sync + 'static,
    S: Send + Sync,
{
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Rejection> {
        let identity = required(parts)?;
        claims(identity)?.ok_or_else(|| {
            let rejection = Rejection::forbidden().with_scheme(identity.scheme());
            let rejection = rejection.with_detail("the credentials carry no claims");
            logged(rejection, Some(identity))
        })
    }
}

/// Extracts the claims, or `None` for an anonymous caller and for credentials without claims.
impl<T, S> OptionalFromRequestParts<S> for Claims<T>
where
    T: DeserializeOwned + Send + Sync + 'static,
    S: Send + Sync,
{
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Rejection> {
        optional(parts)?.map_or(Ok(None), claims)
    }
}

/// The claims of which the log has had an error within the last minute.
static LOGGED: SeldomByKey = SeldomByKey::new();

/// Returns the claims of the caller; `None` for credentials without claims.
fn claims<T>(identity: &Identity) -> Result<Option<Claims<T>>, Rejection>
where
    T: DeserializeOwned + Send + Sync + 'static,
{
    if let Some(typed) = identity.typed_claims() {
        return Ok(Some(Claims(typed)));
    }
    let parsed = identity.parse_claims().transpose();
    let claims = parsed.map_err(|error| {
        let key = (identity.issuer(), error.path());
        let is_due = LOGGED.is_due(key, clock::now(&SystemClock));
        let rejection = Rejection::internal(error);
        let rejection = if is_due {
            rejection
        } else {
            rejection.repeated()
        };
        logged(rejection, Some(identity))
    })?;
    Ok(claims.map(Arc::new).map(Claims))
}

/// Extracts the provider's token of the caller.
///
/// The rejection is 401 for an anonymous caller, and if the token has expired, so that a browser
/// signs in again. It is 403 for credentials other than a session of a login, and 500 without an
/// `AuthLayer`.
#[cfg(feature = "login")]
impl<S: Send + Sync> FromRequestParts<S> for crate::login::ProviderToken {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Rejection> {
        let identity = required(parts)?;
        if let Some(token) = parts.extensions.get::<Self>() {
            return Ok(token.clone());
        }
        let rejection = match identity.scheme() {
            crate::login::SCHEME => {
                Rejection::invalid().with_detail("the provider's token has ended")
            }
            _ => Rejection::forbidden().with_detail("the credentials carry no provider's token"),
        };
        let rejection = rejection.with_scheme(identity.scheme());
        Err(logged(rejection, Some(identity)))
    }
}

/// Extracts the provider's token of the caller, or `None` if the caller has none. Without an
/// `AuthLayer`, the rejection is 500.
#[cfg(feature = "login")]
impl<S: Send + Sync> OptionalFromRequestParts<S> for crate::login::ProviderToken {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Rejection> {
        optional(parts)?;
        Ok(parts.extensions.get::<Self>().cloned())
    }
}

fn optional(parts: &Parts) -> Result<Option<&Identity>, Rejection> {
    Identity::from_extensions(&parts.extensions).map_err(|rejection| logged(rejection, None))
}

fn required(parts: &Parts) -> Result<&Identity, Rejection> {
    Identity::required(&parts.extensions).map_err(|rejection| logged(rejection, None))
}

fn logged(rejection: Rejection, identity: Option<&Identity>) -> Rejection {
    event::emit(Some(&rejection), None, || Decision::about(identity, None));
    rejection
}

/// A problem document (RFC 9457): 422 for what may not be chosen, 409 for a name that is taken,
/// and 503.
#[cfg(feature = "accounts")]
impl IntoResponse for crate::account::RegisterError {
    fn into_response(self) -> Response {
        use crate::account::RegisterError as E;
        match self {
            E::Name(error) => problem(StatusCode::UNPROCESSABLE_ENTITY, &error.to_string()),
            E::Password(error) => problem(StatusCode::UNPROCESSABLE_ENTITY, &error.to_string()),
            E::Taken => problem(StatusCode::CONFLICT, &E::Taken.to_string()),
            E::Unavailable(rejection) => rejection.into_response(),
        }
    }
}

/// A problem document (RFC 9457): 422 for what may not be chosen, and what a login answers.
#[cfg(feature = "accounts")]
impl IntoResponse for crate::account::ChangeError {
    fn into_response(self) -> Response {
        use crate::account::ChangeError as E;
        match self {
            E::Password(error) => problem(StatusCode::UNPROCESSABLE_ENTITY, &error.to_string()),
            E::Refused(rejection) => rejection.into_response(),
        }
    }
}

/// The texts are fixed ones: nothing of a request is in them.
#[cfg(feature = "accounts")]
fn problem(status: StatusCode, detail: &str) -> Response {
    let title = status.canonical_reason().unwrap_or_default();
    let document = serde_json::json!({
        "type": "about:blank",
        "title": title,
        "status": status.as_u16(),
        "detail": detail,
    });
    let mut response = Response::new(Body::from(document.to_string()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    let json = HeaderValue::from_static("application/problem+json");
    headers.insert(CONTENT_TYPE, json);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// The answer of a token endpoint (RFC 6749 section 5.1): JSON that no cache keeps.
#[cfg(feature = "issue")]
impl IntoResponse for crate::issue::IssuedTokens {
    fn into_response(self) -> Response {
        tokens(&self)
    }
}

/// The answer of a token endpoint (RFC 6749 section 5.1): JSON that no cache keeps.
#[cfg(feature = "issue")]
impl IntoResponse for crate::issue::AccessToken {
    fn into_response(self) -> Response {
        tokens(&self)
    }
}

#[cfg(feature = "issue")]
fn tokens(issued: &impl serde::Serialize) -> Response {
    let Ok(json) = serde_json::to_vec(issued) else {
        return Rejection::unavailable("the tokens are no JSON").into_response();
    };
    let mut response = Response::new(Body::from(json));
    let headers = response.headers_mut();
    let json = HeaderValue::from_static("application/json");
    headers.insert(CONTENT_TYPE, json);
    let no_store = HeaderValue::from_static("no-store");
    headers.insert(CACHE_CONTROL, no_store);
    response
}

/// `application/problem+json`, which the `AuthLayer` outside completes by its challenges.
///
/// A 401 needs such a layer: an [`AuthLayer`](crate::AuthLayer) or, for endpoints that take
/// credentials in their bodies, an `issue::CredentialEndpointLayer`. Without one outside, the response lacks
/// the `WWW-Authenticate` field that RFC 9110 section 15.5.2 requires.
impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        response(self).map(Body::from)
    }
}
