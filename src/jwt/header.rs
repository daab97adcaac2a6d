//! The JOSE header (RFC 7515 section 4).

use super::{Algorithm, TokenError};
use crate::{
    claims::type_of,
    json::{Document, Value},
    rejection::Mismatch,
    util::shown::{quoted, shown},
};

/// The parameters of a header that are used. All others are ignored, above all keys (`jwk`, `jku`,
/// `x5c`, `x5u`).
pub(super) struct Header<'a> {
    pub(super) algorithm: Algorithm,
    pub(super) key_id: Option<&'a str>,
}

/// Which values of `typ` are accepted. Types are compared without case (RFC 7515 section 4.1.9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Types {
    /// None, `JWT`, or an access token: but no ID, logout or DPoP token that says what it is
    /// (RFC 8725 section 3.11).
    Usual,
    /// `at+jwt` or `application/at+jwt` (RFC 9068 section 4).
    AccessToken,
    /// None, `JWT`, or a logout token: what a login is told (see `signed`).
    #[cfg(feature = "login")]
    Login,
}

impl<'a> Header<'a> {
    pub(super) fn read(header: &'a Document<'_>, types: Types) -> Result<Self, TokenError> {
        let mut algorithm = Err(None);
        let mut key_id = None;
        let mut typed = false;
        for (name, value) in header.iter() {
            match name {
                "alg" => {
                    let found = text(name, value)?;
                    algorithm = Algorithm::named(found).ok_or(Some(found));
                }
                // A string, or it identifies nothing (RFC 7515 section 4.1.4).
                "kid" => key_id = Some(text(name, value)?),
                "typ" => {
                    let typ = text(name, value)?;
                    if !types.accept(typ) {
                        return Err(types.mismatch(&quoted(typ)));
                    }
                    typed = true;
                }
                // No extension is understood, so that whatever is critical is refused, and an
                // empty list with it (RFC 7515 section 4.1.11).
                "crit" => return Err(extension(name, header)),
                // An unencoded payload is no JWT (RFC 7797 section 7).
                "b64" if value.as_bool() != Some(true) => return Err(extension(name, header)),
                // Here `null` is not absence: the header belongs to the token, and software that
                // knows the parameters made it.
                _ if value.is_null() => return Err(wrong_type(name, value, "something else")),
                _ => {}
            }
        }
        if types == Types::AccessToken && !typed {
            return Err(types.mismatch("missing"));
        }
        let unknown = |found: Option<&str>| {
            let found = found.map_or_else(|| "missing".to_owned(), quoted);
            TokenError::Algorithm(Mismatch::new("alg", found, "a supported algorithm"))
        };
        Ok(Self {
            algorithm: algorithm.map_err(unknown)?,
            key_id,
        })
    }
}

/// Reads a parameter that must be a string.
fn text<'a>(name: &str, value: &'a Value<'_>) -> Result<&'a str, TokenError> {
    let text = value.as_str();
    text.ok_or_else(|| wrong_type(name, value, "a string"))
}

#[cold]
fn wrong_type(name: &str, value: &Value<'_>, expected: &str) -> TokenError {
    TokenError::Header(Mismatch::new(name, type_of(value), expected))
}

#[cold]
fn extension(name: &str, header: &Document<'_>) -> TokenError {
    let found = shown(header.raw([name]).unwrap_or_default());
    TokenError::Extension(Mismatch::new(name, found, "no extension"))
}

impl Types {
    /// Returns the error for a `typ` of another kind of token.
    #[cold]
    pub(super) fn mismatch(self, found: &str) -> TokenError {
        let expected = match self {
            Self::Usual => r#"none, "JWT" or "at+jwt""#,
            Self::AccessToken => r#""at+jwt""#,
            #[cfg(feature = "login")]
            Self::Login => r#"none, "JWT" or "logout+jwt""#,
        };
        TokenError::Type(Mismatch::new("typ", found, expected))
    }

    fn accept(self, typ: &str) -> bool {
        let is = |name: &str| typ.eq_ignore_ascii_case(name);
        match self {
            Self::Usual => is("JWT") || is("at+jwt") || is("application/at+jwt"),
            Self::AccessToken => is("at+jwt") || is("application/at+jwt"),
            #[cfg(feature = "login")]
            Self::Login => is("JWT") || is("logout+jwt") || is("application/logout+jwt"),
        }
    }
}
