//! No name twice in one object.

use super::{
    JsonError,
    span::{Member, Text},
    text,
};
use smallvec::SmallVec;
use std::{borrow::Cow, collections::HashSet};

/// Up to how many names each is compared with each.
const FEW: usize = 16;

/// The names of one object, as they come.
///
/// Each has a bit by a hash of its beginning. Mostly no two have the same, and then no two names
/// are.
#[derive(Default)]
pub(super) struct Seen {
    bits: [u64; 16],
    is_one_twice: bool,
}

impl Seen {
    /// A name of this length, which the text begins with.
    #[inline]
    pub(super) fn note(&mut self, text: &[u8], length: u32) {
        let hash = fingerprint(text, length).wrapping_mul(0x9e37_79b1) >> 22;
        if let Some(word) = self.bits.get_mut(hash as usize / 64) {
            let bit = 1 << (hash % 64);
            self.is_one_twice |= *word & bit != 0;
            *word |= bit;
        }
    }

    /// Refuses an object in which a name occurs twice, compared after unescaping.
    #[inline]
    pub(super) fn refuse_twice(&self, text: Text<'_>, members: &[Member]) -> Result<(), JsonError> {
        // An escaped name may be another one's.
        let unique = (text.plain && !self.is_one_twice) || all_differ(text, members);
        unique.then_some(()).ok_or(JsonError::Duplicate)
    }
}

/// A header is read before its signature is checked, so that anybody may send thousands of names:
/// beyond a few they go through a set with a random seed, and the cost stays linear.
#[cold]
fn all_differ(text: Text<'_>, members: &[Member]) -> bool {
    if members.len() < 2 {
        return true;
    }
    let names = members.iter().map(|member| member.name(text));
    let names = names.map(text::unescape);
    if members.len() <= FEW {
        return each_differs_from_each(&names.collect::<SmallVec<[_; FEW]>>());
    }
    let mut seen = HashSet::with_capacity(members.len());
    names.into_iter().all(|name| seen.insert(name))
}

fn each_differs_from_each(mut names: &[Cow<'_, str>]) -> bool {
    while let Some((name, rest)) = names.split_first() {
        if rest.contains(name) {
            return false;
        }
        names = rest;
    }
    true
}

/// The beginning of a name, in one word: names that differ in it differ.
#[inline]
fn fingerprint(text: &[u8], length: u32) -> u32 {
    // Behind a name there mostly is more; what is missing is padded.
    let eight = match text.first_chunk() {
        Some(eight) => *eight,
        None => {
            let mut padded = [0; 8];
            for (to, from) in padded.iter_mut().zip(text) {
                *to = *from;
            }
            padded
        }
    };
    let word = u64::from_le_bytes(eight);
    let word = match length {
        0 => 0,
        // Without what is behind the name.
        1..8 => word & (u64::MAX >> (64 - 8 * length)),
        _ => word.rotate_left(length % 64),
    };
    (word ^ (word >> 31)) as u32
}
