//! placeholder
#![allow(dead_code)]
use crate::ClaimPath;
use serde::de::DeserializeOwned;
#[derive(Clone)]
pub(crate) struct Object {
    text: Box<[u8]>,
}
pub(crate) struct Value<'a>(&'a [u8]);
impl Object {
    pub(crate) fn at(&self, _path: &ClaimPath) -> Option<Value<'_>> {
        None
    }
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.text
    }
}
impl Value<'_> {
    pub(crate) fn to<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_slice(self.0).ok()
    }
}
