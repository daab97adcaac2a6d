//! [`IdentityPaths`]: the claims that subject, roles and scopes are read from.

use super::{
    WrongType, present,
    read::{chosen_subject, roles, scopes, subject},
};
use crate::{
    ConfigError,
    identity::{ClaimPath, Names},
    json::{Document, Value},
    rejection::Mismatch,
};

/// The claims that an identity is read from: one rule for tokens, answers about tokens, ID tokens
/// and user information.
#[derive(Clone, Default)]
pub(crate) struct IdentityPaths {
    /// The first claim that is present is the subject. If there is no path, it is `sub`, as a
    /// string only.
    pub(crate) subjects: Vec<ClaimPath>,
    /// The claims that name the client of a token without a subject, in order.
    pub(crate) clients: Vec<ClaimPath>,
    /// The roles of all these claims add up.
    pub(crate) roles: Vec<ClaimPath>,
    /// The scopes of all these claims add up.
    pub(crate) scopes: Vec<ClaimPath>,
}

/// The subject of an identity, and its kind.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Subject<'a> {
    User(&'a str),
    Client(&'a str),
}

impl IdentityPaths {
    /// Returns every configured path.
    fn all(&self) -> impl Iterator<Item = &ClaimPath> {
        let subjects = self.subjects.iter().chain(&self.clients);
        subjects.chain(&self.roles).chain(&self.scopes)
    }

    /// Returns whether the subject, or a claim for roles or scopes, is absent.
    #[cfg(feature = "login")]
    pub(crate) fn lack_claims(&self, claims: &Document<'_>) -> bool {
        let is_absent = |path: &ClaimPath| present(claims.at(path.names())).is_none();
        let mut names = self.roles.iter().chain(&self.scopes);
        let has_no_subject = !self.subjects.is_empty() && self.subjects.iter().all(is_absent);
        has_no_subject || names.any(is_absent)
    }

    /// Checks that no path is empty.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        match self.all().all(|path| path.names().next().is_some()) {
            true => Ok(()),
            false => Err(ConfigError::new(
                "the path of a claim must have at least one name",
            )),
        }
    }

    /// Reads the subject.
    ///
    /// A claim that is absent, `null` or an empty string leaves the decision to the next one. A
    /// claim of the wrong type does not: the token is rejected.
    pub(crate) fn subject<'v>(
        &self,
        claims: &'v Document<'_>,
    ) -> Result<Subject<'v>, SubjectError> {
        if self.subjects.is_empty() {
            let sub = present(claims.named("sub"));
            let read = sub.map(subject).transpose();
            let read = read.map_err(|wrong| SubjectError::Type(wrong.of("sub", sub)))?;
            if let Some(user) = read.flatten() {
                return Ok(Subject::User(user));
            }
        }
        let first = |paths: &[ClaimPath]| {
            for path in paths {
                let read = chosen_subject(claims, path)
                    .map_err(|wrong| SubjectError::Type(wrong.of(path, claims.at(path.names()))))?;
                if read.is_some() {
                    return Ok(read);
                }
            }
            Ok(None)
        };
        if let Some(user) = first(&self.subjects)? {
            return Ok(Subject::User(user));
        }
        match first(&self.clients)? {
            Some(client) => Ok(Subject::Client(client)),
            None => Err(SubjectError::Missing(self.missing())),
        }
    }

    #[cold]
    fn missing(&self) -> Box<Mismatch> {
        let paths: Vec<_> = match self.subjects.as_slice() {
            [] => vec!["sub".to_owned()],
            paths => paths.iter().map(ToString::to_string).collect(),
        };
        let clients = self.clients.iter().map(ToString::to_string);
        let all: Vec<_> = paths.into_iter().chain(clients).collect();
        Mismatch::missing(all.join(" or "), "a subject")
    }

    /// Reads the roles.
    pub(crate) fn roles(&self, claims: &Document<'_>) -> Result<Names, Box<Mismatch>> {
        names(&self.roles, claims, roles)
    }

    /// Reads the scopes.
    pub(crate) fn scopes(&self, claims: &Document<'_>) -> Result<Names, Box<Mismatch>> {
        names(&self.scopes, claims, scopes)
    }
}

