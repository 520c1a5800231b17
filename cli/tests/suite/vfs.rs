//! VFs as somebody meets them in plans: what is refused, who is in the way, what is told of.

use serde_json::json;

use crate::run::{Host, snapshot};

/// A host with a controller that has two VFs, the first open by a virtual machine, and a netdevsim in switchdev mode.
fn host() -> Host {
    let host = Host::new();
    let vfio = json!({ "driver": "vfio-pci", "driver_override": "vfio-pci", "users": [{ "process": ["qemu-system-x86", 4711] }] });
    let loaded = json!({
        "format": "subdevcfg-simulated-host/1",
        "kernel_release": "6.12.0-simulated",
        "netdevsims": { "netdevsim1": { "mode": "switchdev" } },
        "pfs": { "0000:01:00.0": { "driver": "nvme", "most_vfs": 4, "vfs": [vfio, { "driver": "nvme" }] } },
    });
    host.write("host.json", &loaded.to_string());
    host
}

fn pci(body: &str) -> String {
    format!("subdevcfg version=1\nhost lab\ndevice \"pci/0000:01:00.0\" {{\n{body}\n}}\n")
}

fn netdevsim(body: &str) -> String {
    format!("subdevcfg version=1\nhost lab\ndevice \"netdevsim/netdevsim1\" {{\n{body}\n}}\n")
}

#[test]
fn a_function_that_is_open_is_taken_only_by_name() {
    let host = host();
    let fewer = pci("    vfs 1\n    subdevice vm {\n        vf 0\n        bind vfio-pci\n    }");
    snapshot("cli", "vfs-open", &host.plan(&fewer).all());
    let refused = host.run(&[
        "apply",
        "host.kdl",
        "--yes",
        "--allow",
        "vf-recount",
        "--allow-in-use",
        "pci/0000:01:00.0#vm",
    ]);
    assert_eq!(refused.code, 3, "{}", refused.all());
    let done =
        host.run(&["apply", "host.kdl", "--yes", "--allow", "vf-recount", "--evict", "pci/0000:01:00.0#vm"]);
    assert_eq!(done.code, 0, "{}", done.all());
}

#[test]
fn what_cannot_be_is_refused_and_what_is_not_there_is_told_of() {
    let host = host();
    snapshot("cli", "vfs-too-many", &host.plan(&pci("    vfs 5")).all());
    snapshot(
        "cli",
        "vfs-not-there",
        &host.plan(&pci("    subdevice vm {\n        vf 3\n        bind vfio-pci\n    }")).all(),
    );
    snapshot(
        "cli",
        "vfs-legacy-in-switchdev",
        &host
            .plan(&netdevsim("    vfs 1\n    subdevice a {\n        vf 0\n        legacy vlan=7\n    }"))
            .all(),
    );
    // What stands on the port of a VF is told of as well, and not left out.
    let legacy = netdevsim("    vfs 1\n    subdevice a {\n        vf 0\n        representor a_r\n    }");
    host.edit(|host| host["netdevsims"]["netdevsim1"]["mode"] = json!("legacy"));
    snapshot("cli", "vfs-representor-in-legacy", &host.plan(&legacy).all());
    snapshot(
        "cli",
        "vfs-absent",
        &host.plan(&pci("    subdevice vm absent=#true {\n        vf 1\n    }")).all(),
    );
    snapshot("cli", "vfs-required", &host.plan(&pci("    require vf-capacity=8")).all());
    let soft = "subdevcfg version=1\nhost lab\ndevice \"subdev/nic0\" {\n    create\n    vfs 2\n}\n";
    snapshot("cli", "vfs-of-none", &host.plan(soft).all());
}

#[test]
fn a_vf_is_no_device_of_its_own() {
    let host = host();
    host.write("vf.kdl", &pci("    eswitch mode=switchdev").replace("01:00.0", "01:00.2"));
    let state = host.run(&["state", "--format", "json"]).stdout;
    let mut state: serde_json::Value = serde_json::from_str(&state).unwrap();
    state["parents"]["pci/0000:01:00.0"]["functions"][1]["vf"]["device"]["address"] = json!("0000:01:00.2");
    host.write("state.json", &state.to_string());
    let arguments = ["plan", "vf.kdl", "--state", "state.json", "--detailed-exitcode"];
    let refused = host.run_without_host(&arguments);
    assert_eq!(refused.code, 2);
    snapshot("cli", "vfs-as-device", &refused.all());
}
