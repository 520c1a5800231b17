//! SR-IOV over an invented sysfs. What a real kernel does is the lab's to show.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;
use std::time::Duration;

use nix::errno::Errno;

use super::*;
use crate::live::tree::Tree;
use crate::state::VfioUser;

const DEVICES: &str = "sys/bus/pci/devices";
const PF: &str = "0000:01:00.0";

/// A PF with room for four VFs, the two that it has, and a driver of each.
fn host() -> Tree {
    let tree = Tree::empty();
    for (file, text) in
        [("sriov_totalvfs", "4\n"), ("sriov_numvfs", "2\n"), ("sriov_drivers_autoprobe", "1\n")]
    {
        tree.file(&format!("{DEVICES}/{PF}/{file}"), text);
    }
    for index in 0..2 {
        let vf = tree.root.join(DEVICES).join(format!("0000:01:00.{}", index + 1));
        fs::create_dir_all(&vf).unwrap();
        symlink(format!("../{PF}"), vf.join("physfn")).unwrap();
        symlink(
            format!("../{}", vf.file_name().unwrap()),
            tree.root.join(format!("{DEVICES}/{PF}/virtfn{index}")),
        )
        .unwrap();
        tree.file(&format!("{DEVICES}/{}/driver_override", vf.file_name().unwrap()), "(null)\n");
    }
    tree.file("sys/bus/pci/drivers_probe", "");
    tree
}

fn pf() -> DevlinkHandle {
    DevlinkHandle::new("pci", PF)
}

fn vf() -> DevlinkHandle {
    DevlinkHandle::new("pci", "0000:01:00.1")
}

#[test]
fn a_vf_has_an_address_before_it_is_there() {
    let tree = host();
    let address = |pf: &str, index| tree.sysfs().vf_address_to_be(&DevlinkHandle::new("pci", pf), index);
    assert_eq!(address(PF, 1).as_deref(), Some("0000:01:00.2"), "by its link");
    assert_eq!(address(PF, 2), None, "nothing tells where it will be");
    // The second function of a device: its VFs go on where those of the first end, on the bus after that in the end.
    for (file, text) in [("sriov_offset", "128\n"), ("sriov_stride", "2\n")] {
        tree.file(&format!("{DEVICES}/0000:08:00.1/{file}"), text);
    }
    let found = [0, 4, 63, 64].map(|index| address("0000:08:00.1", index).unwrap());
    assert_eq!(found, ["0000:08:10.1", "0000:08:11.1", "0000:08:1f.7", "0000:09:00.1"]);
}

#[test]
fn vfs_are_counted_by_their_devices() {
    let tree = host();
    let found = tree.sysfs().sriov(&pf()).unwrap();
    assert_eq!((found.vfs, found.autoprobe, found.most.0), (2, Some(true), Some(4)));
    assert_eq!(tree.sysfs().sriov_parents(), [pf()]);
    assert_eq!(tree.sysfs().sriov(&vf()), None);
    assert_eq!(tree.sysfs().vf_address(&pf(), 1).unwrap().to_string(), "pci/0000:01:00.2");
    let device = tree.sysfs().vf_device(&vf()).unwrap();
    assert_eq!((device.driver, device.driver_override), (None, None));
}

#[test]
fn autoprobe_is_off_only_around_the_write_and_the_others_are_probed() {
    let tree = host();
    tree.sysfs().set_vfs(&pf(), 2, &[0]).unwrap();
    assert_eq!(tree.read(&format!("{DEVICES}/{PF}/sriov_drivers_autoprobe")), "1\n");
    // The one that is not held.
    assert_eq!(tree.read("sys/bus/pci/drivers_probe"), "0000:01:00.2");
}

