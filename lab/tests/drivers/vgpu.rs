//! Mediated devices on VFs, as graphics cards have them: the `NVMe` controller's VFs with the lab's driver (`lab/vgpu`).

use crate::guest::{apply, changes, config, destroy, example, host_file, sh, subdevcfg};
use crate::nvme;

const VF: &str = "/sys/bus/pci/devices/0000:01:00.0/virtfn";
const DESK0: &str = "pci/0000:01:00.0#desk0.mdev";

/// The UUID that the example gives to the second.
const DESK1: &str = "83b8f4f2-509f-382f-3c1e-e6bfe0fa1010";

/// A host without mediated devices and VFs, whatever the test before left behind.
pub fn fresh() -> bool {
    sh("for device in /sys/bus/mdev/devices/*; do if [ -e $device ]; then echo 1 > $device/remove; fi; done");
    nvme::fresh()
}

/// The types of what a VF carries.
fn types_on(index: u32) -> String {
    sh(&format!(
        "for it in {VF}{index}/*-*-*-*-*/mdev_type; do [ ! -e $it ] || basename $(readlink $it); done"
    ))
}

#[test]
fn they_come_after_their_vfs_change_and_go_before() {
    if !fresh() {
        return;
    }
    let before = config();
    let text = example("vgpu.kdl");
    apply(host_file(&text));
    let types = [0, 1, 2].map(types_on);
    assert_eq!(types, ["lab_vgpu-small", "lab_vgpu-large", ""]);
    assert_eq!(sh(&format!("cat {VF}0/*-*-*-*-*/frame_rate_limiter")), "0");
    // An attribute changes in place, a type does not.
    let faster = text.replace("frame_rate_limiter \"0\"", "frame_rate_limiter \"1\"");
    apply(host_file(&faster));
    assert_eq!(sh(&format!("cat {VF}0/*-*-*-*-*/frame_rate_limiter")), "1");
    let larger = host_file(&faster.replace("type=small", "type=large"));
    assert_eq!(changes(larger), [(DESK0.to_owned(), "[\"delete\",\"create\"]".to_owned())]);
    apply(larger);
    assert_eq!(types_on(0), "lab_vgpu-large");
    // Another number of VFs takes them along, and they are made again.
    apply(host_file(&text.replace("vfs 3", "vfs 4")));
    assert_eq!([0, 1].map(types_on), ["lab_vgpu-small", "lab_vgpu-large"]);
    destroy();
    assert_eq!(config(), before);
}

#[test]
fn what_is_lost_with_the_driver_of_a_vf_is_drift_and_comes_back() {
    if !fresh() {
        return;
    }
    let file = host_file(&example("vgpu.kdl"));
    apply(file);
    sh(&format!("basename $(readlink {VF}1) > {VF}1/driver/unbind"));
    assert_eq!(types_on(1), "");
    let plan = subdevcfg(&["plan", file, "--detailed-exitcode"]).expect(2);
    assert!(plan.stdout.contains("#desk1.mdev   gone seen, present was applied"), "{}", plan.all());
    apply(file);
    assert_eq!(types_on(1), "lab_vgpu-large");
    destroy();
}

#[test]
fn a_type_has_its_name_once_a_vf_has_its_driver() {
    if !fresh() {
        return;
    }
    let text = example("vgpu.kdl").replace("type=large", "type-name=\"Large virtual card\"");
    let file = host_file(&text);
    let first = subdevcfg(&["apply", file, "--yes"]);
    assert!(first.stdout.contains("left to the next apply"), "{}", first.all());
    assert_eq!([0, 1].map(types_on), ["lab_vgpu-small", ""]);
    apply(file);
    assert_eq!(types_on(1), "lab_vgpu-large");
    destroy();
}

#[test]
fn a_device_that_the_driver_refuses_is_undone_with_its_vfs() {
    if !fresh() {
        return;
    }
    let before = config();
    let text = example("vgpu.kdl").replace("frame_rate_limiter \"0\"", "frame_rate_limiter maybe");
    let run = subdevcfg(&["apply", host_file(&text), "--yes"]).expect(1);
    assert!(run.stderr.contains("EINVAL") && run.stderr.contains("frame_rate_limiter"), "{}", run.all());
    assert_eq!(config(), before);
}

#[test]
fn one_made_by_hand_is_adopted_and_its_vf_is_not_taken() {
    if !fresh() {
        return;
    }
    let text = example("vgpu.kdl");
    let without = text.replace(&format!(" {{\n            mdev type=large uuid=\"{DESK1}\"\n        }}"), "");
    apply(host_file(&without));
    sh(&format!("echo {DESK1} > {VF}1/mdev_supported_types/lab_vgpu-large/create"));
    let file = host_file(&text);
    let plan = subdevcfg(&["plan", file]).expect(0);
    assert!(plan.stdout.contains("ADOPTED    pci/0000:01:00.0#desk1.mdev"), "{}", plan.all());
    apply(file);
    let more = host_file(&text.replace("vfs 3", "vfs 4"));
    let refused = subdevcfg(&["apply", more, "--yes", "--allow", "parent-wide"]).expect(3);
    assert!(refused.stdout.contains("is in the way, and subdevcfg did"), "{}", refused.all());
    assert_eq!(types_on(1), "lab_vgpu-large");
    sh(&format!("echo 1 > /sys/bus/mdev/devices/{DESK1}/remove"));
    destroy();
}

#[test]
fn one_that_is_open_through_vfio_keeps_its_vf() {
    if !fresh() {
        return;
    }
    let text = example("vgpu.kdl");
    apply(host_file(&text));
    let group = sh(&format!("basename $(readlink /sys/bus/mdev/devices/{DESK1}/iommu_group)"));
    let device =
        std::fs::OpenOptions::new().read(true).write(true).open(format!("/dev/vfio/{group}")).unwrap();
    let mut user = std::process::Command::new("sleep").arg("600").stdin(device).spawn().unwrap();
    let more = host_file(&text.replace("vfs 3", "vfs 4"));
    let refused = subdevcfg(&["apply", more, "--yes", "--allow", "parent-wide"]).expect(3);
    let words = format!("IN USE    vfio: held open by sleep (pid {})", user.id());
    assert!(refused.stdout.contains(&words), "{words}: {}", refused.all());
    assert_eq!(types_on(1), "lab_vgpu-large");
    user.kill().unwrap();
    user.wait().unwrap();
    apply(more);
    destroy();
}
