//! Stands in for a backend that is not compiled in.

use super::{Algorithm, BadKey, Material, Prepared};

pub(super) const COMPILED: bool = false;

pub(super) fn prepare(_: Algorithm, _: &Material) -> Result<Box<dyn Prepared>, BadKey> {
    Err(BadKey)
}
