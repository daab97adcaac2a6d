//! PHC strings (`$NAME$v=VERSION$PARAMETERS$SALT$OUTPUT`).
//!
//! The crate [`phc`], which `password-hash` 0.6 re-exports, reads the name, the version and the
//! parameters. Three rules are added here:
//!
//! 1. There is one spelling: the parameters must be exactly those that the function has, in their
//!    order, and written as `phc` writes them.
//! 2. The output is wiped. `phc::Output` is `Copy` and is not wiped, so that the output is decoded
//!    here and never gets there.
//! 3. Salts have the bounds of the caller. Those of `phc::Salt` are 8 and 48 bytes; other software
//!    writes shorter and longer ones.

use super::parsed::Bytes;
use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use phc::{ParamsString, PasswordHash};

/// The parts of a PHC string with a salt and an output.
pub(super) struct Phc {
    parameters: ParamsString,
    pub(super) salt: Bytes,
    pub(super) output: Bytes,
}

impl Phc {
    /// Reads a string that has this version.
    pub(super) fn read(text: &str, version: Option<u32>) -> Option<Self> {
        let (rest, output) = text.rsplit_once('$')?;
        let (head, salt) = rest.rsplit_once('$')?;
        let head = PasswordHash::new(head).ok()?;
        (head.version == version && head.salt.is_none()).then_some(Self {
            parameters: head.params,
            salt: base64(salt)?,
            output: base64(output)?,
        })
    }

    /// Returns the values of these parameters; `None` if the string has others, or has them in
    /// another order or spelling.
    pub(super) fn parameters<const N: usize>(&self, names: [&str; N]) -> Option<[u32; N]> {
        let (mut values, mut canonical) = ([0; N], ParamsString::new());
        for (value, name) in values.iter_mut().zip(names) {
            *value = self.parameters.get_decimal(name)?;
            canonical.add_decimal(name, *value).ok()?;
        }
        (canonical == self.parameters).then_some(values)
    }
}

/// Decodes base64 without padding.
pub(super) fn base64(text: &str) -> Option<Bytes> {
    STANDARD_NO_PAD.decode(text).ok().map(Bytes::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameters(text: &str) -> Option<[u32; 2]> {
        let text = format!("$x$v=1${text}$c2FsdA$b3V0cHV0b3V0cHV0");
        Phc::read(&text, Some(1))?.parameters(["a", "b"])
    }

    #[test]
    fn parameters_have_one_spelling() {
        assert_eq!(parameters("a=1,b=0"), Some([1, 0]));
        assert_eq!(parameters("a=1,b=4294967295"), Some([1, u32::MAX]));
        for other in [
            "",
            "a=1",
            "b=0,a=1",
            "a=1,b=0,c=2",
            "a=1,a=1,b=0",
            "a=1,b=0,b=0",
            "a=01,b=0",
            "a=+1,b=0",
            "a=-1,b=0",
            "a=1,b=",
            "a=1,b",
            "a=1,b=4294967296",
            "a=1, b=0",
            "A=1,b=0",
            "a=1,b=0,",
            ",a=1,b=0",
            "a=1;b=0",
            "a=1,b=x",
        ] {
            assert_eq!(parameters(other), None, "{other}");
        }
    }

    #[test]
    fn a_string_has_its_version_a_salt_and_an_output() {
        let read = |text: &str, version| Phc::read(text, version).is_some();
        let (with, without) = ("$x$v=1$a=1$c2FsdA$b3V0", "$x$a=1$c2FsdA$b3V0");
        assert!(read(with, Some(1)) && read(without, None));
        assert!(!read(with, None) && !read(with, Some(2)) && !read(without, Some(1)));
        for text in [
            "",
            "$",
            "$$",
            "$x$a=1",
            "$x$a=1$c2FsdA",
            "$x$a=1$c2FsdA$b3V0$",
            "$x$a=1$c2FsdA=$b3V0",
            "$x$a=1$c2FsdB$b3V0",
            "$x$a=1$c2FsdA$b3V",
            "x$a=1$c2FsdA$b3V0",
            "$X$a=1$c2FsdA$b3V0",
            "$x$a=1$c2FsdHNhbHQ$c2FsdA$b3V0",
        ] {
            assert!(!read(text, None), "{text}");
        }
    }
}
