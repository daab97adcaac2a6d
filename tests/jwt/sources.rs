//! Claims at several paths, the kind of a subject, clients, changed identities, and the choice
//! between two verifiers.

use crate::support::*;
use tower_auth::{
    Policy, Verdict,
    authz::PolicyRequest,
    bearer::{BoundToken, FixedTokens, Token},
    revocation::{IssuerScope, RevocationCheck, Revocations, VerifyExt},
    subject, verify_fn,
};

fn roles(identity: &Identity) -> Vec<&str> {
    identity.roles().collect()
}

fn scopes(identity: &Identity) -> Vec<&str> {
    identity.scopes().collect()
}

#[track_caller]
fn now_of(verdict: Verdict<Identity>) -> Result<Identity, Rejection> {
    verdict.now().expect("no I/O to wait for")
}

#[test]
fn roles_of_a_realm_and_of_a_client_add_up() {
    let mut claims = with("realm_access", json!({ "roles": ["user", "auditor"] }));
    claims["resource_access"] = json!({ "orders": { "roles": ["editor", "user"] } });
    let builder = || {
        let realm = usual().roles_at(["realm_access", "roles"]);
        realm.roles_at(["resource_access", "orders", "roles"])
    };
    let identity = accepted(builder(), &hs256(&claims));
    assert_eq!(roles(&identity), ["user", "auditor", "editor"]);
    // A claim that is absent or `null` adds nothing.
    claims["realm_access"] = json!(null);
    let identity = accepted(builder(), &hs256(&claims));
    assert_eq!(roles(&identity), ["editor", "user"]);
    // A claim of the wrong type rejects the token, whichever it is.
    claims["realm_access"] = json!({ "roles": 7 });
    refused(builder(), &hs256(&claims), "claim_type");
}

#[test]
fn scopes_and_permissions_add_up_and_replace_the_default() {
    let mut claims = with("scope", "openid read");
    claims["permissions"] = json!(["read", "write:orders"]);
    let both = || usual().scopes_at("scope").scopes_at("permissions");
    let identity = accepted(both(), &hs256(&claims));
    assert_eq!(scopes(&identity), ["openid", "read", "write:orders"]);
    let identity = accepted(usual().scopes_at("permissions"), &hs256(&claims));
    assert_eq!(scopes(&identity), ["read", "write:orders"]);
    let identity = accepted(usual(), &hs256(&claims));
    assert_eq!(scopes(&identity), ["openid", "read"]);
}

#[test]
fn a_token_without_a_subject_is_that_of_its_client_if_the_application_says_so() {
    let builder = || usual().client_at("client_id").client_at("azp");
    let user = accepted(builder(), &hs256(&claims()));
    assert_eq!((user.subject(), user.is_client()), ("alice", false));
    for absent in [json!(null), json!("")] {
        let mut claims = claims();
        claims["sub"] = absent;
        let client = accepted(builder(), &hs256(&claims));
        assert_eq!((client.subject(), client.is_client()), ("app", true));
        claims["client_id"] = json!(null);
        claims["azp"] = json!("billing");
        assert_eq!(accepted(builder(), &hs256(&claims)).subject(), "billing");
        refused(usual(), &hs256(&claims), "missing_claim");
    }
    // A subject of the wrong type does not become a client.
    refused(builder(), &hs256(&with("sub", 7)), "claim_type");
    refused(
        builder(),
        &hs256(&with("sub", json!(["alice"]))),
        "claim_type",
    );
}

#[test]
fn the_first_claim_that_is_present_is_the_subject() {
    let builder = || usual().subject_at("uid").subject_at("sub");
    let numbered = accepted(builder(), &hs256(&with("uid", 42)));
    assert_eq!((numbered.subject(), numbered.is_client()), ("42", false));
    assert_eq!(accepted(builder(), &hs256(&claims())).subject(), "alice");
    refused(builder(), &hs256(&with("uid", json!({}))), "claim_type");
}

