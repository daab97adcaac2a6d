//! The claims: which of them let a token pass, and what an identity takes from them.

use super::{TokenError, cache::Window, known::Known, log};
use crate::{
    ClaimPath, ConfigError,
    claims::{
        self, WrongType,
        date::{self, Round},
        text,
    },
    identity::{Facts, Names, Prepared, Text},
    json::{Found, Number, Object, Reader, Value},
};
use std::{any::Any, sync::Arc};

/// Parses all claims as a type of the application's.
pub(super) type ParseTyped = fn(&str) -> Option<Arc<dyn Any + Send + Sync>>;

/// What a token's claims have to be.
pub(super) struct Rules {
    pub(super) reader: Reader,
    /// `None`: any.
    pub(super) issuer: Option<Arc<str>>,
    /// Empty: any.
    pub(super) audiences: Vec<Box<str>>,
    /// Claims of tokens that named one of them.
    pub(super) good_audiences: Known<()>,
    pub(super) subject: Located,
    /// Whether the application chose the claim of the subject. Such a claim may be a number.
    pub(super) subject_is_chosen: bool,
    pub(super) roles: Option<Located>,
    pub(super) scopes: Located,
    /// In seconds.
    pub(super) leeway: u64,
    pub(super) expiry_is_required: bool,
    /// RFC 9068.
    pub(super) access_token_profile: bool,
    pub(super) typed: Option<ParseTyped>,
}

/// A claim that is read by its name, of every token.
#[derive(Clone, Copy)]
enum Claim {
    Iss,
    Sub,
    Aud,
    Exp,
    Nbf,
    Iat,
    Jti,
    AuthTime,
    ClientId,
    Sid,
    Cnf,
    Events,
}

/// Their names, in that order.
const NAMES: [(Claim, &str); 12] = [
    (Claim::Iss, "iss"),
    (Claim::Sub, "sub"),
    (Claim::Aud, "aud"),
    (Claim::Exp, "exp"),
    (Claim::Nbf, "nbf"),
    (Claim::Iat, "iat"),
    (Claim::Jti, "jti"),
    (Claim::AuthTime, "auth_time"),
    (Claim::ClientId, "client_id"),
    (Claim::Sid, "sid"),
    (Claim::Cnf, "cnf"),
    (Claim::Events, "events"),
];

impl Claim {
    fn name(self) -> &'static str {
        NAMES.get(self as usize).map_or("", |(_, name)| name)
    }
}

const _: () = {
    let (mut rest, mut place) = (NAMES.as_slice(), 0);
    while let Some(((claim, _), behind)) = rest.split_first() {
        assert!(*claim as usize == place, "the order is the same");
        (rest, place) = (behind, place + 1);
    }
};

/// A claim that the application says where to find.
pub(super) struct Located {
    number: Number,
    /// What is within that claim.
    inner: Vec<Box<str>>,
    /// The names of the path, for logs.
    path: String,
}

/// The claims of one token.
#[derive(Clone, Copy)]
struct Claims<'a> {
    payload: &'a Object,
    found: &'a Found,
}

impl<'a> Claims<'a> {
    /// Returns the claim's value, including `null`.
    #[inline(always)]
    fn raw(&self, claim: Claim) -> Option<Value<'a>> {
        self.payload.found(self.found, Number::new(claim as u8))
    }

    #[inline(always)]
    fn get(&self, claim: Claim) -> Option<Value<'a>> {
        claims::present(self.raw(claim))
    }

    /// A string, for an identity to point to.
    #[inline(always)]
    fn text<T: for<'b> From<&'b str>>(&self, claim: Claim) -> Result<Option<Text<T>>, WrongType> {
        match self.found.plain_string(Number::new(claim as u8)) {
            Some(span) => Ok(Some(Text::Claim(span))),
            None => self.other_text(claim),
        }
    }

    #[inline(never)]
    fn other_text<T: for<'b> From<&'b str>>(
        &self,
        claim: Claim,
    ) -> Result<Option<Text<T>>, WrongType> {
        let text = claims::named(claim.name(), self.get(claim).map(text).transpose())?;
        Ok(text.map(|text| Text::of(self.payload, text)))
    }

    /// Returns the string, unless it is empty: an empty string does not name anything that could be
    /// revoked.
    #[inline(always)]
    fn name(&self, claim: Claim) -> Result<Option<Text>, WrongType> {
        let name: Option<Text> = self.text(claim)?;
        Ok(name.filter(|name| match name {
            Text::Own(name) => !name.is_empty(),
            Text::Claim(span) => !span.of(self.payload.as_str()).is_empty(),
        }))
    }

    fn date(&self, claim: Claim, round: Round) -> Result<Option<u64>, WrongType> {
        let date = |value| date::read(value, round).ok_or(WrongType);
        claims::named(claim.name(), self.get(claim).map(date).transpose())
    }

    fn at(&self, located: &Located) -> Option<Value<'a>> {
        let first = self.payload.found(self.found, located.number)?;
        let mut inner = located.inner.iter();
        claims::present(inner.try_fold(first, |value, name| value.named(name)))
    }

    /// Who it is; `None` if nobody is named.
    #[inline(always)]
    fn subject(&self, located: &Located, is_chosen: bool) -> Result<Option<Text>, WrongType> {
        match self.found.plain_string(located.number) {
            Some(span) if located.inner.is_empty() => {
                let is_somebody = claims::is_name(span.of(self.payload.as_str()))?;
                Ok(is_somebody.then_some(Text::Claim(span)))
            }
            _ => self.other_subject(located, is_chosen),
        }
    }

    #[inline(never)]
    fn other_subject(&self, located: &Located, is_chosen: bool) -> Result<Option<Text>, WrongType> {
        let read = match is_chosen {
            true => claims::chosen_subject,
            false => claims::subject,
        };
        let subject = self.at(located).map(read).transpose()?.flatten();
        Ok(subject.map(|subject| Text::of(self.payload, subject)))
    }

    #[inline(always)]
    fn roles(&self, located: &Located) -> Result<Names, WrongType> {
        match self.found.plain_strings(located.number) {
            Some(span) if located.inner.is_empty() => Ok(Names::List(span)),
            _ => self.other_roles(located),
        }
    }

    #[inline(never)]
    fn other_roles(&self, located: &Located) -> Result<Names, WrongType> {
        match self.at(located) {
            Some(roles) => claims::roles(self.payload, roles),
            None => Ok(Names::default()),
        }
    }

    #[inline(always)]
    fn scopes(&self, located: &Located) -> Result<Names, WrongType> {
        match self.found.plain_string(located.number) {
            Some(span) if located.inner.is_empty() => Ok(Names::Words(span)),
            _ => self.other_scopes(located),
        }
    }

    #[inline(never)]
    fn other_scopes(&self, located: &Located) -> Result<Names, WrongType> {
        match self.at(located) {
            Some(scopes) => claims::scopes(self.payload, scopes),
            None => Ok(Names::default()),
        }
    }
}

