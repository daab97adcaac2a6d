//! Over sockets: how many requests per second an axum server answers with a layer, of those that
//! it answers without. Driven by `wrk`, which has a core of its own where there are two.

use crate::{
    measure::{median, on_processor},
    ours, peer,
    report::{ratio_text, thousands},
    tokens::{Algorithm, Issuer, Material},
};
use axum::{Router, routing::get};
use bytes::Bytes;
use http::{Request, Response, header};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1};
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use std::{
    env, io,
    net::SocketAddr,
    process::{Command, Stdio},
    sync::mpsc,
    task::{Context, Poll},
    thread,
};
use tokio::{net::TcpListener, runtime::Handle};
use tower::{Layer, Service, layer::layer_fn, service_fn};

/// What is asked, and the place in this list of what it is compared with. What is compared most
/// stands side by side: a machine is slower in one moment than in the next.
const SERVERS: [(&str, usize); 6] = [
    ("hyper, no layer", 0),
    ("hyper, tower-auth", 0),
    ("axum, no layer", 2),
    ("axum, tower-auth", 2),
    ("axum, a layer that does nothing", 2),
    ("axum, from_fn + jsonwebtoken 11", 2),
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
    // Many short ones: the same two servers differ by 5 % from one pair to the next.
    let pairs = setting("PAIRS", 40);
    let seconds = setting("SECONDS", 1);
    let connections = setting("CONNECTIONS", 32);
    let issuer = Issuer::new(Algorithm::RS256);
    let material = issuer.material();
    let (addresses, server) = serve(&material)?;
    let load = |index: usize, seconds: usize| -> io::Result<Load> {
        let before = time_of(&server)?;
        let wrk = load(addresses[index], &material.token, connections, seconds)?;
        Ok(Load {
            per_second: wrk.per_second,
            micros: (time_of(&server)? - before) / 1000.0 / wrk.requests,
        })
    };
    for index in 0..SERVERS.len() {
        load(index, 1)?;
    }
    let mut loads = [const { Vec::<Load>::new() }; SERVERS.len()];
    for pair in 0..pairs {
        let mut order: Vec<_> = (0..SERVERS.len()).collect();
        if pair % 2 == 1 {
            order.reverse();
        }
        for index in order {
            loads[index].push(load(index, seconds)?);
        }
    }
    println!(
        "RS256 over loopback, verified tokens remembered, {connections} connections, {pairs} rounds \
         of {seconds} s each, order alternating; a ratio is the median of those within a round \
         (and between which the middle half of them lie). \
         The server has one thread: µs is what a request takes of it, also where wrk cannot keep \
         it busy.\n\n\
         | | requests/s | of those without a layer | µs | to that without a layer |\n\
         |---|---|---|---|---|"
    );
    for ((name, bare), own) in SERVERS.iter().zip(&loads) {
        let ratios = |of: fn(&Load) -> f64| {
            let pairs = own.iter().zip(&loads[*bare]);
            let ratios: Vec<_> = pairs.map(|(own, bare)| of(own) / of(bare)).collect();
            spread(&ratios)
        };
        println!(
            "| {name} | {} | {} | {:.2} | {} |",
            thousands(median(own.iter().map(|load| load.per_second))),
            ratios(|load| load.per_second),
            median(own.iter().map(|load| load.micros)),
            ratios(|load| load.micros),
        );
    }
    if !ours::HAS_CACHE {
        println!("\nThis version of tower-auth has no cache: it verifies every time.");
    }
    Ok(())
}

/// The median, and the quartiles.
fn spread(ratios: &[f64]) -> String {
    let middle = median(ratios.iter().copied());
    let half = |keep: fn(f64, f64) -> bool| {
        median(ratios.iter().copied().filter(|ratio| keep(*ratio, middle)))
    };
    let (lower, upper) = (
        half(|ratio, middle| ratio <= middle),
        half(|ratio, middle| ratio >= middle),
    );
    format!("{} ({lower:.2}-{upper:.2})", ratio_text(middle))
}

