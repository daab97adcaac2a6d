//! What an htpasswd file says.

use crate::{ConfigError, basic::User, password::PasswordHash};
use std::{borrow::Cow, collections::HashSet};

/// Reads the whole file.
///
/// # Errors
///
/// With the number of the first line that is of no use, and nothing of what it says.
pub(super) fn read(bytes: &[u8]) -> Result<Vec<User>, ConfigError> {
    let text = std::str::from_utf8(bytes).map_err(|_| ConfigError::new("it is not UTF-8"))?;
    let mut names = HashSet::new();
    let mut users = Vec::new();
    for (line, number) in text.lines().zip(1_usize..) {
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        let error = |reason| ConfigError::new(format!("line {number}: {reason}"));
        let user = user(line).map_err(error)?;
        if !names.insert(Box::<str>::from(user.name())) {
            return Err(error("the user has been there before".into()));
        }
        users.push(user);
    }
    Ok(users)
}

fn user(line: &str) -> Result<User, Cow<'static, str>> {
    if line.len() > MAX_LINE {
        return Err("it is longer than 1024 bytes".into());
    }
    let (name, rest) = line.split_once(':').ok_or("there is no colon")?;
    if name.is_empty() || name.chars().any(char::is_control) {
        return Err("a name is not empty and has no control characters".into());
    }
    let hash = match rest.split_once(':') {
        // The hashes of Werkzeug contain colons.
        Some(("scrypt" | "pbkdf2", _)) | None => rest,
        Some((hash, _)) => hash,
    };
    let hash = hash.trim_end();
    if let Some(kind) = too_weak(hash) {
        return Err(
            format!("{kind} is too weak: set the password again with `htpasswd -B`").into(),
        );
    }
    let hash = PasswordHash::parse(hash).map_err(|error| error.to_string())?;
    Ok(User::new(name, hash))
}

/// What the hash is, if it is one of those that `htpasswd` made before bcrypt.
fn too_weak(hash: &str) -> Option<&'static str> {
    if hash.starts_with("$apr1$") || hash.starts_with("$1$") {
        Some("MD5 (`$apr1$`, `$1$`)")
    } else if hash.starts_with("{SHA}") || hash.starts_with("{SSHA}") {
        Some("SHA-1 (`{SHA}`, `{SSHA}`)")
    } else if !hash.starts_with('$') && !hash.starts_with("scrypt:") && !hash.starts_with("pbkdf2")
    {
        Some("plain text or DES")
    } else {
        None
    }
}

/// Bytes.
const MAX_LINE: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "$2y$05$c4WoMPo3SXsafkva.HHa6uXQZWr7oboPiC2bT/r7q1BB8I2s0BRqC";

    #[track_caller]
    fn names(text: &str) -> Vec<Box<str>> {
        let users = read(text.as_bytes()).unwrap();
        users.iter().map(|user| user.name().into()).collect()
    }

    #[track_caller]
    fn refused(text: &[u8], message: &str) {
        let error = read(text).err().unwrap();
        assert_eq!(error.to_string(), message);
        assert!(!format!("{error:?}").contains("secret"), "{error:?}");
    }

    #[test]
    fn lines_are_names_and_hashes() {
        assert!(names("").is_empty());
        assert!(names("\n# a comment\n  \n\r\n").is_empty());
        assert_eq!(names(&format!("a:{HASH}")), [Box::<str>::from("a")]);
        assert_eq!(
            names(&format!(
                "a:{HASH}\r\n#b:{HASH}\nc d:{HASH}:more:yet\n\u{e9}:{HASH}  \n"
            )),
            ["a", "c d", "\u{e9}"].map(Box::<str>::from)
        );
        let werkzeug = "pbkdf2:sha256:1000$r1V5bmU4t8UxvzNc$545c2629a71e23f47abf3a50cbffec173f44cbefed74e85ad31ec65d3448302d";
        assert_eq!(names(&format!("a:{werkzeug}\n")), [Box::<str>::from("a")]);
    }

    #[test]
    fn what_is_of_no_use_is_refused_by_its_line() {
        let again = "is too weak: set the password again with `htpasswd -B`";
        for (hash, kind) in [
            (
                "$apr1$r31.....$HqJZimcKQFAMYayBlzkrA/",
                "MD5 (`$apr1$`, `$1$`)",
            ),
            (
                "$1$saltstri$YMyguxXMBpd2TEZ.vS/3q1",
                "MD5 (`$apr1$`, `$1$`)",
            ),
            (
                "{SHA}VBPuJHI7uixaa6LQGWx4s+5GKNE=",
                "SHA-1 (`{SHA}`, `{SSHA}`)",
            ),
            ("{SSHA}secret", "SHA-1 (`{SHA}`, `{SSHA}`)"),
            ("rqXexS6ZhobKA", "plain text or DES"),
            ("secret", "plain text or DES"),
            ("", "plain text or DES"),
        ] {
            refused(
                format!("a:{HASH}\n\nb:{hash}\n").as_bytes(),
                &format!("line 3: {kind} {again}"),
            );
        }
        refused(b"secret\n", "line 1: there is no colon");
        refused(
            format!(":{HASH}").as_bytes(),
            "line 1: a name is not empty and has no control characters",
        );
        refused(
            format!("a\tb:{HASH}").as_bytes(),
            "line 1: a name is not empty and has no control characters",
        );
        refused(
            format!("a:{HASH}\nb:{HASH}\na:{HASH}").as_bytes(),
            "line 3: the user has been there before",
        );
        refused(
            format!("a:{}", "$".repeat(1023)).as_bytes(),
            "line 1: it is longer than 1024 bytes",
        );
        refused(
            b"a:$2y$31$c4WoMPo3SXsafkva.HHa6uXQZWr7oboPiC2bT/r7q1BB8I2s0BRqC",
            "line 1: the bcrypt hash has a cost outside 4 to 15",
        );
        refused(b"a:\xff", "it is not UTF-8");
    }
}
