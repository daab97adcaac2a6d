//! A model of key sets under every sequence of rotations (early, late, under the same id), empty sets,
//! outages, runtimes that end or stall, and time: tokens of published keys are accepted eventually, and
//! tokens of withdrawn keys are rejected within the lifetime of the set.

use crate::common::signer::{AUDIENCE, Client, Hand, ISSUER, JWKS, Signer, ok, set, status_only};
use proptest::prelude::*;
use serde_json::json;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::runtime::{Builder, Runtime};
use tower_auth::{
    Verify,
    bearer::Token,
    clock::Clock,
    jwt::{JwtVerifier, remote::RemoteKeys},
};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);
const COOLDOWN: Duration = Duration::from_secs(30);

#[derive(Clone, Debug)]
enum Step {
    /// A new key, which is published at once.
    Rotate,
    /// A new key, which signs before it is published.
    RotateEarly,
    /// Another key under the name of the last one.
    Replace,
    /// The keys so far are withdrawn, but for the last one.
    Withdraw,
    /// An empty set, until the next change.
    Empty,
    Down,
    Up,
    Pass(u64),
    /// A token of one of the keys so far, whichever.
    Use(usize),
    /// A forged token with the name of the last key, or of nobody's.
    Forged(bool),
    /// The runtime ends, perhaps with a fetch under way.
    RuntimeEnds,
    /// The runtime is not driven any more, and stays.
    RuntimeStops,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        2 => Just(Step::Rotate),
        2 => Just(Step::RotateEarly),
        2 => Just(Step::Replace),
        2 => Just(Step::Withdraw),
        1 => Just(Step::Empty),
        1 => Just(Step::Down),
        2 => Just(Step::Up),
        6 => prop_oneof![0..40u64, 0..4000u64, 0..40_000u64].prop_map(Step::Pass),
        8 => any::<usize>().prop_map(Step::Use),
        2 => any::<bool>().prop_map(Step::Forged),
        1 => Just(Step::RuntimeEnds),
        1 => Just(Step::RuntimeStops),
    ];
    prop::collection::vec(step, 1..60)
}

struct KeyOf {
    signer: Signer,
    is_published: bool,
    /// Since when no set has it any more.
    withdrawn: Option<SystemTime>,
}

struct World {
    hand: Hand,
    client: Client,
    jwt: JwtVerifier,
    keys: Vec<KeyOf>,
    is_up: bool,
    /// When the issuer was down last.
    down: SystemTime,
    runtime: Runtime,
    stopped: Vec<Runtime>,
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

impl World {
    fn new() -> Self {
        let (hand, client) = (Hand::default(), Client::of([]));
        let jwt = JwtVerifier::issuer(ISSUER)
            .audience(AUDIENCE)
            .keys(RemoteKeys::discover().fetch_with(client.clone()))
            .clock(hand.clone())
            .build()
            .unwrap();
        let keys = Vec::new();
        let mut world = Self {
            down: UNIX_EPOCH,
            hand,
            client,
            jwt,
            keys,
            is_up: true,
            runtime: runtime(),
            stopped: Vec::new(),
        };
        world.add(true, "key-0");
        world
    }

    fn add(&mut self, is_published: bool, name: &str) {
        self.keys.push(KeyOf {
            signer: Signer::new(name),
            is_published,
            withdrawn: None,
        });
        self.publish();
    }

    fn publish(&mut self) {
        let published = self.keys.iter().filter(|key| key.is_published);
        let body = set(published.map(|key| &key.signer));
        match self.is_up {
            true => self.client.answer(JWKS, ok(body)),
            false => self.client.answer(JWKS, status_only(500)),
        }
    }

    fn withdraw(&mut self, which: impl Fn(usize) -> bool) {
        let now = self.hand.now();
        for (n, key) in self.keys.iter_mut().enumerate() {
            if which(n) {
                key.is_published = false;
                key.withdrawn.get_or_insert(now);
            }
        }
        self.publish();
    }

    fn pass(&mut self, time: Duration) {
        self.hand.forward(time);
        if !self.is_up {
            self.down = self.hand.now();
        }
    }

