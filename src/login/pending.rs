//! Logins under way: one sealed cookie each, so that any server of a fleet takes the callback, and
//! several tabs can sign in at once.

use super::{AuthRequest, LoginError, cookies, fields, seal, state::Inner, tokens::Hidden};
use crate::{Rejection, clock};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use constant_time_eq::constant_time_eq;
use http::{HeaderMap, HeaderValue, header::COOKIE};
use sha2::{Digest, Sha256};
use std::cmp::Reverse;

/// For how long a login may be under way, in seconds.
pub(super) const LIFETIME: u64 = 600;

/// The largest number of logins that one browser may have under way.
const MAX: usize = 5;

/// The largest total length of the cookies, in bytes. Many servers read 8 KiB of one field.
const MAX_BYTES: usize = 6000;

/// The largest total length of a request's cookies with which more than one login is kept. hyper
/// reads 16 KiB of header fields over HTTP/2. Beyond that it answers 431, also to a log-out.
const MAX_FIELD: usize = 14_500;

/// One login under way.
pub(super) struct Pending {
    pub(super) state: String,
    pub(super) nonce: String,
    /// PKCE's (RFC 7636 section 4.1).
    pub(super) verifier: Hidden,
    /// Checked already.
    pub(super) return_to: String,
    pub(super) max_age: Option<u64>,
    /// Separated by spaces.
    pub(super) resources: String,
    /// Whether the provider must not ask the user.
    pub(super) silent: bool,
}

impl Pending {
    pub(super) fn new(return_to: String, request: &AuthRequest) -> Result<Self, Rejection> {
        Ok(Self {
            state: seal::random_text()?,
            nonce: seal::random_text()?,
            verifier: Hidden::new(seal::random_text()?),
            return_to,
            max_age: request.max_age,
            resources: request.resources.join(" "),
            silent: request.prompt.as_deref() == Some("none"),
        })
    }

    /// RFC 7636 section 4.2.
    pub(super) fn challenge(&self) -> String {
        challenge(&self.verifier.0)
    }

    /// Returns the cookie, and clears the cookies of other logins that exceed the number or the
    /// length.
    pub(super) fn cookies(
        &self,
        inner: &Inner,
        headers: &HeaderMap,
        by_form: bool,
    ) -> Result<Vec<HeaderValue>, Rejection> {
        let now = clock::now(&*inner.clock);
        let name = name(inner, &self.state);
        let max_age = self.max_age.map(u64::to_be_bytes);
        let plain = fields::write(&[
            self.state.as_bytes(),
            self.nonce.as_bytes(),
            self.verifier.0.as_bytes(),
            self.return_to.as_bytes(),
            max_age.as_ref().map_or(&[], |seconds| seconds),
            self.resources.as_bytes(),
            &[u8::from(self.silent)],
        ]);
        let until = now.saturating_add(LIFETIME);
        let sealed = inner.pending.seal(&name, &plain, now, until)?;
        let length = name.len().saturating_add(sealed.len());
        let mut set = old(inner, headers, now, length);
        set.extend(match by_form {
            true => inner.jar.set_for_forms(&name, &sealed, LIFETIME),
            false => inner.jar.set(&name, &sealed, LIFETIME),
        });
        Ok(set)
    }

    /// The login that this state belongs to, and its cookie's end.
    pub(super) fn take(
        inner: &Inner,
        headers: &HeaderMap,
        state: &str,
    ) -> Result<(Self, Option<HeaderValue>), LoginError> {
        let now = clock::now(&*inner.clock);
        let name = name(inner, state);
        let value = cookies::one(headers, &name).ok_or(LoginError::State)?;
        let opened = inner.pending.open(&name, value, now);
        let opened = opened.ok_or(LoginError::State)?;
        let pending = Self::read(&opened.plain).ok_or(LoginError::State)?;
        match constant_time_eq(pending.state.as_bytes(), state.as_bytes()) {
            true => Ok((pending, inner.jar.clear(&name))),
            false => Err(LoginError::State),
        }
    }

    fn read(plain: &[u8]) -> Option<Self> {
        let [
            state,
            nonce,
            verifier,
            return_to,
            max_age,
            resources,
            silent,
        ] = fields::read(plain)?;
        Some(Self {
            state: fields::text(state)?.to_owned(),
            nonce: fields::text(nonce)?.to_owned(),
            verifier: Hidden::new(fields::text(verifier)?),
            return_to: fields::text(return_to)?.to_owned(),
            max_age: match max_age {
                [] => None,
                seconds => Some(fields::number(seconds)?),
            },
            resources: fields::text(resources)?.to_owned(),
            silent: silent == [1],
        })
    }
}

fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(verifier))
}

fn prefix(inner: &Inner) -> String {
    format!("{}-login-", inner.cookie)
}

/// Named after the state, without telling it.
fn name(inner: &Inner, state: &str) -> String {
    let digest = URL_SAFE_NO_PAD.encode(Sha256::digest(state));
    format!("{}{}", prefix(inner), digest.get(..16).unwrap_or_default())
}

/// Clears expired cookies, and the oldest ones, so that there is room for one more of this length.
fn old(inner: &Inner, headers: &HeaderMap, now: u64, length: usize) -> Vec<HeaderValue> {
    let prefix = prefix(inner);
    let mut known: Vec<_> = cookies::all(headers)
        .filter_map(|(name, value)| Some((std::str::from_utf8(name).ok()?, value)))
        .filter(|(name, _)| name.starts_with(&prefix) && crate::rejection::is_token(name))
        .map(|(name, value)| {
            let opened = inner.pending.open(name, value, now);
            let made = opened.map_or(0, |opened| opened.made);
            (Reverse(made), name, name.len().saturating_add(value.len()))
        })
        .collect();
    known.sort_unstable();
    let all = headers.get_all(COOKIE).iter().map(HeaderValue::len);
    let logins = known.iter().map(|(_, _, length)| *length);
    let others = all.sum::<usize>().saturating_sub(logins.sum());
    let most = MAX_BYTES.min(MAX_FIELD.saturating_sub(others));
    let (mut count, mut bytes) = (1usize, length);
    // A cookie that cannot be decrypted has the date 0.
    let over = known.iter().filter(|(made, _, length)| {
        count = count.saturating_add(1);
        bytes = bytes.saturating_add(*length);
        made.0 == 0 || count > MAX || bytes > most
    });
    over.take(32)
        .filter_map(|(_, name, _)| inner.jar.clear(name))
        .collect()
}

/// The end of every login under way that the browser knows of.
pub(super) fn clear_all(inner: &Inner, headers: &HeaderMap) -> Vec<HeaderValue> {
    let prefix = prefix(inner);
    cookies::all(headers)
        .filter_map(|(name, _)| std::str::from_utf8(name).ok())
        .filter(|name| name.starts_with(&prefix) && crate::rejection::is_token(name))
        .take(32)
        .filter_map(|name| inner.jar.clear(name))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7636 appendix B.
    #[test]
    fn a_challenge_is_that_of_the_rfc() {
        assert_eq!(
            challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
        );
    }
}
