//! Who has the VFIO device of a PCI function or of a mediated device open: by its group (`/dev/vfio/N`) or by its character device
//! (`/dev/vfio/devices/vfioN`, since 6.1), as /proc tells; and who has a vDPA device open (`/dev/vhost-vdpa-N`).

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use nix::errno::Errno;
use subdevcfg_compiler::values::DevlinkHandle;

use super::{PCI, Sysfs, errno, list, resolved, text};
use crate::state::VfioUser;

/// The folder of VFIO's device files.
const DEVICES: &str = "/dev/vfio/";

/// What the device files of `vhost_vdpa` begin with, and their entries below the devices (`vhost_vdpa_probe`).
const VHOST: &str = "/dev/vhost-vdpa-";

/// The classes of VFIO's groups (`vfio_group_init`, drivers/vfio/group.c) and of its devices (`drivers/vfio/vfio_main.c`).
const CLASSES: [&str; 2] = ["sys/class/vfio", "sys/class/vfio-dev"];

/// Open files of VFIO and `vhost_vdpa` with their users.
#[derive(Debug, Default)]
pub(in crate::live) struct OpenFiles {
    /// The devices that can be open.
    devices: BTreeSet<DevlinkHandle>,
    vhosts: Vhosts,
    users: BTreeMap<String, Vec<VfioUser>>,
    /// Some processes could not be looked into.
    hidden: bool,
}

/// The device files of `vhost_vdpa`, by the folders of their vDPA devices. These are below the devices that carry them
/// (`vdpa_alloc_device`; mlx5 gives its PCI or auxiliary device).
type Vhosts = BTreeMap<Utf8PathBuf, String>;

impl Sysfs {
    /// The open files of all processes, if one of these devices can be open through VFIO, or a vDPA device. Where there is no
    /// device file at all, none is looked at.
    pub fn open_vfio_files(&self, devices: impl Iterator<Item = DevlinkHandle>) -> Option<OpenFiles> {
        let is_empty = |class: &str| list(&self.root.join(class)).is_ok_and(|files| files.is_empty());
        let devices: BTreeSet<DevlinkHandle> = if CLASSES.into_iter().all(is_empty) {
            BTreeSet::new()
        } else {
            devices.filter(|device| self.is_vfio(device)).collect()
        };
        let vhosts = self.vhosts();
        (!vhosts.is_empty() || !devices.is_empty()).then(|| self.open_files_of(devices, vhosts))
    }

    fn vhosts(&self) -> Vhosts {
        let devices = self.root.join("sys/bus/vdpa/devices");
        let names = list(&devices).unwrap_or_default();
        let file = |folder: Utf8PathBuf| {
            let entries = list(&folder).unwrap_or_default().into_iter().map(|name| format!("/dev/{name}"));
            entries.filter(|file| file.starts_with(VHOST)).min().map(|file| (folder, file))
        };
        names.iter().filter_map(|name| resolved(&devices.join(name))).filter_map(file).collect()
    }

    /// The open files of VFIO and `vhost_vdpa` of all processes.
    fn open_files_of(&self, devices: BTreeSet<DevlinkHandle>, vhosts: Vhosts) -> OpenFiles {
        let mut found = OpenFiles { devices, vhosts, ..OpenFiles::default() };
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
        found
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
        open.or_hidden(users.cloned().collect())
    }

    /// The vDPA devices that somebody has open, of a device that carries some or of one that is one itself: by their files.
    pub fn vhost_users(&self, address: &DevlinkHandle, open: &OpenFiles) -> Vec<(String, Vec<VfioUser>)> {
        let folder = || resolved(&self.device(address.bus(), address.device())?);
        let Some(folder) = (!open.vhosts.is_empty()).then(folder).flatten() else { return Vec::new() };
        let files =
            open.vhosts.iter().filter(|(device, _)| device.starts_with(&folder)).map(|(_, file)| file);
        let users = |file: &String| open.or_hidden(open.users.get(file).cloned().unwrap_or_default());
        files.map(|file| (file.clone(), users(file))).filter(|(_, users)| !users.is_empty()).collect()
    }

    /// The same of several, as it is now.
    pub fn vhost_users_now(&self, devices: &[DevlinkHandle]) -> Vec<(String, Vec<VfioUser>)> {
        if devices.is_empty() {
            return Vec::new();
        }
        let vhosts = self.vhosts();
        if vhosts.is_empty() {
            return Vec::new();
        }
        let open = self.open_files_of(BTreeSet::new(), vhosts);
        devices.iter().flat_map(|device| self.vhost_users(device, &open)).collect()
    }
}

impl OpenFiles {
    /// What cannot be seen counts as open.
    fn or_hidden(&self, users: Vec<VfioUser>) -> Vec<VfioUser> {
        if users.is_empty() && self.hidden { vec![VfioUser::Unknown] } else { users }
    }
}

/// The files of VFIO and `vhost_vdpa` among the open files of a process, each once.
fn open_files(folder: &Utf8Path) -> io::Result<Vec<String>> {
    let mut files = Vec::new();
    for entry in folder.read_dir_utf8()? {
        let target = entry?.path().read_link_utf8();
        let target = target.map(Utf8PathBuf::into_string).unwrap_or_default();
        // That of the container is no device's.
        let is_vfio = target.starts_with(DEVICES) && target != "/dev/vfio/vfio";
        if (is_vfio || target.starts_with(VHOST)) && !files.contains(&target) {
            files.push(target);
        }
    }
    Ok(files)
}