    /// The status of a token that is issued now.
    fn status(&self, signer: &Signer, kid: &str) -> u16 {
        let now = self
            .hand
            .now()
            .duration_since(UNIX_EPOCH)
            .unwrap()
            .as_secs();
        let claims = json!({
            "iss": ISSUER, "aud": AUDIENCE, "sub": "ann", "iat": now, "exp": now + 600,
        });
        let token = signer.sign_as(kid, &claims);
        self.runtime.block_on(async {
            let result = self.jwt.verify(Token::new(token)).await;
            // Refreshes in the background come to their end.
            for _ in 0..20 {
                tokio::task::yield_now().await;
            }
            result.map_or_else(|rejection| rejection.status().as_u16(), |_| 200)
        })
    }

    fn is_replaced(&self, n: usize) -> bool {
        let name = &self.keys[n].signer.kid;
        self.keys
            .iter()
            .filter(|key| key.signer.kid == *name)
            .count()
            > 1
    }

    fn check(&self, n: usize) {
        let key = &self.keys[n];
        let status = self.status(&key.signer, &key.signer.kid);
        let now = self.hand.now();
        let since = |at: SystemTime| now.duration_since(at).unwrap();
        assert!(matches!(status, 200 | 401 | 503), "{status}");
        if let Some(withdrawn) = key.withdrawn {
            let was_up = self.is_up && since(self.down) > 2 * HOUR;
            if since(withdrawn) > 2 * HOUR && was_up {
                assert_ne!(status, 200, "{n} was withdrawn {:?} ago", since(withdrawn));
            }
        } else if !self.is_replaced(n) {
            // Published, or soon to be: an outage or a delay is not a denial.
            assert_ne!(status, 401, "{n}");
        }
        let health = self.jwt.health();
        assert!(!health.is_ready || health.keys > 0);
    }

    /// Starts a fetch that does not end, if one may be started, and stops driving it.
    fn hang(&self) {
        self.client.answer(JWKS, None);
        let token = Signer::new("x").token(ISSUER);
        self.runtime.block_on(async {
            let verdict = self.jwt.verify(Token::new(token));
            let patience = Duration::from_millis(1);
            let _late = tokio::time::timeout(patience, verdict).await;
        });
    }

    fn step(&mut self, step: &Step) {
        let last = self.keys.len() - 1;
        match *step {
            Step::Rotate => self.add(true, &format!("key-{}", last + 1)),
            Step::RotateEarly => {
                self.add(false, &format!("key-{}", last + 1));
                self.check(last + 1);
                self.keys[last + 1].is_published = true;
                self.publish();
            }
            Step::Replace => {
                let name = self.keys[last].signer.kid.clone();
                self.withdraw(|n| n == last);
                self.add(true, &name);
            }
            Step::Withdraw => self.withdraw(|n| n < last),
            Step::Empty => self.client.answer(JWKS, ok(r#"{"keys":[]}"#)),
            Step::Down => {
                self.is_up = false;
                self.pass(Duration::ZERO);
                self.publish();
            }
            Step::Up => {
                self.is_up = true;
                self.publish();
            }
            Step::Pass(seconds) => self.pass(Duration::from_secs(seconds)),
            Step::Use(n) => self.check(n % self.keys.len()),
            Step::Forged(is_named) => {
                let forger = Signer::new("nobody's");
                let name = if is_named {
                    &self.keys[last].signer.kid
                } else {
                    "x"
                };
                assert_ne!(self.status(&forger, name), 200);
            }
            Step::RuntimeEnds => {
                self.hang();
                self.runtime = runtime();
                self.publish();
            }
            Step::RuntimeStops => {
                self.hang();
                let stopped = std::mem::replace(&mut self.runtime, runtime());
                self.stopped.push(stopped);
                self.publish();
                // Until then others would wait for it, in real time.
                self.pass(12 * SECOND);
            }
        }
    }

    /// Whatever has happened, soon all is as the issuer says.
    fn settle(&mut self) {
        self.is_up = true;
        self.publish();
        for _ in 0..3 {
            self.pass(COOLDOWN + SECOND);
            let last = self.keys.last().unwrap();
            self.status(&last.signer, &last.signer.kid);
        }
        // Also if the stopped ones are driven again.
        for stopped in &self.stopped {
            stopped.block_on(async {
                for _ in 0..20 {
                    tokio::task::yield_now().await;
                }
            });
        }
        for key in self.keys.iter().filter(|key| key.is_published) {
            assert_eq!(self.status(&key.signer, &key.signer.kid), 200);
        }
        let health = self.jwt.health();
        assert!(health.is_ready, "{health:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn published_keys_are_accepted_in_the_end_and_withdrawn_ones_are_not(steps in steps()) {
        let mut world = World::new();
        for step in &steps {
            world.step(step);
        }
        world.settle();
    }
}
