//! [`Session`]: who has logged in, and the provider's tokens of theirs.

use super::{
    Inner, LoginError, fields,
    tokens::{Hidden, Tokens},
};
use crate::{
    Identity, Rejection,
    claims::{
        self,
        date::{self, Round},
    },
    clock,
    identity::Names,
    json::{Object, Value},
};
use base64_simd::URL_SAFE_NO_PAD;
use std::{borrow::Cow, sync::Arc};
use zeroize::Zeroizing;

/// One session. Its claims are those of the ID token, which was verified when it came, or those
/// of the user-info answer.
#[derive(Clone)]
pub(super) struct Session {
    /// Random.
    pub(super) id: String,
    /// In seconds since 1970, and so are the others.
    pub(super) made: u64,
    /// From when it is over, whatever is refreshed.
    pub(super) ends: u64,
    pub(super) tokens: Arc<Tokens>,
    pub(super) user_info: Option<String>,
    /// What the provider calls its session. An ID token of a refresh need not say it again.
    pub(super) sid: Option<String>,
    /// When the user was authenticated for this login, as the login's ID token said. That of a
    /// refresh need not say it again, and does not make it any later.
    pub(super) auth_time: Option<u64>,
}

impl Session {
    /// Keeps what its claims say about the login, as they were when it came.
    pub(super) fn of_its_login(mut self) -> Self {
        if let Some(claims) = self.payload() {
            let at = claims.value().named("auth_time");
            self.auth_time = at.and_then(|at| date::read(at, Round::Down));
            self.sid = sid(&claims);
        }
        self
    }

    pub(super) fn write(&self) -> Zeroizing<Vec<u8>> {
        let tokens = &self.tokens;
        let expires = tokens.expires_at.map(u64::to_be_bytes);
        let authenticated = self.auth_time.map(u64::to_be_bytes);
        fields::write(&[
            self.id.as_bytes(),
            &self.made.to_be_bytes(),
            &self.ends.to_be_bytes(),
            tokens.access_token().as_bytes(),
            expires.as_ref().map_or(&[], |seconds| seconds),
            tokens.refresh_token().unwrap_or_default().as_bytes(),
            tokens.id_token().unwrap_or_default().as_bytes(),
            self.user_info.as_deref().unwrap_or_default().as_bytes(),
            self.sid.as_deref().unwrap_or_default().as_bytes(),
            authenticated.as_ref().map_or(&[], |seconds| seconds),
        ])
    }

    pub(super) fn read(plain: &[u8]) -> Option<Self> {
        if let Some(before) = fields::read::<8>(plain) {
            // Of an earlier version, which asked the last ID token.
            return Self::of(before).map(Self::of_its_login);
        }
        let [first @ .., sid, auth_time] = fields::read::<10>(plain)?;
        let sid = fields::text(sid)?;
        Some(Self {
            sid: (!sid.is_empty()).then(|| sid.to_owned()),
            auth_time: seconds(auth_time)?,
            ..Self::of(first)?
        })
    }

    fn of(first: [&[u8]; 8]) -> Option<Self> {
        let [
            id,
            made,
            ends,
            access,
            expires,
            refresh,
            id_token,
            user_info,
        ] = first;
        let hidden = |field: &[u8]| {
            let text = fields::text(field)?;
            Some((!text.is_empty()).then(|| Hidden::new(text)))
        };
        let user_info = fields::text(user_info)?;
        Some(Self {
            id: fields::text(id)?.to_owned(),
            made: fields::number(made)?,
            ends: fields::number(ends)?,
            tokens: Arc::new(Tokens {
                access: hidden(access)?.unwrap_or_default(),
                refresh: hidden(refresh)?,
                id: hidden(id_token)?,
                expires_at: seconds(expires)?,
            }),
            user_info: (!user_info.is_empty()).then(|| user_info.to_owned()),
            sid: None,
            auth_time: None,
        })
    }

    fn payload(&self) -> Option<Object> {
        let text = match (&self.user_info, self.tokens.id_token()) {
            (Some(claims), _) => claims.clone().into_bytes(),
            (None, Some(token)) => {
                let payload = token.split('.').nth(1)?;
                URL_SAFE_NO_PAD.decode_to_vec(payload).ok()?
            }
            (None, None) => return None,
        };
        Object::parse(text).ok()
    }

    /// Whose it is, as policies and handlers see it.
    pub(super) fn identity(&self, inner: &Inner) -> Result<Identity, Rejection> {
        let claims = self.payload().ok_or(LoginError::UserInfo)?;
        identity(self, inner, claims).map_err(Rejection::from)
    }

    /// What the provider calls the user.
    pub(super) fn subject(&self, inner: &Inner) -> Option<String> {
        let claims = self.payload()?;
        // Whatever the application takes for the subject.
        let own = claims.value().named("sub").and_then(Value::as_str);
        match own {
            Some(own) => Some(own.into_owned()),
            None => Some(subject(inner, &claims).ok()?.into_owned()),
        }
    }

