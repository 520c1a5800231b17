//! What somebody uses, and what the host is reached over, is disturbed only when it is named.

use serde_json::json;

use crate::run::{Host, host_with, snapshot};

fn text(mac: &str) -> String {
    host_with(&format!(
        "subdevice a {{ sf 1; function mac=\"02:00:00:00:00:{mac}\"; netdev web; representor web_r; }}; subdevice b {{ sf 2; }}"
    ))
}

/// The host with `a` on it, whose netdev somebody uses.
fn used() -> Host {
    let host = Host::new();
    host.apply(&text("01"));
    host.edit(|host| {
        let function = &mut host["parents"]["nic0"]["functions"][0];
        function["netdev"]["users"] =
            json!([{ "addresses": ["10.0.0.1/24"] }, { "upper": { "kind": "vlan", "name": "web.5" } }]);
        function["representor"]["users"] = json!([{ "upper": { "kind": "bridge", "name": "br0" } }]);
    });
    host
}

#[test]
fn what_is_in_use_is_disturbed_only_by_name() {
    let host = used();
    host.write("host.kdl", &text("02"));
    let apply = |flags: &[&str]| host.run(&[&["apply", "host.kdl", "--yes"][..], flags].concat());
    let restart = ["--allow", "subdevice-restart"];
    let refused = apply(&restart);
    snapshot("cli", "in-use", &refused.all());
    assert_eq!(refused.code, 3);
    assert_eq!(apply(&[&restart[..], &["--allow-in-use", "subdev/nic0#b"]].concat()).code, 3);
    // The plan of it says the same, and its JSON has the users.
    let plan = host.run(&["plan", "host.kdl", "--format", "json"]);
    let plan: serde_json::Value = serde_json::from_str(&plan.stdout).unwrap();
    assert_eq!(plan["in_use"][0]["address"], "subdev/nic0#a");
    assert_eq!(plan["in_use"][0]["users"].as_array().unwrap().len(), 3);
    let run = apply(&[&restart[..], &["--allow-in-use", "subdev/nic0#a"]].concat());
    assert_eq!(run.code, 0, "{}", run.all());
}

#[test]
fn filters_and_rdma_are_users_by_their_kinds_and_names() {
    let host = used();
    host.edit(|host| {
        let function = &mut host["parents"]["nic0"]["functions"][0];
        function["netdev"]["users"] = json!([
            { "tc_filters": ["bpf"] },
            { "rdma": { "device": "rocep8s0", "by": [{ "process": ["ib_write_bw", 4711] }, { "kernel": "nvmet_rdma" }] } },
            { "rdma": { "device": "rocep8s1", "by": [] } },
        ]);
        function["representor"]["users"] = json!([{ "tc_filters": ["flower", "matchall"] }]);
    });
    host.write("host.kdl", &text("02"));
    let refused = host.run(&["apply", "host.kdl", "--yes", "--allow", "subdevice-restart"]);
    assert_eq!(refused.code, 3);
    snapshot("cli", "in-use-filters-rdma", &refused.all());
}

#[test]
fn who_has_a_vdpa_device_of_a_function_open_has_the_function() {
    let host = used();
    let state = host.run(&["state", "--format", "json"]).stdout;
    let mut state: serde_json::Value = serde_json::from_str(&state).unwrap();
    state["parents"]["subdev/nic0"]["functions"][0]["volatile"]["users"] = json!([
        { "user": { "vdpa": { "file": "/dev/vhost-vdpa-0", "by": { "process": ["qemu-system-x86", 4711] } } } },
    ]);
    host.write("state.json", &state.to_string());
    host.write("host.kdl", &text("02"));
    let plan = host.run_without_host(&["plan", "host.kdl", "--state", "state.json"]);
    snapshot("cli", "in-use-carried-vdpa", &plan.all());
}

#[test]
fn what_is_felt_as_traffic_only_needs_no_name() {
    let host = used();
    let renamed = text("01").replace("netdev web;", "netdev web mtu=1400;");
    host.write("host.kdl", &renamed);
    assert_eq!(host.run(&["apply", "host.kdl", "--yes"]).code, 0);
}

#[test]
fn with_a_whole_parent_all_its_users_are_named() {
    let host = used();
    let reloaded = host_with("param max_queues 32; subdevice b { sf 2; }");
    host.write("host.kdl", &reloaded);
    let plan = host.run(&["plan", "host.kdl"]);
    snapshot("cli", "in-use-parent", &plan.all());
}

#[test]
fn what_the_host_is_reached_over_is_a_lifeline() {
    let host = used();
    host.edit(|host| host["lifelines"] = json!([{ "interface": "web", "reason": "the default route" }]));
    host.write("host.kdl", &text("01").replace("netdev web;", "netdev web mtu=1400;"));
    let refused = host.run(&["apply", "host.kdl", "--yes", "--allow", "parent-wide"]);
    snapshot("cli", "lifeline", &refused.all());
    assert_eq!(refused.code, 3);
    let run = host.run(&[
        "apply",
        "host.kdl",
        "--yes",
        "--allow-lifeline",
        "subdev/nic0#a",
        "--confirm-within",
        "1h",
    ]);
    assert_eq!(run.code, 0, "{}", run.all());
    assert_eq!(host.run(&["confirm"]).code, 0);
    // A new parent on a wire that the host is reached over takes what comes by it.
    let wired = "subdevcfg version=1\nhost \"*\"\ndevice \"subdev/nic1\" { create lower=eth9; }\n";
    host.edit(|host| {
        host["other_interfaces"] = json!(["lo", "eth9"]);
        host["lifelines"] = json!([{ "interface": "eth9", "reason": "your session from 10.0.0.9" }]);
    });
    host.write("wired.kdl", wired);
    let refused = host.run(&["apply", "wired.kdl", "--yes", "--allow", "parent-wide"]);
    assert_eq!(refused.code, 3, "{}", refused.all());
    assert!(refused.stdout.contains("--allow-lifeline subdev/nic1"), "{}", refused.all());
}

#[test]
fn a_file_can_say_what_is_a_lifeline_and_what_is_none() {
    let host = Host::new();
    host.apply(&host_with("subdevice a { sf 1; }"));
    let reloaded = |lifeline: &str| {
        host_with(&format!("lifeline {lifeline}; param max_queues 32; subdevice a {{ sf 1; }}"))
    };
    let allow = ["apply", "host.kdl", "--yes", "--allow", "parent-wide"];
    host.write("host.kdl", &reloaded("#true"));
    assert_eq!(host.run(&allow).code, 3);
    host.write("host.kdl", &reloaded("#false"));
    assert_eq!(host.run(&allow).code, 0);
}
