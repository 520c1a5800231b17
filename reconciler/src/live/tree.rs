//! An invented sysfs for the tests of this room: a folder with the files that a test puts there.

use std::fs;

use camino::Utf8PathBuf;
use tempfile::TempDir;

use super::sysfs::Sysfs;

/// The folder, as long as it lives.
pub(super) struct Tree {
    folder: TempDir,
    pub(super) root: Utf8PathBuf,
}

impl Tree {
    /// Nothing in it.
    pub(super) fn empty() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = Utf8PathBuf::from_path_buf(folder.path().to_owned()).unwrap();
        Self { folder, root }
    }

    pub(super) fn file(&self, path: &str, text: &str) {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub(super) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.root.join(path)).unwrap()
    }

    pub(super) fn sysfs(&self) -> Sysfs {
        assert!(self.folder.path().exists());
        Sysfs::new(&self.root)
    }
}