    /// The session with these tokens of a refresh, if their ID token is of the same user and of
    /// the same session at the provider (OpenID Connect Core section 12.2). That its issuer is
    /// the same is verified before.
    pub(super) fn with_tokens(&self, inner: &Inner, tokens: Tokens) -> Result<Self, LoginError> {
        let mut fresh = Self {
            tokens: Arc::new(tokens),
            ..self.clone()
        };
        if fresh.subject(inner) != self.subject(inner) {
            return Err(LoginError::IdToken("the subject is another than before"));
        }
        match (&self.sid, fresh.payload().as_ref().and_then(sid)) {
            (Some(before), Some(after)) if *before != after => {
                return Err(LoginError::IdToken("the session is another than before"));
            }
            // Said late, so that a log-out by it is not missed.
            (None, after) => fresh.sid = after,
            _ => {}
        }
        Ok(fresh)
    }

    /// Whether the access token should be refreshed by this time.
    pub(super) fn is_due(&self, at: u64) -> bool {
        let tokens = &self.tokens;
        tokens.refresh.is_some() && tokens.expires_at.is_some_and(|end| at >= end)
    }

    /// Whether the access token is over at this time.
    pub(super) fn is_stale(&self, now: u64) -> bool {
        self.tokens.expires_at.is_some_and(|end| now >= end)
    }
}

/// Seconds, or nothing.
fn seconds(field: &[u8]) -> Option<Option<u64>> {
    match field {
        [] => Some(None),
        seconds => fields::number(seconds).map(Some),
    }
}

fn sid(claims: &Object) -> Option<String> {
    let sid = claims.value().named("sid").and_then(Value::as_str);
    sid.filter(|sid| !sid.is_empty()).map(Cow::into_owned)
}

fn subject<'a>(inner: &Inner, claims: &'a Object) -> Result<Cow<'a, str>, LoginError> {
    let value = match &inner.subject {
        Some(path) => claims.at(path),
        None => claims.value().named("sub"),
    };
    let value = value.ok_or(LoginError::UserInfo)?;
    // Some providers number their users.
    if let Some(number) = value.as_number()
        && number.bytes().all(|digit| digit.is_ascii_digit())
    {
        return Ok(number.into());
    }
    let subject = claims::subject(value).map_err(|_| LoginError::UserInfo)?;
    subject.ok_or(LoginError::UserInfo)
}

fn identity(session: &Session, inner: &Inner, claims: Object) -> Result<Identity, LoginError> {
    let wrong = |_| LoginError::IdToken("a claim is of the wrong type");
    let subject = subject(inner, &claims)?.into_owned();
    let at = |path: &Option<_>| path.as_ref().and_then(|path| claims.at(path));
    let roles = at(&inner.roles).map(|roles| claims::roles(&claims, roles));
    let scopes = at(&inner.scopes).map(|scopes| claims::scopes(&claims, scopes));
    let roles = roles
        .transpose()
        .map_err(wrong)?
        .unwrap_or_else(Names::default);
    let scopes = scopes
        .transpose()
        .map_err(wrong)?
        .unwrap_or_else(Names::default);
    let sid = session.sid.as_ref().unwrap_or(&session.id).clone();
    let mut identity = Identity::new(subject)
        .with_issuer(Arc::clone(&inner.issuer))
        .with_expiry(clock::at(session.ends))
        .with_issued_at(clock::at(session.made))
        .with_session_id(sid);
    if let Some(at) = session.auth_time {
        identity = identity.with_authenticated_at(clock::at(at));
    }
    Ok(identity.with_claims(claims, roles, scopes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(claims: &str) -> Session {
        let payload = URL_SAFE_NO_PAD.encode_to_string(claims);
        Session {
            id: "id".into(),
            made: 1,
            ends: 2,
            tokens: Arc::new(Tokens {
                access: Hidden::new("access"),
                refresh: Some(Hidden::new("refresh")),
                id: Some(Hidden::new(format!("e30.{payload}.x"))),
                expires_at: Some(3),
            }),
            user_info: None,
            sid: None,
            auth_time: None,
        }
    }

    #[test]
    fn what_the_login_said_is_kept_whatever_the_last_id_token_says() {
        let mut login = session(r#"{"sub":"a","sid":"s","auth_time":7}"#).of_its_login();
        login.tokens = session(r#"{"sub":"a"}"#).tokens;
        let read = Session::read(&login.write()).unwrap();
        assert_eq!((read.sid.as_deref(), read.auth_time), (Some("s"), Some(7)));
        assert_eq!(*read.write(), *login.write());
        // Where it said nothing.
        let login = session(r#"{"sub":"a","sid":"","auth_time":"x"}"#).of_its_login();
        let read = Session::read(&login.write()).unwrap();
        assert_eq!((read.sid, read.auth_time), (None, None));
    }

    #[test]
    fn a_session_of_an_earlier_version_is_read() {
        let now = session(r#"{"sub":"a","sid":"s","auth_time":7}"#);
        let all: [_; 10] = fields::read(&now.write())
            .map(|all| all.map(<[u8]>::to_vec))
            .unwrap();
        let first: Vec<_> = all.iter().take(8).map(Vec::as_slice).collect();
        let read = Session::read(&fields::write(&first)).unwrap();
        assert_eq!((read.id.as_str(), read.made, read.ends), ("id", 1, 2));
        assert_eq!((read.sid.as_deref(), read.auth_time), (Some("s"), Some(7)));
        for count in [7, 9] {
            let some: Vec<_> = all.iter().take(count).map(Vec::as_slice).collect();
            assert!(Session::read(&fields::write(&some)).is_none());
        }
    }
}
