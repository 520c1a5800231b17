//! What was done before: the history, `undo`, `confirm`, `forget`.

use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::run::{Host, example, host_with, snapshot};

/// One subdevice is there, and was changed, in two applies.
fn host_with_a_past() -> Host {
    let host = Host::new();
    host.apply(&host_with("subdevice a { sf 1; representor a_r mtu=1400 up=#true; }"));
    host.apply(&host_with(
        "subdevice a { sf 1; representor a_r mtu=1300 up=#true; }; subdevice b { sf 2; rate tx-max=\"1Gbit\"; }",
    ));
    host
}

/// What is recorded, but for which run was the last.
fn record_of(host: &Host) -> serde_json::Value {
    let mut record = host.simulated()["record"].clone();
    record.as_object_mut().unwrap().shift_remove("last");
    record
}

#[test]
fn the_last_apply_is_undone_and_the_record_is_as_before() {
    let host = Host::new();
    host.apply(&host_with("subdevice a { sf 1; representor a_r mtu=1400 up=#true; }"));
    let (config, record) = (host.config(), record_of(&host));
    let host_text = "subdevice a { sf 1; representor a_r mtu=1300 up=#true; }; subdevice b { sf 2; }";
    host.apply(&host_with(host_text));
    let refused = host.run(&["undo", "--yes"]);
    assert_eq!(refused.code, 3);
    snapshot("cli", "undo-refused", &refused.all());
    let undone = host.run(&["undo", "--yes", "--allow", "subdevice-delete"]);
    assert_eq!(undone.code, 0, "{}", undone.all());
    assert_eq!(host.config(), config);
    assert_eq!(record_of(&host), record);
    // An undo of the undo is what was undone.
    let again = host.run(&["undo", "--yes"]);
    assert_eq!(again.code, 0, "{}", again.all());
    assert!(host.plan(&host_with(host_text)).stdout.contains("Nothing to do"));
}

#[test]
fn what_somebody_else_did_since_is_left_alone_by_an_undo() {
    let host = host_with_a_past();
    host.edit(|host| {
        host["parents"]["nic0"]["functions"][0]["representor"]["up"] = false.into();
    });
    let undone = host.run(&["undo", "--yes", "--allow", "subdevice-delete"]);
    assert_eq!(undone.code, 0, "{}", undone.all());
    let functions = &host.config()["parents"]["subdev/nic0"]["functions"];
    assert_eq!(functions.as_array().unwrap().len(), 1);
    assert_eq!(functions[0]["representor"]["mtu"], 1400);
    assert_eq!(functions[0]["representor"]["up"], false);
}

#[test]
fn a_destroy_can_be_undone() {
    let host = Host::new();
    host.apply(&example("quickstart.kdl"));
    let before = host.config();
    let done = host.run(&["destroy", "--yes", "--allow", "parent-wide"]);
    assert_eq!(done.code, 0, "{}", done.all());
    let undone = host.run(&["undo", "--yes"]);
    assert_eq!(undone.code, 0, "{}", undone.all());
    assert_eq!(host.config(), before);
    assert!(host.plan(&example("quickstart.kdl")).stdout.contains("Nothing to do"));
}

#[test]
fn the_history_tells_what_was_done_and_how_it_ended() {
    let host = Host::new();
    assert_eq!(host.run(&["history"]).stdout, "No apply is remembered.\n");
    let nothing = host.run(&["undo"]);
    assert_eq!(nothing.code, 1);
    snapshot("cli", "nothing-to-undo", &nothing.all());
    let host = host_with_a_past();
    host.write("wrong.kdl", &host_with("subdevice c { sf 3 pf=1; }"));
    let failed = host.run(&["apply", "wrong.kdl", "--yes", "--allow", "subdevice-delete"]);
    assert_eq!(failed.code, 1, "{}", failed.all());
    snapshot("cli", "history", &host.run(&["history"]).all());
    snapshot("cli", "history-of-one", &host.run(&["history", "3"]).all());
    let json = host.run(&["history", "--format", "json"]);
    let all: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(all[2]["end"]["ending"], "undone");
    assert_eq!(all[2]["planned"]["delete"], 2);
    assert_eq!(all[1].get("before"), None);
    assert_eq!(host.run(&["history", "9"]).code, 1);
    // One that was undone by itself has left nothing: the one before it is undone.
    let undone = host.run(&["undo", "--yes", "--allow", "subdevice-delete"]);
    assert_eq!(undone.code, 0, "{}", undone.all());
    assert!(undone.stdout.starts_with("subdevcfg undo   apply 2 of "), "{}", undone.all());
}

