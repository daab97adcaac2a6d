//! What a layer costs per request, against the bare service in the same run.
//!
//! `cargo bench --bench layers`. One thread, no sockets: a template request is cloned and sent
//! through the service, thousands of times a round. The cases take turns, round after round, so
//! that a slow moment of the machine hits all of them; a case's figure is the median over the
//! rounds of its time less the bare service's in the same round. How often a request allocates
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
        })
        .collect();
    let rounds = std::env::var("ROUNDS")
        .ok()
        .and_then(|rounds| rounds.parse().ok())
        .unwrap_or(60);
    for _ in 0..rounds {
        timed.iter_mut().for_each(Timed::round);
    }
    print(&timed);
}

struct Timed {
    case: Case,
    nanos: Vec<f64>,
}

impl Timed {
    #[inline(never)]
    fn round(&mut self) {
        let start = Instant::now();
        for _ in 0..self.case.runs {
            self.case.run();
        }
        self.nanos
            .push(start.elapsed().as_nanos() as f64 / f64::from(self.case.runs));
    }

    /// The median, less that of another case in the same rounds.
    fn median(&self, bare: Option<&Self>) -> f64 {
        let mut nanos: Vec<f64> = match bare {
            Some(bare) => self
                .nanos
                .iter()
                .zip(&bare.nanos)
                .map(|(a, b)| a - b)
                .collect(),
            None => self.nanos.clone(),
        };
        nanos.sort_by(f64::total_cmp);
        nanos[nanos.len() / 2]
    }
}

fn print(timed: &[Timed]) {
    let of = |name: &str| timed.iter().find(|timed| timed.case.name == name).unwrap();
    println!(
        "{:<38} {:>9} {:>10} {:>8} {:>7}",
        "case", "ns", "over bare", "x bare", "x raw"
    );
    for each in timed {
        let name = each.case.name;
        let bare = match name {
            "API key, 1,000,000, at random" => of("bare service, 20,000 requests"),
            _ => of("bare service"),
        };
        let nanos = each.median(None);
        let raw = timed
            .iter()
            .find(|raw| raw.case.name == format!("{name}, raw check"));
        let to_raw = raw.map(|raw| format!("{:.3}", nanos / raw.median(None)));
        println!(
            "{name:<38} {nanos:>9.0} {:>10.0} {:>8.2} {:>7}",
            each.median(Some(bare)),
            nanos / bare.median(None),
            to_raw.unwrap_or_default(),
        );
    }
}
