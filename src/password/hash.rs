//! [`PasswordHash`]: a password as it is stored.

use super::{
    cost::Cost,
    formats::{self, Argon2id, Impossible, Kind, Parsed},
};
use crate::{ConfigError, util::random};
use constant_time_eq::constant_time_eq;
use std::{fmt, sync::Arc, time::Duration};
use zeroize::Zeroizing;

/// A password as it is stored: hashed, as a PHC string or in crypt(3)'s form.
///
/// New ones are Argon2id (RFC 9106). With the feature `password-import` those are understood that
/// other software has made: bcrypt, scrypt, PBKDF2 and SHA-crypt; [`needs_rehash`] tells which
/// ones to replace when the password is there next.
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
///
/// [`needs_rehash`]: Self::needs_rehash
#[derive(Clone)]
pub struct PasswordHash(Arc<Stored>);

struct Stored {
    /// Empty if no password matches.
    text: Zeroizing<String>,
    cost: Cost,
    salt: Zeroizing<Vec<u8>>,
    output: Zeroizing<Vec<u8>>,
}

impl PasswordHash {
    /// Hashes a password with Argon2id at OWASP's recommended cost (19 MiB, two passes, one
    /// lane), with a salt from the operating system.
    ///
    /// Slow on purpose, and it blocks: for start-up, tools and blocking threads only. Elsewhere
    /// there is [`HashPool::hash`](super::HashPool::hash).
    ///
    /// # Errors
    ///
    /// If the operating system has no random bytes, or no memory.
    pub fn new(password: impl AsRef<[u8]>) -> Result<Self, ConfigError> {
        let argon2id = Argon2id::RECOMMENDED;
        let salt = Zeroizing::new(random::bytes::<16>()?.to_vec());
        let mut output = Zeroizing::new(vec![0; 32]);
        argon2id
            .compute(password.as_ref(), &salt, &mut output)
            .map_err(|error| {
                ConfigError::new("the password could not be hashed").with_source(error)
            })?;
        Ok(Self::of(argon2id, salt, output))
    }

