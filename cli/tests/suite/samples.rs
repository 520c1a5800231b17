//! Other people's devices, simulated: the kernel's sample drivers of mediated devices, which have no devlink, netdevsim,
//! and a controller with virtual functions.

use serde_json::json;

use crate::run::{Host, example, snapshot};

/// A host with all of them.
pub fn host() -> Host {
    let host = Host::new();
    let loaded = json!({
        "format": "subdevcfg-simulated-host/1",
        "kernel_release": "6.12.0-simulated",
        "samples": { "mtty": {}, "mdpy": {} },
        "netdevsims": { "netdevsim1": {}, "netdevsim2": {} },
        "pfs": { "0000:01:00.0": { "driver": "nvme", "most_vfs": 4 } },
    });
    host.write("host.json", &loaded.to_string());
    host
}

#[test]
fn devices_of_a_parent_without_devlink_come_and_go() {
    let host = host();
    let before = host.config();
    let text = example("mtty.kdl");
    host.apply(&text);
    assert_eq!(host.plan(&text).code, 0);
    let modems = &host.config()["parents"]["mtty/mtty"]["functions"];
    assert_eq!(modems.as_array().unwrap().len(), 2);
    // One goes, one is made again with another type: it has no state that is set first.
    let changed = text
        .replace("type=mtty-2", "type=mtty-1")
        .replace("subdevice console {\n        mdev type=mtty-1\n    }", "");
    snapshot("cli", "mtty-changed", &host.plan(&changed).all());
    host.apply(&changed);
    assert_eq!(host.plan(&changed).code, 0);
    let destroy = host.run(&["destroy", "--yes", "--allow", "subdevice-delete"]);
    assert_eq!(destroy.code, 0, "{}", destroy.all());
    assert_eq!(host.config(), before);
}

#[test]
fn a_device_that_somebody_removed_is_drift_and_comes_back() {
    let host = host();
    let text = example("mdpy.kdl");
    host.apply(&text);
    host.edit(|host| {
        host["samples"]["mdpy"]["devices"].as_array_mut().unwrap().remove(0);
    });
    let plan = host.plan(&text);
    assert!(plan.stdout.contains("gone seen, present was applied"), "{}", plan.all());
    host.apply(&text);
    assert_eq!(host.plan(&text).code, 0);
}

#[test]
fn what_only_devlink_has_is_refused_before_anything_is_done() {
    let host = host();
    let text = "subdevcfg version=1\nhost \"*\"\ndevice \"mtty/mtty\" { eswitch mode=switchdev; \
                subdevice a { mdev type=mtty-1; netdev a0; }; }\n";
    snapshot("cli", "without-devlink", &host.plan(text).all());
}

#[test]
fn the_same_uuid_is_free_before_it_is_taken_on_another_parent() {
    let host = host();
    let on = |device: &str, kind: &str| {
        format!(
            "device \"{device}\" {{ subdevice a {{ mdev type={kind} uuid=\"83b8f4f2-509f-382f-3c1e-e6bfe0fa1001\"; }}; }}\n"
        )
    };
    let head = "subdevcfg version=1\nhost \"*\"\n";
    let empty = |device: &str| format!("device \"{device}\" {{ }}\n");
    host.apply(&format!("{head}{}{}", on("mtty/mtty", "mtty-1"), empty("mdpy/mdpy")));
    let moved = format!("{head}{}{}", on("mdpy/mdpy", "hd"), empty("mtty/mtty"));
    host.apply(&moved);
    assert_eq!(host.plan(&moved).code, 0);
}