#[test]
fn an_apply_with_nothing_to_do_is_not_remembered() {
    let host = Host::new();
    let text = host_with("subdevice a { sf 1; }");
    host.apply(&text);
    host.apply(&text);
    assert_eq!(host.run(&["history"]).stdout.lines().count(), 2);
}

/// Waits until the host is so again; however slow the machine is.
fn wait_for(host: &Host, before: &serde_json::Value) {
    let start = Instant::now();
    while host.config() != *before {
        assert!(start.elapsed() < Duration::from_mins(2), "nobody confirmed it, and it stays");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// The process that undoes the last apply unless it is confirmed.
fn timer(host: &Host) -> Pid {
    let last = host.simulated()["history"].as_array().unwrap().last().unwrap().clone();
    Pid::from_raw(i32::try_from(last["confirmation"]["timer"].as_i64().unwrap()).unwrap())
}

#[test]
fn what_nobody_confirms_is_undone_even_where_it_was_protected() {
    let host = Host::new();
    host.apply(&host_with("subdevice a { sf 1; }"));
    let (before, record) = (host.config(), record_of(&host));
    host.write("host.kdl", &host_with("subdevice a { sf 1; }; subdevice b protect=#true { sf 2; }"));
    let applied = host.run(&["apply", "host.kdl", "--yes", "--confirm-within", "1s"]);
    assert_eq!(applied.code, 0, "{}", applied.all());
    wait_for(&host, &before);
    assert_eq!(record_of(&host), record);
}

#[test]
fn what_cannot_be_undone_keeps_nothing_else_from_it() {
    let host = Host::new();
    host.apply(&host_with("subdevice a { sf 1; representor a_r; }"));
    host.write("host.kdl", &host_with("subdevice a { sf 1; representor a_x; }; subdevice b { sf 2; }"));
    host.run(&["apply", "host.kdl", "--yes", "--confirm-within", "1h"]);
    // Somebody else's interface has the former name by now.
    host.edit(|host| host["parents"]["nic0"]["uplink"]["name"] = "a_r".into());
    kill(timer(&host), Signal::SIGKILL).unwrap();
    let run = host.run(&["undo-unless-confirmed", "2", "2026-01-01T00:00:00Z"]);
    assert_eq!(run.code, 0, "{}", run.all());
    let functions = host.config()["parents"]["subdev/nic0"]["functions"].clone();
    assert_eq!(functions.as_array().unwrap().len(), 1);
    assert_eq!(functions[0]["representor"]["name"], "a_x");
    snapshot("cli", "history-undone-in-part", &host.run(&["history", "3"]).all());
}

#[test]
fn where_nobody_is_left_to_undo_it_the_next_apply_is_free() {
    let host = Host::new();
    host.apply(&host_with("subdevice a { sf 1; }"));
    host.write("host.kdl", &host_with("subdevice a { sf 1; }; subdevice b { sf 2; }"));
    host.run(&["apply", "host.kdl", "--yes", "--confirm-within", "1h"]);
    assert_eq!(host.run(&["apply", "host.kdl", "--yes"]).code, 3);
    let process = timer(&host);
    kill(process, Signal::SIGKILL).unwrap();
    while std::fs::read_to_string(format!("/proc/{process}/cmdline")).is_ok_and(|line| !line.is_empty()) {
        std::thread::sleep(Duration::from_millis(10));
    }
    let late = host.run(&["confirm"]);
    assert_eq!(late.code, 1, "{}", late.all());
    snapshot("cli", "history-not-confirmed", &host.run(&["history"]).all());
    assert_eq!(host.run(&["apply", "host.kdl", "--yes"]).code, 0);
}

#[test]
fn whoever_goes_on_knows_the_same_catalogues() {
    let host = Host::new();
    std::fs::create_dir(host.path("own drivers")).unwrap();
    host.write("host.kdl", &host_with("subdevice a { sf 1; }"));
    let named = ["--catalog", "own drivers"];
    let plan = host.run(&[&["plan", "host.kdl"], named.as_slice()].concat());
    let command = "To do it:  subdevcfg apply host.kdl --simulate host.json --catalog 'own drivers'\n";
    assert!(plan.stdout.ends_with(command), "{}", plan.all());
    host.run(&[&["apply", "host.kdl", "--yes", "--confirm-within", "1h"], named.as_slice()].concat());
    let line = std::fs::read_to_string(format!("/proc/{}/cmdline", timer(&host))).unwrap();
    assert!(line.contains("--catalog\0own drivers\0"), "{line}");
    assert_eq!(host.run(&["confirm"]).code, 0);
}

#[test]
fn an_undo_that_finds_nothing_to_do_is_done_with_its_apply() {
    let host = host_with_a_past();
    host.edit(|host| {
        let functions = host["parents"]["nic0"]["functions"].as_array_mut().unwrap();
        functions.truncate(1);
        functions[0]["representor"]["mtu"] = 1400.into();
    });
    let undone = host.run(&["undo", "--yes"]);
    assert_eq!(undone.code, 0, "{}", undone.all());
    snapshot("cli", "undo-of-nothing", &undone.all());
    snapshot("cli", "history-found-undone", &host.run(&["history"]).all());
    let before = host.run(&["undo", "--yes", "--allow", "parent-wide"]);
    assert!(before.stdout.starts_with("subdevcfg undo   apply 1 of "), "{}", before.all());
    assert_eq!(before.code, 0, "{}", before.all());
}

#[test]
fn what_nobody_confirms_is_undone_and_what_is_confirmed_stays() {
    let host = Host::new();
    host.apply(&host_with("subdevice a { sf 1; }"));
    let before = host.config();
    host.write("host.kdl", &host_with("subdevice a { sf 1; }; subdevice b { sf 2; }"));
    let applied = host.run(&["apply", "host.kdl", "--yes", "--confirm-within", "1s"]);
    assert_eq!(applied.code, 0, "{}", applied.all());
    wait_for(&host, &before);
    assert!(host.run(&["history"]).stdout.contains("undo "));
    let late = host.run(&["confirm"]);
    assert_eq!(late.code, 1, "{}", late.all());

    let applied = host.run(&["apply", "host.kdl", "--yes", "--confirm-within", "1h"]);
    assert_eq!(applied.code, 0, "{}", applied.all());
    snapshot("cli", "to-be-confirmed", &applied.all());
    // Nothing is built on what may go.
    let early = host.run(&["apply", "host.kdl", "--yes"]);
    assert_eq!(early.code, 3);
    snapshot("cli", "not-confirmed-yet", &early.all());
    assert_eq!(host.run(&["confirm"]).stdout, "Confirmed: apply 4 stays.\n");
    assert_eq!(host.run(&["apply", "host.kdl", "--yes"]).code, 0);
    let again = host.run(&["confirm"]);
    assert_eq!(again.code, 1);
    snapshot("cli", "nothing-to-confirm", &again.all());
}

#[test]
fn what_is_awaited_can_be_undone_before_its_time() {
    let host = Host::new();
    host.write("host.kdl", &host_with("subdevice a { sf 1; }"));
    host.run(&["apply", "host.kdl", "--yes", "--confirm-within", "1h"]);
    let undone = host.run(&["undo", "--yes", "--allow", "parent-wide"]);
    assert_eq!(undone.code, 0, "{}", undone.all());
    assert_eq!(host.run(&["apply", "host.kdl", "--yes"]).code, 0);
}

#[test]
fn a_time_for_the_confirmation_has_to_be_one() {
    let host = Host::new();
    host.write("host.kdl", &host_with(""));
    for wrong in ["0s", "soon", "60", "-5s"] {
        let run = host.run(&["apply", "host.kdl", "--yes", &format!("--confirm-within={wrong}")]);
        assert_eq!(run.code, 64, "{}", run.all());
    }
}

#[test]
fn a_forgotten_resource_stays_and_is_nobodys() {
    let host = host_with_a_past();
    let unknown = host.run(&["forget", "subdev/nic0#c"]);
    assert_eq!(unknown.code, 1);
    snapshot("cli", "forget-unknown", &unknown.all());
    let run = host.run(&["forget", "subdev/nic0#b"]);
    assert_eq!(run.code, 0, "{}", run.all());
    assert!(run.stdout.starts_with("Forgotten: 1 resource."), "{}", run.all());
    let plan = host.plan(&host_with("subdevice a { sf 1; representor a_r mtu=1300 up=#true; }"));
    assert!(plan.stdout.contains("UNMANAGED") && plan.stdout.contains("Nothing to do"), "{}", plan.all());
}
