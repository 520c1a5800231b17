//! The lock that lets one subdevcfg at a time change the host.
#![expect(clippy::disallowed_types, reason = "this is the room of the lock's file")]

use std::fmt;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use nix::fcntl::OFlag;

use super::files::make_folder;

/// How often a lock that somebody holds is tried again.
const TRY_AGAIN: Duration = Duration::from_millis(50);

/// The right to change the host, for as long as it lives.
#[derive(Debug)]
pub struct Lock {
    path: Utf8PathBuf,
    /// The lock itself, for as long as it is open.
    _file: File,
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

/// How somebody waits for a lock.
#[derive(Clone, Copy)]
pub struct Turn<'a> {
    /// What others are shown while this one holds it: a command line.
    pub command: &'a str,
    /// How long to wait for who holds it; zero does not wait.
    pub patience: Duration,
    /// Is told once why it waits, if it does.
    pub waits: &'a dyn Fn(&LockError),
}

impl fmt::Debug for Turn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { command, patience, .. } = self;
        f.debug_struct("Turn").field("command", command).field("patience", patience).finish_non_exhaustive()
    }
}

impl Lock {
    /// Takes the lock of a folder, which is made if it is not there; otherwise as [`Self::take`].
    ///
    /// # Errors
    /// [`LockError`].
    pub fn take_in(folder: &Utf8Path, turn: Turn<'_>) -> Result<Self, LockError> {
        let path = folder.join("lock");
        make_folder(folder).map_err(|source| LockError::File { path: path.clone(), source })?;
        Self::take(&path, turn)
    }

    /// Takes the lock that is this file, which is made, and taken away with the lock.
    ///
    /// # Errors
    /// [`LockError`].
    pub fn take(path: &Utf8Path, turn: Turn<'_>) -> Result<Self, LockError> {
        let failed = |source| LockError::File { path: path.to_owned(), source };
        let mut file = open(path).map_err(failed)?;
        let start = Instant::now();
        let mut told = false;
        loop {
            match file.try_lock() {
                Ok(()) if is_there(&file).map_err(failed)? => break,
                Ok(()) => {
                    file = open(path).map_err(failed)?;
                    continue;
                }
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(source)) => return Err(failed(source)),
            }
            let held = LockError::Held { path: path.to_owned(), holder: holder(&mut file) };
            if start.elapsed() >= turn.patience {
                return Err(held);
            }
            if !std::mem::replace(&mut told, true) {
                (turn.waits)(&held);
            }
            std::thread::sleep(TRY_AGAIN.min(turn.patience));
        }
        let note = format!("{} {}\n", std::process::id(), turn.command.replace('\n', " "));
        // Reading who held it has moved the place at which is written.
        file.set_len(0).and_then(|()| file.rewind()).map_err(failed)?;
        file.write_all(note.as_bytes()).map_err(failed)?;
        Ok(Self { path: path.to_owned(), _file: file })
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // While it is still held: a file that is left is nobody's lock, and the next one takes it.
        let _ = fs::remove_file(&self.path);
    }
}

fn open(path: &Utf8Path) -> io::Result<File> {
    // Readable for its owner alone: whoever can open the file can hold the lock (flock(2) asks for no more).
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).mode(0o600).custom_flags(OFlag::O_NOFOLLOW.bits()).open(path)
}

/// Whether the file still has its name: who held the lock before takes the file away.
fn is_there(file: &File) -> io::Result<bool> {
    Ok(file.metadata()?.nlink() > 0)
}

fn holder(file: &mut File) -> Option<Holder> {
    let mut text = String::new();
    file.rewind().and_then(|()| file.read_to_string(&mut text)).ok()?;
    let (pid, command) = text.trim_end().split_once(' ')?;
    Some(Holder { pid: pid.parse().ok()?, command: command.to_owned() })
}
