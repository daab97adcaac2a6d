//! Every challenge reads, to a parser that nobody here wrote, as the scheme and realm it is of.
//!
//! `http-auth` knows no characters beyond ASCII in quoted strings. The fields hold them as UTF-8
//! (`obs-text` of RFC 9110 section 5.6.4), so each is read as `?` here, on both sides.

use super::through::{note, through};
use http::{HeaderValue, Request, header::AUTHORIZATION};
use http_auth::parse_challenges;
use tower_auth::{AccessRules, AuthLayer, Identity, Location, Rejection, Scheme, all_scopes, authenticated, verify_fn, rejection::Scope, api_key::{ApiKey, PresentedKey}, basic::{Basic, Credentials}, bearer::{Bearer, Token}};

/// The type of a detail says that it is the same for every request, so these are all.
const DETAILS: [&str; 6] = [
    "the token has expired",
    "",
    "\"quoted\", back\\slashed\\",
    "a\r\nSet-Cookie: b=c\0\x7f\u{85}",
    "é 普通话 \u{1f511}",
    "error=\"x\", realm=\"y\"",
];

/// The input is which detail, in one byte, then the realm, and behind `|` the scopes.
pub fn check(input: &[u8]) -> bool {
    let Some((first, text)) = input.split_first() else {
        return false;
    };
    let Ok(text) = std::str::from_utf8(text) else {
        return false;
    };
    let (realm, scopes) = text.split_once('|').unwrap_or((text, ""));
    let scopes = scopes.split(' ').map(Scope::new).filter_map(Result::ok);
    let scopes: Vec<_> = scopes.map(|scope| scope.to_string()).collect();
    let detail = DETAILS[usize::from(*first) % DETAILS.len()];
    let layer = layer(realm, &scopes, detail);

    for (authorization, status) in [
        (None, 401),
        (Some("Basic Og=="), 401),
        (Some("Bearer bad"), 401),
        (Some("Bearer ="), 400),
        (
            Some("Bearer good"),
            if scopes.is_empty() { 200 } else { 403 },
        ),
    ] {
        let mut request = Request::new(());
        if let Some(value) = authorization.map(HeaderValue::from_static) {
            request.headers_mut().insert(AUTHORIZATION, value);
        }
        let answer = through(&layer, request);
        assert_eq!(answer.status, status);
        let schemes: &[&str] = match status {
            401 => &["Basic", "Bearer", "ApiKey"],
            200 => &[],
            _ => &["Bearer"],
        };
        assert_eq!(answer.challenges.len(), schemes.len());
        for (line, scheme) in answer.challenges.iter().zip(schemes) {
            check_line(line, scheme, realm, &scopes.join(" "));
        }
    }
    true
}

fn layer(realm: &str, scopes: &[String], detail: &'static str) -> AuthLayer {
    let refuse = move || Err(Rejection::invalid().with_detail(detail));
    let tokens = verify_fn(move |token: Token| match token.as_bytes() {
        b"good" => Ok(Identity::new("user1")),
        _ => refuse(),
    });
    let users = verify_fn(move |_: Credentials| refuse());
    let keys = ApiKey::new(
        [Location::header("x-api-key")],
        verify_fn(move |key: PresentedKey| {
            note(key.as_bytes());
            refuse()
        }),
    );
    let rules = match scopes {
        [] => AccessRules::new().otherwise(authenticated()),
        scopes => AccessRules::new().otherwise(all_scopes(scopes)),
    };
    let schemes = Basic::new(realm.to_owned(), users)
        .or(Bearer::new(tokens))
        .or(keys);
    AuthLayer::new(schemes).realm(realm.to_owned()).rules(rules)
}

fn check_line(line: &HeaderValue, scheme: &str, realm: &str, scopes: &str) {
    let line = ascii(std::str::from_utf8(line.as_bytes()).unwrap());
    let challenges = parse_challenges(&line).unwrap_or_else(|error| panic!("{error}"));
    let [challenge] = &challenges[..] else {
        panic!("more than one challenge in {line}");
    };
    assert_eq!(challenge.scheme, scheme);
    let mut names: Vec<_> = challenge.params.iter().map(|(name, _)| *name).collect();
    let known = ["realm", "charset", "error", "error_description", "scope"];
    assert!(names.iter().all(|name| known.contains(name)), "{line}");
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), challenge.params.len(), "{line}");

    let param = |wanted| {
        let mut params = challenge.params.iter();
        params.find_map(|(name, value)| (*name == wanted).then(|| value.to_unescaped()))
    };
    // The one change that is documented: control characters become spaces.
    let documented = realm.replace(char::is_control, " ");
    assert_eq!(param("realm"), Some(ascii(&documented)));
    if let Some(named) = param("scope") {
        assert_eq!((scheme, named.as_str()), ("Bearer", scopes));
    }
}

fn ascii(text: &str) -> String {
    text.replace(|c: char| !c.is_ascii(), "?")
}
