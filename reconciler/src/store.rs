//! The record on disk, and the lock that lets one subdevcfg at a time change the host. Both lie in one folder; its place
//! is the caller's business. Nothing here follows a link out of it.
#![expect(clippy::disallowed_types, reason = "this is the room of the record's and the lock's files")]

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use nix::fcntl::OFlag;
use serde::{Deserialize, Serialize};

use crate::apply::{KeepError, RecordKeeper};
use crate::record::{self, Entry, FORMAT_VERSION, Interrupted, Record};
use crate::resource::Subject;

/// How often a lock that somebody holds is tried again.
const TRY_AGAIN: Duration = Duration::from_millis(50);

/// Keeps the record: of this boot in a folder, whole in `record.json`, and what changed since in `record.log`, a line a
/// change, so that an apply of many operations does not write the whole record after each. What is protected is kept apart
/// in `protected.json`, in a folder that outlives the boot.
#[derive(Debug)]
pub struct FileKeeper {
    folder: Utf8PathBuf,
    /// Where protection is kept; without one, with the record.
    lasting: Option<Utf8PathBuf>,
    /// What is protected, as it lies on the disk.
    protected: BTreeMap<Subject, String>,
    boot_id: String,
    /// The log that continues the record, once something was noted.
    log: Option<File>,
    /// The number of the record as a whole: a log that continues another one says nothing.
    generation: u64,
}

/// The record's file. What it says dies with the kernel, so it names the boot that it is of.
#[derive(Serialize, Deserialize)]
struct Kept<R> {
    boot_id: String,
    #[serde(default)]
    generation: u64,
    record: R,
}

/// A line of the log.
#[derive(Serialize, Deserialize)]
struct Line {
    generation: u64,
    #[serde(flatten)]
    entry: Entry,
}

/// The record cannot be had. It never counts as empty then: what subdevcfg made would look like somebody else's.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file is there, and cannot be read.
    #[error("the record {path} cannot be read")]
    File {
        /// The file, or its folder.
        path: Utf8PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is no record.
    #[error(
        "the record {path} is damaged: {why}; put a good copy back, or move it away to go on without it: what \
         subdevcfg made before counts as found then, and is never deleted"
    )]
    Malformed {
        /// The file.
        path: Utf8PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The file is of a later version of this program.
    #[error(
        "the record {path} has format {found}, and this program knows {FORMAT_VERSION}: use the newer subdevcfg"
    )]
    Newer {
        /// The file.
        path: Utf8PathBuf,
        /// Its version.
        found: String,
    },
}

impl FileKeeper {
    /// Keeps the record in this folder, for the boot of that id. The folder is made when it is first written to.
    pub fn new(folder: impl Into<Utf8PathBuf>, boot_id: impl Into<String>) -> Self {
        Self {
            folder: folder.into(),
            lasting: None,
            protected: BTreeMap::new(),
            boot_id: boot_id.into(),
            log: None,
            generation: 0,
        }
    }

    /// Keeps what is protected in this folder, which outlives the boot.
    #[must_use]
    pub fn lasting_in(mut self, folder: impl Into<Utf8PathBuf>) -> Self {
        self.lasting = Some(folder.into());
        self
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> Utf8PathBuf {
        self.folder.join("record.json")
    }

    fn log_path(&self) -> Utf8PathBuf {
        self.folder.join("record.log")
    }

    /// Reads the record, with what was noted since it was written whole: a run that was killed leaves that behind. It is
    /// empty when there is none, and when it is of an earlier boot.
    ///
    /// # Errors
    /// [`LoadError`].
    pub fn load(&mut self) -> Result<Record, LoadError> {
        let mut record = self.load_of_boot()?;
        if let Some(folder) = self.lasting.clone() {
            self.protected = load_protected(&folder)?;
            record.protected.clone_from(&self.protected);
        }
        Ok(record)
    }

    fn load_of_boot(&mut self) -> Result<Record, LoadError> {
        let path = self.path();
        let text = match read(&self.folder, &path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Record::default()),
            Err(source) => return Err(LoadError::File { path, source }),
        };
        let malformed =
            |error: serde_json::Error| LoadError::Malformed { path: self.path(), why: error.to_string() };
        let kept: Kept<serde_json::Value> = serde_json::from_str(&text).map_err(malformed)?;
        if kept.boot_id != self.boot_id {
            return Ok(Record::default());
        }
        let major = |version: &str| version.split('.').next().and_then(|major| major.parse::<u32>().ok());
        if let Some(found) = kept.record.get("format_version").and_then(serde_json::Value::as_str)
            && major(found) > major(FORMAT_VERSION)
        {
            return Err(LoadError::Newer { path, found: found.to_owned() });
        }
        let mut record = serde_json::from_value(kept.record).map_err(malformed)?;
        self.generation = kept.generation;
        self.replay(&mut record)?;
        Ok(record)
    }