/// Reads claims; those that are read of every token have the numbers they have here.
pub(super) fn reader() -> Reader {
    Reader::new(&NAMES.map(|(_, name)| name))
}

impl Located {
    pub(super) fn new(path: &ClaimPath, reader: &mut Reader) -> Result<Self, ConfigError> {
        let mut names = path.names();
        let number = names.next().and_then(|first| reader.ask(first));
        let number = number.ok_or(ConfigError::new(
            "the path of a claim has at least one name",
        ))?;
        let inner = names.map(Into::into).collect();
        let path = path.names().collect::<Vec<_>>().join(".");
        Ok(Self {
            number,
            inner,
            path,
        })
    }
}

impl Rules {
    /// Who the token is of, if its claims let it pass at this time; and when they do.
    ///
    /// The token is kept behind them, if it is given.
    #[inline]
    pub(super) fn identity(
        &self,
        payload: Vec<u8>,
        now: u64,
        token: Option<&str>,
    ) -> Result<(Prepared, Window), TokenError> {
        let judge = |payload, found: &_| self.judge(payload, found, now, token);
        let judged = self.reader.read(payload, judge);
        judged.unwrap_or(Err(TokenError::Payload))
    }

    /// The same of claims that were read before.
    #[allow(dead_code, reason = "only a login asks")]
    pub(super) fn identity_again(
        &self,
        payload: Object,
        now: u64,
    ) -> Result<(Prepared, Window), TokenError> {
        let judge = |payload, found: &_| self.judge(payload, found, now, None);
        let judged = self.reader.read_again(payload, judge);
        judged.unwrap_or(Err(TokenError::Payload))
    }

    #[inline(never)]
    fn judge(
        &self,
        mut payload: Object,
        found: &Found,
        now: u64,
        token: Option<&str>,
    ) -> Result<(Prepared, Window), TokenError> {
        let claims = Claims {
            payload: &payload,
            found,
        };
        // Whoever bears the token has yet to prove that a key is theirs (RFC 7800 section 3;
        // RFC 8705 section 3 and RFC 9449 section 6 for access tokens). A `cnf` without a known
        // method, `null` included, may be a binding that was lost on the way.
        if let Some(cnf) = claims.raw(Claim::Cnf) {
            claims::named("cnf", claims::is_confirmation(cnf))?;
            return Err(TokenError::Bound);
        }
        // A security event (RFC 8417 section 2.2) or a logout token (OpenID Connect Back-Channel
        // Logout section 2.4) of the same issuer (RFC 8725 section 2.8). Both have an object there.
        // A value of any other type is a claim of the application's own.
        let events = claims.get(Claim::Events);
        if events.is_some_and(|events| events.members().is_some()) {
            return Err(TokenError::Event);
        }
        self.check_issuer(claims.get(Claim::Iss))?;
        self.check_audience(claims.get(Claim::Aud))?;
        let (expiry, issued_at, window) = self.check_times(claims, now)?;
        if self.access_token_profile {
            check_profile(claims)?;
        }
        let subject = claims.subject(&self.subject, self.subject_is_chosen);
        let subject = claims::named(&self.subject.path, subject)?;
        let subject = subject.ok_or(TokenError::MissingClaim)?;
        let typed = match self.typed {
            Some(parse) => Some(parse(payload.as_str()).ok_or(TokenError::TypedClaims)?),
            None => None,
        };
        let issuer = claims.text(Claim::Iss)?;
        let roles = match &self.roles {
            Some(roles) => claims::named(&roles.path, claims.roles(roles))?,
            None => Names::default(),
        };
        let scopes = claims::named(&self.scopes.path, claims.scopes(&self.scopes))?;
        // `fresh` and `authenticated_within` depend on this claim.
        let authenticated_at = claims.date(Claim::AuthTime, Round::Down)?;
        let authenticated_at = authenticated_at.map(|at| at.saturating_mul(1000));
        // If the name of a token or session cannot be read, it could not be revoked, either.
        let token_id = claims.name(Claim::Jti)?; // RFC 7519 section 4.1.7
        let session_id = claims.name(Claim::Sid)?;
        self.reader.learn(&payload, found);
        if let Some(token) = token {
            payload.keep_behind(token);
        }
        let facts = Facts {
            issuer,
            subject,
            roles,
            scopes,
            expires_at: expiry,
            authenticated_at,
            issued_at,
            token_id,
            session_id,
            claims: Some(payload),
            typed,
            data: None,
        };
        Ok((facts.into(), window))
    }

