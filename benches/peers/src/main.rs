//! What verifying bearer tokens costs per request: this crate, others, and the signature alone.
//! `README.md` says how to run it, and how the figures are taken.

mod backend;
mod case;
mod cases;
mod count;
mod e2e;
mod floor;
mod measure;
mod memory;
mod ours;
mod peer;
mod report;
mod svg;
mod tokens;
mod worker;

use backend::Backend;
use cases::Selection;
use measure::Timed;
use memory::Memory;
use report::Report;
use std::{env, fs, io, path::PathBuf};
use tokens::{Algorithm, Issuer, Material};
use worker::Worker;

fn main() -> io::Result<()> {
    let mut words: Vec<String> = env::args().skip(1).collect();
    match words.first().map(String::as_str) {
        Some(worker::WORD) => return worker::work(),
        Some("e2e") => {
            Backend::AwsLcRs.install();
            return e2e::run();
        }
        _ => {}
    }
    let mut svg = None;
    if let Some(index) = words.iter().position(|word| word == "--svg") {
        words.remove(index);
        if index == words.len() {
            return Err(io::Error::other("--svg takes a path"));
        }
        svg = Some(PathBuf::from(words.remove(index)));
    } else if words.is_empty() {
        svg = Some([env!("CARGO_MANIFEST_DIR"), "peers.svg"].iter().collect());
    }
    let report = measure(&Selection(words))?;
    print!("{}", report.markdown());
    if let Some(path) = svg {
        fs::write(path, svg::draw(&report))?;
    }
    Ok(())
}

fn measure(selection: &Selection) -> io::Result<Report> {
    Backend::AwsLcRs.install();
    let issuers: Vec<(Issuer, Material)> = Algorithm::ALL
        .into_iter()
        .map(|algorithm| {
            let issuer = Issuer::new(algorithm);
            let material = issuer.material();
            (issuer, material)
        })
        .collect();
    let materials: Vec<Material> = issuers.iter().map(|(_, it)| it.clone()).collect();
    let memory = if selection.0.is_empty() || selection.0.iter().any(|word| word == "memory") {
        let measure = |(issuer, material): &(Issuer, Material)| Memory::measure(issuer, material);
        issuers.iter().map(measure).collect()
    } else {
        Vec::new()
    };
    let here = cases::ours(selection, &issuers);
    let here = here.and(cases::peers(selection, Backend::AwsLcRs, &materials));
    let (mut timed, mut figures) = Timed::new(here.cases);
    let (mut worker, others, remarks) = Worker::start(Backend::RustCrypto, selection, materials)?;
    figures.extend(others);
    let rounds = env::var("ROUNDS").ok().and_then(|it| it.parse().ok());
    let rounds = rounds.unwrap_or(120);
    for _ in 0..rounds {
        let round = timed.round().into_iter().chain(worker.round()?);
        for (figures, round) in figures.iter_mut().zip(round) {
            figures.rounds.push(round);
        }
    }
    Ok(Report {
        figures,
        remarks: here.remarks.into_iter().chain(remarks).collect(),
        memory,
        rounds,
    })
}
