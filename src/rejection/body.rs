//! The body of a refusal, or of another answer of this crate's own.

use bytes::Bytes;

/// A body of this crate: two words, since every response has the room for one. A small response
/// is moved by a few instructions, a larger one by a call.
#[allow(
    unreachable_pub,
    reason = "it stands in a trait in the type of a public future"
)]
#[derive(Debug)]
pub enum OwnBody {
    /// Of most refusals, without an allocation.
    Constant(&'static Bytes),
    Made(Box<Bytes>),
}

impl OwnBody {
    pub(crate) fn empty() -> Self {
        static EMPTY: Bytes = Bytes::new();
        Self::Constant(&EMPTY)
    }

    pub(crate) fn length(&self) -> usize {
        match self {
            Self::Constant(bytes) => bytes.len(),
            Self::Made(bytes) => bytes.len(),
        }
    }

    pub(crate) fn into_bytes(self) -> Bytes {
        match self {
            Self::Constant(bytes) => bytes.clone(),
            Self::Made(bytes) => *bytes,
        }
    }
}

impl From<Bytes> for OwnBody {
    fn from(bytes: Bytes) -> Self {
        match bytes.is_empty() {
            true => Self::empty(),
            false => Self::Made(Box::new(bytes)),
        }
    }
}
