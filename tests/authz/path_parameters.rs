//! Path parameters: a policy receives the values that handlers receive, and no spelling of a path
//! hides a value from it.

use crate::common::{Probe, Reply, Toy, get, request, send, through};
use axum::{Router, extract::Path, routing};
use std::error::Error;
use tower::Layer;
use tower_auth::{
    AccessRules, AuthLayer, Identity, Policy, Rejection, RequireLayer, authz::PolicyRequest,
    policy_fn,
};

/// Allows the tenant that has the name of the subject.
fn own_tenant() -> impl Policy {
    policy_fn("own_tenant", |identity, request| {
        match request.path_param("tenant")? == identity.subject() {
            true => Ok(()),
            false => Err(Rejection::forbidden()),
        }
    })
}

/// Allows every tenant but `acme`.
fn other_tenants() -> impl Policy {
    policy_fn("acme", |_, request| {
        match request.path_param("tenant")? == "acme" {
            true => Ok(()),
            false => Err(Rejection::forbidden()),
        }
    })
    .not()
}

fn rules() -> AccessRules {
    AccessRules::new()
        .require("/t/{tenant}", own_tenant())
        .require("/t/{tenant}/{*rest}", own_tenant())
        .require("/o/{tenant}/{*rest}", other_tenants())
}

fn layer(rules: AccessRules) -> AuthLayer {
    AuthLayer::new(Toy::authorization("Toy")).rules(rules)
}

async fn ask(layer: &AuthLayer, path: &str) -> Reply {
    through(layer, get(path, &[("authorization", "Toy acme")])).await
}

#[tokio::test]
async fn a_policy_receives_the_parameters_of_its_rule() {
    let layer = layer(rules());
    for (path, expected) in [
        ("/t/acme", 200),
        ("/t/acme/orders/1", 200),
        ("/t/acme?tenant=bolt", 200),
        ("/t/bolt", 403),
        ("/t/bolt/orders/1", 403),
        ("/t/bolt/acme", 403),
        ("/t/Acme/orders", 403),
        ("/o/acme/orders", 403),
        ("/o/bolt/orders", 200),
    ] {
        assert_eq!(ask(&layer, path).await.status, expected, "{path}");
    }
}

#[tokio::test]
async fn no_spelling_hides_a_value() {
    let layer = layer(rules());
    for (value, own, other) in [
        // The same tenant in another spelling.
        ("ac%6De", 200, 403),
        ("%61%63%6d%65", 200, 403),
        // Another tenant for every server that decodes once.
        ("%2561cme", 403, 200),
        ("acme%20", 403, 200),
        ("acme.", 403, 200),
        // Servers read these differently.
        ("acme;x=1", 400, 400),
        ("acme%3Bx", 400, 400),
        ("acme%ff", 400, 400),
        ("acme%00", 400, 400),
        ("acme%2Fbolt", 400, 400),
        ("acme%5Cbolt", 400, 400),
        ("acme%", 400, 400),
        ("bolt/../acme", 400, 400),
        ("./acme", 400, 400),
        ("/acme", 400, 400),
    ] {
        let path = format!("/t/{value}/orders");
        assert_eq!(ask(&layer, &path).await.status, own, "{path}");
        let path = format!("/o/{value}/orders");
        assert_eq!(ask(&layer, &path).await.status, other, "{path}");
    }
}

#[tokio::test]
async fn a_policy_receives_the_value_that_the_handler_receives() {
    let seen = policy_fn("seen", |identity, request| {
        let (one, rest) = (request.path_param("one")?, request.path_param("rest")?);
        let values = format!("{one} {rest}");
        // Header fields of tests are ASCII.
        match values.escape_unicode().to_string() == identity.subject() {
            true => Ok(()),
            false => Err(Rejection::forbidden()),
        }
    });
    let handler =
        |Path((one, rest)): Path<(String, String)>| async move { format!("{one} {rest}") };
    let app = Router::new()
        .route("/a/{one}/{*rest}", routing::get(handler))
        .layer(layer(AccessRules::new().require("/a/{one}/{*rest}", seen)));
    for (path, values) in [
        ("/a/x/y/z", "x y/z"),
        ("/a/ann%40example.com/y", "ann@example.com y"),
        ("/a/ann@example.com/y", "ann@example.com y"),
        ("/a/caf%C3%A9/%E2%82%AC", "café €"),
        ("/a/%2541/y%20z", "%41 y z"),
        ("/a/a+b/y", "a+b y"),
    ] {
        let value = format!("Toy {}", values.escape_unicode());
        let reply = send(&app, get(path, &[("authorization", &value)])).await;
        assert_eq!(reply.line(), format!("200 {values}"), "{path}");
    }
}

