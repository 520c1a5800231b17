//! Mediated devices of the kernel's sample drivers mtty and mdpy, whose parents have no devlink.

use crate::guest::{apply, changes, config, destroy, example, host_file, sh, subdevcfg};

/// A host without mediated devices, whatever the test before left behind.
fn fresh() {
    sh("for device in /sys/bus/mdev/devices/*; do if [ -e $device ]; then echo 1 > $device/remove; fi; done");
    sh("rm -rf /run/subdevcfg");
}

/// How many devices there are of a type.
fn count(parent: &str, kind: &str) -> String {
    sh(&format!("ls /sys/class/mdev_bus/{parent}/mdev_supported_types/{kind}/devices | wc -l"))
}

#[test]
fn the_examples_are_applied_changed_and_taken_away() {
    fresh();
    let before = config();
    let text = example("mtty.kdl");
    apply(host_file(&text));
    assert_eq!((count("mtty", "mtty-1"), count("mtty", "mtty-2")), ("1".to_owned(), "1".to_owned()));
    let changed = host_file(&text.replace("mdev type=mtty-1", "mdev type=mtty-2"));
    assert_eq!(changes(changed), [("mtty/mtty#console".to_owned(), "[\"delete\",\"create\"]".to_owned())]);
    apply(changed);
    assert_eq!((count("mtty", "mtty-1"), count("mtty", "mtty-2")), ("0".to_owned(), "2".to_owned()));
    destroy();
    apply(host_file(&example("mdpy.kdl")));
    assert_eq!((count("mdpy", "mdpy-xga"), count("mdpy", "mdpy-hd")), ("2".to_owned(), "1".to_owned()));
    destroy();
    assert_eq!(config(), before);
}

#[test]
fn a_device_that_somebody_removed_comes_back() {
    fresh();
    let file = host_file(&example("mtty.kdl"));
    apply(file);
    sh("echo 1 > /sys/bus/mdev/devices/83b8f4f2-509f-382f-3c1e-e6bfe0fa1001/remove");
    let plan = subdevcfg(&["plan", file, "--detailed-exitcode"]).expect(2);
    assert!(plan.stdout.contains("gone seen, present was applied"), "{}", plan.all());
    apply(file);
    destroy();
}

#[test]
fn a_device_made_by_hand_is_adopted_and_stays() {
    fresh();
    let uuid = "83b8f4f2-509f-382f-3c1e-e6bfe0fa1001";
    sh(&format!("echo {uuid} > /sys/class/mdev_bus/mtty/mdev_supported_types/mtty-2/create"));
    let file = host_file(&example("mtty.kdl"));
    let plan = subdevcfg(&["plan", file]).expect(0);
    assert!(plan.stdout.contains("ADOPTED    mtty/mtty#modems"), "{}", plan.all());
    apply(file);
    destroy();
    assert_eq!(sh("ls /sys/bus/mdev/devices"), uuid);
    fresh();
}
