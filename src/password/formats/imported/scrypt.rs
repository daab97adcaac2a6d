//! scrypt (RFC 7914), as PHC strings and in Werkzeug's form.

use super::super::{
    parsed::{Impossible, Parsed},
    phc::Phc,
    text::{hex, number, plain_salt},
};
use crate::ConfigError;

/// The parameters of RFC 7914 section 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Scrypt {
    /// `N * r * p`.
    work: u64,
    log_n: u8,
    r: u32,
    p: u32,
}

pub(super) fn read(text: &str) -> Option<Result<Parsed<Scrypt>, ConfigError>> {
    if text.starts_with("$scrypt$") {
        Some(read_phc(text))
    } else {
        text.strip_prefix("scrypt:").map(read_werkzeug)
    }
}

/// `$scrypt$ln=LN,r=R,p=P$SALT$OUTPUT`.
fn read_phc(text: &str) -> Result<Parsed<Scrypt>, ConfigError> {
    let phc = Phc::read(text, None).ok_or_else(malformed)?;
    let [log_n, r, p] = phc.parameters(["ln", "r", "p"]).ok_or_else(malformed)?;
    let kind = Scrypt::new(log_n, r, p)?;
    Parsed::new(kind, phc.salt, phc.output, ("scrypt", 4))
}

/// `N:R:P$SALT$OUTPUT`, with the salt as it is and the output in hexadecimal.
fn read_werkzeug(text: &str) -> Result<Parsed<Scrypt>, ConfigError> {
    let mut fields = text.splitn(3, '$');
    let mut field = || fields.next().ok_or_else(malformed);
    let (costs, salt, output) = (field()?, field()?, field()?);
    let mut costs = costs.splitn(3, ':');
    let mut cost = || costs.next().and_then(number).ok_or_else(malformed);
    let (n, r, p) = (cost()?, cost()?, cost()?);
    if !n.is_power_of_two() {
        return Err(malformed());
    }
    let kind = Scrypt::new(n.trailing_zeros(), r, p)?;
    let salt = plain_salt(salt).ok_or_else(malformed)?;
    let output = hex(output).ok_or_else(malformed)?;
    Parsed::new(kind, salt, output, ("scrypt", 4))
}

impl Scrypt {
    fn new(log_n: u32, r: u32, p: u32) -> Result<Self, ConfigError> {
        if log_n == 0 || r == 0 || p == 0 {
            return Err(ConfigError::new(
                "the scrypt hash has impossible parameters",
            ));
        }
        let n = 1_u64.checked_shl(log_n).unwrap_or(u64::MAX);
        let blocks = n.saturating_mul(r.into());
        let work = blocks.saturating_mul(p.into());
        match u8::try_from(log_n) {
            Ok(log_n) if blocks <= MAX_BLOCKS && r <= 32 && p <= 16 && work <= MAX_WORK => {
                Ok(Self { work, log_n, r, p })
            }
            _ => Err(ConfigError::new(
                "the scrypt hash is too costly: at most 256 MiB (N * r * 128), r=32, p=16, \
                 N * r * p = 2^23",
            )),
        }
    }

    pub(super) const fn nanos(self) -> u64 {
        self.work.saturating_mul(230)
    }

    pub(super) fn compute(
        self,
        password: &[u8],
        salt: &[u8],
        output: &mut [u8],
    ) -> Result<bool, Impossible> {
        // The memory is reserved here first: if there is not enough, this is an error and not an
        // abort.
        let memory = (1_usize << self.log_n)
            .saturating_mul(128)
            .saturating_mul(usize::try_from(self.r)?);
        Vec::<u8>::new().try_reserve_exact(memory)?;
        let params = scrypt::Params::new(self.log_n, self.r, self.p)?;
        scrypt::scrypt(password, salt, &params, output)?;
        Ok(true)
    }
}

fn malformed() -> ConfigError {
    ConfigError::new(
        "the scrypt hash is not in the form `$scrypt$ln=LN,r=R,p=P$SALT$OUTPUT` or \
         `scrypt:N:R:P$SALT$HEX`",
    )
}

/// The largest number of blocks of 128 bytes: 256 MiB.
const MAX_BLOCKS: u64 = 1 << 21;

/// Some two seconds.
const MAX_WORK: u64 = 1 << 23;

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7914 section 12; the last one there needs a gigabyte.
    #[test]
    fn the_vectors_of_rfc_7914_are_met() {
        for (password, salt, log_n, r, p, expected) in [
            (
                "",
                "",
                4,
                1,
                1,
                "77d6576238657b203b19ca42c18a0497f16b4844e3074ae8dfdffa3fede21442\
                 fcd0069ded0948f8326a753a0fc81f17e8d3e0fb2e0d3628cf35e20c38d18906",
            ),
            (
                "password",
                "NaCl",
                10,
                8,
                16,
                "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162\
                 2eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640",
            ),
            (
                "pleaseletmein",
                "SodiumChloride",
                14,
                8,
                1,
                "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2\
                 d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887",
            ),
        ] {
            let mut output = [0; 64];
            let scrypt = Scrypt::new(log_n, r, p).unwrap();
            assert!(
                scrypt
                    .compute(password.as_bytes(), salt.as_bytes(), &mut output)
                    .unwrap()
            );
            assert_eq!(output.to_vec(), *hex(expected).unwrap());
        }
    }
}
