//! PCI VFs of a device without devlink: an `NVMe` controller that QEMU emulates, behind an IOMMU.

use crate::guest::{apply, config, destroy, example, host_file, on_the_debug_kernel, sh, subdevcfg};

const PF: &str = "/sys/bus/pci/devices/0000:01:00.0";
const VF: &str = "/sys/bus/pci/devices/0000:01:00.1";

/// Whether the guest has the controller, which is all but the debug kernel's; without VFs, whatever the test before left
/// behind.
pub fn fresh() -> bool {
    if on_the_debug_kernel() {
        return false;
    }
    sh(&format!("echo 0 > {PF}/sriov_numvfs; echo 1 > {PF}/sriov_drivers_autoprobe; rm -rf /run/subdevcfg"));
    true
}

/// QEMU gives the VFs no queues: the kernel's driver binds to one, fails (on 6.1 some time later) and lets go.
pub fn settle() {
    sh(&format!(
        "for i in $(seq 100); do ls -ld {PF}/virtfn*/driver 2>/dev/null | grep -q /nvme$ || break; usleep 100000; done"
    ));
}

fn device(body: &str) -> &'static str {
    host_file(&format!("subdevcfg version=1\nhost lab\ndevice \"pci/0000:01:00.0\" {{ {body} }}\n"))
}

fn driver() -> String {
    sh(&format!("[ ! -e {VF}/driver ] || basename $(readlink {VF}/driver)"))
}

#[test]
fn the_example_is_applied_changed_and_taken_away() {
    if !fresh() {
        return;
    }
    let before = config();
    let text = example("nvme-vfs.kdl");
    apply(host_file(&text));
    assert_eq!((sh(&format!("cat {PF}/sriov_numvfs")), driver()), ("4".to_owned(), "vfio-pci".to_owned()));
    // It was off only while they came.
    assert_eq!(sh(&format!("cat {PF}/sriov_drivers_autoprobe")), "1");
    apply(host_file(&text.replace("vfs 4", "vfs 2")));
    assert_eq!((sh(&format!("cat {PF}/sriov_numvfs")), driver()), ("2".to_owned(), "vfio-pci".to_owned()));
    destroy();
    assert_eq!(config(), before);
}

#[test]
fn drift_of_a_driver_is_named_and_repaired() {
    if !fresh() {
        return;
    }
    let file = device("vfs 1; subdevice vm { vf 0; bind vfio-pci; }");
    apply(file);
    sh(&format!("echo 0000:01:00.1 > {VF}/driver/unbind; echo > {VF}/driver_override"));
    let plan = subdevcfg(&["plan", file, "--detailed-exitcode"]).expect(2);
    assert!(plan.stdout.contains("#vm.bind   by the kernel seen, vfio-pci was applied"), "{}", plan.all());
    apply(file);
    assert_eq!(driver(), "vfio-pci");
    destroy();
}

#[test]
fn a_driver_goes_back_to_what_it_was() {
    if !fresh() {
        return;
    }
    sh(&format!("echo 1 > {PF}/sriov_numvfs"));
    settle();
    let before = config();
    let file = device("subdevice vm { vf 0; bind vfio-pci; }");
    subdevcfg(&["apply", file, "--yes", "--allow", "subdevice-restart"]).expect(0);
    assert_eq!(driver(), "vfio-pci");
    subdevcfg(&["undo", "--yes", "--allow", "subdevice-restart"]).expect(0);
    assert_eq!(config(), before);
}

#[test]
fn too_many_are_refused_before_anything_is_done() {
    if !fresh() {
        return;
    }
    let refused = subdevcfg(&["apply", device("vfs 5"), "--yes"]).expect(3);
    assert!(refused.stdout.contains("5 VFs are too many: this device can have 4"), "{}", refused.all());
}

#[test]
fn a_function_that_a_virtual_machine_has_is_taken_only_by_name() {
    if !fresh() {
        return;
    }
    let with = |number: u32| device(&format!("vfs {number}; subdevice vm {{ vf 0; bind vfio-pci; }}"));
    apply(with(2));
    settle();
    let before = config();
    let group = sh(&format!("basename $(readlink {VF}/iommu_group)"));
    let mut user = std::process::Command::new("sleep")
        .arg("1000")
        .stdin(std::fs::OpenOptions::new().read(true).write(true).open(format!("/dev/vfio/{group}")).unwrap())
        .spawn()
        .unwrap();
    let file = with(3);
    let refused = subdevcfg(&[
        "apply",
        file,
        "--yes",
        "--allow",
        "parent-wide",
        "--allow-in-use",
        "pci/0000:01:00.0#vm",
    ])
    .expect(3);
    for words in
        [&format!("IN USE    vfio: held open by sleep (pid {})", user.id()), "--evict pci/0000:01:00.0#vm"]
    {
        assert!(refused.stdout.contains(words), "{words}: {}", refused.all());
    }
    assert_eq!(config(), before);
    user.kill().unwrap();
    user.wait().unwrap();
    apply(file);
    destroy();
}
