//! Who has the VFIO device of a PCI function or of a mediated device open: by its group (`/dev/vfio/N`) or by its character device
//! (`/dev/vfio/devices/vfioN`, since 6.1), as /proc tells.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use camino::Utf8Path;
use nix::errno::Errno;
use subdevcfg_compiler::values::DevlinkHandle;

use super::{PCI, Sysfs, errno, list, text};
use crate::state::VfioUser;

/// The folder of VFIO's device files.
const DEVICES: &str = "/dev/vfio/";

/// The classes of VFIO's groups (`vfio_group_init`, drivers/vfio/group.c) and of its devices (drivers/vfio/vfio_main.c).
const CLASSES: [&str; 2] = ["sys/class/vfio", "sys/class/vfio-dev"];

/// Open files of VFIO with their users.
#[derive(Debug, Default)]
pub(in crate::live) struct OpenFiles {
    /// The devices that can be open.
    devices: BTreeSet<DevlinkHandle>,
    users: BTreeMap<String, Vec<VfioUser>>,
    /// Some processes could not be looked into.
    hidden: bool,
}

impl Sysfs {
    /// The open files of VFIO of all processes, if one of these devices can be open. Where VFIO has made no device file at all,
    /// none is looked at.
    pub fn open_vfio_files(&self, devices: impl Iterator<Item = DevlinkHandle>) -> Option<OpenFiles> {
        let is_empty = |class: &str| list(&self.root.join(class)).is_ok_and(|files| files.is_empty());
        if CLASSES.into_iter().all(is_empty) {
            return None;
        }
        let devices: BTreeSet<DevlinkHandle> = devices.filter(|device| self.is_vfio(device)).collect();
        if devices.is_empty() {
            return None;
        }
        let mut found = OpenFiles { devices, ..OpenFiles::default() };
        let processes = self.root.join("proc");
        for pid in list(&processes).unwrap_or_default().iter().filter_map(|name| name.parse::<u32>().ok()) {
            let process = processes.join(pid.to_string());
            match open_files(&process.join("fd")) {
                Ok(files) => {
                    for file in files {
                        let name = text(&process.join("comm")).unwrap_or_default();
                        found.users.entry(file).or_default().push(VfioUser::Process(name, pid));
                    }
                }
                // It has ended meanwhile.
                Err(error) if matches!(errno(&error), Errno::ENOENT | Errno::ESRCH) => {}
                Err(_) => found.hidden = true,
            }
        }
        Some(found)
    }

    /// Whether a function can be open through VFIO: its driver has made a device file for it (since 6.1), or is the one
    /// that makes them. A mediated device has an IOMMU group for VFIO only (`vfio_register_emulated_iommu_dev`).
    fn is_vfio(&self, address: &DevlinkHandle) -> bool {
        let Some(device) = self.device(address.bus(), address.device()) else { return false };
        let has = |name: &str| device.join(name).exists();
        let is_driven_by_vfio = || self.driver(address).as_deref() == Some("vfio-pci");
        has("vfio-dev") || if address.bus() == PCI { is_driven_by_vfio() } else { has("iommu_group") }
    }

    /// Who has a function open.
    pub fn vfio_users(&self, address: &DevlinkHandle, open: &OpenFiles) -> Vec<VfioUser> {
        if !open.devices.contains(address) {
            return Vec::new();
        }
        let Some(device) = self.device(address.bus(), address.device()) else { return Vec::new() };
        let group = device.join("iommu_group").read_link_utf8().ok();
        let group = group.and_then(|link| link.file_name().map(|number| format!("{DEVICES}{number}")));
        let own = list(&device.join("vfio-dev")).unwrap_or_default();
        let own = own.into_iter().map(|name| format!("{DEVICES}devices/{name}"));
        let users = group.into_iter().chain(own).filter_map(|file| open.users.get(&file)).flatten();
        let users: Vec<VfioUser> = users.cloned().collect();
        // What cannot be seen counts as open.
        if users.is_empty() && open.hidden { vec![VfioUser::Unknown] } else { users }
    }
}

/// The files of VFIO among the open files of a process, each once.
fn open_files(folder: &Utf8Path) -> io::Result<Vec<String>> {
    let mut files = Vec::new();
    for entry in folder.read_dir_utf8()? {
        let target = entry?.path().read_link_utf8();
        let target = target.map(camino::Utf8PathBuf::into_string).unwrap_or_default();
        // That of the container is no device's.
        if target.starts_with(DEVICES) && target != "/dev/vfio/vfio" && !files.contains(&target) {
            files.push(target);
        }
    }
    Ok(files)
}