#[test]
fn a_number_that_the_driver_does_not_keep_is_an_error_and_autoprobe_is_on_again() {
    let tree = host();
    let numvfs = tree.root.join(format!("{DEVICES}/{PF}/sriov_numvfs"));
    fs::remove_file(&numvfs).unwrap();
    // It takes any number and keeps none.
    symlink("/dev/null", &numvfs).unwrap();
    let error = tree.sysfs().set_vfs(&pf(), 2, &[]).unwrap_err();
    assert_eq!(error.kernel_message(), Some("the driver took 2 for the number of VFs, and 0 were there"));
    assert_eq!(tree.read(&format!("{DEVICES}/{PF}/sriov_drivers_autoprobe")), "1\n");
    assert_eq!(tree.read("sys/bus/pci/drivers_probe"), "");
    // Nor does a refusal leave it off.
    fs::remove_file(&numvfs).unwrap();
    let error = tree.sysfs().set_vfs(&pf(), 2, &[]).unwrap_err();
    assert!(matches!(error, RequestError::Refused { errno: Errno::ENOENT, .. }), "{error}");
    assert_eq!(tree.read(&format!("{DEVICES}/{PF}/sriov_drivers_autoprobe")), "1\n");
}

#[test]
fn a_write_that_does_not_end_is_told_of() {
    let tree = host();
    let pipe = tree.root.join("unbind");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    // Nobody reads it, so that it cannot be opened.
    let error = tree.sysfs().write_within("unbind", "0000:01:00.1", Duration::from_millis(20)).unwrap_err();
    assert!(matches!(&error, RequestError::Blocked { file, .. } if file == "/unbind"), "{error}");
    // The write goes on: it ends when somebody lets it.
    assert_eq!(fs::read_to_string(&pipe).unwrap(), "0000:01:00.1");
}

#[test]
fn an_override_is_an_empty_line_when_it_is_taken_back() {
    let tree = host();
    let sysfs = tree.sysfs();
    let file = format!("{DEVICES}/0000:01:00.1/driver_override");
    sysfs.set_driver_override(&vf(), Some("vfio-pci")).unwrap();
    assert_eq!(sysfs.vf_device(&vf()).unwrap().driver_override.as_deref(), Some("vfio-pci"));
    fs::write(tree.root.join(&file), "").unwrap();
    sysfs.set_driver_override(&vf(), None).unwrap();
    assert_eq!(tree.read(&file), "\n");
}

#[test]
fn who_has_a_group_or_a_device_open_is_found_and_what_cannot_be_seen_counts_as_open() {
    let tree = host();
    let group = tree.root.join(format!("{DEVICES}/0000:01:00.1/iommu_group"));
    symlink("/sys/kernel/iommu_groups/7", group).unwrap();
    fs::create_dir_all(tree.root.join(format!("{DEVICES}/0000:01:00.1/vfio-dev/vfio3"))).unwrap();
    let open = |pid: u32, target: &str| {
        fs::create_dir_all(tree.root.join(format!("proc/{pid}/fd"))).unwrap();
        symlink(target, tree.root.join(format!("proc/{pid}/fd/5"))).unwrap();
        tree.file(&format!("proc/{pid}/comm"), "qemu\n");
    };
    open(11, "/dev/vfio/vfio");
    open(12, "/dev/vfio/8");
    let other = DevlinkHandle::new("pci", "0000:01:00.2");
    assert!(tree.sysfs().open_vfio_files([vf()].into_iter()).is_none(), "VFIO has no device file");
    fs::create_dir_all(tree.root.join("sys/class/vfio/7")).unwrap();
    assert!(tree.sysfs().open_vfio_files([other.clone()].into_iter()).is_none(), "none of these can be open");
    let open_files = || tree.sysfs().open_vfio_files([vf(), other.clone()].into_iter()).unwrap();
    let users = || tree.sysfs().vfio_users(&vf(), &open_files());
    assert_eq!(users(), []);
    open(13, "/dev/vfio/7");
    open(14, "/dev/vfio/devices/vfio3");
    assert_eq!(users(), [VfioUser::Process("qemu".to_owned(), 13), VfioUser::Process("qemu".to_owned(), 14)]);
    fs::remove_dir_all(tree.root.join("proc")).unwrap();
    // A process whose files cannot be listed.
    tree.file("proc/15/fd", "");
    assert_eq!(users(), [VfioUser::Unknown]);
    assert_eq!(tree.sysfs().vfio_users(&other, &open_files()), [], "it cannot be open");
}

