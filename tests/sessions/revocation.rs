//! Revocation by token, by subject with a cut-off, and by session, for cached tokens as for new ones.

use crate::common::{Probe, get, send};
use std::{
    error::Error,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tower::Layer;
use tower_auth::{
    AuthLayer, Identity, Rejection, RejectionKind, Verdict, Verify,
    api_key::{ApiKey, ApiKeys},
    bearer::{Bearer, Token},
    jwt::{Algorithm, JwtVerifier, Key},
    revocation::{IssuerScope, RevocationCheck, Revocations, RevokeError, RevokedBy, VerifyExt},
    verify_fn,
};

const ISSUER: &str = "https://login.example.com/";
const NOW: u64 = 1_800_000_000;
const HOUR: u64 = 3600;

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

/// A token of user 42, issued at this time, in session `s1`.
fn issued(seconds: u64) -> Identity {
    Identity::new("42")
        .with_issuer(ISSUER)
        .with_token_id("t1")
        .with_session_id("s1")
        .with_issued_at(at(seconds))
        .with_expiry(at(NOW + HOUR))
}

fn cause(revocations: &Revocations, identity: &Identity) -> Option<RevokedBy> {
    let answer = revocations.check(identity).now().expect("no I/O");
    let rejection = answer.err()?;
    assert_eq!(rejection.kind(), RejectionKind::Invalid);
    Some(*rejection.source().unwrap().downcast_ref().unwrap())
}

#[test]
fn an_empty_list_revokes_nothing() {
    let revocations = Revocations::new();
    assert!(revocations.is_empty());
    assert_eq!(cause(&revocations, &issued(NOW)), None);
}

/// RFC 7519 section 4.1.7: an issuer never gives one `jti` to two tokens.
#[test]
fn a_token_is_revoked_by_its_id_within_its_issuer() {
    let revocations = Revocations::new();
    revocations
        .revoke_token(ISSUER, "t1", at(NOW + HOUR))
        .unwrap();
    assert_eq!(cause(&revocations, &issued(NOW)), Some(RevokedBy::Token));
    for other in [
        issued(NOW).with_token_id("t2"),
        issued(NOW).with_issuer("https://other.example/"),
        Identity::new("42").with_token_id("t1"),
        Identity::new("t1").with_issuer(ISSUER),
        Identity::new("42")
            .with_issuer(ISSUER)
            .with_session_id("t1"),
    ] {
        assert_eq!(cause(&revocations, &other), None, "{other:?}");
    }
}

#[test]
fn a_session_is_revoked_with_everything_in_it() {
    let revocations = Revocations::new();
    revocations
        .revoke_session(ISSUER, "s1", at(NOW + HOUR))
        .unwrap();
    let other = issued(NOW).with_token_id("t9");
    assert_eq!(cause(&revocations, &other), Some(RevokedBy::Session));
    let elsewhere = issued(NOW).with_issuer("https://other.example/");
    assert_eq!(cause(&revocations, &elsewhere), None);
    let next = issued(NOW).with_session_id("s2");
    assert_eq!(cause(&revocations, &next), None);
}

#[test]
fn a_cut_off_revokes_tokens_issued_at_or_before_it() {
    let revocations = Revocations::new();
    revocations
        .revoke_subject(ISSUER, "42", at(NOW), at(NOW + HOUR))
        .unwrap();
    assert_eq!(
        cause(&revocations, &issued(NOW - 1)),
        Some(RevokedBy::Subject)
    );
    assert_eq!(cause(&revocations, &issued(NOW)), Some(RevokedBy::Subject));
    assert_eq!(cause(&revocations, &issued(NOW + 1)), None);
    let undated = Identity::new("42").with_issuer(ISSUER);
    assert_eq!(cause(&revocations, &undated), Some(RevokedBy::Subject));
    let other = Identity::new("43").with_issuer(ISSUER);
    assert_eq!(cause(&revocations, &other), None);
    let elsewhere = Identity::new("42").with_issuer("https://other.example/");
    assert_eq!(cause(&revocations, &elsewhere), None);
}

/// `iat` has whole seconds as a rule: a token that was issued earlier in the second of the
/// cut-off says the same as one that was issued later in it.
#[test]
fn a_cut_off_is_rounded_up_to_the_second() {
    for (nanos, last) in [(0, NOW), (1, NOW + 1), (999_999_999, NOW + 1)] {
        let revocations = Revocations::new();
        let cut_off = at(NOW) + Duration::from_nanos(nanos);
        revocations
            .revoke_subject(ISSUER, "42", cut_off, at(NOW + HOUR))
            .unwrap();
        assert_eq!(cause(&revocations, &issued(last)), Some(RevokedBy::Subject));
        assert_eq!(cause(&revocations, &issued(last + 1)), None);
    }
}

#[test]
fn a_cut_off_never_moves_back() {
    let revocations = Revocations::new();
    for cut_off in [NOW, NOW - 100] {
        revocations
            .revoke_subject(ISSUER, "42", at(cut_off), at(NOW + HOUR))
            .unwrap();
    }
    assert_eq!(cause(&revocations, &issued(NOW)), Some(RevokedBy::Subject));
    assert_eq!(revocations.len(), 1);
}

#[test]
fn a_log_out_revokes_the_token_under_its_own_issuer() {
    let revocations = Revocations::new();
    for identity in [issued(NOW), Identity::new("7").with_token_id("opaque")] {
        assert_eq!(cause(&revocations, &identity), None);
        revocations.revoke(&identity).unwrap();
        assert_eq!(cause(&revocations, &identity), Some(RevokedBy::Token));
    }
    assert_eq!(
        revocations.revoke(&Identity::new("42")),
        Err(RevokeError::NoTokenId)
    );
}

/// A realm is no issuer: it is added after the list was asked.
#[tokio::test]
async fn a_token_revoked_by_a_handler_is_rejected_in_every_realm() {
    let revocations = Revocations::new();
    let tokens = verify_fn(|_: Token| Ok(Identity::new("42").with_token_id("t1")));
    let bearer = Bearer::new(tokens.with_revocation(revocations.clone())).realm("inner");
    let probe = Probe::new();
    let service = AuthLayer::new(bearer).layer(probe.clone());
    let request = || get("/", &[("authorization", "Bearer abc")]);
    assert_eq!(send(&service, request()).await.status, 200);
    let seen = probe.last().extensions.get::<Identity>().unwrap().clone();
    assert_eq!(seen.issuer(), Some("inner"));
    revocations.revoke(&seen).unwrap();
    let reply = send(&service, request()).await;
    assert_eq!(reply.status, 401);
    assert_eq!(
        reply.challenges(),
        [
            r#"Bearer realm="inner", error="invalid_token", error_description="the credentials are not valid""#
        ]
    );
    assert!(cause(&revocations, &seen).is_some());
    for revoke in [
        revocations.revoke_subject(&seen, "43", at(NOW), at(NOW)),
        revocations.revoke_session(&seen, "s1", at(NOW)),
    ] {
        revoke.unwrap();
    }
    let others = [
        Identity::new("43"),
        seen.with_token_id("t2").with_session_id("s1"),
    ];
    assert_eq!(
        others.map(|other| cause(&revocations, &other)),
        [Some(RevokedBy::Subject), Some(RevokedBy::Session),]
    );
}

fn hs256(claims: &serde_json::Value) -> String {
    let key = jsonwebtoken::EncodingKey::from_secret(&[7; 32]).unwrap();
    jsonwebtoken::encode(&jsonwebtoken::Header::default(), claims, &key).unwrap()
}

#[tokio::test]
async fn a_jwt_that_verifies_is_rejected_once_its_id_subject_or_session_is_revoked() {
    let jwt = JwtVerifier::issuer(ISSUER)
        .audience("api")
        .keys(Key::from_secret(Algorithm::HS256, [7; 32]).unwrap())
        .clock(|| at(NOW))
        .build()
        .unwrap();
    let token = hs256(&serde_json::json!({
        "iss": ISSUER, "aud": "api", "sub": "42", "exp": NOW + 60, "iat": NOW,
        "jti": "t1", "sid": "s1",
    }));
    let field = format!("Bearer {token}");
    type Revoke = fn(&Revocations) -> Result<(), RevokeError>;
    let revoke: [Revoke; 3] = [
        |list| list.revoke_token(ISSUER, "t1", at(NOW + 60)),
        |list| list.revoke_subject(ISSUER, "42", at(NOW), at(NOW + 60)),
        |list| list.revoke_session(ISSUER, "s1", at(NOW + 60)),
    ];
    for revoke in revoke {
        let revocations = Revocations::new();
        let verifier = jwt.clone().with_revocation(revocations.clone());
        let service = AuthLayer::new(Bearer::new(verifier)).layer(Probe::new());
        let request = || get("/", &[("authorization", &field)]);
        assert_eq!(send(&service, request()).await.line(), "200 42 by Bearer");
        revoke(&revocations).unwrap();
        assert_eq!(send(&service, request()).await.line(), "401 invalid");
    }
}

#[tokio::test]
async fn revocation_works_with_any_verifier() {
    let revocations = Revocations::new();
    let keys = ApiKeys::new();
    let key = keys.create("shop", Identity::new("ci")).unwrap();
    let scheme = ApiKey::header("x-api-key", keys.with_revocation(revocations.clone()));
    let service = AuthLayer::new(scheme).layer(Probe::new());
    let request = || get("/", &[("x-api-key", key.expose())]);
    assert_eq!(send(&service, request()).await.status, 200);
    revocations
        .revoke_token(IssuerScope::NO_ISSUER, key.id(), at(NOW + HOUR))
        .unwrap();
    assert_eq!(send(&service, request()).await.status, 401);
}

/// A token may live on for the leeway of its verifier, an hour at most.
#[test]
fn a_revocation_is_kept_for_an_hour_beyond_the_expiry_and_then_makes_room() {
    let now = Arc::new(Mutex::new(NOW));
    let clock = {
        let now = now.clone();
        move || at(*now.lock().unwrap())
    };
    let revocations = Revocations::with_capacity(1).with_clock(clock);
    let revoke = |id| revocations.revoke_token(ISSUER, id, at(NOW + 60));
    assert_eq!(revoke("t1"), Ok(()));
    for later in [0, 60, 60 + HOUR - 1] {
        *now.lock().unwrap() = NOW + later;
        assert_eq!(revoke("t2"), Err(RevokeError::Full));
        assert_eq!(cause(&revocations, &issued(NOW)), Some(RevokedBy::Token));
    }
    *now.lock().unwrap() = NOW + 60 + HOUR;
    assert_eq!(revoke("t2"), Ok(()));
    assert_eq!(cause(&revocations, &issued(NOW)), None);
}

#[test]
fn a_broken_clock_drops_no_revocation() {
    let revocations =
        Revocations::with_capacity(1).with_clock(|| UNIX_EPOCH - Duration::from_secs(1));
    revocations.revoke_token(ISSUER, "t1", at(NOW)).unwrap();
    let full = revocations.revoke_token(ISSUER, "t2", at(NOW));
    assert_eq!(full, Err(RevokeError::Full));
    assert_eq!(cause(&revocations, &issued(NOW)), Some(RevokedBy::Token));
}

/// A store that answers later, or not at all.
struct Store {
    up: Arc<AtomicBool>,
    asked: Arc<AtomicUsize>,
    later: bool,
}

impl RevocationCheck for Store {
    fn check(&self, identity: &Identity) -> Verdict<()> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let answer = match (self.up.load(Ordering::SeqCst), identity.token_id()) {
            (false, _) => Err(Rejection::unavailable("the store is down")),
            (true, Some("t1")) => Err(RevokedBy::Token.into()),
            (true, _) => Ok(()),
        };
        match self.later {
            false => Verdict::ready(answer),
            true => Verdict::pending(async move {
                tokio::task::yield_now().await;
                answer
            }),
        }
    }
}

