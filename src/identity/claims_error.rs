//! [`ClaimsError`]: the reason why claims do not fit a type of the application.

use crate::{rejection::Mismatch, util::shown::shown};
use serde::de::DeserializeOwned;
use std::{any::type_name, error::Error, fmt};

/// The reason why the claims of a token do not fit a type of the application: a path, the type that
/// was expected and the type that was found, never a value.
///
/// It is the source of the rejection, and is logged. All texts are
/// [in the form for logs](Mismatch): the names of members come from the token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimsError(Box<Mismatch>);

/// The types that serde finds. Texts that are not in this list could be values.
const FOUND: [&str; 15] = [
    "Option value",
    "boolean",
    "byte array",
    "character",
    "enum",
    "floating point",
    "integer",
    "map",
    "newtype struct",
    "null",
    "sequence",
    "string",
    "unit value",
    "unit variant",
    "newtype variant",
];

impl ClaimsError {
    /// Parses claims as this type.
    pub(crate) fn parse<T: DeserializeOwned>(claims: &str) -> Result<T, Self> {
        // The path costs time at every level, so it is found only for claims that do not fit.
        serde_json::from_str(claims).map_err(|_| Self::of::<T>(claims))
    }

    #[cold]
    fn of<T: DeserializeOwned>(claims: &str) -> Self {
        let mut reader = serde_json::Deserializer::from_str(claims);
        let error = serde_path_to_error::deserialize::<_, T>(&mut reader).err();
        let (path, message) = error.map_or_else(Default::default, |error| {
            (error.path().to_string(), error.inner().to_string())
        });
        Self::read(path, &message, type_name::<T>())
    }

    /// Takes the types out of a message of serde, and leaves the value out.
    fn read(path: String, message: &str, own: &str) -> Self {
        let message = message
            .rsplit_once(" at line ")
            .map_or(message, |(message, _)| message);
        let name = |rest: &str| rest.split('`').nth(1).unwrap_or_default().to_owned();
        let below = |name: String| match path.as_str() {
            "." | "" => name,
            path => format!("{path}.{name}"),
        };
        if let Some(rest) = message.strip_prefix("missing field ") {
            return Self(Mismatch::missing(below(name(rest)), ""));
        }
        let mismatch = message
            .strip_prefix("invalid type: ")
            .or_else(|| message.strip_prefix("invalid value: "));
        let expected = match message.rsplit_once(", expected ") {
            Some((_, expected)) if mismatch.is_some() => expected,
            _ => own,
        };
        let found = mismatch.unwrap_or_default();
        let found = FOUND.into_iter().find(|name| found.starts_with(name));
        let found = found.unwrap_or("another value");
        Self(Mismatch::new(path, found, shown(expected)))
    }

    /// Returns the path of the member that does not fit, such as `address.zip` or `groups[2]`; `.`
    /// for the claims as a whole.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.0.name
    }

    /// Returns the expected type, as serde names it; empty if the member is missing.
    #[must_use]
    pub fn expected(&self) -> &str {
        &self.0.expected
    }

    /// Returns the type that was found, as serde names it, or `missing`.
    #[must_use]
    pub fn found(&self) -> &str {
        &self.0.found
    }

    #[cfg(feature = "jwt")]
    pub(crate) fn into_mismatch(self) -> Box<Mismatch> {
        self.0
    }
}

impl fmt::Display for ClaimsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(mismatch) = self;
        write!(f, "the claim \"{}\" {mismatch}", mismatch.name)
    }
}

impl Error for ClaimsError {}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;
    use std::collections::HashMap;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Typed {
        #[serde(rename = "age")]
        _age: u8,
        #[serde(default, rename = "tags")]
        _tags: HashMap<String, Vec<Kind>>,
        #[serde(default, rename = "either")]
        _either: Option<Either>,
    }

    #[derive(Debug, Deserialize)]
    enum Kind {
        #[serde(rename = "a")]
        A,
    }

    #[derive(Debug, Deserialize)]
    #[serde(untagged)]
    enum Either {
        _Number(#[allow(dead_code, reason = "only parsed")] u8),
    }

    #[test]
    fn an_error_has_path_and_types_and_no_value() {
        let own = type_name::<Typed>();
        for (claims, path, expected, found) in [
            (r#"{"age":"secret, expected x"}"#, "age", "u8", "string"),
            (r#"{"age":300}"#, "age", "u8", "integer"),
            (r#"{"age":-1.5}"#, "age", "u8", "floating point"),
            (r#"{"age":null}"#, "age", "u8", "null"),
            (r#"{"age":{"secret":1}}"#, "age", "u8", "map"),
            (r#"{"age":["secret"]}"#, "age", "u8", "sequence"),
            (r#"{"age":true}"#, "age", "u8", "boolean"),
            ("{}", "age", "", "missing"),
            (
                r#"{"age":1,"tags":{"x":"secret"}}"#,
                "tags.x",
                "a sequence",
                "string",
            ),
            (
                r#"{"age":1,"tags":{"x":["a","secret"]}}"#,
                "tags.x[1]",
                own,
                "another value",
            ),
            (
                r#"{"age":1,"either":"secret"}"#,
                "either",
                own,
                "another value",
            ),
        ] {
            let error = ClaimsError::parse::<Typed>(claims).unwrap_err();
            let seen = (error.path(), error.expected(), error.found());
            assert_eq!(seen, (path, expected, found), "{claims}");
            assert!(!format!("{error} {error:?}").contains("secret"), "{error}");
        }
        let error = ClaimsError::parse::<u8>(r#"{"a":1}"#).unwrap_err();
        assert_eq!((error.path(), error.found()), (".", "map"));
    }

    #[test]
    fn an_error_shows_little_of_the_names_in_a_token() {
        let name = format!("\\n{}", "x".repeat(1000));
        let claims = format!(r#"{{"age":1,"tags":{{"{name}":1}}}}"#);
        let text = ClaimsError::parse::<Typed>(&claims)
            .unwrap_err()
            .to_string();
        assert!(text.len() < 300 && !text.contains('\n'), "{text}");
    }
}
