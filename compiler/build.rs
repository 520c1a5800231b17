//! Lists the driver catalogues of `schemas/drivers/`, so that adding one is adding a file.

use std::env;
use std::error::Error;
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    let drivers = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("../schemas/drivers");
    let mut files: Vec<PathBuf> = Vec::new();
    // What stands first is found first: what was written by hand.
    for folder in [drivers.clone(), drivers.join("generated")] {
        println!("cargo::rerun-if-changed={}", folder.display());
        let mut found = Vec::new();
        for entry in fs::read_dir(&folder)? {
            found.push(entry?.path());
        }
        found.retain(|path| path.extension().is_some_and(|extension| extension == "kdl"));
        found.sort();
        files.append(&mut found);
    }
    let mut list = String::from("&[\n");
    for file in files {
        let file = file.canonicalize()?;
        let name = file.file_name().and_then(OsStr::to_str).ok_or("a catalogue whose name is not UTF-8")?;
        let path = file.to_str().ok_or("a folder whose name is not UTF-8")?;
        writeln!(list, "    ({name:?}, include_str!({path:?})),")?;
    }
    list.push(']');
    fs::write(Path::new(&env::var("OUT_DIR")?).join("catalogues.rs"), list)?;
    Ok(())
}
