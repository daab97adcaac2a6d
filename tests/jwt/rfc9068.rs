//! The profile for access tokens over the wire, by the sections of RFC 9068.

use crate::server::Server;
use crate::support::*;

async fn server() -> Server {
    Server::of(usual().access_token_profile()).await
}

fn typed(typ: &str) -> String {
    let header = format!(r#"{{"alg":"HS256","typ":{typ}}}"#);
    sign(Algorithm::HS256, &header, &claims().to_string())
}

/// A token of the right type with these claims.
fn token(claims: &Value) -> String {
    let header = r#"{"alg":"HS256","typ":"at+jwt"}"#;
    sign(Algorithm::HS256, header, &claims.to_string())
}

fn with_null(name: &str) -> Value {
    let mut claims = claims();
    claims[name] = Value::Null;
    claims
}

// Sections 2.1 and 4; RFC 7515 section 4.1.9 and RFC 2045 section 5.1 for the case.
#[tokio::test]
async fn the_type_is_at_jwt() {
    let mut server = server().await;
    for good in [
        "at+jwt",
        "AT+JWT",
        "at+JWT",
        "At+Jwt",
        "application/at+jwt",
        "Application/AT+jwt",
    ] {
        server.accepts(&typed(&format!("\"{good}\""))).await;
    }
    server.accepts(&typed(r#""\u0061t+jwt""#)).await;
    for other in [
        "JWT",
        "jwt",
        "at",
        "at-jwt",
        "at+jwt ",
        " at+jwt",
        "at+jwts",
        "at+jwt;v=1",
        "at+jwt\\u0000",
        "application/jwt",
        "application/at",
        "text/at+jwt",
        "application/application/at+jwt",
        "id+jwt",
        "dpop+jwt",
        "logout+jwt",
        "at+jws",
        "",
    ] {
        server
            .refuses(&typed(&format!("\"{other}\"")), "type")
            .await;
    }
    for wrong in ["null", "1", "true", "[\"at+jwt\"]", "{\"typ\":\"at+jwt\"}"] {
        server.refuses(&typed(wrong), "header").await;
    }
}

// Sections 2.1 and 5: an ID token has no such type, and must not pass for an access token.
#[tokio::test]
async fn a_token_without_a_type_is_rejected() {
    let mut server = server().await;
    server.refuses(&hs256(&claims()), "type").await;
    let mut id_token = claims();
    id_token["nonce"] = json!("n");
    id_token["azp"] = json!("app");
    server.refuses(&hs256(&id_token), "type").await;
    let header = r#"{"alg":"HS256","cty":"at+jwt"}"#;
    let elsewhere = sign(Algorithm::HS256, header, &claims().to_string());
    server.refuses(&elsewhere, "type").await;
    // Where nobody asks for the profile, both pass.
    let mut usual = Server::of(usual()).await;
    usual.accepts(&hs256(&claims())).await;
    usual.accepts(&typed("\"at+jwt\"")).await;
}

// Sections 2.1 and 4: "MUST NOT use "none"".
#[tokio::test]
async fn an_access_token_is_signed() {
    let mut server = server().await;
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"at+jwt"}"#);
    let payload = URL_SAFE_NO_PAD.encode(claims().to_string());
    server
        .refuses(&format!("{header}.{payload}."), "algorithm")
        .await;
}

// Section 2.2: seven claims are required.
#[tokio::test]
async fn every_required_claim_has_to_be_there() {
    let mut server = server().await;
    server.accepts(&token(&claims())).await;
    for name in ["iss", "exp", "aud", "sub", "client_id", "iat", "jti"] {
        server
            .refuses(&token(&with(name, Value::Null)), "missing_claim")
            .await;
        let mut elsewhere = with(name, Value::Null);
        elsewhere[name.to_uppercase()] = claims()[name].clone();
        server.refuses(&token(&elsewhere), "missing_claim").await;
        let mut nested = with(name, Value::Null);
        nested["claims"] = json!({ name: claims()[name] });
        server.refuses(&token(&nested), "missing_claim").await;
    }
    // And nothing else is.
    let mut bare = claims();
    bare.as_object_mut().unwrap().remove("scope");
    server.accepts(&token(&bare)).await;
}

// Section 2.2, by the types of RFC 7519 section 4.1 and RFC 8693 section 4.3.
#[tokio::test]
async fn every_required_claim_is_of_its_type() {
    let mut server = server().await;
    let string_for = |name| {
        (
            name,
            vec![json!(1), json!(true), json!(["x"]), json!({ "x": "y" })],
        )
    };
    let date_for = |name| {
        let text = json!(NOW.to_string());
        (
            name,
            vec![
                text,
                json!(""),
                json!(true),
                json!([NOW]),
                json!({}),
                json!(-1),
            ],
        )
    };
    for (name, wrong) in [
        string_for("iss"),
        string_for("sub"),
        string_for("client_id"),
        string_for("jti"),
        date_for("exp"),
        date_for("iat"),
        (
            "aud",
            vec![
                json!(1),
                json!(true),
                json!({}),
                json!([1]),
                json!([AUDIENCE, null]),
            ],
        ),
    ] {
        for value in wrong {
            server
                .refuses(&token(&with(name, value)), "claim_type")
                .await;
        }
        server
            .refuses(&token(&with_null(name)), "missing_claim")
            .await;
    }
    for name in ["sub", "client_id", "jti"] {
        server
            .refuses(&token(&with(name, "")), "missing_claim")
            .await;
    }
}

// Sections 2.2 and 4: what is there has to be right, too.
#[tokio::test]
async fn issuer_audience_and_times_are_checked() {
    let mut server = server().await;
    for (name, value, why) in [
        ("iss", json!("https://as.example/"), "issuer"),
        ("aud", json!("https://other.example"), "audience"),
        ("aud", json!([]), "audience"),
        ("exp", json!(NOW - 60), "expired"),
        ("iat", json!(NOW + 61), "not_yet_valid"),
        ("nbf", json!(NOW + 61), "not_yet_valid"),
        ("cnf", json!({ "jkt": "x" }), "bound"),
    ] {
        server.refuses(&token(&with(name, value)), why).await;
    }
    for (name, value) in [
        ("aud", json!(["https://other.example", AUDIENCE])),
        ("exp", json!(NOW - 59)),
        ("iat", json!(NOW + 60)),
    ] {
        server.accepts(&token(&with(name, value))).await;
    }
}

// Sections 2.2.1 and 2.2.3: optional, and of their type where they are there.
#[tokio::test]
async fn optional_claims_are_of_their_type() {
    let mut server = server().await;
    for (name, value) in [
        ("auth_time", json!(NOW - 100)),
        ("acr", json!("urn:mace:incommon:iap:silver")),
        ("amr", json!(["pwd", "otp"])),
        ("scope", json!("openid profile")),
        ("scope", json!("")),
    ] {
        server.accepts(&token(&with(name, value))).await;
    }
    for (name, value) in [
        ("auth_time", json!("yesterday")),
        ("auth_time", json!(-1)),
        ("scope", json!(1)),
        ("scope", json!({})),
        ("scope", json!([1])),
    ] {
        server
            .refuses(&token(&with(name, value)), "claim_type")
            .await;
    }
}
