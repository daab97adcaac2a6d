//! Tests of [`lane_lock`](super::lane_lock) on real threads.

use super::{lane_lock::LaneLock, lanes::count};
use std::{
    panic::{self, AssertUnwindSafe},
    thread,
};

/// A value that must not be copied once it is large.
#[derive(Debug, Default, PartialEq)]
struct Table(Vec<u32>);

impl Clone for Table {
    fn clone(&self) -> Self {
        assert!(self.0.is_empty(), "the value was copied");
        Self::default()
    }
}

/// Reads on threads of all lanes.
fn read_all(lock: &LaneLock<Table>) -> Vec<Vec<u32>> {
    let read = || lock.read().0.clone();
    thread::scope(|scope| {
        let threads: Vec<_> = (0..2 * count()).map(|_| scope.spawn(read)).collect();
        let join = |thread: thread::ScopedJoinHandle<'_, _>| thread.join().unwrap();
        threads.into_iter().map(join).collect()
    })
}

#[test]
fn a_change_is_visible_in_every_lane() {
    let lock = LaneLock::new(Table::default());
    for n in 0..3 {
        lock.write().0.push(n);
        let expected: Vec<_> = (0..=n).collect();
        assert!(read_all(&lock).iter().all(|read| *read == expected));
    }
}

#[test]
fn a_panic_of_a_writer_hides_the_value_from_no_lane() {
    let lock = LaneLock::new(Table::default());
    lock.write().0.push(1);
    let panics = panic::catch_unwind(AssertUnwindSafe(|| {
        let mut table = lock.write();
        table.0.push(2);
        panic!("while the lock is held");
    }));
    assert!(panics.is_err());
    assert!(read_all(&lock).iter().all(|read| *read == [1, 2]));
}

#[test]
fn writers_and_readers_take_turns() {
    let lock = LaneLock::new(Table::default());
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..200 {
                    let mut table = lock.write();
                    let next = table.0.len() as u32;
                    table.0.push(next);
                }
            });
            scope.spawn(|| {
                let mut seen = 0;
                for _ in 0..2000 {
                    let table = lock.read();
                    assert!(table.0.len() >= seen, "an older value");
                    seen = table.0.len();
                    assert!(table.0.last().is_none_or(|last| *last as usize == seen - 1));
                }
            });
        }
    });
    assert_eq!(lock.read().0.len(), 800);
}
