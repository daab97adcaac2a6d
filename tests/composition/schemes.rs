//! Several schemes in one layer: one request, one credential.
//!
//! The expected answers come from a model of the rules that does not know the layer: two explicit
//! credentials are rejected, ambient ones yield, and of these the next is tried if one is invalid.

use crate::common::{
    self, Certificate, Reply, Toy, get, panic_of, request as request_by, send, through,
};
use proptest::prelude::*;
use tower::Layer;
use tower_auth::{
    AuthLayer, Identity, Location, Rejection, Scheme,
    bearer::{Bearer, Token},
    scheme::Schemes,
    verify_fn,
};

/// What one scheme finds in a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sent {
    Absent,
    Bad,
    Good,
    Malformed,
    Unavailable,
}

use Sent::*;

const ALL: [Sent; 5] = [Absent, Bad, Good, Malformed, Unavailable];

impl Sent {
    fn text(self) -> &'static str {
        match self {
            Absent => unreachable!("nothing is sent"),
            Bad => "bad",
            Good => "ann",
            Malformed => "malformed",
            Unavailable => "unavailable",
        }
    }
}

/// Where a scheme of these tests reads; each has a location of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Spot {
    Authorization,
    Field,
    Parameter,
    Cookie,
    Connection,
}

const SPOTS: [Spot; 5] = [
    Spot::Authorization,
    Spot::Field,
    Spot::Parameter,
    Spot::Cookie,
    Spot::Connection,
];

impl Spot {
    fn is_ambient(self) -> bool {
        matches!(self, Self::Cookie | Self::Connection)
    }

    fn toy(self) -> Toy {
        match self {
            Self::Authorization => Toy::authorization("Alpha"),
            Self::Field => Toy::header("Beta", "x-beta"),
            Self::Parameter => Toy::query("Gamma", "gamma"),
            Self::Cookie => Toy::cookie("Delta", "delta"),
            Self::Connection => Toy::connection("Epsilon"),
        }
    }
}

fn any_of(toys: &[Toy]) -> Schemes {
    let (first, rest) = toys.split_first().unwrap();
    let (second, rest) = rest.split_first().unwrap();
    let both = first.clone().or(second.clone());
    rest.iter().fold(both, |all, toy| all.or(toy.clone()))
}

fn request(sent: &[(Spot, Sent)]) -> http::Request<http_body_util::Empty<bytes::Bytes>> {
    let mut uri = "/".to_owned();
    let mut fields = Vec::new();
    let mut certificate = None;
    for (spot, sent) in sent {
        if *sent == Absent {
            continue;
        }
        let text = sent.text();
        match spot {
            Spot::Authorization => fields.push(("authorization", format!("Alpha {text}"))),
            Spot::Field => fields.push(("x-beta", text.to_owned())),
            Spot::Parameter => uri = format!("/?gamma={text}"),
            Spot::Cookie => fields.push(("cookie", format!("delta={text}"))),
            Spot::Connection => certificate = Some(Certificate(text)),
        }
    }
    let fields: Vec<_> = fields.iter().map(|(n, v)| (*n, v.as_str())).collect();
    let mut request = get(&uri, &fields);
    if let Some(certificate) = certificate {
        request.extensions_mut().insert(certificate);
    }
    request
}

