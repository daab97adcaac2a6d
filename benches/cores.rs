//! Measures how throughput grows with threads: one layer that all threads share, against one layer
//! for each thread. `cargo bench --bench cores`.
//!
//! 1. A round is a burst of windows of a few milliseconds for each of: one thread alone, all threads
//!    over the shared layer, all threads over their own layers. The order changes from round to
//!    round.
//! 2. A thread is charged its CPU time, not wall time: on a shared machine, wall time hides
//!    contention, because threads that take turns on one processor do not disturb each other.
//! 3. A window counts only if every thread was running for at least 95 % of it. A burst without such
//!    a window is repeated.
//! 4. Throughput is the sum over the threads of one request per CPU time of a request, divided by
//!    that of the one thread in the same round. The figures are medians over the rounds.
//!
//! On Linux, CPU time is the clock of the thread (`CLOCK_THREAD_CPUTIME_ID`, the exact form of the
//! first number in `/proc/thread-self/schedstat`). Elsewhere it is wall time, and the first line of
//! the output says so.
//!
//! Names of cases after `--` select cases, `ROUNDS` sets the number of rounds, and `THREADS` the
//! number of threads (default: all that the machine has).

#[path = "cases/jwts.rs"]
#[allow(dead_code, reason = "shared with the other benchmarks")]
mod jwts;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, header};
use std::{
    convert::Infallible,
    future::{Future, Ready, ready},
    hint::{black_box, spin_loop},
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
        mpsc,
    },
    task::{Context, Poll, Waker},
    thread,
    time::{Duration, Instant},
};
use tower::{Layer, Service, ServiceExt};
use tower_auth::{
    AuthLayer, Identity,
    api_key::{ApiKey, ApiKeys},
    basic::{Basic, Credentials, User, Users},
    bearer::Bearer,
    jwt::Algorithm,
    password::PasswordHash,
};

/// The length of a window: short, so that a loaded machine has windows without interruptions.
const WINDOW: Duration = Duration::from_millis(2);

/// The part of a window for which every thread must have been running.
const SIDE_BY_SIDE: f64 = 0.95;

/// The number of windows in a burst. Threads do not sleep between them, so that the scheduler has
/// the time to give each a processor of its own.
const BURST: usize = 32;

/// The number of bursts that are tried for a window that counts.
const TRIES: usize = 200;

/// A field of the requests of a case.
type Field = (&'static str, String);

/// A case: a name, the fields that its requests carry in turn, and a way to make a layer.
struct Case {
    name: &'static str,
    fields: Vec<Field>,
    layer: Box<dyn Fn() -> AuthLayer>,
}

fn main() {
    let words: Vec<_> = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with('-'))
        .collect();
    let threads = number("THREADS")
        .unwrap_or_else(|| thread::available_parallelism().map_or(1, std::num::NonZero::get));
    let rounds = number("ROUNDS").unwrap_or(40);
    println!("{threads} threads, {CLOCK}; nanoseconds per request, medians of {rounds} rounds");
    println!(
        "{:<12} {:>9} {:>9} {:>9} {:>9}",
        "case", "1 thread", "shared", "own", "windows"
    );
    let mut lines = Vec::new();
    for case in cases() {
        if words.is_empty() || words.iter().any(|word| word == case.name) {
            lines.extend(measure(&case, threads, rounds));
        }
    }
    for line in lines {
        println!("{line}");
    }
}

fn number(variable: &str) -> Option<usize> {
    std::env::var(variable).ok()?.parse().ok()
}

