//! JSON Web Tokens over the wire, by the best current practices of RFC 8725 and the RFCs it cites.
//!
//! The tokens are signed by another crate. Every rejection is 401 with `invalid_token`; the test also
//! asserts which check failed.

use crate::server::Server;
use crate::support::*;
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// The usual claims under this header, signed by the usual secret.
fn headed(header: &str) -> String {
    sign(Algorithm::HS256, header, &claims().to_string())
}

/// A token of these parts; the signature as it is.
fn compact(header: &str, payload: &str, signature: &str) -> String {
    let (header, payload) = (
        URL_SAFE_NO_PAD.encode(header),
        URL_SAFE_NO_PAD.encode(payload),
    );
    format!("{header}.{payload}.{signature}")
}

/// Signed by HMAC with whatever bytes.
fn hmac(algorithm: Algorithm, header: &str, secret: &[u8]) -> String {
    let token = compact(header, &claims().to_string(), "");
    let signed = token.trim_end_matches('.');
    // The oracle rejects an empty key. HMAC pads keys with zeros (RFC 2104 section 2), so that a
    // single zero is the same key.
    let secret = if secret.is_empty() { &[0] } else { secret };
    let key = oracle::EncodingKey::from_secret(secret).unwrap();
    let algorithm = algorithm.as_str().parse().unwrap();
    let signature = oracle::crypto::sign(signed.as_bytes(), &key, algorithm).unwrap();
    format!("{signed}.{signature}")
}

/// The usual claims with a text put in front of them.
fn beginning(text: &str) -> String {
    claims().to_string().replacen('{', &format!("{{{text},"), 1)
}

async fn hs256_server() -> Server {
    Server::of(usual()).await
}

