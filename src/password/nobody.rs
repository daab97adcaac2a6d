//! [`Nobody`]: the hash that is checked if there is no such user.

use super::{Cost, PasswordHash};
use crate::ConfigError;
use std::time::{Duration, Instant};

/// Half of the longest time for which a checked or new hash determines the cost of unknown users.
const PERIOD: Duration = Duration::from_secs(30 * 60);

/// A hash that no password matches, as costly as the costliest that was seen recently.
///
/// Costs are kept for the current period of half an hour and the one before it. If no hash was seen
/// for an hour, the cost is that of the hash that was seen last.
pub(super) struct Nobody {
    hash: PasswordHash,
    last: Cost,
    costliest: Option<Cost>,
    /// The largest cost of the period before.
    before: Option<Cost>,
    /// The start of this period.
    since: Option<Instant>,
}

impl Nobody {
    pub(super) fn new() -> Result<Self, ConfigError> {
        Ok(Self {
            hash: PasswordHash::unmatched(Cost::RECOMMENDED)?,
            last: Cost::RECOMMENDED,
            costliest: None,
            before: None,
            since: None,
        })
    }

    /// Records the cost of a hash that is checked or was made.
    pub(super) fn see(&mut self, cost: Cost, now: Instant) {
        self.pass(now);
        self.last = cost;
        self.costliest = self.costliest.max(Some(cost));
    }

    /// Returns the hash to check now.
    pub(super) fn hash(&mut self, now: Instant) -> PasswordHash {
        self.pass(now);
        let cost = self.costliest.max(self.before).unwrap_or(self.last);
        if self.hash.cost() != cost {
            self.hash = self.hash.at(cost);
        }
        self.hash.clone()
    }

    /// Begins another period if this one has ended.
    fn pass(&mut self, now: Instant) {
        let since = *self.since.get_or_insert(now);
        let passed = now.saturating_duration_since(since);
        if passed < PERIOD {
            return;
        }
        self.before = self.costliest.take().filter(|_| passed < 2 * PERIOD);
        self.since = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cost(memory: u32) -> Cost {
        Cost::argon2id(memory, 1, 1).unwrap()
    }

    #[test]
    fn an_unknown_user_costs_what_the_costliest_hash_of_the_last_hour_did() {
        let start = Instant::now();
        let at = |minutes: u64| start + Duration::from_secs(60 * minutes);
        let mut nobody = Nobody::new().unwrap();
        let costs = |nobody: &mut Nobody, minutes| nobody.hash(at(minutes)).cost();
        assert_eq!(costs(&mut nobody, 0), Cost::RECOMMENDED);
        nobody.see(cost(16), at(0));
        nobody.see(cost(64), at(29));
        assert_eq!(costs(&mut nobody, 29), cost(64));
        nobody.see(cost(16), at(31));
        assert_eq!(costs(&mut nobody, 59), cost(64), "half an hour at least");
        nobody.see(cost(8), at(62));
        assert_eq!(costs(&mut nobody, 62), cost(16), "an hour at most");
        nobody.see(cost(8), at(93));
        assert_eq!(costs(&mut nobody, 93), cost(8));
        // A costlier hash determines the cost at once.
        nobody.see(cost(32), at(94));
        assert_eq!(costs(&mut nobody, 94), cost(32));
    }

    #[test]
    fn an_unknown_user_costs_what_the_last_hash_did_after_a_quiet_time() {
        let start = Instant::now();
        let at = |minutes: u64| start + Duration::from_secs(60 * minutes);
        let mut nobody = Nobody::new().unwrap();
        nobody.see(cost(64), at(0));
        nobody.see(cost(16), at(1));
        assert_eq!(nobody.hash(at(200)).cost(), cost(16));
        assert_eq!(nobody.hash(at(1000)).cost(), cost(16));
    }
}
