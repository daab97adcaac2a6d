//! Tests of [`near_cache`](super::near_cache) on real threads.

use super::{
    bounded_cache::Limits,
    lanes,
    near_cache::{COPIED_EVERY, NearCache},
};
use std::thread;

fn cache() -> NearCache<u64, u32> {
    NearCache::new(Limits {
        entries: 4,
        bytes: 100,
    })
}

/// Looks up in a table that has this value for every key, as callers do.
fn look_up(near: &NearCache<u64, u32>, key: u64, table: u32) -> u32 {
    match near.get(&key, |value| Some(*value)) {
        Ok(value) => value,
        Err(miss) => {
            if miss.is_sampled {
                assert!(near.insert(key, table, 1, |_| true).is_empty());
            }
            table
        }
    }
}

#[test]
fn one_miss_in_64_is_copied() {
    let near = cache();
    for n in 1..=COPIED_EVERY {
        assert_eq!(near.bytes(), 0);
        assert_eq!(look_up(&near, 7, n), n);
    }
    assert_eq!(near.bytes(), 1);
    assert_eq!(look_up(&near, 7, 0), COPIED_EVERY);
    // A copy that cannot be used is a miss.
    assert!(near.get(&7, |_| None::<u32>).is_err());
}

#[test]
fn a_value_is_removed_from_every_lane() {
    let near = cache();
    let look_up_all = |table| {
        thread::scope(|scope| {
            for _ in 0..2 * lanes::count() {
                scope.spawn(|| {
                    for n in 0..2 * COPIED_EVERY {
                        look_up(&near, u64::from(n / COPIED_EVERY), table);
                    }
                });
            }
        });
    };
    look_up_all(1);
    let copies = near.bytes();
    assert!(copies > 2);
    let removed = near.remove(&0);
    assert!(removed.len() > 1);
    assert_eq!(near.bytes(), copies - removed.len());
    let rest = near.retain(|value| *value != 1);
    assert_eq!((removed.len() + rest.len(), near.bytes()), (copies, 0));
}
