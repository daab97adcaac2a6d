use super::*;
use crate::{Identity, RejectionKind, credential::Place, scheme::authenticate, verify_fn};
use http::{HeaderMap, Request};

const GOOD: &str = "dGhl.Z29vZA.dG9rZW4";
const UNKNOWN: &str = "dW5r.bm93bg.dG9rZW4";

fn bearer() -> Bearer<impl Verify<Token>> {
    Bearer::new(verify_fn(|token: Token| {
        if token.as_str() == GOOD {
            Ok(Identity::new("user1"))
        } else {
            Err(Rejection::invalid())
        }
    }))
}

fn head(uri: &str, fields: &[(&str, &str)]) -> Parts {
    let mut request = Request::get(uri);
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

/// The result as the layer reads it.
fn outcome(scheme: &impl Scheme, head: &Parts) -> Result<(Place, Identity), RejectionKind> {
    let (place, result) = authenticate(scheme, head).ok_or(RejectionKind::Missing)?;
    let identity = result.map_err(|rejection| rejection.kind())?;
    Ok((place, identity))
}

#[track_caller]
fn accepted(scheme: &impl Scheme, head: &Parts, place: Place) {
    let (found, identity) = outcome(scheme, head).unwrap();
    assert_eq!((found, identity.subject()), (place, "user1"));
}

#[test]
fn the_scheme_is_case_insensitive_and_the_token_is_not() {
    for name in ["Bearer", "bearer", "BEARER", "bEaReR"] {
        let value = format!("{name} {GOOD}");
        let head = head("/", &[("authorization", &value)]);
        accepted(&bearer(), &head, Place::Authorization);
    }
    let value = format!("Bearer {}", GOOD.to_lowercase());
    let head = head("/", &[("authorization", &value)]);
    assert_eq!(
        outcome(&bearer(), &head).unwrap_err(),
        RejectionKind::Invalid
    );
}

#[test]
fn no_token_is_looked_for_where_none_is_configured() {
    let head = head(
        &format!("/?access_token={GOOD}"),
        &[
            ("cookie", &format!("access_token={GOOD}")),
            ("proxy-authorization", &format!("Bearer {GOOD}")),
            ("x-authorization", &format!("Bearer {GOOD}")),
        ],
    );
    assert!(bearer().find(&head).is_nothing());
    assert!(authenticate(&bearer(), &head).is_none());
}

#[test]
fn configured_locations_replace_the_field() {
    let bearer = bearer().locations([
        Location::query("access_token"),
        Location::cookie("access_token"),
        Location::websocket_protocol("bearer."),
    ]);
    let value = format!("Bearer {GOOD}");
    assert!(
        bearer
            .find(&head("/", &[("authorization", &value)]))
            .is_nothing()
    );
    let query = format!("/?access_token={GOOD}");
    accepted(&bearer, &head(&query, &[]), Place::Query);
    let cookie = format!("access_token={GOOD}");
    accepted(&bearer, &head("/", &[("cookie", &cookie)]), Place::Cookie);
    let protocols = format!("chat, bearer.{GOOD}");
    let upgrade = head("/", &[("sec-websocket-protocol", &protocols)]);
    accepted(&bearer, &upgrade, Place::WebSocketProtocol);
}

#[test]
fn two_explicit_tokens_are_refused_unjudged_even_if_they_are_the_same() {
    let bearer = Bearer::new(verify_fn(|_: Token| -> Result<Identity, Rejection> {
        panic!("nothing may be judged")
    }))
    .locations([
        Location::authorization("Bearer"),
        Location::query("access_token"),
    ]);
    let value = format!("Bearer {GOOD}");
    let both = head(
        &format!("/?access_token={GOOD}"),
        &[("authorization", &value)],
    );
    assert!(bearer.find(&both).is_ambiguous());
    let rejection = authenticate(&bearer, &both).unwrap().1.unwrap_err();
    assert_eq!(rejection.kind(), RejectionKind::Malformed);
}

#[test]
fn a_token_beyond_the_bound_is_malformed_and_never_judged() {
    let long = "a".repeat(MAX_TOKEN_SIZE + 1);
    let bearer = Bearer::new(verify_fn(|_: Token| Ok(Identity::new("user1"))));
    let at_most = head("/", &[("authorization", &format!("Bearer {}", &long[1..]))]);
    accepted(&bearer, &at_most, Place::Authorization);
    let beyond = head("/", &[("authorization", &format!("Bearer {long}"))]);
    assert_eq!(
        outcome(&bearer, &beyond).unwrap_err(),
        RejectionKind::Malformed
    );
    assert_eq!(
        outcome(&bearer.max_token_bytes(8), &at_most).unwrap_err(),
        RejectionKind::Malformed
    );
    let bearer = Bearer::new(verify_fn(|_: Token| Ok(Identity::new("user1"))));
    let rejection = authenticate(&bearer, &beyond).unwrap().1.unwrap_err();
    let why = std::error::Error::source(&rejection).unwrap().to_string();
    assert!(why.contains("Bearer::max_token_bytes"), "{why}");
}

#[test]
fn its_own_realm_is_in_the_challenge_and_with_the_identity() {
    let bearer = bearer().realm("a \"realm\"");
    assert_eq!(Scheme::realm(&bearer).as_deref(), Some("a \"realm\""));
    let mut headers = HeaderMap::new();
    bearer.challenge(
        &Rejection::missing(),
        &mut Challenges::new("layer", &mut headers),
    );
    assert_eq!(headers["www-authenticate"], r#"Bearer realm="a \"realm\"""#);
}

#[test]
fn the_layers_realm_serves_where_there_is_no_own() {
    let mut headers = HeaderMap::new();
    bearer().challenge(
        &Rejection::missing(),
        &mut Challenges::new("layer", &mut headers),
    );
    assert_eq!(headers["www-authenticate"], r#"Bearer realm="layer""#);
}

#[test]
fn a_verifiers_outage_stays_an_outage() {
    let bearer = Bearer::new(verify_fn(|_: Token| -> Result<Identity, Rejection> {
        Err(Rejection::unavailable("down"))
    }));
    let head = head("/", &[("authorization", "Bearer abc")]);
    assert_eq!(
        outcome(&bearer, &head).unwrap_err(),
        RejectionKind::Unavailable
    );
}

/// What other software and the RFCs say a request means; see the folder's own README.
#[test]
fn the_shared_vectors_are_read_as_they_should_be() {
    let file =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/vectors/bearer.jsonl");
    let Ok(text) = std::fs::read_to_string(&file) else {
        eprintln!("skipped: {} is absent", file.display());
        return;
    };
    let fill = |text: &str| text.replace("{T}", GOOD).replace("{X}", UNKNOWN);
    let mut cases = 0;
    for line in text.lines() {
        let case: serde_json::Value = serde_json::from_str(line).unwrap();
        let text = |key: &str| case[key].as_str().map(fill);
        let name = text("name").unwrap();
        if text("requires").is_some() {
            // Query tokens have a test above; forms are never read.
            continue;
        }
        let block =
            text("block").unwrap_or_else(|| format!("Authorization: {}", text("header").unwrap()));
        let fields: Vec<_> = block
            .split("\r\n")
            .map(|line| line.split_once(':').unwrap())
            .map(|(name, value)| (name, value.trim()))
            .collect();
        let uri = format!("/?{}", text("query").unwrap_or_default());
        let answer = outcome(&bearer(), &head(&uri, &fields));
        let kind = answer.as_ref().err().copied();
        match (case["expect"].as_str().unwrap(), case["prefer"].as_str()) {
            ("accept", _) => assert_eq!(kind, None, "{name}"),
            ("reject", _) | ("either", Some("reject")) => assert!(kind.is_some(), "{name}"),
            _ => {}
        }
        if let (Some(allowed), Some(kind)) = (case["status"].as_array(), kind) {
            let status = kind.status().as_u16();
            assert!(allowed.iter().any(|s| s == status), "{name}: {status}");
        }
        if case["error"] == "invalid_token" {
            assert_eq!(kind, Some(RejectionKind::Invalid), "{name}");
        }
        cases += 1;
    }
    assert!(cases >= 20, "{cases} cases");
}
