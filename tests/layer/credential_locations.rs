//! The locations of credentials and the choice between several, through schemes and without HTTP.

use crate::common::Probe;
use http::{HeaderValue, Request, Uri, request::Parts};
use http_body_util::Empty;
use proptest::prelude::*;
use std::{
    future::Future,
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
};
use tower::{Layer, Service};
use tower_auth::{
    AuthLayer, Identity, Location, Rejection, Scheme,
    api_key::{ApiKey, PresentedKey},
    bearer::{Bearer, Token},
    credential::{Credential, Found, Place},
    scheme::Schemes,
    verify_fn,
};

/// What a scheme makes of a request.
#[derive(Debug, PartialEq)]
enum Reading {
    Nothing,
    /// More than one, and none of them judged.
    Ambiguous,
    /// One, which was refused before it was judged.
    Malformed(Place),
    /// One, and what the verifier got.
    One(Place, String),
}

use Reading::{Ambiguous, Malformed, Nothing, One};

fn one(place: Place, credential: &str) -> Reading {
    One(place, credential.into())
}

type Seen = Arc<Mutex<Vec<String>>>;

/// A scheme of these locations that notes what its verifier sees.
fn keys(seen: &Seen, locations: impl Into<Vec<Location>>) -> Box<dyn Scheme> {
    let seen = seen.clone();
    let note = verify_fn(move |key: PresentedKey| -> Result<Identity, Rejection> {
        let text = String::from_utf8(key.as_bytes().to_vec()).unwrap();
        seen.lock().unwrap().push(text);
        Ok(Identity::new("42"))
    });
    Box::new(ApiKey::new(locations.into(), note))
}

/// Reads a request through a layer of these schemes, which are made twice.
fn read_by(schemes: impl Fn() -> Schemes, seen: &Seen, head: &Parts) -> Reading {
    let found = schemes().iter().fold(Found::nothing(), |found, scheme| {
        found.and(scheme.find(head))
    });
    let probe = Probe::new();
    let layer = AuthLayer::new(schemes()).dangerous_allow_cross_site_requests();
    let mut service = layer.layer(probe.clone());
    let request = Request::from_parts(head.clone(), Empty::<bytes::Bytes>::new());
    let mut cx = Context::from_waker(Waker::noop());
    let ready = Service::<Request<Empty<bytes::Bytes>>>::poll_ready(&mut service, &mut cx);
    assert!(ready.is_ready());
    let mut answer = Box::pin(service.call(request));
    let Poll::Ready(answer) = answer.as_mut().poll(&mut cx) else {
        panic!("nothing has to be awaited");
    };
    let answer = answer.unwrap();
    let mut seen = std::mem::take(&mut *seen.lock().unwrap());
    assert!(seen.len() <= 1, "one request, one credential: {seen:?}");
    assert_eq!(answer.status() == 200, !seen.is_empty());
    match (found.place(), seen.pop()) {
        (None, None) => Nothing,
        (Some(_), None) if found.is_ambiguous() => Ambiguous,
        (Some(place), None) => Malformed(place),
        (Some(place), Some(credential)) => {
            let identity = probe.last().extensions.get::<Identity>().cloned().unwrap();
            assert_eq!(identity.place(), Some(place));
            assert!(found.credential().is_some());
            One(place, credential)
        }
        (None, Some(credential)) => panic!("{credential:?} was verified but not found"),
    }
}

fn read(locations: impl Into<Vec<Location>>, head: &Parts) -> Reading {
    let seen = Seen::default();
    let locations = locations.into();
    read_by(|| keys(&seen, locations.clone()).into(), &seen, head)
}

