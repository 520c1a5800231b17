//! Mediated devices of the kernel's sample drivers mtty and mdpy, whose parents have no devlink.

use crate::guest::{apply, changes, config, destroy, example, host_file, sh, subdevcfg};

/// The UUID that the example gives.
const MODEMS: &str = "83b8f4f2-509f-382f-3c1e-e6bfe0fa1001";

/// A host without mediated devices, whatever the test before left behind.
pub fn fresh() {
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
    assert_eq!(sh(&format!("cat /sys/bus/mdev/devices/{MODEMS}/power/control")), "on");
    let changed = host_file(&text.replace("Single port", "Dual port"));
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
fn an_attribute_is_changed_in_place_and_its_drift_is_told() {
    fresh();
    let text = example("mtty.kdl");
    let file = host_file(&text);
    apply(file);
    let control = format!("/sys/bus/mdev/devices/{MODEMS}/power/control");
    sh(&format!("echo auto > {control}"));
    let plan = subdevcfg(&["plan", file, "--detailed-exitcode"]).expect(2);
    let address = "mtty/mtty#modems.mdev.attr[power/control]";
    assert!(plan.stdout.contains(&format!("{address}   auto seen, on was applied")), "{}", plan.all());
    apply(file);
    assert_eq!(sh(&format!("cat {control}")), "on");
    apply(host_file(&text.replace("attr \"power/control\" on", "attr \"power/control\" auto")));
    assert_eq!(sh(&format!("cat {control}")), "auto");
    destroy();
}

#[test]
fn what_the_kernel_refuses_is_undone() {
    fresh();
    let before = config();
    let text = example("mtty.kdl").replace("attr \"power/control\" on", "attr \"power/control\" off");
    let run = subdevcfg(&["apply", host_file(&text), "--yes"]).expect(1);
    assert!(run.stderr.contains("EINVAL") && run.stderr.contains("power/control"), "{}", run.all());
    assert_eq!(config(), before);
}

#[test]
fn what_has_no_room_is_refused_at_plan_time() {
    fresh();
    // Four fit, whatever their types are.
    let screens = |count: usize, wall: &str| {
        host_file(&format!(
            "subdevcfg version=1\nhost \"*\"\ndevice \"mdpy/mdpy\" {{ repeat {count} as=i \
             {{ subdevice \"screen${{i}}\" {{ mdev type=vga; }}; }}; {wall} }}\n"
        ))
    };
    apply(screens(3, "subdevice wall { mdev type=hd; }"));
    let refused = subdevcfg(&["apply", screens(4, "subdevice wall { mdev type=hd; }"), "--yes"]).expect(3);
    assert!(
        refused.stdout.contains("1 of the mdev type `mdpy-vga` are to be made, and 0 more fit"),
        "{}",
        refused.all()
    );
    // What goes makes room.
    apply(screens(4, ""));
    destroy();
}

#[test]
fn a_device_that_somebody_removed_comes_back() {
    fresh();
    let file = host_file(&example("mtty.kdl"));
    apply(file);
    sh(&format!("echo 1 > /sys/bus/mdev/devices/{MODEMS}/remove"));
    let plan = subdevcfg(&["plan", file, "--detailed-exitcode"]).expect(2);
    assert!(plan.stdout.contains("gone seen, present was applied"), "{}", plan.all());
    apply(file);
    destroy();
}

#[test]
fn a_device_made_by_hand_is_adopted_and_stays() {
    fresh();
    sh(&format!("echo {MODEMS} > /sys/class/mdev_bus/mtty/mdev_supported_types/mtty-2/create"));
    let file = host_file(&example("mtty.kdl"));
    let plan = subdevcfg(&["plan", file]).expect(0);
    assert!(plan.stdout.contains("ADOPTED    mtty/mtty#modems"), "{}", plan.all());
    apply(file);
    destroy();
    assert_eq!(sh("ls /sys/bus/mdev/devices"), MODEMS);
    fresh();
}

#[test]
fn a_device_that_is_open_through_vfio_is_left_alone() {
    fresh();
    apply(host_file(&example("mtty.kdl")));
    let group = sh(&format!("basename $(readlink /sys/bus/mdev/devices/{MODEMS}/iommu_group)"));
    let device =
        std::fs::OpenOptions::new().read(true).write(true).open(format!("/dev/vfio/{group}")).unwrap();
    let mut user = std::process::Command::new("sleep").arg("600").stdin(device).spawn().unwrap();
    let without = host_file(
        "subdevcfg version=1\nhost \"*\"\ndevice \"mtty/mtty\" { subdevice console { mdev type-name=\"Single port serial\"; }; }",
    );
    let plan = subdevcfg(&["plan", without]).expect(0);
    for words in
        [&format!("IN USE    vfio: held open by sleep (pid {})", user.id()), "--evict mtty/mtty#modems"]
    {
        assert!(plan.stdout.contains(words), "{words}: {}", plan.all());
    }
    subdevcfg(&["apply", without, "--yes", "--allow", "subdevice-delete"]).expect(3);
    assert_eq!(count("mtty", "mtty-2"), "1");
    user.kill().unwrap();
    user.wait().unwrap();
    subdevcfg(&["apply", without, "--yes", "--allow", "subdevice-delete"]).expect(0);
    assert_eq!(count("mtty", "mtty-2"), "0");
    destroy();
}
