//! The challenge of bearer tokens (RFC 6750 section 3, RFC 9470 section 3, RFC 9728 section 5.1).

use crate::{
    Rejection, RejectionKind,
    rejection::{Challenge, Scope},
};

/// The name of the scheme.
pub(super) const NAME: &str = "Bearer";

/// Returns the challenge for a rejection, if it has one, with the name of the scheme in the field.
pub(super) fn challenge(
    name: &str,
    realm: &str,
    resource_metadata: Option<&str>,
    rejection: &Rejection,
) -> Option<Challenge> {
    let is_own = rejection.scheme() == Some(NAME);
    let kind = rejection.kind();
    let mut scopes = rejection.scopes();
    // RFC 6750 section 3.1, RFC 9470 section 3. A policy has no scheme. The rejections of another
    // scheme have no error code.
    let error = match kind {
        RejectionKind::Missing => None,
        RejectionKind::Invalid => is_own.then_some("invalid_token"),
        RejectionKind::InsufficientAuthentication => {
            is_own.then_some("insufficient_user_authentication")
        }
        RejectionKind::Malformed if is_own => {
            scopes = &[];
            Some("invalid_request")
        }
        RejectionKind::Forbidden
            if !scopes.is_empty() && (is_own || rejection.scheme().is_none()) =>
        {
            Some("insufficient_scope")
        }
        RejectionKind::Malformed
        | RejectionKind::Forbidden
        | RejectionKind::TooMany
        | RejectionKind::Unavailable
        | RejectionKind::NoAuthLayer
        | RejectionKind::Internal => return None,
    };
    let mut challenge = Challenge::new(name).param("realm", realm);
    if let Some(error) = error {
        challenge = challenge.param("error", error);
        if is_own {
            challenge = challenge.param("error_description", &description(rejection.detail()));
        }
    }
    if let Some(max_age) = rejection.max_age()
        && kind == RejectionKind::InsufficientAuthentication
    {
        challenge = challenge.param("max_age", &max_age.as_secs().to_string());
    }
    if !scopes.is_empty() {
        challenge = challenge.param("scope", &list(scopes));
    }
    if let Some(url) = resource_metadata {
        challenge = challenge.param("resource_metadata", url);
    }
    Some(challenge)
}

/// `scope` is one string, its values separated by a space (RFC 6749 section 3.3).
fn list(scopes: &[Scope]) -> String {
    let names: Vec<_> = scopes.iter().map(Scope::as_str).collect();
    names.join(" ")
}

/// The text in the characters that `error_description` may hold: %x20-21 / %x23-5B / %x5D-7E.
fn description(detail: &str) -> String {
    let allowed = detail.chars().map(|c| match c {
        '"' => '\'',
        ' '..='!' | '#'..='[' | ']'..='~' => c,
        _ => ' ',
    });
    allowed.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(rejection: &Rejection, expected: Option<&str>) {
        let value = challenge("Bearer", "api", None, rejection).map(Challenge::into_value);
        assert_eq!(
            value.as_ref().map(|value| value.to_str().unwrap()),
            expected
        );
    }

    fn scopes() -> [Scope; 2] {
        [
            Scope::new("read").unwrap(),
            Scope::new("write:all").unwrap(),
        ]
    }

    #[test]
    fn without_a_token_there_is_no_error_code() {
        check(&Rejection::missing(), Some(r#"Bearer realm="api""#));
        check(
            &Rejection::missing().with_scopes(scopes()),
            Some(r#"Bearer realm="api", scope="read write:all""#),
        );
    }

    #[test]
    fn a_refused_token_is_told_why() {
        check(
            &Rejection::invalid()
                .with_detail("the token has expired")
                .with_scheme("Bearer"),
            Some(
                r#"Bearer realm="api", error="invalid_token", error_description="the token has expired""#,
            ),
        );
        check(
            &Rejection::insufficient_authentication().with_scheme("Bearer"),
            Some(
                r#"Bearer realm="api", error="insufficient_user_authentication", error_description="a stronger or more recent login is required""#,
            ),
        );
        check(
            &Rejection::malformed().with_scheme("Bearer"),
            Some(
                r#"Bearer realm="api", error="invalid_request", error_description="the credentials are malformed or ambiguous""#,
            ),
        );
    }

    #[test]
    fn what_another_scheme_refused_has_no_error_code() {
        for scheme in ["Basic", "", "bearer"] {
            check(
                &Rejection::invalid().with_scheme(scheme),
                Some(r#"Bearer realm="api""#),
            );
            check(&Rejection::malformed().with_scheme(scheme), None);
            check(
                &Rejection::insufficient_scope(scopes()).with_scheme(scheme),
                None,
            );
        }
        check(&Rejection::malformed(), None);
    }

    #[test]
    fn missing_scopes_are_named() {
        let expected = r#"Bearer realm="api", error="insufficient_scope", scope="read write:all""#;
        check(&Rejection::insufficient_scope(scopes()), Some(expected));
    }

    #[test]
    fn a_refusal_for_want_of_anything_but_scopes_has_no_challenge() {
        check(&Rejection::forbidden(), None);
        check(&Rejection::forbidden().with_scheme("Bearer"), None);
    }

    #[test]
    fn what_is_not_about_credentials_has_no_challenge() {
        for rejection in [
            Rejection::too_many(std::time::Duration::from_secs(1)),
            Rejection::unavailable("down"),
            Rejection::no_auth_layer(),
            Rejection::internal("a bug"),
        ] {
            check(&rejection.with_scheme("Bearer"), None);
        }
    }

    #[test]
    fn every_challenge_says_where_the_metadata_is() {
        let url = "https://a.example/.well-known/oauth-protected-resource";
        let scoped = Rejection::invalid()
            .with_scheme("Bearer")
            .with_scopes(scopes());
        for (rejection, expected) in [
            (Rejection::missing(), "Bearer realm=\"api\""),
            (
                scoped,
                r#"Bearer realm="api", error="invalid_token", error_description="the credentials are not valid", scope="read write:all""#,
            ),
            (
                Rejection::insufficient_scope(scopes()),
                r#"Bearer realm="api", error="insufficient_scope", scope="read write:all""#,
            ),
        ] {
            let challenge = challenge("Bearer", "api", Some(url), &rejection).unwrap();
            let expected = format!(r#"{expected}, resource_metadata="{url}""#);
            assert_eq!(challenge.into_value(), expected);
        }
    }

    #[test]
    fn a_description_keeps_to_its_characters() {
        assert_eq!(description("a \"b\" \\ c\té~"), "a 'b'   c  ~");
    }
}
