use super::*;
use crate::{
    Identity, RejectionKind, api_key::ApiKeys, credential::Place, scheme::authenticate, verify_fn,
};
use http::{HeaderMap, Request};

/// A store with the keys of `user1` and `user2`.
fn keys() -> (ApiKeys, String, String) {
    let keys = ApiKeys::new();
    let one = keys.create("acme", Identity::new("user1")).unwrap();
    let two = keys.create("acme", Identity::new("user2")).unwrap();
    (keys, one.expose().to_owned(), two.expose().to_owned())
}

fn head(uri: &str, fields: &[(&str, &[u8])]) -> Parts {
    let mut request = Request::get(uri);
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

/// The result as the layer reads it.
fn judge(scheme: &impl Scheme, head: &Parts) -> Result<(Place, Identity), RejectionKind> {
    let (place, result) = authenticate(scheme, head).ok_or(RejectionKind::Missing)?;
    let identity = result.map_err(|rejection| rejection.kind())?;
    Ok((place, identity))
}

#[test]
fn a_key_is_found_and_says_whose_it_is() {
    let (keys, one, two) = keys();
    let scheme = ApiKey::header("X-API-Key", keys);
    for (key, user) in [(one, "user1"), (two, "user2")] {
        let head = head("/", &[("x-api-key", key.as_bytes())]);
        let (place, identity) = judge(&scheme, &head).unwrap();
        assert_eq!((place, identity.subject()), (Place::Header, user));
    }
}

#[test]
fn what_cannot_be_a_key_is_malformed_and_never_judged() {
    let scheme = ApiKey::header(
        "x-api-key",
        verify_fn(|_: PresentedKey| -> Result<Identity, Rejection> { panic!("judged") }),
    );
    let long = [b'a'; MAX_SIZE + 1];
    for value in [
        &b""[..],
        b"a b",
        b"a\tb",
        b"\xff",
        "a\u{e9}".as_bytes(),
        b"a, b",
        &long,
    ] {
        let head = head("/", &[("x-api-key", value)]);
        assert_eq!(
            judge(&scheme, &head).unwrap_err(),
            RejectionKind::Malformed,
            "{value:?}"
        );
    }
}

#[test]
fn any_visible_ascii_up_to_the_bound_is_for_the_verifier() {
    let scheme = ApiKey::header(
        "x-api-key",
        verify_fn(|_: PresentedKey| Ok(Identity::new("user1"))),
    );
    let visible: Vec<u8> = (b'!'..=b'~').collect();
    for value in [&visible[..], &[b'a'; MAX_SIZE], b"a"] {
        judge(&scheme, &head("/", &[("x-api-key", value)])).unwrap();
    }
}

#[test]
fn a_decoded_parameter_keeps_to_the_same_form() {
    let scheme = ApiKey::new(
        [Location::query("api_key")],
        verify_fn(|key: PresentedKey| Ok(Identity::new(String::from_utf8_lossy(key.as_bytes())))),
    );
    let judge = |query: &str| judge(&scheme, &head(&format!("/?{query}"), &[]));
    assert_eq!(judge("api_key=a%2Bb").unwrap().1.subject(), "a+b");
    for query in [
        "api_key=a+b",
        "api_key=a%00b",
        "api_key=a%0d%0ab",
        "api_key=",
        "api_key",
        "api_key=%",
        "api_key=%zz",
        "api_key=%ff",
    ] {
        assert_eq!(
            judge(query).unwrap_err(),
            RejectionKind::Malformed,
            "{query}"
        );
    }
}

#[test]
fn every_401_has_a_challenge_and_nothing_else_has() {
    let scheme = ApiKey::header("x-api-key", ApiKeys::new()).realm("keys");
    for (rejection, challenged) in [
        (Rejection::missing(), true),
        (Rejection::invalid().with_scheme("Basic"), true),
        (Rejection::invalid().with_scheme("ApiKey"), true),
        (Rejection::insufficient_authentication(), true),
        (Rejection::malformed().with_scheme("ApiKey"), false),
        (Rejection::forbidden(), false),
        (Rejection::unavailable("down"), false),
    ] {
        let mut headers = HeaderMap::new();
        scheme.challenge(&rejection, &mut Challenges::new("layer", &mut headers));
        let value = headers.get("www-authenticate");
        let expected = challenged.then_some(r#"ApiKey realm="keys""#);
        assert_eq!(value.map(|value| value.to_str().unwrap()), expected);
    }
}

#[test]
fn the_layers_realm_serves_where_there_is_no_own() {
    let (keys, ..) = keys();
    let scheme = ApiKey::header("x-api-key", keys);
    let mut headers = HeaderMap::new();
    scheme.challenge(
        &Rejection::missing(),
        &mut Challenges::new("layer", &mut headers),
    );
    assert_eq!(headers["www-authenticate"], r#"ApiKey realm="layer""#);
    assert!(Scheme::realm(&scheme).is_none());
    let own = scheme.realm("own");
    assert_eq!(Scheme::realm(&own).as_deref(), Some("own"));
}

/// What other software says a request means; see the folder's own README.
#[test]
fn the_shared_vectors_are_read_as_they_should_be() {
    let file =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/vectors/api_key.jsonl");
    let Ok(text) = std::fs::read_to_string(&file) else {
        eprintln!("skipped: {} is absent", file.display());
        return;
    };
    let (keys, one, two) = keys();
    let unknown = "dW5rbm93bi10b2tlbg.dW5rbm93bi10b2tlbg";
    let swapped: String = one
        .chars()
        .map(|c| {
            if c.is_ascii_lowercase() {
                c.to_ascii_uppercase()
            } else {
                c.to_ascii_lowercase()
            }
        })
        .collect();
    let fill = |text: &str| {
        text.replace("{K:swapcase}", &swapped)
            .replace("{K2}", &two)
            .replace("{K}", &one)
            .replace("{X}", unknown)
    };
    let mut cases = 0;
    for line in text.lines() {
        let case: serde_json::Value = serde_json::from_str(line).unwrap();
        let text = |key: &str| case[key].as_str().map(fill);
        let name = text("name").unwrap();
        let locations = case["config"].as_array().unwrap().iter().map(|config| {
            match config.as_str().unwrap().split_once(':').unwrap() {
                ("header", name) => Location::header(name),
                ("query", name) => Location::query(name),
                ("cookie", name) => Location::cookie(name),
                ("authorization", name) => Location::authorization(name),
                other => panic!("{name}: {other:?}"),
            }
        });
        let scheme = ApiKey::new(locations, keys.clone());
        let block = text("block").unwrap();
        let fields: Vec<_> = block
            .split("\r\n")
            .map(|line| line.split_once(':').unwrap())
            // The wire is Latin-1: one byte per character.
            .map(|(name, value)| (name, value.trim().chars().map(|c| c as u8).collect()))
            .collect::<Vec<(&str, Vec<u8>)>>();
        let fields: Vec<_> = fields.iter().map(|(n, v)| (*n, v.as_slice())).collect();
        let uri = format!("/?{}", text("query").unwrap_or_default());
        let answer = judge(&scheme, &head(&uri, &fields));
        match (case["expect"].as_str().unwrap(), case["prefer"].as_str()) {
            ("accept", _) => {
                let user = text("client").unwrap_or_else(|| "user1".into());
                let (_, identity) = answer.expect(&name);
                assert_eq!(identity.subject(), user, "{name}");
            }
            ("reject", _) | ("either", Some("reject")) => assert!(answer.is_err(), "{name}"),
            _ => {}
        }
        cases += 1;
    }
    assert!(cases >= 17, "{cases} cases");
}
