//! Files that are written whole or not at all, in folders that are no links.
#![expect(clippy::disallowed_types, reason = "this is the room of the store's files")]

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};

use camino::Utf8Path;
use nix::fcntl::OFlag;

/// Whether a file of this version is of a later program than one that knows that: the major number tells.
pub(super) fn is_newer(found: &str, known: &str) -> bool {
    let major = |version: &str| version.split('.').next().and_then(|major| major.parse::<u32>().ok());
    major(found) > major(known)
}

/// The text of a file in a folder.
pub(super) fn read(folder: &Utf8Path, path: &Utf8Path) -> io::Result<String> {
    check_folder(folder)?;
    let mut text = String::new();
    let options = OpenOptions::new().read(true).custom_flags(OFlag::O_NOFOLLOW.bits()).clone();
    options.open(path)?.read_to_string(&mut text)?;
    Ok(text)
}

/// Puts a file in its place whole, so that it is on the disk afterwards.
pub(super) fn write_whole(folder: &Utf8Path, path: &Utf8Path, text: &[u8]) -> io::Result<()> {
    let mut file = tempfile::Builder::new().prefix(".record.").tempfile_in(folder)?;
    file.write_all(text)?;
    file.as_file().set_permissions(Permissions::from_mode(0o644))?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    // The new name is on disk only when the folder is.
    File::open(folder)?.sync_all()
}

/// A link in the folder's place could lead anywhere.
pub(super) fn check_folder(folder: &Utf8Path) -> io::Result<()> {
    if fs::symlink_metadata(folder)?.is_dir() {
        return Ok(());
    }
    Err(io::Error::new(io::ErrorKind::NotADirectory, format!("{folder} is a link or a file, and no folder")))
}

/// Makes a folder, unless it is there.
pub(super) fn make_folder(folder: &Utf8Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o755).create(folder) {
        // The mode at creation is cut by the umask.
        Ok(()) => fs::set_permissions(folder, Permissions::from_mode(0o755)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => check_folder(folder),
        Err(error) => Err(error),
    }
}
