//! Takes the figures: allocations first, then times, round after round.

use crate::{
    case::{Case, Name, REFUSED, Run},
    count,
};
use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// About how long a case runs in a round.
const ROUND: Duration = Duration::from_millis(4);

/// The cases of one process.
pub(crate) struct Timed(Vec<(Case, u32)>);

/// Nanoseconds of a run, and of the same through the bare service.
pub(crate) type Round = (f64, Option<f64>);

/// All that is known of a case.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Figures {
    pub(crate) name: Name,
    pub(crate) rounds: Vec<Round>,
    /// How often a run allocates beyond the bare service; of a refusal, in all.
    pub(crate) allocations: f64,
}

impl Figures {
    /// Nanoseconds over the bare service, round by round. A raw check has none, and a refusal
    /// never reaches it: they count in full.
    pub(crate) fn over(&self) -> impl Iterator<Item = f64> {
        let refused = self.name.group == REFUSED;
        let over = move |&(run, bare): &Round| match bare {
            Some(bare) if !refused => run - bare,
            _ => run,
        };
        self.rounds.iter().map(over)
    }

    /// Their median.
    pub(crate) fn nanos(&self) -> f64 {
        median(self.over())
    }

    /// The median over the rounds of how many times longer it took.
    pub(crate) fn to(&self, other: &Self) -> f64 {
        median(self.over().zip(other.over()).map(|(mine, its)| mine / its))
    }
}

impl Timed {
    /// Counts allocations, and finds out how often each case runs in a round.
    pub(crate) fn new(cases: Vec<Case>) -> (Self, Vec<Figures>) {
        let mut timed = Vec::new();
        let mut figures = Vec::new();
        for mut case in cases {
            let refused = case.name.group == REFUSED;
            let bare = case.bare.as_mut().filter(|_| !refused).map_or(0.0, count);
            figures.push(Figures {
                name: case.name.clone(),
                rounds: Vec::new(),
                allocations: count(&mut case.run) - bare,
            });
            let nanos = time(50, &mut case.run).min(time(50, &mut case.run));
            let runs = (ROUND.as_nanos() as f64 / nanos).clamp(10.0, 20_000.0);
            timed.push((case, runs as u32));
        }
        (Self(timed), figures)
    }

    pub(crate) fn round(&mut self) -> Vec<Round> {
        let round = |(case, runs): &mut (Case, u32)| {
            let nanos = time(*runs, &mut case.run);
            (nanos, case.bare.as_mut().map(|bare| time(*runs, bare)))
        };
        self.0.iter_mut().map(round).collect()
    }
}

fn count(run: &mut Run) -> f64 {
    const RUNS: u32 = 100;
    run();
    let allocations = count::allocations(|| (0..RUNS).for_each(|_| run()));
    allocations as f64 / f64::from(RUNS)
}

/// Nanoseconds of this thread on a processor: where it is alone that is the time that passes, and
/// where it is not, others' work stays out.
#[inline(never)]
fn time(runs: u32, run: &mut Run) -> f64 {
    let start = on_processor();
    for _ in 0..runs {
        run();
    }
    (on_processor() - start) / f64::from(runs)
}

/// Nanoseconds so far.
pub(crate) fn on_processor() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
}

pub(crate) fn median(figures: impl Iterator<Item = f64>) -> f64 {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_by(f64::total_cmp);
    let at = |index: usize| figures.get(index).copied().unwrap_or(f64::NAN);
    let half = figures.len() / 2;
    match figures.len() % 2 {
        1 => at(half),
        _ => f64::midpoint(at(half.saturating_sub(1)), at(half)),
    }
}