    /// Reads a stored hash, such as
    /// `$argon2id$v=19$m=19456,t=2,p=1$gZiV/M1gPc22ElAH/Jh1Hw$CWOrkoo7oJBQ/iyh7uJ0LO2aLEfrHwTWllSAxT0zRno`.
    ///
    /// A hash decides what checking it costs, so that is bounded. Argon2id: at most 256 MiB of
    /// memory (`m=262144`), 16 passes and 16 lanes; 8 to 64 bytes of salt, 16 to 64 of output.
    ///
    /// With the feature `password-import` also:
    ///
    /// | kind | forms | bounds |
    /// |---|---|---|
    /// | bcrypt | `$2a$`, `$2b$`, `$2y$` | cost 4 to 15 |
    /// | scrypt (RFC 7914) | PHC `$scrypt$ln=…,r=…,p=…$`; Werkzeug's `scrypt:N:r:p$` | 256 MiB, `r` 32, `p` 16, `N·r·p` 2^23 |
    /// | PBKDF2 (RFC 8018) | PHC and passlib's `$pbkdf2-sha256$`, `$pbkdf2-sha512$`; Django's `pbkdf2_sha256$`; Werkzeug's `pbkdf2:sha256:`, `pbkdf2:sha512:` | 5,000,000 iterations, times blocks of output |
    /// | SHA-crypt | `$5$`, `$6$`, with and without `rounds=` | 1,000 to 1,000,000 rounds |
    ///
    /// These bounds are some two seconds of one core. Every form has one spelling: what
    /// [`as_str`](Self::as_str) gives back is what was read.
    ///
    /// # Errors
    ///
    /// If it is beyond these bounds, is not in the canonical form, or is of another kind.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let Parsed { kind, salt, output } = formats::read(text)?;
        Ok(Self(Arc::new(Stored {
            text: Zeroizing::new(text.to_owned()),
            cost: kind.into(),
            salt,
            output,
        })))
    }

    /// A hash at this cost that no password matches, to be checked where there is no user.
    pub(crate) fn unmatched(cost: Cost) -> Result<Self, ConfigError> {
        let (salt, output) = (random::bytes::<16>()?, random::bytes::<32>()?);
        Ok(Self::unmatched_of(
            cost,
            Zeroizing::new(salt.to_vec()),
            &*output,
        ))
    }

    /// An [`unmatched`](Self::unmatched) one at another cost.
    pub(crate) fn at(&self, cost: Cost) -> Self {
        Self::unmatched_of(cost, self.0.salt.clone(), &self.0.output)
    }

    /// Sixteen bytes of salt suit every kind.
    fn unmatched_of(cost: Cost, salt: Zeroizing<Vec<u8>>, output: &[u8]) -> Self {
        let len = cost.kind().output_len();
        Self(Arc::new(Stored {
            text: Zeroizing::default(),
            cost,
            salt,
            output: Zeroizing::new(output.iter().copied().cycle().take(len).collect()),
        }))
    }

    fn of(argon2id: Argon2id, salt: Zeroizing<Vec<u8>>, output: Zeroizing<Vec<u8>>) -> Self {
        Self(Arc::new(Stored {
            text: argon2id.write(&salt, &output),
            cost: Kind::Argon2id(argon2id).into(),
            salt,
            output,
        }))
    }

    /// The text to be stored.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0.text
    }

    /// Whether it should be replaced by a [new one](super::HashPool::hash) when the password is
    /// there next, that is, when it was right.
    ///
    /// True unless it is Argon2id with as much memory and as much work (memory times passes) as
    /// [`PasswordHash::new`] takes.
    #[must_use]
    pub fn needs_rehash(&self) -> bool {
        match self.cost().kind() {
            Kind::Argon2id(argon2id) => !argon2id.is_recommended(),
            #[cfg(feature = "password-import")]
            Kind::Imported(_) => true,
        }
    }

    /// About how long checking it takes, by its parameters: what kinds are compared by, where an
    /// unknown user has to cost as much as the costliest hash.
    ///
    /// It is made of rates measured once, on one core with SHA extensions (per KiB and pass of
    /// Argon2id 500 ns, 2^cost of bcrypt 52 µs, `N·r·p` of scrypt 230 ns, iteration and block of
    /// PBKDF2 120 ns with SHA-256 and 375 with SHA-512, round of SHA-crypt 95 and 210), so that
    /// two kinds may compare differently elsewhere; two hashes of one kind do not.
    #[must_use]
    pub fn estimated_time(&self) -> Duration {
        self.cost().estimate()
    }

    pub(crate) fn cost(&self) -> Cost {
        self.0.cost
    }

    /// Whether this is the hash of the password; slow on purpose, and it blocks.
    ///
    /// # Errors
    ///
    /// If there is not enough memory to tell.
    pub(crate) fn matches(&self, password: &[u8]) -> Result<bool, Impossible> {
        let Stored {
            cost, salt, output, ..
        } = &*self.0;
        let mut computed = Zeroizing::new(vec![0; output.len()]);
        let fits = cost.kind().compute(password, salt, &mut computed)?;
        Ok(constant_time_eq(&computed, output) && fits)
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

#[cfg(test)]
impl PasswordHash {
    /// A hash that costs next to nothing, for tests.
    pub(crate) fn cheap(password: &str) -> Self {
        Self::at_cost(password, Cost::argon2id(8, 1, 1).unwrap())
    }

    pub(crate) fn at_cost(password: &str, cost: Cost) -> Self {
        let Kind::Argon2id(argon2id) = cost.kind() else {
            panic!("only Argon2id is made here");
        };
        let salt = Zeroizing::new(random::bytes::<8>().unwrap().to_vec());
        let mut output = Zeroizing::new(vec![0; 16]);
        argon2id
            .compute(password.as_bytes(), &salt, &mut output)
            .unwrap();
        Self::of(argon2id, salt, output)
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
            (
                "m=7,t=1,p=1",
                "the password hash has impossible parameters: memory cost is too small",
            ),
            (
                "m=256,t=0,p=1",
                "the password hash has impossible parameters: time cost is too small",
            ),
            (
                "m=256,t=1,p=0",
                "the password hash has impossible parameters: not enough threads",
            ),
            (
                "m=8,t=1,p=2",
                "the password hash has impossible parameters: memory cost is too small",
            ),
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
        let kind = PasswordHash::parse("").unwrap_err().to_string();
        assert!(kind.starts_with("the password hash is not of a kind understood: "));
        for text in ["", "x", "$argon2i$v=19$", "argon2id$v=19$", "plain"] {
            refused(text, &kind);
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
        let cost = Cost::argon2id(8, 1, 1).unwrap();
        let dummy = PasswordHash::unmatched(cost).unwrap();
        assert!(!dummy.matches(b"").unwrap());
        let dearer = dummy.at(Cost::argon2id(16, 1, 1).unwrap());
        assert_eq!(dearer.cost().memory(), 16);
        assert!(dearer.cost() > dummy.cost());
    }
}
