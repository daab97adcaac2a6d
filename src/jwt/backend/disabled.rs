//! Stands in for a backend that is not compiled in.

use super::prepared::{BadKey, Material, Prepared};
use crate::jwt::Algorithm;

pub(super) const COMPILED: bool = false;

pub(super) fn prepare(_: Algorithm, _: &Material) -> Result<Box<dyn Prepared>, BadKey> {
    Err(BadKey)
}
