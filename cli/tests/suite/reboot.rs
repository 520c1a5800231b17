//! Permanent parameters: written now, in force after a reboot, and told of until then.

use serde_json::json;

use crate::run::{Host, host_with, snapshot};

const STORED: &str = "param auto_sfnum_min 2000 cmode=permanent";

/// A parameter of a device that was there was written.
fn waiting_host() -> Host {
    let host = Host::new();
    host.apply(&host_with(""));
    host.apply_with_code(&host_with(STORED), 5);
    host
}

#[test]
fn what_is_written_waits_and_every_command_says_so() {
    let host = Host::new();
    host.apply(&host_with(""));
    assert_eq!(host.plan(&host_with(STORED)).code, 2);
    assert_eq!(host.run(&["plan", "host.kdl"]).code, 0, "it waits for nothing yet");
    let applied = host.apply_with_code(&host_with(STORED), 5);
    snapshot("cli", "reboot-apply", &applied.all());
    let plan = host.plan(&host_with(STORED));
    assert_eq!(plan.code, 5, "{}", plan.all());
    snapshot("cli", "reboot-plan", &plan.all());
    let watched = host.run(&["watch", "host.kdl", "--once"]);
    assert_eq!(watched.code, 5, "{}", watched.all());
    let found = "subdev/nic0.param[auto_sfnum_min,permanent]: 2000 is stored, 1000 is in force";
    assert_eq!(watched.stdout, format!("WAITING FOR REBOOT  {found}\n"));
    // With nothing to do it still waits.
    host.apply_with_code(&host_with(STORED), 5);
    // Nor does it end with the line in the file, for the value stays.
    host.apply_with_code(&host_with(""), 5);
    let plan = host.plan_json(&host_with(""));
    let waits = &plan["waits_for_reboot"][0];
    assert_eq!((&waits["param"], &waits["value"]), (&json!("auto_sfnum_min"), &json!(2000)));
    assert_eq!(waits["in_force"], 1000);
    // What else there is to do counts more.
    assert_eq!(host.plan(&host_with("subdevice a { sf 1; }")).code, 2);
    host.write("other.kdl", &host_with("subdevice a { sf 1 pf=1; }"));
    assert_eq!(host.run(&["apply", "other.kdl", "--yes"]).code, 1);
    // Of another part of the file nothing waits.
    host.write("other.kdl", &host_with("subdevice a { sf 1; }"));
    assert_eq!(host.run(&["apply", "other.kdl", "--yes", "--only", "subdev/nic0#a"]).code, 0);
}

#[test]
fn the_value_that_is_in_force_waits_for_nothing() {
    let host = waiting_host();
    let other = "param auto_sfnum_min 3000 cmode=permanent";
    host.apply_with_code(&host_with(other), 5);
    host.apply(&host_with("param auto_sfnum_min 1000 cmode=permanent"));
    let undone = host.run(&["undo", "--yes"]);
    assert_eq!(undone.code, 5, "{}", undone.all());
    assert!(undone.stdout.contains("param auto_sfnum_min 3000 on subdev/nic0"), "{}", undone.all());
}

#[test]
fn an_undo_and_a_destroy_put_it_back() {
    let undone = waiting_host().run(&["undo", "--yes"]);
    assert_eq!(undone.code, 0, "{}", undone.all());

    let host = Host::new();
    host.apply(&host_with(""));
    // Somebody else made the device, so it stays.
    host.forget_record();
    host.apply_with_code(&host_with(STORED), 5);
    let destroyed = host.run(&["destroy", "--yes"]);
    assert_eq!(destroyed.code, 0, "{}", destroyed.all());
    assert_eq!(host.plan(&host_with("")).code, 0);

    let host = Host::new();
    host.apply(&host_with(""));
    host.apply_with_code(&host_with(&format!("{STORED}; subdevice a {{ sf 1 pf=1; }}")), 1);
    assert_eq!(host.plan(&host_with("")).code, 0, "what was undone waits for nothing");
}

#[test]
fn another_boot_ends_it_and_so_does_a_device_that_is_made_anew() {
    let host = waiting_host();
    host.edit(|host| host["record"]["stored"][0]["boot_id"] = "the one before".into());
    assert_eq!(host.plan(&host_with(STORED)).code, 0);
    host.apply(&host_with(STORED));
    assert_eq!(host.simulated()["record"].get("stored"), None, "it is not kept for ever");

    let host = waiting_host();
    let destroyed = host.run(&["destroy", "--yes", "--allow", "parent-wide"]);
    assert_eq!(destroyed.code, 0, "{}", destroyed.all());
}

#[test]
fn what_somebody_else_wrote_waits_as_well_but_not_since_then() {
    let host = waiting_host();
    let write = |value: u32| {
        host.edit(|host| host["parents"]["nic0"]["params"]["reported"]["auto_sfnum_min"] = value.into());
    };
    write(4000);
    let plan = host.plan(&host_with(""));
    assert_eq!(plan.code, 5, "{}", plan.all());
    assert!(plan.stdout.contains("(1000 is in force; written by somebody else since)"), "{}", plan.all());
    // It is nobody's to put back.
    host.edit(|host| host["record"]["made"] = json!([]));
    let destroyed = host.run(&["destroy", "--yes"]);
    assert_eq!(destroyed.code, 5, "{}", destroyed.all());
    write(1000);
    assert_eq!(host.plan(&host_with("")).code, 0);
}
