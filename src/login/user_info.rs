//! The claims of the user-info endpoint (OpenID Connect Core section 5.3).
//!
//! 1. Without OpenID the response names the user. With OpenID the endpoint is called if the
//!    application [asks for it](super::LoginBuilder::user_info), or if the ID token lacks a
//!    configured claim.
//! 2. A response of the type `application/jwt` must be signed by the issuer for this client
//!    (section 5.3.2). Any other response must be a JSON object.
//! 3. With OpenID its `sub` must be present and that of the ID token (section 5.3.2).
//! 4. The response [adds](super::merge) the members that the ID token lacks.
//! 5. If the application has not asked, and the endpoint rejects the access token, the login
//!    continues without these claims. The access token may be for another API only.
//! 6. A refresh calls the endpoint again. If that fails, the session keeps the previous claims.

use super::{
    LoginError,
    provider::UserInfo,
    session::{ClaimPaths, Session},
    state::Inner,
    tokens::TokenSet,
};
use crate::{
    Rejection, RejectionKind, claims,
    json::{Document, Value},
    jwt::signed::{Kind, Signed},
};

/// Returns the claims of a login without an ID token.
pub(super) async fn instead_of_id_token(
    inner: &Inner,
    tokens: &TokenSet,
) -> Result<String, Rejection> {
    let claims = fetch(inner, tokens, None).await?;
    Ok(claims.ok_or(LoginError::UserInfo(
        "the endpoint rejects the access token",
    ))?)
}

/// Returns the claims that are to be added to those of an ID token, which has been verified.
pub(super) async fn beside_id_token(
    inner: &Inner,
    tokens: &TokenSet,
    id_token: &[u8],
) -> Result<Option<String>, Rejection> {
    let is_asked = inner.asks_user_info;
    let is_possible = inner.provider.endpoints().await?.user_info.is_some();
    if !(is_asked || is_possible && lacks(&inner.claims, id_token)?) {
        return Ok(None);
    }
    let claims = fetch(inner, tokens, Some(id_token)).await?;
    let Some(claims) = claims else {
        let error = LoginError::UserInfo("the endpoint rejects the access token");
        if is_asked {
            return Err(error.into());
        }
        super::log::no_user_info(&inner.issuer, &error.into());
        return Ok(None);
    };
    check_subject(id_token, &claims)?;
    Ok(Some(claims))
}

/// Returns the claims for a session with new tokens.
pub(super) async fn after_refresh(
    inner: &Inner,
    session: &Session,
) -> Result<Option<String>, Rejection> {
    let before = session.user_info.clone();
    let (Some(_), Some(id_token)) = (&before, session.id_claims()) else {
        return Ok(before);
    };
    let error = match fetch(inner, &session.tokens, Some(&id_token)).await {
        Ok(Some(claims)) => {
            check_subject(&id_token, &claims)?;
            return Ok(Some(claims));
        }
        Ok(None) => LoginError::UserInfo("the endpoint rejects the access token").into(),
        Err(rejection) => rejection,
    };
    super::log::no_user_info(&inner.issuer, &error);
    Ok(before)
}

/// Returns whether an ID token lacks a configured claim.
fn lacks(paths: &ClaimPaths, id_token: &[u8]) -> Result<bool, LoginError> {
    let bad = |_| LoginError::IdToken("the payload");
    let claims = Document::read(id_token).map_err(bad)?;
    Ok(paths.identity.lack_claims(&claims))
}

/// OpenID Connect Core section 5.3.2: the claims of another user must not be used.
fn check_subject(id_token: &[u8], claims: &str) -> Result<(), LoginError> {
    let bad = |_| LoginError::UserInfo("it is not a JSON object of distinct names");
    let (own, other) = (
        Document::read(id_token).map_err(bad)?,
        Document::read(claims.as_bytes()).map_err(bad)?,
    );
    let subject = own.named("sub").and_then(Value::as_str);
    match other.named("sub").and_then(Value::as_str) {
        None => Err(LoginError::UserInfo("it has no sub")),
        other if other == subject => Ok(()),
        Some(_) => Err(LoginError::UserInfo("its sub is not that of the ID token")),
    }
}

/// Returns the claims, or `None` if the endpoint rejects the access token. The ID token is given if
/// there is one.
async fn fetch(
    inner: &Inner,
    tokens: &TokenSet,
    id_token: Option<&[u8]>,
) -> Result<Option<String>, Rejection> {
    let claims = match inner.provider.user_info(tokens.access_token()).await? {
        UserInfo::Rejected => return Ok(None),
        UserInfo::Plain(claims) => claims,
        UserInfo::Signed(token) => verified(inner, &token, id_token).await?,
    };
    let bad = || LoginError::UserInfo("it is not a JSON object of distinct names");
    Document::read(&claims).map_err(|_| bad())?;
    Ok(Some(String::from_utf8(claims).map_err(|_| bad())?))
}

/// Verifies a signed response.
async fn verified(
    inner: &Inner,
    token: &[u8],
    id_token: Option<&[u8]>,
) -> Result<Vec<u8>, Rejection> {
    let bad = |why| Rejection::from(LoginError::UserInfo(why));
    let jwt = inner.signed_user_info.as_ref();
    let jwt = jwt.ok_or_else(|| bad("it is signed, and there are no keys: call `keys`"))?;
    let token = str::from_utf8(token).map_err(|_| bad("it is not a JWT"))?;
    let Signed { payload, .. } =
        jwt.signed(token.trim_ascii(), Kind::Id)
            .await
            .map_err(|rejection| match rejection.kind() {
                RejectionKind::Unavailable => rejection,
                _ => bad("its signature or form is invalid"),
            })?;
    let claims = Document::read(&payload).map_err(|_| bad("it is not a JSON object"))?;
    let issuer = claims.named("iss").and_then(Value::as_str);
    let tenant = id_token.filter(|_| inner.tenants.is_some());
    let tenant = tenant.and_then(|id_token| Document::read(id_token).ok());
    let tenant = tenant
        .as_ref()
        .and_then(|claims| claims.named("iss")?.as_str());
    if issuer != Some(tenant.unwrap_or(&inner.issuer)) {
        return Err(bad("its iss is not the issuer"));
    }
    let audience = claims.named("aud");
    let client = inner.client.id.as_str().into();
    if !audience.is_some_and(|aud| matches!(claims::is_for(aud, &[client]), Ok(true))) {
        return Err(bad("its aud is not this client"));
    }
    Ok(payload)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_claims_of_another_user_are_not_used() {
        let id_token = br#"{"sub":"a"}"#;
        assert!(check_subject(id_token, r#"{"sub":"a"}"#).is_ok());
        for other in [
            "{}",
            r#"{"sub":"b"}"#,
            r#"{"sub":null}"#,
            r#"{"sub":["a"]}"#,
            "",
        ] {
            assert!(check_subject(id_token, other).is_err(), "{other}");
        }
    }
}
