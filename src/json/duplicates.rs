//! No name twice in one object.

use super::{
    JsonError,
    span::{Member, Text},
    text,
};
use std::collections::HashSet;

/// Up to how many names each is compared with each.
const FEW: usize = 16;

/// Refuses an object in which a name occurs twice, compared after unescaping.
///
/// A header is read before its signature is checked, so that anybody may send thousands of
/// names: beyond a few they go through a set with a random seed, and the cost stays linear.
pub(super) fn refuse(text: Text<'_>, members: &[Member]) -> Result<(), JsonError> {
    let unique = match members.len() <= FEW && text.plain {
        true => all_far_apart(text, members) || names_differ(text, members),
        false => {
            let mut seen = HashSet::with_capacity(members.len());
            let names = members.iter().map(|member| member.name(text));
            names.map(text::unescape).all(|name| seen.insert(name))
        }
    };
    unique.then_some(()).ok_or(JsonError::Duplicate)
}

/// Few names, and nothing escaped: whether all have a bit of their own, by a hash of their
/// beginning. Mostly they do.
fn all_far_apart(text: Text<'_>, members: &[Member]) -> bool {
    let mut bits = [0_u64; 32];
    let mut is_new = true;
    for member in members {
        let hash = member.fingerprint(text).wrapping_mul(0x9e37_79b1) >> 21;
        if let Some(word) = bits.get_mut(hash as usize / 64) {
            let bit = 1 << (hash % 64);
            is_new &= *word & bit == 0;
            *word |= bit;
        }
    }
    is_new
}

#[cold]
fn names_differ(text: Text<'_>, mut members: &[Member]) -> bool {
    while let Some((member, rest)) = members.split_first() {
        let name = member.name(text);
        if rest.iter().any(|other| other.name(text) == name) {
            return false;
        }
        members = rest;
    }
    true
}
