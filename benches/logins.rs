//! What issuing and logging in cost, and what logins cost everybody else.
//!
//! `cargo bench --bench logins`. Prints
//!
//! 1. how long it takes to issue an access token, by algorithm, beside the bare signature;
//! 2. how much longer a login takes than the hash in it, both in turns on one thread;
//! 3. how long an authenticated `GET` over a socket takes while 64 logins go on at once, beside
//!    the same without them: median and 99th percentile.

use argon2::{Algorithm as Kind, Argon2, Params, Version};
use std::{
    hint::black_box,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tower_auth::{
    AuthLayer, Identity,
    account::Accounts,
    bearer::Bearer,
    issue::{Signer, SigningKeys, TokenIssuer, TokenSubject},
    jwt::Algorithm,
    store::MemoryStore,
};

const ISSUER: &str = "https://api.example.com/";
const PASSWORD: &str = "a quiet harbour at dusk";

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn signer(algorithm: Algorithm) -> Signer {
    match algorithm {
        Algorithm::HS256 => Signer::from_secret(algorithm, [7; 32]).unwrap(),
        _ => Signer::generate(algorithm).unwrap(),
    }
}

fn tokens(algorithm: Algorithm) -> TokenIssuer {
    let keys = SigningKeys::new(signer(algorithm));
    TokenIssuer::issuer(ISSUER, keys)
        .audience(ISSUER)
        .build()
        .unwrap()
}

/// Nanoseconds.
fn raw_signature(algorithm: Algorithm, message: &[u8]) -> Box<dyn Fn()> {
    use aws_lc_rs::{hmac, rand::SystemRandom, signature as s};
    let message = message.to_vec();
    let random = SystemRandom::new();
    match algorithm {
        Algorithm::HS256 => {
            let key = hmac::Key::new(hmac::HMAC_SHA256, &[7; 32]);
            Box::new(move || {
                black_box(hmac::sign(&key, &message));
            })
        }
        Algorithm::ES256 => {
            let key = s::EcdsaKeyPair::generate(&s::ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
            Box::new(move || {
                black_box(key.sign(&random, &message).unwrap());
            })
        }
        _ => {
            let key = s::Ed25519KeyPair::generate().unwrap();
            Box::new(move || {
                black_box(key.sign(&message));
            })
        }
    }
}

fn issuing() {
    println!("issuing an access token, ns        issued   raw signature");
    for algorithm in [Algorithm::HS256, Algorithm::ES256, Algorithm::EdDSA] {
        let tokens = tokens(algorithm);
        let grant = TokenSubject::new("42")
            .with_role("editor")
            .with_scope("orders:read");
        let raw = raw_signature(algorithm, &[b'x'; 450]);
        let (mut issued, mut bare) = (Vec::new(), Vec::new());
        for _ in 0..200 {
            let start = Instant::now();
            for _ in 0..50 {
                black_box(tokens.access_token(grant.clone()).unwrap());
            }
            issued.push(start.elapsed().as_nanos() as f64 / 50.0);
            let start = Instant::now();
            for _ in 0..50 {
                raw();
            }
            bare.push(start.elapsed().as_nanos() as f64 / 50.0);
        }
        println!(
            "{:<32} {:>8.0} {:>15.0}",
            algorithm.as_str(),
            median(issued),
            median(bare)
        );
    }
}

async fn logging_in(accounts: &Accounts) {
    let argon2 = Argon2::new(
        Kind::Argon2id,
        Version::V0x13,
        Params::new(19_456, 2, 1, Some(32)).unwrap(),
    );
    let (mut logins, mut hashes) = (Vec::new(), Vec::new());
    for _ in 0..60 {
        let start = Instant::now();
        black_box(accounts.log_in("ada", PASSWORD).await.unwrap());
        logins.push(start.elapsed().as_secs_f64() * 1e3);
        let start = Instant::now();
        let mut output = [0; 32];
        argon2
            .hash_password_into(PASSWORD.as_bytes(), &[7; 16], &mut output)
            .unwrap();
        black_box(output);
        hashes.push(start.elapsed().as_secs_f64() * 1e3);
    }
    let (login, hash) = (median(logins), median(hashes));
    println!(
        "\na login {login:.2} ms, the hash alone {hash:.2} ms: {:+.1} %",
        (login / hash - 1.0) * 100.0
    );
}

/// Sends `GET`s one after the other over one connection, and times each, in milliseconds.
async fn gets(address: std::net::SocketAddr, token: &str, time: Duration) -> Vec<f64> {
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let request = format!("GET / HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {token}\r\n\r\n");
    let (mut times, end) = (Vec::new(), Instant::now() + time);
    let mut buffer = [0; 4096];
    while Instant::now() < end {
        let start = Instant::now();
        stream.write_all(request.as_bytes()).await.unwrap();
        let read = stream.read(&mut buffer).await.unwrap();
        assert!(buffer[..read].starts_with(b"HTTP/1.1 200"));
        times.push(start.elapsed().as_secs_f64() * 1e3);
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    times.sort_by(f64::total_cmp);
    times
}

async fn beside_logins(accounts: Accounts) {
    let tokens = tokens(Algorithm::ES256);
    let issued = tokens.access_token(TokenSubject::new("42")).unwrap();
    let layer = AuthLayer::new(Bearer::new(tokens.verifier().unwrap()));
    let app = axum::Router::new()
        .route("/", axum::routing::get(|_: Identity| async { "ok" }))
        .layer(layer);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });

    let time = Duration::from_secs(4);
    let quiet = gets(address, issued.expose(), time).await;
    let (done, busy) = (
        Arc::new(AtomicUsize::new(0)),
        Arc::new(AtomicBool::new(true)),
    );
    for _ in 0..64 {
        let (accounts, done, busy) = (accounts.clone(), Arc::clone(&done), Arc::clone(&busy));
        tokio::spawn(async move {
            while busy.load(Relaxed) {
                // Another password each time: the same one at once would be computed once.
                let number = done.fetch_add(1, Relaxed);
                let _ = accounts.log_in("ada", &format!("{PASSWORD}{number}")).await;
            }
        });
    }
    let loaded = gets(address, issued.expose(), time).await;
    busy.store(false, Relaxed);
    let at = |times: &[f64], percent: usize| times[times.len() * percent / 100];
    println!("\nan authenticated GET, ms           median    99 %   requests");
    for (name, times) in [("alone", &quiet), ("beside 64 logins at once", &loaded)] {
        println!(
            "{name:<32} {:>8.2} {:>7.2} {:>10}",
            at(times, 50),
            at(times, 99),
            times.len()
        );
    }
    println!("logins in that time: {}", done.load(Relaxed));
}

fn main() {
    issuing();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let accounts = Accounts::new(ISSUER, MemoryStore::new()).unwrap();
        accounts.register("ada", PASSWORD).await.unwrap();
        logging_in(&accounts).await;
        beside_logins(accounts).await;
    });
}
