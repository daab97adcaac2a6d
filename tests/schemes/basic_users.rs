//! Users of Basic authentication, through the public API without HTTP.

use crate::common;
use argon2::{Algorithm, Argon2, Params, Version};
use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use http::{HeaderValue, Request, header::AUTHORIZATION, request::Parts};
use std::{
    error::Error,
    pin::Pin,
    task::{Context, Waker},
    time::{Duration, Instant},
};
use tower_auth::basic::{Basic, Credentials, User, Users};
use tower_auth::password::{HashPool, PasswordHash};
use tower_auth::{
    Identity, Location, Rejection, RejectionKind, Scheme, Verdict, Verify, credential::Place,
    verify_fn,
};

/// A hash that costs next to nothing.
fn cheap(password: &str) -> PasswordHash {
    let params = Params::new(8, 1, 1, Some(32)).unwrap();
    let mut output = [0; 32];
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(password.as_bytes(), b"somesalt", &mut output)
        .unwrap();
    let salt = STANDARD_NO_PAD.encode(b"somesalt");
    let output = STANDARD_NO_PAD.encode(output);
    PasswordHash::parse(&format!("$argon2id$v=19$m=8,t=1,p=1${salt}${output}")).unwrap()
}

fn users() -> Users {
    Users::new([
        User::new("Aladdin", cheap("open sesame"))
            .with_role("hero")
            .with_scope("caves:open")
            .with_data(7_u64),
        User::new("", cheap("")),
    ])
    .unwrap()
}

fn ask(verifier: &impl Verify<Credentials>, user: &str, password: &str) -> Verdict<Identity> {
    verifier.verify(Credentials::new(user, password).unwrap())
}

fn head(fields: &[&str]) -> Parts {
    let mut head = Request::new(()).into_parts().0;
    for field in fields {
        let value = HeaderValue::from_bytes(field.as_bytes()).unwrap();
        head.headers.append(AUTHORIZATION, value);
    }
    head
}

