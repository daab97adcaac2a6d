//! PBKDF2 (RFC 8018 section 5.2) with HMAC-SHA-256 or HMAC-SHA-512, as PHC strings and in the
//! forms of passlib, Django and Werkzeug.

use super::super::{
    parsed::{Bytes, Impossible, Parsed},
    phc::Phc,
    text::{adapted_base64, base64_padded, hex, number, plain_salt},
};
use crate::ConfigError;
use hmac::Hmac;
use sha2::{Sha256, Sha512};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Pbkdf2 {
    /// Iterations times blocks of output.
    work: u64,
    iterations: u32,
    /// Bytes.
    output: usize,
    prf: Prf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Prf {
    Sha256,
    Sha512,
}

pub(super) fn read(text: &str) -> Option<Result<Parsed<Pbkdf2>, ConfigError>> {
    use Prf::{Sha256, Sha512};
    if text.starts_with("$pbkdf2-sha256$i=") {
        Some(read_phc(Sha256, text))
    } else if text.starts_with("$pbkdf2-sha512$i=") {
        Some(read_phc(Sha512, text))
    } else if let Some(rest) = text.strip_prefix("$pbkdf2-sha256$") {
        Some(read_passlib(Sha256, rest))
    } else if let Some(rest) = text.strip_prefix("$pbkdf2-sha512$") {
        Some(read_passlib(Sha512, rest))
    } else if let Some(rest) = text.strip_prefix("pbkdf2_sha256$") {
        Some(read_django(rest))
    } else if let Some(rest) = text.strip_prefix("pbkdf2:sha256:") {
        Some(read_werkzeug(Sha256, rest))
    } else {
        let rest = text.strip_prefix("pbkdf2:sha512:")?;
        Some(read_werkzeug(Sha512, rest))
    }
}

/// A PHC string with `i=N` or `i=N,l=LENGTH`.
fn read_phc(prf: Prf, text: &str) -> Result<Parsed<Pbkdf2>, ConfigError> {
    let phc = Phc::read(text, None).ok_or_else(malformed)?;
    let (iterations, length) = match (phc.parameters(["i", "l"]), phc.parameters(["i"])) {
        (Some([iterations, length]), _) => (iterations, Some(length)),
        (None, Some([iterations])) => (iterations, None),
        (None, None) => return Err(malformed()),
    };
    let parsed = parsed(prf, iterations, phc.salt, phc.output)?;
    match length {
        Some(length) if usize::try_from(length) != Ok(parsed.output.len()) => Err(malformed()),
        _ => Ok(parsed),
    }
}

/// passlib's `N$SALT$OUTPUT`.
fn read_passlib(prf: Prf, text: &str) -> Result<Parsed<Pbkdf2>, ConfigError> {
    read_fields(prf, text, adapted_base64, adapted_base64)
}

/// `N$SALT$OUTPUT`, with the salt as it is.
fn read_django(text: &str) -> Result<Parsed<Pbkdf2>, ConfigError> {
    read_fields(Prf::Sha256, text, plain_salt, base64_padded)
}

/// `N$SALT$OUTPUT`, with the salt as it is and the output in hexadecimal.
fn read_werkzeug(prf: Prf, text: &str) -> Result<Parsed<Pbkdf2>, ConfigError> {
    read_fields(prf, text, plain_salt, hex)
}

fn read_fields(
    prf: Prf,
    text: &str,
    read_salt: fn(&str) -> Option<Bytes>,
    read_output: fn(&str) -> Option<Bytes>,
) -> Result<Parsed<Pbkdf2>, ConfigError> {
    let mut fields = text.splitn(3, '$');
    let mut field = || fields.next().ok_or_else(malformed);
    let (iterations, salt, output) = (field()?, field()?, field()?);
    let iterations = number(iterations).ok_or_else(malformed)?;
    let salt = read_salt(salt).ok_or_else(malformed)?;
    let output = read_output(output).ok_or_else(malformed)?;
    parsed(prf, iterations, salt, output)
}

fn parsed(
    prf: Prf,
    iterations: u32,
    salt: Bytes,
    output: Bytes,
) -> Result<Parsed<Pbkdf2>, ConfigError> {
    let kind = Pbkdf2::new(prf, iterations, output.len())?;
    Parsed::new(kind, salt, output, ("PBKDF2", 4))
}

impl Pbkdf2 {
    fn new(prf: Prf, iterations: u32, output: usize) -> Result<Self, ConfigError> {
        let blocks = match prf {
            Prf::Sha256 => output.div_ceil(32),
            Prf::Sha512 => output.div_ceil(64),
        };
        let work = u64::from(iterations).saturating_mul(blocks as u64);
        if iterations == 0 {
            return Err(ConfigError::new("the PBKDF2 hash has no iterations"));
        }
        if work > MAX_WORK {
            return Err(ConfigError::new(
                "the PBKDF2 hash is too costly: at most 5000000 iterations, times blocks of output",
            ));
        }
        Ok(Self {
            work,
            iterations,
            output,
            prf,
        })
    }

    pub(super) const fn nanos(self) -> u64 {
        self.work.saturating_mul(match self.prf {
            Prf::Sha256 => 120,
            Prf::Sha512 => 375,
        })
    }

    pub(super) fn output_len(self) -> usize {
        self.output
    }

    pub(super) fn compute(
        self,
        password: &[u8],
        salt: &[u8],
        output: &mut [u8],
    ) -> Result<bool, Impossible> {
        let compute = match self.prf {
            Prf::Sha256 => pbkdf2::pbkdf2::<Hmac<Sha256>>,
            Prf::Sha512 => pbkdf2::pbkdf2::<Hmac<Sha512>>,
        };
        compute(password, salt, self.iterations, output)?;
        Ok(true)
    }
}

fn malformed() -> ConfigError {
    ConfigError::new(
        "the PBKDF2 hash is not in the form `$pbkdf2-sha256$i=N,l=L$SALT$OUTPUT`, nor in that of \
         passlib, Django or Werkzeug",
    )
}

/// Some two seconds, with SHA-512.
const MAX_WORK: u64 = 5_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7914 section 11, and inputs of RFC 6070 with SHA-256 and SHA-512, as computed by
    /// OpenSSL.
    #[test]
    fn published_vectors_are_met() {
        let (sha256, sha512) = (Prf::Sha256, Prf::Sha512);
        for (prf, password, salt, iterations, expected) in [
            (
                sha256,
                &b"passwd"[..],
                &b"salt"[..],
                1,
                "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc\
                 49ca9cccf179b645991664b39d77ef317c71b845b1e30bd509112041d3a19783",
            ),
            (
                sha256,
                b"Password",
                b"NaCl",
                80_000,
                "4ddcd8f60b98be21830cee5ef22701f9641a4418d04c0414aeff08876b34ab56\
                 a1d425a1225833549adb841b51c9b3176a272bdebba1d078478f62b397f33c8d",
            ),
            (
                sha256,
                b"passwordPASSWORDpassword",
                b"saltSALTsaltSALTsaltSALTsaltSALTsalt",
                4096,
                "348c89dbcbd32b2f32d814b8116e84cf2b17347ebc1800181c",
            ),
            (
                sha256,
                b"pass\0word",
                b"sa\0lt",
                4096,
                "89b69d0516f829893c696226650a8687",
            ),
            (
                sha512,
                b"password",
                b"salt",
                1,
                "867f70cf1ade02cff3752599a3a53dc4af34c7a669815ae5d513554e1c8cf252\
                 c02d470a285a0501bad999bfe943c08f050235d7d68b1da55e63f73b60a57fce",
            ),
            (
                sha512,
                b"passwordPASSWORDpassword",
                b"saltSALTsaltSALTsaltSALTsaltSALTsalt",
                4096,
                "8c0511f4c6e597c6ac6315d8f0362e225f3c501495ba23b868c005174dc4ee71\
                 115b59f9e60cd9532fa33e0f75aefe30225c583a186cd82bd4daea9724a3d3b8",
            ),
        ] {
            let expected = hex(expected).unwrap();
            let mut output = vec![0; expected.len()];
            let pbkdf2 = Pbkdf2::new(prf, iterations, output.len()).unwrap();
            assert!(pbkdf2.compute(password, salt, &mut output).unwrap());
            assert_eq!(output, *expected);
        }
    }
}
