//! Schemes and decorators that are written with the public API alone.

use crate::common::{Certificate, Probe, Reply, Toy, get, panic_of, request, send};
use http::{HeaderName, HeaderValue, request::Parts};
use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};
use tower::Layer;
use tower_auth::{
    AccessRules, AuthLayer, Identity, Location, Rejection, RejectionKind, Scheme, Verdict,
    authenticated,
    credential::{Credential, Found, Place},
    rejection::{Challenge, Challenges},
    role,
    scheme::{Attempt, Schemes},
};

type Seen = Arc<Mutex<Vec<(String, Option<String>)>>>;

/// Reads a token in `Authorization` and a proof in a further field.
struct Proven {
    location: Location,
    later: bool,
    /// Tokens and proofs.
    seen: Seen,
}

fn proven(later: bool) -> Proven {
    Proven {
        location: Location::authorization("Proven"),
        later,
        seen: Arc::default(),
    }
}

impl Scheme for Proven {
    fn name(&self) -> &'static str {
        "Proven"
    }

    fn locations(&self) -> Vec<Location> {
        vec![self.location.clone()]
    }

    fn companions(&self) -> Vec<HeaderName> {
        vec![HeaderName::from_static("proof")]
    }

    fn find(&self, head: &Parts) -> Found {
        self.location.find(head)
    }

    fn authenticate(&self, head: &Parts, credential: Credential) -> Attempt {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let token = text(credential.as_bytes());
        let proof = head.headers.get("proof").map(|p| text(p.as_bytes()));
        self.seen.lock().unwrap().push((token.clone(), proof));
        let result = match token.as_str() {
            "bad" => Err(Rejection::invalid()),
            subject => Ok(Identity::new(subject)),
        };
        let verdict = match self.later {
            true => Verdict::pending(async move {
                tokio::task::yield_now().await;
                result
            }),
            false => Verdict::ready(result),
        };
        Attempt::new(verdict)
            .attach(|identity| Some(Greeting(identity.subject().to_owned())))
            .on_response(|result, response| {
                let text = match result {
                    Ok(identity) => identity.subject(),
                    Err(rejection) => rejection.kind().as_str(),
                };
                let value = HeaderValue::try_from(text).unwrap();
                response.headers.insert("nonce", value);
            })
    }

    fn reject(&self, _: &Parts, place: Place) -> Attempt {
        // The verdict has no effect: the layer rejects the request as malformed.
        Attempt::new(Ok(Identity::new("nobody"))).on_response(move |result, response| {
            assert_eq!(result.unwrap_err().kind(), RejectionKind::Malformed);
            let place = HeaderValue::from_static(place.as_str());
            response.headers.insert("rejected-at", place);
        })
    }

    fn challenge(&self, rejection: &Rejection, challenges: &mut Challenges<'_>) {
        if rejection.status() == 401 {
            challenges.push(Challenge::new("Proven").param("realm", challenges.realm()));
        }
    }
}

/// A value that the scheme puts beside the identity.
#[derive(Clone, Debug, PartialEq)]
struct Greeting(String);

async fn ask(layer: &AuthLayer, probe: &Probe, fields: &[(&str, &str)]) -> Reply {
    send(&layer.layer(probe.clone()), get("/", fields)).await
}

#[tokio::test]
async fn a_companion_is_read_hidden_and_varied_by() {
    for later in [false, true] {
        let scheme = proven(later);
        let seen = scheme.seen.clone();
        let layer = AuthLayer::new(scheme.or(Toy::cookie("Session", "sid")));
        let probe = Probe::new();
        let fields = [("authorization", "Proven ann"), ("proof", "p")];
        let reply = ask(&layer, &probe, &fields).await;
        assert_eq!(reply.line(), "200 ann by Proven");
        assert_eq!(
            std::mem::take(&mut *seen.lock().unwrap()),
            [("ann".to_owned(), Some("p".to_owned()))]
        );
        assert!(probe.last().headers["proof"].is_sensitive());
        let reply = ask(&layer, &probe, &[("cookie", "sid=bob")]).await;
        let vary = reply.headers["vary"].to_str().unwrap();
        assert_eq!(vary, "authorization, cookie, proof");
    }
}