    /// Takes in what was noted since. A last line without its end was being written when the run was killed, and its
    /// operation had not begun: the one before it is the last that counts.
    fn replay(&self, record: &mut Record) -> Result<(), LoadError> {
        let path = self.log_path();
        let text = match read(&self.folder, &path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(source) => return Err(LoadError::File { path, source }),
        };
        for line in text.split_inclusive('\n').filter(|line| line.ends_with('\n')) {
            let line: Line = serde_json::from_str(line)
                .map_err(|error| LoadError::Malformed { path: path.clone(), why: error.to_string() })?;
            if line.generation != self.generation {
                continue;
            }
            let Entry { operation, total, request, change } = line.entry;
            if let Some(change) = &change {
                record.note(change);
            }
            record.interrupted = Some(Interrupted { operation, total, request });
        }
        Ok(())
    }

    fn append(&mut self, entry: &Entry) -> io::Result<()> {
        let path = self.log_path();
        let log = match &mut self.log {
            Some(log) => log,
            none => {
                let mut options = OpenOptions::new();
                options.append(true).create(true).mode(0o644).custom_flags(OFlag::O_NOFOLLOW.bits());
                none.insert(options.open(path)?)
            }
        };
        let mut line = serde_json::to_vec(&Line { generation: self.generation, entry: entry.clone() })?;
        line.push(b'\n');
        log.write_all(&line)?;
        log.sync_data()
    }