/// The rules, written a second time: the answer, and which schemes verify.
fn model(sent: &[(Spot, Sent)], optional: bool) -> (String, Vec<usize>) {
    let filled = |ambient: bool| {
        sent.iter()
            .enumerate()
            .filter(move |(_, (spot, sent))| *sent != Absent && spot.is_ambient() == ambient)
            .map(|(i, _)| i)
    };
    let explicit: Vec<_> = filled(false).collect();
    let tried = match explicit.len() {
        0 => filled(true).collect(),
        1 => explicit,
        _ => return ("400 malformed".into(), Vec::new()),
    };
    let mut verified = Vec::new();
    // The answer to invalid credentials, until one says something else.
    let mut answer = "401 missing";
    let mut is_open = optional;
    for i in tried {
        let (spot, sent) = sent[i];
        verified.push(i);
        match sent {
            Absent => unreachable!("it is filled"),
            Good => return (format!("200 ann by {}", spot.toy().name), verified),
            Unavailable => return ("503 unavailable".into(), verified),
            Malformed if spot == Spot::Cookie => {
                if answer == "401 missing" || is_open {
                    answer = "400 malformed";
                }
                break;
            }
            Malformed => return ("400 malformed".into(), verified),
            Bad => {
                answer = "401 invalid";
                // Only a cookie cannot be taken away.
                is_open &= spot == Spot::Cookie;
            }
        }
    }
    if is_open {
        answer = "200 anonymous";
    }
    (answer.into(), verified)
}

/// Sends one request and compares everything that the model knows.
async fn check(sent: &[(Spot, Sent)], later: usize, optional: bool) -> Reply {
    let toys: Vec<Toy> = sent
        .iter()
        .enumerate()
        .map(|(i, (spot, _))| spot.toy().later(later & 1 << i != 0))
        .collect();
    let layer = AuthLayer::new(any_of(&toys));
    let layer = if optional { layer.optional() } else { layer };
    let probe = common::Probe::new();
    let reply = send(&layer.layer(probe.clone()), request(sent)).await;
    let (expected, verified) = model(sent, optional);
    let case = format!("{sent:?} later={later:b} optional={optional}");
    assert_eq!(reply.line(), expected, "{case}");
    for (i, toy) in toys.iter().enumerate() {
        assert_eq!(
            toy.judged(),
            usize::from(verified.contains(&i)),
            "{i}: {case}"
        );
    }
    assert_eq!(probe.calls(), usize::from(reply.status == 200), "{case}");
    reply
}

#[tokio::test]
async fn two_schemes_answer_as_the_rules_say() {
    for first in SPOTS {
        for second in SPOTS.into_iter().filter(|spot| *spot != first) {
            for (a, b) in ALL.into_iter().flat_map(|a| ALL.map(|b| (a, b))) {
                for later in 0..4 {
                    for optional in [false, true] {
                        check(&[(first, a), (second, b)], later, optional).await;
                    }
                }
            }
        }
    }
}

#[tokio::test]
async fn three_schemes_answer_as_the_rules_say() {
    let orders = [
        [Spot::Authorization, Spot::Field, Spot::Cookie],
        [Spot::Cookie, Spot::Authorization, Spot::Parameter],
        [Spot::Connection, Spot::Cookie, Spot::Field],
    ];
    for spots in orders {
        for (a, b) in ALL.into_iter().flat_map(|a| ALL.map(|b| (a, b))) {
            for c in ALL {
                for later in [0, 7, 2] {
                    let sent = [(spots[0], a), (spots[1], b), (spots[2], c)];
                    check(&sent, later, later == 2).await;
                }
            }
        }
    }
}

