//! [`normalize`]: one spelling for a password, however it was typed.

use std::fmt;
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

/// A password in Unicode's composed form, wiped when it is dropped.
///
/// `AsRef<[u8]>` is what [`HashPool::hash`](crate::password::HashPool::hash) and
/// [`HashPool::verify`](crate::password::HashPool::verify) take. `Debug` shows nothing of it.
#[derive(Clone)]
pub struct NormalizedPassword(Zeroizing<String>);

/// Brings a password to the one spelling that is hashed: Unicode's composed form (NFC), as SP
/// 800-63B-4 section 3.1.1.2 and RFC 8265 section 4.2.2 have it.
///
/// The same `é` is one character from one keyboard, and two from another. A password that was set
/// under a [`PasswordPolicy`](crate::password::PasswordPolicy) was hashed in this form, so what is typed at
/// login has to be brought to it as well.
///
/// [`HashPool::verify`](crate::password::HashPool::verify) and [`basic::Users`](crate::basic::Users) do
/// *not* do it: they compare the bytes they get, and the hashes of somebody else's users are of
/// the bytes that these had typed. It makes no difference to ASCII, and hardly any in practice,
/// since most keyboards compose. Whoever imports hashes compares them with the password as it was
/// sent, and stores a hash of the normalised one when they replace it.
///
/// Nothing else is changed: no blanks, no case, no compatibility forms.
#[must_use]
pub fn normalize(password: &str) -> NormalizedPassword {
    // Composed, nothing is longer than three times (UAX 15, section 14); so no copy is left
    // behind by growing.
    let mut normalized = Zeroizing::new(String::with_capacity(password.len().saturating_mul(3)));
    if password.is_ascii() {
        normalized.push_str(password);
    } else {
        normalized.extend(password.nfc());
    }
    NormalizedPassword(normalized)
}

impl NormalizedPassword {
    /// The password itself: to be hashed or compared, and nothing else.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl AsRef<[u8]> for NormalizedPassword {
    fn as_ref(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for NormalizedPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NormalizedPassword")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_the_same_is_the_same_and_nothing_else_is_changed() {
        for (typed, normalized) in [
            ("", ""),
            (" Open\tSesame ", " Open\tSesame "),
            ("cafe\u{301}", "caf\u{e9}"),
            ("caf\u{e9}", "caf\u{e9}"),
            ("\u{1100}\u{1161}\u{11a8}", "\u{ac01}"),
            // The angstrom sign is the letter; the ligature, the full width and the no-break
            // space stay.
            ("\u{212b}", "\u{c5}"),
            ("\u{fb01}\u{ff21}\u{a0}", "\u{fb01}\u{ff21}\u{a0}"),
            // The longest there is for its length.
            ("\u{1d160}", "\u{1d158}\u{1d165}\u{1d16e}"),
        ] {
            assert_eq!(normalize(typed).expose(), normalized);
            assert_eq!(normalize(normalized).expose(), normalized);
        }
        assert_eq!(format!("{:?}", normalize("secret")), "NormalizedPassword");
    }
}
