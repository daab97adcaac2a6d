//! Draws a report: bars on a logarithmic scale, exact figures beside them.

use crate::{
    case::REFUSED,
    cases::{FLOOR, RAW},
    measure::Figures,
    ours,
    report::{Report, count_text, ratio_text, thousands},
};
use std::fmt::Write as _;

const WIDTH: f64 = 960.0;
const LEFT: f64 = 330.0;
const RIGHT: f64 = 720.0;
const ROW: f64 = 19.0;
const BAR: f64 = 13.0;
const HEADING: f64 = 34.0;
const TOP: f64 = 92.0;
const FOOT: f64 = 66.0;

const STYLE: &str = "
text { font-family: system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif; font-size: 12px; fill: #1f2328; }
.paper { fill: #ffffff; }
.title { font-size: 17px; font-weight: 600; }
.group { font-size: 13px; font-weight: 600; }
.quiet { fill: #59636e; }
.figure { font-variant-numeric: tabular-nums; }
.grid { stroke: #d1d9e0; stroke-width: 1; }
.ours { fill: #0969da; }
.peer { fill: #8c959f; }
.raw { fill: #bf8700; }
.strong { font-weight: 600; }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc; }
  .paper { fill: #0d1117; }
  .quiet { fill: #9198a1; }
  .grid { stroke: #3d444d; }
  .ours { fill: #4493f8; }
  .peer { fill: #656c76; }
  .raw { fill: #d29922; }
}
";

pub(crate) fn draw(report: &Report) -> String {
    let mut svg = String::new();
    write(&mut svg, report).expect("a string takes everything");
    svg
}

struct Scale {
    low: f64,
    high: f64,
}

impl Scale {
    /// Whole decades around all figures.
    fn of(figures: &[Figures]) -> Self {
        let nanos = || figures.iter().map(|figures| figures.nanos().max(10.0));
        let low = nanos().fold(f64::INFINITY, f64::min).log10().floor();
        let high = nanos().fold(0.0, f64::max).log10().ceil();
        Self {
            low,
            high: high.max(low + 1.0),
        }
    }

    fn x(&self, nanos: f64) -> f64 {
        let share = (nanos.max(1.0).log10() - self.low) / (self.high - self.low);
        LEFT + share.clamp(0.0, 1.0) * (RIGHT - LEFT)
    }
}

fn write(svg: &mut String, report: &Report) -> std::fmt::Result {
    let groups: Vec<(&str, Vec<&Figures>)> = Report::groups()
        .map(|group| (group, sorted(report, group)))
        .filter(|(_, figures)| !figures.is_empty())
        .collect();
    let rows: usize = groups.iter().map(|(_, figures)| figures.len()).sum();
    let end = TOP + groups.len() as f64 * HEADING + rows as f64 * ROW;
    let height = end + FOOT;
    let scale = Scale::of(&report.figures);

    writeln!(
        svg,
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img" aria-labelledby="title">
<title id="title">What verifying a bearer token costs per request</title>
<style>{STYLE}</style>
<rect class="paper" width="{WIDTH}" height="{height}" rx="6"/>
<text class="title" x="20" y="32">What verifying a bearer token costs per request</text>
<text class="quiet" x="20" y="52">µs over the bare service, logarithmic · times the raw signature check · allocations. One thread, ten claims, medians.</text>"#
    )?;
    legend(svg)?;
    grid(svg, &scale, end)?;
    let mut y = TOP;
    for (group, figures) in groups {
        let heading = match group {
            REFUSED => "HS256 with a wrong signature, refused (in all)",
            group => group,
        };
        writeln!(
            svg,
            r#"<text class="group" x="20" y="{}">{heading}</text>"#,
            y + 23.0
        )?;
        y += HEADING;
        for figures in figures {
            row(svg, report, &scale, figures, y)?;
            y += ROW;
        }
    }
    writeln!(
        svg,
        r#"<text class="quiet" x="20" y="{}">A crate that a group lacks does not verify that algorithm. Whose cryptography it is stands in brackets.{}</text>
</svg>"#,
        end + 50.0,
        if ours::HAS_CACHE {
            ""
        } else {
            " There is no cache yet: all verify."
        }
    )
}

fn legend(svg: &mut String) -> std::fmt::Result {
    let entries = [
        (20.0, "raw", "the signature alone, key prepared"),
        (250.0, "ours", "tower-auth"),
        (350.0, "peer", "others"),
    ];
    for (x, class, text) in entries {
        writeln!(
            svg,
            r#"<rect class="{class}" x="{x}" y="65" width="12" height="12" rx="2"/><text x="{}" y="75">{text}</text>"#,
            x + 18.0
        )?;
    }
    Ok(())
}

fn grid(svg: &mut String, scale: &Scale, end: f64) -> std::fmt::Result {
    let mut decade = scale.low;
    while decade <= scale.high {
        let nanos = 10_f64.powf(decade);
        let x = scale.x(nanos);
        writeln!(
            svg,
            r#"<line class="grid" x1="{x:.1}" y1="{TOP}" x2="{x:.1}" y2="{}"/><text class="quiet" x="{x:.1}" y="{}" text-anchor="middle">{} µs</text>"#,
            end + 8.0,
            end + 24.0,
            thousands_or_less(nanos / 1000.0),
        )?;
        decade += 1.0;
    }
    Ok(())
}

fn thousands_or_less(micros: f64) -> String {
    if micros < 1.0 {
        micros.to_string()
    } else {
        thousands(micros)
    }
}

fn row(
    svg: &mut String,
    report: &Report,
    scale: &Scale,
    figures: &Figures,
    y: f64,
) -> std::fmt::Result {
    let name = &figures.name;
    let (class, strong) = match name {
        name if [RAW, FLOOR].contains(&&*name.contender) => ("raw", ""),
        name if name.is_of_a_peer() => ("peer", ""),
        _ => ("ours", " strong"),
    };
    let label = if name.is_of_a_peer() {
        format!("{} ({})", name.contender, name.backend)
    } else {
        name.contender.clone()
    };
    let nanos = figures.nanos();
    let to_raw = report
        .to_raw(figures)
        .map(|ratio| format!("{}×", ratio_text(ratio)))
        .unwrap_or_default();
    let text = y + 11.0;
    writeln!(
        svg,
        r#"<text class="{strong}" x="{}" y="{text}" text-anchor="end">{label}</text><rect class="{class}" x="{LEFT}" y="{:.1}" width="{:.1}" height="{BAR}" rx="2"/><text class="figure{strong}" x="{}" y="{text}" text-anchor="end">{}</text><text class="figure quiet" x="{}" y="{text}" text-anchor="end">{to_raw}</text><text class="figure quiet" x="{}" y="{text}" text-anchor="end">{}</text>"#,
        LEFT - 8.0,
        y + (ROW - BAR) / 2.0 - 2.0,
        (scale.x(nanos) - LEFT).max(1.0),
        RIGHT + 80.0,
        micros(nanos),
        RIGHT + 150.0,
        WIDTH - 20.0,
        allocations(figures.allocations),
    )
}

fn allocations(count: f64) -> String {
    match count {
        1.0 => "1 alloc".to_owned(),
        _ => format!("{} allocs", count_text(count)),
    }
}

fn micros(nanos: f64) -> String {
    let micros = nanos / 1000.0;
    match micros {
        ..10.0 => format!("{micros:.2} µs"),
        ..100.0 => format!("{micros:.1} µs"),
        _ => format!("{} µs", thousands(micros)),
    }
}

/// The raw check first, this crate next, the others by speed.
fn sorted<'a>(report: &'a Report, group: &str) -> Vec<&'a Figures> {
    let in_group = |figures: &&Figures| figures.name.group == group;
    let mut figures: Vec<&Figures> = report.figures.iter().filter(in_group).collect();
    let rank = |figures: &Figures| match &figures.name {
        name if name.contender == RAW => 0,
        name if !name.is_of_a_peer() => 1,
        _ => 2,
    };
    figures.sort_by(|one, other| {
        let by_rank = rank(one).cmp(&rank(other));
        by_rank.then(one.nanos().total_cmp(&other.nanos()))
    });
    figures
}
