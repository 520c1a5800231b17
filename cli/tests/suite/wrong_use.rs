//! The tool used wrongly: each message says where, and what to do next.

use crate::run::{Host, example, snapshot};

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
