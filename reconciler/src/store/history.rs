//! The history on disk: a file for each apply, in a folder that outlives the boot.

use std::collections::BTreeMap;
use std::fs;
use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use serde::Deserialize;

use super::files::{check_folder, is_newer, make_folder, read, write_whole};
use crate::apply::KeepError;
use crate::history::{FORMAT_VERSION, HistoryError, HistoryKeeper, Past, REMEMBERED};

/// Keeps the history in a folder, a file for each apply. While that cannot be written, as early at boot, another one
/// takes its place, and what is in it is brought home later.
#[derive(Debug)]
pub struct FileHistory {
    folder: Utf8PathBuf,
    meanwhile: Utf8PathBuf,
}

impl FileHistory {
    /// Keeps the history in `folder`, and in `meanwhile` as long as that cannot be written.
    pub fn new(folder: impl Into<Utf8PathBuf>, meanwhile: impl Into<Utf8PathBuf>) -> Self {
        Self { folder: folder.into(), meanwhile: meanwhile.into() }
    }

    /// The files by their numbers, the oldest first.
    fn files(&self) -> Result<BTreeMap<u64, Utf8PathBuf>, HistoryError> {
        let mut all = BTreeMap::new();
        // What lies elsewhere was written last: it is brought home as soon as that can be.
        for folder in [&self.folder, &self.meanwhile] {
            let failed = |source| HistoryError::File { path: folder.clone(), source };
            match list(folder) {
                Ok(files) => all.extend(files),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(failed(error)),
            }
        }
        Ok(all)
    }

    fn write(&self, past: &Past) -> io::Result<Utf8PathBuf> {
        let mut text = serde_json::to_vec(past)?;
        text.push(b'\n');
        let written = write_into(&self.folder, past.number, &text);
        match written {
            Err(_) => write_into(&self.meanwhile, past.number, &text),
            written => {
                // What is at home now need not lie elsewhere as well.
                let _ = fs::remove_file(file(&self.meanwhile, past.number));
                written
            }
        }
    }

    /// Brings home what was written while the folder could not be; what stays behind is found there next time.
    fn bring_home(&self) {
        for (number, path) in list(&self.meanwhile).unwrap_or_default() {
            let Ok(text) = read(&self.meanwhile, &path) else { continue };
            if write_into(&self.folder, number, text.as_bytes()).is_ok() {
                let _ = fs::remove_file(path);
            }
        }
    }

    fn forget_the_oldest(&self) {
        let files = self.files().unwrap_or_default();
        for path in files.values().rev().skip(REMEMBERED) {
            // One more that is remembered does no harm.
            let _ = fs::remove_file(path);
        }
    }
}

impl HistoryKeeper for FileHistory {
    fn history(&self) -> Result<Vec<Past>, HistoryError> {
        self.files()?.values().map(|path| load(path)).collect()
    }

    fn last(&self) -> Result<Option<Past>, HistoryError> {
        self.files()?.last_key_value().map(|(_, path)| load(path)).transpose()
    }

    fn next_number(&self) -> Result<u64, HistoryError> {
        Ok(self.files()?.last_key_value().map_or(1, |(number, _)| number + 1))
    }

    fn remember(&mut self, past: &Past) -> Result<(), KeepError> {
        self.write(past).map_err(|source| KeepError { path: file(&self.folder, past.number), source })?;
        self.bring_home();
        self.forget_the_oldest();
        Ok(())
    }

    fn take_back(&mut self, number: u64) -> Result<(), KeepError> {
        for path in [&self.folder, &self.meanwhile].map(|folder| file(folder, number)) {
            match fs::remove_file(&path) {
                Err(source) if source.kind() != io::ErrorKind::NotFound => {
                    return Err(KeepError { path, source });
                }
                _ => {}
            }
        }
        Ok(())
    }
}

fn file(folder: &Utf8Path, number: u64) -> Utf8PathBuf {
    folder.join(format!("{number:06}.json"))
}

/// The files of a folder by their numbers; what has another name is not ours.
fn list(folder: &Utf8Path) -> io::Result<Vec<(u64, Utf8PathBuf)>> {
    check_folder(folder)?;
    let mut found = Vec::new();
    for entry in folder.read_dir_utf8()? {
        let path = entry?.into_path();
        let number = path.file_name().and_then(|name| name.strip_suffix(".json")?.parse().ok());
        found.extend(number.map(|number| (number, path)));
    }
    Ok(found)
}

fn write_into(folder: &Utf8Path, number: u64, text: &[u8]) -> io::Result<Utf8PathBuf> {
    if let Some(outer) = folder.parent() {
        make_folder(outer)?;
    }
    make_folder(folder)?;
    let path = file(folder, number);
    write_whole(folder, &path, text)?;
    Ok(path)
}

/// What is read before the rest, which a later version may have in another form.
#[derive(Deserialize)]
struct Version {
    #[serde(default)]
    format_version: String,
}

fn load(path: &Utf8Path) -> Result<Past, HistoryError> {
    let folder = path.parent().unwrap_or(Utf8Path::new("."));
    let text = read(folder, path).map_err(|source| HistoryError::File { path: path.to_owned(), source })?;
    let malformed =
        |error: serde_json::Error| HistoryError::Malformed { path: path.to_owned(), why: error.to_string() };
    let Version { format_version } = serde_json::from_str(&text).map_err(malformed)?;
    if is_newer(&format_version, FORMAT_VERSION) {
        return Err(HistoryError::Newer { path: path.to_owned(), found: format_version });
    }
    serde_json::from_str(&text).map_err(malformed)
}
