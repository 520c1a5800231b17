//! The record on disk, with the journal of an apply.
#![expect(clippy::disallowed_types, reason = "this is the room of the record's files")]

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;

use camino::{Utf8Path, Utf8PathBuf};
use nix::fcntl::OFlag;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::files::{is_newer, make_folder, read, write_whole};
use crate::apply::{KeepError, RecordKeeper};
use crate::record::{Entry, FORMAT_VERSION, Interrupted, Lasting, Record};

/// Keeps the record: of this boot in a folder, whole in `record.json`, and what changed since in `record.log`, a line a
/// change, so that an apply of many operations does not write the whole record after each. What does not end with the boot,
/// protection and what devices have stored, is kept a second time in `lasting.json`, in a folder that outlives it.
#[derive(Debug)]
pub struct FileKeeper {
    folder: Utf8PathBuf,
    /// Where that is kept; without one, with the record alone.
    lasting_folder: Option<Utf8PathBuf>,
    /// As it lies on the disk.
    lasting: Lasting,
    boot_id: String,
    /// The log that continues the record, once something was noted.
    log: Option<Log>,
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

/// What is looked at before anything else of a record: what a later version writes may look like nothing that this one knows.
#[derive(Deserialize)]
struct Versioned {
    format_version: Option<String>,
}

/// The open log.
#[derive(Debug)]
struct Log {
    file: File,
    /// What it holds in whole lines, in bytes.
    length: u64,
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
            lasting_folder: None,
            lasting: Lasting::default(),
            boot_id: boot_id.into(),
            log: None,
            generation: 0,
        }
    }

    /// Keeps what does not end with the boot in this folder, which outlives it.
    #[must_use]
    pub fn lasting_in(mut self, folder: impl Into<Utf8PathBuf>) -> Self {
        self.lasting_folder = Some(folder.into());
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
    /// empty when there is none, and when it is of an earlier boot, but for what does not end with the boot.
    ///
    /// # Errors
    /// [`LoadError`].
    pub fn load(&mut self) -> Result<Record, LoadError> {
        if let Some(folder) = &self.lasting_folder {
            self.lasting = load_lasting(folder)?;
        }
        Ok(self.load_of_boot()?.unwrap_or_else(|| self.lasting.clone().into_record()))
    }

    fn load_of_boot(&mut self) -> Result<Option<Record>, LoadError> {
        let path = self.path();
        let text = match read(&self.folder, &path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(LoadError::File { path, source }),
        };
        let malformed =
            |error: serde_json::Error| LoadError::Malformed { path: self.path(), why: error.to_string() };
        let kept: Kept<Box<RawValue>> = serde_json::from_str(&text).map_err(malformed)?;
        if kept.boot_id != self.boot_id {
            return Ok(None);
        }
        let mut record = parse(&path, kept.record.get())?;
        self.generation = kept.generation;
        self.replay(&mut record)?;
        Ok(Some(record))
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
                let file = options.open(path)?;
                let length = file.metadata()?.len();
                none.insert(Log { file, length })
            }
        };
        let mut line = serde_json::to_vec(&Line { generation: self.generation, entry: entry.clone() })?;
        line.push(b'\n');
        log.file.write_all(&line).and_then(|()| log.file.sync_data()).inspect_err(|_| {
            // What is left of a line that did not fit would be the beginning of the next one.
            let _ = log.file.set_len(log.length);
        })?;
        log.length += line.len() as u64;
        Ok(())
    }

    fn write(&mut self, record: &Record) -> io::Result<()> {
        self.keep_lasting(record)?;
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
    fn keep_lasting(&mut self, record: &Record) -> io::Result<()> {
        let lasting = Lasting::of(record);
        let Some(folder) = self.lasting_folder.as_ref().filter(|_| lasting != self.lasting) else {
            return Ok(());
        };
        match write_lasting(folder, &lasting) {
            Ok(()) => self.lasting = lasting,
            // Early at boot the folder may not be there yet. Of what is stored the record of the boot tells as well, and what
            // is missing here is written the next time.
            Err(error) if lasting.protects_as(&self.lasting) => drop(error),
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

/// The file of what does not end with the boot.
const LASTING: &str = "lasting.json";

fn write_lasting(folder: &Utf8Path, lasting: &Lasting) -> io::Result<()> {
    make_folder(folder)?;
    let mut text = serde_json::to_vec_pretty(lasting)?;
    text.push(b'\n');
    write_whole(folder, &folder.join(LASTING), &text)
}

fn load_lasting(folder: &Utf8Path) -> Result<Lasting, LoadError> {
    let path = folder.join(LASTING);
    match read(folder, &path) {
        Ok(text) => parse(&path, &text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Lasting::default()),
        Err(source) => Err(LoadError::File { path, source }),
    }
}

/// A record, or a part of one, of a version that this program knows.
fn parse<T: DeserializeOwned>(path: &Utf8Path, text: &str) -> Result<T, LoadError> {
    let malformed =
        |error: serde_json::Error| LoadError::Malformed { path: path.to_owned(), why: error.to_string() };
    let Versioned { format_version } = serde_json::from_str(text).map_err(malformed)?;
    if let Some(found) = format_version.filter(|found| is_newer(found, FORMAT_VERSION)) {
        return Err(LoadError::Newer { path: path.to_owned(), found });
    }
    serde_json::from_str(text).map_err(malformed)
}

impl RecordKeeper for FileKeeper {
    fn note(&mut self, entry: &Entry) -> Result<(), KeepError> {
        self.append(entry).map_err(|source| KeepError { path: self.log_path(), source })
    }

    fn keep(&mut self, record: &Record) -> Result<(), KeepError> {
        self.write(record).map_err(|source| KeepError { path: self.path(), source })
    }
}