    /// RFC 7519 section 4.1.1; compared as it stands (RFC 8725 section 3.8).
    fn check_issuer(&self, iss: Option<Value<'_>>) -> Result<(), TokenError> {
        match (&self.issuer, iss) {
            (Some(issuer), Some(iss)) if iss.is_str(issuer) => Ok(()),
            (Some(issuer), Some(iss)) => {
                log::issuer(issuer, &claims::named("iss", text(iss))?);
                Err(TokenError::Issuer)
            }
            (Some(_), None) => Err(TokenError::MissingClaim),
            (None, Some(iss)) => Ok(claims::named("iss", text(iss)).map(drop)?),
            (None, None) => Ok(()),
        }
    }

    /// RFC 7519 section 4.1.3, RFC 8725 section 3.9. The signature has been checked.
    fn check_audience(&self, aud: Option<Value<'_>>) -> Result<(), TokenError> {
        match aud {
            Some(aud) if self.good_audiences.get(aud.text().as_bytes()).is_some() => Ok(()),
            Some(aud) => match claims::named("aud", claims::is_for(aud, &self.audiences))? {
                true => {
                    self.good_audiences.remember(aud.text().as_bytes(), ());
                    Ok(())
                }
                false => {
                    log::audience(&self.audiences, aud.text());
                    Err(TokenError::Audience)
                }
            },
            None if self.audiences.is_empty() => Ok(()),
            None => Err(TokenError::MissingClaim),
        }
    }

    /// RFC 7519 sections 4.1.4 to 4.1.6; gives the expiry, `iat`, and when all of it is so.
    fn check_times(
        &self,
        claims: Claims<'_>,
        now: u64,
    ) -> Result<(Option<u64>, Option<u64>, Window), TokenError> {
        let expiry = claims.date(Claim::Exp, Round::Down)?;
        let mut window = Window {
            from: 0,
            until: u64::MAX,
        };
        match expiry {
            Some(expiry) => window.until = expiry.saturating_add(self.leeway),
            None if self.expiry_is_required => return Err(TokenError::MissingClaim),
            None => {}
        }
        if now >= window.until && expiry.is_some() {
            return Err(TokenError::Expired);
        }
        let not_before = claims.date(Claim::Nbf, Round::Up)?;
        let issued_at = claims.get(Claim::Iat).map(date::read_both);
        let issued_at = issued_at.map(|iat| iat.ok_or(WrongType)).transpose();
        let issued_at = claims::named("iat", issued_at)?;
        // The RFC asks no check of `iat`; a token from the future has a wrong date nevertheless.
        for start in [not_before, issued_at.map(|(_, up)| up)] {
            let start = start.unwrap_or_default();
            window.from = window.from.max(start.saturating_sub(self.leeway));
        }
        if now < window.from {
            return Err(TokenError::NotYetValid);
        }
        Ok((expiry, issued_at.map(|(down, _)| down), window))
    }
}

/// What RFC 9068 section 2.2 requires of an access token, by the types of RFC 7519 and RFC 8693.
///
/// The types of all these claims except `client_id`, `sub` and `jti` have been checked already.
fn check_profile(claims: Claims<'_>) -> Result<(), TokenError> {
    use Claim::{Aud, ClientId, Exp, Iat, Iss, Jti, Sub};
    let required = [Iss, Exp, Aud, Iat];
    if required.iter().any(|&claim| claims.get(claim).is_none()) {
        return Err(TokenError::MissingClaim);
    }
    // An empty string is not a name: a revocation of the `jti` "" would end every such token.
    for claim in [ClientId, Sub, Jti] {
        let name = claims.get(claim).ok_or(TokenError::MissingClaim)?;
        let name = claims::named(claim.name(), text(name))?;
        if name.is_empty() {
            return Err(TokenError::MissingClaim);
        }
    }
    Ok(())
}
