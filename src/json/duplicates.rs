//! No name twice in one object.

use super::{JsonError, scan::Member, text};
use std::collections::HashSet;

/// Up to how many names each is compared with each.
const FEW: usize = 16;

/// Refuses an object in which a name occurs twice, compared after unescaping.
///
/// A header is read before its signature is checked, so that anybody may send thousands of
/// names: beyond a few they go through a set with a random seed, and the cost stays linear.
pub(super) fn refuse(text: &str, members: &[Member]) -> Result<(), JsonError> {
    let mut names = [""; FEW];
    let mut escaped = false;
    for (name, member) in names.iter_mut().zip(members) {
        *name = member.name(text);
        escaped |= text::is_escaped(name);
    }
    let unique = match names.get(..members.len()) {
        Some(names) if !escaped => all_differ(names),
        _ => {
            let mut seen = HashSet::with_capacity(members.len());
            let names = members.iter().map(|member| member.name(text));
            names.map(text::unescape).all(|name| seen.insert(name))
        }
    };
    unique.then_some(()).ok_or(JsonError::Duplicate)
}

fn all_differ(mut names: &[&str]) -> bool {
    while let Some((name, rest)) = names.split_first() {
        if rest.contains(name) {
            return false;
        }
        names = rest;
    }
    true
}
