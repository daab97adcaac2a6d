//! Tokens of the provider: as they are answered, and as handlers get them.

use super::LoginError;
use crate::{
    claims::date::{self, Round},
    clock,
    json::Document,
};
use std::{fmt, sync::Arc, time::SystemTime};
use zeroize::Zeroizing;

/// A text that is wiped. `Debug` shows its length only.
#[derive(Clone, Default)]
pub(super) struct Hidden(pub(super) Zeroizing<String>);

impl Hidden {
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

/// The tokens that the provider has issued. `Debug` shows no token, and all are wiped.
#[derive(Clone, Debug)]
pub struct TokenSet {
    pub(super) access: Hidden,
    pub(super) refresh: Option<Hidden>,
    pub(super) id: Option<Hidden>,
    /// In seconds since 1970.
    pub(super) expires_at: Option<u64>,
    /// The lifetime for which the token was issued, in seconds.
    pub(super) lifetime: Option<u64>,
}

impl TokenSet {
    /// The access token, for the provider's APIs.
    #[must_use]
    pub fn access_token(&self) -> &str {
        &self.access.0
    }

    /// The refresh token, if there is one.
    #[must_use]
    pub fn refresh_token(&self) -> Option<&str> {
        self.refresh.as_ref().map(|token| token.0.as_str())
    }

    /// The ID token, which has been verified.
    #[must_use]
    pub fn id_token(&self) -> Option<&str> {
        self.id.as_ref().map(|token| token.0.as_str())
    }

    /// When the access token ends, if the provider said so.
    #[must_use]
    pub fn expires_at(&self) -> Option<SystemTime> {
        self.expires_at.map(clock::at)
    }

    /// Reads a response of the token endpoint (RFC 6749 section 5.1). An optional member that is
    /// empty is absent. A missing `token_type` is read as `Bearer`, because some providers leave it
    /// out.
    pub(super) fn read(answer: &[u8], now: u64) -> Result<Self, LoginError> {
        let bad = |why: &'static str| LoginError::provider(why);
        let answer = Document::read(answer).map_err(|_| bad("the tokens are no JSON object"))?;
        let member = |name| {
            let value = answer.named(name)?;
            let is_empty = value.is_null() || value.is_str("");
            (!is_empty).then_some(value)
        };
        let token = |name| match member(name) {
            None => Ok(None),
            Some(value) => match value.as_str() {
                // The characters of a header field, which are those of RFC 6749 appendix A.12.
                Some(text) if is_visible(text) => Ok(Some(Hidden::new(text))),
                _ => Err(bad("a token is not a text of visible ASCII")),
            },
        };
        let access = token("access_token")?.ok_or_else(|| bad("there is no access token"))?;
        // RFC 6749 section 7.1: a token of a type that is not understood must not be used.
        let is_bearer = member("token_type").is_none_or(|kind| {
            kind.as_str()
                .is_some_and(|kind| kind.eq_ignore_ascii_case("bearer"))
        });
        if !is_bearer {
            return Err(bad("the access token is no bearer token"));
        }
        let lifetime = member("expires_in").and_then(|value| match value.as_str() {
            // Some send it as a text.
            Some(text) => text.parse().ok(),
            None => date::read(value, Round::Down),
        });
        // Some providers send 0 for a token that does not expire.
        let lifetime = lifetime.filter(|seconds: &u64| *seconds > 0);
        Ok(Self {
            access,
            refresh: token("refresh_token")?,
            id: token("id_token")?,
            expires_at: lifetime.map(|seconds| now.saturating_add(seconds).min(clock::LAST_SECOND)),
            lifetime,
        })
    }
}

fn is_visible(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// The provider's access token of whoever is calling, for handlers that call its APIs. It is in
/// the request's extensions behind an [`AuthLayer`](crate::AuthLayer) whose
/// [session scheme](super::Login::session) has accepted the request, unless the token has expired.
/// An axum handler takes the token as an argument. If there is no token, the response is 401, so
/// that a browser signs in again.
///
/// `Debug` does not show it.
#[derive(Clone)]
pub struct ProviderToken(pub(super) Arc<TokenSet>);

impl ProviderToken {
    /// The token, for `Authorization: Bearer`. Never to be logged, or sent to a browser.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.access_token()
    }

    /// When it ends, if the provider said so. It is refreshed before that, with the next request.
    #[must_use]
    pub fn expires_at(&self) -> Option<SystemTime> {
        self.0.expires_at()
    }
}

impl fmt::Debug for ProviderToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ProviderToken({} bytes)", self.expose().len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(answer: &str) -> Option<TokenSet> {
        TokenSet::read(answer.as_bytes(), 1000).ok()
    }

    #[test]
    fn an_answer_of_the_token_endpoint_is_read() {
        let tokens = read(
            r#"{"access_token":"a","token_type":"bearer","expires_in":60,"refresh_token":"r","id_token":"i","scope":"x"}"#,
        )
        .unwrap();
        assert_eq!(tokens.access_token(), "a");
        assert_eq!(tokens.refresh_token(), Some("r"));
        assert_eq!(tokens.id_token(), Some("i"));
        assert_eq!(tokens.expires_at, Some(1060));
        let text = format!("{tokens:?} {:?}", ProviderToken(Arc::new(tokens.clone())));
        assert!(!text.contains('"'), "{text}");
        let tokens = read(r#"{"access_token":"a","token_type":"Bearer","expires_in":"60"}"#);
        assert_eq!(tokens.unwrap().expires_at, Some(1060));
        let tokens = read(r#"{"access_token":"a","token_type":"Bearer","refresh_token":null}"#);
        assert_eq!(tokens.unwrap().expires_at, None);
    }

    #[test]
    fn empty_optional_members_are_absent() {
        for answer in [
            r#"{"access_token":"a"}"#,
            r#"{"access_token":"a","token_type":""}"#,
            r#"{"access_token":"a","token_type":null,"expires_in":null,"id_token":null}"#,
            r#"{"access_token":"a","token_type":"BEARER","expires_in":"","refresh_token":"","id_token":""}"#,
            r#"{"access_token":"a","expires_in":0}"#,
            r#"{"access_token":"a","expires_in":"3599.5","scope":["a","b"]}"#,
        ] {
            let tokens = read(answer).unwrap_or_else(|| panic!("{answer}"));
            assert_eq!(tokens.access_token(), "a");
            assert_eq!((tokens.refresh_token(), tokens.id_token()), (None, None));
            assert_eq!(tokens.expires_at, None, "{answer}");
        }
    }

    #[test]
    fn what_is_no_answer_is_refused() {
        for junk in [
            "",
            "[]",
            "{}",
            r#"{"token_type":"Bearer"}"#,
            r#"{"access_token":null,"token_type":"Bearer"}"#,
            r#"{"access_token":"a","token_type":"DPoP"}"#,
            r#"{"access_token":"a","token_type":7}"#,
            r#"{"access_token":"","token_type":"Bearer"}"#,
            r#"{"access_token":7,"token_type":"Bearer"}"#,
            r#"{"access_token":"a\r\nb","token_type":"Bearer"}"#,
            r#"{"access_token":"a","token_type":"Bearer","access_token":"b"}"#,
            r#"{"access_token":"a","token_type":"Bearer","id_token":7}"#,
        ] {
            assert!(read(junk).is_none(), "{junk}");
        }
    }
}
