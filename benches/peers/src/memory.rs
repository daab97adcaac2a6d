//! What a remembered token costs in memory.

use crate::{
    case::Subject,
    cases::TOKENS,
    count, ours,
    tokens::{Algorithm, Issuer, Material},
};

pub(crate) struct Memory {
    pub(crate) algorithm: Algorithm,
    /// Mean bytes of a token.
    pub(crate) token: f64,
    /// Bytes that the heap grew by per token, from before the layer is built.
    pub(crate) cached: f64,
}

impl Memory {
    pub(crate) fn measure(issuer: &Issuer, material: &Material) -> Self {
        let tokens: Vec<String> = (0..TOKENS).map(|number| issuer.token(number)).collect();
        let token = tokens.iter().map(String::len).sum::<usize>() as f64 / TOKENS as f64;
        let (kept, bytes) = count::growth(|| {
            let layer = ours::cache_of(material, TOKENS);
            let subject = Subject::new::<_, (), (), _>(layer, || ());
            for token in &tokens {
                assert_eq!(subject.ask(token), 200);
            }
            subject
        });
        drop(kept);
        Self {
            algorithm: material.algorithm,
            token,
            cached: bytes as f64 / TOKENS as f64,
        }
    }

    /// What the project aims at.
    pub(crate) fn limit(&self) -> f64 {
        2.0 * self.token + 512.0
    }
}
