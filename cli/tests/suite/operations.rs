//! `docs/operations.md` shows what the program says: its commands are run, in order, on one simulated host.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::run::root;

/// The document with what its commands say now.
fn repeated(document: &str, folder: &Path) -> String {
    let mut text = String::new();
    let mut inside = false;
    for line in document.lines() {
        inside = line == "```console" || (inside && line != "```");
        let command = line.strip_prefix("$ ").filter(|_| inside);
        if !inside || line == "```console" || command.is_some() {
            text += line;
            text.push('\n');
        }
        text += &command.map(|command| said(command, folder)).unwrap_or_default();
    }
    text
}

/// What a line of a shell says on both outputs, in order.
fn said(line: &str, folder: &Path) -> String {
    let programs = Path::new(env!("CARGO_BIN_EXE_subdevcfg")).parent().unwrap().to_str().unwrap();
    let path = format!("{programs}:{}", std::env::var("PATH").unwrap());
    let output = Command::new("sh")
        .args(["-c", &format!("exec 2>&1; {line}")])
        .current_dir(folder)
        .env("PATH", path)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// `INSTA_UPDATE=always` writes it, as it does the snapshots.
#[test]
fn the_commands_of_the_operations_page_say_what_it_shows() {
    let path = root().join("docs/operations.md");
    let document = std::fs::read_to_string(&path).unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(root().join("examples"), folder.path().join("examples")).unwrap();
    let now = repeated(&document, folder.path());
    if std::env::var("INSTA_UPDATE").is_ok_and(|update| update == "always") {
        std::fs::write(&path, &now).unwrap();
        return;
    }
    // Commands that are not found in the document would be no test of it.
    assert!(now.matches("\n$ subdevcfg ").count() >= 8);
    for (shown, said) in document.lines().zip(now.lines()) {
        assert_eq!(shown, said, "docs/operations.md shows the first, the program says the second");
    }
    assert_eq!(document, now);
}
