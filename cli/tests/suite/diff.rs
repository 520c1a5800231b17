//! What tells two hosts apart.

use crate::run::{Host, example, host_with, snapshot};

/// A host with a file, the state it led to, and another file.
fn hosts() -> Host {
    let host = Host::new();
    host.apply(&example("quickstart.kdl"));
    host.write("old.kdl", &example("quickstart.kdl"));
    host.write("state.json", &host.run(&["state", "--format", "json"]).stdout);
    let new = example("quickstart.kdl").replace("queues 4", "queues 8").replace("sf 88", "sf 95");
    host.write("new.kdl", &new);
    host
}

#[test]
fn two_files_two_states_and_one_of_each_are_compared() {
    let host = hosts();
    let files = host.run_without_host(&["diff", "old.kdl", "new.kdl"]);
    assert_eq!(files.code, 2);
    snapshot("cli", "diff-files", &files.all());
    // What a file leaves open is no difference to a state.
    let none = host.run_without_host(&["diff", "old.kdl", "state.json"]);
    assert_eq!((none.code, none.stdout.as_str()), (0, "No difference.\n"), "{}", none.all());
    let one = host.run_without_host(&["diff", "state.json", "new.kdl"]);
    assert_eq!(one.code, 2);
    snapshot("cli", "diff-state-and-file", &one.all());
    host.apply(&host_with("subdevice a { sf 1; }"));
    host.write("later.json", &host.run(&["state", "--format", "json"]).stdout);
    let states = host.run_without_host(&["diff", "state.json", "later.json", "--format", "json"]);
    assert_eq!(states.code, 2);
    let found: serde_json::Value = serde_json::from_str(&states.stdout).unwrap();
    let mentioned = |text: &str| {
        found.as_array().unwrap().iter().any(|it| it["address"].as_str().unwrap().contains(text))
    };
    assert!(mentioned("sf 1") && mentioned("sf 88"), "{found:#}");
}

#[test]
fn what_cannot_be_read_is_an_error() {
    let host = hosts();
    host.write("broken.json", "{");
    for arguments in [["diff", "missing.kdl", "old.kdl"], ["diff", "old.kdl", "broken.json"]] {
        let run = host.run_without_host(&arguments);
        assert_eq!(run.code, 1, "{}", run.all());
    }
}
