//! [`Sealer`]: what leaves the server encrypted, and comes back unchanged or not at all.
//!
//! 1. The key is derived by HKDF-SHA-256 (RFC 5869) from the application's secret, for one
//!    purpose, one issuer and one client.
//! 2. The cipher is XChaCha20-Poly1305. Its nonce of 192 bits may be random: no count of cookies
//!    makes two alike.
//! 3. Purpose, name, and when it was made and ends are associated data: what was sealed under one
//!    name is nothing under another.
//! 4. Of several secrets the first seals, and each opens. All are tried.
//! 5. What has ended, or was made in the future, does not open.

use super::Secret;
use crate::{ConfigError, Rejection, util::random};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chacha20poly1305::{
    XChaCha20Poly1305, XNonce,
    aead::{Aead, KeyInit, Payload},
};
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

const VERSION: u8 = 1;
const SALT: &[u8] = b"tower-auth oauth2 1";

/// By how much the clocks of a fleet may differ, in seconds.
const SKEW: u64 = 60;

/// The longest text that is opened, in characters.
const MAX_TEXT: usize = 64 * 1024;

/// Seals for one purpose.
pub(super) struct Sealer {
    purpose: &'static str,
    ciphers: Vec<XChaCha20Poly1305>,
}

/// A value that was unsealed.
pub(super) struct Opened {
    /// In seconds since 1970.
    pub(super) made: u64,
    pub(super) plain: Zeroizing<Vec<u8>>,
}

impl Sealer {
    pub(super) fn new(
        secrets: &[Secret],
        purpose: &'static str,
        issuer: &str,
        client: &str,
    ) -> Result<Self, ConfigError> {
        let ciphers = secrets.iter().map(|secret| {
            let info = super::fields::write(&[purpose, issuer, client].map(str::as_bytes));
            let key = derive(secret.as_bytes(), SALT, &info)?;
            XChaCha20Poly1305::new_from_slice(&*key).ok()
        });
        let ciphers: Option<Vec<_>> = ciphers.collect();
        match ciphers {
            Some(ciphers) if !ciphers.is_empty() => Ok(Self { purpose, ciphers }),
            _ => Err(ConfigError::new(
                "a login needs a secret to encrypt its cookies with: call `secret`",
            )),
        }
    }

    /// As text of base64url.
    pub(super) fn seal(
        &self,
        name: &str,
        plain: &[u8],
        made: u64,
        until: u64,
    ) -> Result<String, Rejection> {
        let nonce = *random::bytes::<24>().map_err(Rejection::unavailable)?;
        let mut head = Vec::with_capacity(plain.len().saturating_add(64));
        head.push(VERSION);
        head.extend_from_slice(&made.to_be_bytes());
        head.extend_from_slice(&until.to_be_bytes());
        let aad = self.associated(name, &head);
        let payload = Payload {
            msg: plain,
            aad: &aad,
        };
        let cipher = self.ciphers.first();
        let sealed = cipher.and_then(|cipher| cipher.encrypt(&XNonce::from(nonce), payload).ok());
        let sealed = sealed.ok_or_else(|| Rejection::unavailable("cannot encrypt"))?;
        head.extend_from_slice(&nonce);
        head.extend_from_slice(&sealed);
        Ok(URL_SAFE_NO_PAD.encode(head))
    }

    /// `None` if it was sealed by nobody here, under another name, or is over.
    pub(super) fn open(&self, name: &str, text: &[u8], now: u64) -> Option<Opened> {
        self.decrypt(name, text, |made, until| {
            now < until && made <= now.saturating_add(SKEW)
        })
    }

    /// Returns whether the text was sealed here under this name, whether or not it has expired.
    pub(super) fn is_own(&self, name: &str, text: &[u8]) -> bool {
        self.decrypt(name, text, |_, _| true).is_some()
    }

    fn decrypt(
        &self,
        name: &str,
        text: &[u8],
        counts: impl FnOnce(u64, u64) -> bool,
    ) -> Option<Opened> {
        if text.len() > MAX_TEXT {
            return None;
        }
        let sealed = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (head, rest) = sealed.split_first_chunk::<17>()?;
        let (nonce, ciphertext) = rest.split_first_chunk::<24>()?;
        let (version, times) = head.split_first()?;
        let (made, until) = times.split_first_chunk()?;
        let (made, until) = (u64::from_be_bytes(*made), super::fields::number(until)?);
        if *version != VERSION || !counts(made, until) {
            return None;
        }
        let aad = self.associated(name, head);
        let nonce = XNonce::from(*nonce);
        let open = |cipher: &XChaCha20Poly1305| {
            let payload = Payload {
                msg: ciphertext,
                aad: &aad,
            };
            cipher.decrypt(&nonce, payload).ok()
        };
        let plain = self.ciphers.iter().find_map(open)?;
        Some(Opened {
            made,
            plain: Zeroizing::new(plain),
        })
    }

