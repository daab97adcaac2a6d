//! Looking at a file, now and again.

use super::{log, read::read, stamp::Stamp};
use crate::{ConfigError, basic::User};
use sha2::{Digest, Sha256};
use std::{
    fs::{self, File},
    io::{self, Read},
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::mpsc::{Receiver, RecvTimeoutError},
    thread,
    time::{Duration, SystemTime},
};
use zeroize::Zeroizing;

/// A file, and what was last made of it.
pub(super) struct Watch {
    path: PathBuf,
    /// Of what was read last, if another change would show.
    stamp: Option<Stamp>,
    /// The content that was read last. It is neither published nor logged again.
    last: Option<Content>,
}

/// The digest of the content, or the error.
type Content = Result<[u8; 32], io::ErrorKind>;

impl Watch {
    pub(super) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            stamp: None,
            last: None,
        }
    }

    /// Returns the users in the file at the start.
    pub(super) fn first(&mut self) -> Result<Vec<User>, ConfigError> {
        for _ in 0..50 {
            if let Some(result) = self.look() {
                return result;
            }
            thread::sleep(Duration::from_millis(10));
        }
        Err(self.error("it changes all the time"))
    }

    /// Reads the file. Returns `None` if it is the same as the last time.
    pub(super) fn look(&mut self) -> Option<Result<Vec<User>, ConfigError>> {
        let (content, result) = match self.content() {
            Ok(Some(bytes)) => (
                Ok(Sha256::digest(&*bytes).into()),
                read(&bytes).map_err(|error| self.error(&error.to_string())),
            ),
            Ok(None) => return None,
            Err(error) => (
                Err(error.kind()),
                Err(self.error("it cannot be read").with_source(error)),
            ),
        };
        let is_new = self.last != Some(content);
        self.last = Some(content);
        is_new.then_some(result)
    }

    /// The bytes of the file, unless it is the one that was read last, or is being changed.
    fn content(&mut self) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
        let remembered = self.stamp.take();
        let metadata = fs::metadata(&self.path)?;
        // To open a pipe would be to wait for whoever writes to it.
        if !metadata.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no file"));
        }
        if remembered == Some(Stamp::of(&metadata)) {
            self.stamp = remembered;
            return Ok(None);
        }
        let file = File::open(&self.path)?;
        let now = SystemTime::now();
        let before = file.metadata()?;
        if before.len() > MAX_FILE {
            return Err(io::Error::new(
                io::ErrorKind::FileTooLarge,
                "it is larger than 4 MiB",
            ));
        }
        let mut bytes = Zeroizing::new(Vec::with_capacity(
            usize::try_from(before.len()).unwrap_or_default(),
        ));
        (&file).take(MAX_FILE).read_to_end(&mut bytes)?;
        let (before, after) = (Stamp::of(&before), Stamp::of(&file.metadata()?));
        if before != after || before.is_restless(now) {
            return Ok(None);
        }
        self.stamp = before.is_settled(now).then_some(before);
        Ok(Some(bytes))
    }

    fn error(&self, reason: &str) -> ConfigError {
        ConfigError::new(format!("{}: {reason}", self.path.display()))
    }
}

/// Looks at the file from time to time, and hands on who is in it when that has changed; until
/// there is nobody to stop it.
pub(super) fn spawn(
    mut watch: Watch,
    interval: Duration,
    stopped: Receiver<()>,
    publish: impl Fn(Vec<User>) + Send + 'static,
) -> io::Result<()> {
    thread::Builder::new()
        .name("tower-auth-htpasswd".into())
        .spawn(move || {
            while stopped.recv_timeout(interval) == Err(RecvTimeoutError::Timeout) {
                match watch.look() {
                    None => {}
                    Some(Ok(entries)) => {
                        let users = entries.len();
                        // The application's closure may panic; the next change still counts.
                        match catch_unwind(AssertUnwindSafe(|| publish(entries))) {
                            Ok(()) => log::changed(&watch.path, users),
                            Err(_) => log::useless(
                                &watch.path,
                                &watch.error("the application's roles panicked"),
                            ),
                        }
                    }
                    Some(Err(error)) => log::useless(&watch.path, &error),
                }
            }
        })
        .map(drop)
}

/// Bytes: 4 MiB, some 60,000 users.
const MAX_FILE: u64 = 4 * 1024 * 1024;