#[tokio::test]
async fn a_user_with_the_correct_password_has_the_configured_identity() {
    let users = users();
    for _ in 0..2 {
        let identity = ask(&users, "Aladdin", "open sesame").await.unwrap();
        assert_eq!(identity.subject(), "Aladdin");
        assert_eq!(identity.roles().collect::<Vec<_>>(), ["hero"]);
        assert_eq!(identity.scopes().collect::<Vec<_>>(), ["caves:open"]);
        assert_eq!(identity.data::<u64>(), Some(&7));
    }
    assert_eq!(ask(&users, "", "").await.unwrap().subject(), "");
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_user_get_the_same_response() {
    let users = users();
    users.insert(User::new("off", cheap("x"))).unwrap();
    assert!(users.set_enabled("off", false));
    let mut told = Vec::new();
    for (user, password) in [
        ("Aladdin", "open"),
        ("Aladdin", "open sesame "),
        ("Aladdin", ""),
        ("aladdin", "open sesame"),
        ("Aladdin ", "open sesame"),
        ("nobody", "open sesame"),
        ("off", "x"),
        ("", "x"),
    ] {
        let rejection = ask(&users, user, password).await.unwrap_err();
        assert_eq!(rejection.kind(), RejectionKind::Invalid, "{user}");
        told.push((
            rejection.detail(),
            rejection.retry_after(),
            rejection.source().is_none(),
        ));
    }
    told.dedup();
    assert_eq!(told, [("the credentials are not valid", None, true)]);
}

#[tokio::test]
async fn users_change_while_the_server_runs() {
    let users = users();
    let handle = users.clone();
    assert_eq!(users.len(), 2);
    assert!(ask(&users, "new", "x").await.is_err());

    handle.insert(User::new("new", cheap("x"))).unwrap();
    assert!(ask(&users, "new", "x").await.is_ok());
    assert!(ask(&users, "new", "x").now().is_ok(), "known by now");

    assert!(handle.set_enabled("new", false));
    assert!(ask(&users, "new", "x").await.is_err());
    assert!(handle.set_enabled("new", true));
    assert!(ask(&users, "new", "x").await.is_ok());

    assert!(handle.set_password("new", cheap("y")));
    assert!(ask(&users, "new", "x").await.is_err());
    assert!(ask(&users, "new", "y").await.is_ok());

    assert!(handle.remove("new"));
    assert!(ask(&users, "new", "y").await.is_err());
    assert_eq!(users.len(), 2);
    assert!(!users.is_empty());

    assert!(!handle.remove("new"));
    assert!(!handle.set_enabled("new", true));
    assert!(!handle.set_password("new", cheap("z")));
}

#[test]
fn users_who_could_never_log_in_are_rejected_at_start_up() {
    let error = |users: [&str; 2]| {
        Users::new(users.map(|name| User::new(name, cheap("x"))))
            .unwrap_err()
            .to_string()
    };
    assert_eq!(error(["a", "a"]), r#"there are two users "a""#);
    for name in ["a:b", ":", "a\n", "\0", "a\u{85}"] {
        let message =
            format!("user {name:?} cannot log in: a name has no colon and no control characters");
        assert_eq!(error(["a", name]), message);
        let user = User::new(name, cheap("x"));
        assert_eq!(users().insert(user).unwrap_err().to_string(), message);
    }
}

#[tokio::test]
async fn users_log_in_at_the_recommended_cost() {
    let hash = PasswordHash::new("open sesame").unwrap();
    let stored = PasswordHash::parse(hash.as_str()).unwrap();
    let users = Users::new([User::new("Aladdin", stored)]).unwrap();
    assert!(ask(&users, "Aladdin", "open sesame").await.is_ok());
    assert!(ask(&users, "Aladdin", "open").await.is_err());
    assert!(ask(&users, "Jafar", "open sesame").await.is_err());
}

#[tokio::test]
async fn an_application_checks_its_own_users_in_a_pool() {
    let pool = HashPool::new().unwrap().with_threads(1).with_waiting(8);
    let verifier = verify_fn(move |credentials: Credentials| {
        let pool = pool.clone();
        async move {
            let row = (credentials.user() == "42").then(|| cheap("right"));
            let right = pool
                .verify(credentials.user(), credentials.password(), row.as_ref())
                .await?;
            if right {
                Ok(Identity::new("42"))
            } else {
                Err(Rejection::invalid())
            }
        }
    });
    assert_eq!(ask(&verifier, "42", "right").await.unwrap().subject(), "42");
    for (user, password) in [("42", "wrong"), ("43", "right")] {
        let rejection = ask(&verifier, user, password).await.unwrap_err();
        assert_eq!(rejection.kind(), RejectionKind::Invalid);
    }
}

#[test]
fn a_hash_never_runs_on_the_thread_that_waits_for_it() {
    let hash = PasswordHash::new("open sesame").unwrap();
    let pool = HashPool::new().unwrap();
    let mut cx = Context::from_waker(Waker::noop());
    // A hash takes milliseconds; to line it up does not.
    let fastest = (0..5)
        .map(|n| {
            let mut verdict = pool.verify(&n.to_string(), "x", Some(&hash));
            let start = Instant::now();
            let poll = Pin::new(&mut verdict).poll(&mut cx);
            (start.elapsed(), poll.is_pending())
        })
        .min()
        .unwrap();
    assert!(fastest.1);
    assert!(fastest.0 < Duration::from_millis(5), "{fastest:?}");
}

#[test]
fn basic_credentials_are_found_and_may_be_cross_site() {
    let basic = Basic::new("internal", users());
    assert_eq!(basic.locations(), [Location::authorization("Basic")]);
    for nothing in [&[][..], &["Bearer x"], &["Basicx"], &["Basic=Og=="]] {
        let head = head(nothing);
        assert!(basic.find(&head).is_nothing());
        assert!(common::attempt(&basic, &head).is_none());
    }
    for one in ["Basic Og==", "bAsIc Og==", "Basic", "Basic  not base64"] {
        let found = basic.find(&head(&[one]));
        assert_eq!(found.place(), Some(Place::Authorization));
        assert!(found.may_be_cross_site());
    }
    let twice = head(&["Basic Og==", "Basic Og=="]);
    assert!(basic.find(&twice).is_ambiguous());
    assert!(common::attempt(&basic, &twice).is_some());
}

#[test]
fn debug_output_has_no_passwords_or_hashes() {
    let secrets = ["hunter2", "$argon2id$", "m=8"];
    let credentials = Credentials::new("Aladdin", "hunter2").unwrap();
    let hash = cheap("hunter2");
    let user = User::new("Aladdin", hash.clone());
    let users = Users::new([user.clone()]).unwrap();
    let basic = Basic::new("internal", users.clone());
    let head = head(&[credentials.to_header_value().to_str().unwrap()]);
    let attempt = common::attempt(&basic, &head).unwrap();
    let verdict = ask(&users, "Aladdin", "hunter2");
    let header = credentials.to_header_value();
    let shown = [
        format!("{credentials:?}"),
        format!("{hash:?}"),
        format!("{user:?}"),
        format!("{users:?}"),
        format!("{basic:?}"),
        format!("{attempt:?}"),
        format!("{verdict:?}"),
        format!("{header:?}"),
    ];
    for text in shown {
        for secret in secrets {
            assert!(!text.contains(secret), "{text}");
        }
        assert!(!text.contains("aHVudGVyM"), "{text}");
    }
    assert_eq!(
        format!("{credentials:?}"),
        r#"Credentials { user: "Aladdin", .. }"#
    );
    assert_eq!(format!("{users:?}"), "Users { len: 1, .. }");
    assert_eq!(format!("{basic:?}"), r#"Basic { realm: "internal", .. }"#);
}
