//! vDPA devices as somebody meets them in plans: made, bound, replaced, in use, refused.

use serde_json::json;

use crate::run::{Host, snapshot};

fn text(body: &str) -> String {
    format!("subdevcfg version=1\nhost lab\ndevice \"vdpa/vdpasim_net\" {{\n{body}\n}}\n")
}

const BOTH: &str =
    "    vdpa vm1 mac=\"02:00:00:00:17:01\" mtu=9000 {\n        bind vhost_vdpa\n    }\n    vdpa vm2";

/// A host with both, the first held open by a virtual machine.
fn used() -> Host {
    let host = Host::new();
    host.apply(&text(BOTH));
    host.edit(|host| {
        host["vdpa_simulator"]["vm1"]["users"] = json!([{ "process": ["qemu-system-x86", 4711] }]);
    });
    host
}

#[test]
fn devices_are_made_and_told_of() {
    let host = Host::new();
    host.apply("subdevcfg version=1\nhost lab\ndevice \"vdpa/vdpasim_net\"\n");
    snapshot("cli", "vdpa-made", &host.plan(&text(BOTH)).all());
    host.apply(&text(BOTH));
    snapshot("cli", "vdpa-state", &host.run(&["state"]).all());
    snapshot("cli", "vdpa-import", &host.run(&["import"]).all());
}

#[test]
fn what_is_held_open_is_taken_only_by_name_and_not_before_it_is_let_go_of() {
    let host = used();
    let smaller = BOTH.replace("mtu=9000", "mtu=1400");
    snapshot("cli", "vdpa-open", &host.plan(&text(&smaller)).all());
    let apply = |flags: &[&str]| {
        host.run(&[&["apply", "host.kdl", "--yes", "--allow", "subdevice-replace"][..], flags].concat())
    };
    assert_eq!(apply(&[]).code, 3);
    let address = "vdpa/vdpasim_net.vdpa[vm1]";
    let run = apply(&["--evict", address]);
    assert_eq!(run.code, 1, "{}", run.all());
    host.edit(|host| host["vdpa_simulator"]["vm1"]["users"] = json!([]));
    let run = apply(&[]);
    assert_eq!(run.code, 0, "{}", run.all());
}

#[test]
fn what_cannot_be_is_refused() {
    let host = used();
    host.edit(|host| {
        let made = &mut host["record"]["made"];
        made.as_array_mut().unwrap().clear();
    });
    let other = BOTH.replace("02:00:00:00:17:01", "02:00:00:00:17:09");
    snapshot("cli", "vdpa-not-ours", &host.plan(&text(&other)).all());
    let soft = "subdevcfg version=1\nhost lab\ndevice \"subdev/nic0\" {\n    create\n    vdpa web\n}\n";
    snapshot("cli", "vdpa-of-none", &host.plan(soft).all());
}

#[test]
fn a_reload_of_a_card_brings_its_device_back() {
    let card = |param: &str| {
        format!(
            "subdevcfg version=1\nhost lab\ndevice \"pci/0000:08:00.0\" driver=mlx5_core {{\n{param}    vdpa web max-vqp=4 {{\n        bind virtio_vdpa\n    }}\n}}\n"
        )
    };
    let host = Host::new();
    host.apply(&card(""));
    let groups = card("    param fdb_large_groups 16\n");
    snapshot("cli", "vdpa-reload", &host.plan(&groups).all());
    let run = host.run(&["apply", "host.kdl", "--yes", "--allow", "parent-wide"]);
    assert_eq!(run.code, 0, "{}", run.all());
}
