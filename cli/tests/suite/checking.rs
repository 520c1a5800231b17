//! `check` of directories: what is across files, what a change does, and the forms that CI systems take.

use serde_json::Value;

use crate::run::{Host, Run, run, snapshot};

const GOOD: &str = "subdevcfg version=1\nhost node-1\ninclude \"../profiles/edge.kdl\" nic=\"subdev/nic0\"\n";
const PROFILE: &str = "subdevcfg version=1\nparameter nic\ndevice $nic {\n    create max-subdevices=8\n    eswitch mode=switchdev\n    subdevice web {\n        sf 1\n        function mac=auto\n    }\n}\n";

/// A repository with a host that is as it should be.
pub fn repository() -> Host {
    let host = Host::new();
    for folder in ["hosts", "profiles", "base/hosts", "base/profiles"] {
        std::fs::create_dir_all(host.path(folder)).unwrap();
    }
    host.write("hosts/node-1.kdl", GOOD);
    host.write("profiles/edge.kdl", PROFILE);
    host
}

pub fn check(host: &Host, arguments: &[&str]) -> Run {
    run(host.path("").as_path(), &[&["check"], arguments].concat())
}

fn json(host: &Host, arguments: &[&str]) -> Value {
    let run = check(host, arguments);
    serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}: {}", run.all()))
}

/// Five kinds of mistakes, in hosts that each on its own has but one of them.
pub fn broken() -> Host {
    let host = repository();
    let text = |name: &str, mac: &str| {
        format!(
            "subdevcfg version=1\nhost {name}\ndevice \"subdev/nic0\" {{\n    subdevice a {{\n        sf 1\n        function mac=\"{mac}\"\n    }}\n}}\n"
        )
    };
    host.write("hosts/node-2.kdl", &text("node-2", "02:00:00:00:00:01"));
    host.write("hosts/node-3.kdl", &text("node-3", "02:00:00:00:00:01"));
    host.write("hosts/node-4.kdl", &text("node-2", "02:00:00:00:00:04"));
    host.write("hosts/node-5.kdl", &text("node-5", "02:00:00:00:00"));
    host.write("hosts/other.kdl", "layout { pane; }\n");
    host
}

#[test]
fn a_directory_is_all_hosts_in_it_and_nothing_else() {
    let host = repository();
    host.write("hosts/other.kdl", "layout { pane; }\n");
    let run = check(&host, &["hosts", "profiles", "./hosts/node-1.kdl"]);
    assert_eq!((run.code, run.stdout.as_str()), (0, "1 host file: no errors\n"), "{}", run.all());
}

#[test]
fn mistakes_across_hosts() {
    let host = broken();
    let run = check(&host, &["hosts"]);
    assert_eq!(run.code, 1);
    snapshot("cli", "check-across-hosts", &run.all());
}

#[test]
fn a_forgotten_fragment_is_a_warning_unless_warnings_are_denied() {
    let host = repository();
    host.write("profiles/old.kdl", "subdevcfg version=1\nlet mtu=9000\n");
    let found = json(&host, &[".", "--format", "json"]);
    assert_eq!((&found["errors"], &found["warnings"]), (&0.into(), &1.into()), "{found:#}");
    assert_eq!(found["diagnostics"][0]["code"], "E0704");
    assert_eq!(check(&host, &["."]).code, 0);
    assert_eq!(check(&host, &[".", "--deny", "warnings"]).code, 1);
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let host = broken();
    let one = check(&host, &["hosts", "--jobs", "1"]).all();
    for jobs in ["2", "7"] {
        assert_eq!(check(&host, &["hosts", "--jobs", jobs]).all(), one);
    }
}

/// A change of a profile, a host that is new and one whose file is removed.
pub fn changed() -> Host {
    let host = repository();
    host.write("base/hosts/node-1.kdl", GOOD);
    host.write("base/hosts/node-9.kdl", &GOOD.replace("node-1", "node-9"));
    host.write("base/profiles/edge.kdl", &PROFILE.replace("sf 1", "sf 2"));
    host.write("hosts/node-2.kdl", &GOOD.replace("node-1", "node-2"));
    host
}

