//! The JOSE header (RFC 7515 section 4).

use super::{Algorithm, TokenError};
use crate::json::Document;

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
        let mut algorithm = None;
        let mut key_id = None;
        let mut typed = false;
        for (name, value) in header.iter() {
            match name {
                "alg" => {
                    let name = value.as_str().ok_or(TokenError::Header)?;
                    algorithm = Algorithm::named(name);
                }
                // A string, or it identifies nothing (RFC 7515 section 4.1.4).
                "kid" => key_id = Some(value.as_str().ok_or(TokenError::Header)?),
                "typ" => {
                    let typ = value.as_str().ok_or(TokenError::Header)?;
                    if !types.accept(typ) {
                        return Err(TokenError::Type);
                    }
                    typed = true;
                }
                // No extension is understood, so that whatever is critical is refused, and an
                // empty list with it (RFC 7515 section 4.1.11).
                "crit" => return Err(TokenError::Extension),
                // An unencoded payload is no JWT (RFC 7797 section 7).
                "b64" if value.as_bool() != Some(true) => return Err(TokenError::Extension),
                // Here `null` is not absence: the header belongs to the token, and software that
                // knows the parameters made it.
                _ if value.is_null() => return Err(TokenError::Header),
                _ => {}
            }
        }
        if types == Types::AccessToken && !typed {
            return Err(TokenError::Type);
        }
        Ok(Self {
            algorithm: algorithm.ok_or(TokenError::Algorithm)?,
            key_id,
        })
    }
}

impl Types {
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
