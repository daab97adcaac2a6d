//! Stands in for a backend that is not compiled in.

use super::{Algorithm, Material, Prepared, Unprepared};

pub(super) const COMPILED: bool = false;

pub(super) fn prepare(_: Algorithm, _: &Material) -> Result<Box<dyn Prepared>, Unprepared> {
    Err(Unprepared::NoBackend)
}