#[tokio::test]
async fn a_store_outage_is_503_unless_explicitly_waived() {
    for (later, token_later) in [(false, false), (false, true), (true, false), (true, true)] {
        let (up, asked) = (
            Arc::new(AtomicBool::new(true)),
            Arc::new(AtomicUsize::new(0)),
        );
        let store = || Store {
            up: up.clone(),
            asked: asked.clone(),
            later,
        };
        let tokens = verify_fn(move |token: Token| async move {
            if token_later {
                tokio::task::yield_now().await;
            }
            match token.as_str() {
                "bad" => Err(Rejection::invalid()),
                id => Ok(Identity::new("42").with_token_id(id)),
            }
        });
        let strict = AuthLayer::new(Bearer::new(tokens.clone().with_revocation(store())));
        let lax = tokens
            .with_revocation(store())
            .dangerous_allow_when_unavailable();
        let lax = AuthLayer::new(Bearer::new(lax));
        let statuses = async |layer: &AuthLayer| {
            let mut statuses = Vec::new();
            for token in ["t1", "t2", "bad"] {
                let field = format!("Bearer {token}");
                let service = layer.layer(Probe::new());
                let reply = send(&service, get("/", &[("authorization", &field)])).await;
                statuses.push(reply.status.as_u16());
            }
            statuses
        };
        assert_eq!(statuses(&strict).await, [401, 200, 401]);
        assert_eq!(statuses(&lax).await, [401, 200, 401]);
        assert_eq!(
            asked.load(Ordering::SeqCst),
            4,
            "not about what is refused anyway"
        );
        up.store(false, Ordering::SeqCst);
        assert_eq!(statuses(&strict).await, [503, 503, 401]);
        assert_eq!(statuses(&lax).await, [200, 200, 401]);
    }
}

