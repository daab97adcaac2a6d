//! Stands in for a backend that is not compiled in.

use super::prepared::{Pair, Signing, Unprepared};
use crate::jwt::Algorithm;
use zeroize::Zeroizing;

pub(super) fn pair(_: Algorithm, _: &[u8]) -> Result<Pair, Unprepared> {
    Err(Unprepared::NoBackend)
}

pub(super) fn secret(_: Algorithm, _: &[u8]) -> Result<Box<dyn Signing>, Unprepared> {
    Err(Unprepared::NoBackend)
}

pub(super) fn generate(_: Algorithm) -> Result<Zeroizing<Vec<u8>>, Unprepared> {
    Err(Unprepared::NoBackend)
}