    fn associated(&self, name: &str, head: &[u8]) -> Vec<u8> {
        super::fields::write(&[self.purpose.as_bytes(), name.as_bytes(), head]).to_vec()
    }
}

/// HKDF-SHA-256 (RFC 5869) of one block. What is extracted is wiped.
fn derive(secret: &[u8], salt: &[u8], info: &[u8]) -> Option<Zeroizing<[u8; 32]>> {
    let (extracted, hkdf) = Hkdf::<Sha256>::extract(Some(salt), secret);
    drop(Zeroizing::new(<[u8; 32]>::from(extracted)));
    let mut key = Zeroizing::new([0; 32]);
    hkdf.expand(info, &mut *key).ok()?;
    Some(key)
}

/// Returns 256 random bits as 43 characters of base64url.
pub(super) fn random_text() -> Result<String, Rejection> {
    let bytes = random::bytes::<32>().map_err(Rejection::unavailable)?;
    Ok(URL_SAFE_NO_PAD.encode(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sealer(secrets: &[u8], purpose: &'static str, client: &str) -> Sealer {
        let secrets: Vec<_> = secrets
            .iter()
            .map(|byte| Secret::new([*byte; 32]).unwrap())
            .collect();
        Sealer::new(&secrets, purpose, "https://a.example", client).unwrap()
    }

    fn opens(sealer: &Sealer, name: &str, text: &str, now: u64) -> bool {
        sealer.open(name, text.as_bytes(), now).is_some()
    }

    proptest! {
        #[test]
        fn what_was_sealed_opens(plain: Vec<u8>) {
            let sealer = sealer(&[1], "p", "c");
            let text = sealer.seal("n", &plain, 100, 200).unwrap();
            let opened = sealer.open("n", text.as_bytes(), 150).unwrap();
            prop_assert_eq!((opened.made, &*opened.plain), (100, &plain));
        }

        #[test]
        fn nothing_else_opens(text: Vec<u8>, now: u64) {
            prop_assert!(sealer(&[1], "p", "c").open("n", &text, now).is_none());
        }
    }

    #[test]
    fn a_text_flipped_in_any_bit_does_not_open() {
        let sealer = sealer(&[1], "p", "c");
        let text = sealer.seal("n", b"who it is", 100, 200).unwrap();
        for i in 0..text.len() {
            for bit in 0..8 {
                let mut flipped = text.clone().into_bytes();
                flipped[i] ^= 1 << bit;
                assert!(sealer.open("n", &flipped, 150).is_none(), "{i} {bit}");
            }
        }
        for end in 0..text.len() {
            assert!(!opens(&sealer, "n", &text[..end], 150), "{end}");
        }
        assert!(!opens(&sealer, "n", &format!("{text}A"), 150));
    }

    #[test]
    fn a_text_counts_for_one_name_purpose_client_and_time() {
        let sealed = sealer(&[1], "p", "c");
        let text = sealed.seal("n", b"x", 100, 200).unwrap();
        assert!(opens(&sealed, "n", &text, 199));
        assert!(!opens(&sealed, "m", &text, 199));
        assert!(!opens(&sealed, "n", &text, 200));
        assert!(opens(&sealed, "n", &text, 40));
        assert!(!opens(&sealed, "n", &text, 39));
        assert!(sealed.is_own("n", text.as_bytes()) && !sealed.is_own("m", text.as_bytes()));
        for other in [
            sealer(&[1], "q", "c"),
            sealer(&[1], "p", "d"),
            sealer(&[2], "p", "c"),
        ] {
            assert!(!opens(&other, "n", &text, 199));
        }
    }

    #[test]
    fn a_new_secret_seals_and_the_old_one_still_opens() {
        let (old, both) = (sealer(&[1], "p", "c"), sealer(&[2, 1], "p", "c"));
        assert!(opens(&both, "n", &old.seal("n", b"", 1, 9).unwrap(), 5));
        assert!(!opens(&old, "n", &both.seal("n", b"", 1, 9).unwrap(), 5));
    }

    /// RFC 5869 appendix A.1, its first block.
    #[test]
    fn a_key_is_derived_as_the_rfc_does() {
        let (salt, info) = (0..13u8, 0xf0..0xfau8);
        let (salt, info): (Vec<_>, Vec<_>) = (salt.collect(), info.collect());
        let expected = "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf";
        let key = derive(&[0x0b; 22], &salt, &info).unwrap();
        assert_eq!(base16ct::lower::encode_string(&*key), expected);
    }
}
