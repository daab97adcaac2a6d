//! Tables of the figures.

use crate::{
    case::REFUSED,
    cases::{HIT, OFF, RAW, ROTATION},
    measure::Figures,
    memory::Memory,
    ours,
    tokens::Algorithm,
};
use std::fmt::Write as _;

pub(crate) struct Report {
    pub(crate) figures: Vec<Figures>,
    pub(crate) remarks: Vec<String>,
    pub(crate) memory: Vec<Memory>,
    pub(crate) rounds: usize,
}

impl Report {
    /// The algorithms and the refusal, in order.
    pub(crate) fn groups() -> impl Iterator<Item = &'static str> {
        Algorithm::ALL
            .into_iter()
            .map(Algorithm::name)
            .chain([REFUSED])
    }

    pub(crate) fn find(&self, group: &str, contender: &str) -> Option<&Figures> {
        let wanted =
            |figures: &&Figures| figures.name.group == group && figures.name.contender == contender;
        self.figures.iter().find(wanted)
    }

    /// How many times longer than the raw check of its group.
    pub(crate) fn to_raw(&self, figures: &Figures) -> Option<f64> {
        let raw = self.find(&figures.name.group, RAW)?;
        (figures.name.contender != RAW).then(|| figures.to(raw))
    }

    pub(crate) fn best_peer(&self, group: &str) -> Option<&Figures> {
        let peer = |figures: &&Figures| figures.name.group == group && figures.name.is_of_a_peer();
        let peers = self.figures.iter().filter(peer);
        peers.min_by(|one, other| one.nanos().total_cmp(&other.nanos()))
    }

    pub(crate) fn markdown(&self) -> String {
        let mut text = String::new();
        self.write(&mut text).expect("a string takes everything");
        text
    }

    fn write(&self, text: &mut String) -> std::fmt::Result {
        if !self.figures.is_empty() {
            self.write_contenders(text)?;
        }
        if !self.remarks.is_empty() {
            writeln!(text, "\nUnequal work:\n")?;
            for remark in &self.remarks {
                writeln!(text, "- {remark}")?;
            }
        }
        self.write_aims(text)?;
        if !ours::HAS_CACHE {
            writeln!(
                text,
                "\nThis version of tower-auth has no cache of verified tokens: \"cache hit\" and \
                 \"in rotation\" verify every time."
            )?;
        }
        Ok(())
    }

    fn write_contenders(&self, text: &mut String) -> std::fmt::Result {
        writeln!(
            text,
            "Nanoseconds over the bare service (a refusal: in all) · times the raw check · \
             allocations; medians of {} rounds.\n",
            self.rounds
        )?;
        write!(text, "| | cryptography |")?;
        Self::groups().try_for_each(|group| write!(text, " {group} |"))?;
        writeln!(text, "\n|---|---|{}", "---|".repeat(Self::groups().count()))?;
        let mut written: Vec<(&str, &str)> = Vec::new();
        for figures in &self.figures {
            let row = (
                figures.name.contender.as_str(),
                figures.name.backend.as_str(),
            );
            if written.contains(&row) {
                continue;
            }
            written.push(row);
            write!(text, "| {} | {} |", row.0, row.1)?;
            for group in Self::groups() {
                let cell = self.figures.iter().find(|cell| {
                    let name = &cell.name;
                    (name.contender.as_str(), name.backend.as_str()) == row && name.group == group
                });
                match cell {
                    Some(cell) => write!(text, " {} |", self.cell(cell))?,
                    None => write!(text, " – |")?,
                }
            }
            writeln!(text)?;
        }
        Ok(())
    }

    fn cell(&self, figures: &Figures) -> String {
        let ratio = self
            .to_raw(figures)
            .map(|ratio| format!(" · {}×", ratio_text(ratio)))
            .unwrap_or_default();
        format!(
            "{}{ratio} · {}",
            thousands(figures.nanos()),
            count_text(figures.allocations)
        )
    }

    fn write_aims(&self, text: &mut String) -> std::fmt::Result {
        let mut aims = Vec::new();
        let mut aim = |what: String, aimed: &str, reached: Option<String>| {
            if let Some(reached) = reached {
                aims.push(format!("| {what} | {aimed} | {reached} |"));
            }
        };
        for (group, raw, cached) in [
            ("HS256", "≤ 2.2", "≥ 14"),
            ("RS256", "≤ 1.07", "≥ 120"),
            ("ES256", "≤ 1.03", "≥ 280"),
            ("EdDSA", "≤ 1.05", ""),
        ] {
            let best = self.best_peer(group);
            let off = self.find(group, OFF);
            aim(
                format!("{group}, cache off, times the raw check"),
                raw,
                off.and_then(|off| self.to_raw(off)).map(ratio_text),
            );
            if group == "HS256" {
                let than = best.zip(off).map(|(best, off)| named_ratio(best, off));
                aim(
                    "HS256, cache off, faster than the best peer".to_owned(),
                    "≥ 2.4",
                    than,
                );
            }
            let allocations = off.map(|off| count_text(off.allocations));
            aim(
                format!("{group}, cache off, allocations"),
                "≤ 12",
                allocations,
            );
            let hit = self.find(group, HIT);
            let nanos = hit.map(|hit| thousands(hit.nanos()));
            aim(format!("{group}, cache hit, ns"), "≤ 200", nanos);
            let allocations = hit.map(|hit| count_text(hit.allocations));
            aim(
                format!("{group}, cache hit, allocations"),
                "≤ 3",
                allocations,
            );
            let than = best.zip(hit).map(|(best, hit)| named_ratio(best, hit));
            aim(
                format!("{group}, cache hit, faster than the best peer"),
                cached,
                than,
            );
            let many = self.find(group, ROTATION);
            let nanos = many.map(|many| thousands(many.nanos()));
            aim(
                format!("{group}, 10,000 tokens in rotation, ns"),
                "≤ 900",
                nanos,
            );
        }
        let refused = self.find(REFUSED, &HIT.replace("hit", "on"));
        let nanos = refused.map(|refused| thousands(refused.nanos()));
        aim("HS256, forged, refused, ns".to_owned(), "≤ 1,200", nanos);
        for memory in &self.memory {
            aim(
                format!(
                    "{}, bytes per cached token of {:.0}",
                    memory.algorithm.name(),
                    memory.token
                ),
                &format!("≤ {}", thousands(memory.limit())),
                Some(thousands(memory.cached)),
            );
        }
        if aims.is_empty() {
            return Ok(());
        }
        writeln!(
            text,
            "\n| | aimed at | here |\n|---|---|---|\n{}",
            aims.join("\n")
        )
    }
}

fn named_ratio(peer: &Figures, ours: &Figures) -> String {
    format!("{} ({})", ratio_text(peer.to(ours)), peer.name.contender)
}

/// Three digits that mean something.
pub(crate) fn ratio_text(ratio: f64) -> String {
    match ratio {
        ..2.0 => format!("{ratio:.3}"),
        ..10.0 => format!("{ratio:.2}"),
        ..100.0 => format!("{ratio:.1}"),
        _ => format!("{ratio:.0}"),
    }
}

pub(crate) fn count_text(count: f64) -> String {
    if count.fract() == 0.0 {
        format!("{count:.0}")
    } else {
        format!("{count:.1}")
    }
}

pub(crate) fn thousands(figure: f64) -> String {
    let digits = format!("{:.0}", figure.abs());
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if figure <= -0.5 {
        format!("-{text}")
    } else {
        text
    }
}
