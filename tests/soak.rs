//! A minute of traffic: eight connections, valid, expired and forged tokens, keys that rotate, an
//! issuer that fails half of the time. `SOAK_SECONDS` sets the duration; CI uses 60.

mod common;

use axum::{Router, routing::get};
use common::{
    origin::{Answer, Origin},
    signer::{Signer, builder, claims, metadata, set},
    wire::{Wire, serve_axum},
};
use std::{
    sync::{
        Arc, RwLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{task::JoinSet, time::sleep};
use tower_auth::{AuthLayer, Identity, bearer::Bearer, jwt::remote::RemoteKeys};

const SECOND: Duration = Duration::from_secs(1);

/// How often keys rotate.
const PERIOD: Duration = Duration::from_secs(5);

/// From the publication of a key to its first token: the cooldown, and one failed fetch.
const LEAD: Duration = Duration::from_millis(2500);

const CONNECTIONS: usize = 8;

/// What clients send at the moment.
struct Sent {
    good: Vec<String>,
    bad: Vec<String>,
}

/// Of this process, in KiB, where the system tells.
fn resident() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

fn tokens(issuer: &str, signer: &Signer, forger: &Signer) -> Sent {
    let good = (0..50).map(|n| {
        let mut claims = claims(issuer);
        claims["jti"] = format!("{}-{n}", signer.kid).into();
        signer.sign(&claims)
    });
    let mut expired = claims(issuer);
    expired["exp"] = 1_600_000_000.into();
    let forged = (0..50).map(|n| {
        let kid = match n % 2 {
            0 => signer.kid.clone(),
            _ => format!("nobody-{n}"),
        };
        forger.sign_as(&kid, &claims(issuer))
    });
    let mut bad: Vec<_> = forged.collect();
    bad.extend(std::iter::repeat_n(signer.sign(&expired), 50));
    Sent {
        good: good.collect(),
        bad,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_busy_server_responds_correctly_for_a_long_time() {
    let seconds = std::env::var("SOAK_SECONDS").ok();
    let seconds = seconds.map_or(6, |seconds| seconds.parse().unwrap());
    let end = Instant::now() + Duration::from_secs(seconds);

    let origin = Origin::start().await;
    let issuer = origin.url("");
    let path = "/.well-known/openid-configuration";
    origin.answer(path, Answer::json(metadata(&issuer, &origin.url("/jwks"))));
    let published = Arc::new(RwLock::new(String::new()));
    let (mut current, forger) = (Signer::new("k0"), Signer::new("forger"));
    *published.write().unwrap() = set([&current]);
    let asked = AtomicUsize::new(0);
    let answers = Arc::clone(&published);
    // The first one is good, then every other one is not, each time in another way.
    origin.script("/jwks", move |_| {
        match asked.fetch_add(1, Ordering::SeqCst) % 6 {
            1 => Answer::status(500),
            3 => Answer::json("junk"),
            5 => Answer::Reset,
            _ => Answer::json(answers.read().unwrap().clone()),
        }
    });
    common::install_tls();
    let keys = RemoteKeys::discover()
        .dangerous_allow_http()
        .lifetime(SECOND)
        .cooldown(SECOND);
    let jwt = builder(&issuer).keys(keys).connect().await.unwrap();
    let whoami = get(|identity: Identity| async move { identity.subject().to_owned() });
    let app = Router::new()
        .route("/", whoami)
        .layer(AuthLayer::new(Bearer::new(jwt)));
    let address = serve_axum(app).await;

    let sent = Arc::new(RwLock::new(tokens(&issuer, &current, &forger)));
    let mut clients = JoinSet::new();
    for client in 0..CONNECTIONS {
        let sent = Arc::clone(&sent);
        clients.spawn(async move {
            let mut wire = Wire::connect(address).await;
            let mut counts = [0usize; 3];
            for n in client.. {
                if Instant::now() >= end {
                    break;
                }
                let (good, bad) = {
                    let sent = sent.read().unwrap();
                    (sent.good[n % 50].clone(), sent.bad[n % 100].clone())
                };
                for (token, is_good) in [(good, true), (bad, false)] {
                    let head = format!("GET / HTTP/1.1\nHost: a\nAuthorization: Bearer {token}");
                    match (is_good, wire.ask(&head).await.status) {
                        (true, 200) => counts[0] += 1,
                        (false, 401) => counts[1] += 1,
                        // Of a key that nobody has published, while its issuer fails.
                        (false, 503) if n % 100 < 50 && n % 2 == 1 => counts[2] += 1,
                        (is_good, status) => panic!("{status} to a token that is good: {is_good}"),
                    }
                }
            }
            counts
        });
    }

    let mut before = None;
    let mut round = 0;
    while Instant::now() + PERIOD < end {
        round += 1;
        let next = Signer::new(&format!("k{round}"));
        *published.write().unwrap() = set([&current, &next]);
        sleep(LEAD).await;
        *sent.write().unwrap() = tokens(&issuer, &next, &forger);
        // What was sent before the change is answered by the old key still.
        sleep(Duration::from_millis(500)).await;
        *published.write().unwrap() = set([&next]);
        current = next;
        sleep(PERIOD - LEAD - Duration::from_millis(500)).await;
        before = before.or_else(resident);
    }
    let mut sum = [0; 3];
    while let Some(counts) = clients.join_next().await {
        for (sum, count) in sum.iter_mut().zip(counts.unwrap()) {
            *sum += count;
        }
    }
    let [good, refused, unknown] = sum;
    eprintln!("{good} good, {refused} refused, {unknown} of unknown keys, {round} rotations");
    assert!(good > 1000 && refused > 500, "{good} {refused}");
    // By the first use in each second, and by forgers each cooldown: never by each client.
    let fetches = origin.count("/jwks");
    assert!(
        fetches < 10 + 4 * usize::try_from(seconds).unwrap(),
        "{fetches}"
    );
    match (before, resident()) {
        (Some(before), Some(after)) => {
            eprintln!("{before} KiB after the first rotation, {after} KiB at the end");
            assert!(
                after < before + 32 * 1024,
                "{before} KiB became {after} KiB"
            );
        }
        _ => eprintln!("skipped: this system does not tell how much memory is used"),
    }
}
