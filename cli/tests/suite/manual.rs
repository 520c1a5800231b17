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
        .args((shell == "bash").then(|| words.join(" ")))
        .args(words)
        .current_dir(root())
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
}

/// What bash puts in the place of its last word, of a line that it has split into these words. It calls the function that
/// it was told to, in the host's folder.
fn in_bash(host: &Host, line: &str, words: &[&str]) -> Vec<String> {
    const COMPLETE: &str = r#"
        . ./completions || exit
        COMP_LINE=$1 COMP_POINT=${#1} COMP_WORDS=("${@:2}") COMP_CWORD=$(($# - 2))
        registered=$(complete -p subdevcfg) && registered=${registered##*-F }
        "${registered%% *}" subdevcfg "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
        printf '%s\n' "${COMPREPLY[@]}"
    "#;
    host.write("completions", &run(&root(), &["completions", "bash"]).stdout);
    let programs = std::path::Path::new(env!("CARGO_BIN_EXE_subdevcfg")).parent().unwrap();
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
    let output = Command::new("bash")
        .args(["--norc", "-c", COMPLETE, "bash", line])
        .args(words)
        .env("PATH", path)
        .current_dir(host.path(""))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(
        output.status.success() && output.stderr.is_empty(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// With the `COMP_WORDBREAKS` that bash has by itself, what has colons, equals signs or `@` in it is several words. The words
/// are those of a bash 5.2 at a terminal.
#[test]
fn bash_completes_words_that_it_splits() {
    let host = Host::new();
    std::fs::create_dir_all(host.path("pci/0000:08")).unwrap();
    host.write("pci/0000:08:00.0.kdl", "");
    host.write("pci/0000:08:00.1.kdl", "");
    let split = ["subdevcfg", "plan", "pci/0000", ":", "08", ":", "00.1"];
    assert_eq!(in_bash(&host, "subdevcfg plan pci/00", &["subdevcfg", "plan", "pci/00"]).len(), 3);
    assert_eq!(in_bash(&host, "subdevcfg plan pci/0000:08:00.1", &split), ["00.1.kdl"]);
    let both = in_bash(&host, "subdevcfg plan pci/0000:08:", &split[..6]);
    assert_eq!(both, ["00.0.kdl", "00.1.kdl"]);
    assert_eq!(
        in_bash(&host, "subdevcfg plan pci/0000:0", &split[..5]),
        ["08/", "08:00.0.kdl", "08:00.1.kdl"]
    );
    let quoted =
        in_bash(&host, "subdevcfg plan 'pci/0000:08:00.1", &["subdevcfg", "plan", "'pci/0000:08:00.1"]);
    assert_eq!(quoted, ["pci/0000:08:00.1.kdl"]);
    let option = ["subdevcfg", "plan", "--simulate", "=", "pci/0000", ":", "08", ":", "00.1"];
    assert_eq!(in_bash(&host, "subdevcfg plan --simulate=pci/0000:08:00.1", &option), ["00.1.kdl"]);
    // An option of its own after a word that is complete, and none for a level that is none.
    let next = ["subdevcfg", "plan", "a", ":", "b", "--simul"];
    assert_eq!(in_bash(&host, "subdevcfg plan a:b --simul", &next), ["--simulate"]);
    let level = ["subdevcfg", "apply", "--allow", "=", "traf"];
    assert_eq!(in_bash(&host, "subdevcfg apply --allow=traf", &level), ["traffic"]);
    let nothing = ["subdevcfg", "plan", "pci/0000", ":", "09"];
    assert_eq!(in_bash(&host, "subdevcfg plan pci/0000:09", &nothing), [""]);
}

/// Where a file is named, files are completed.
#[test]
fn files_are_completed_in_every_shell() {
    for shell in ["bash", "zsh", "fish"] {
        let files = completed(shell, &["subdevcfg", "plan", "examples/quick"]);
        assert!(files.contains("examples/quickstart.kdl"), "{shell}: {files}");
        let files = completed(shell, &["subdevcfg", "plan", "--simulate", "examples/quick"]);
        assert!(files.contains("examples/quickstart.kdl"), "{shell}: {files}");
    }
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
