//! Manual pages and completions, made from the definitions of the command line.

use std::process::{Command, Stdio};

use crate::run::{Host, root, run};

/// What the program answers a shell that completes the last of these words.
fn completed(shell: &str, words: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_subdevcfg"))
        .env("SUBDEVCFG_COMPLETE", shell)
        .env("_CLAP_COMPLETE_INDEX", (words.len() - 1).to_string())
        .env("_CLAP_IFS", "\n")
        .arg("--")
        .args(words)
        .output()
        .unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn every_shell_is_answered_when_it_asks() {
    for shell in ["bash", "zsh", "fish"] {
        let made = run(&root(), &["completions", shell]);
        assert_eq!((made.code, made.stderr.as_str()), (0, ""));
        assert!(made.stdout.contains("SUBDEVCFG_COMPLETE"), "{}", made.stdout);
        let commands = completed(shell, &["subdevcfg", "ap"]);
        assert!(commands.contains("apply") && !commands.contains("destroy"), "{shell}: {commands}");
        let options = completed(shell, &["subdevcfg", "apply", "--on-e"]);
        assert!(options.contains("--on-error"), "{shell}: {options}");
        let levels = completed(shell, &["subdevcfg", "apply", "--allow", "subdevice-re"]);
        assert!(levels.contains("subdevice-replace") && levels.contains("subdevice-restart"), "{levels}");
        assert!(!levels.contains("traffic"), "{levels}");
    }
    let host = Host::new();
    host.write("completions", &run(&root(), &["completions", "bash"]).stdout);
    let mut bash = Command::new("bash");
    let read = bash.arg("-n").arg(host.path("completions")).stdin(Stdio::null()).output().unwrap();
    assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
}

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
