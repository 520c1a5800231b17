//! Manual pages, made from the definitions of the command line.

use std::process::Command;

use crate::run::{Host, root, run};

#[test]
fn every_command_has_a_page() {
    let host = Host::new();
    let folder = host.path("man");
    let made = run(&root(), &["man", "--into", folder.to_str().unwrap()]);
    assert_eq!((made.code, made.stderr.as_str()), (0, ""));
    for command in ["plan", "apply", "destroy", "check", "state", "explain"] {
        let page = std::fs::read_to_string(folder.join(format!("subdevcfg-{command}.1"))).unwrap();
        assert!(page.contains(".TH ") && page.contains("subdevcfg"), "{page}");
        let printed = run(&root(), &["man", command]);
        assert!(printed.code == 0 && printed.stdout.contains(".TH "), "{}", printed.all());
    }
    assert!(run(&root(), &["man"]).stdout.contains("Exit codes"));
    let unknown = run(&root(), &["man", "aply"]);
    assert!(unknown.code == 1 && unknown.stderr.contains("apply"), "{}", unknown.all());
}

#[test]
fn the_version_says_which_program_it_is() {
    let run = run(&root(), &["--version"]);
    assert_eq!(run.code, 0);
    for word in ["subdevcfg 0.", "mlx5_core", "state 1."] {
        assert!(run.stdout.contains(word), "{word}: {}", run.stdout);
    }
    // One of this repository, unless it was built from an archive. Which one, changes under a test that runs.
    let commit = run.stdout.split("(commit ").nth(1).and_then(|rest| rest.split(')').next()).unwrap();
    let known = Command::new("git").args(["cat-file", "-e", commit]).current_dir(root()).status();
    assert!(commit == "unknown" || known.unwrap().success(), "{}", run.stdout);
}