#[tokio::test]
async fn parameters_are_of_the_path_that_the_layer_sees() {
    let handler = || {
        routing::get(
            |Path(params): Path<Vec<(String, String)>>| async move { format!("{params:?}") },
        )
    };
    // A layer outside of `nest` sees the whole path, a layer inside the rest.
    let outside = Router::new()
        .nest("/t/{tenant}", Router::new().route("/orders", handler()))
        .layer(layer(rules()));
    let inside = Router::new().nest(
        "/api",
        Router::new()
            .route("/t/{tenant}/orders", handler())
            .layer(layer(rules())),
    );
    let acme = [("authorization", "Toy acme")];
    for (app, prefix) in [(outside, ""), (inside, "/api")] {
        for (tenant, expected) in [("acme", 200), ("bolt", 403), ("ac%6De", 200)] {
            let path = format!("{prefix}/t/{tenant}/orders");
            let reply = send(&app, get(&path, &acme)).await;
            assert_eq!(reply.status, expected, "{path}");
        }
    }
}

#[tokio::test]
async fn parameters_of_grpc_paths_are_methods_of_services() {
    let reads = policy_fn("reads", |_, request| {
        match request.path_param("method")?.starts_with("Get") {
            true => Ok(()),
            false => Err(Rejection::forbidden()),
        }
    });
    let rules = AccessRules::new().require("/shop.Orders/{method}", reads);
    let layer = layer(rules).grpc();
    let fields = [
        ("authorization", "Toy acme"),
        ("content-type", "application/grpc"),
    ];
    let call = |path: &str| through(&layer, request("POST", path, &fields));
    let accepted = call("/shop.Orders/GetOrder").await;
    assert_eq!(accepted.all("grpc-status"), [""; 0]);
    let rejected = call("/shop.Orders/Delete").await;
    assert_eq!(rejected.all("grpc-status"), ["7"]);
    assert_eq!(
        call("/shop.Orders/%47etOrder")
            .await
            .rejection
            .map(|r| r.kind()),
        None
    );
}

#[tokio::test]
async fn a_policy_without_its_parameter_is_an_internal_error_also_if_it_is_negated() {
    let elsewhere = AccessRules::new()
        .require("/named/{id}", own_tenant())
        .require("/plain", other_tenants())
        .require((http::Method::POST, "/t/{tenant}"), own_tenant())
        .otherwise(other_tenants());
    let elsewhere = layer(elsewhere);
    for path in ["/named/acme", "/plain", "/t/acme", "/other"] {
        let reply = ask(&elsewhere, path).await;
        assert_eq!(reply.line(), "500 internal", "{path}");
        let rejection = reply.rejection.unwrap();
        assert_eq!(
            rejection.source().unwrap().to_string(),
            "the path pattern of the rule has no parameter \"tenant\""
        );
    }
    let alone = (
        layer(AccessRules::new().otherwise(tower_auth::authenticated())),
        RequireLayer::new(own_tenant()),
    );
    let service = alone.layer(Probe::new());
    let reply = send(&service, get("/t/acme", &[("authorization", "Toy acme")])).await;
    assert_eq!(reply.line(), "500 internal");
}

#[tokio::test]
async fn a_require_layer_with_rules_hands_parameters_to_its_policies() {
    for later in [false, true] {
        let auth = AuthLayer::new(Toy::authorization("Toy").later(later));
        let service = (auth, RequireLayer::rules(rules())).layer(Probe::new());
        for (path, expected) in [("/t/acme/a", 200), ("/t/bolt/a", 403), ("/t/acme;/a", 400)] {
            let reply = send(&service, get(path, &[("authorization", "Toy acme")])).await;
            assert_eq!(reply.status, expected, "{path}");
        }
    }
}

#[tokio::test]
async fn combined_and_async_policies_receive_parameters() {
    let asks = || {
        policy_fn("asks", |identity: &Identity, request| {
            let subject = identity.subject().to_owned();
            let tenant = request
                .path_param("tenant")
                .map(std::borrow::Cow::into_owned);
            async move {
                tokio::task::yield_now().await;
                match tenant? == subject {
                    true => Ok(()),
                    false => Err(Rejection::forbidden()),
                }
            }
        })
    };
    let rules = AccessRules::new()
        .require("/and/{tenant}", asks().and(own_tenant()))
        .require("/or/{tenant}", asks().or(own_tenant()));
    let layer = layer(rules);
    for (path, expected) in [
        ("/and/acme", 200),
        ("/or/acme", 200),
        ("/and/bolt", 403),
        ("/or/bolt", 403),
    ] {
        assert_eq!(ask(&layer, path).await.status, expected, "{path}");
    }
}

#[test]
fn a_policy_can_be_tested_without_rules() {
    let head = get("/a", &[]).into_parts().0;
    let request = PolicyRequest::new(&head);
    assert_eq!((request.method.as_str(), request.uri.path()), ("GET", "/a"));
    let verdict = own_tenant().check(&Identity::new("acme"), &request);
    assert_eq!(verdict.now().unwrap().unwrap_err().status(), 500);
}
