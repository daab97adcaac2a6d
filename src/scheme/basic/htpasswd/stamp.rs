//! Whether a file is still the one it was.

use std::{
    fs::Metadata,
    time::{Duration, SystemTime},
};

/// What a file looks like from outside.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    len: u64,
    modified: Option<SystemTime>,
    place: Place,
}

/// Device, inode, and time of the last change of either; nothing where there are none.
type Place = (u64, u64, i64, i64);

impl Stamp {
    pub(super) fn of(metadata: &Metadata) -> Self {
        Self {
            len: metadata.len(),
            modified: metadata.modified().ok(),
            place: place(metadata),
        }
    }

    /// Whether another change would show: times are coarse, so that a file changed just now may
    /// change again and look the same.
    pub(super) fn is_settled(&self, now: SystemTime) -> bool {
        // One that is ahead of the clock is never settled.
        self.age(now).is_some_and(|age| age > COARSEST)
    }

    /// Whether it may still be being written: `htpasswd` empties a file, and fills it again.
    pub(super) fn is_restless(&self, now: SystemTime) -> bool {
        self.age(now).is_some_and(|age| age < QUIET)
    }

    fn age(&self, now: SystemTime) -> Option<Duration> {
        now.duration_since(self.modified?).ok()
    }
}

#[cfg(unix)]
fn place(metadata: &Metadata) -> Place {
    use std::os::unix::fs::MetadataExt;
    (
        metadata.dev(),
        metadata.ino(),
        metadata.ctime(),
        metadata.ctime_nsec(),
    )
}

#[cfg(not(unix))]
fn place(_: &Metadata) -> Place {
    (0, 0, 0, 0)
}

/// Writing a few hundred kilobytes takes less.
const QUIET: Duration = Duration::from_millis(200);

/// FAT has two seconds.
const COARSEST: Duration = Duration::from_secs(2);
