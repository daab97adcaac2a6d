//! Opaque bearer tokens: fixed ones, and those in the same location as JWTs.

use crate::common::{Probe, get, send};
use crate::support::*;
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};
use tower::Layer;
use tower_auth::{
    AuthLayer,
    bearer::{Bearer, FixedTokens, Token},
    verify_fn,
};

const FIXED: &str = "k0pBEy7lTMY6pCT0Vx3Hbw";
const OTHER: &str = "Zm9yIGFub3RoZXIgc2VydmljZQ==";

fn fixed(identity: Identity) -> FixedTokens {
    let tokens = [(FIXED, identity), (OTHER, Identity::new("other"))];
    FixedTokens::new(tokens).unwrap()
}

fn outcome(tokens: &FixedTokens, token: &str) -> Result<Identity, Rejection> {
    tokens.verify(Token::new(token)).now().expect("no I/O")
}

#[tokio::test]
async fn a_fixed_token_has_the_configured_identity() {
    let ci = Identity::new("ci").with_role("deployer").with_scope("x");
    let probe = Probe::new();
    let service = AuthLayer::new(Bearer::new(fixed(ci))).layer(probe.clone());
    let ask = async |token: &str| {
        let field = format!("Bearer {token}");
        send(&service, get("/", &[("authorization", &field)])).await
    };
    assert_eq!(ask(FIXED).await.line(), "200 ci by Bearer");
    let identity = probe.last().extensions.get::<Identity>().unwrap().clone();
    assert!(identity.has_role("deployer") && identity.has_scope("x"));
    assert_eq!(ask(OTHER).await.line(), "200 other by Bearer");
    for wrong in [
        &FIXED[1..],
        &FIXED.to_lowercase(),
        &format!("{FIXED}="),
        &OTHER[..OTHER.len() - 2],
        "a",
    ] {
        let reply = ask(wrong).await;
        assert_eq!(reply.line(), "401 invalid", "{wrong}");
        assert!(reply.challenges()[0].contains(r#"error="invalid_token""#));
    }
}

#[test]
fn a_fixed_token_ends_with_its_identity() {
    let expiring = fixed(Identity::new("ci").with_expiry(now()));
    let before = expiring
        .clone()
        .with_clock(|| now() - Duration::from_nanos(1));
    assert!(outcome(&before, FIXED).is_ok());
    let after = expiring.with_clock(now);
    assert_eq!(
        outcome(&after, FIXED).unwrap_err().kind(),
        RejectionKind::Invalid
    );
    assert!(outcome(&after, OTHER).is_ok());
    let broken = after.with_clock(|| UNIX_EPOCH - Duration::from_secs(1));
    assert!(outcome(&broken, FIXED).is_err());
}

#[test]
fn weak_and_impossible_tokens_are_rejected_at_construction() {
    let new = |token: &str| FixedTokens::new([(token, Identity::new("ci"))]);
    for (token, message) in [
        (&FIXED[1..], "shorter than 22 characters"),
        ("", "shorter than 22 characters"),
        ("k0pBEy7lTMY6pCT0Vx3Hb w", "RFC 6750 section 2.1"),
        ("k0pBEy7lTMY6pCT0Vx3Hbé", "RFC 6750 section 2.1"),
        (&"a".repeat(16 * 1024 + 1), "16 KiB"),
    ] {
        misconfigured(new(token), message);
    }
    assert!(new(&"a".repeat(16 * 1024)).is_ok());
    let twice = [(FIXED, Identity::new("a")), (FIXED, Identity::new("b"))];
    misconfigured(FixedTokens::new(twice), "there already");
    misconfigured(FixedTokens::new([(FIXED, Identity::new(""))]), "subject");
}

#[test]
fn a_fixed_token_is_absent_from_all_output() {
    let tokens = fixed(Identity::new("ci"));
    assert_eq!(format!("{tokens:?}"), "FixedTokens(2 tokens)");
    let error = FixedTokens::new([("short secret", Identity::new("ci"))]).unwrap_err();
    assert!(!format!("{error:?} {error}").contains("secret"));
    let rejection = outcome(&tokens, "who knows this secret?").unwrap_err();
    assert!(!format!("{rejection:?}").contains("secret"));
}

#[test]
fn an_accepted_fixed_token_allocates_nothing() {
    let tokens = fixed(Identity::new("ci"));
    // The first request of a thread copies the identity for the thread's lane.
    outcome(&tokens, FIXED).unwrap();
    let token = Token::new(FIXED);
    let measured = allocation_counter::measure(|| {
        assert!(tokens.verify(token).now().unwrap().is_ok());
    });
    assert_eq!(measured.count_total, 0);
}

/// Counts how often it is asked; accepts nothing, or everything.
fn counting(asked: &Arc<AtomicUsize>, accepts: bool) -> impl Verify<Token> + use<> {
    let asked = asked.clone();
    verify_fn(move |_: Token| {
        asked.fetch_add(1, Ordering::SeqCst);
        match accepts {
            true => Ok(Identity::new("opaque")),
            false => Err(Rejection::invalid()),
        }
    })
}

#[test]
fn a_token_has_one_verifier_by_its_shape() {
    let asked = Arc::new(AtomicUsize::new(0));
    let both = usual().build().unwrap().or_opaque(counting(&asked, true));
    let subject = |token: &str| {
        let verdict = both.verify(Token::new(token)).now().unwrap();
        verdict.map(|identity| identity.subject().to_owned())
    };
    let good = hs256(&claims());
    assert_eq!(subject(&good).unwrap(), "alice");
    let blanks = sign(
        Algorithm::HS256,
        "\r\n\t {\"alg\":\"HS256\"}",
        &claims().to_string(),
    );
    assert_eq!(subject(&blanks).unwrap(), "alice");
    // Bad JWTs are bad, however lenient the other one is.
    let expired = hs256(&with("exp", NOW - 3600));
    let [header, payload, _] = good.split('.').collect::<Vec<_>>()[..] else {
        panic!("a compact JWS");
    };
    for bad in [
        expired,
        format!("{header}.{payload}."),
        format!("{header}.."),
        format!("{header}.{payload}.%%"),
        format!("{header}.{payload}.A"),
        format!("{header}~.{payload}.AA"),
        format!("{good}="),
    ] {
        assert_eq!(subject(&bad).unwrap_err().kind(), RejectionKind::Invalid);
    }
    assert_eq!(asked.load(Ordering::SeqCst), 0);
    for opaque in [
        FIXED.to_owned(),
        "mF_9.B5f-4.1JqM".to_owned(),
        format!("{header}.{payload}"),
        format!("{good}.{payload}"),
        format!("A{good}"),
    ] {
        assert_eq!(subject(&opaque).unwrap(), "opaque", "{opaque}");
    }
    assert_eq!(asked.load(Ordering::SeqCst), 5);
}

#[test]
fn a_rejected_opaque_token_stays_rejected() {
    let asked = Arc::new(AtomicUsize::new(0));
    let both = usual().build().unwrap().or_opaque(counting(&asked, false));
    let rejection = both.verify(Token::new(FIXED)).now().unwrap().unwrap_err();
    assert!(
        rejection.source().is_none(),
        "the JWT verifier would give one"
    );
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// A rejection without a source is the opaque verifier's, with one the JWT verifier's.
    #[test]
    fn every_token_goes_to_exactly_one_verifier(
        token in prop_oneof![
            "[A-Za-z0-9._~+/-]{0,40}=?",
            "eyJ[A-Za-z0-9_-]{0,8}(\\.[A-Za-z0-9_-]{0,8}){0,4}",
            "[ \t\r\n]{0,4}[{\\[][ -~]{0,12}".prop_map(|header| {
                format!("{}.e30.c2ln", URL_SAFE_NO_PAD.encode(header))
            }),
        ],
    ) {
        let asked = Arc::new(AtomicUsize::new(0));
        let jwt = usual().build().unwrap();
        let both = jwt.clone().or_opaque(counting(&asked, false));
        let rejection = both.verify(Token::new(token.as_str())).now().unwrap().unwrap_err();
        let by_opaque = asked.load(Ordering::SeqCst);
        prop_assert_eq!(by_opaque + usize::from(rejection.source().is_some()), 1);
        // The shape, spelled out once more.
        let parts: Vec<_> = token.split('.').collect();
        let header = URL_SAFE_NO_PAD.decode(parts[0]);
        if let Ok(header) = header {
            let blanks = [b' ', b'\t', b'\n', b'\r'];
            let first = header.into_iter().find(|byte| !blanks.contains(byte));
            prop_assert_eq!(by_opaque == 0, parts.len() == 3 && first == Some(b'{'));
        }
        if parts.len() != 3 {
            prop_assert_eq!(by_opaque, 1);
        }
    }
}
