//! What a layer costs per request, against the bare service in the same run.
//!
//! `cargo bench --bench layers`. One thread, no sockets: a template request is cloned and sent
//! through the service, thousands of times a round, and the same requests through the bare
//! service right behind. The cases take turns, round after round, so that a slow moment of the
//! machine hits all of them; a figure is the median over the rounds. How often a request allocates
//! is counted by `cargo bench --bench allocations`: counting takes time.
//!
//! Words after `--` select cases (`cargo bench --bench layers -- "API key, 10"`), and `ROUNDS`
//! sets how many rounds there are.
//!
//! The bare service answers with a `Content-Type`, as real ones do. Header values are shared
//! memory, as hyper's are.

mod cases;

use cases::Case;
use std::time::Instant;

fn main() {
    let words: Vec<_> = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with('-'))
        .collect();
    let mut timed: Vec<_> = cases::named(&words)
        .into_iter()
        .map(|case| Timed {
            case,
            nanos: Vec::new(),
            bare: Vec::new(),
        })
        .collect();
    let rounds = std::env::var("ROUNDS")
        .ok()
        .and_then(|rounds| rounds.parse().ok())
        .unwrap_or(60);
    for _ in 0..rounds {
        for each in &mut timed {
            each.round();
            each.bare_round();
        }
    }
    print(&timed);
}

struct Timed {
    case: Case,
    nanos: Vec<f64>,
    bare: Vec<f64>,
}

impl Timed {
    #[inline(never)]
    fn round(&mut self) {
        self.nanos.push(time(self.case.runs, || self.case.run()));
    }

    #[inline(never)]
    fn bare_round(&mut self) {
        self.bare
            .push(time(self.case.runs, || self.case.run_bare()));
    }
}

fn time(runs: u32, mut run: impl FnMut()) -> f64 {
    let start = Instant::now();
    for _ in 0..runs {
        run();
    }
    start.elapsed().as_nanos() as f64 / f64::from(runs)
}

fn median(mut nanos: Vec<f64>) -> f64 {
    nanos.sort_by(f64::total_cmp);
    nanos[nanos.len() / 2]
}

fn print(timed: &[Timed]) {
    println!(
        "{:<38} {:>9} {:>9} {:>10} {:>7}",
        "case", "ns", "bare", "over bare", "x raw"
    );
    for each in timed {
        let name = each.case.name;
        let nanos = median(each.nanos.clone());
        if !each.case.has_bare() {
            println!("{name:<38} {nanos:>9.0}");
            continue;
        }
        let over = each
            .nanos
            .iter()
            .zip(&each.bare)
            .map(|(nanos, bare)| nanos - bare);
        let raw = timed
            .iter()
            .find(|raw| raw.case.name == format!("{name}, raw check"));
        let to_raw = raw.map(|raw| format!("{:.3}", nanos / median(raw.nanos.clone())));
        println!(
            "{name:<38} {nanos:>9.0} {:>9.0} {:>10.0} {:>7}",
            median(each.bare.clone()),
            median(over.collect()),
            to_raw.unwrap_or_default(),
        );
    }
}