fn cases() -> Vec<Case> {
    let issuer = Arc::new(jwts::Issuer::new(Algorithm::HS256));
    let tokens = |name, count| {
        let bearer = |n| format!("Bearer {}", issuer.token_of(&format!("user-{n}")));
        let fields = (0..count).map(|n| ("authorization", bearer(n))).collect();
        let issuer = Arc::clone(&issuer);
        let layer = move || AuthLayer::new(Bearer::new(issuer.remembering()));
        Case {
            name,
            fields,
            layer: Box::new(layer),
        }
    };
    let key = "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0";
    let keys = || {
        let keys = ApiKeys::new();
        let owner = Identity::new("owner").with_scope("orders:read");
        keys.register("c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0", owner)
            .unwrap();
        AuthLayer::new(ApiKey::header("x-api-key", keys))
    };
    let hash = PasswordHash::new("correct horse battery staple").unwrap();
    let credentials = Credentials::new("ada", "correct horse battery staple").unwrap();
    let credentials = credentials.to_header_value().to_str().unwrap().to_owned();
    let users = move || {
        let users = Users::new([User::new("ada", hash.clone())])
            .unwrap()
            .with_cache_time_to_live(Duration::from_secs(3600));
        AuthLayer::new(Basic::new("bench", users))
    };
    vec![
        tokens("HOT-TOKEN", 1),
        tokens("1000-TOKENS", 1000),
        tokens("2000-TOKENS", 2000),
        tokens("8000-TOKENS", 8000),
        Case {
            name: "API-KEY",
            fields: vec![("x-api-key", key.to_owned())],
            layer: Box::new(keys),
        },
        Case {
            name: "BASIC",
            fields: vec![("authorization", credentials)],
            layer: Box::new(users),
        },
    ]
}

/// Who runs in a window, over which layer.
#[derive(Clone, Copy)]
enum Mode {
    Alone,
    Shared,
    Own,
}

const MODES: [Mode; 3] = [Mode::Alone, Mode::Shared, Mode::Own];

/// CPU time per request, and the part of the window for which the thread was running.
struct Window {
    nanos: f64,
    running: f64,
}

/// Measures a case, prints its row, and returns its last line.
fn measure(case: &Case, threads: usize, rounds: usize) -> Option<String> {
    let shared = (case.layer)();
    let workers: Vec<_> = (0..threads)
        .map(|_| Worker::new(case, shared.clone()))
        .collect();
    let mut windows = 0;
    let mut nanos: [Vec<f64>; 3] = Default::default();
    let mut gains: [Vec<f64>; 3] = Default::default();
    for round in 0..rounds {
        let mut throughput = [0.0; 3];
        for step in 0..MODES.len() {
            let at = (round + step) % MODES.len();
            let (each, sum) = burst(&workers, MODES[at], &mut windows)?;
            nanos[at].push(each);
            throughput[at] = sum;
        }
        for at in 0..MODES.len() {
            gains[at].push(throughput[at] / throughput[0]);
        }
    }
    let [alone, shared, own] = nanos.map(median);
    let name = case.name;
    println!("{name:<12} {alone:>9.0} {shared:>9.0} {own:>9.0} {windows:>9}");
    let [_, shared, own] = gains.map(median);
    Some(format!("cores {name} shared {shared:.2} own {own:.2}"))
}

