//! [`PasswordHash`]: an Argon2id hash in its PHC string form.

use super::cost::{Cost, MIN_OUTPUT};
use crate::ConfigError;
use argon2::{Algorithm, Argon2, Version};
use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD as B64};
use constant_time_eq::constant_time_eq;
use std::{fmt, ops::RangeInclusive, str::FromStr, sync::Arc};
use zeroize::Zeroizing;

/// A password as it is stored: hashed with Argon2id, as a PHC string.
///
/// Cloning is cheap. `Debug` shows nothing of it.
///
/// ```
/// use tower_auth::password::PasswordHash;
///
/// let hash = PasswordHash::new("open sesame")?;
/// assert!(hash.as_str().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
/// assert_eq!(PasswordHash::parse(hash.as_str())?.as_str(), hash.as_str());
/// # Ok::<(), tower_auth::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct PasswordHash(Arc<Stored>);

struct Stored {
    text: Zeroizing<String>,
    cost: Cost,
    salt: Vec<u8>,
    output: Zeroizing<Vec<u8>>,
}

impl PasswordHash {
    /// Hashes a password at OWASP's recommended cost (19 MiB, two passes, one lane), with a salt
    /// from the operating system.
    ///
    /// Slow on purpose, and it blocks: for start-up, tools and blocking threads only.
    ///
    /// # Errors
    ///
    /// If the operating system has no random bytes, or no memory.
    pub fn new(password: impl AsRef<[u8]>) -> Result<Self, ConfigError> {
        let cost = Cost::RECOMMENDED;
        let salt = random::<16>()?;
        let output = compute(password.as_ref(), &salt, cost, 32).map_err(|error| {
            ConfigError::new("the password could not be hashed").with_source(error)
        })?;
        Ok(Self::of(cost, salt, output))
    }

    /// Reads a stored hash, such as
    /// `$argon2id$v=19$m=19456,t=2,p=1$gZiV/M1gPc22ElAH/Jh1Hw$CWOrkoo7oJBQ/iyh7uJ0LO2aLEfrHwTWllSAxT0zRno`.
    ///
    /// A hash decides what checking it costs, so that is bounded: at most 256 MiB of memory
    /// (`m=262144`), 16 passes and 16 lanes; 8 to 64 bytes of salt, 16 to 64 of output.
    ///
    /// # Errors
    ///
    /// If it is beyond these bounds, is not in the canonical form, or is of another kind than
    /// Argon2id version 19 (no other is understood yet).
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        if text.len() > MAX_TEXT {
            return Err(ConfigError::new("the password hash is too long"));
        }
        let Some(rest) = text.strip_prefix("$argon2id$") else {
            return Err(ConfigError::new(
                "the password hash is not of a kind understood: it must begin with `$argon2id$`",
            ));
        };
        let Some(rest) = rest.strip_prefix("v=19$") else {
            return Err(ConfigError::new(
                "the password hash is not of Argon2 version 19 (`v=19`)",
            ));
        };
        let hash = Self::read(rest)?;
        // What was read, written again, is the input: no sign, leading zero or stray character
        // has been overlooked.
        if hash.as_str() == text {
            Ok(hash)
        } else {
            Err(not_canonical())
        }
    }

    /// What follows the version: `m=M,t=T,p=P$SALT$OUTPUT`.
    fn read(text: &str) -> Result<Self, ConfigError> {
        let mut fields = text.splitn(3, '$');
        let mut field = || fields.next().ok_or_else(not_canonical);
        let (cost, salt, output) = (field()?, field()?, field()?);
        let mut costs = cost.splitn(3, ',');
        let mut number = |name: &str| {
            costs
                .next()
                .and_then(|cost| cost.strip_prefix(name))
                .and_then(|digits| u32::from_str(digits).ok())
                .ok_or_else(not_canonical)
        };
        let cost = Cost::new(number("m=")?, number("t=")?, number("p=")?)?;
        Ok(Self::of(
            cost,
            bytes(salt, 8..=64)?,
            Zeroizing::new(bytes(output, MIN_OUTPUT..=64)?),
        ))
    }

    /// A hash at this cost that no password matches, to be checked where there is no user.
    pub(crate) fn unmatched(cost: Cost) -> Result<Self, ConfigError> {
        Ok(Self::of(
            cost,
            random::<16>()?,
            Zeroizing::new(random::<32>()?),
        ))
    }

    /// An [`unmatched`](Self::unmatched) one at another cost.
    pub(crate) fn at(&self, cost: Cost) -> Self {
        Self::of(cost, self.0.salt.clone(), self.0.output.clone())
    }

    fn of(cost: Cost, salt: Vec<u8>, output: Zeroizing<Vec<u8>>) -> Self {
        let text = Zeroizing::new(format!(
            "$argon2id$v=19$m={},t={},p={}${}${}",
            cost.memory,
            cost.passes,
            cost.lanes,
            B64.encode(&salt),
            *Zeroizing::new(B64.encode(&*output)),
        ));
        Self(Arc::new(Stored {
            text,
            cost,
            salt,
            output,
        }))
    }

    /// The PHC string, to be stored.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0.text
    }

    pub(crate) fn cost(&self) -> Cost {
        self.0.cost
    }

    /// Whether this is the hash of the password; slow on purpose, and it blocks.
    ///
    /// # Errors
    ///
    /// If there is not enough memory to tell.
    pub(crate) fn matches(&self, password: &[u8]) -> Result<bool, argon2::Error> {
        let Stored {
            cost, salt, output, ..
        } = &*self.0;
        let computed = compute(password, salt, *cost, output.len())?;
        Ok(constant_time_eq(&computed, output))
    }

    /// Whether both are the same stored hash, salt included.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
            || constant_time_eq(self.as_str().as_bytes(), other.as_str().as_bytes())
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash")
    }
}

