//! The same questions to hosts that are folders.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use subdevcfg_compiler::catalogue::Catalogue;
use subdevcfg_compiler::values::DevlinkHandle;
use subdevcfg_reconciler::state::{Parent, Sriov, State, Volatile};

use super::*;

/// A folder, and what is known of drivers on that host beside what the program knows.
struct Host(tempfile::TempDir, Vec<Arc<Catalogue>>);

impl Host {
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        Self(folder, Vec::new())
    }

    fn examine(&self, release: &str, observed: Result<&State, String>, needs: &Needs) -> String {
        let root = self.0.path().to_str().unwrap();
        let running = vec!["NetworkManager (process 411)".to_owned()];
        text(&examine(&System::new(root, release, running), observed, &self.1, needs)).replace(root, "")
    }
}

const ROOT: (&str, &str) = ("proc/self/status", "Name:\tsubdevcfg\nCapEff:\t000001ffffffffff\n");

fn snapshot(name: &str, text: &str) {
    insta::with_settings!({
        snapshot_path => Path::new(env!("CARGO_MANIFEST_DIR")).join("../snapshots/cli"),
        prepend_module_to_snapshot => false,
    }, {
        insta::assert_snapshot!(name, text);
    });
}

/// A VF host whose file wants more than it has.
#[test]
fn what_a_file_needs_and_is_not_there_is_told_with_what_to_do() {
    let host = Host::new(&[
        ("proc/self/status", "CapEff:\t0000000000000000\n"),
        (
            "lib/modules/6.1.0/modules.dep",
            "kernel/drivers/vfio/pci/vfio-pci.ko.xz: kernel/drivers/vfio/vfio.ko\n",
        ),
    ]);
    let needs = Needs {
        mdevs: true,
        soft_buses: ["subdev".to_owned()].into(),
        bridges: true,
        drivers: ["vfio-pci".to_owned()].into(),
        newer: [("function roce".to_owned(), (6, 2))].into(),
    };
    let said = host.examine("6.1.0", Err("the kernel has no devlink".to_owned()), &needs);
    snapshot("doctor-lacks", &said);
}

/// A host on which all is well, with other tools beside.
#[test]
fn devices_and_other_tools_are_told() {
    let mut state = State::empty();
    let nic = Parent {
        driver: Some("mlx5_core".to_owned()),
        sriov: Some(Sriov { vfs: 2, most: Volatile(Some(8)), ..Sriov::default() }),
        ..Parent::default()
    };
    let unknown = Parent { driver: Some("newdrv".to_owned()), ..Parent::default() };
    let switch = Parent { driver: Some("mlxsw_spectrum".to_owned()), ..Parent::default() };
    for (device, parent) in [("0000:08:00.0", nic), ("0000:09:00.0", unknown), ("0000:0a:00.0", switch)] {
        state.parents.insert(DevlinkHandle::new("pci", device), parent);
    }
    let host = Host::new(&[
        ROOT,
        ("sys/class/mdev_bus/.keep", ""),
        ("etc/mellanox/mlnx-sf.conf", "# none\n/sbin/mlnx-sf -a create -d 0000:03:00.0 -n 0\n"),
        ("etc/mdevctl.d/mtty/83b8f4f2-509f-382f-3c1e-e6bfe0fa1001", "{}"),
        ("etc/netplan/50-vfs.yaml", "network:\n  ethernets:\n    eno1:\n      virtual-function-count: 4\n"),
        ("proc/cmdline", "root=/dev/sda1 subdevcfg=off\n"),
    ]);
    snapshot("doctor-devices", &host.examine("6.12.0", Ok(&state), &Needs::default()));
}

/// What a catalogue says that the command line names is known of its driver.
#[test]
fn a_catalogue_of_ones_own_counts() {
    let text = "driver newdrv source=\"its manual\"\nquirk \"Resets its ports.\" source=\"its manual\"\n";
    let mut host = Host::new(&[ROOT]);
    let mut state = State::empty();
    let parent = Parent { driver: Some("newdrv".to_owned()), ..Parent::default() };
    state.parents.insert(DevlinkHandle::new("pci", "0000:09:00.0"), parent);
    let said = |host: &Host| host.examine("6.12.0", Ok(&state), &Needs::default());
    assert!(said(&host).contains("nothing is known of this driver"), "{}", said(&host));
    host.1.push(Arc::new(Catalogue::read_file("newdrv.kdl".into(), text).unwrap()));
    assert!(!said(&host).contains("nothing is known"), "{}", said(&host));
    assert!(said(&host).contains("help: subdevcfg explain newdrv"), "{}", said(&host));
}

#[test]
fn a_host_without_anything_is_told_so() {
    let host = Host::new(&[ROOT]);
    snapshot("doctor-empty", &host.examine("5.10.0", Ok(&State::empty()), &Needs::default()));
}