fn head(uri: &str, fields: &[(&str, &str)]) -> Parts {
    let mut request = Request::get(uri);
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

fn every_location() -> Vec<Location> {
    vec![
        Location::authorization("ApiKey"),
        Location::header("x-api-key"),
        Location::query("api_key"),
        Location::websocket_protocol("key."),
        Location::cookie("api_key"),
        Location::cookie("old_api_key"),
    ]
}

type Fields = Vec<(&'static str, &'static str)>;

/// Requests that fill one place each.
fn filled() -> [(Place, &'static str, Fields); 5] {
    [
        (
            Place::Authorization,
            "/",
            vec![("authorization", "ApiKey K")],
        ),
        (Place::Header, "/", vec![("x-api-key", "K")]),
        (Place::Query, "/?api_key=K", vec![]),
        (
            Place::WebSocketProtocol,
            "/",
            vec![("sec-websocket-protocol", "key.K")],
        ),
        (Place::Cookie, "/", vec![("cookie", "api_key=K")]),
    ]
}

#[test]
fn every_location_is_read() {
    for (place, uri, fields) in filled() {
        assert_eq!(read(every_location(), &head(uri, &fields)), one(place, "K"));
    }
}

#[test]
fn two_explicit_places_are_ambiguous_and_a_cookie_yields() {
    for (place, uri, fields) in filled() {
        for (other, other_uri, other_fields) in filled() {
            if place == other {
                continue;
            }
            let uri = if uri == "/" { other_uri } else { uri };
            let fields = [fields.clone(), other_fields].concat();
            let expected = match (place, other) {
                (Place::Cookie, explicit) | (explicit, Place::Cookie) => one(explicit, "K"),
                _ => Ambiguous,
            };
            let reading = read(every_location(), &head(uri, &fields));
            assert_eq!(reading, expected, "{place:?} and {other:?}");
        }
    }
}

#[test]
fn a_cookie_yields_at_any_position_in_the_order() {
    let cookie = Location::cookie("api_key");
    let header = Location::header("x-api-key");
    let head = head("/", &[("cookie", "api_key=C"), ("x-api-key", "H")]);
    for locations in [[cookie.clone(), header.clone()], [header, cookie]] {
        assert_eq!(read(locations, &head), one(Place::Header, "H"));
    }
}

#[test]
fn a_bad_explicit_credential_does_not_fall_back_to_a_cookie() {
    let fields = [("x-api-key", ""), ("cookie", "api_key=K")];
    let reading = read(every_location(), &head("/", &fields));
    assert_eq!(reading, Malformed(Place::Header));
    let reading = read(every_location(), &head("/?api_key=%zz", &fields[1..]));
    assert_eq!(reading, Malformed(Place::Query));
}

#[test]
fn two_explicit_places_with_a_cookie_beside_them_stay_ambiguous() {
    for cookie_first in [true, false] {
        let mut locations = every_location();
        if cookie_first {
            locations.reverse();
        }
        let fields = [("x-api-key", "K"), ("cookie", "api_key=K")];
        let reading = read(locations, &head("/?api_key=K", &fields));
        assert_eq!(reading, Ambiguous);
    }
}

#[test]
fn the_first_of_two_cookies_in_configured_order_is_used() {
    let head = head("/", &[("cookie", "old_api_key=B; api_key=A")]);
    let new = Location::cookie("api_key");
    let old = Location::cookie("old_api_key");
    assert_eq!(
        read([new.clone(), old.clone()], &head),
        one(Place::Cookie, "A")
    );
    assert_eq!(read([old, new], &head), one(Place::Cookie, "B"));
}

#[test]
fn a_location_filled_twice_is_ambiguous_even_with_the_same_credential() {
    for (uri, fields) in [
        ("/", &[("x-api-key", "K"), ("x-api-key", "K")][..]),
        ("/", &[("x-api-key", ""), ("X-API-Key", "K")]),
        ("/?api_key=K&api_key=K", &[]),
        ("/?api_key=K&api%5Fkey=K", &[]),
        ("/?api_key&api_key=K", &[]),
        ("/", &[("cookie", "api_key=K; api_key=K")]),
        ("/", &[("cookie", "api_key=K"), ("cookie", "api_key=K")]),
        ("/", &[("cookie", "api_key=K; a=b;api_key=")]),
        ("/", &[("sec-websocket-protocol", "key.K, key.K")]),
        (
            "/",
            &[
                ("sec-websocket-protocol", "key.K"),
                ("sec-websocket-protocol", "key."),
            ],
        ),
        (
            "/",
            &[("authorization", "ApiKey K"), ("authorization", "ApiKey K")],
        ),
    ] {
        let reading = read(every_location(), &head(uri, fields));
        assert_eq!(reading, Ambiguous, "{uri} {fields:?}");
    }
}

#[test]
fn an_authorization_of_another_scheme_beside_the_own_is_ambiguous() {
    for other in ["Basic dTpw", "", "ApiKeyX K", "junk"] {
        let own = ("authorization", "ApiKey K");
        let other = ("authorization", other);
        for fields in [[own, other], [other, own]] {
            let reading = read(every_location(), &head("/", &fields));
            assert_eq!(reading, Ambiguous, "{fields:?}");
        }
    }
}

#[test]
fn an_authorization_is_claimed_by_its_scheme_alone() {
    for (value, expected) in [
        ("ApiKey K", one(Place::Authorization, "K")),
        ("apikey K", one(Place::Authorization, "K")),
        ("APIKEY    K", one(Place::Authorization, "K")),
        ("ApiKey", Malformed(Place::Authorization)),
        ("ApiKey ", Malformed(Place::Authorization)),
        ("ApiKey K L", Malformed(Place::Authorization)),
        ("ApiKey K, Basic dTpw", Malformed(Place::Authorization)),
        ("ApiKey\tK", Nothing),
        ("ApiKeyK", Nothing),
        ("ApiKey=K", Nothing),
        ("Basic K", Nothing),
        ("K", Nothing),
        (" ApiKey K", Nothing),
        ("", Nothing),
    ] {
        let reading = read(every_location(), &head("/", &[("authorization", value)]));
        assert_eq!(reading, expected, "{value:?}");
    }
}

#[test]
fn names_are_compared_as_a_whole() {
    for (uri, fields) in [
        ("/?xapi_key=K&api_keys=K&API_KEY=K&a=api_key", &[][..]),
        ("/api_key=K", &[]),
        ("/;api_key=K?a;api_key=K", &[]),
        ("/?api%5key=K&%=K", &[]),
        (
            "/",
            &[(
                "cookie",
                "xapi_key=K; api_keys=K; API_KEY=K; a=api_key=K; api_key",
            )],
        ),
        ("/", &[("cookie", "a=b, api_key=K")]),
        ("/", &[("cookie", "api_key =K")]),
        (
            "/",
            &[("set-cookie", "api_key=K"), ("cookie2", "api_key=K")],
        ),
        ("/", &[("x_api_key", "K"), ("x-api-key2", "K")]),
        ("/", &[("proxy-authorization", "ApiKey K")]),
        ("/", &[("sec-websocket-protocol", "Key.K, xkey.K, chat")]),
        ("/", &[("sec-websocket-extensions", "key.K")]),
    ] {
        let reading = read(every_location(), &head(uri, fields));
        assert_eq!(reading, Nothing, "{uri} {fields:?}");
    }
}

#[test]
fn a_cookie_is_read_at_any_position_in_the_field() {
    for (fields, expected) in [
        (&["a=b; api_key=K"][..], one(Place::Cookie, "K")),
        (&["api_key=K; a=b"], one(Place::Cookie, "K")),
        (&["a=b;api_key=K;c=d"], one(Place::Cookie, "K")),
        (&[" ;; ; api_key=K;"], one(Place::Cookie, "K")),
        (&["a=b", "api_key=K", "c=d"], one(Place::Cookie, "K")),
        (&["api_key=K=="], one(Place::Cookie, "K==")),
        // The quotes are part of the value (RFC 6265 section 4.1.1), and protect nothing.
        (&["api_key=\"K\""], one(Place::Cookie, "\"K\"")),
        (&["a=\"; api_key=K; \""], one(Place::Cookie, "K")),
        (&["api_key="], Malformed(Place::Cookie)),
        (&["api_key=K ; a=b"], Malformed(Place::Cookie)),
    ] {
        let fields: Vec<_> = fields.iter().map(|value| ("cookie", *value)).collect();
        let reading = read(every_location(), &head("/", &fields));
        assert_eq!(reading, expected, "{fields:?}");
    }
}

#[test]
fn a_parameter_is_decoded_once() {
    for (query, expected) in [
        ("api_key=K", one(Place::Query, "K")),
        ("a&api_key=K&b", one(Place::Query, "K")),
        ("%61pi%5fkey=%4B", one(Place::Query, "K")),
        ("api_key=a%2Bb%26c%3Dd", one(Place::Query, "a+b&c=d")),
        ("api_key=%2541", one(Place::Query, "%41")),
        ("api_key=K=L", one(Place::Query, "K=L")),
        ("api_key=K?L", one(Place::Query, "K?L")),
        ("api_key", Malformed(Place::Query)),
        ("api_key=", Malformed(Place::Query)),
        ("api_key=a+b", Malformed(Place::Query)),
        ("api_key=%", Malformed(Place::Query)),
        ("api_key=K%2", Malformed(Place::Query)),
        ("api_key=%zz", Malformed(Place::Query)),
        ("api_key=%ff", Malformed(Place::Query)),
        ("api_key=%0d%0aX", Malformed(Place::Query)),
    ] {
        let reading = read(every_location(), &head(&format!("/?{query}"), &[]));
        assert_eq!(reading, expected, "{query}");
    }
}

#[test]
fn a_subprotocol_is_read_after_its_prefix() {
    for (value, expected) in [
        ("key.K", one(Place::WebSocketProtocol, "K")),
        ("chat, key.K", one(Place::WebSocketProtocol, "K")),
        (" chat ,\tkey.K\t,v2", one(Place::WebSocketProtocol, "K")),
        (",,key.K,,", one(Place::WebSocketProtocol, "K")),
        ("key.key.K", one(Place::WebSocketProtocol, "key.K")),
        ("key.", Malformed(Place::WebSocketProtocol)),
        ("key. , chat", Malformed(Place::WebSocketProtocol)),
        ("key.a b", Malformed(Place::WebSocketProtocol)),
    ] {
        let reading = read(
            every_location(),
            &head("/", &[("sec-websocket-protocol", value)]),
        );
        assert_eq!(reading, expected, "{value:?}");
    }
}

#[test]
fn across_schemes_the_same_rules_hold() {
    let seen = Seen::default();
    for cookie_first in [true, false] {
        let schemes = || {
            let cookie = keys(&seen, [Location::cookie("api_key")]);
            let header = keys(&seen, [Location::header("x-api-key")]);
            let note = seen.clone();
            let bearer = Bearer::new(verify_fn(move |token: Token| {
                note.lock().unwrap().push(token.as_str().to_owned());
                Ok(Identity::new("42"))
            }));
            if cookie_first {
                cookie.or(header).or(bearer)
            } else {
                bearer.or(header).or(cookie)
            }
        };
        let read = |fields: &[(&str, &str)]| read_by(schemes, &seen, &head("/", fields));
        let cookie = ("cookie", "api_key=C");
        let header = ("x-api-key", "H");
        let token = ("authorization", "Bearer T");
        assert_eq!(read(&[]), Nothing);
        assert_eq!(read(&[cookie]), one(Place::Cookie, "C"));
        assert_eq!(read(&[header]), one(Place::Header, "H"));
        assert_eq!(read(&[token]), one(Place::Authorization, "T"));
        assert_eq!(read(&[cookie, header]), one(Place::Header, "H"));
        assert_eq!(read(&[cookie, token]), one(Place::Authorization, "T"));
        assert_eq!(read(&[header, token]), Ambiguous);
        assert_eq!(read(&[cookie, header, token]), Ambiguous);
        assert_eq!(read(&[cookie, header, header]), Ambiguous);
        let broken = ("authorization", "Bearer =");
        assert_eq!(read(&[cookie, broken]), Malformed(Place::Authorization));
    }
}

#[test]
fn a_location_displays_its_place_and_name() {
    for (location, place, name, text) in [
        (
            Location::authorization("BeArEr"),
            Place::Authorization,
            "BeArEr",
            "authorization \"BeArEr\"",
        ),
        (
            Location::header("X-API-Key"),
            Place::Header,
            "x-api-key",
            "header \"x-api-key\"",
        ),
        (
            Location::query("Api Key"),
            Place::Query,
            "Api Key",
            "query \"Api Key\"",
        ),
        (Location::cookie("Id"), Place::Cookie, "Id", "cookie \"Id\""),
        (
            Location::websocket_protocol("k."),
            Place::WebSocketProtocol,
            "k.",
            "websocket_protocol \"k.\"",
        ),
        (
            Location::header_with_scheme("X-Forwarded-Authorization", "Bearer"),
            Place::Header,
            "x-forwarded-authorization",
            "header \"x-forwarded-authorization\" of Bearer",
        ),
        (
            Location::header("Authorization"),
            Place::Authorization,
            "authorization",
            "authorization \"authorization\"",
        ),
        (
            Location::basic(),
            Place::Authorization,
            "Basic",
            "authorization \"Basic\"",
        ),
        (
            Location::connection(),
            Place::Connection,
            "",
            "connection \"\"",
        ),
    ] {
        assert_eq!((location.place(), location.name()), (place, name));
        assert_eq!(format!("{location:?}"), text);
    }
    assert_eq!(Location::header("X-A"), Location::header("x-a"));
    assert_eq!(Location::authorization("A"), Location::authorization("a"));
    assert_ne!(Location::cookie("A"), Location::cookie("a"));
    assert_ne!(Location::query("A"), Location::query("a"));
}

#[test]
fn an_invalid_name_panics_at_start_up() {
    let panics = |f: fn() -> Location| std::panic::catch_unwind(f).is_err();
    assert!(panics(|| Location::header("")));
    assert!(panics(|| Location::header("a b")));
    assert!(panics(|| Location::header("cookie")));
    assert!(panics(|| Location::header_with_scheme("cookie", "Bearer")));
    assert!(panics(|| Location::header_with_scheme("a b", "Bearer")));
    assert!(panics(|| Location::header_with_scheme("x-a", "")));
    assert!(panics(|| Location::header_with_scheme("x-a", "a b")));
    assert!(panics(|| Location::header("sec-websocket-protocol")));
    assert!(panics(|| Location::authorization("")));
    assert!(panics(|| Location::authorization("a b")));
    assert!(panics(|| Location::query("")));
    assert!(panics(|| Location::cookie("a=b")));
    assert!(panics(|| Location::cookie("")));
    assert!(panics(|| Location::websocket_protocol("")));
    assert!(panics(|| Location::websocket_protocol("a,b")));
    assert!(panics(|| Location::websocket_protocol_base64url("")));
}

#[test]
fn a_scheme_without_a_location_or_with_one_twice_panics_at_start_up() {
    let panics = |locations: Vec<Location>| {
        let seen = Seen::default();
        std::panic::catch_unwind(|| drop(keys(&seen, locations))).is_err()
    };
    assert!(panics(vec![]));
    assert!(panics(vec![
        Location::header("x-a"),
        Location::query("a"),
        Location::header("X-A")
    ]));
    assert!(!panics(vec![
        Location::header("x-a"),
        Location::header("x-b")
    ]));
}

fn any_value() -> impl Strategy<Value = HeaderValue> {
    let bytes = proptest::collection::vec(any::<u8>(), 0..40);
    let text = "([a-z.=;,% \"\t]|api_key=|key\\.|ApiKey |%5F|é){0,12}";
    prop_oneof![bytes, text.prop_map(String::into_bytes)]
        .prop_filter_map("no header value", |bytes| {
            HeaderValue::from_bytes(&bytes).ok()
        })
}

fn any_head() -> impl Strategy<Value = Parts> {
    let name = prop_oneof![
        Just("authorization"),
        Just("cookie"),
        Just("x-api-key"),
        Just("sec-websocket-protocol"),
    ];
    let fields = proptest::collection::vec((name, any_value()), 0..5);
    let uri = "/[a-z]{0,3}([?]([a-z&=%+_0-9]|api_key=|%5F|é){0,12})?"
        .prop_filter_map("no URI", |uri| Uri::try_from(uri).ok());
    (fields, uri).prop_map(|(fields, uri)| {
        let (mut head, ()) = Request::new(()).into_parts();
        head.uri = uri;
        for (name, value) in fields {
            head.headers.append(name, value);
        }
        head
    })
}

proptest! {
    /// No request makes a scheme panic, and find and authenticate never disagree (see `read_by`).
    #[test]
    fn any_request_is_read(head in any_head()) {
        let reading = read(every_location(), &head);
        if let One(_, credential) = reading {
            prop_assert!(credential.bytes().all(|byte| byte.is_ascii_graphic()));
        }
    }

    /// One scheme of many locations reads as many schemes of one do.
    #[test]
    fn the_scheme_of_a_location_does_not_matter(head in any_head()) {
        let seen = Seen::default();
        let schemes = || {
            let schemes = every_location().into_iter();
            let schemes = schemes.map(|location| Schemes::from(keys(&seen, [location])));
            schemes.reduce(Schemes::or).unwrap()
        };
        prop_assert_eq!(read_by(schemes, &seen, &head), read(every_location(), &head));
    }

    #[test]
    fn a_key_in_a_query_survives_encoding(key in "[!-~]{1,40}", encode in any::<u64>()) {
        let encoded: String = key
            .bytes()
            .enumerate()
            .map(|(i, byte)| {
                if byte.is_ascii_alphanumeric() && encode >> (i % 64) & 1 == 0 {
                    char::from(byte).to_string()
                } else {
                    format!("%{byte:02x}")
                }
            })
            .collect();
        let reading = read([Location::query("k")], &head(&format!("/?k={encoded}"), &[]));
        prop_assert_eq!(reading, one(Place::Query, &key));
    }
}

#[test]
fn found_credentials_match_the_public_rules() {
    let header = Found::one(Credential::new(Place::Header, "key"));
    assert_eq!(header.place(), Some(Place::Header));
    assert!(!header.is_nothing() && !header.is_ambiguous());
    assert!(Found::ambiguous(Place::Cookie).is_ambiguous());
    let both = Found::ambiguous(Place::Cookie).and(header);
    assert_eq!(both.place(), Some(Place::Header));
    assert_eq!(both.into_credential().unwrap().as_bytes(), b"key");
}