fn compute(
    password: &[u8],
    salt: &[u8],
    cost: Cost,
    len: usize,
) -> Result<Zeroizing<Vec<u8>>, argon2::Error> {
    let mut output = Zeroizing::new(vec![0; len]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, cost.params(len)?).hash_password_into(
        password,
        salt,
        &mut output,
    )?;
    Ok(output)
}

fn random<const N: usize>() -> Result<Vec<u8>, ConfigError> {
    let mut bytes = vec![0; N];
    getrandom::fill(&mut bytes).map_err(|error| {
        ConfigError::new("the operating system has no random bytes").with_source(error)
    })?;
    Ok(bytes)
}

fn bytes(text: &str, len: RangeInclusive<usize>) -> Result<Vec<u8>, ConfigError> {
    let bytes = B64.decode(text).map_err(|_| not_canonical())?;
    if len.contains(&bytes.len()) {
        Ok(bytes)
    } else {
        Err(ConfigError::new(
            "the password hash has a salt outside 8 to 64 bytes, or an output outside 16 to 64",
        ))
    }
}

fn not_canonical() -> ConfigError {
    ConfigError::new(
        "the password hash is not in the form `$argon2id$v=19$m=M,t=T,p=P$SALT$OUTPUT`",
    )
}

/// Bytes; the longest hash that the bounds allow has 232.
const MAX_TEXT: usize = 256;

#[cfg(test)]
impl PasswordHash {
    /// A hash that costs next to nothing, for tests.
    pub(crate) fn cheap(password: &str) -> Self {
        Self::at_cost(password, Cost::new(8, 1, 1).unwrap())
    }

