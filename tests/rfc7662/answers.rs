//! The meaning of a response (RFC 7662 section 2.2).

use crate::support::*;

/// What becomes of a token about which this is answered.
async fn outcome(answer: impl Into<String>) -> String {
    let endpoint = Endpoint::answering(Answer::json(answer)).await;
    line(&endpoint.introspection(), "mF_9.B5f-4.1JqM").await
}

#[tokio::test]
async fn an_active_token_has_the_identity_of_the_response() {
    let mut claims = claims();
    claims["jti"] = "t1".into();
    claims["sid"] = "s1".into();
    claims["auth_time"] = (NOW - 60).into();
    claims["realm_access"] = json!({ "roles": ["admin", "user"] });
    claims["extension_field"] = "twenty-seven".into();
    let endpoint = Endpoint::answering(Answer::json(claims.to_string())).await;
    let introspection = endpoint.builder().roles_at(["realm_access", "roles"]);
    let identity = ask(&introspection.build().unwrap(), "abc").await.unwrap();
    let at = |seconds| Some(UNIX_EPOCH + Duration::from_secs(seconds));
    assert_eq!(identity.subject(), "alice");
    assert_eq!(identity.issuer(), Some(ISSUER));
    assert_eq!(identity.expires_at(), at(NOW + 600));
    assert_eq!(identity.issued_at(), at(NOW - 10));
    assert_eq!(identity.authenticated_at(), at(NOW - 60));
    assert_eq!(identity.token_id(), Some("t1"));
    assert_eq!(identity.session_id(), Some("s1"));
    assert_eq!(identity.scopes().collect::<Vec<_>>(), ["read", "write"]);
    assert_eq!(identity.roles().collect::<Vec<_>>(), ["admin", "user"]);
    let client: Option<String> = identity.claim("client_id");
    assert_eq!(client.as_deref(), Some("app"));
    let extension: Option<String> = identity.claim("extension_field");
    assert_eq!(extension.as_deref(), Some("twenty-seven"));
}

#[tokio::test]
async fn roles_are_read_only_if_configured() {
    let answer = with("roles", json!(["admin"]));
    let endpoint = Endpoint::answering(Answer::json(answer.to_string())).await;
    let identity = ask(&endpoint.introspection(), "abc").await.unwrap();
    assert_eq!(identity.roles().count(), 0);
}

#[tokio::test]
async fn roles_and_scopes_of_several_members_add_up() {
    let mut claims = claims();
    claims["realm_access"] = json!({ "roles": ["user"] });
    claims["resource_access"] = json!({ "orders": { "roles": ["editor", "user"] } });
    claims["permissions"] = json!(["write", "delete"]);
    let endpoint = Endpoint::answering(Answer::json(claims.to_string())).await;
    let builder = endpoint.builder().roles_at(["realm_access", "roles"]);
    let builder = builder.roles_at(["resource_access", "orders", "roles"]);
    let builder = builder.scopes_at("scope").scopes_at("permissions");
    let identity = ask(&builder.build().unwrap(), "abc").await.unwrap();
    assert_eq!(identity.roles().collect::<Vec<_>>(), ["user", "editor"]);
    let scopes: Vec<_> = identity.scopes().collect();
    assert_eq!(scopes, ["read", "write", "delete"]);
}

#[tokio::test]
async fn a_token_without_a_subject_is_that_of_its_client_if_the_application_says_so() {
    for sub in [json!(null), json!("")] {
        let answer = with("sub", sub).to_string();
        let endpoint = Endpoint::answering(Answer::json(answer.as_str())).await;
        assert_eq!(outcome(answer).await, "401 subject");
        let builder = endpoint.builder().client_at("client_id");
        let client = ask(&builder.build().unwrap(), "abc").await.unwrap();
        assert_eq!((client.subject(), client.is_client()), ("app", true));
    }
    let endpoint = Endpoint::answering(Answer::json(claims().to_string())).await;
    let builder = endpoint.builder().client_at("client_id");
    let user = ask(&builder.build().unwrap(), "abc").await.unwrap();
    assert_eq!((user.subject(), user.is_client()), ("alice", false));
}