/// Returns the CPU time per request and the throughput, as medians over the windows of a burst in
/// which all threads were running.
fn burst(workers: &[Worker], mode: Mode, windows: &mut usize) -> Option<(f64, f64)> {
    let workers = match mode {
        Mode::Alone => &workers[..1],
        Mode::Shared | Mode::Own => workers,
    };
    for _ in 0..TRIES {
        let start = Arc::new(Start::new(workers.len()));
        for worker in workers {
            worker.commands.send((mode, Arc::clone(&start))).unwrap();
        }
        let bursts: Vec<[Window; BURST]> = workers
            .iter()
            .map(|worker| worker.windows.recv().unwrap())
            .collect();
        *windows += BURST;
        let (mut nanos, mut throughput) = (Vec::new(), Vec::new());
        for at in 0..BURST {
            let window = || bursts.iter().map(|burst| &burst[at]);
            if window().all(|window| window.running >= SIDE_BY_SIDE) {
                nanos.push(window().map(|window| window.nanos).sum::<f64>() / bursts.len() as f64);
                throughput.push(window().map(|window| 1.0 / window.nanos).sum());
            }
        }
        if !nanos.is_empty() {
            return Some((median(nanos), median(throughput)));
        }
    }
    println!("the machine is too busy: all threads were never running at the same time");
    None
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Lets all threads begin a window at the same time.
struct Start {
    threads: usize,
    arrived: AtomicUsize,
}

impl Start {
    fn new(threads: usize) -> Self {
        Self {
            threads,
            arrived: AtomicUsize::new(0),
        }
    }

    /// Waits for all threads to arrive at this window, without sleeping.
    fn wait(&self, window: usize) {
        self.arrived.fetch_add(1, SeqCst);
        while self.arrived.load(SeqCst) < (window + 1) * self.threads {
            spin_loop();
        }
    }
}

/// A thread that sends requests through the shared layer or its own one.
struct Worker {
    commands: mpsc::Sender<(Mode, Arc<Start>)>,
    windows: mpsc::Receiver<[Window; BURST]>,
}

impl Worker {
    fn new(case: &Case, shared: AuthLayer) -> Self {
        let (commands, receiver) = mpsc::channel::<(Mode, Arc<Start>)>();
        let (sender, windows) = mpsc::channel();
        let (fields, own) = (case.fields.clone(), (case.layer)());
        thread::spawn(move || {
            // Requests of the thread's own: header values have reference counts, too.
            let requests: Vec<_> = fields.iter().map(request).collect();
            warm(&shared, &requests);
            warm(&own, &requests);
            let mut shared = through(shared.layer(tower::service_fn(answer)), requests.clone());
            let mut own = through(own.layer(tower::service_fn(answer)), requests);
            for (mode, start) in receiver {
                let run: &mut dyn FnMut() = match mode {
                    Mode::Shared => &mut shared,
                    Mode::Alone | Mode::Own => &mut own,
                };
                let windows = std::array::from_fn(|at| {
                    start.wait(at);
                    time(run)
                });
                if sender.send(windows).is_err() {
                    return;
                }
            }
        });
        Self { commands, windows }
    }
}

fn time(run: &mut dyn FnMut()) -> Window {
    let (wall, cpu) = (Instant::now(), cpu_time());
    let mut count = 0_u32;
    while wall.elapsed() < WINDOW {
        for _ in 0..64 {
            run();
        }
        count += 64;
    }
    let cpu = cpu_time().checked_sub(cpu).unwrap().as_nanos() as f64;
    Window {
        nanos: cpu / f64::from(count),
        running: cpu / wall.elapsed().as_nanos() as f64,
    }
}

/// Sends every request twice, so that all are cached, and checks the answers.
fn warm(layer: &AuthLayer, requests: &[Request<()>]) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    for request in requests.iter().chain(requests) {
        let service = layer.layer(tower::service_fn(answer));
        let Ok(response) = runtime.block_on(service.oneshot(request.clone()));
        assert_eq!(response.status(), 200);
    }
}

/// The service behind the layers. It responds with a `Content-Type`, as real ones do.
fn answer(request: Request<()>) -> Ready<Result<Response<()>, Infallible>> {
    drop(black_box(request));
    let mut response = Response::new(());
    let text = HeaderValue::from_static("text/plain");
    response.headers_mut().insert(header::CONTENT_TYPE, text);
    ready(Ok(response))
}

fn request((name, value): &Field) -> Request<()> {
    let mut request = Request::builder().uri("/orders/42");
    let usual = [
        ("host", "api.example.com"),
        ("user-agent", "bench"),
        ("accept", "*/*"),
    ];
    for (name, value) in usual.into_iter().chain([(*name, value.as_str())]) {
        // Part of a larger buffer, as hyper's values are.
        let line = Bytes::from(format!("{name}: {value}\r\n"));
        let value = line.slice(name.len() + 2..line.len() - 2);
        request = request.header(name, HeaderValue::from_maybe_shared(value).unwrap());
    }
    request.body(()).unwrap()
}

/// Sends the requests in turn.
fn through<S, B>(mut service: S, requests: Vec<Request<()>>) -> impl FnMut()
where
    S: Service<Request<()>, Response = Response<B>, Error = Infallible>,
{
    let mut next = 0;
    move || {
        let request = requests[next].clone();
        next = (next + 1) % requests.len();
        let mut context = Context::from_waker(Waker::noop());
        assert!(service.poll_ready(&mut context).is_ready());
        let Poll::Ready(response) = pin!(service.call(request)).poll(&mut context) else {
            panic!("a request had to wait");
        };
        black_box(response.ok());
    }
}

#[cfg(target_os = "linux")]
const CLOCK: &str = "CPU time";
#[cfg(not(target_os = "linux"))]
const CLOCK: &str = "WALL TIME, since the CPU time of a thread is read on Linux only";

/// The CPU time of this thread.
#[cfg(target_os = "linux")]
fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    let nanos = u32::try_from(time.tv_nsec).unwrap();
    Duration::new(u64::try_from(time.tv_sec).unwrap(), nanos)
}

#[cfg(not(target_os = "linux"))]
fn cpu_time() -> Duration {
    static BEGAN: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    BEGAN.get_or_init(Instant::now).elapsed()
}