#[tokio::test]
async fn a_user_and_a_client_of_the_same_name_are_different_subjects() {
    let builder = || usual().client_at("client_id");
    let user = accepted(builder(), &hs256(&with("sub", "app")));
    let client = accepted(builder(), &hs256(&with("sub", json!(null))));
    assert_eq!((user.subject(), client.subject()), ("app", "app"));
    assert_eq!(user.issuer(), client.issuer());
    let is_revoked = |list: &Revocations, identity: &Identity| {
        list.check(identity).now().expect("no I/O").is_err()
    };
    let (at, until) = (now(), now() + Duration::from_secs(3600));
    // A revocation by an identity, by the issuer's name, and by the scope of clients.
    for (of_user, within) in [
        (true, IssuerScope::from(&user)),
        (true, IssuerScope::from(ISSUER)),
        (false, IssuerScope::from(&client)),
        (false, IssuerScope::clients_of(ISSUER)),
    ] {
        let list = Revocations::new();
        list.revoke_subject(within, "app", at, until).unwrap();
        assert_eq!(is_revoked(&list, &user), of_user, "{within:?}");
        assert_eq!(is_revoked(&list, &client), !of_user, "{within:?}");
    }
    // The id of a token is that of the issuer, whoever has the token.
    let list = Revocations::new();
    list.revoke_token(ISSUER, "t1", until).unwrap();
    assert!(is_revoked(&list, &user) && is_revoked(&list, &client));
    let policy = subject(ISSUER, "app");
    let (head, ()) = http::Request::new(()).into_parts();
    let request = PolicyRequest::new(&head);
    assert!(policy.check(&user, &request).await.is_ok());
    assert!(policy.check(&client, &request).await.is_err());
}

#[test]
fn a_configured_client_is_required_in_azp_or_client_id() {
    let builder = || usual().clients(["app", "web"]);
    let mut claims = claims();
    let token = |claims: &Value| hs256(claims);
    accepted(builder(), &token(&claims)); // `client_id` alone
    claims["azp"] = json!("web");
    accepted(builder(), &token(&claims)); // both, each of them configured
    claims["azp"] = json!("stranger");
    refused(builder(), &token(&claims), "client");
    claims["client_id"] = json!(null);
    refused(builder(), &token(&claims), "client");
    claims["azp"] = json!("web");
    accepted(builder(), &token(&claims));
    for wrong in [json!(["web"]), json!(7)] {
        claims["azp"] = wrong;
        refused(builder(), &token(&claims), "claim_type");
    }
    claims["azp"] = json!(null);
    refused(builder(), &token(&claims), "missing_claim");
    claims["azp"] = json!("");
    refused(builder(), &token(&claims), "client");
    // Without configured clients, none is required.
    accepted(usual(), &token(&claims));
    misconfigured(
        usual().clients([""; 0]).build(),
        "clients must not be an empty list",
    );
    misconfigured(usual().clients([""]).build(), "client must not be empty");
}

#[tokio::test]
async fn a_changed_identity_has_the_roles_of_the_application() {
    let jwt = || usual().build().unwrap();
    let token = || Token::new(hs256(&claims()));
    let plain = jwt().map_identity(|identity: Identity| Ok(identity.with_role("admin")));
    for _ in 0..2 {
        // The roles are not added to the cached identity once more.
        let identity = now_of(plain.verify(token())).unwrap();
        assert_eq!(roles(&identity), ["admin"]);
        assert_eq!(identity.subject(), "alice");
    }
    let waiting = jwt().map_identity(|identity: Identity| async move {
        tokio::task::yield_now().await;
        Ok(identity.with_role("admin"))
    });
    let identity = waiting.verify(token()).await.unwrap();
    assert!(identity.has_role("admin"));
    let down = jwt().map_identity(|_: Identity| async { Err(Rejection::unavailable("down")) });
    let rejection = down.verify(token()).await.unwrap_err();
    assert_eq!(rejection.kind(), RejectionKind::Unavailable);
    // The closure is not called for a token that is rejected.
    let never = jwt().map_identity(|_: Identity| -> Result<Identity, Rejection> { panic!() });
    assert!(now_of(never.verify(Token::new("bad"))).is_err());
    assert_eq!(Verify::<Token>::token_format(&plain), Some("JWT"));
}

/// The first verifier is for HS256 and `ISSUER`, the second for the old secret and any issuer.
fn old_and_new() -> impl Verify<Token> + Verify<BoundToken> {
    let old = JwtVerifier::dangerous_any_issuer()
        .dangerous_any_audience()
        .keys(Key::from_secret(Algorithm::HS512, SECRET).unwrap())
        .clock(now);
    usual().build().unwrap().or_else(old.build().unwrap())
}