#[test]
fn what_a_change_does_to_each_host() {
    let host = changed();
    let run = check(&host, &["hosts", "--base", "base"]);
    assert_eq!(run.code, 0);
    snapshot("cli", "check-base", &run.all());
    snapshot(
        "cli",
        "check-base-markdown",
        &check(&host, &["hosts", "--base", "base", "--format", "markdown"]).stdout,
    );
}

#[test]
fn a_derived_number_that_a_change_moves_is_an_error() {
    let host = repository();
    let text = |from: u32| {
        format!(
            "subdevcfg version=1\nhost node-1\ndevice \"subdev/nic0\" {{\n    sf-numbers from={from} to=299\n    subdevice a {{ sf; }}\n}}\n"
        )
    };
    host.write("hosts/node-1.kdl", &text(200));
    host.write("base/hosts/node-1.kdl", &text(100));
    let run = check(&host, &["hosts", "--base", "base"]);
    assert_eq!(run.code, 1);
    assert!(run.stdout.contains("E0705"), "{}", run.all());
}

#[test]
fn the_forms_of_ci_systems() {
    let host = broken();
    for form in ["github", "gitlab", "junit", "markdown", "sarif"] {
        let run = check(&host, &["hosts", "--format", form]);
        assert_eq!(run.code, 1, "{form}");
        snapshot("cli", &format!("check-{form}"), &run.stdout);
    }
}

/// A repository with a host of that many nodes that the language does not have.
fn nonsense(count: usize) -> Host {
    let host = repository();
    let wrong: Vec<String> = (0..count).map(|number| format!("    nonsense{number}\n")).collect();
    let wrong = wrong.concat();
    host.write(
        "hosts/node-1.kdl",
        &format!("subdevcfg version=1\nhost node-1\ndevice \"subdev/nic0\" {{\n{wrong}}}\n"),
    );
    host
}

#[test]
fn github_shows_ten_annotations_of_a_level_and_the_rest_is_not_lost() {
    let host = nonsense(25);
    let text = check(&host, &["hosts", "--format", "github"]).stdout;
    assert_eq!(text.lines().filter(|line| line.starts_with("::error ")).count(), 10, "{text}");
    assert_eq!(text.matches("[E0201]").count(), 15, "{text}");
}

#[test]
fn a_comment_fits_whatever_is_found() {
    let host = nonsense(3000);
    let text = check(&host, &["hosts", "--format", "markdown"]).stdout;
    assert!(text.chars().count() <= 65_535, "{}", text.chars().count());
    assert!(
        text.starts_with("### subdevcfg check: failed") && text.contains(" more; the whole list"),
        "{}",
        &text[..200]
    );
}

#[test]
fn a_directory_that_is_not_there() {
    let host = repository();
    let run = check(&host, &["hosst"]);
    assert_eq!(run.code, 1);
    assert!(run.stdout.contains("E0101"), "{}", run.all());
}

/// A mistake in a profile is one mistake, however many hosts include it.
#[test]
fn what_is_wrong_in_a_profile_is_said_once() {
    let host = repository();
    host.write("profiles/edge.kdl", &PROFILE.replace("mac=auto", "mac=\"02:00\""));
    for number in 2..5 {
        host.write(&format!("hosts/node-{number}.kdl"), &GOOD.replace("node-1", &format!("node-{number}")));
    }
    let found = json(&host, &["hosts", "--format", "json"]);
    assert_eq!(
        (&found["errors"], &found["diagnostics"][0]["more_hosts"]),
        (&1.into(), &3.into()),
        "{found:#}"
    );
    let run = check(&host, &["hosts"]);
    assert!(run.stdout.contains("The same in 3 more hosts.\n"), "{}", run.all());
}
