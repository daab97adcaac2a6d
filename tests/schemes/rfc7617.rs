//! Basic authentication over the wire, by the sections of RFC 7617.

use crate::common::passwords::{cheap, costly};
use crate::common::{
    problem,
    wire::{Answer, Wire, serve_axum},
};
use axum::{Router, routing::any};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};
use tower_auth::{
    AuthLayer, Identity, Rejection, Verify,
    basic::{Basic, Credentials, User, Users},
    password::HashPool,
    verify_fn,
};

const CHALLENGE: &str = r#"Basic realm="internal", charset="UTF-8""#;
const ALADDIN: &str = "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==";

async fn whoami(identity: Identity) -> String {
    identity.subject().to_owned()
}

async fn serve(layer: AuthLayer) -> SocketAddr {
    serve_axum(Router::new().route("/", any(whoami)).layer(layer)).await
}

fn basic(verifier: impl Verify<Credentials>) -> AuthLayer {
    AuthLayer::new(Basic::new("internal", verifier))
}

/// Lets everybody in, under a name that tells both halves of the credentials.
fn echo() -> impl Verify<Credentials> {
    verify_fn(|credentials: Credentials| {
        let (user, password) = (credentials.user(), credentials.password());
        Ok(Identity::new(format!("<{user}> <{password}>")))
    })
}

fn users() -> Users {
    Users::new([
        User::new("Aladdin", cheap("open sesame")),
        User::new("off", cheap("open sesame")),
        User::new("nfc", cheap("é")),
    ])
    .unwrap()
}

fn encoded(credentials: impl AsRef<[u8]>) -> String {
    format!("Basic {}", STANDARD.encode(credentials))
}

/// Sends a `GET` with these lines of header fields.
async fn get(address: SocketAddr, fields: &str) -> Answer {
    send(address, "GET", fields).await
}

async fn send(address: SocketAddr, method: &str, fields: &str) -> Answer {
    let mut wire = Wire::connect(address).await;
    let head = format!("{method} / HTTP/1.1\nHost: api.example\n{fields}");
    wire.ask(head.trim_end_matches('\n')).await
}

async fn authorized(address: SocketAddr, value: &str) -> Answer {
    get(address, &format!("Authorization: {value}")).await
}

/// Everything that stands in a response, but the time at which it was made.
fn whole(answer: &Answer) -> String {
    let headers = answer.headers.iter().filter(|(name, _)| name != "date");
    format!(
        "{} {:?} {}",
        answer.status,
        headers.collect::<Vec<_>>(),
        answer.body
    )
}

// RFC 7617 sections 2 and 2.1.
#[tokio::test]
async fn only_401_has_a_challenge_with_realm_and_charset() {
    let address = serve(basic(users())).await;
    for (fields, detail) in [
        ("", "credentials are required"),
        ("Authorization: Digest x", "credentials are required"),
        // Another field, for proxies (RFC 9110 section 11.7.2).
        (
            &format!("Proxy-Authorization: {ALADDIN}"),
            "credentials are required",
        ),
        (
            &format!("Authorization: {}", encoded("Aladdin:x")),
            "the credentials are not valid",
        ),
    ] {
        let answer = get(address, fields).await;
        assert_eq!(answer.status, 401, "{fields}");
        assert_eq!(answer.all("www-authenticate"), [CHALLENGE], "{fields}");
        assert_eq!(answer.all("content-type"), ["application/problem+json"]);
        assert_eq!(answer.all("cache-control"), ["no-store"]);
        assert_eq!(answer.body, problem(401, "Unauthorized", detail));
    }
    for fields in [
        "Authorization: Basic x",
        &format!("Authorization: {ALADDIN}"),
    ] {
        let answer = get(address, fields).await;
        assert!(answer.all("www-authenticate").is_empty(), "{fields}");
    }
}

