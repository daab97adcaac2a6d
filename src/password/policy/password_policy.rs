//! [`PasswordPolicy`]: what a new password has to be.

use super::{
    common::COMMON,
    guess,
    normalize::{NormalizedPassword, normalize},
};
use std::{collections::HashSet, error::Error, fmt, sync::Arc};
use zeroize::Zeroizing;

/// The requirements for a password that is set, after NIST SP 800-63B-4 section 3.1.1.2.
///
/// It is long enough, and not one that attackers try first. No rules about what it is composed
/// of, no expiry. In this order:
///
/// 1. It is not empty, has at most 1,024 bytes and no control characters, which Basic cannot
///    carry (RFC 7617 section 2) and nobody means (RFC 8265 section 4.2.2).
/// 2. In Unicode's composed form ([`normalize`]) it has at least 15 characters (Unicode scalar
///    values), what the section asks of a password that is the only factor.
/// 3. It is on no list of common ones, whatever its case: the built-in one, and the
///    application's own.
/// 4. Guessing it takes at least 10^8 attempts by zxcvbn's estimate (score 3), which knows words,
///    names, rows of keys, dates and repetitions, and whatever is known of this user. Only the
///    first 100 characters count, fewer where many could stand for letters. If there are words
///    about the user in it, 8 characters are left without them.
///
/// A check takes some milliseconds, a dozen at most: less than the hash that follows.
///
/// ```
/// use tower_auth::password::{PasswordPolicy, PolicyError};
///
/// let policy = PasswordPolicy::new().with_blocklist(["tower of babel 1"]);
/// let about_me = ["Ada Lovelace", "ada@example.com"];
/// assert!(policy.check(&about_me, "cushion walnut ferry").is_ok());
/// assert_eq!(
///     policy.check(&about_me, "sesame").unwrap_err(),
///     PolicyError::TooShort,
/// );
/// assert_eq!(
///     policy.check(&about_me, "Tower of Babel 1").unwrap_err(),
///     PolicyError::Common,
/// );
/// assert_eq!(
///     policy.check(&about_me, "adalovelace1234").unwrap_err(),
///     PolicyError::Guessable,
/// );
/// ```
#[derive(Clone)]
pub struct PasswordPolicy {
    min_chars: usize,
    min_score: u8,
    blocklist: Arc<HashSet<Box<str>>>,
}

/// Why a password cannot be set. The texts are fixed, and fit to be shown to whoever chose it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PolicyError {
    /// There is none.
    Empty,
    /// It has fewer characters than [`PasswordPolicy::min_chars`].
    TooShort,
    /// It has more than 1,024 bytes.
    TooLong,
    /// It has a control character, such as a line break.
    ControlCharacter,
    /// It is on a list of common passwords.
    Common,
    /// It takes too few attempts to guess.
    Guessable,
}

impl PasswordPolicy {
    /// The policy for passwords that are the only factor.
    #[must_use]
    pub fn new() -> Self {
        Self {
            min_chars: 15,
            min_score: 3,
            blocklist: Arc::new(COMMON.into_iter().map(Into::into).collect()),
        }
    }

    /// Sets how many characters it needs. Default: 15; anything below 8 counts as 8.
    ///
    /// SP 800-63B-4 allows 8 only for passwords that are used with another factor.
    #[must_use]
    pub fn with_min_chars(mut self, min_chars: usize) -> Self {
        self.min_chars = min_chars.max(8);
        self
    }

    /// Sets which of zxcvbn's scores it needs: 0, anything; 1, 10^3 guesses; 2, 10^6; 3, 10^8;
    /// 4, 10^10. Default: 3; anything above 4 counts as 4.
    #[must_use]
    pub fn with_min_score(mut self, min_score: u8) -> Self {
        self.min_score = min_score.min(4);
        self
    }

    /// Adds passwords that are refused, in whatever case: leaked ones, names of the service.
    ///
    /// The whole password is compared, not parts of it. They are kept in memory.
    #[must_use]
    pub fn with_blocklist<I>(mut self, passwords: I) -> Self
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        let folded = passwords
            .into_iter()
            .map(|password| fold(&normalize(password.as_ref())).as_str().into());
        Arc::make_mut(&mut self.blocklist).extend(folded);
        self
    }

    /// Returns the smallest number of characters of a password.
    #[must_use]
    pub fn min_chars(&self) -> usize {
        self.min_chars
    }

    /// The password in the form to be hashed, if it may be set.
    ///
    /// `user_words` is what is known of the user and therefore guessed first: the name, the
    /// e-mail address, the name of the service. The first 16 count, of each 100 characters, as a
    /// whole and in parts.
    ///
    /// # Errors
    ///
    /// Returns the first violation, in the order above.
    pub fn check(
        &self,
        user_words: &[&str],
        password: &str,
    ) -> Result<NormalizedPassword, PolicyError> {
        if password.is_empty() {
            return Err(PolicyError::Empty);
        }
        if password.len() > MAX_BYTES {
            return Err(PolicyError::TooLong);
        }
        if password.chars().any(char::is_control) {
            return Err(PolicyError::ControlCharacter);
        }
        let password = normalize(password);
        if password.expose().len() > MAX_BYTES {
            return Err(PolicyError::TooLong);
        }
        if password.expose().chars().count() < self.min_chars {
            return Err(PolicyError::TooShort);
        }
        if self.blocklist.contains(fold(&password).as_str()) {
            return Err(PolicyError::Common);
        }
        if self.min_score > 0 && guess::score(password.expose(), user_words) < self.min_score {
            return Err(PolicyError::Guessable);
        }
        Ok(password)
    }
}

impl Default for PasswordPolicy {
    fn default() -> Self {
        Self::new()
    }
}

fn fold(password: &NormalizedPassword) -> Zeroizing<String> {
    Zeroizing::new(password.expose().to_lowercase())
}

impl fmt::Debug for PasswordPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasswordPolicy")
            .field("min_chars", &self.min_chars)
            .field("min_score", &self.min_score)
            .field("blocklist", &self.blocklist.len())
            .finish()
    }
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "a password is needed",
            Self::TooShort => "the password is too short",
            Self::TooLong => "the password is too long",
            Self::ControlCharacter => "the password has a control character",
            Self::Common => "the password is one that many people use",
            Self::Guessable => "the password is too easy to guess",
        })
    }
}

impl Error for PolicyError {}

/// Bytes, as typed and as hashed. SP 800-63B-4 asks for at least 64 characters.
const MAX_BYTES: usize = 1024;