#[tokio::test]
async fn a_repeated_companion_is_400_only_for_the_scheme_that_reads_it() {
    let scheme = proven(false);
    let seen = scheme.seen.clone();
    let layer = AuthLayer::new(scheme.or(Toy::header("Other", "x-other")));
    let probe = Probe::new();
    let twice = |field| [field, ("proof", "p"), ("proof", "q")];
    let reply = ask(&layer, &probe, &twice(("authorization", "Proven ann"))).await;
    assert_eq!(reply.line(), "400 malformed");
    assert_eq!(reply.headers["rejected-at"], "authorization");
    assert!(seen.lock().unwrap().is_empty());
    let reply = ask(&layer, &probe, &twice(("x-other", "bob"))).await;
    assert_eq!(reply.line(), "200 bob by Other");
    let head = probe.last();
    let proofs: Vec<_> = head.headers.get_all("proof").iter().collect();
    assert!(proofs.len() == 2 && proofs.iter().all(|proof| proof.is_sensitive()));
}

#[tokio::test]
async fn a_value_is_attached_once_the_request_is_accepted_and_the_response_is_added_to() {
    for later in [false, true] {
        let layer = AuthLayer::new(proven(later)).rules(
            AccessRules::new()
                .require("/admin", role("admin"))
                .otherwise(authenticated()),
        );
        let probe = Probe::new();
        let service = layer.layer(probe.clone());
        let ann = [("authorization", "Proven ann")];
        let reply = send(&service, get("/", &ann)).await;
        assert_eq!(reply.headers["nonce"], "ann");
        let head = probe.last();
        assert_eq!(head.extensions.get(), Some(&Greeting("ann".to_owned())));
        let reply = send(&service, get("/admin", &ann)).await;
        assert_eq!((reply.status.as_u16(), probe.calls()), (403, 1));
        assert_eq!(reply.headers["nonce"], "forbidden");
        let reply = send(&service, get("/", &[("authorization", "Proven bad")])).await;
        assert_eq!(reply.headers["nonce"], "invalid");
        // An inner layer removes the value together with the identity.
        let inner = AuthLayer::new(Toy::header("Inner", "x-inner")).layer(probe.clone());
        let both = [("authorization", "Proven ann"), ("x-inner", "bob")];
        let reply = send(&layer.layer(inner), get("/", &both)).await;
        assert_eq!(reply.line(), "200 bob by Inner");
        assert!(probe.last().extensions.get::<Greeting>().is_none());
    }
}

