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
        "samples": { "mtty": {}, "mdpy": {}, "vfio_ap": {} },
        "netdevsims": { "netdevsim1": {}, "netdevsim2": {} },
        "pfs": { "0000:01:00.0": { "driver": "nvme", "most_vfs": 4, "carrier_driver": { "name": "lab_vgpu",
            "types": { "lab_vgpu-small": "Small virtual card", "lab_vgpu-large": "Large virtual card" } } } },
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
        .replace("subdevice console {\n        mdev type-name=\"Single port serial\"\n    }", "");
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

fn on(device: &str, nodes: &str) -> String {
    format!("subdevcfg version=1\nhost \"*\"\ndevice \"{device}\" {{ {nodes} }}\n")
}

#[test]
fn a_type_is_found_by_its_name_among_those_that_are_there() {
    let host = host();
    let named = |name: &str| on("mtty/mtty", &format!("subdevice a {{ mdev type-name=\"{name}\"; }};"));
    host.apply(&named("Dual port serial"));
    assert_eq!(host.config()["parents"]["mtty/mtty"]["functions"][0]["mdev_type"], "mtty-2");
    // Another way to say the same is no change.
    assert_eq!(host.plan(&on("mtty/mtty", "subdevice a { mdev type=mtty-2; };")).code, 0);
    // A driver that is in a catalogue is known before the host is asked.
    snapshot("cli", "type-name-unknown", &host.plan(&named("Dual port seriall")).all());
    // Of another one the host has the last word.
    std::fs::create_dir(host.path("own")).unwrap();
    host.write(
        "own/mtty.kdl", "driver mtty bus=mtty devlink=#false source=here\nmdev params-before=use needs-switchdev=#false source=here\n",
    );
    host.write("host.kdl", &named("Four ports"));
    let plan = host.run(&["plan", "host.kdl", "--catalog", "own"]);
    snapshot("cli", "type-name-not-there", &plan.all());
}

#[test]
fn attributes_are_written_in_the_order_of_the_file_and_kept() {
    let host = host();
    let text = on(
        "matrix/matrix",
        "subdevice keys { mdev type=passthrough { attr assign_domain \"6\"; attr assign_adapter \"5\"; \
         attr assign_adapter \"4\"; attr \"power/control\" on; }; };",
    );
    let plan = host.plan(&text);
    snapshot("cli", "attr-new", &plan.all());
    host.apply(&text);
    // What can be read is read, and for the rest it says so.
    let plan = host.plan(&text);
    assert_eq!(plan.code, 0);
    snapshot("cli", "attr-kept", &plan.all());
    // Somebody else writes one: that is drift, and is put back.
    host.edit(|host| host["samples"]["vfio_ap"]["devices"][0]["attrs"]["power/control"] = json!("auto"));
    snapshot("cli", "attr-drift", &host.plan(&text).all());
    host.write("host.kdl", &text);
    let run = host.run(&["apply", "host.kdl", "--yes", "--allow", "subdevice-restart"]);
    assert_eq!(run.code, 0, "{}", run.all());
    // One that was written and cannot be read is written again when the file says another value.
    let other = text.replace("assign_adapter \"4\"", "assign_adapter \"3\"");
    snapshot("cli", "attr-changed", &host.plan(&other).all());
}

#[test]
fn an_attribute_that_the_kernel_refuses_undoes_the_device() {
    let host = host();
    let before = host.config();
    for (attr, says) in [
        ("attr assign_adapter \"999\"", "ENODEV"),
        ("attr no_such \"1\"", "ENOENT"),
        ("attr \"power/control\" off", "EINVAL"),
    ] {
        host.write(
            "host.kdl",
            &on("matrix/matrix", &format!("subdevice keys {{ mdev type=passthrough {{ {attr}; }}; }};")),
        );
        let run = host.run(&["apply", "host.kdl", "--yes"]);
        assert!(run.code == 1 && run.stderr.contains(says), "{}", run.all());
        assert_eq!(host.config(), before);
    }
    let outside =
        host.plan(&on("matrix/matrix", "subdevice keys { mdev type=passthrough { attr \"../x\" on; }; };"));
    assert!(outside.stdout.contains("is no file below the directory of the device"), "{}", outside.all());
}

#[test]
fn what_the_pool_has_no_room_for_is_refused_before_anything_is_done() {
    let host = host();
    let ports = |twos: usize, ones: usize| {
        on(
            "mtty/mtty",
            &format!(
                "repeat {twos} as=i {{ subdevice \"two${{i}}\" {{ mdev type=mtty-2; }}; }}; \
                 repeat {ones} as=i {{ subdevice \"one${{i}}\" {{ mdev type=mtty-1; }}; }};"
            ),
        )
    };
    // 24 ports, that both types share.
    snapshot(
        "cli",
        "pool-full",
        &host
            .plan(&ports(10, 5))
            .all()
            .lines()
            .filter(|line| line.contains("REFUSED"))
            .collect::<Vec<_>>()
            .join("\n"),
    );
    host.apply(&ports(10, 4));
    // What goes makes room.
    host.apply(&ports(8, 8));
    assert_eq!(host.plan(&ports(8, 8)).code, 0);
    let more = host.plan(&ports(9, 8));
    assert!(
        more.stdout.contains("1 of the mdev type `mtty-2` are to be made, and 0 more fit"),
        "{}",
        more.all()
    );
}