fn old(claims: &Value) -> String {
    sign(Algorithm::HS512, r#"{"alg":"HS512"}"#, &claims.to_string())
}

#[test]
fn tokens_of_other_issuers_are_verified_by_the_other_verifier() {
    let both = old_and_new();
    let subject = |token: String| {
        let verdict: Verdict<Identity> = both.verify(Token::new(token));
        now_of(verdict)
            .map(|identity| identity.subject().to_owned())
            .ok()
    };
    for _ in 0..2 {
        assert_eq!(subject(hs256(&claims())).as_deref(), Some("alice"));
    }
    assert_eq!(
        subject(old(&with("iss", json!(null)))).as_deref(),
        Some("alice")
    );
    assert_eq!(
        subject(old(&with("iss", "https://old"))).as_deref(),
        Some("alice")
    );
    // The other verifier has no keys of the first, and the first none of the other.
    assert_eq!(subject(hs256(&with("iss", "https://old"))), None);
    assert_eq!(subject(old(&claims())), None);
}

#[test]
fn a_token_that_the_first_verifier_rejects_is_not_offered_to_the_other() {
    let any = || verify_fn(|_: Token| Ok(Identity::new("other")));
    let both = usual().build().unwrap().or_else(any());
    let subject = |token: &str| {
        let verdict = both.verify(Token::new(token));
        now_of(verdict)
            .map(|identity| identity.subject().to_owned())
            .ok()
    };
    let good = hs256(&claims());
    assert_eq!(subject(&good).as_deref(), Some("alice"));
    let (signed, _) = good.rsplit_once('.').unwrap();
    let mut bound = claims();
    bound["cnf"] = json!({ "jkt": "x" });
    for own in [
        format!("{signed}.AAAA"),       // another signature
        format!("{signed}."),           // none
        hs256(&with("exp", NOW - 600)), // expired
        hs256(&with("aud", "https://other.example")),
        hs256(&bound),
        old(&claims()),         // another algorithm
        hs256(&with("iss", 7)), // not a string
        hs256(&with("iss", json!([ISSUER]))),
        format!(
            "{}.{}.AAAA",
            URL_SAFE_NO_PAD.encode("{}"),
            URL_SAFE_NO_PAD.encode("[")
        ),
        sign(
            Algorithm::HS256,
            r#"{"alg":"HS256"}"#,
            &format!(r#"{{"iss":"{ISSUER}","iss":"https://old"}}"#),
        ),
    ] {
        assert_eq!(subject(&own), None, "{own}");
    }
    for others in [
        "opaque".to_owned(),
        "a.b.c".to_owned(),
        hs256(&with("iss", json!(null))),
        hs256(&with("iss", format!("{ISSUER}/"))),
    ] {
        assert_eq!(subject(&others).as_deref(), Some("other"), "{others}");
    }
}

#[tokio::test]
async fn an_alternative_may_have_an_alternative_of_another_kind() {
    let key = "k0pBEy7lTMY6pCT0Vx3Hbw";
    let fixed = FixedTokens::new([(key, Identity::new("ci"))]).unwrap();
    let second = JwtVerifier::issuer("https://old")
        .audience(AUDIENCE)
        .keys(Key::from_secret(Algorithm::HS512, SECRET).unwrap())
        .clock(now);
    let three = usual()
        .build()
        .unwrap()
        .or_else(second.build().unwrap().or_else(fixed));
    let issuer = |token: String| async {
        let identity = three.verify(Token::new(token)).await.ok()?;
        Some(identity.issuer().map(str::to_owned))
    };
    assert_eq!(
        issuer(hs256(&claims())).await,
        Some(Some(ISSUER.to_owned()))
    );
    let old = old(&with("iss", "https://old"));
    assert_eq!(issuer(old).await, Some(Some("https://old".to_owned())));
    assert_eq!(issuer(key.to_owned()).await, Some(None));
    assert_eq!(issuer(hs256(&with("iss", "https://else"))).await, None);
}

#[test]
fn a_bound_token_has_the_same_verifier_as_any_other() {
    let both = old_and_new();
    let thumbprint = [7; 32];
    let binding = json!({ "jkt": URL_SAFE_NO_PAD.encode(thumbprint) });
    let mut claims = with("cnf", binding);
    let verify =
        |token: String, key| now_of(both.verify(BoundToken::new(Token::new(token), key))).is_ok();
    assert!(verify(hs256(&claims), thumbprint));
    assert!(!verify(hs256(&claims), [8; 32]));
    assert!(!verify(old(&claims), thumbprint));
    claims["iss"] = json!("https://old");
    assert!(verify(old(&claims), thumbprint));
    assert!(!verify(hs256(&claims), thumbprint));
}
