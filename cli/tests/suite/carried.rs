//! Mediated devices that VFs carry, on the simulated controller.

use serde_json::json;

use crate::run::{Host, example, snapshot};
use crate::samples;

const PF: &str = "pci/0000:01:00.0";

/// A host whose VFs carry what the example says.
fn with_the_example() -> (Host, String) {
    let host = samples::host();
    let text = example("vgpu.kdl");
    host.apply(&text);
    assert_eq!(host.plan(&text).code, 0);
    (host, text)
}

fn functions(host: &Host) -> Vec<serde_json::Value> {
    host.config()["parents"][PF]["functions"].as_array().unwrap().clone()
}

fn on_vf(host: &Host, index: u32) -> Option<serde_json::Value> {
    functions(host).into_iter().find(|function| function["on_vf"] == json!(index))
}

#[test]
fn they_come_after_their_vfs_and_go_before() {
    let host = samples::host();
    let before = host.config();
    let text = example("vgpu.kdl");
    snapshot("cli", "carried-first", &host.plan(&text).all());
    host.apply(&text);
    assert_eq!(host.plan(&text).code, 0);
    assert_eq!(on_vf(&host, 1).unwrap()["mdev_type"], "lab_vgpu-large");
    let destroy = host.run(&["destroy", "--yes", "--allow", "parent-wide", "--allow", "subdevice-delete"]);
    assert_eq!(destroy.code, 0, "{}", destroy.all());
    assert_eq!(host.config(), before);
}

#[test]
fn another_number_of_vfs_takes_them_along_and_brings_them_back() {
    let (host, text) = with_the_example();
    let before = functions(&host).len();
    let more = text.replace("vfs 3", "vfs 4");
    snapshot("cli", "carried-recount", &host.plan(&more).all());
    host.apply(&more);
    assert_eq!(host.plan(&more).code, 0);
    assert_eq!(functions(&host).len(), before + 1);
}

#[test]
fn another_type_is_another_device() {
    let (host, text) = with_the_example();
    let changed = text.replace("mdev type=small", "mdev type=large");
    snapshot("cli", "carried-retyped", &host.plan(&changed).all());
    host.apply(&changed);
    assert_eq!(on_vf(&host, 0).unwrap()["mdev_type"], "lab_vgpu-large");
}

/// Which type has the name is known when some VF has the driver of such devices.
#[test]
fn a_type_is_found_by_its_name_once_there_are_vfs() {
    let host = samples::host();
    let text = example("vgpu.kdl").replace("type=large", "type-name=\"Large virtual card\"");
    host.write("host.kdl", &text);
    let first = host.run(&["apply", "host.kdl", "--yes"]);
    snapshot("cli", "carried-by-name", &first.all());
    host.apply(&text);
    assert_eq!(on_vf(&host, 1).unwrap()["mdev_type"], "lab_vgpu-large");
    assert_eq!(host.plan(&text).code, 0);
}

#[test]
fn without_its_words_the_device_goes_and_the_vf_stays() {
    let (host, text) = with_the_example();
    let without = text.replace(
        " {\n            mdev type=large uuid=\"83b8f4f2-509f-382f-3c1e-e6bfe0fa1010\"\n        }",
        "",
    );
    host.apply(&without);
    assert_eq!(on_vf(&host, 1), None);
    assert!(on_vf(&host, 0).is_some());
}

#[test]
fn who_has_it_open_is_named_and_keeps_its_vf_too() {
    let (host, text) = with_the_example();
    host.edit(|host| {
        host["pfs"]["0000:01:00.0"]["vfs"][0]["carries"]["users"] = json!([{ "process": ["qemu", 4711] }]);
    });
    snapshot("cli", "carried-in-use", &host.plan(&text.replace("vfs 3", "vfs 4")).all());
}

#[test]
fn what_somebody_else_put_there_is_in_the_way() {
    let (host, text) = with_the_example();
    host.edit(|host| {
        let device = json!({ "uuid": "83b8f4f2-509f-382f-3c1e-e6bfe0fa1999", "mdev_type": "lab_vgpu-small" });
        host["pfs"]["0000:01:00.0"]["vfs"][1]["carries"] = json!({ "device": device });
    });
    snapshot("cli", "carried-foreign", &host.plan(&text.replace("vfs 3", "vfs 4")).all());
    snapshot("cli", "carried-full", &host.plan(&text).all());
}

#[test]
fn a_driver_that_takes_none_is_told_of() {
    let host = samples::host();
    host.apply("subdevcfg version=1\nhost lab\ndevice \"pci/0000:01:00.0\" { vfs 1; }\n");
    let text = "subdevcfg version=1\nhost lab\ndevice \"pci/0000:01:00.0\" { subdevice a { vf 0 { mdev type=small; }; }; }\n";
    snapshot("cli", "carried-without-driver", &host.plan(text).all());
}