// RFC 7617 section 2 and RFC 9110 section 5.6.4: `realm` is a quoted string.
#[tokio::test]
async fn a_realm_is_quoted() {
    for (realm, expected) in [
        ("WallyWorld", r#"Basic realm="WallyWorld", charset="UTF-8""#),
        ("", r#"Basic realm="", charset="UTF-8""#),
        ("a, b=c", r#"Basic realm="a, b=c", charset="UTF-8""#),
        (
            r#"the "inner" \circle"#,
            r#"Basic realm="the \"inner\" \\circle", charset="UTF-8""#,
        ),
        (
            "one\r\nSet-Cookie: a=b",
            r#"Basic realm="one  Set-Cookie: a=b", charset="UTF-8""#,
        ),
        ("größe", r#"Basic realm="größe", charset="UTF-8""#),
    ] {
        let address = serve(AuthLayer::new(Basic::new(realm, echo()))).await;
        assert_eq!(get(address, "").await.all("www-authenticate"), [expected]);
    }
}

// RFC 7617 section 2; RFC 9110 sections 11.1 and 11.4 for the name and the spaces behind it.
#[tokio::test]
async fn credentials_are_read_as_the_grammar_says() {
    let address = serve(basic(echo())).await;
    for (value, expected) in [
        // The examples of sections 2 and 2.1.
        (ALADDIN, "<Aladdin> <open sesame>"),
        ("Basic dGVzdDoxMjPCow==", "<test> <123£>"),
        // The scheme is case-insensitive, and one or more spaces follow it.
        ("basic dTpw", "<u> <p>"),
        ("BASIC dTpw", "<u> <p>"),
        ("bAsIc dTpw", "<u> <p>"),
        ("Basic   dTpw", "<u> <p>"),
        ("Basic dTpw   ", "<u> <p>"),
        // The first colon ends the user; both halves may be empty.
        (&encoded("a:b:c"), "<a> <b:c>"),
        (&encoded("a::"), "<a> <:>"),
        (&encoded(":p"), "<> <p>"),
        (&encoded("u:"), "<u> <>"),
        (&encoded(":"), "<> <>"),
        (&encoded("::"), "<> <:>"),
        // Nothing is trimmed or decoded further.
        (&encoded(" u : p "), "< u > < p >"),
        (&encoded("pct:a%20b+c%3a"), "<pct> <a%20b+c%3a>"),
        (&encoded("\"u\":\"p\""), "<\"u\"> <\"p\">"),
        (&encoded("普通话:中文"), "<普通话> <中文>"),
        (&encoded("👩‍💻:pä$$🔑"), "<👩‍💻> <pä$$🔑>"),
        (&encoded("e\u{301}:é"), "<e\u{301}> <é>"),
    ] {
        let answer = authorized(address, value).await;
        assert_eq!(answer.line(), format!("200 {expected}"), "{value:?}");
    }
}

// RFC 7617 section 2; RFC 4648 sections 3.2, 3.3, 3.5 and 4 for the base64.
#[tokio::test]
async fn credentials_outside_the_grammar_are_400_and_reach_no_verifier() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let address = serve(basic(verify_fn(move |_: Credentials| {
        count.fetch_add(1, Ordering::SeqCst);
        Ok(Identity::new("42"))
    })))
    .await;
    let mut values: Vec<String> = [
        "Basic",
        "Basic ",
        "Basic Aladdin:open sesame",
        "Basic \"dTpw\"",
        "Basic dTpw, realm=\"x\"",
        "Basic realm=\"x\", dTpw",
        "Basic dTpw dTpw",
        "Basic dT pw",
        "Basic dT\tpw",
        "Basic \tdTpw",
        "Basic dTpw,",
        "Basic *dTpw",
        "Basic dTpw\u{e9}",
        // No colon: no user.
        "Basic QWxhZGRpbg==",
        // Padding that is too much, too little, or not at the end.
        "Basic ====",
        "Basic ==dTpw",
        "Basic dTpw====",
        "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ",
        "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=",
        "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ===",
        "Basic d=Tpw",
        "Basic dTpwd",
        // Bits that do not count and are not zero: a second spelling of the same credentials.
        "Basic QWxhZGRpbjpvcGVuIHNlc2FtZR==",
        "Basic dTpwcXF=",
        // The alphabet of URLs.
        "Basic dTrDv8O_",
        "Basic dTo-Pj4-",
    ]
    .map(String::from)
    .into();
    // Strictly UTF-8 (section 2.1): not Latin-1, and neither overlong nor with surrogates.
    for bytes in [
        &b"test:123\xa3"[..],
        b"\xff\xfe:p",
        b"Aladdin\xc0\xbaopen sesame",
        b"u:\xc0\x80",
        b"u:\xed\xa0\x80",
        b"u:\xf4\x90\x80\x80",
        b"u:\xc3",
        b"u\0:\0p\0",
    ] {
        values.push(encoded(bytes));
    }
    // No control characters (section 2), in either half, of ASCII and of Latin-1.
    for control in (0..=0x1f).chain(0x7f..=0x9f).filter_map(char::from_u32) {
        values.push(encoded(format!("u{control}:p")));
        values.push(encoded(format!("u:p{control}")));
    }
    for value in values {
        let answer = authorized(address, &value).await;
        assert_eq!(answer.line(), "400", "{value:?}");
        assert_eq!(
            answer.body,
            problem(
                400,
                "Bad Request",
                "the credentials are malformed or ambiguous"
            ),
            "{value:?}"
        );
    }
    assert_eq!(asked.load(Ordering::SeqCst), 0);
}

// RFC 9110 section 11.4: what is not `Basic` and a space is of another scheme, or of none.
#[tokio::test]
async fn another_scheme_is_401() {
    let address = serve(basic(echo())).await;
    for value in [
        "Basic\tdTpw",
        "Basic=dTpw",
        "Basicd TpwdTpw",
        "Basi c dTpw",
        "XBasic dTpw",
        "dTpw",
        "Bearer dTpw",
        "\"Basic\" dTpw",
        "",
    ] {
        let answer = get(address, &format!("X-Any: 1\nAuthorization: {value}")).await;
        assert_eq!(answer.status, 401, "{value:?}");
        assert_eq!(answer.all("www-authenticate"), [CHALLENGE], "{value:?}");
    }
}

// RFC 9110 sections 5.3 and 11.6.2: the field is no list, so that it stands there once.
#[tokio::test]
async fn a_repeated_field_is_400() {
    let address = serve(basic(echo())).await;
    for other in [ALADDIN, "Basic eDp5", "Basic", "Bearer x", "x"] {
        for (first, second) in [(ALADDIN, other), (other, ALADDIN)] {
            let fields = format!("Authorization: {first}\nAuthorization: {second}");
            assert_eq!(get(address, &fields).await.status, 400, "{fields}");
        }
    }
}

// RFC 7617 section 2 sets no size; 4096 characters of base64 do, before they are decoded.
#[tokio::test]
async fn credentials_have_a_maximum_length() {
    let address = serve(basic(echo())).await;
    let of = |length: usize| encoded("u:".to_owned() + &"x".repeat(length - 2));
    for (length, status) in [
        (142, 200),
        (147, 200),
        (3072, 200),
        (3073, 400),
        (6000, 400),
    ] {
        assert_eq!(
            authorized(address, &of(length)).await.status,
            status,
            "{length}"
        );
    }
}

// RFC 7617 section 2.1: no normalisation is prescribed, so bytes are compared.
#[tokio::test]
async fn names_and_passwords_are_compared_byte_by_byte() {
    let address = serve(basic(users())).await;
    for (credentials, status) in [
        ("Aladdin:open sesame", 200),
        ("aladdin:open sesame", 401),
        ("Aladdin:open sesame ", 401),
        (" Aladdin:open sesame", 401),
        ("Aladdin:Open sesame", 401),
        ("nfc:é", 200),
        ("nfc:e\u{301}", 401),
    ] {
        let answer = authorized(address, &encoded(credentials)).await;
        assert_eq!(answer.status, status, "{credentials:?}");
    }
}

// RFC 7617 section 4: nothing may tell who exists.
#[tokio::test]
async fn an_unknown_user_and_a_wrong_password_get_the_same_bytes() {
    let users = users();
    assert!(users.set_enabled("off", false));
    let address = serve(basic(users)).await;
    let wrong = authorized(address, &encoded("Aladdin:x")).await;
    assert_eq!(wrong.status, 401);
    for other in [
        "nobody:x",
        "nobody:open sesame",
        "off:open sesame",
        "off:x",
        ":",
        "Aladdin:",
    ] {
        let other = authorized(address, &encoded(other)).await;
        assert_eq!(whole(&other), whole(&wrong));
    }
}

/// Lines of a request from a page of another site, or from elsewhere, and whether it passes when
/// it changes something.
const ORIGINS: [(&str, bool); 16] = [
    // Not a browser, or one that is asked by its user.
    ("", true),
    ("Sec-Fetch-Site: none", true),
    ("Sec-Fetch-Site: same-origin", true),
    (
        "Sec-Fetch-Site: same-origin\nOrigin: https://api.example",
        true,
    ),
    ("Origin: https://api.example", true),
    ("Origin: http://api.example:80", true),
    ("Origin: https://app.example", true),
    (
        "Sec-Fetch-Site: same-site\nOrigin: https://app.example",
        true,
    ),
    ("Sec-Fetch-Site: cross-site", false),
    ("Sec-Fetch-Site: same-site", false),
    (
        "Sec-Fetch-Site: cross-site\nOrigin: https://api.example",
        false,
    ),
    ("Origin: https://evil.example", false),
    ("Origin: https://api.example.evil.example", false),
    ("Origin: https://app.example:8443", false),
    ("Origin: http://app.example", false),
    ("Origin: null", false),
];

// RFC 7617 section 2.2: browsers send the credentials again by themselves, whoever asks them to.
#[tokio::test]
async fn a_cross_site_request_that_may_change_something_is_403() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let verifier = verify_fn(move |_: Credentials| {
        count.fetch_add(1, Ordering::SeqCst);
        Ok(Identity::new("42"))
    });
    let address = serve(basic(verifier).trust_origin("https://app.example")).await;
    for (fields, passes) in ORIGINS {
        let fields = format!("Authorization: {ALADDIN}\n{fields}");
        for method in ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
            let before = asked.load(Ordering::SeqCst);
            let answer = send(address, method, &fields).await;
            let verified = asked.load(Ordering::SeqCst) - before;
            if passes {
                assert_eq!(
                    (answer.line(), verified),
                    ("200 42".into(), 1),
                    "{method} {fields}"
                );
            } else {
                assert_eq!((answer.status, verified), (403, 0), "{method} {fields}");
                assert!(answer.all("www-authenticate").is_empty());
                let body: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
                assert_eq!(body["detail"], "cross-site requests are not allowed");
            }
        }
        for method in ["GET", "HEAD"] {
            assert_eq!(
                send(address, method, &fields).await.status,
                200,
                "{method} {fields}"
            );
        }
        // The same-origin policy does not hide what a WebSocket answers.
        let upgrade = format!("{fields}\nConnection: upgrade\nUpgrade: websocket");
        let status = if passes { 200 } else { 403 };
        assert_eq!(get(address, &upgrade).await.status, status, "{upgrade}");
    }
}

// The same section: what has to be asked for by name.
#[tokio::test]
async fn the_cross_site_check_can_be_turned_off() {
    let address = serve(basic(echo()).dangerous_allow_cross_site_requests()).await;
    for (fields, _) in ORIGINS {
        let fields = format!("Authorization: {ALADDIN}\n{fields}");
        assert_eq!(send(address, "POST", &fields).await.status, 200, "{fields}");
    }
}

// RFC 7617 section 4: what has been right once is remembered, and counts no longer than the user.
#[tokio::test]
async fn a_user_who_is_disabled_is_rejected_at_once() {
    let users = users();
    let address = serve(basic(users.clone())).await;
    let status = async |credentials: &str| authorized(address, &encoded(credentials)).await.status;
    assert_eq!(status("Aladdin:open sesame").await, 200);
    assert_eq!(status("Aladdin:open sesame").await, 200);
    users.set_enabled("Aladdin", false);
    assert_eq!(status("Aladdin:open sesame").await, 401);
    users.set_enabled("Aladdin", true);
    assert_eq!(status("Aladdin:open sesame").await, 200);
    users.set_password("Aladdin", cheap("another"));
    assert_eq!(status("Aladdin:open sesame").await, 401);
    assert_eq!(status("Aladdin:another").await, 200);
    users.remove("Aladdin");
    assert_eq!(status("Aladdin:another").await, 401);
    users.insert(User::new("Aladdin", cheap("third"))).unwrap();
    assert_eq!(status("Aladdin:another").await, 401);
    assert_eq!(status("Aladdin:third").await, 200);
}

// RFC 7617 section 4 and RFC 9110 section 15.6.4: who cannot be checked now is not denied.
#[tokio::test]
async fn a_full_pool_is_503_except_for_cached_users() {
    let pool = HashPool::new().unwrap().with_threads(1).with_waiting(0);
    let users = users().with_pool(pool);
    users.insert(User::new("slow", costly())).unwrap();
    let started = Arc::new(AtomicUsize::new(0));
    let count = started.clone();
    let verifier = verify_fn(move |credentials: Credentials| {
        count.fetch_add(1, Ordering::SeqCst);
        users.verify(credentials)
    });
    let address = serve(basic(verifier)).await;
    assert_eq!(authorized(address, ALADDIN).await.status, 200);

    let mut slow = Wire::connect(address).await;
    let head = format!(
        "GET / HTTP/1.1\nHost: a\nAuthorization: {}",
        encoded("slow:x")
    );
    slow.write(&head, b"").await;
    while started.load(Ordering::SeqCst) < 2 {
        tokio::task::yield_now().await;
    }
    for credentials in ["nfc:é", "nfc:x", "nobody:x", "slow:y"] {
        let answer = authorized(address, &encoded(credentials)).await;
        assert_eq!(answer.status, 503, "{credentials}");
        assert_eq!(answer.all("retry-after"), ["1"]);
        assert!(answer.all("www-authenticate").is_empty());
        let detail = "the credentials cannot be checked now";
        assert_eq!(answer.body, problem(503, "Service Unavailable", detail));
    }
    assert_eq!(authorized(address, ALADDIN).await.status, 200, "remembered");
    assert_eq!(slow.read(false).await.status, 401);
    assert_eq!(authorized(address, &encoded("nfc:é")).await.status, 200);
}

// RFC 9110 section 15.6.4: an outage below is 503 as well.
#[tokio::test]
async fn a_verifier_that_cannot_tell_is_503() {
    let address = serve(basic(verify_fn(|_: Credentials| async {
        Err(Rejection::unavailable("the database is down"))
    })))
    .await;
    let answer = authorized(address, ALADDIN).await;
    assert_eq!((answer.status, answer.all("retry-after")), (503, vec!["1"]));
    assert!(!whole(&answer).contains("database"));
}

trait Line {
    fn line(&self) -> String;
}

impl Line for Answer {
    /// Status and, of a good one, the body.
    fn line(&self) -> String {
        match self.status {
            200 => format!("200 {}", self.body),
            status => status.to_string(),
        }
    }
}