/// Two fields in one place never reach the scheme; it can add to the response all the same.
#[tokio::test]
async fn a_scheme_adds_to_the_response_to_an_ambiguous_credential() {
    let mut scheme = proven(false);
    scheme.location = Location::header("x-proven");
    let seen = scheme.seen.clone();
    let layer = AuthLayer::new(scheme);
    let twice = [("x-proven", "ann"), ("x-proven", "ann")];
    let reply = ask(&layer, &Probe::new(), &twice).await;
    assert_eq!(reply.line(), "400 malformed");
    assert_eq!(reply.headers["rejected-at"], "header");
    assert!(seen.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_broken_percent_escape_is_400_and_never_verified() {
    let mut scheme = proven(false);
    scheme.location = Location::query("token");
    let seen = scheme.seen.clone();
    let layer = AuthLayer::new(scheme).optional();
    for (query, line) in [
        ("token=a%6en", "200 ann by Proven"),
        ("token=a%6", "400 malformed"),
        ("token=%zz", "400 malformed"),
        ("token=a&token=%zz", "400 malformed"),
    ] {
        seen.lock().unwrap().clear();
        let probe = Probe::new();
        let reply = send(&layer.layer(probe), get(&format!("/?{query}"), &[])).await;
        assert_eq!(reply.line(), line, "{query}");
        assert_eq!(seen.lock().unwrap().len(), usize::from(reply.status == 200));
    }
}

/// Counts the results of a scheme by their kind.
struct Audited<S> {
    inner: S,
    log: Arc<Mutex<Vec<String>>>,
}

impl<S: Scheme> Scheme for Audited<S> {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn locations(&self) -> Vec<Location> {
        self.inner.locations()
    }

    fn inner(&self) -> Option<&dyn Scheme> {
        Some(&self.inner)
    }

    fn find(&self, head: &Parts) -> Found {
        self.inner.find(head)
    }

    fn authenticate(&self, head: &Parts, credential: Credential) -> Attempt {
        let (name, path, log) = (self.name(), head.uri.path().to_owned(), self.log.clone());
        let attempt = self.inner.authenticate(head, credential);
        let attempt = attempt.map_verdict(|verdict| {
            verdict.then(move |result| {
                let outcome = match &result {
                    Ok(identity) => identity.subject().to_owned(),
                    Err(rejection) => rejection.kind().as_str().to_owned(),
                };
                log.lock().unwrap().push(format!("{name} {path} {outcome}"));
                result
            })
        });
        attempt.on_response(|_, response| {
            let inner = response.headers.contains_key("nonce");
            let value = HeaderValue::from_static(if inner { "after" } else { "alone" });
            response.headers.insert("audited", value);
        })
    }

    fn challenge(&self, rejection: &Rejection, challenges: &mut Challenges<'_>) {
        self.inner.challenge(rejection, challenges);
    }
}

#[tokio::test]
async fn a_decorator_that_names_its_inner_scheme_keeps_the_provided_methods() {
    let audited = |inner| Audited {
        inner,
        log: Arc::default(),
    };
    let decorated = audited(Box::new(proven(false)) as Box<dyn Scheme>);
    assert_eq!(decorated.companions(), [HeaderName::from_static("proof")]);
    assert_eq!(decorated.realm(), None);
    let own: Box<dyn Scheme> = Box::new(Toy::header("Now", "x-now").realm("own"));
    assert_eq!(audited(own).realm().as_deref(), Some("own"));

    // A repeated field is rejected, and the inner scheme adds to that response.
    let layer = AuthLayer::new(decorated);
    let twice = [
        ("authorization", "Proven a"),
        ("proof", "1"),
        ("proof", "2"),
    ];
    let reply = ask(&layer, &Probe::new(), &twice).await;
    assert_eq!(reply.line(), "400 malformed");
    assert_eq!(reply.headers.get("rejected-at").unwrap(), "authorization");
}

#[tokio::test]
async fn a_decorator_of_all_schemes_sees_every_result_and_changes_none() {
    let log = Arc::new(Mutex::new(Vec::new()));
    let schemes = || {
        Schemes::from(proven(false))
            .or(Toy::header("Now", "x-now").realm("own"))
            .or(Toy::cookie("Later", "later").later(true))
            .or(Toy::connection("Connection"))
    };
    let audit = log.clone();
    let audited = schemes().map(|inner| Audited {
        inner,
        log: audit.clone(),
    });
    let (plain, audited) = (AuthLayer::new(schemes()), AuthLayer::new(audited));
    for (fields, expected) in [
        (&[("authorization", "Proven ann")][..], vec!["Proven / ann"]),
        (&[("authorization", "Proven bad")], vec!["Proven / invalid"]),
        (&[("x-now", "bob")], vec!["Now / bob"]),
        (&[("x-now", "unavailable")], vec!["Now / unavailable"]),
        (&[("cookie", "later=eve")], vec!["Later / eve"]),
        (&[("cookie", "later=bad")], vec!["Later / invalid"]),
        (&[("x-now", "a"), ("authorization", "Proven b")], vec![]),
        (&[], vec![]),
    ] {
        let (one, other) = (Probe::new(), Probe::new());
        let reply = ask(&plain, &one, fields).await;
        let with_audit = ask(&audited, &other, fields).await;
        assert_eq!(with_audit.line(), reply.line());
        assert_eq!(with_audit.challenges(), reply.challenges());
        assert_eq!(*log.lock().unwrap(), expected, "{fields:?}");
        let order = match expected.first() {
            Some(line) if line.starts_with("Proven") => Some("after"),
            Some(_) => Some("alone"),
            None => None,
        };
        let added = with_audit.headers.get("audited");
        assert_eq!(added.map(|value| value.to_str().unwrap()), order);
        log.lock().unwrap().clear();
    }
    let mut by_certificate = get("/", &[]);
    by_certificate.extensions_mut().insert(Certificate("ann"));
    let reply = send(&audited.layer(Probe::new()), by_certificate).await;
    assert_eq!(reply.line(), "200 ann by Connection");
}

#[tokio::test]
async fn a_decorator_can_limit_before_anything_is_verified() {
    /// Rejects every attempt after the first two.
    struct Limited<S>(S, AtomicUsize);

    impl<S: Scheme> Scheme for Limited<S> {
        fn name(&self) -> &'static str {
            self.0.name()
        }
        fn locations(&self) -> Vec<Location> {
            self.0.locations()
        }
        fn find(&self, head: &Parts) -> Found {
            self.0.find(head)
        }
        fn authenticate(&self, head: &Parts, credential: Credential) -> Attempt {
            if self.1.fetch_add(1, Ordering::SeqCst) >= 2 {
                let after = std::time::Duration::from_secs(60);
                return Attempt::new(Err(Rejection::too_many(after)));
            }
            self.0.authenticate(head, credential)
        }
        fn inner(&self) -> Option<&dyn Scheme> {
            Some(&self.0)
        }
        fn challenge(&self, rejection: &Rejection, challenges: &mut Challenges<'_>) {
            self.0.challenge(rejection, challenges);
        }
    }

    let toy = Toy::authorization("Toy");
    let layer = AuthLayer::new(Limited(toy.clone(), AtomicUsize::new(0)));
    let probe = Probe::new();
    for (status, verified) in [(200, 1), (200, 2), (429, 2), (429, 2)] {
        let reply = ask(&layer, &probe, &[("authorization", "Toy ann")]).await;
        assert_eq!((reply.status.as_u16(), toy.judged()), (status, verified));
    }
}

/// A page of the server's own origin may send a cookie although the check cannot tell.
#[tokio::test]
async fn a_scheme_can_vouch_for_the_origin_of_its_own_pages() {
    struct OwnPages(Toy);

    impl Scheme for OwnPages {
        fn name(&self) -> &'static str {
            Scheme::name(&self.0)
        }
        fn locations(&self) -> Vec<Location> {
            self.0.locations()
        }
        fn find(&self, head: &Parts) -> Found {
            let found = self.0.find(head);
            match head.headers.get("origin") {
                Some(origin) if origin == "https://app.example" => found.sent_by_own_origin(),
                _ => found,
            }
        }
        fn authenticate(&self, head: &Parts, credential: Credential) -> Attempt {
            self.0.authenticate(head, credential)
        }
        fn challenge(&self, rejection: &Rejection, challenges: &mut Challenges<'_>) {
            self.0.challenge(rejection, challenges);
        }
    }

    let layer = AuthLayer::new(OwnPages(Toy::cookie("Session", "sid")));
    for (origin, status) in [("https://app.example", 200), ("https://evil.example", 403)] {
        let fields = [("cookie", "sid=ann"), ("origin", origin)];
        let reply = send(&layer.layer(Probe::new()), request("POST", "/", &fields)).await;
        assert_eq!(reply.status, status, "{origin}");
    }
}

/// A realm that is made at run time belongs to the layer and its identities alone.
#[tokio::test]
async fn a_realm_made_at_run_time_is_the_issuer_of_identities() {
    let name = || format!("realm {}", 7);
    let layer = AuthLayer::new(Toy::authorization("Toy")).realm(name());
    let probe = Probe::new();
    let reply = ask(&layer, &probe, &[("authorization", "Toy ann")]).await;
    assert_eq!(reply.status, 200);
    let identity = probe.last().extensions.get::<Identity>().cloned().unwrap();
    drop((layer, probe));
    assert_eq!(identity.issuer(), Some(name().as_str()));
}

#[test]
fn two_schemes_of_one_list_must_not_read_one_location() {
    let schemes = || Toy::header("One", "x-key").or(Toy::cookie("Two", "k").or(proven(false)));
    let _ = AuthLayer::new(schemes());
    let again = || schemes().or(Toy::header("Three", "x-key"));
    let message = panic_of(|| AuthLayer::new(again()));
    assert_eq!(message, r#"two schemes read header "x-key""#);
}
