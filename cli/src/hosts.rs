//! Which host files a check is of: files as they are named, directories with all that is in them.

use std::collections::BTreeSet;

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};
use subdevcfg_compiler::fleet::{self, FileKind};
use walkdir::WalkDir;

use crate::error::CliError;

/// The files of a check, each once.
#[derive(Debug, Default)]
pub struct Selection {
    /// Files of hosts, in the order of their paths.
    pub hosts: BTreeSet<Utf8PathBuf>,
    /// Files of the language in the directories that are of no host, with their texts.
    pub fragments: Vec<(Utf8PathBuf, String)>,
}

impl Selection {
    /// What the paths stand for. A file that is named is a host's, whatever is in it; in a directory it depends on what a
    /// `.kdl` file says. Hidden directories are left out.
    pub fn of(paths: &[Utf8PathBuf]) -> Result<Self, CliError> {
        let mut selection = Self::default();
        for path in paths {
            if !path.is_dir() {
                selection.hosts.insert(plain(path));
                continue;
            }
            let hidden = |name: &std::ffi::OsStr| name.as_encoded_bytes().starts_with(b".");
            let walk = WalkDir::new(path).sort_by_file_name().into_iter();
            for entry in walk.filter_entry(|entry| entry.depth() == 0 || !hidden(entry.file_name())) {
                let entry = entry.map_err(|error| unreadable(path, error.into()))?;
                let Some(file) =
                    Utf8Path::from_path(entry.path()).filter(|file| file.extension() == Some("kdl"))
                else {
                    continue;
                };
                if entry.file_type().is_dir() {
                    continue;
                }
                // What cannot be read is a host's, so that its compilation says why.
                let text = std::fs::read_to_string(file);
                match text.as_deref().map(fleet::kind) {
                    Ok(FileKind::Host) | Err(_) => _ = selection.hosts.insert(plain(file)),
                    Ok(FileKind::Fragment) => {
                        selection.fragments.push((plain(file), text.unwrap_or_default()));
                    }
                    Ok(FileKind::Other) => {}
                }
            }
        }
        selection.fragments.sort();
        selection.fragments.dedup();
        Ok(selection)
    }
}

/// The path without `.`, as includes name it.
fn plain(path: &Utf8Path) -> Utf8PathBuf {
    path.components().filter(|part| *part != Utf8Component::CurDir).collect()
}

fn unreadable(path: &Utf8Path, source: std::io::Error) -> CliError {
    CliError::Unreadable { path: path.to_owned(), help: "may you read all that is in it?", source }
}