#[tokio::test]
async fn a_response_requires_active_to_be_a_boolean() {
    assert_eq!(outcome(r#"{"active":false}"#).await, "401 inactive");
    assert_eq!(
        outcome(with("active", json!(false)).to_string()).await,
        "401 inactive"
    );
    for active in [
        json!("true"),
        json!("false"),
        json!(1),
        json!(0),
        json!(null),
        json!([true]),
        json!({}),
    ] {
        let answer = with("active", active).to_string();
        assert_eq!(outcome(answer.as_str()).await, "503 malformed", "{answer}");
    }
    assert_eq!(
        outcome(with("active", None).to_string()).await,
        "503 malformed"
    );
    for junk in [
        "",
        "{}",
        "[]",
        "true",
        "null",
        "{\"active\":true",
        "{\"active\":true}x",
        "{\"active\":true,\"active\":false}",
        "{\"active\":false,\"active\":true}",
        "{\"Active\":true}",
        "{\"error\":\"server_error\"}",
        "<html>{\"active\":true}</html>",
        "active=true",
        "\u{feff}{\"active\":true}",
    ] {
        assert_eq!(outcome(junk).await, "503 malformed", "{junk}");
    }
}

/// Each member, with what it may not be.
#[tokio::test]
async fn every_member_is_read_and_checked() {
    for (name, value, expected) in [
        ("exp", json!(NOW + 1), "200 alice"),
        ("exp", json!(NOW), "401 expired"),
        ("exp", json!(NOW - 1), "401 expired"),
        ("exp", json!(NOW as f64 + 0.5), "401 expired"),
        ("exp", json!((NOW + 600).to_string()), "503 claim_type"),
        ("exp", json!(-1), "503 claim_type"),
        ("exp", json!(null), "200 alice"),
        ("nbf", json!(NOW + 60), "200 alice"),
        ("nbf", json!(NOW + 61), "401 not_yet_valid"),
        ("nbf", json!("soon"), "503 claim_type"),
        ("nbf", json!(null), "200 alice"),
        ("iat", json!(NOW + 61), "401 not_yet_valid"),
        ("iat", json!(true), "503 claim_type"),
        ("aud", json!("https://other.example/"), "401 audience"),
        (
            "aud",
            json!(["https://other.example/", AUDIENCE]),
            "200 alice",
        ),
        ("aud", json!([]), "401 audience"),
        ("aud", json!([AUDIENCE, 1]), "503 claim_type"),
        ("aud", json!({ "a": AUDIENCE }), "503 claim_type"),
        ("aud", json!(null), "401 audience"),
        ("aud", json!(AUDIENCE.to_uppercase()), "401 audience"),
        ("iss", json!("https://server.example.com"), "401 issuer"),
        ("iss", json!(null), "401 issuer"),
        ("iss", json!([ISSUER]), "503 claim_type"),
        ("sub", json!(""), "401 subject"),
        ("sub", json!(null), "401 subject"),
        ("sub", json!(42), "503 claim_type"),
        ("sub", json!("alice\0"), "503 claim_type"),
        ("scope", json!(""), "200 alice"),
        ("scope", json!(["read"]), "200 alice"),
        ("scope", json!(1), "503 claim_type"),
        ("scope", json!(null), "200 alice"),
        ("username", json!(1), "200 alice"),
        ("client_id", json!(["app"]), "200 alice"),
        ("jti", json!(7), "503 claim_type"),
        ("sid", json!(7), "503 claim_type"),
        ("sid", json!(null), "200 alice"),
        ("auth_time", json!("now"), "503 claim_type"),
        ("token_type", json!("bearer"), "200 alice"),
        ("token_type", json!("BEARER"), "200 alice"),
        ("token_type", json!("access_token"), "200 alice"),
        ("token_type", json!(null), "200 alice"),
        ("token_type", json!("DPoP"), "401 token_type"),
        ("token_type", json!("N_A"), "401 token_type"),
        ("token_type", json!("mac"), "401 token_type"),
        ("token_type", json!("refresh_token"), "401 token_type"),
        ("token_type", json!(""), "401 token_type"),
        ("token_type", json!(["Bearer"]), "503 claim_type"),
        ("token_use", json!("access_token"), "200 alice"),
        ("token_use", json!("refresh_token"), "401 token_type"),
        ("token_use", json!("id"), "401 token_type"),
    ] {
        let answer = with(name, value).to_string();
        assert_eq!(outcome(answer.as_str()).await, expected, "{answer}");
    }
    for (absent, expected) in [
        ("exp", "200 alice"),
        ("iat", "200 alice"),
        ("scope", "200 alice"),
        ("client_id", "200 alice"),
        ("token_type", "200 alice"),
        ("aud", "401 audience"),
        ("iss", "401 issuer"),
        ("sub", "401 subject"),
    ] {
        assert_eq!(
            outcome(with(absent, None).to_string()).await,
            expected,
            "{absent}"
        );
    }
}

/// RFC 8705 section 3.2 and RFC 9449 section 6.2: bearing such a token proves nothing.
#[tokio::test]
async fn a_token_that_is_bound_to_a_key_is_rejected() {
    for (cnf, expected) in [
        (
            json!({ "x5t#S256": "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2" }),
            "401 bound",
        ),
        (
            json!({ "jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I" }),
            "401 bound",
        ),
        // Not an answer, and not absence either.
        (json!({}), "503 claim_type"),
        (json!({ "jkt": null }), "503 claim_type"),
        (json!({ "other": "x" }), "503 claim_type"),
        (json!("x"), "503 claim_type"),
        (json!(null), "503 claim_type"),
    ] {
        let answer = with("cnf", cnf).to_string();
        assert_eq!(outcome(answer.as_str()).await, expected, "{answer}");
    }
}

#[tokio::test]
async fn clients_only_learn_that_the_token_is_invalid() {
    for (answer, detail) in [
        (json!({ "active": false }), "the credentials are not valid"),
        (with("aud", json!("x")), "the credentials are not valid"),
        (with("exp", json!(1)), "the token has expired"),
        (with("nbf", json!(NOW + 100)), "the token is not valid yet"),
    ] {
        let endpoint = Endpoint::answering(Answer::json(answer.to_string())).await;
        let rejection = ask(&endpoint.introspection(), "abc").await.unwrap_err();
        assert_eq!(rejection.kind(), RejectionKind::Invalid);
        assert_eq!(rejection.detail(), detail);
    }
}

#[tokio::test]
async fn waived_members_are_optional_and_still_typed() {
    let endpoint = Endpoint::start().await;
    let mut other = with("aud", json!("x"));
    other["iss"] = "https://other.example/".into();
    let mut none = with("aud", None);
    none.as_object_mut().unwrap().remove("iss");
    for (answer, issuer) in [(&other, Some("https://other.example/")), (&none, None)] {
        endpoint.answer(Answer::json(answer.to_string()));
        let introspection = endpoint
            .bare()
            .dangerous_any_issuer()
            .dangerous_any_audience();
        let identity = ask(&introspection.build().unwrap(), "abc").await.unwrap();
        assert_eq!(identity.issuer(), issuer);
    }
    for (name, value) in [("iss", json!(1)), ("aud", json!(1))] {
        endpoint.answer(Answer::json(with(name, value).to_string()));
        let introspection = endpoint
            .bare()
            .dangerous_any_issuer()
            .dangerous_any_audience();
        let introspection = introspection.build().unwrap();
        assert_eq!(line(&introspection, "abc").await, "503 claim_type");
    }
}

#[tokio::test]
async fn the_subject_may_be_another_member() {
    let mut answer = with("sub", None);
    answer["username"] = "jdoe".into();
    answer["user_id"] = 42.into();
    answer["half"] = 0.5.into();
    answer["scopes"] = json!(["a"]);
    let endpoint = Endpoint::answering(Answer::json(answer.to_string())).await;
    for (path, expected) in [
        ("username", "200 jdoe"),
        ("client_id", "200 app"),
        ("email", "401 subject"),
        ("user_id", "200 42"),
        ("aud", "200 https://protected.example.net/resource"),
        ("scopes", "503 claim_type"),
        ("half", "503 claim_type"),
    ] {
        let introspection = endpoint.builder().subject_at(path).build().unwrap();
        assert_eq!(line(&introspection, "abc").await, expected, "{path}");
    }
}

#[tokio::test]
async fn a_response_of_the_wrong_type_is_an_outage_and_not_cached() {
    for (name, wrong) in [
        ("active", json!("true")),
        ("exp", json!("1900000000")),
        ("aud", json!(7)),
        ("scope", json!({})),
        ("cnf", json!(null)),
    ] {
        let endpoint = Endpoint::answering(Answer::json(with(name, wrong).to_string())).await;
        let introspection = endpoint.introspection();
        for calls in 1..=3 {
            let refused = ask(&introspection, "abc").await.unwrap_err();
            assert_eq!(refused.kind(), RejectionKind::Unavailable, "{name}");
            assert_eq!(endpoint.count(), calls, "{name}");
        }
        endpoint.answer(good());
        assert_eq!(line(&introspection, "abc").await, "200 alice", "{name}");
    }
}

#[tokio::test]
async fn roles_of_another_type_are_rejected() {
    for (roles, expected) in [
        (json!("admin"), "200 alice"),
        (json!(null), "200 alice"),
        (json!([1]), "503 claim_type"),
        (json!({}), "503 claim_type"),
    ] {
        let answer = with("roles", roles).to_string();
        let endpoint = Endpoint::answering(Answer::json(answer)).await;
        let introspection = endpoint.builder().roles_at("roles").build().unwrap();
        assert_eq!(line(&introspection, "abc").await, expected);
    }
}

/// RFC 7662 section 2.2, figures 4 and 5, where the shared vectors are at hand.
#[tokio::test]
async fn the_examples_of_the_rfc_read_as_it_says() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../shared/vectors/rfc_examples.json"
    );
    let Ok(text) = std::fs::read_to_string(path) else {
        println!("skipped: {path} is not here");
        return;
    };
    let all: Vec<Value> = serde_json::from_str(&text).unwrap();
    let example = all.iter().find(|example| example["id"] == "RFC7662-2.2");
    let example = example.expect("the example is there");
    let endpoint = Endpoint::answering(Answer::json(example["response"].to_string())).await;
    let then = || UNIX_EPOCH + Duration::from_secs(1_419_356_000);
    let introspection = endpoint.builder().clock(then).build().unwrap();
    let identity = ask(&introspection, "2YotnFZFEjr1zCsicMWpAA").await.unwrap();
    assert_eq!(identity.subject(), "Z5O3upPC88QrAjx00dis");
    let scopes: Vec<_> = identity.scopes().collect();
    assert_eq!(scopes, ["read", "write", "dolphin"]);
    let username: Option<String> = identity.claim("username");
    assert_eq!(username.as_deref(), Some("jdoe"));
    // Today it has expired.
    let today = endpoint.introspection();
    assert_eq!(line(&today, "2YotnFZFEjr1zCsicMWpAA").await, "401 expired");
    endpoint.answer(Answer::json(example["inactive"].to_string()));
    assert_eq!(line(&introspection, "another").await, "401 inactive");
}