fn setting(name: &str, default: usize) -> usize {
    let set = env::var(name).ok().and_then(|value| value.parse().ok());
    set.unwrap_or(default)
}

/// What came of one run.
struct Load {
    per_second: f64,
    /// Of the server's thread, per request.
    micros: f64,
}

/// Nanoseconds that the server's thread has been on a processor.
fn time_of(server: &Handle) -> io::Result<f64> {
    let (sender, receiver) = mpsc::channel();
    server.spawn(async move { sender.send(on_processor()) });
    receiver.recv().map_err(io::Error::other)
}

/// One server thread that listens at an address per server; only one is ever asked.
fn serve(material: &Material) -> io::Result<(Vec<SocketAddr>, Handle)> {
    let app = || Router::new().route("/orders/42", get(|| async { "an order" }));
    let apps = [
        app(),
        app().layer(ours::cache_on(material)),
        app().layer(layer_fn(Nothing)),
        peer::by_hand(app(), material),
    ];
    let order = service_fn(|_: Request<Incoming>| async {
        let text = (header::CONTENT_TYPE, "text/plain; charset=utf-8");
        let response = Response::builder().header(text.0, text.1);
        response.body(Full::new(Bytes::from_static(b"an order")))
    });
    let layered = ours::cache_on(material).layer(order);
    let (sender, receiver) = mpsc::channel();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let server = runtime.handle().clone();
    thread::spawn(move || {
        runtime.block_on(async move {
            let bind = async || {
                let listener = TcpListener::bind("127.0.0.1:0").await?;
                // Nobody is left to hear it if this fails.
                let _ = sender.send(listener.local_addr()?);
                io::Result::Ok(listener)
            };
            tokio::spawn(by_hyper(bind().await?, order));
            tokio::spawn(by_hyper(bind().await?, layered));
            for app in apps {
                let listener = bind().await?;
                tokio::spawn(async move { axum::serve(listener, app).await });
            }
            std::future::pending::<io::Result<()>>().await
        })
    });
    let addresses = receiver.into_iter().take(SERVERS.len()).collect();
    Ok((addresses, server))
}

/// Serves without a framework.
async fn by_hyper<S, B>(listener: TcpListener, service: S)
where
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: std::error::Error + Send + Sync + 'static,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    while let Ok((stream, _)) = listener.accept().await {
        let service = TowerToHyperService::new(service.clone());
        let server = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        tokio::spawn(server);
    }
}

/// What a router and its boxes cost for having a layer at all.
#[derive(Clone)]
struct Nothing<S>(S);

impl<R, S: Service<R>> Service<R> for Nothing<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: R) -> S::Future {
        self.0.call(request)
    }
}

/// What `wrk` says.
struct Wrk {
    requests: f64,
    per_second: f64,
}

fn load(address: SocketAddr, token: &str, connections: usize, seconds: usize) -> io::Result<Wrk> {
    let output = Command::new("wrk")
        .args(["-t1", &format!("-c{connections}"), &format!("-d{seconds}s")])
        .args(["-H", &format!("Authorization: Bearer {token}")])
        .arg(format!("http://{address}/orders/42"))
        .output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    if text.contains("Non-2xx") {
        return Err(io::Error::other(format!("a request was refused:\n{text}")));
    }
    let number = |is_it: fn(&str) -> Option<&str>| -> Option<f64> {
        text.lines()
            .find_map(|line| is_it(line.trim())?.trim().parse().ok())
    };
    let requests = number(|line| Some(line.split_once(" requests in ")?.0));
    let per_second = number(|line| line.strip_prefix("Requests/sec:"));
    let wrk = requests.zip(per_second);
    let wrk = wrk.map(|(requests, per_second)| Wrk {
        requests,
        per_second,
    });
    wrk.ok_or_else(|| io::Error::other(format!("wrk says:\n{text}")))
}
