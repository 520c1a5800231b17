//! The lock that lets one subdevcfg at a time change the host.
#![expect(clippy::disallowed_types, reason = "this is the room of the lock's file")]

use std::fmt;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use nix::fcntl::OFlag;

use super::files::make_folder;

/// How often a lock that somebody holds is tried again.
const TRY_AGAIN: Duration = Duration::from_millis(50);

/// The right to change the host, for as long as it lives.
#[derive(Debug)]
pub struct Lock {
    file: File,
}

/// Who holds a lock, as they wrote it down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Process number.
    pub pid: u32,
    /// What it was called with.
    pub command: String,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {} (`{}`)", self.pid, self.command)
    }
}

/// The lock was not to be had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Somebody else has it.
    #[error("{} is changing this host and holds {path}", holder.as_ref().map_or("another subdevcfg".to_owned(), ToString::to_string))]
    Held {
        /// The lock's file.
        path: Utf8PathBuf,
        /// Who; `None` in the moment before they have written it down.
        holder: Option<Holder>,
    },
    /// The file cannot be used.
    #[error("the lock {path} cannot be taken")]
    File {
        /// The file.
        path: Utf8PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl LockError {
    /// Whether that process has it.
    #[must_use]
    pub fn is_held_by(&self, process: i32) -> bool {
        let holder = match self {
            Self::Held { holder, .. } => holder.as_ref(),
            Self::File { .. } => None,
        };
        holder.is_some_and(|holder| i32::try_from(holder.pid) == Ok(process))
    }
}

impl Lock {
    /// Takes the lock of a folder, waiting at most so long for who holds it; `command` is what others are shown.
    ///
    /// # Errors
    /// [`LockError`].
    pub fn take(folder: &Utf8Path, command: &str, patience: Duration) -> Result<Self, LockError> {
        let path = folder.join("lock");
        let failed = |source| LockError::File { path: path.clone(), source };
        make_folder(folder).map_err(failed)?;
        // Readable for root alone: whoever can open the file can hold the lock (flock(2) asks for no more).
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .mode(0o600)
            .custom_flags(OFlag::O_NOFOLLOW.bits())
            .open(&path)
            .map_err(failed)?;
        let start = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if start.elapsed() < patience => {
                    std::thread::sleep(TRY_AGAIN.min(patience));
                }
                Err(TryLockError::WouldBlock) => {
                    return Err(LockError::Held { holder: holder(&mut file), path });
                }
                Err(TryLockError::Error(source)) => return Err(failed(source)),
            }
        }
        let note = format!("{} {}\n", std::process::id(), command.replace('\n', " "));
        file.set_len(0).and_then(|()| file.write_all(note.as_bytes())).map_err(failed)?;
        Ok(Self { file })
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // A name that is left says nothing wrong, for nobody reads it of a lock that is free.
        let _ = self.file.set_len(0);
    }
}

fn holder(file: &mut File) -> Option<Holder> {
    let mut text = String::new();
    file.rewind().and_then(|()| file.read_to_string(&mut text)).ok()?;
    let (pid, command) = text.trim_end().split_once(' ')?;
    Some(Holder { pid: pid.parse().ok()?, command: command.to_owned() })
}
