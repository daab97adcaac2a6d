//! [`Session`]: who has logged in, and the provider's tokens of theirs.

use super::{
    LoginError, fields, merge,
    tokens::{Hidden, TokenSet},
};
use crate::{
    Identity, Rejection,
    claims::{
        IdentityPaths, Subject,
        date::{self, Round},
    },
    clock,
    identity::Names,
    json::{Document, Object, Value},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use std::sync::Arc;
use zeroize::Zeroizing;

const NO_CLAIMS: LoginError = LoginError::UserInfo("there are no claims");
const NO_SUBJECT: LoginError = LoginError::UserInfo("there is no subject");

/// One session. Its claims are those of the ID token, which was verified when it came, and those of
/// the user-info endpoint.
#[derive(Clone)]
pub(super) struct Session {
    /// Random.
    pub(super) id: String,
    /// In seconds since 1970, and so are the others.
    pub(super) made: u64,
    /// From when it is over, whatever is refreshed.
    pub(super) ends: u64,
    /// The time of issue of the login's ID token, by the provider's clock. Without OpenID, it
    /// equals `made`.
    pub(super) issued: u64,
    /// The user's name at the provider, also if the application uses another claim as the subject.
    pub(super) sub: String,
    /// The resources that a refresh requests access tokens for (RFC 8707), separated by spaces.
    pub(super) resources: String,
    pub(super) tokens: Arc<TokenSet>,
    pub(super) user_info: Option<String>,
    /// The provider's id of its session. An ID token of a refresh need not repeat it.
    pub(super) sid: Option<String>,
    /// When the user was authenticated for this login, as the login's ID token said. That of a
    /// refresh need not say it again, and does not make it any later.
    pub(super) auth_time: Option<u64>,
}

/// A session after a refresh.
#[derive(Clone)]
pub(super) struct Fresh {
    pub(super) session: Session,
    /// The value of its cookie. All responses get the same value, so that the parts of a session in
    /// several cookies fit together. `None` if the session is in the store, or was not refreshed.
    pub(super) sealed: Option<String>,
}

pub(super) type Outcome = Result<Arc<Fresh>, Rejection>;

/// The configured paths of claims.
pub(super) struct ClaimPaths {
    pub(super) identity: IdentityPaths,
    /// Whether the issuer is the `iss` of the ID token, which has been verified.
    pub(super) issuer_is_a_tenants: bool,
}

impl Session {
    /// Stores the claims about the login as they were at its time. A user-info response does not
    /// say anything about the authentication (OpenID Connect Core section 5.1), and may hold
    /// members that users edit.
    pub(super) fn of_its_login(mut self, paths: &ClaimPaths) -> Result<Self, LoginError> {
        let payload = self.payload().ok_or(NO_CLAIMS)?;
        let claims = Document::read(&payload).map_err(|_| NO_CLAIMS)?;
        self.sub = name_of_user(paths, &claims)?;
        if self.tokens.id.is_some() {
            let date = |name| date::read(claims.named(name)?, Round::Down);
            self.auth_time = date("auth_time");
            self.issued = date("iat").unwrap_or(self.made).min(clock::LAST_SECOND);
            self.sid = sid(&claims);
        }
        Ok(self)
    }

    pub(super) fn write(&self) -> Zeroizing<Vec<u8>> {
        let tokens = &self.tokens;
        let number = |number: Option<u64>| number.map(u64::to_be_bytes);
        let times = [tokens.expires_at, tokens.lifetime, self.auth_time].map(number);
        let [expires, lifetime, authenticated] = times
            .each_ref()
            .map(|time| time.as_ref().map_or(&[][..], |seconds| seconds));
        fields::write(&[
            self.id.as_bytes(),
            &self.made.to_be_bytes(),
            &self.ends.to_be_bytes(),
            &self.issued.to_be_bytes(),
            self.sub.as_bytes(),
            self.resources.as_bytes(),
            tokens.access_token().as_bytes(),
            expires,
            lifetime,
            tokens.refresh_token().unwrap_or_default().as_bytes(),
            tokens.id_token().unwrap_or_default().as_bytes(),
            self.user_info.as_deref().unwrap_or_default().as_bytes(),
            self.sid.as_deref().unwrap_or_default().as_bytes(),
            authenticated,
        ])
    }

    pub(super) fn read(plain: &[u8]) -> Option<Self> {
        let [
            id,
            made,
            ends,
            issued,
            sub,
            resources,
            access,
            expires,
            lifetime,
            refresh,
            id_token,
            user_info,
            sid,
            auth_time,
        ] = fields::read(plain)?;
        let hidden = |field: &[u8]| {
            let text = fields::text(field)?;
            Some((!text.is_empty()).then(|| Hidden::new(text)))
        };
        let optional = |field| {
            let text = fields::text(field)?;
            Some((!text.is_empty()).then(|| text.to_owned()))
        };
        Some(Self {
            id: fields::text(id)?.to_owned(),
            made: fields::number(made)?,
            ends: fields::number(ends)?,
            issued: fields::number(issued)?,
            sub: fields::text(sub)?.to_owned(),
            resources: fields::text(resources)?.to_owned(),
            tokens: Arc::new(TokenSet {
                access: hidden(access)?.unwrap_or_default(),
                refresh: hidden(refresh)?,
                id: hidden(id_token)?,
                expires_at: seconds(expires)?,
                lifetime: seconds(lifetime)?,
            }),
            user_info: optional(user_info)?,
            sid: optional(sid)?,
            auth_time: seconds(auth_time)?,
        })
    }

    /// Returns the claims of the ID token.
    pub(super) fn id_claims(&self) -> Option<Vec<u8>> {
        let payload = self.tokens.id_token()?.split('.').nth(1)?;
        URL_SAFE_NO_PAD.decode(payload).ok()
    }

    /// Returns the text of all claims.
    fn payload(&self) -> Option<Vec<u8>> {
        match (&self.user_info, self.id_claims()) {
            (Some(claims), None) => Some(claims.clone().into_bytes()),
            (Some(claims), Some(id_token)) => merge::merged(&id_token, claims),
            (None, id_token) => id_token,
        }
    }

    /// Returns the identity of the user, as policies and handlers see it.
    pub(super) fn identity(
        &self,
        issuer: &Arc<str>,
        paths: &ClaimPaths,
    ) -> Result<Identity, Rejection> {
        let payload = self.payload().ok_or(NO_CLAIMS)?;
        let read = Object::parse_with(payload, |claims| identity(self, issuer, paths, claims));
        let (claims, read) = read.map_err(|_| NO_CLAIMS)?;
        let (identity, roles, scopes) = read?;
        Ok(identity.with_claims(claims, roles, scopes))
    }

    /// Returns the session with the tokens of a refresh. Their ID token must be of the same user
    /// and of the same session at the provider (OpenID Connect Core section 12.2); otherwise this
    /// is an error. The issuer has been verified before.
    pub(super) fn with_tokens(
        &self,
        paths: &ClaimPaths,
        tokens: TokenSet,
    ) -> Result<Self, LoginError> {
        let mut fresh = Self {
            tokens: Arc::new(tokens),
            ..self.clone()
        };
        let payload = fresh.payload().ok_or(NO_CLAIMS)?;
        let claims = Document::read(&payload).map_err(|_| NO_CLAIMS)?;
        if name_of_user(paths, &claims)? != self.sub {
            return Err(LoginError::IdToken("the subject is another than before"));
        }
        if fresh.tokens.id.is_none() {
            return Ok(fresh);
        }
        if paths.issuer_is_a_tenants {
            let before = self.payload().ok_or(NO_CLAIMS)?;
            let before = Document::read(&before).map_err(|_| NO_CLAIMS)?;
            let issuer = |claims: &Document<'_>| claims.raw(["iss"]).map(str::to_owned);
            if issuer(&before) != issuer(&claims) {
                return Err(LoginError::IdToken("the tenant is another than before"));
            }
        }
        match (&self.sid, sid(&claims)) {
            (Some(before), Some(after)) if *before != after => {
                return Err(LoginError::IdToken("the session is another than before"));
            }
            // Said late, so that a log-out by it is not missed.
            (None, after) => fresh.sid = after,
            _ => {}
        }
        Ok(fresh)
    }

    /// Returns the nonce of the last ID token.
    pub(super) fn nonce(&self) -> Option<String> {
        let payload = self.payload()?;
        let claims = Document::read(&payload).ok()?;
        let nonce = claims.named("nonce").and_then(Value::as_str);
        nonce.map(str::to_owned)
    }

    /// Returns whether the access token should be refreshed: `before` seconds before its end, or
    /// after three quarters of its lifetime, whichever is later.
    pub(super) fn is_due(&self, now: u64, before: u64) -> bool {
        let tokens = &self.tokens;
        let before = tokens
            .lifetime
            .map_or(before, |seconds| before.min(seconds / 4));
        tokens.refresh.is_some()
            && tokens
                .expires_at
                .is_some_and(|end| now.saturating_add(before) >= end)
    }

    /// Whether the access token is over at this time.
    pub(super) fn is_stale(&self, now: u64) -> bool {
        self.tokens.expires_at.is_some_and(|end| now >= end)
    }
}

/// Returns the provider's name of the user.
fn name_of_user(paths: &ClaimPaths, claims: &Document<'_>) -> Result<String, LoginError> {
    // Read from `sub`, also if the application uses another claim as the subject.
    let own = claims.named("sub").and_then(Value::as_str);
    match own {
        Some(own) => Ok(own.to_owned()),
        None => Ok(subject(paths, claims)?.to_owned()),
    }
}

/// Seconds, or nothing.
fn seconds(field: &[u8]) -> Option<Option<u64>> {
    match field {
        [] => Some(None),
        seconds => fields::number(seconds).map(Some),
    }
}

fn sid(claims: &Document<'_>) -> Option<String> {
    let sid = claims.named("sid").and_then(Value::as_str);
    sid.filter(|sid| !sid.is_empty()).map(str::to_owned)
}

fn subject<'a>(paths: &ClaimPaths, claims: &'a Document<'_>) -> Result<&'a str, LoginError> {
    match paths.identity.subject(claims) {
        Ok(Subject::User(name)) => Ok(name),
        // Only users sign in.
        Ok(Subject::Client(_)) | Err(_) => Err(NO_SUBJECT),
    }
}

/// Returns the identity without its claims, the roles and the scopes.
fn identity(
    session: &Session,
    issuer: &Arc<str>,
    paths: &ClaimPaths,
    claims: &Document<'_>,
) -> Result<(Identity, Names, Names), LoginError> {
    let roles = paths.identity.roles(claims);
    let roles = roles.map_err(LoginError::ClaimType)?;
    let scopes = paths.identity.scopes(claims);
    let scopes = scopes.map_err(LoginError::ClaimType)?;
    let sid = session.sid.as_ref().unwrap_or(&session.id).clone();
    let tenant = claims.named("iss").and_then(Value::as_str);
    let issuer = match tenant.filter(|_| paths.issuer_is_a_tenants) {
        Some(tenant) => tenant.into(),
        None => Arc::clone(issuer),
    };
    let mut identity = Identity::new(subject(paths, claims)?)
        .with_issuer(issuer)
        .with_expiry(clock::at(session.ends))
        .with_issued_at(clock::at(session.made))
        .with_session_id(sid);
    if let Some(at) = session.auth_time {
        identity = identity.with_authenticated_at(clock::at(at));
    }
    Ok((identity, roles, scopes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session() -> Session {
        Session {
            id: "id".into(),
            made: 1,
            ends: 2,
            issued: 3,
            sub: "alice".into(),
            resources: "https://a.example https://b.example".into(),
            tokens: Arc::new(TokenSet {
                access: Hidden::new("access"),
                refresh: Some(Hidden::new("refresh")),
                id: Some(Hidden::new("e30.e30.x")),
                expires_at: Some(1000),
                lifetime: Some(100),
            }),
            user_info: None,
            sid: Some("s".into()),
            auth_time: Some(7),
        }
    }

    #[test]
    fn a_session_is_read_as_it_was_written() {
        let mut other = session();
        (other.sid, other.auth_time) = (None, None);
        other.user_info = Some("{}".into());
        other.tokens = Arc::new(TokenSet {
            access: Hidden::new("access"),
            refresh: None,
            id: None,
            expires_at: None,
            lifetime: None,
        });
        for session in [session(), other] {
            let plain = session.write();
            let read = Session::read(&plain).unwrap();
            assert_eq!(*read.write(), *plain);
            assert_eq!((read.issued, &*read.sub), (3, "alice"));
            assert_eq!(read.resources, session.resources);
            assert_eq!((read.sid, read.auth_time), (session.sid, session.auth_time));
            for end in 0..plain.len() {
                assert!(Session::read(&plain[..end]).is_none(), "{end}");
            }
        }
    }

    #[test]
    fn a_token_is_due_by_the_setting_or_after_three_quarters_of_its_life() {
        let session = session();
        for (now, before, due) in [
            (989, 10, false),
            (990, 10, true),
            (974, 60, false),
            (975, 60, true),
            (975, 7200, true),
            (999, 0, false),
            (1000, 0, true),
        ] {
            assert_eq!(session.is_due(now, before), due, "{now} {before}");
        }
    }
}