#[test]
fn checking_a_revocation_does_not_allocate() {
    let revocations = Revocations::new();
    for i in 0..1000 {
        let name = i.to_string();
        let until = at(NOW + HOUR);
        revocations.revoke_token(ISSUER, &name, until).unwrap();
        revocations.revoke_session(ISSUER, &name, until).unwrap();
        revocations
            .revoke_subject(ISSUER, &name, at(NOW), until)
            .unwrap();
    }
    let identity = Identity::new("alice")
        .with_issuer(ISSUER)
        .with_token_id("t1")
        .with_session_id("s1")
        .with_issued_at(at(NOW));
    let tokens = verify_fn(move |_: Token| Ok(identity.clone())).with_revocation(revocations);
    let token = Token::new("abc");
    let copy = token.clone();
    let measured = allocation_counter::measure(|| {
        assert!(tokens.verify(copy).now().unwrap().is_ok());
    });
    assert_eq!(measured.count_total, 0);
}

#[test]
fn requests_and_revocations_run_concurrently() {
    let revocations = Revocations::new();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let revocations = revocations.clone();
            scope.spawn(move || {
                for i in 0..2000 {
                    let id = format!("{thread}-{i}");
                    let identity = issued(NOW).with_token_id(id.as_str());
                    assert_eq!(cause(&revocations, &identity), None);
                    revocations.revoke(&identity).unwrap();
                    assert_eq!(cause(&revocations, &identity), Some(RevokedBy::Token));
                }
            });
        }
    });
    assert_eq!(revocations.len(), 8000);
}

#[test]
fn debug_output_names_no_subject() {
    let revocations = Revocations::new();
    revocations.revoke(&issued(NOW)).unwrap();
    assert_eq!(format!("{revocations:?}"), "Revocations(1 entries)");
}
