//! The cache of verified tokens: no token is accepted that would be rejected without the cache.

use crate::common;
use crate::common::signer::{AUDIENCE, Client, Hand, ISSUER, Signer, builder, set, status};
use proptest::prelude::*;
use serde::Deserialize;
use serde_json::json;
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tower_auth::{
    Identity, RejectionKind, Verify, bearer,
    jwt::{JwtVerifier, JwtVerifierBuilder, Key, KeySet, remote::RemoteKeys},
    revocation::{Revocations, VerifyExt},
};

const NOW: u64 = 1_800_000_000;

/// A clock that goes wherever it is set, back too.
#[derive(Clone, Default)]
struct Free(Arc<AtomicU64>);

impl tower_auth::clock::Clock for Free {
    fn now(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(self.0.load(Ordering::SeqCst))
    }
}

#[derive(Deserialize)]
struct Typed {
    #[allow(dead_code, reason = "only its type counts")]
    tenant: u32,
}

type Answer = Result<(String, Vec<String>), (RejectionKind, &'static str)>;

fn outcome(jwt: &JwtVerifier, token: &str) -> Answer {
    let verdict = jwt.verify(bearer::Token::new(token)).now().unwrap();
    let said = |identity: Identity| {
        let roles = identity.roles().map(str::to_owned).collect();
        (identity.subject().to_owned(), roles)
    };
    verdict
        .map(said)
        .map_err(|rejection| (rejection.kind(), rejection.detail()))
}

/// What may differ between two tokens.
#[derive(Clone, Debug)]
struct Claims {
    subject: u8,
    audience: bool,
    issuer: bool,
    tenant: bool,
    role: Option<u8>,
    exp: Option<i64>,
    nbf: Option<i64>,
    iat: Option<i64>,
    key: u8,
}

fn any_claims() -> impl Strategy<Value = Claims> {
    let time = || proptest::option::of(-500..500i64);
    let mostly = || proptest::bool::weighted(0.9);
    let who = (0..3u8, proptest::option::of(0..2u8), 0..4u8);
    (who, mostly(), mostly(), mostly(), time(), time(), time()).prop_map(
        |((subject, role, key), audience, issuer, tenant, exp, nbf, iat)| Claims {
            subject,
            audience,
            issuer,
            tenant,
            role,
            exp: exp.map(i64::abs),
            nbf: nbf.map(|nbf| nbf / 4),
            iat: iat.map(|iat| iat / 4),
            key,
        },
    )
}

impl Claims {
    /// `keys` has two that are known, and the last is a forger's with the name of the first.
    fn sign(&self, keys: &[Signer]) -> String {
        let at = |offset: i64| NOW.checked_add_signed(offset).unwrap();
        let mut claims = json!({
            "iss": if self.issuer { ISSUER } else { "https://other.example/" },
            "aud": if self.audience { AUDIENCE } else { "https://other.example" },
            "sub": format!("user{}", self.subject),
        });
        let mut set = |name: &str, value: serde_json::Value| claims[name] = value;
        if self.tenant {
            set("tenant", 7.into());
        }
        if let Some(role) = self.role {
            set("roles", json!([format!("role{role}"), "all"]));
        }
        for (name, offset) in [("exp", self.exp), ("nbf", self.nbf), ("iat", self.iat)] {
            if let Some(offset) = offset {
                set(name, at(offset).into());
            }
        }
        let forger = keys.last().unwrap();
        match self.key {
            3 => forger.sign_as(&keys[0].kid, &claims),
            n => keys[usize::from(n) % 2].sign(&claims),
        }
    }
}

fn with(keys: &KeySet, clock: &Free, typed: bool, lenient: bool) -> [JwtVerifierBuilder; 2] {
    [(), ()].map(|()| {
        let mut builder = JwtVerifier::issuer(ISSUER)
            .audience(AUDIENCE)
            .keys(keys.clone())
            .roles_at("roles")
            .clock(clock.clone());
        if typed {
            builder = builder.typed_claims::<Typed>();
        }
        if lenient {
            builder = builder.dangerous_allow_missing_expiry();
        }
        builder
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// For every token and clock, and in every order: remembered or not, the verdict is the same.
    #[test]
    fn a_cache_changes_no_verdict(
        tokens in proptest::collection::vec(any_claims(), 1..6),
        steps in proptest::collection::vec((0..6usize, -700..700i64), 1..60),
        typed: bool,
        lenient: bool,
        capacity in prop_oneof![Just(1usize), Just(2), Just(1000)],
    ) {
        let signers = [Signer::new("a"), Signer::new("b"), Signer::new("x")];
        let known = signers[..2].iter().map(|signer| Key::from_jwk(&signer.jwk().to_string()).unwrap());
        let keys = KeySet::new(known).unwrap();
        let clock = Free::default();
        let [on, off] = with(&keys, &clock, typed, lenient);
        let on = on.cache_capacity(capacity).build().unwrap();
        let off = off.without_cache().build().unwrap();
        let tokens: Vec<_> = tokens.iter().map(|claims| claims.sign(&signers)).collect();
        for (token, offset) in steps {
            let token = &tokens[token % tokens.len()];
            clock.0.store(NOW.checked_add_signed(offset).unwrap(), Ordering::SeqCst);
            prop_assert_eq!(outcome(&on, token), outcome(&off, token));
            prop_assert_eq!(outcome(&on, token), outcome(&off, token));
        }
    }
}

#[test]
fn a_revoked_token_is_rejected_even_if_cached() {
    let signer = Signer::new("a");
    let key = Key::from_jwk(&signer.jwk().to_string()).unwrap();
    let jwt = builder(ISSUER).keys(key).build().unwrap();
    let list = Revocations::new();
    let verifier = jwt.with_revocation(list.clone());
    let mut claims = common::signer::claims(ISSUER);
    claims["jti"] = "t1".into();
    let token = signer.sign(&claims);
    let ask = || {
        verifier
            .verify(bearer::Token::new(token.as_str()))
            .now()
            .unwrap()
    };
    let identity = ask().unwrap();
    assert!(ask().is_ok(), "remembered");
    list.revoke(&identity).unwrap();
    assert_eq!(ask().unwrap_err().kind(), RejectionKind::Invalid);
}

#[tokio::test(start_paused = true)]
async fn withdrawing_a_key_invalidates_cached_tokens() {
    let (old, new) = (Signer::new("a"), Signer::new("b"));
    let client = Client::of([&old]);
    let keys = RemoteKeys::discover().fetch_with(client.clone());
    let jwt = builder(ISSUER).keys(keys).build().unwrap();
    let token = old.token(ISSUER);
    for _ in 0..3 {
        assert_eq!(status(&jwt, &token).await, 200);
    }
    client.answer(common::signer::JWKS, common::signer::ok(set([&new])));
    // The new key is unknown, and asked for: with the answer the old one is gone.
    assert_eq!(status(&jwt, &new.token(ISSUER)).await, 200);
    assert_eq!(status(&jwt, &token).await, 401);
}

#[tokio::test(start_paused = true)]
async fn a_cached_token_is_503_if_the_keys_are_stale() {
    let signer = Signer::new("a");
    let client = Client::of([&signer]);
    let hand = Hand::default();
    let keys = RemoteKeys::discover().fetch_with(client.clone());
    let jwt = builder(ISSUER)
        .keys(keys)
        .clock(hand.clone())
        .build()
        .unwrap();
    let mut claims = common::signer::claims(ISSUER);
    claims["exp"] = (claims["exp"].as_u64().unwrap() + 10 * 86_400).into();
    let token = signer.sign(&claims);
    hand.forward(Duration::from_secs(1));
    assert_eq!(status(&jwt, &token).await, 200);
    client.answer(common::signer::JWKS, common::signer::status_only(500));
    hand.forward(Duration::from_secs(86_400 - 2));
    assert_eq!(status(&jwt, &token).await, 200, "within the limit");
    assert_eq!(status(&jwt, &token).await, 200, "and remembered anew");
    hand.forward(Duration::from_secs(3));
    assert_eq!(status(&jwt, &token).await, 503);
}

#[tokio::test(start_paused = true)]
async fn a_token_with_a_non_text_byte_is_rejected_at_any_position() {
    let signer = Signer::new("a");
    let client = Client::of([&signer]);
    let jwt = builder(ISSUER)
        .keys(RemoteKeys::discover().fetch_with(client))
        .build()
        .unwrap();
    let token = signer.token(ISSUER);
    assert_eq!(status(&jwt, &token).await, 200);
    for place in 0..token.len() {
        for byte in [0xff, 0xc3, 0x80, 0] {
            let mut bytes = token.clone().into_bytes();
            bytes[place] = byte;
            let rejection = jwt.verify(bearer::Token::new(bytes)).await.unwrap_err();
            assert_eq!(rejection.kind(), RejectionKind::Invalid, "{place}");
        }
    }
    assert_eq!(status(&jwt, &token).await, 200);
}

/// Counts how many of its kind are alive.
struct Counted(#[allow(dead_code, reason = "only its memory counts")] serde_json::Value);

static ALIVE: AtomicU64 = AtomicU64::new(0);

impl<'de> Deserialize<'de> for Counted {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = serde_json::Value::deserialize(deserializer)?;
        ALIVE.fetch_add(1, Ordering::SeqCst);
        Ok(Self(value))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        ALIVE.fetch_sub(1, Ordering::SeqCst);
    }
}

#[test]
fn typed_claims_count_towards_the_memory_of_cached_tokens() {
    let signer = Signer::new("a");
    let jwt = builder(ISSUER)
        .keys(KeySet::from_jwks(&set([&signer])).unwrap())
        .typed_claims::<Counted>()
        .cache_bytes(4 << 20)
        .build()
        .unwrap();
    let zeros = vec![0; 5000];
    for n in 0..200 {
        let mut claims = common::signer::claims(ISSUER);
        claims["sub"] = n.to_string().into();
        claims["zeros"] = json!(zeros);
        outcome(&jwt, &signer.sign(&claims)).unwrap();
    }
    // As a value, 5,000 zeros take 160 KB: the limit is that of 26 tokens.
    let alive = ALIVE.load(Ordering::SeqCst);
    assert!((5..=26).contains(&alive), "{alive}");
}

#[test]
fn without_cache_disables_caching_in_any_order_of_calls() {
    let signer = Signer::new("a");
    let keys = KeySet::from_jwks(&set([&signer])).unwrap();
    let jwt = builder(ISSUER)
        .keys(keys)
        .without_cache()
        .cache_bytes(1 << 20)
        .cache_capacity(10)
        .cache_time_to_live(Duration::from_secs(10))
        .typed_claims::<Parsed>()
        .build()
        .unwrap();
    let token = signer.token(ISSUER);
    for times in 1..=3 {
        outcome(&jwt, &token).unwrap();
        assert_eq!(PARSED.load(Ordering::SeqCst), times);
    }
}

/// Counts how often claims are parsed.
struct Parsed;

static PARSED: AtomicU64 = AtomicU64::new(0);

impl<'de> Deserialize<'de> for Parsed {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        serde::de::IgnoredAny::deserialize(deserializer)?;
        PARSED.fetch_add(1, Ordering::SeqCst);
        Ok(Self)
    }
}
