//! ID tokens: what a login, a refresh and a log-out by the provider are told.
//!
//! An ID token is verified in this order (OpenID Connect Core section 3.1.3.7):
//!
//! 1. Its signature, by a key that the issuer publishes; it says it is a `JWT`, or nothing.
//! 2. `iss` is the issuer, or that of an allowed [tenant](super::tenants), `aud` is or holds this client, `exp` and `iat` are there and good.
//! 3. Of several audiences the token names this client as `azp`; an `azp` is this client.
//! 4. `nonce` is the one of this login.
//! 5. `at_hash`, where present, is that of the access token (section 3.1.3.6).
//! 6. `auth_time` is not in the future. If `max_age` was requested, `auth_time` must be present and
//!    recent enough.
//!
//! After a refresh (section 12.2) the subject is the same as before, and so is `sid`, if it is
//! there, and `nonce`. Logout tokens are verified by Back-Channel Logout section 2.6.

use super::{LoginError, tenants::Tenants};
use crate::{
    Rejection,
    claims::{
        self,
        date::{self, Round},
    },
    json::{Document, Value},
    jwt::{
        Algorithm, JwtVerifier,
        signed::{Kind, Signed},
    },
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use constant_time_eq::constant_time_eq;
use sha2::{Digest, Sha256, Sha384, Sha512};

/// The expected values of a token.
pub(super) struct Expected<'a> {
    pub(super) client: &'a str,
    /// If there are tenants, `iss` is that of one of them.
    pub(super) tenants: Option<&'a Tenants>,
    pub(super) access_token: &'a str,
    pub(super) nonce: Nonce<'a>,
    /// In seconds.
    pub(super) max_age: Option<u64>,
    pub(super) leeway: u64,
    pub(super) now: u64,
}

/// The `nonce` that is expected.
pub(super) enum Nonce<'a> {
    /// The claim must be present and have this value.
    Is(&'a str),
    /// The rule for a refresh (OpenID Connect Core section 12.2). If the claim is present, it must
    /// be that of the previous token, if the previous token had one.
    AsBefore(Option<&'a str>),
}

fn bad(why: &'static str) -> Rejection {
    LoginError::IdToken(why).into()
}

/// Verifies an ID token. Returns its claims.
pub(super) async fn verify(
    jwt: &JwtVerifier,
    token: &str,
    expected: &Expected<'_>,
) -> Result<Vec<u8>, Rejection> {
    let Signed { payload, algorithm } = jwt.signed(token, Kind::Id).await.map_err(own)?;
    let claims = Document::read(&payload).map_err(|_| bad("the payload"))?;
    check(&claims, algorithm, expected).map_err(bad)?;
    jwt.check_claims(payload.clone())
        .map(|_| payload)
        .map_err(|error| bad("a registered claim").with_source(error))
}

/// An outage stays one; whatever else is wrong is the provider's token.
fn own(rejection: Rejection) -> Rejection {
    match rejection.kind() {
        crate::RejectionKind::Unavailable => {
            rejection.with_detail("signing in is not possible now")
        }
        _ => rejection.with_detail("the sign-in failed"),
    }
}

fn check(
    claims: &Document<'_>,
    algorithm: Algorithm,
    expected: &Expected<'_>,
) -> Result<(), &'static str> {
    let claim = |name| claims::present(claims.named(name));
    if let Some(tenants) = expected.tenants {
        tenants.check(claims)?;
    }
    if claim("iat").is_none() {
        return Err("there is no iat");
    }
    let several = claims
        .named("aud")
        .and_then(Value::elements)
        .is_some_and(|audiences| audiences.len() > 1);
    match claim("azp") {
        Some(azp) if azp.is_str(expected.client) => {}
        Some(_) => return Err("azp is another client"),
        None if several => return Err("there are several audiences and no azp"),
        None => {}
    }
    let nonce = claim("nonce");
    let is = |expected: &str| {
        let nonce = nonce.and_then(Value::as_str);
        nonce.is_some_and(|nonce| constant_time_eq(expected.as_bytes(), nonce.as_bytes()))
    };
    let is_same = match expected.nonce {
        Nonce::Is(expected) => is(expected),
        Nonce::AsBefore(Some(before)) => nonce.is_none() || is(before),
        Nonce::AsBefore(None) => true,
    };
    if !is_same {
        return Err("nonce is another");
    }
    if let Some(hash) = claim("at_hash") {
        let own = at_hash(algorithm, expected.access_token);
        if !hash.is_str(&own) {
            return Err("at_hash is of another access token");
        }
    }
    let at = claim("auth_time");
    let at = at.map(|at| date::read(at, Round::Down));
    if at.flatten() > Some(expected.now.saturating_add(expected.leeway)) {
        return Err("auth_time is in the future");
    }
    if let Some(max_age) = expected.max_age {
        let at = at.ok_or("there is no auth_time")?;
        let at = at.ok_or("auth_time is no date")?;
        let until = at.saturating_add(max_age).saturating_add(expected.leeway);
        if expected.now > until {
            return Err("the user was authenticated too long ago");
        }
    }
    Ok(())
}

