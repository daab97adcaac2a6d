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
}

impl Session {
    pub(super) fn write(&self) -> Zeroizing<Vec<u8>> {
        let tokens = &self.tokens;
        let expires = tokens.expires_at.map(u64::to_be_bytes);
        fields::write(&[
            self.id.as_bytes(),
            &self.made.to_be_bytes(),
            &self.ends.to_be_bytes(),
            tokens.access_token().as_bytes(),
            expires.as_ref().map_or(&[], |seconds| seconds),
            tokens.refresh_token().unwrap_or_default().as_bytes(),
            tokens.id_token().unwrap_or_default().as_bytes(),
            self.user_info.as_deref().unwrap_or_default().as_bytes(),
        ])
    }

    pub(super) fn read(plain: &[u8]) -> Option<Self> {
        let [
            id,
            made,
            ends,
            access,
            expires,
            refresh,
            id_token,
            user_info,
        ] = fields::read(plain)?;
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
                expires_at: match expires {
                    [] => None,
                    seconds => Some(fields::number(seconds)?),
                },
            }),
            user_info: (!user_info.is_empty()).then(|| user_info.to_owned()),
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
        Object::parse(text, Vec::new()).ok()
    }

    /// Whose it is, as policies and handlers see it.
    pub(super) fn identity(&self, inner: &Inner) -> Result<Identity, Rejection> {
        let claims = self.payload().ok_or(LoginError::UserInfo)?;
        identity(self, inner, claims).map_err(Rejection::from)
    }

    /// What the provider calls the user, and its session, if it says.
    pub(super) fn names(&self, inner: &Inner) -> Option<(String, Option<String>)> {
        let claims = self.payload()?;
        // Whatever the application takes for the subject.
        let own = claims.members().named("sub").and_then(Value::as_str);
        let subject = match own {
            Some(own) => own.into_owned(),
            None => subject(inner, &claims).ok()?.into_owned(),
        };
        let session = claims.members().named("sid").and_then(Value::as_str);
        Some((subject, session.map(Cow::into_owned)))
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

fn subject<'a>(inner: &Inner, claims: &'a Object) -> Result<Cow<'a, str>, LoginError> {
    let value = match &inner.subject {
        Some(path) => claims.at(path),
        None => claims.members().named("sub"),
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
    let members = claims.members();
    let authenticated = members.named("auth_time");
    let authenticated = authenticated.and_then(|at| date::read(at, Round::Down));
    let sid = members.named("sid").and_then(Value::as_str);
    let sid = sid.map_or_else(|| session.id.clone(), Cow::into_owned);
    let mut identity = Identity::new(subject)
        .with_issuer(Arc::clone(&inner.issuer))
        .with_expiry(clock::at(session.ends))
        .with_issued_at(clock::at(session.made))
        .with_session_id(sid);
    if let Some(at) = authenticated {
        identity = identity.with_authenticated_at(clock::at(at));
    }
    Ok(identity.with_claims(claims, roles, scopes))
}