/// The reason for which there is no subject.
#[derive(Debug)]
pub(crate) enum SubjectError {
    Missing(Box<Mismatch>),
    Type(Box<Mismatch>),
}

/// Reads names at several paths, which add up. An absent claim adds none, and a claim of the wrong
/// type is an error.
fn names(
    paths: &[ClaimPath],
    claims: &Document<'_>,
    read: fn(&Value<'_>) -> Result<Names, WrongType>,
) -> Result<Names, Box<Mismatch>> {
    let mut all = Names::default();
    for (i, path) in paths.iter().enumerate() {
        let Some(claim) = present(claims.at(path.names())) else {
            continue;
        };
        let names = read(claim).map_err(|wrong| wrong.of(path, Some(claim)))?;
        match i {
            0 => all = names,
            _ => all.add_missing(&names),
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(paths: &[&'static str]) -> Vec<ClaimPath> {
        paths.iter().copied().map(ClaimPath::from).collect()
    }

    fn subject_of(of: &IdentityPaths, claims: &str) -> Result<String, &'static str> {
        let claims = Document::read(claims.as_bytes()).unwrap();
        match of.subject(&claims) {
            Ok(Subject::User(name)) => Ok(format!("user {name}")),
            Ok(Subject::Client(name)) => Ok(format!("client {name}")),
            Err(SubjectError::Missing(_)) => Err("missing"),
            Err(SubjectError::Type(_)) => Err("type"),
        }
    }

    #[test]
    fn the_first_claim_that_is_present_is_the_subject() {
        let of = IdentityPaths {
            clients: paths(&["client_id", "azp"]),
            ..IdentityPaths::default()
        };
        for (claims, expected) in [
            (r#"{"sub":"a","client_id":"c"}"#, Ok("user a")),
            (r#"{"sub":null,"client_id":"c","azp":"d"}"#, Ok("client c")),
            (r#"{"sub":"","azp":"d"}"#, Ok("client d")),
            (r#"{"client_id":7}"#, Ok("client 7")),
            (r#"{"sub":7,"client_id":"c"}"#, Err("type")),
            (r#"{"sub":["a"],"client_id":"c"}"#, Err("type")),
            (r#"{"sub":"a\u0000","client_id":"c"}"#, Err("type")),
            (r#"{"client_id":{},"azp":"d"}"#, Err("type")),
            (r#"{}"#, Err("missing")),
        ] {
            assert_eq!(
                subject_of(&of, claims).as_deref(),
                expected.as_deref(),
                "{claims}"
            );
        }
        let users = IdentityPaths {
            subjects: paths(&["uid", "sub"]),
            ..IdentityPaths::default()
        };
        let both = r#"{"uid":7,"sub":"a"}"#;
        assert_eq!(subject_of(&users, both).as_deref(), Ok("user 7"));
        assert_eq!(
            subject_of(&users, r#"{"sub":"a"}"#).as_deref(),
            Ok("user a")
        );
        assert_eq!(subject_of(&users, r#"{"client_id":"c"}"#), Err("missing"));
    }

    #[test]
    fn names_of_several_claims_add_up_without_repetition() {
        let of = IdentityPaths {
            roles: vec!["a".into(), ["b", "c"].into(), "d".into()],
            scopes: paths(&["scope", "permissions"]),
            ..IdentityPaths::default()
        };
        let text = r#"{"a":["x","y"],"b":{"c":["y","z"]},"d":null,
            "scope":"r w","permissions":["w","x y"]}"#;
        let claims = Document::read(text.as_bytes()).unwrap();
        let list = |names: Names| {
            let facts = crate::identity::Facts {
                roles: names,
                ..crate::identity::Facts::default()
            };
            let identity = crate::Identity::from(facts);
            identity.roles().map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(list(of.roles(&claims).unwrap()), ["x", "y", "z"]);
        assert_eq!(list(of.scopes(&claims).unwrap()), ["r", "w", "x y"]);
        let claims = Document::read(br#"{"a":["x"],"d":7}"#).unwrap();
        let wrong = of.roles(&claims).err().unwrap();
        assert_eq!((&*wrong.name, &*wrong.found), ("d", "a number"));
    }
}
