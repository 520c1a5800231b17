//! The tool used wrongly: each message says where, and what to do next.

use crate::run::{Host, example, host_with, snapshot};

#[test]
fn a_file_that_is_not_there() {
    let host = Host::new();
    snapshot("cli", "no-such-file", &host.run(&["plan", "hosst.kdl"]).all());
}

#[test]
fn a_simulated_host_that_is_none() {
    let host = Host::new();
    host.write("host.kdl", &example("quickstart.kdl"));
    host.write("host.json", "{\"format\": \"subdevcfg-simulated-host/9\"}");
    snapshot("cli", "no-simulated-host", &host.run(&["plan", "host.kdl"]).all());
    host.write("host.json", "{\"for");
    assert_eq!(host.run(&["apply", "host.kdl", "--yes"]).code, 1);
    assert_eq!(std::fs::read_to_string(host.path("host.json")).unwrap(), "{\"for");
}

#[test]
fn nobody_to_ask() {
    let host = Host::new();
    host.write("host.kdl", &example("quickstart.kdl"));
    let run = host.run(&["apply", "host.kdl"]);
    assert_eq!(run.code, 3);
    assert!(run.stderr.contains("--yes answers the question beforehand"), "{}", run.all());
    assert!(!host.path("host.json").exists());
}

#[test]
fn a_level_that_is_none() {
    let host = Host::new();
    let run = host.run(&["apply", "--allow", "everything"]);
    assert_eq!(run.code, 64);
    snapshot("cli", "unknown-level", &run.all());
}

#[test]
fn a_state_of_another_version() {
    let host = Host::new();
    host.write("host.kdl", &example("quickstart.kdl"));
    host.write("state.json", "{\"format_version\": \"7.0\", \"parents\": {}}");
    let run = crate::run::run(host.path("").as_path(), &["plan", "host.kdl", "--state", "state.json"]);
    assert_eq!(run.code, 1);
    assert!(run.stderr.contains("it has version 7.0, this program reads 1.0"), "{}", run.all());
}

#[test]
fn a_recorded_state_is_planned_like_the_host_it_is_of() {
    let host = Host::new();
    host.apply(&example("quickstart.kdl"));
    host.write("state.json", &host.run(&["state", "--format", "json"]).stdout);
    let arguments = ["plan", "host.kdl", "--state", "state.json", "--detailed-exitcode"];
    let run = crate::run::run(host.path("").as_path(), &arguments);
    assert_eq!(run.code, 0, "{}", run.all());
}

#[test]
fn a_file_for_another_host_is_refused_here() {
    let host = Host::new();
    host.write("host.kdl", "subdevcfg version=1\nhost surely-not-this-machine\n");
    let run = crate::run::run(host.path("").as_path(), &["plan", "host.kdl"]);
    assert_eq!(run.code, 3, "{}", run.all());
    assert!(
        run.stderr.contains("is for host `surely-not-this-machine`, and this machine is `"),
        "{}",
        run.all()
    );
}

#[test]
fn nobody_to_ask_is_told_to_a_program_too() {
    let host = Host::new();
    host.write("host.kdl", &example("legacy.kdl"));
    let run = host.run(&["apply", "host.kdl", "--format", "json"]);
    let report: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(
        (run.code, report["ending"].as_str(), &report["needs"][0]),
        (3, Some("refused"), &"--yes".into())
    );
}

#[test]
fn a_command_to_copy_is_one_that_a_shell_takes() {
    let host = Host::new();
    host.write("my host.kdl", &example("legacy.kdl"));
    let run = host.run(&["plan", "my host.kdl"]);
    assert!(run.stdout.contains("subdevcfg apply 'my host.kdl' --simulate host.json\n"), "{}", run.all());
}

#[test]
fn a_program_is_told_the_cause_of_a_parent_wide_impact() {
    let host = Host::new();
    host.apply(&host_with("subdevice a { sf 1; }"));
    let plan = host.plan_json(&host_with("param max_queues 8 cmode=driverinit; subdevice a { sf 1; }"));
    let operations = plan["operations"].as_array().unwrap();
    assert!(operations.iter().any(|operation| operation["cause"] == "parent-reload"), "{operations:#?}");
}

#[test]
fn a_file_that_is_not_in_the_form_is_a_difference() {
    let host = Host::new();
    host.write("host.kdl", "subdevcfg   version=1\nhost a\n");
    let check = |folder: &Host| crate::run::run(&folder.path(""), &["fmt", "--check", "host.kdl"]).code;
    assert_eq!(check(&host), 2);
    assert_eq!(crate::run::run(&host.path(""), &["fmt", "host.kdl"]).code, 0);
    assert_eq!(check(&host), 0);
    host.write("host.kdl", "host {\n");
    assert_eq!(check(&host), 1);
}
