//! Completion of command lines: what the program answers, and what the shells make of it.

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
    let mut bash = shell(host, "bash");
    bash.args(["--norc", "-c", COMPLETE, "bash", line]).args(words);
    lines_of(bash)
}

/// A shell in the host's folder, with what makes it ask in `completions` there and the program in its path. `lab/test`
/// installs all of them.
fn shell(host: &Host, name: &str) -> Command {
    host.write("completions", &run(&root(), &["completions", name]).stdout);
    let programs = std::path::Path::new(env!("CARGO_BIN_EXE_subdevcfg")).parent().unwrap();
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
    let mut command = Command::new(name);
    command.env("PATH", path).env("HOME", host.path("")).current_dir(host.path("")).stdin(Stdio::null());
    command
}

/// The lines that a shell prints.
fn lines_of(mut shell: Command) -> Vec<String> {
    let output = shell.output().unwrap_or_else(|error| panic!("{shell:?} is not installed: {error}"));
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && complaints.is_empty(), "{complaints}");
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// Host files that are named as PCI devices are, and a folder.
fn with_files_named_by_address() -> Host {
    let host = Host::new();
    std::fs::create_dir_all(host.path("pci/0000:08")).unwrap();
    host.write("pci/0000:08:00.0.kdl", "");
    host.write("pci/0000:08:00.1.kdl", "");
    host
}

/// With the `COMP_WORDBREAKS` that bash has by itself, what has colons, equals signs or `@` in it is several words. The words
/// are those of a bash 5.2 at a terminal.
#[test]
fn bash_completes_words_that_it_splits() {
    let host = with_files_named_by_address();
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

/// What fish offers for a line.
fn in_fish(host: &Host, line: &str) -> Vec<String> {
    let mut fish = shell(host, "fish");
    fish.args(["--no-config", "-c", "source ./completions; complete --do-complete $argv[1]", line]);
    lines_of(fish)
}

#[test]
fn fish_completes_words_and_says_what_they_are() {
    let host = with_files_named_by_address();
    assert_eq!(in_fish(&host, "subdevcfg ap"), ["apply\tMake the host as its file says"]);
    assert_eq!(in_fish(&host, "subdevcfg apply --allow=traf"), ["--allow=traffic"]);
    assert_eq!(in_fish(&host, "subdevcfg plan pci/0000:08:00.1"), ["pci/0000:08:00.1.kdl"]);
    let all = ["pci/0000:08/", "pci/0000:08:00.0.kdl", "pci/0000:08:00.1.kdl"];
    assert_eq!(in_fish(&host, "subdevcfg plan pci/0000"), all);
    assert_eq!(
        in_fish(&host, "subdevcfg plan --simulate=pci/0000"),
        all.map(|it| format!("--simulate={it}"))
    );
    assert_eq!(in_fish(&host, "subdevcfg plan pci/0000:09"), [""; 0]);
}

/// What becomes of lines at the terminal of a zsh after a tabulator: its completion works at a terminal only.
fn in_zsh(host: &Host, lines: &[&str]) -> Vec<String> {
    const AT_TERMINAL: &str = r#"
        autoload -U compinit
        compinit -u -D
        source ./completions
        tell() { print -r -- "<<$BUFFER>>"; BUFFER= }
        zle -N tell
        bindkey '^T' tell
        print READY
    "#;
    const ASK: &str = r#"
        zmodload zsh/zpty
        zpty terminal zsh -f -i
        zpty -w terminal 'source ./at-terminal'
        zpty -r terminal seen '*READY*'
        for line; do
            zpty -n -w terminal "$line"$'\t\C-T'
            zpty -r terminal seen '*<<*>>*'
            seen=${seen##*<<}
            print -r -- "${seen%%>>*}"
        done
    "#;
    let mut zsh = shell(host, "zsh");
    host.write("at-terminal", AT_TERMINAL);
    zsh.args(["-f", "-c", ASK, "zsh"]).args(lines);
    lines_of(zsh)
}

/// A space follows what is complete.
#[test]
fn zsh_completes_at_its_terminal() {
    let host = with_files_named_by_address();
    let lines = [
        ("subdevcfg ap", "subdevcfg apply "),
        ("subdevcfg apply --allow=traf", "subdevcfg apply --allow=traffic "),
        ("subdevcfg plan pci/0000:08:00.1", "subdevcfg plan pci/0000:08:00.1.kdl "),
        ("subdevcfg plan pci/0000:08:", "subdevcfg plan pci/0000:08:00."),
        ("subdevcfg plan --simulate=pci/0000:08:00.0", "subdevcfg plan --simulate=pci/0000:08:00.0.kdl "),
        ("subdevcfg plan pci/0000:09", "subdevcfg plan pci/0000:09"),
    ];
    assert_eq!(in_zsh(&host, &lines.map(|(begun, _)| begun)), lines.map(|(_, completed)| completed));
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