    pub(crate) fn at_cost(password: &str, cost: Cost) -> Self {
        let salt = random::<8>().unwrap();
        let output = compute(password.as_bytes(), &salt, cost, 16).unwrap();
        Self::of(cost, salt, output)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(text: &str, message: &str) {
        assert_eq!(
            PasswordHash::parse(text).unwrap_err().to_string(),
            message,
            "{text}"
        );
    }

    #[test]
    fn a_new_hash_has_the_recommended_cost_and_matches_its_password_only() {
        let hash = PasswordHash::new("open sesame").unwrap();
        assert!(hash.as_str().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert!(hash.matches(b"open sesame").unwrap());
        assert!(!hash.matches(b"open sesam").unwrap());
        assert!(!hash.matches(b"").unwrap());
        let again = PasswordHash::new("open sesame").unwrap();
        assert!(!again.is(&hash), "two hashes share no salt");
        assert!(PasswordHash::parse(hash.as_str()).unwrap().is(&hash));
    }

    #[test]
    fn a_hash_made_elsewhere_is_understood() {
        // The reference implementation's command line tool, in its documentation and tests.
        for (password, text) in [
            (
                "password",
                "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
            ),
            (
                "password",
                "$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc",
            ),
        ] {
            let hash = PasswordHash::parse(text).unwrap();
            assert!(hash.matches(password.as_bytes()).unwrap());
            assert!(!hash.matches(b"passwore").unwrap());
            assert_eq!(hash.as_str(), text);
        }
    }

    #[test]
    fn what_would_take_the_server_down_is_refused() {
        let salt = "c29tZXNhbHQ";
        let out = "nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";
        let costly = "the password hash is too costly: at most m=262144, t=16, p=16";
        let size =
            "the password hash has a salt outside 8 to 64 bytes, or an output outside 16 to 64";
        for (cost, message) in [
            ("m=262145,t=1,p=1", costly),
            ("m=4294967295,t=1,p=1", costly),
            ("m=256,t=17,p=1", costly),
            ("m=256,t=1,p=17", costly),
            ("m=7,t=1,p=1", "the password hash has impossible parameters"),
            (
                "m=256,t=0,p=1",
                "the password hash has impossible parameters",
            ),
            (
                "m=256,t=1,p=0",
                "the password hash has impossible parameters",
            ),
            ("m=8,t=1,p=2", "the password hash has impossible parameters"),
        ] {
            refused(&format!("$argon2id$v=19${cost}${salt}${out}"), message);
        }
        refused(
            &format!("$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbA${out}"),
            size,
        );
        refused(&format!("$argon2id$v=19$m=8,t=1,p=1${salt}${salt}"), size);
        refused(
            &"$argon2id$v=19$".repeat(20),
            "the password hash is too long",
        );
        assert!(
            PasswordHash::parse(&format!("$argon2id$v=19$m=262144,t=16,p=16${salt}${out}")).is_ok()
        );
    }

    #[test]
    fn what_is_not_canonical_is_refused() {
        let salt = "c29tZXNhbHQ";
        let out = "nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";
        let form = "the password hash is not in the form `$argon2id$v=19$m=M,t=T,p=P$SALT$OUTPUT`";
        for rest in [
            String::new(),
            format!("m=8,t=1,p=1${salt}"),
            format!("m=8,t=1,p=1${salt}$"),
            format!("m=8,t=1,p=1${salt}${out}$"),
            format!("m=8,t=1,p=1${salt}${out}="),
            format!("m=8,t=1,p=1${salt}${out} "),
            format!("m=08,t=1,p=1${salt}${out}"),
            format!("m=+8,t=1,p=1${salt}${out}"),
            format!("m=8,t=1,p=1,${salt}${out}"),
            format!("m=8,t=1${salt}${out}"),
            format!("t=1,m=8,p=1${salt}${out}"),
            format!("m=8,t=1,p=1,keyid=AAAA${salt}${out}"),
            format!("m=8,t=1,p=99999999999${salt}${out}"),
            // A last character with bits that belong to nothing.
            format!("m=8,t=1,p=1$c29tZXNhbHR${out}"),
        ] {
            let text = format!("$argon2id$v=19${rest}");
            let error = PasswordHash::parse(&text).unwrap_err().to_string();
            assert!(
                error == form || error.contains("salt outside"),
                "{text}: {error}"
            );
        }
        let kind = "the password hash is not of a kind understood: it must begin with `$argon2id$`";
        for text in [
            "",
            "x",
            "$argon2i$v=19$",
            "$2b$12$abc",
            "argon2id$v=19$",
            "plain",
        ] {
            refused(text, kind);
        }
        let version = "the password hash is not of Argon2 version 19 (`v=19`)";
        refused(&format!("$argon2id$v=16$m=8,t=1,p=1${salt}${out}"), version);
        refused(&format!("$argon2id$m=8,t=1,p=1${salt}${out}"), version);
    }

    #[test]
    fn debug_and_errors_show_no_hash() {
        let hash = PasswordHash::cheap("hunter2");
        assert_eq!(format!("{hash:?}"), "PasswordHash");
        let error = PasswordHash::parse(&hash.as_str().replace("v=19", "v=18")).unwrap_err();
        assert!(!format!("{error:?}").contains(hash.as_str().rsplit('$').next().unwrap()));
    }

    #[test]
    fn an_unmatched_hash_keeps_its_output_at_another_cost() {
        let cost = Cost::new(8, 1, 1).unwrap();
        let dummy = PasswordHash::unmatched(cost).unwrap();
        assert!(!dummy.matches(b"").unwrap());
        let dearer = dummy.at(Cost::new(16, 1, 1).unwrap());
        assert_eq!(dearer.cost().memory, 16);
        assert!(dearer.cost() > dummy.cost());
    }
}
