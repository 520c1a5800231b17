//! Simulated network cards as somebody meets them: the hosts of the example repository, from the first plan to destroy.

use serde_json::{Value, json};

use crate::run::{Host, root, snapshot};

/// The example repository, on a host with Open vSwitch and no cards: these come with the files that name them.
fn repository() -> Host {
    let host = Host::new();
    let example = root().join("examples/gitops");
    for folder in ["hosts", "profiles"] {
        std::fs::create_dir_all(host.path(folder)).unwrap();
        for file in std::fs::read_dir(example.join(folder)).unwrap() {
            let file = file.unwrap();
            std::fs::copy(file.path(), host.path(folder).join(file.file_name())).unwrap();
        }
    }
    let simulated = json!({
        "format": "subdevcfg-simulated-host/1",
        "kernel_release": "6.12.0-simulated",
        "ovs": { "running": true, "bridges": { "br-int": {} } },
    });
    host.write("host.json", &simulated.to_string());
    host
}

fn edit(host: &Host, change: impl Fn(&mut Value)) {
    let mut simulated: Value =
        serde_json::from_str(&std::fs::read_to_string(host.path("host.json")).unwrap()).unwrap();
    change(&mut simulated);
    host.write("host.json", &simulated.to_string());
}

const ALLOW: [&str; 2] = ["--allow", "parent-wide"];

fn apply(host: &Host, file: &str) {
    let run = host.run(&[&["apply", file, "--yes"][..], &ALLOW].concat());
    assert_eq!(run.code, 0, "{file}: {}", run.all());
    let plan = host.run(&["plan", file]);
    assert!(plan.stdout.contains("Nothing to do"), "{file}: {}", plan.all());
}

#[test]
fn the_hosts_of_the_example_repository_live_through_a_card() {
    for (file, address) in [("hosts/ovs-01.kdl", "0000:08:00.0"), ("hosts/ice-01.kdl", "0000:65:00.0")] {
        let host = repository();
        apply(&host, file);
        // Somebody turns something, and it is put back.
        edit(&host, |simulated| simulated["cards"][address]["uplink"]["mtu"] = json!(1500));
        apply(&host, file);
        let undone = host.run(&[&["destroy", "--yes"][..], &ALLOW].concat());
        assert_eq!(undone.code, 0, "{file}: {}", undone.all());
        let state: Value = serde_json::from_str(&host.run(&["state", "--format", "json"]).stdout).unwrap();
        let card = &state["parents"][format!("pci/{address}")];
        assert_eq!(card["eswitch"]["mode"], "legacy", "{file}");
        assert_eq!(card["functions"], json!([]), "{file}");
    }
}

#[test]
fn a_card_that_was_reset_has_its_functions_again() {
    let host = repository();
    apply(&host, "hosts/ovs-01.kdl");
    // The firmware was reset: legacy mode, and nothing on it.
    edit(&host, |simulated| {
        let card = &mut simulated["cards"]["0000:08:00.0"];
        card["mode"] = json!("legacy");
        card["restarts"]["recoveries"] = json!(1);
        for gone in ["sfs", "rate_nodes", "vf_ports"] {
            card[gone] = json!({});
        }
    });
    let plan = host.run(&["plan", "hosts/ovs-01.kdl"]);
    assert!(plan.stdout.contains("RESET"), "{}", plan.all());
    apply(&host, "hosts/ovs-01.kdl");
}

#[test]
fn plans_and_applies_on_a_simulated_card_say_that_it_is_no_card() {
    let host = Host::new();
    let text = "subdevcfg version=1\nhost lab\ndevice \"pci/0000:65:00.0\" driver=ice {\n    vfs 1\n}\n";
    snapshot("cli", "card", &host.plan(text).all());
    let json = host.run(&["plan", "host.kdl", "--format", "json"]);
    let plan: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(plan["notes"][0]["kind"], "unverified", "{}", json.all());
    let applied = host.run(&["apply", "host.kdl", "--yes"]);
    assert!(applied.all().contains("unverified on hardware"), "{}", applied.all());
}