#[tokio::test]
async fn the_reason_names_the_member_with_both_values() {
    let evil = format!("\u{1b}[31m\nERROR{}", "x".repeat(1000));
    for (name, value, expected) in [
        (
            "iss",
            json!("https://server.example.com"),
            r#"the issuer is "https://server.example.com", expected "https://server.example.com/""#,
        ),
        (
            "aud",
            json!(null),
            r#"the audience is missing, expected "https://protected.example.net/resource""#,
        ),
        (
            "exp",
            json!("soon"),
            r#"the member "exp" of the answer must be a date: a number of seconds since 1970, found a string"#,
        ),
        (
            "exp",
            json!(NOW - 1),
            r#"the token has expired: "exp" is 1799999999, expected later than 1800000000 (now 1800000000, leeway 0 s)"#,
        ),
        (
            "sub",
            json!(null),
            r#"the member "sub" is missing, expected a subject"#,
        ),
        (
            "token_use",
            json!("id"),
            r#"the member "token_use" is "id", expected one of "access_token", "access""#,
        ),
        (
            "iss",
            json!(evil),
            &format!(
                r#"the issuer is "\u{{1b}}[31m\nERROR{}…", expected "https://server.example.com/""#,
                "x".repeat(108)
            ),
        ),
    ] {
        let endpoint = Endpoint::answering(Answer::json(with(name, value).to_string())).await;
        let rejection = ask(&endpoint.introspection(), "abc").await.unwrap_err();
        assert_eq!(reason(&rejection).to_string(), expected);
    }
}