/// The left half of the hash that belongs to the signature's algorithm.
fn at_hash(algorithm: Algorithm, token: &str) -> String {
    let token = token.as_bytes();
    let hash = match algorithm {
        Algorithm::HS384 | Algorithm::RS384 | Algorithm::PS384 | Algorithm::ES384 => {
            Sha384::digest(token).to_vec()
        }
        // Ed25519 hashes by SHA-512 (RFC 8032 section 5.1).
        Algorithm::HS512 | Algorithm::RS512 | Algorithm::PS512 | Algorithm::EdDSA => {
            Sha512::digest(token).to_vec()
        }
        _ => Sha256::digest(token).to_vec(),
    };
    let (half, _) = hash.split_at(hash.len() / 2);
    URL_SAFE_NO_PAD.encode(half)
}

/// The claims of a logout token, which select the sessions to end.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct LogoutToken {
    pub(super) id: String,
    pub(super) subject: Option<String>,
    pub(super) session: Option<String>,
    /// The time of issue, by the provider's clock.
    pub(super) issued: u64,
}

const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// For how long after it was made a logout token is taken, in seconds, and beyond its `exp` never.
pub(super) const LOGOUT_AGE: u64 = 300;

/// Verifies a logout token (Back-Channel Logout section 2.6).
pub(super) async fn verify_logout(
    jwt: &JwtVerifier,
    token: &str,
    issuer: &str,
    client: &str,
    leeway: u64,
    now: u64,
) -> Result<LogoutToken, Rejection> {
    let Signed { payload, .. } =
        jwt.signed(token, Kind::Logout)
            .await
            .map_err(|rejection| match rejection.kind() {
                crate::RejectionKind::Unavailable => rejection,
                _ => LoginError::LogoutToken("its signature or form").into(),
            })?;
    Document::read(&payload)
        .map_err(|_| "the payload")
        .and_then(|claims| check_logout(&claims, issuer, client, leeway, now))
        .map_err(|why| LoginError::LogoutToken(why).into())
}

fn check_logout(
    claims: &Document<'_>,
    issuer: &str,
    client: &str,
    leeway: u64,
    now: u64,
) -> Result<LogoutToken, &'static str> {
    if !claims.named("iss").is_some_and(|iss| iss.is_str(issuer)) {
        return Err("iss is another issuer");
    }
    let audience = claims.named("aud").ok_or("there is no aud")?;
    if !matches!(claims::is_for(audience, &[client.into()]), Ok(true)) {
        return Err("aud is another client");
    }
    let claim = |name| claims::present(claims.named(name));
    let date = |name, round| match claim(name) {
        None => Ok(None),
        Some(value) => date::read(value, round).map(Some).ok_or("a date is none"),
    };
    let made = date("iat", Round::Up)?.ok_or("there is no iat")?;
    if made > now.saturating_add(leeway) {
        return Err("iat is in the future");
    }
    // `exp` is required since errata 1; what is older has `iat` only.
    let until = date("exp", Round::Down)?.unwrap_or(u64::MAX);
    let until = until.min(made.saturating_add(LOGOUT_AGE));
    if now >= until.saturating_add(leeway) {
        return Err("it has expired");
    }
    let is_logout = claims
        .named("events")
        .and_then(|events| events.named(EVENT));
    if is_logout.is_none_or(|event| event.members().is_none()) {
        return Err("events does not say that it is one");
    }
    // The claim is forbidden (section 2.4), also if it is `null`.
    if claims.named("nonce").is_some() {
        return Err("it has a nonce");
    }
    let text = |name| match claim(name) {
        None => Ok(None),
        Some(value) => match value.as_str() {
            Some(text) if !text.is_empty() => Ok(Some(text.to_owned())),
            _ => Err("a name is none"),
        },
    };
    let token = LogoutToken {
        id: text("jti")?.ok_or("there is no jti")?,
        subject: text("sub")?,
        session: text("sid")?,
        issued: made,
    };
    match (&token.subject, &token.session) {
        (None, None) => Err("it names neither subject nor session"),
        _ => Ok(token),
    }
}

#[cfg(test)]
mod tests;
