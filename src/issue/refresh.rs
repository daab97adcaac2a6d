//! The form of refresh tokens: opaque to clients, and known again without a store.
//!
//! `rt_` and 64 bytes in base64url: the family's id (16), a secret (32), and a tag (16) over both
//! under the server's key. The tag tells a token that was issued, spent or not, from one that was
//! made up: only the former may end a family. The first secret of a family is random, and that of
//! a successor is the HMAC of its predecessor, so that a client which has lost the answer gets the
//! same one again, and a family cannot fork.

use crate::{ConfigError, util::random};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use constant_time_eq::constant_time_eq;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

const PREFIX: &str = "rt_";
const ID: usize = 16;
const SECRET: usize = 32;
const TAG: usize = 16;
const ALL: usize = ID + SECRET + TAG;
/// Characters of base64url.
const TEXT: usize = 86;

/// The key under which refresh tokens are tagged and derived.
#[derive(Clone)]
pub(super) struct RefreshKey(Hmac<Sha256>);

/// A refresh token that this issuer has made.
pub(super) struct RefreshToken {
    bytes: Zeroizing<[u8; ALL]>,
}

impl RefreshKey {
    pub(super) const MIN: usize = 32;

    pub(super) fn new(secret: &[u8]) -> Result<Self, ConfigError> {
        if secret.len() < Self::MIN {
            return Err(ConfigError::new(format!(
                "the secret of refresh tokens has {} bytes, at least {} random bytes are needed",
                secret.len(),
                Self::MIN
            )));
        }
        let key = Hmac::new_from_slice(secret);
        key.map(Self)
            .map_err(|error| ConfigError::new("the secret was refused").with_source(error))
    }

    pub(super) fn random() -> Result<Self, ConfigError> {
        Self::new(&*random::bytes::<SECRET>()?)
    }

    /// HMAC for one purpose.
    pub(super) fn mac(&self, purpose: &'static [u8], message: &[u8]) -> [u8; 32] {
        let mut mac = self.0.clone();
        mac.update(purpose);
        mac.update(&[0]);
        mac.update(message);
        mac.finalize().into_bytes().into()
    }

    /// The first token of a new family.
    pub(super) fn first(&self) -> Result<RefreshToken, ConfigError> {
        let id = random::bytes::<ID>()?;
        let secret = random::bytes::<SECRET>()?;
        Ok(self.token(&*id, &*secret))
    }

    /// The one token that takes the place of this one.
    pub(super) fn successor(&self, token: &RefreshToken) -> RefreshToken {
        let secret = Zeroizing::new(self.mac(b"tower-auth refresh successor", &*token.bytes));
        self.token(token.id(), &*secret)
    }

    /// The token, if this key has made it.
    pub(super) fn read(&self, text: &str) -> Option<RefreshToken> {
        let encoded = text.strip_prefix(PREFIX)?;
        if encoded.len() != TEXT {
            return None;
        }
        let mut bytes = Zeroizing::new([0; ALL]);
        let decoded = URL_SAFE_NO_PAD.decode_slice(encoded, &mut bytes[..]);
        if decoded != Ok(ALL) {
            return None;
        }
        let token = RefreshToken { bytes };
        let (body, tag) = token.bytes.split_at_checked(ID + SECRET)?;
        let expected = self.mac(b"tower-auth refresh tag", body);
        constant_time_eq(expected.get(..TAG)?, tag).then_some(token)
    }

    fn token(&self, id: &[u8], secret: &[u8]) -> RefreshToken {
        let mut bytes = Zeroizing::new([0; ALL]);
        let mut body = Zeroizing::new(Vec::with_capacity(ID + SECRET));
        body.extend_from_slice(id);
        body.extend_from_slice(secret);
        let tag = self.mac(b"tower-auth refresh tag", &body);
        let parts = body.iter().chain(tag.iter().take(TAG));
        for (to, from) in bytes.iter_mut().zip(parts) {
            *to = *from;
        }
        RefreshToken { bytes }
    }
}

impl RefreshToken {
    fn id(&self) -> &[u8] {
        self.bytes.get(..ID).unwrap_or_default()
    }

    /// The id of the family, which access tokens carry as `sid`.
    pub(super) fn family(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.id())
    }

    /// By what it is known in a store.
    pub(super) fn digest(&self) -> [u8; 32] {
        Sha256::digest(*self.bytes).into()
    }

    pub(super) fn to_text(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(PREFIX.len() + TEXT));
        text.push_str(PREFIX);
        URL_SAFE_NO_PAD.encode_string(&self.bytes[..], &mut text);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_known_again_by_its_key_only() {
        let key = RefreshKey::random().unwrap();
        let token = key.first().unwrap();
        let text = token.to_text();
        assert_eq!(text.len(), PREFIX.len() + TEXT);
        let again = key.read(&text).unwrap();
        assert_eq!(again.digest(), token.digest());
        assert_eq!(again.family(), token.family());
        assert!(RefreshKey::random().unwrap().read(&text).is_none());
    }

    #[test]
    fn a_changed_token_is_none() {
        let key = RefreshKey::random().unwrap();
        let text = key.first().unwrap().to_text();
        for at in 0..text.len() {
            for to in ["A", "_", "~", "é"] {
                if &text[at..=at] == to {
                    continue;
                }
                let mut changed = text.to_string();
                changed.replace_range(at..=at, to);
                assert!(key.read(&changed).is_none(), "{changed}");
            }
        }
        for other in [
            "",
            "rt_",
            &text[3..],
            &text[..text.len() - 1],
            &format!("{}A", *text),
        ] {
            assert!(key.read(other).is_none(), "{other}");
        }
    }

    #[test]
    fn every_token_has_one_successor_of_its_family() {
        let key = RefreshKey::random().unwrap();
        let first = key.first().unwrap();
        let second = key.successor(&first);
        assert_eq!(second.digest(), key.successor(&first).digest());
        assert_ne!(second.digest(), first.digest());
        assert_ne!(key.successor(&second).digest(), second.digest());
        assert_eq!(second.family(), first.family());
        assert!(key.read(&second.to_text()).is_some());
    }
}
