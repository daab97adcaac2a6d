//! Over sockets: how many requests per second an axum server answers with a layer, of those that
//! it answers without. Driven by `wrk`, which has a core of its own where there are two.

use crate::{
    measure::median,
    ours, peer,
    report::{ratio_text, thousands},
    tokens::{Algorithm, Issuer, Material},
};
use axum::{Router, routing::get};
use std::{
    env, io,
    net::SocketAddr,
    process::{Command, Stdio},
    sync::mpsc,
    thread,
};

const NAMES: [&str; 3] = [
    "without any layer",
    "tower-auth, cache on",
    "from_fn + jsonwebtoken 11",
];

pub(crate) fn run() -> io::Result<()> {
    if Command::new("wrk")
        .arg("-v")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_err()
    {
        println!("SKIPPED: wrk is not installed (Debian: apt-get install wrk)");
        return Ok(());
    }
    let pairs = setting("PAIRS", 8);
    let seconds = setting("SECONDS", 3);
    let connections = setting("CONNECTIONS", 32);
    let issuer = Issuer::new(Algorithm::RS256);
    let material = issuer.material();
    let addresses = serve(&material)?;
    let load = |index: usize, seconds: usize| -> io::Result<f64> {
        load(addresses[index], &material.token, connections, seconds)
    };
    for index in 0..NAMES.len() {
        load(index, 1)?;
    }
    let mut rates = [const { Vec::new() }; NAMES.len()];
    for pair in 0..pairs {
        let mut order = [0, 1, 2];
        if pair % 2 == 1 {
            order.reverse();
        }
        for index in order {
            rates[index].push(load(index, seconds)?);
        }
    }
    println!(
        "RS256 over loopback, {connections} connections, {pairs} rounds of {seconds} s each, order \
         alternating; a ratio is the median of those within a round.\n\n\
         | | requests/s | of those without any layer |\n|---|---|---|"
    );
    for (name, own) in NAMES.iter().zip(&rates) {
        let share = own.iter().zip(&rates[0]).map(|(own, bare)| own / bare);
        println!(
            "| {name} | {} | {} |",
            thousands(median(own.iter().copied())),
            ratio_text(median(share))
        );
    }
    if !ours::HAS_CACHE {
        println!("\nThis version of tower-auth has no cache: it verifies every time.");
    }
    Ok(())
}

fn setting(name: &str, default: usize) -> usize {
    let set = env::var(name).ok().and_then(|value| value.parse().ok());
    set.unwrap_or(default)
}

/// One server thread that listens at an address per variant; only one is ever asked.
fn serve(material: &Material) -> io::Result<Vec<SocketAddr>> {
    let app = || Router::new().route("/orders/42", get(|| async { "an order" }));
    let apps = [
        app(),
        app().layer(ours::cache_on(material)),
        peer::by_hand(app(), material),
    ];
    let (sender, receiver) = mpsc::channel();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    thread::spawn(move || {
        runtime.block_on(async move {
            for app in apps {
                let Ok(listener) = tokio::net::TcpListener::bind("127.0.0.1:0").await else {
                    return;
                };
                let _ = sender.send(listener.local_addr());
                tokio::spawn(async move { axum::serve(listener, app).await });
            }
            drop(sender);
            std::future::pending::<()>().await;
        });
    });
    receiver.into_iter().collect()
}

/// Requests per second.
fn load(address: SocketAddr, token: &str, connections: usize, seconds: usize) -> io::Result<f64> {
    let output = Command::new("wrk")
        .args(["-t1", &format!("-c{connections}"), &format!("-d{seconds}s")])
        .args(["-H", &format!("Authorization: Bearer {token}")])
        .arg(format!("http://{address}/orders/42"))
        .output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    if text.contains("Non-2xx") {
        return Err(io::Error::other(format!("a request was refused:\n{text}")));
    }
    let rate = text
        .lines()
        .find_map(|line| line.strip_prefix("Requests/sec:")?.trim().parse().ok());
    rate.ok_or_else(|| io::Error::other(format!("wrk says:\n{text}")))
}
