//! Marks on disk: files that say all that they say by being there.

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;

use camino::{Utf8Path, Utf8PathBuf};

use super::files::{check_folder, make_folder};

/// A folder of marks.
#[derive(Debug)]
pub struct FileMarks {
    folder: Utf8PathBuf,
}

impl FileMarks {
    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Utf8Path {
        &self.folder
    }

    /// Keeps marks in this folder.
    pub fn new(folder: impl Into<Utf8PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// Has these marks in the folder, and no others.
    ///
    /// # Errors
    /// A file cannot be made or removed, or the folder is none.
    pub fn keep(&self, marks: &BTreeSet<String>) -> io::Result<()> {
        let there = match list(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && marks.is_empty() => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => BTreeSet::new(),
            there => there?,
        };
        self.folder.parent().map_or(Ok(()), make_folder)?;
        make_folder(&self.folder)?;
        for new in marks.difference(&there) {
            OpenOptions::new().write(true).create_new(true).mode(0o644).open(self.folder.join(new))?;
        }
        for old in there.difference(marks) {
            fs::remove_file(self.folder.join(old))?;
        }
        Ok(())
    }
}

fn list(folder: &Utf8Path) -> io::Result<BTreeSet<String>> {
    check_folder(folder)?;
    folder.read_dir_utf8()?.map(|entry| Ok(entry?.file_name().to_owned())).collect()
}
