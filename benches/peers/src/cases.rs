//! Which cases there are, in this process.

use crate::{
    backend::Backend,
    case::{Case, Name, REFUSED, Subject, raw},
    floor::Floor,
    ours, peer,
    tokens::{Algorithm, Issuer, Material},
};

pub(crate) const RAW: &str = "raw signature check";
pub(crate) const OFF: &str = "tower-auth, cache off";
pub(crate) const TYPED: &str = "tower-auth, cache off, typed claims";
pub(crate) const HIT: &str = "tower-auth, cache hit";
pub(crate) const FLOOR: &str = "a layer that only remembers one token";
pub(crate) const ROTATION: &str = "tower-auth, 10,000 tokens in rotation";
/// How many tokens are in rotation.
pub(crate) const TOKENS: usize = 10_000;

/// The words of the command line.
pub(crate) struct Selection(pub(crate) Vec<String>);

impl Selection {
    fn has(&self, name: &Name) -> bool {
        let name = name.to_string();
        self.0.is_empty() || self.0.iter().any(|word| name.contains(word.as_str()))
    }
}

/// What this crate verifies with where nothing else is chosen: `hmac` is for HS256, on processors
/// with instructions for SHA-256.
const OURS: &str = "aws-lc-rs";

/// Cases, and what of the bad tokens somebody lets pass.
#[derive(Default)]
pub(crate) struct Cases {
    pub(crate) cases: Vec<Case>,
    pub(crate) remarks: Vec<String>,
}

/// This crate's and the raw checks, whose tokens take an issuer.
pub(crate) fn ours(selection: &Selection, issuers: &[(Issuer, Material)]) -> Cases {
    let mut all = Cases::default();
    for (issuer, material) in issuers {
        let named = |contender| name(material.algorithm.name(), contender, OURS);
        let raw_name = name(material.algorithm.name(), RAW, "aws-lc-rs");
        if selection.has(&raw_name) {
            all.cases.push(Case {
                name: raw_name,
                run: raw(material),
                bare: None,
            });
        }
        let off = Subject::new::<_, (), (), _>(ours::cache_off(material), || ());
        all.add(selection, &off, material, named(OFF));
        let typed = Subject::new::<_, (), (), _>(ours::cache_off_typed(material), || ());
        all.add(selection, &typed, material, named(TYPED));
        let hit = Subject::new::<_, (), (), _>(ours::cache_on(material), || ());
        all.add(selection, &hit, material, named(HIT));
        let floor = Subject::new::<_, (), (), _>(Floor::new(material), || ());
        all.add(selection, &floor, material, named(FLOOR));
        if selection.has(&named(ROTATION)) {
            let layer = ours::cache_of(material, TOKENS);
            let many = Subject::new::<_, (), (), _>(layer, || ());
            let tokens: Vec<String> = (0..TOKENS).map(|number| issuer.token(number)).collect();
            let tokens: Vec<&str> = tokens.iter().map(String::as_str).collect();
            let mut case = many.case(&tokens, named(ROTATION));
            // Fills the cache.
            (0..TOKENS).for_each(|_| (case.run)());
            all.cases.push(case);
        }
        if material.algorithm == Algorithm::HS256 {
            for (subject, contender) in [(&off, OFF), (&hit, HIT)] {
                let contender = contender.replace("hit", "on");
                all.add_refused(selection, subject, material, &contender, OURS);
            }
        }
    }
    all
}

/// The peers that are measured with this backend.
pub(crate) fn peers(selection: &Selection, backend: Backend, materials: &[Material]) -> Cases {
    let mut all = Cases::default();
    for material in materials {
        for peer in &peer::ALL {
            let Some(backend) = peer.backend(backend) else {
                continue;
            };
            let Some(subject) = (peer.subject)(material) else {
                continue;
            };
            let name = name(material.algorithm.name(), peer.name, backend);
            all.add(selection, &subject, material, name);
            if material.algorithm == Algorithm::HS256 {
                all.add_refused(selection, &subject, material, peer.name, backend);
            }
        }
    }
    all
}

impl Cases {
    fn add(&mut self, selection: &Selection, subject: &Subject, material: &Material, name: Name) {
        if !selection.has(&name) {
            return;
        }
        let unchecked = subject.unchecked(&name.to_string(), material);
        if !unchecked.is_empty() {
            let unchecked = unchecked.join(", ");
            self.remarks
                .push(format!("{name} does not check {unchecked}"));
        }
        self.cases.push(subject.case(&[&material.token], name));
    }

    fn add_refused(
        &mut self,
        selection: &Selection,
        subject: &Subject,
        material: &Material,
        contender: &str,
        backend: &str,
    ) {
        let name = name(REFUSED, contender, backend);
        if selection.has(&name) {
            self.cases.push(subject.case(&[&material.forged], name));
        }
    }

    pub(crate) fn and(mut self, other: Self) -> Self {
        self.cases.extend(other.cases);
        self.remarks.extend(other.remarks);
        self
    }
}

fn name(group: &str, contender: &str, backend: &str) -> Name {
    Name {
        group: group.to_owned(),
        contender: contender.to_owned(),
        backend: backend.to_owned(),
    }
}