#[tokio::test]
async fn every_scheme_challenges_and_only_the_scheme_that_rejected_names_an_error() {
    let sent = [(Spot::Authorization, Bad), (Spot::Field, Absent)];
    assert_eq!(
        check(&sent, 0, false).await.challenges(),
        [
            r#"Alpha realm="api", error="invalid_token""#,
            r#"Beta realm="api""#
        ]
    );
    let nothing = [(Spot::Authorization, Absent), (Spot::Field, Absent)];
    assert_eq!(
        check(&nothing, 0, false).await.challenges(),
        [r#"Alpha realm="api""#, r#"Beta realm="api""#]
    );
    // Two credentials: no scheme has judged.
    let two = [(Spot::Authorization, Good), (Spot::Field, Good)];
    let reply = check(&two, 0, false).await;
    assert_eq!(reply.challenges(), [""; 0]);
    assert_eq!(reply.rejection.unwrap().scheme(), None);
}

#[tokio::test]
async fn one_location_filled_twice_is_malformed_and_not_verified() {
    let twice: [(&str, &[(&str, &str)]); 5] = [
        ("/", &[("x-beta", "ann"), ("x-beta", "ann")]),
        ("/", &[("x-beta", "ann"), ("x-beta", "bad")]),
        ("/?gamma=ann&gamma=ann", &[]),
        ("/", &[("cookie", "delta=ann; delta=ann")]),
        ("/", &[("cookie", "delta=ann"), ("cookie", "delta=bob")]),
    ];
    for (uri, fields) in twice {
        for optional in [false, true] {
            let toys = [Spot::Field, Spot::Parameter, Spot::Cookie].map(Spot::toy);
            let layer = AuthLayer::new(any_of(&toys));
            let layer = if optional { layer.optional() } else { layer };
            let reply = through(&layer, get(uri, fields)).await;
            let is_cookie = fields.iter().any(|(name, _)| *name == "cookie");
            let expected = match optional && is_cookie {
                true => "200 anonymous",
                false => "400 malformed",
            };
            assert_eq!(reply.line(), expected, "{uri} {fields:?}");
            assert_eq!(toys.iter().map(Toy::judged).sum::<usize>(), 0);
        }
    }
}

#[tokio::test]
async fn two_places_of_one_scheme_are_malformed_and_an_ambient_one_yields() {
    let toy = Toy::at(
        "Key",
        [
            Location::header("x-key"),
            Location::query("key"),
            Location::cookie("key"),
        ],
    );
    let layer = AuthLayer::new(toy.clone());
    let both = get("/?key=ann", &[("x-key", "ann")]);
    assert_eq!(through(&layer, both).await.line(), "400 malformed");
    assert_eq!(toy.judged(), 0);
    let yields = get("/", &[("x-key", "bad"), ("cookie", "key=ann")]);
    assert_eq!(through(&layer, yields).await.line(), "401 invalid");
    let yields = get("/?key=ann", &[("cookie", "key=bad")]);
    assert_eq!(through(&layer, yields).await.line(), "200 ann by Key");
}

#[tokio::test]
async fn a_repeated_authorization_is_malformed_for_every_scheme() {
    let repeated = [
        ["Alpha ann", "Alpha ann"],
        ["Alpha ann", "Other x"],
        ["Other x", "Alpha ann"],
        ["Other x", "Other x"],
        ["", "Alpha ann"],
    ];
    for [first, second] in repeated {
        for optional in [false, true] {
            let toys = [Spot::Authorization, Spot::Cookie].map(Spot::toy);
            let layer = AuthLayer::new(any_of(&toys));
            let layer = if optional { layer.optional() } else { layer };
            let fields = [
                ("authorization", first),
                ("authorization", second),
                ("cookie", "delta=ann"),
            ];
            for fields in [&fields[..2], &fields[..]] {
                let reply = through(&layer, get("/", fields)).await;
                assert_eq!(reply.line(), "400 malformed", "{fields:?}");
                assert_eq!(toys.iter().map(Toy::judged).sum::<usize>(), 0);
            }
        }
    }
}

#[tokio::test]
async fn an_authorization_that_no_scheme_claims_is_401_even_in_optional_mode() {
    for value in ["Other ann", "Alphaann", "Alpha", "", "ann", "Alpha2 ann"] {
        for optional in [false, true] {
            let layer = AuthLayer::new(Toy::authorization("Alpha"));
            let layer = if optional { layer.optional() } else { layer };
            let reply = through(&layer, get("/", &[("authorization", value)])).await;
            assert_eq!(reply.line(), "401 missing", "{value:?}");
            assert_eq!(reply.challenges(), [r#"Alpha realm="api""#]);
        }
    }
}

#[tokio::test]
async fn scheme_names_are_case_insensitive() {
    let layer = AuthLayer::new(Toy::authorization("Alpha"));
    for value in ["alpha ann", "ALPHA ann", "aLpHa ann"] {
        let reply = through(&layer, get("/", &[("authorization", value)])).await;
        assert_eq!(reply.line(), "200 ann by Alpha");
    }
}

#[test]
fn two_schemes_with_one_location_panic_at_construction() {
    let pairs = [
        (
            Location::authorization("Bearer"),
            Location::authorization("Bearer"),
        ),
        (
            Location::authorization("Bearer"),
            Location::authorization("bEARER"),
        ),
        (Location::header("x-key"), Location::header("X-Key")),
        (Location::query("key"), Location::query("key")),
        (Location::cookie("key"), Location::cookie("key")),
        (
            Location::websocket_protocol("b."),
            Location::websocket_protocol("b."),
        ),
        (Location::connection(), Location::connection()),
        (Location::basic(), Location::basic()),
        (
            Location::header("authorization"),
            Location::header("Authorization"),
        ),
        (
            Location::header_with_scheme("x-key", "Bearer"),
            Location::header_with_scheme("X-Key", "bearer"),
        ),
        (
            Location::header_with_scheme("authorization", "Bearer"),
            Location::authorization("bearer"),
        ),
    ];
    for (one, other) in pairs {
        let expected = format!("two schemes read {one:?}");
        let first = || Toy::at("One", [Location::header("x-one"), one.clone()]);
        let second = || Toy::at("Two", [other.clone(), Location::header("x-two")]);
        let message = panic_of(|| AuthLayer::new(first().or(second())));
        assert_eq!(message, expected);
        // However deep, and through a pointer.
        let nested = || {
            let second = std::sync::Arc::new(second());
            first().or(Toy::header("Three", "x-three").or(second))
        };
        assert_eq!(panic_of(|| AuthLayer::new(nested())), expected);
        // Within one scheme too.
        let twice = || Toy::at("One", [one.clone(), other.clone()]);
        assert_eq!(panic_of(|| AuthLayer::new(twice())), expected);
    }
}

#[test]
fn two_schemes_with_overlapping_locations_panic_at_construction() {
    let pairs = [
        (
            Location::header("x-key"),
            Location::header_with_scheme("x-key", "Bearer"),
        ),
        (Location::basic(), Location::authorization("basic")),
        (
            Location::websocket_protocol("b."),
            Location::websocket_protocol("b.c."),
        ),
        (
            Location::websocket_protocol("b."),
            Location::websocket_protocol_base64url("b."),
        ),
    ];
    for (one, other) in pairs {
        for (one, other) in [(&one, &other), (&other, &one)] {
            let expected = format!("two schemes read {one:?} and {other:?}, which overlap");
            let toy = |location: &Location| Toy::at("One", [location.clone()]);
            let message = panic_of(|| AuthLayer::new(toy(one).or(toy(other))));
            assert_eq!(message, expected);
        }
    }
}

#[test]
fn schemes_with_custom_names_are_distinguished() {
    let apart = [
        Location::authorization("Bearer"),
        Location::authorization("DPoP"),
        Location::basic(),
        Location::header("authorization"),
        Location::header_with_scheme("x-forwarded-authorization", "Bearer"),
        Location::header_with_scheme("x-forwarded-authorization", "DPoP"),
        Location::websocket_protocol("b."),
        Location::websocket_protocol_base64url("c."),
        Location::header("x-key"),
        Location::header("x-key2"),
        Location::query("key"),
        // Parameters and cookies are case-sensitive.
        Location::query("Key"),
        Location::cookie("key"),
        Location::cookie("Key"),
        Location::connection(),
    ];
    let _ = AuthLayer::new(Toy::at("All", apart));
}

/// A page of another site can send a form with a parameter of its own, and offer a subprotocol. It
/// cannot take the cookie off the request.
#[tokio::test]
async fn another_site_cannot_replace_the_user_of_a_cookie_by_its_own() {
    let tokens = || {
        Bearer::new(verify_fn(|token: Token| {
            Ok::<_, Rejection>(Identity::new(token.as_str()))
        }))
    };
    let cookie = || Location::cookie("t");
    let others = || [Location::query("t"), Location::websocket_protocol("b.")];
    let one =
        AuthLayer::new(tokens().locations([cookie(), others()[0].clone(), others()[1].clone()]));
    let last =
        AuthLayer::new(tokens().locations([others()[0].clone(), others()[1].clone(), cookie()]));
    let two = AuthLayer::new(
        tokens()
            .locations([cookie()])
            .or(tokens().locations(others())),
    );
    let nested = AuthLayer::new(
        tokens().locations([Location::header("x-t")]).or(tokens()
            .locations(others())
            .or(tokens().locations([cookie()]))),
    );
    let evil: Vec<(&str, &str)> = vec![("origin", "https://evil.example"), ("host", "app.example")];
    let victim = [evil.clone(), vec![("cookie", "t=victim")]].concat();
    let offered = [victim.clone(), vec![("sec-websocket-protocol", "b.eve")]].concat();
    let by_script = [victim.clone(), vec![("x-t", "eve")]].concat();
    let own: Vec<(&str, &str)> = vec![
        ("origin", "https://app.example"),
        ("host", "app.example"),
        ("cookie", "t=ann"),
    ];
    for (name, layer) in [
        ("one", one),
        ("last", last),
        ("two", two),
        ("nested", nested),
    ] {
        for (uri, fields, expected) in [
            ("/", &victim, "403 forbidden"),
            ("/?t=eve", &victim, "403 forbidden"),
            ("/", &offered, "403 forbidden"),
            ("/?t=ann", &own, "200 ann by Bearer"),
            // Without a cookie, there is no session to replace.
            ("/?t=eve", &evil, "200 eve by Bearer"),
        ] {
            let request = request_by("POST", uri, fields);
            let reply = through(&layer, request).await;
            assert_eq!(reply.line(), expected, "{name} {uri} {fields:?}");
        }
        if name == "nested" {
            // A page needs the consent of CORS to send a field of another name.
            let request = request_by("POST", "/", &by_script);
            let reply = through(&layer, request).await;
            assert_eq!(reply.line(), "200 eve by Bearer");
        }
    }
}

fn any_sent() -> impl Strategy<Value = Sent> {
    prop::sample::select(ALL.to_vec())
}

fn any_spots() -> impl Strategy<Value = Vec<Spot>> {
    Just(SPOTS.to_vec()).prop_shuffle()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_composition_answers_as_the_rules_say(
        spots in any_spots(),
        sent in prop::collection::vec(any_sent(), 2..=5),
        later in 0_usize..32,
        optional: bool,
    ) {
        let sent: Vec<_> = spots.into_iter().zip(sent).collect();
        common::block_on(check(&sent, later, optional));
    }

    #[test]
    fn one_scheme_more_never_turns_a_rejection_into_a_pass(
        spots in any_spots(),
        sent in prop::collection::vec(any_sent(), 3..=5),
        optional: bool,
        at in 0_usize..3,
    ) {
        // The added scheme's own credentials are absent: it has no say.
        let mut all: Vec<_> = spots.into_iter().zip(sent).collect();
        let at = at % all.len();
        all[at].1 = Absent;
        let mut few = all.clone();
        few.remove(at);
        let before = common::block_on(check(&few, 0, optional));
        let after = common::block_on(check(&all, 0, optional));
        prop_assert_eq!(before.line(), after.line());
    }

    #[test]
    fn a_valid_credential_does_not_rescue_an_explicit_invalid_one(
        spots in any_spots(),
        bad in prop::sample::select(vec![Bad, Malformed, Unavailable]),
        later in 0_usize..4,
        optional: bool,
    ) {
        let Some(explicit) = spots.iter().position(|spot| !spot.is_ambient()) else {
            return Ok(());
        };
        let other = (explicit + 1) % spots.len();
        for pair in [[explicit, other], [other, explicit]] {
            let sent = pair.map(|i| (spots[i], if i == explicit { bad } else { Good }));
            let reply = common::block_on(check(&sent, later, optional));
            prop_assert!(reply.status != 200);
        }
    }
}