#[test]
fn an_rdma_device_is_one_of_a_device_and_a_thread_is_one_of_a_process() {
    let tree = host();
    let sysfs = tree.sysfs();
    assert!(!sysfs.has_rdma_devices());
    let device = tree.root.join("sys/class/infiniband/mlx5_4/device");
    fs::create_dir_all(device.parent().unwrap()).unwrap();
    let of = tree.root.join("sys/devices/pci0000:00/0000:08:00.0/mlx5_core.sf.4");
    fs::create_dir_all(&of).unwrap();
    symlink(&of, &device).unwrap();
    symlink("/sys/bus/auxiliary", of.join("subsystem")).unwrap();
    assert!(sysfs.has_rdma_devices());
    assert_eq!(sysfs.rdma_parent("mlx5_4"), Some(DevlinkHandle::new("auxiliary", "mlx5_core.sf.4")));
    assert_eq!(sysfs.rdma_parent("mlx5_5"), None);
    tree.file("proc/78/status", "Name:\tworker\nUmask:\t0022\nTgid:\t77\nPid:\t78\n");
    tree.file("proc/77/comm", "ib_write_bw\n");
    assert_eq!(sysfs.process_of(78), ("ib_write_bw".to_owned(), 77));
    assert_eq!(sysfs.process_of(79), (String::new(), 79));
}

#[test]
fn a_driver_that_has_let_go_by_itself_is_unbound() {
    let tree = host();
    // No `driver`: the file to write to is not there.
    tree.sysfs().unbind(&vf()).unwrap();
    // A device that is gone is another matter.
    let gone = DevlinkHandle::new("pci", "0000:01:00.7");
    let error = tree.sysfs().unbind(&gone).unwrap_err();
    assert!(matches!(error, RequestError::Refused { errno: Errno::ENOENT, .. }), "{error}");
    // And so is a driver that is there and does not let go.
    fs::create_dir_all(tree.root.join(format!("{DEVICES}/0000:01:00.1/driver"))).unwrap();
    assert!(tree.sysfs().unbind(&vf()).is_err());
}

#[test]
fn what_a_vf_carries_is_on_its_pf() {
    let tree = host();
    let vf = format!("{DEVICES}/0000:01:00.2");
    let uuid = "9b3f4a52-6a0e-4b6a-9c1d-000000000004";
    tree.file(&format!("{vf}/mdev_supported_types/vgpu-small/available_instances"), "0\n");
    tree.file(&format!("{vf}/mdev_supported_types/vgpu-small/name"), "A small one\n");
    tree.file(&format!("{vf}/{uuid}/uevent"), "");
    tree.file("sys/bus/mdev/devices/uevent", "");
    tree.file("sys/class/mdev_bus/uevent", "");
    let link = |to: &str, at: &str| symlink(tree.root.join(to), tree.root.join(at)).unwrap();
    link("sys/bus/pci", &format!("{vf}/subsystem"));
    link(&format!("{vf}/mdev_supported_types/vgpu-small"), &format!("{vf}/{uuid}/mdev_type"));
    link(&format!("{vf}/{uuid}"), &format!("sys/bus/mdev/devices/{uuid}"));
    link(&vf, "sys/class/mdev_bus/0000:01:00.2");
    let mdev = tree.sysfs().mdev(uuid.parse().unwrap()).unwrap();
    assert_eq!((mdev.parent, mdev.on_vf, mdev.kind.as_str()), (pf(), Some(1), "vgpu-small"));
    // The VF is no parent of its own, and tells its types all the same.
    assert_eq!(tree.sysfs().mdev_parents().unwrap(), []);
    let second = DevlinkHandle::new("pci", "0000:01:00.2");
    assert_eq!(tree.sysfs().mdev_types(&second).unwrap()["vgpu-small"].available, 0);
    assert_eq!(tree.sysfs().place_of_vf(&pf()), None);
}
