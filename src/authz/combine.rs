//! `and`, `or` and `not` in three values: allowed, not allowed, cannot tell.

use crate::{Rejection, RejectionKind, Verdict};

/// "Not allowed" wins, then any other rejection, then "allowed".
pub(super) fn all(verdicts: impl Iterator<Item = Verdict<()>>) -> Verdict<()> {
    let tally = Tally {
        answer: Ok(()),
        wins: is_forbidden,
    };
    combine(verdicts, tally)
}

/// "Allowed" wins, then any other rejection, then "not allowed".
pub(super) fn any(verdicts: impl Iterator<Item = Verdict<()>>) -> Verdict<()> {
    let tally = Tally {
        answer: Err(Rejection::forbidden()),
        wins: Result::is_ok,
    };
    combine(verdicts, tally)
}

/// Exchanges "allowed" and "not allowed"; any other rejection stays.
pub(super) fn not(verdict: Verdict<()>) -> Verdict<()> {
    verdict.then(turned)
}

type Answer = Result<(), Rejection>;

/// The answer so far, and which answer ends the matter.
struct Tally {
    answer: Answer,
    wins: fn(&Answer) -> bool,
}

impl Tally {
    /// Takes one more answer into account; true if it decides.
    fn add(&mut self, answer: Answer) -> bool {
        let decides = (self.wins)(&answer);
        // "Cannot tell" outweighs every answer that does not decide.
        let weight = |answer: &Answer| match answer {
            Err(rejection) if rejection.kind() != RejectionKind::Forbidden => 2,
            // Of two that are not allowed, the one that a scope would help.
            Err(rejection) if !rejection.scopes().is_empty() => 1,
            _ => 0,
        };
        if decides || weight(&answer) > weight(&self.answer) {
            self.answer = answer;
        }
        decides
    }
}

fn is_forbidden(answer: &Answer) -> bool {
    answer
        .as_ref()
        .is_err_and(|rejection| rejection.kind() == RejectionKind::Forbidden)
}

/// Counts every verdict that is ready before it waits for one that is pending.
fn combine(verdicts: impl Iterator<Item = Verdict<()>>, mut tally: Tally) -> Verdict<()> {
    let mut waiting = Vec::new();
    for verdict in verdicts {
        match verdict.now() {
            Ok(answer) => {
                if tally.add(answer) {
                    return Verdict::ready(tally.answer);
                }
            }
            Err(pending) => waiting.push(pending),
        }
    }
    if waiting.is_empty() {
        return Verdict::ready(tally.answer);
    }
    Verdict::pending(async move {
        for pending in waiting {
            if tally.add(pending.await) {
                break;
            }
        }
        tally.answer
    })
}

fn turned(answer: Answer) -> Answer {
    match answer {
        Ok(()) => Err(Rejection::forbidden()),
        Err(rejection) if rejection.kind() == RejectionKind::Forbidden => Ok(()),
        Err(rejection) => Err(rejection),
    }
}
