//! [`FixedTokens`]: opaque tokens in memory.

use super::{MAX_TOKEN_SIZE, Token, syntax};
use crate::{
    ConfigError, Identity, Rejection, Verdict, Verify,
    clock::{self, Clock, SystemClock},
    error::fail_if,
    util::{
        digest::{Digest, DigestMap, Ends, MIN_SECRET},
        lanes::Lanes,
    },
};
use std::{fmt, sync::Arc};

/// Opaque tokens that are fixed at start-up: a verifier for [`Bearer`](super::Bearer).
///
/// They suit a service with few callers, which get their tokens out of band. Tokens are found by
/// their SHA-256 digest and are not kept themselves. For tokens that change at run time, use
/// [API keys](crate::api_key). A token is rejected from the [expiry](Identity::with_expiry) of its
/// identity on. Clones share the tokens.
///
/// ```
/// use tower_auth::{ConfigError, Identity, bearer::{Bearer, FixedTokens}};
///
/// # let from_the_environment = "c2VjcmV0LXNlY3JldC1zZWNyZXQ";
/// let tokens = FixedTokens::new([
///     (from_the_environment, Identity::new("prometheus").with_scope("metrics:read")),
/// ])?;
/// let scheme = Bearer::new(tokens);
/// # let _ = scheme;
/// # Ok::<(), ConfigError>(())
/// ```
#[derive(Clone)]
pub struct FixedTokens {
    tokens: Arc<DigestMap<Record>>,
    clock: Arc<dyn Clock>,
}

struct Record {
    identity: Identity,
    /// The identity with a reference count of the lane's own.
    own: Lanes<Identity>,
    ends: Ends,
}

impl FixedTokens {
    /// Creates a verifier for these tokens, each with the identity of its requests.
    ///
    /// # Errors
    ///
    /// If a token is shorter than 22 characters (too few for 128 bits), longer than 16 KiB, not
    /// a `b64token` (RFC 6750 section 2.1), or there twice; or if a subject is empty.
    pub fn new(
        tokens: impl IntoIterator<Item = (impl AsRef<str>, Identity)>,
    ) -> Result<Self, ConfigError> {
        let mut all = DigestMap::default();
        for (token, identity) in tokens {
            let digest = digest(token.as_ref())?;
            fail_if!(identity.subject().is_empty(), "a token needs a subject");
            let record = Record {
                ends: Ends::of(identity.expires_at()),
                identity: identity.without_request(),
                own: Lanes::default(),
            };
            fail_if!(
                all.insert(digest, record).is_some(),
                "this token is there already"
            );
        }
        Ok(Self {
            tokens: Arc::new(all),
            clock: Arc::new(SystemClock),
        })
    }

    /// Sets the clock that decides about expiry, for this handle and the clones made of it; the
    /// system's by default.
    #[must_use]
    pub fn with_clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    fn check(&self, token: &Token) -> Result<Identity, Rejection> {
        let Some(record) = self.tokens.get(&Digest(token.digest())) else {
            return Err(Rejection::invalid().with_source("there is no such token"));
        };
        if record.ends.is_over(|| clock::now(&*self.clock)) {
            return Err(Rejection::invalid().with_source("the token has expired"));
        }
        let own = record.own.own(|| record.identity.unshared());
        Ok(own.clone())
    }
}

fn digest(token: &str) -> Result<Digest, ConfigError> {
    fail_if!(
        token.len() < MIN_SECRET,
        "a token shorter than 22 characters can be guessed"
    );
    fail_if!(
        token.len() > MAX_TOKEN_SIZE || !syntax::is_b64token(token.as_bytes()),
        "a token is at most 16 KiB of letters, digits and -._~+/, and may end in = (RFC 6750 section 2.1)"
    );
    Ok(Digest(Token::new(token).digest()))
}

impl Verify<Token> for FixedTokens {
    fn verify(&self, token: Token) -> Verdict<Identity> {
        Verdict::ready(self.check(&token))
    }
}

impl fmt::Debug for FixedTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FixedTokens({} tokens)", self.tokens.len())
    }
}