// Sections 2.1 and 3.2: `none` in no spelling, with whatever signature.
#[tokio::test]
async fn the_algorithm_none_is_rejected() {
    let mut public = Server::with(key(Algorithm::RS256)).await;
    let mut secret = hs256_server().await;
    let good = hs256(&claims());
    let signature = good.rsplit('.').next().unwrap();
    for alg in [
        r#""none""#,
        r#""None""#,
        r#""NONE""#,
        r#""nOnE""#,
        r#""none ""#,
        r#"" none""#,
        r#""none\u0000""#,
        r#""n\u006fne""#,
        r#""\u006eone""#,
        r#""nоne""#,
        r#""""#,
        r#""undefined""#,
        r#""null""#,
        r#""HS256,none""#,
    ] {
        let header = format!(r#"{{"alg":{alg}}}"#);
        for signature in ["", signature, "AA"] {
            let token = compact(&header, &claims().to_string(), signature);
            public.refuses(&token, "algorithm").await;
            secret.refuses(&token, "algorithm").await;
        }
    }
    for (header, why) in [
        ("{}", "algorithm"),
        (r#"{"typ":"JWT"}"#, "algorithm"),
        (r#"{"Alg":"HS256"}"#, "algorithm"),
        (r#"{"alg":null}"#, "header"),
        (r#"{"alg":false}"#, "header"),
        (r#"{"alg":0}"#, "header"),
        (r#"{"alg":["none"]}"#, "header"),
        (r#"{"alg":["HS256"]}"#, "header"),
        (r#"{"alg":{"HS256":1}}"#, "header"),
    ] {
        secret.refuses(&headed(header), why).await;
        public.refuses(&headed(header), why).await;
    }
    // Stripped of its signature, a token is two parts, or one with an empty signature.
    let signed = good.rsplit_once('.').unwrap().0;
    secret.refuses(signed, "form").await;
    secret.refuses(&format!("{signed}."), "signature").await;
}

// Sections 2.1 and 3.1: a public key is no secret, in no form in which a verifier may hold it.
#[tokio::test]
async fn a_public_key_does_not_serve_as_a_secret() {
    for algorithm in [
        Algorithm::RS256,
        Algorithm::ES256,
        Algorithm::ES384,
        Algorithm::EdDSA,
    ] {
        let mut unnamed = Server::with(key(algorithm)).await;
        let mut named = Server::with(key(algorithm).with_key_id("k")).await;
        let pem = String::from_utf8(pem(&format!("{}.public.pem", key_file(algorithm)))).unwrap();
        let body: String = pem.lines().filter(|line| !line.contains('-')).collect();
        use base64::engine::general_purpose::STANDARD;
        let der = STANDARD.decode(&body).unwrap();
        let point = &der[der.len() - 32..];
        for form in [
            pem.as_bytes(),
            pem.trim_end().as_bytes(),
            &pem.replace('\n', "\r\n").into_bytes(),
            body.as_bytes(),
            &der,
            &der[24..],
            point,
            b"",
        ] {
            for hash in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
                let token = hmac(hash, &format!(r#"{{"alg":"{hash}"}}"#), form);
                unnamed.refuses(&token, "unknown_key").await;
                named.refuses(&token, "unknown_key").await;
                let token = hmac(hash, &format!(r#"{{"alg":"{hash}","kid":"k"}}"#), form);
                named.refuses(&token, "key_algorithm").await;
                // Under the name of the key's own algorithm it is just a wrong signature.
                let token = hmac(hash, &format!(r#"{{"alg":"{algorithm}","kid":"k"}}"#), form);
                named.refuses(&token, "signature").await;
            }
        }
    }
}

// Section 3.1: "Each key MUST be used with exactly one algorithm".
#[tokio::test]
async fn a_key_serves_its_own_algorithm_only() {
    for own in ALGORITHMS {
        let mut server = Server::with(key(own)).await;
        for other in ALGORITHMS {
            let token = sign(
                other,
                &format!(r#"{{"alg":"{other}"}}"#),
                &claims().to_string(),
            );
            if own == other {
                server.accepts(&token).await;
                continue;
            }
            server.refuses(&token, "unknown_key").await;
            let renamed = sign(
                other,
                &format!(r#"{{"alg":"{own}"}}"#),
                &claims().to_string(),
            );
            server.refuses(&renamed, "signature").await;
        }
    }
    // Names are exact, and there are no others (RFC 7518 section 3.1, RFC 7515 section 4.1.1).
    let mut server = hs256_server().await;
    for alg in [
        "hs256",
        "HS256 ",
        " HS256",
        "HS-256",
        "HmacSHA256",
        "ES512",
        "ES256K",
        "dir",
        "A128KW",
    ] {
        let token = headed(&format!(r#"{{"alg":"{alg}"}}"#));
        server.refuses(&token, "algorithm").await;
    }
}

// Sections 2.2, 3.2 and 3.5: nothing weak gets as far as a request.
#[test]
fn a_key_that_is_too_weak_is_rejected_at_start_up() {
    for (algorithm, length) in [
        (Algorithm::HS256, 31),
        (Algorithm::HS384, 47),
        (Algorithm::HS512, 63),
    ] {
        assert!(Key::from_secret(algorithm, vec![7; length]).is_err());
        assert!(Key::from_secret(algorithm, vec![7; length + 1]).is_ok());
    }
    assert!(Key::from_pem(Algorithm::RS256, pem("rsa1024.public.pem")).is_err());
}

// Section 3.3: a signature is of what was sent, to the byte; RFC 7515 sections 2 and 7.1.
#[tokio::test]
async fn only_the_canonical_encoding_of_a_token_is_accepted() {
    let mut server = hs256_server().await;
    let token = hs256(&claims());
    server.accepts(&token).await;
    let [header, payload, signature] = token.split('.').collect::<Vec<_>>()[..] else {
        panic!("{token}");
    };
    let mallory = URL_SAFE_NO_PAD.encode(with("sub", "mallory").to_string());
    let last = signature.chars().last().unwrap();
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    // The 43rd character of 32 bytes has two bits that do not count.
    let index = alphabet.find(last).unwrap();
    let dirty = alphabet.chars().nth(index ^ 1).unwrap();
    for (token, why) in [
        (format!("{header}.{mallory}.{signature}"), "signature"),
        (format!("{header}.{payload}."), "signature"),
        (format!("{header}.{payload}.{}", &signature[..42]), "form"),
        (
            format!("{header}.{payload}.{}{dirty}", &signature[..42]),
            "form",
        ),
        (
            format!("{header}.{payload}.{}", &signature[..40]),
            "signature",
        ),
        (format!("{header}.{payload}.{signature}="), "form"),
        (format!("{token}.{signature}"), "signature"),
        (format!("{token}."), "signature"),
        (format!(".{token}"), "header"),
        (format!("{header}..{signature}"), "signature"),
        (format!(".{payload}.{signature}"), "header"),
        (format!("{header}.{payload}"), "form"),
        (header.to_owned(), "form"),
        ("opaque".to_owned(), "form"),
        ("..".to_owned(), "header"),
        (".".to_owned(), "form"),
    ] {
        server.refuses(&token, why).await;
    }
}

// Section 3.4 and RFC 7515 section 4.1.11: what is critical and not understood.
#[tokio::test]
async fn a_critical_extension_is_rejected() {
    let mut server = hs256_server().await;
    for more in [
        r#""crit":["exp"],"exp":1"#,
        r#""crit":["b64"],"b64":true"#,
        r#""crit":["b64"],"b64":false"#,
        r#""crit":["http://example.invalid/x"],"http://example.invalid/x":1"#,
        r#""crit":["alg"]"#,
        r#""crit":[]"#,
        r#""crit":null"#,
        r#""crit":"exp""#,
        r#""crit":{}"#,
        r#""crit":[1]"#,
        r#""\u0063rit":["exp"]"#,
        // RFC 7797 section 7: an unencoded payload is no JWT, whether or not it is critical.
        r#""b64":false"#,
        r#""b64":"false""#,
        r#""b64":0"#,
        r#""b64":null"#,
    ] {
        let token = headed(&format!(r#"{{"alg":"HS256",{more}}}"#));
        server.refuses(&token, "extension").await;
    }
    server
        .accepts(&headed(r#"{"alg":"HS256","b64":true,"x":"ignored"}"#))
        .await;
    // In the payload these are claims like any other.
    let payload = beginning(r#""crit":["exp"],"b64":false,"alg":"none""#);
    let token = sign(Algorithm::HS256, r#"{"alg":"HS256"}"#, &payload);
    server.accepts(&token).await;
    // The unencoded payload of RFC 7797 itself.
    server.refuses("eyJhbGciOiJIUzI1NiIsImI2NCI6ZmFsc2UsImNyaXQiOlsiYjY0Il19..A5dxf2s96_n5FLueVuW1Z_vh161FwXZC4YLPff6dmDY", "extension").await;
}

// Section 3.7 and RFC 7159 section 8.1: UTF-8, and nothing else.
#[tokio::test]
async fn json_must_be_utf_8() {
    let mut server = hs256_server().await;
    let signed = |payload: &[u8]| {
        let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let signed = format!("{}.{}", part(br#"{"alg":"HS256"}"#), part(payload));
        let key = oracle::EncodingKey::from_secret(&SECRET).unwrap();
        let signature = oracle::crypto::sign(signed.as_bytes(), &key, oracle::Algorithm::HS256);
        format!("{signed}.{}", signature.unwrap())
    };
    let text = claims().to_string();
    let with_bytes = |bytes: &[u8]| {
        let (start, end) = text.split_once("alice").unwrap();
        [start.as_bytes(), bytes, end.as_bytes()].concat()
    };
    server.accepts(&signed(text.as_bytes())).await;
    let utf16 = |to: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(to).collect::<Vec<_>>();
    let utf32: Vec<u8> = text
        .chars()
        .flat_map(|c| u32::from(c).to_le_bytes())
        .collect();
    for payload in [
        utf16(u16::to_le_bytes),
        utf16(u16::to_be_bytes),
        utf32,
        format!("\u{feff}{text}").into_bytes(),
        with_bytes(b"al\xefce"),
        with_bytes(b"al\xc1\xa9ce"),
        with_bytes(b"al\xed\xa0\xbd\xed\xb8\x80ce"),
        with_bytes(br"al\ud83dce"),
        with_bytes(b"al\x01ce"),
        format!("{text}\0").into_bytes(),
    ] {
        server.refuses(&signed(&payload), "payload").await;
    }
}

// RFC 7519 sections 4 and 7.2, RFC 7515 section 4: one object, of distinct names, at any depth.
#[tokio::test]
async fn a_name_that_occurs_twice_is_rejected_at_any_depth() {
    let mut server = hs256_server().await;
    let twice = [
        r#""sub":"mallory""#.to_owned(),
        r#""sub":"alice""#.to_owned(),
        r#""\u0073ub":"mallory""#.to_owned(),
        r#""exp":9999999999"#.to_owned(),
        r#""x":{"a":1,"a":2}"#.to_owned(),
        r#""x":{"a":1,"\u0061":1}"#.to_owned(),
        r#""x":[{"b":[{"a":1,"c":2,"a":3}]}]"#.to_owned(),
        r#""x":1,"y":2,"x":3"#.to_owned(),
        format!(
            r#""x":{}{{"a":1,"a":1}}{}"#,
            r#"{"n":["#.repeat(10),
            "]}".repeat(10)
        ),
        format!(
            r#""x":{{{},"n7":0}}"#,
            (0..100)
                .map(|n| format!(r#""n{n}":0"#))
                .collect::<Vec<_>>()
                .join(",")
        ),
    ];
    for text in twice {
        let token = sign(Algorithm::HS256, r#"{"alg":"HS256"}"#, &beginning(&text));
        server.refuses(&token, "payload").await;
    }
    for header in [
        r#"{"alg":"HS256","alg":"HS256"}"#,
        r#"{"alg":"none","alg":"HS256"}"#,
        r#"{"alg":"HS256","\u0061lg":"none"}"#,
        r#"{"alg":"HS256","kid":"a","kid":"b"}"#,
        r#"{"alg":"HS256","x":{"a":1,"a":1}}"#,
    ] {
        server.refuses(&headed(header), "header").await;
    }
    // The same name in two objects, and names that differ, are no duplicates.
    let distinct =
        beginning(r#""x":{"sub":1,"Sub":2,"x":{"sub":3}},"y":[{"a":1},{"a":1}],"Exp":1"#);
    server
        .accepts(&sign(Algorithm::HS256, r#"{"alg":"HS256"}"#, &distinct))
        .await;
}

// RFC 7519 section 7.2: "a completely valid JSON object".
#[tokio::test]
async fn a_payload_that_is_not_an_object_is_rejected() {
    let mut server = hs256_server().await;
    let text = claims().to_string();
    for payload in [
        "",
        " ",
        "null",
        "true",
        "1",
        "\"alice\"",
        "[]",
        "{",
        "}",
        "{}{}",
        "{\"sub\":}",
        "{'sub':'alice'}",
        "{sub:\"alice\"}",
        "{\"a\":01}",
        "{\"a\":+1}",
        "{\"a\":.5}",
        "{\"a\":1.}",
        "{\"a\":NaN}",
        "{\"a\":Infinity}",
        "{\"a\":0x1}",
        "{\"a\":tRUE}",
        "{\"a\":\"\\x\"}",
        &format!("[{text}]"),
        &format!("{text},"),
        &format!("{text}x"),
        &format!("{text}/* */"),
        &text.replacen('}', ",}", 1),
    ] {
        let token = sign(Algorithm::HS256, r#"{"alg":"HS256"}"#, payload);
        server.refuses(&token, "payload").await;
    }
    for header in [
        "",
        "null",
        "[]",
        "\"HS256\"",
        "{",
        r#"{"alg":"HS256"}x"#,
        r#"{"alg":"HS256",}"#,
    ] {
        server.refuses(&headed(header), "header").await;
    }
    for payload in [format!(" \t\r\n{text} \n"), text.replace(':', " : ")] {
        let payload = payload.replace("https : ", "https:");
        server
            .accepts(&sign(Algorithm::HS256, r#"{"alg":"HS256"}"#, &payload))
            .await;
    }
}

// In no section: a token cannot make the verifier work as much as it likes.
#[tokio::test]
async fn size_and_depth_are_capped() {
    let mut server = hs256_server().await;
    let nested = |depth: usize| {
        let text = format!(r#""x":{}{}"#, "[".repeat(depth - 1), "]".repeat(depth - 1));
        sign(Algorithm::HS256, r#"{"alg":"HS256"}"#, &beginning(&text))
    };
    // The claims themselves are the first level.
    server.accepts(&nested(DEPTH)).await;
    server.refuses(&nested(DEPTH + 1), "payload").await;
    server.refuses(&nested(5000), "payload").await;

    let long = |length: usize| hs256(&with("x", "x".repeat(length)));
    server.accepts(&long(11_000)).await;
    let mut small = Server::of(usual().max_token_bytes(1000)).await;
    small.accepts(&long(300)).await;
    small.refuses(&long(1000), "too_long").await;
    let header = |length: usize| {
        headed(&format!(
            r#"{{"alg":"HS256","x":"{}"}}"#,
            "x".repeat(length)
        ))
    };
    server.accepts(&header(3000)).await;
    server.refuses(&header(4096), "too_long").await;
    let signature = "A".repeat(2000);
    let token = compact(r#"{"alg":"HS256"}"#, &claims().to_string(), &signature);
    server.refuses(&token, "form").await;
}

/// How deep claims may nest.
const DEPTH: usize = 32;

// Section 3.8; RFC 7519 section 4.1.1.
#[tokio::test]
async fn the_issuer_is_the_configured_one_letter_by_letter() {
    let mut server = hs256_server().await;
    for other in [
        "https://as.example/",
        "https://AS.example",
        "HTTPS://as.example",
        "http://as.example",
        "https://as.example:443",
        "https://as.example ",
        " https://as.example",
        "as.example",
        "https://as.example.evil.example",
        "https://evil.example",
        "https%3A//as.example",
        "https://as.example,https://evil.example",
        "",
    ] {
        server.refuses(&hs256(&with("iss", other)), "issuer").await;
    }
    for wrong in [
        json!(1),
        json!(true),
        json!([ISSUER]),
        json!({ "iss": ISSUER }),
    ] {
        server
            .refuses(&hs256(&with("iss", wrong)), "claim_type")
            .await;
    }
    server
        .refuses(&hs256(&with("iss", Value::Null)), "missing_claim")
        .await;
    let mut null = claims();
    null["iss"] = Value::Null;
    server.refuses(&hs256(&null), "missing_claim").await;
    let mut upper = with("iss", Value::Null);
    upper["Iss"] = json!(ISSUER);
    server.refuses(&hs256(&upper), "missing_claim").await;
}

// Section 3.9; RFC 7519 section 4.1.3.
#[tokio::test]
async fn the_audience_is_a_string_or_an_array_that_holds_ours() {
    let mut server = hs256_server().await;
    for good in [
        json!(AUDIENCE),
        json!([AUDIENCE]),
        json!(["https://other.example", AUDIENCE]),
        json!([AUDIENCE, AUDIENCE]),
    ] {
        server.accepts(&hs256(&with("aud", good))).await;
    }
    for other in [
        json!("https://other.example"),
        json!("https://rs.example/"),
        json!("https://RS.example"),
        json!("https://rs.example https://other.example"),
        json!("https://rs.example/v1"),
        json!("*"),
        json!(""),
        json!([]),
        json!([""]),
        json!(["https://rs.example/"]),
    ] {
        server
            .refuses(&hs256(&with("aud", other)), "audience")
            .await;
    }
    for wrong in [
        json!(1),
        json!(true),
        json!({ "aud": AUDIENCE }),
        json!([AUDIENCE, 1]),
        json!([1, AUDIENCE]),
        json!([AUDIENCE, null]),
        json!([[AUDIENCE]]),
    ] {
        server
            .refuses(&hs256(&with("aud", wrong)), "claim_type")
            .await;
    }
    server
        .refuses(&hs256(&with("aud", Value::Null)), "missing_claim")
        .await;
}

// Section 3.10: what a token says about keys is not to be trusted, and nothing is fetched.
#[tokio::test]
async fn urls_in_a_token_are_not_fetched() {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0))
        .await
        .unwrap();
    let url = format!("http://{}/keys", listener.local_addr().unwrap());
    let named = || key(Algorithm::HS256).with_key_id("k");
    let mut servers = [hs256_server().await, Server::with(named()).await];
    for parameter in ["jku", "x5u"] {
        let [unnamed, named] = &mut servers;
        let header =
            |more: &str| headed(&format!(r#"{{"alg":"HS256","{parameter}":"{url}"{more}}}"#));
        // The configured key decides, and the URL is of no interest.
        unnamed.accepts(&header("")).await;
        named.accepts(&header(r#","kid":"k""#)).await;
        named
            .refuses(&header(r#","kid":"other""#), "unknown_key")
            .await;
        let token = hmac(
            Algorithm::HS256,
            &format!(r#"{{"alg":"HS256","{parameter}":"{url}"}}"#),
            &[1; 32],
        );
        unnamed.refuses(&token, "signature").await;
        // A `kid` that is a URL is a name like any other, and so is an issuer.
        named
            .refuses(
                &headed(&format!(r#"{{"alg":"HS256","kid":"{url}"}}"#)),
                "unknown_key",
            )
            .await;
        unnamed
            .refuses(&hs256(&with("iss", url.as_str())), "issuer")
            .await;
        let claim = hs256(&with(parameter, url.as_str()));
        unnamed.accepts(&claim).await;
    }
    let visit = tokio::time::timeout(Duration::from_millis(200), listener.accept()).await;
    assert!(visit.is_err(), "somebody came for the keys");
}

// Section 3.10: neither is a key that comes with the token.
#[tokio::test]
async fn a_key_in_the_token_is_ignored() {
    let mut server = hs256_server().await;
    let secret = [9; 32];
    let k = URL_SAFE_NO_PAD.encode(secret);
    for own in [
        format!(r#""jwk":{{"kty":"oct","alg":"HS256","k":"{k}"}}"#),
        format!(r#""jwk":{{"kty":"oct","kid":"k","k":"{k}"}},"kid":"k""#),
        format!(r#""x5c":["{k}"]"#),
        r#""x5t":"AA","x5t#S256":"AA""#.to_owned(),
    ] {
        let header = format!(r#"{{"alg":"HS256",{own}}}"#);
        server
            .refuses(&hmac(Algorithm::HS256, &header, &secret), "signature")
            .await;
        server.accepts(&headed(&header)).await;
    }
}

// Section 3.10: "kid" as a path, a query or a command; RFC 7515 section 4.1.4: a string.
#[tokio::test]
async fn a_key_id_is_only_compared() {
    let (named, other) = (
        key(Algorithm::HS256).with_key_id("k"),
        key(Algorithm::HS384).with_key_id("l"),
    );
    let mut one = Server::with(named.clone()).await;
    let mut two = Server::with(KeySet::new([named, other]).unwrap()).await;
    let kid = |kid: Value| headed(&json!({ "alg": "HS256", "kid": kid }).to_string());
    for server in [&mut one, &mut two] {
        server.accepts(&kid(json!("k"))).await;
        server.accepts(&headed(r#"{"alg":"HS256"}"#)).await;
        for unknown in [
            "",
            "K",
            "k ",
            " k",
            "k\0",
            "k\0x",
            "kk",
            "../../../dev/null",
            "/dev/null",
            "' UNION SELECT 'k",
            "k' OR '1'='1",
            "$(id)",
            "|id",
            "k;k",
            "%6b",
            "k%00",
            "*",
            "0",
            "http://127.0.0.1/k",
            "__proto__",
            "постоянно",
        ] {
            server.refuses(&kid(json!(unknown)), "unknown_key").await;
        }
        for wrong in [
            json!(0),
            json!(true),
            json!(null),
            json!(["k"]),
            json!({ "k": "k" }),
        ] {
            server.refuses(&kid(wrong), "header").await;
        }
        server
            .accepts(&headed(r#"{"alg":"HS256","kid":"\u006b"}"#))
            .await;
    }
    // `/dev/null` and an empty file as the secret.
    for secret in [&b""[..], b"\n", b"\0"] {
        let header = r#"{"alg":"HS256","kid":"/dev/null"}"#;
        one.refuses(&hmac(Algorithm::HS256, header, secret), "unknown_key")
            .await;
    }
    // The name of a key for another algorithm.
    two.refuses(&kid(json!("l")), "key_algorithm").await;
}

// Sections 2.8, 3.11 and 3.12: tokens of the same issuer for something else.
#[tokio::test]
async fn another_kind_of_token_is_rejected() {
    let mut server = hs256_server().await;
    let typ = |typ: &str| headed(&format!(r#"{{"alg":"HS256","typ":{typ}}}"#));
    for good in [
        "\"JWT\"",
        "\"jwt\"",
        "\"at+jwt\"",
        "\"AT+JWT\"",
        "\"application/at+jwt\"",
    ] {
        server.accepts(&typ(good)).await;
    }
    for other in [
        "\"id+jwt\"",
        "\"logout+jwt\"",
        "\"secevent+jwt\"",
        "\"dpop+jwt\"",
        "\"client-auth+jwt\"",
        "\"token-introspection+jwt\"",
        "\"oauth-authz-req+jwt\"",
        "\"JWE\"",
        "\"JOSE\"",
        "\"at\"",
        "\"application/jwt\"",
        "\"at+jwt \"",
        "\"\"",
    ] {
        server.refuses(&typ(other), "type").await;
    }
    for wrong in ["1", "null", "[\"JWT\"]", "{}"] {
        server.refuses(&typ(wrong), "header").await;
    }
    // RFC 8417 section 2.2 and Back-Channel Logout section 2.4.
    let logout = json!({ "http://schemas.openid.net/event/backchannel-logout": {} });
    for events in [logout, json!({})] {
        let mut claims = claims();
        claims["events"] = events;
        server.refuses(&hs256(&claims), "event").await;
    }
    // Of another shape it is a claim of the application's own.
    for events in [json!(["order.created"]), json!("x"), json!(7), json!(null)] {
        let mut claims = claims();
        claims["events"] = events;
        server.accepts(&hs256(&claims)).await;
    }
    // RFC 7800 section 3, RFC 8705 section 3.1 and RFC 9449 section 6.1: who bears it proves
    // nothing yet.
    for (cnf, why) in [
        (json!({ "jkt": "x" }), "bound"),
        (json!({ "x5t#S256": "x" }), "bound"),
        (json!({ "other": 1, "jwk": {} }), "bound"),
        // It says nothing, and may have said something before it was lost.
        (json!({}), "claim_type"),
        (json!({ "jkt": null }), "claim_type"),
        (json!({ "other": "x" }), "claim_type"),
        (json!(null), "claim_type"),
        (json!(1), "claim_type"),
    ] {
        let mut claims = claims();
        claims["cnf"] = cnf;
        server.refuses(&hs256(&claims), why).await;
    }
}

// RFC 7519 section 4.1.2, and section 3.10 of RFC 8725: the subject is used as a key.
#[tokio::test]
async fn a_subject_is_a_non_empty_string() {
    let mut server = hs256_server().await;
    for missing in [Value::Null, json!("")] {
        server
            .refuses(&hs256(&with("sub", missing)), "missing_claim")
            .await;
    }
    for wrong in [
        json!(1),
        json!(true),
        json!(["alice"]),
        json!({ "id": "alice" }),
        json!("alice\0"),
        json!("alice\r\nX: y"),
        json!("\u{85}alice"),
    ] {
        server
            .refuses(&hs256(&with("sub", wrong)), "claim_type")
            .await;
    }
}

// RFC 7519 sections 2 (NumericDate), 4.1.4, 4.1.5 and 4.1.6.
#[tokio::test]
async fn times_are_numbers_that_make_sense() {
    let mut server = hs256_server().await;
    let with_text = |name: &str, number: &str| {
        let text = with(name, "NUMBER")
            .to_string()
            .replace("\"NUMBER\"", number);
        sign(Algorithm::HS256, r#"{"alg":"HS256"}"#, &text)
    };
    let no_dates = [
        "\"1800000600\"",
        "\"\"",
        "\"soon\"",
        "true",
        "false",
        "[1800000600]",
        "{}",
        "-1",
        "-0.5",
        "-1800000600",
        "-1e300",
        "1e20",
        "1e300",
        "253402300800",
        "1800000600000",
        "18446744073709551616",
        "99999999999999999999999999999999999999",
    ];
    for name in ["exp", "nbf", "iat", "auth_time"] {
        for number in no_dates {
            server.refuses(&with_text(name, number), "claim_type").await;
        }
        for number in ["1e400", "-1e400"] {
            server.refuses(&with_text(name, number), "payload").await;
        }
    }
    for (name, number, verdict) in [
        ("exp", "0", "expired"),
        ("exp", "-0", "expired"),
        ("exp", "1799990000.5", "expired"),
        ("exp", "253402300799", "accepted"),
        ("exp", "1.8000006e9", "accepted"),
        ("exp", "1800000600.0", "accepted"),
        ("nbf", "0", "accepted"),
        ("nbf", "-0.0", "accepted"),
        ("nbf", "1799999999.9", "accepted"),
        ("nbf", "253402300799", "not_yet_valid"),
        ("nbf", "1800003600", "not_yet_valid"),
        ("iat", "1", "accepted"),
        ("iat", "1800003600", "not_yet_valid"),
        ("iat", "253402300799", "not_yet_valid"),
        ("auth_time", "1", "accepted"),
    ] {
        assert_eq!(
            server.outcome(&with_text(name, number)).await,
            verdict,
            "{name} {number}"
        );
    }
    server
        .refuses(&hs256(&with("exp", Value::Null)), "missing_claim")
        .await;
    server
        .refuses(&with_text("exp", "null"), "missing_claim")
        .await;
    for optional in ["nbf", "iat", "auth_time"] {
        server.accepts(&hs256(&with(optional, Value::Null))).await;
        server.accepts(&with_text(optional, "null")).await;
    }
}

// The same sections: "a small leeway, usually no more than a few minutes".
#[tokio::test]
async fn the_leeway_is_exactly_sixty_seconds() {
    const T: u64 = 1_700_000_000;
    let clock = Arc::new(AtomicU64::new(T));
    let time = clock.clone();
    let now = move || UNIX_EPOCH + Duration::from_secs(time.load(Ordering::SeqCst));
    let mut server = Server::of(usual().clock(now)).await;
    let mut bare = with("iat", Value::Null);
    bare["exp"] = json!(T);
    let expiring = hs256(&bare);
    bare["exp"] = json!(T + 10_000);
    bare["nbf"] = json!(T);
    let starting = hs256(&bare);
    bare["nbf"] = json!(T as f64 + 0.5);
    let half = hs256(&bare);
    bare.as_object_mut().unwrap().remove("nbf");
    bare["iat"] = json!(T);
    let issued = hs256(&bare);
    for (token, now, verdict) in [
        (&expiring, T - 1, "accepted"),
        (&expiring, T, "accepted"),
        (&expiring, T + 59, "accepted"),
        (&expiring, T + 60, "expired"),
        (&expiring, T + 61, "expired"),
        (&starting, T - 61, "not_yet_valid"),
        (&starting, T - 60, "accepted"),
        (&starting, T, "accepted"),
        (&starting, 0, "not_yet_valid"),
        (&half, T - 60, "not_yet_valid"),
        (&half, T - 59, "accepted"),
        (&issued, T - 61, "not_yet_valid"),
        (&issued, T - 60, "accepted"),
    ] {
        clock.store(now, Ordering::SeqCst);
        assert_eq!(server.outcome(token).await, verdict, "{now}");
    }
}