    fn write(&mut self, record: &Record) -> io::Result<()> {
        self.write_protected(record)?;
        make_folder(&self.folder)?;
        let generation = self.generation + 1;
        let kept = Kept { boot_id: self.boot_id.clone(), generation, record };
        let mut text = serde_json::to_vec_pretty(&kept)?;
        text.push(b'\n');
        write_whole(&self.folder, &self.path(), &text)?;
        self.generation = generation;
        self.log = None;
        // From here on the log is of another generation: it says nothing any more, and may as well go.
        match fs::remove_file(self.log_path()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

impl FileKeeper {
    fn write_protected(&mut self, record: &Record) -> io::Result<()> {
        let Some(folder) = self.lasting.as_ref().filter(|_| record.protected != self.protected) else {
            return Ok(());
        };
        make_folder(folder)?;
        let mut text = record::protection(&record.protected)?;
        text.push(b'\n');
        write_whole(folder, &folder.join(PROTECTED), &text)?;
        self.protected.clone_from(&record.protected);
        Ok(())
    }
}

/// The file of what is protected.
const PROTECTED: &str = "protected.json";

fn load_protected(folder: &Utf8Path) -> Result<BTreeMap<Subject, String>, LoadError> {
    let path = folder.join(PROTECTED);
    let text = match read(folder, &path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(source) => return Err(LoadError::File { path, source }),
    };
    record::read_protection(&text).map_err(|error| LoadError::Malformed { path, why: error.to_string() })
}

fn read(folder: &Utf8Path, path: &Utf8Path) -> io::Result<String> {
    check_folder(folder)?;
    let mut text = String::new();
    let options = OpenOptions::new().read(true).custom_flags(OFlag::O_NOFOLLOW.bits()).clone();
    options.open(path)?.read_to_string(&mut text)?;
    Ok(text)
}

/// Puts a file in its place whole, so that it is on the disk afterwards.
fn write_whole(folder: &Utf8Path, path: &Utf8Path, text: &[u8]) -> io::Result<()> {
    let mut file = tempfile::Builder::new().prefix(".record.").tempfile_in(folder)?;
    file.write_all(text)?;
    file.as_file().set_permissions(Permissions::from_mode(0o644))?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    // The new name is on disk only when the folder is.
    File::open(folder)?.sync_all()
}

impl RecordKeeper for FileKeeper {
    fn note(&mut self, entry: &Entry) -> Result<(), KeepError> {
        self.append(entry).map_err(|source| KeepError { path: self.log_path(), source })
    }

    fn keep(&mut self, record: &Record) -> Result<(), KeepError> {
        self.write(record).map_err(|source| KeepError { path: self.path(), source })
    }
}

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

/// A link in the folder's place could lead anywhere.
fn check_folder(folder: &Utf8Path) -> io::Result<()> {
    if fs::symlink_metadata(folder)?.is_dir() {
        return Ok(());
    }
    Err(io::Error::new(io::ErrorKind::NotADirectory, format!("{folder} is a link or a file, and no folder")))
}

fn make_folder(folder: &Utf8Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o755).create(folder) {
        // The mode at creation is cut by the umask.
        Ok(()) => fs::set_permissions(folder, Permissions::from_mode(0o755)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => check_folder(folder),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use tempfile::TempDir;

    use super::*;
    use crate::record::RecordChange;

    fn folder() -> (TempDir, Utf8PathBuf) {
        let outer = tempfile::tempdir().unwrap();
        let folder = Utf8PathBuf::from_path_buf(outer.path().join("run")).unwrap();
        (outer, folder)
    }

    fn record() -> Record {
        let mut record = Record::default();
        record.note(&made("subdev/nic0"));
        record
    }

    fn made(handle: &str) -> RecordChange {
        RecordChange::Made(Subject::parent(handle.parse().unwrap()), handle.to_owned())
    }

    fn entry(operation: usize, handle: &str) -> Entry {
        Entry { operation, total: 2, request: format!("make {handle}"), change: Some(made(handle)) }
    }

    #[test]
    fn what_was_noted_before_a_run_was_killed_counts_but_for_half_a_line() {
        let (_outer, folder) = folder();
        let mut keeper = FileKeeper::new(&folder, "one");
        keeper.keep(&record()).unwrap();
        keeper.note(&entry(1, "subdev/nic1")).unwrap();
        keeper.note(&entry(2, "subdev/nic2")).unwrap();
        let mut wanted = record();
        wanted.note(&made("subdev/nic1"));
        wanted.interrupted =
            Some(Interrupted { operation: 1, total: 2, request: "make subdev/nic1".to_owned() });
        let log = folder.join("record.log");
        let whole = fs::read_to_string(&log).unwrap();
        fs::write(&log, &whole[..whole.len() - 5]).unwrap();
        assert_eq!(FileKeeper::new(&folder, "one").load().unwrap(), wanted);
        fs::write(&log, "nonsense\n").unwrap();
        assert!(matches!(FileKeeper::new(&folder, "one").load(), Err(LoadError::Malformed { .. })));
        // A whole record takes the place of what was noted, even when the log could not be removed.
        fs::write(&log, &whole).unwrap();
        keeper.keep(&record()).unwrap();
        fs::write(&log, &whole).unwrap();
        assert_eq!(FileKeeper::new(&folder, "one").load().unwrap(), record());
    }

    fn mode(path: &Utf8Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    #[test]
    fn a_record_comes_back_in_the_same_boot_and_in_no_other() {
        let (_outer, folder) = folder();
        let mut keeper = FileKeeper::new(&folder, "one");
        assert_eq!(keeper.load().unwrap(), Record::default());
        assert!(!folder.exists(), "reading makes nothing");
        keeper.keep(&record()).unwrap();
        keeper.keep(&record()).unwrap();
        assert_eq!(keeper.load().unwrap(), record());
        assert_eq!(FileKeeper::new(&folder, "two").load().unwrap(), Record::default());
        assert_eq!((mode(&folder), mode(&keeper.path())), (0o755, 0o644));
        assert_eq!(folder.read_dir_utf8().unwrap().count(), 1, "no temporary file is left");
    }

    #[test]
    fn a_damaged_record_is_never_an_empty_one() {
        let (_outer, folder) = folder();
        let mut keeper = FileKeeper::new(&folder, "one");
        keeper.keep(&record()).unwrap();
        let whole = fs::read_to_string(keeper.path()).unwrap();
        for length in [0, 1, whole.len() / 2, whole.len() - 3] {
            fs::write(keeper.path(), &whole[..length]).unwrap();
            let error = keeper.load().unwrap_err();
            assert!(matches!(error, LoadError::Malformed { .. }), "{error}");
            assert!(error.to_string().contains("record.json"), "{error}");
        }
        fs::write(keeper.path(), whole.replace("\"1.0\"", "\"2.0\"")).unwrap();
        assert!(matches!(keeper.load(), Err(LoadError::Newer { .. })));
        fs::remove_file(keeper.path()).unwrap();
        fs::create_dir(keeper.path()).unwrap();
        assert!(matches!(keeper.load(), Err(LoadError::File { .. })));
        assert!(keeper.keep(&record()).is_err());
    }

    #[test]
    fn links_are_not_followed() {
        let (outer, folder) = folder();
        let elsewhere = outer.path().join("elsewhere");
        fs::create_dir(&elsewhere).unwrap();
        symlink(&elsewhere, &folder).unwrap();
        let mut keeper = FileKeeper::new(&folder, "one");
        assert!(keeper.keep(&record()).is_err());
        assert!(matches!(keeper.load(), Err(LoadError::File { .. })));
        assert!(matches!(Lock::take(&folder, "t", Duration::ZERO), Err(LockError::File { .. })));
        fs::remove_file(&folder).unwrap();

        keeper.keep(&record()).unwrap();
        let target = outer.path().join("target");
        for name in ["record.json", "lock"] {
            drop(fs::remove_file(folder.join(name)));
            symlink(&target, folder.join(name)).unwrap();
        }
        assert!(keeper.load().is_err());
        assert!(Lock::take(&folder, "t", Duration::ZERO).is_err());
        keeper.keep(&record()).unwrap();
        assert_eq!(keeper.load().unwrap(), record(), "the link was replaced");
        assert!(!target.exists());
    }

    #[test]
    fn one_at_a_time_holds_the_lock_and_says_who() {
        let (_outer, folder) = folder();
        let first = Lock::take(&folder, "subdevcfg apply host.kdl", Duration::ZERO).unwrap();
        assert_eq!(mode(&folder.join("lock")), 0o600);
        let start = Instant::now();
        let error = Lock::take(&folder, "other", Duration::from_millis(120)).unwrap_err();
        assert!(start.elapsed() >= Duration::from_millis(120));
        let held = format!("process {} (`subdevcfg apply host.kdl`)", std::process::id());
        assert!(error.to_string().starts_with(&held), "{error}");
        drop(first);
        let again = Lock::take(&folder, "other", Duration::ZERO).unwrap();
        let waiting = std::thread::spawn({
            let folder = folder.clone();
            move || Lock::take(&folder, "third", Duration::from_secs(20)).map(drop)
        });
        std::thread::sleep(Duration::from_millis(30));
        drop(again);
        waiting.join().unwrap().unwrap();
    }

    #[test]
    fn protection_outlives_the_boot_and_the_rest_does_not() {
        let (_guard, folder) = folder();
        fs::create_dir(&folder).unwrap();
        let keeper = |boot: &str| FileKeeper::new(folder.join("run"), boot).lasting_in(folder.join("lib"));
        let mut wanted = record();
        wanted.protected = wanted.made.clone();
        assert!(!wanted.protected.is_empty());
        keeper("one").keep(&wanted).unwrap();
        assert_eq!(keeper("one").load().unwrap(), wanted);
        let after = keeper("two").load().unwrap();
        assert_eq!(after, Record { protected: wanted.protected.clone(), ..Record::default() });
        let mut lifted = keeper("two");
        lifted.load().unwrap();
        lifted.keep(&Record::default()).unwrap();
        assert_eq!(keeper("two").load().unwrap(), Record::default());
        fs::write(folder.join("lib/protected.json"), "[{").unwrap();
        assert!(matches!(keeper("two").load(), Err(LoadError::Malformed { .. })));
    }
}
