//! sysfs and procfs below a root, which tests move to a folder of their own. The only place in [`super`] that touches
//! files.

mod sriov;
#[cfg(test)]
mod tests;
mod vfio;

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read, Write};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};
use nix::errno::Errno;
use subdevcfg_compiler::catalogue::Catalogue;
use subdevcfg_compiler::values::DevlinkHandle;
use subdevcfg_netlink::devlink::Handle;
use uuid::Uuid;

use crate::kernel::{ObserveError, RequestError};
use crate::state::{MdevType, SoftSpec};

pub(super) use vfio::OpenFiles;

/// The values of `name_assign_type` that say that somebody chose the name: `NET_NAME_USER` and `NET_NAME_RENAMED`
/// (include/uapi/linux/netdevice.h). The kernel's own are 1, and 0 reads as `EINVAL` (net/core/net-sysfs.c).
const CHOSEN_NAME: [&str; 2] = ["3", "4"];

/// The bus on which VFs are devices of their own.
const PCI: &str = "pci";

/// Buses of functions, which are no classes: a look for each function whether they are would be felt.
const BUSES: [&str; 3] = [PCI, "auxiliary", "mdev"];

/// The devices that mediated devices can be made on.
const MDEV_PARENTS: &str = "sys/class/mdev_bus";

/// The folder of such a device with a folder for each type that it takes.
const MDEV_TYPES: &str = "mdev_supported_types";

/// More than most attributes have. Of a longer one the rest is read after that; a page each time would have to be cleared.
const ATTRIBUTE: usize = 64;

/// A file system of the kernel's, or a copy of parts of one.
#[derive(Debug, Clone)]
pub(super) struct Sysfs {
    root: Utf8PathBuf,
}

/// A mediated device as sysfs shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mdev {
    /// The device it is on.
    pub parent: DevlinkHandle,
    /// The index of the VF of that device that carries it.
    pub on_vf: Option<u32>,
    /// The directory name of its type.
    pub kind: String,
    /// Index of its port on the parent; the bundled module tells it, since only kernels from 6.7 on do.
    pub port_index: Option<u32>,
}

/// What an auxiliary device says of its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Auxiliary {
    /// The device it is on.
    pub parent: DevlinkHandle,
    /// The number of the subfunction that it is: `sfnum` of mlx5 (drivers/net/ethernet/mellanox/mlx5/core/sf/dev/dev.c)
    /// and of the bundled module.
    pub sf_number: Option<u32>,
}

/// How long udevd may take over a new interface.
const UDEV_DEADLINE: Duration = Duration::from_secs(5);

/// How often it is looked whether it has.
const UDEV_LOOK: Duration = Duration::from_millis(5);

impl Sysfs {
    /// Waits until udevd, where it runs, has processed a new interface: its rules read attributes by the name that the
    /// interface came with, and find nothing when that is another by then. One that is not processed in time is renamed all
    /// the same.
    pub fn wait_for_udev(&self, interface: u32) {
        let processed = self.root.join(format!("run/udev/data/n{interface}"));
        let runs = self.root.join("run/udev/control").exists();
        let deadline = Instant::now() + UDEV_DEADLINE;
        while runs && !processed.exists() && Instant::now() < deadline {
            thread::sleep(UDEV_LOOK);
        }
    }

    /// Whether the kernel has a bus of that name.
    pub fn has_bus(&self, bus: &str) -> bool {
        self.root.join("sys/bus").join(bus).exists()
    }

    /// Whether there is any RDMA device.
    pub fn has_rdma_devices(&self) -> bool {
        list(&self.root.join("sys/class/infiniband")).is_ok_and(|devices| !devices.is_empty())
    }

    /// The device that an RDMA device is one of.
    pub fn rdma_parent(&self, name: &str) -> Option<DevlinkHandle> {
        own_name(&self.root.join("sys/class/infiniband").join(name).join("device"))
    }

    /// The process of a thread: its name, which is empty when it has ended, and its number.
    pub fn process_of(&self, thread: u32) -> (String, u32) {
        let folder = self.root.join("proc");
        let status = text(&folder.join(format!("{thread}/status"))).unwrap_or_default();
        let process = status.lines().find_map(|line| line.strip_prefix("Tgid:")?.trim().parse().ok());
        let process = process.unwrap_or(thread);
        (text(&folder.join(format!("{process}/comm"))).unwrap_or_default(), process)
    }

    pub fn new(root: impl Into<Utf8PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// `uname -r`.
    pub fn kernel_release(&self) -> Result<String, ObserveError> {
        self.required("proc/sys/kernel/osrelease")
    }

    /// `/proc/self/mountinfo`. Names of folders are any bytes.
    pub fn mounts(&self) -> String {
        let told = fs::read(self.root.join("proc/self/mountinfo")).unwrap_or_default();
        String::from_utf8_lossy(&told).into_owned()
    }

    /// The number of the process that Open vSwitch's daemon says it is, while it runs and after it was killed.
    pub fn ovs_daemon(&self) -> Option<String> {
        text(&self.root.join("run/openvswitch/ovs-vswitchd.pid")).filter(|pid| is_name(pid))
    }

    /// The index of a Linux bridge: a netdev with a folder `bridge` (`br_sysfs_addbr`).
    pub fn bridge_index(&self, name: &str) -> Option<u32> {
        let netdev = self.root.join("sys/class/net").join(name);
        if netdev.join("bridge").is_dir() { number(&netdev.join("ifindex")) } else { None }
    }

    /// The slot that a PCI device is in: the one whose `address` is the device's without its function
    /// (`address_read_file` of drivers/pci/slot.c).
    pub fn pci_slot(&self, handle: &Handle) -> Option<String> {
        let (device, _) = handle.device.rsplit_once('.').filter(|_| handle.bus == "pci")?;
        let slots = self.root.join("sys/bus/pci/slots").read_dir_utf8().ok()?;
        let is_it = |slot: &Utf8PathBuf| {
            fs::read_to_string(slot.join("address")).is_ok_and(|address| address.trim() == device)
        };
        let slot = slots.filter_map(Result::ok).map(camino::Utf8DirEntry::into_path).find(is_it)?;
        slot.file_name().map(str::to_owned)
    }

    /// Another one after each boot.
    pub fn boot_id(&self) -> Result<String, ObserveError> {
        self.required("proc/sys/kernel/random/boot_id")
    }

    fn required(&self, file: &str) -> Result<String, ObserveError> {
        let path = self.root.join(file);
        let text = fs::read_to_string(&path).map_err(|source| ObserveError::File { path, source })?;
        Ok(text.trim_end().to_owned())
    }

    /// All mediated devices, from the folders of their types: one folder tells of hundreds what two links would of each
    /// (`mdev_create_sysfs_files`, `drivers/vfio/mdev/mdev_sysfs.c`). Whose port `ports` has is not asked for it.
    pub fn mdevs(&self, ports: &BTreeMap<Uuid, u32>) -> Result<BTreeMap<Uuid, Mdev>, ObserveError> {
        let class = self.root.join(MDEV_PARENTS);
        let mut found = BTreeMap::new();
        for link in list(&class)?.into_iter().map(|name| class.join(name)) {
            let (Some(device), Some(folder)) = (own_name(&link), resolved(&link)) else { continue };
            let (parent, on_vf) = self.carried_by(device);
            let types = folder.join(MDEV_TYPES);
            for kind in list(&types)? {
                let names = list(&types.join(&kind).join("devices"))?;
                for uuid in names.iter().filter_map(|name| name.parse::<Uuid>().ok()) {
                    let by_driver = || number(&folder.join(format!("{uuid}/port_index")));
                    let port_index = ports.get(&uuid).copied().or_else(by_driver);
                    let (parent, kind) = (parent.clone(), kind.clone());
                    found.insert(uuid, Mdev { parent, on_vf, kind, port_index });
                }
            }
        }
        Ok(found)
    }

    /// One mediated device; `None` when there is none of that UUID, or none any more.
    pub fn mdev(&self, uuid: Uuid) -> Option<Mdev> {
        let device = resolved(&self.root.join(format!("sys/bus/mdev/devices/{uuid}")))?;
        let (parent, on_vf) = self.carried_by(device_above(&device)?);
        let kind = device.join("mdev_type").read_link_utf8().ok()?.file_name()?.to_owned();
        Some(Mdev { parent, on_vf, kind, port_index: number(&device.join("port_index")) })
    }

    /// The parent of the mediated devices on a device: itself, or the PF of which it is a VF, with its index.
    fn carried_by(&self, device: DevlinkHandle) -> (DevlinkHandle, Option<u32>) {
        match self.place_of_vf(&device) {
            Some((parent, index)) => (parent, Some(index)),
            None => (device, None),
        }
    }

    /// The index of the port of a mediated device, where the driver tells.
    pub fn mdev_port(&self, uuid: Uuid) -> Option<u32> {
        number(&self.root.join(mdev_file(uuid, "port_index")))
    }

    /// The devices that mediated devices can be made on, whether they have a devlink instance or not
    /// (`mdev_register_parent` in `drivers/vfio/mdev/mdev_core.c` links each into this class). What VFs carry is told of
    /// their PF.
    pub fn mdev_parents(&self) -> Result<Vec<DevlinkHandle>, ObserveError> {
        let class = self.root.join(MDEV_PARENTS);
        let devices = list(&class)?;
        let devices = devices.iter().filter_map(|name| own_name(&class.join(name)));
        Ok(devices.filter(|device| self.place_of_vf(device).is_none()).collect())
    }

    /// The driver that a device is bound to. Devices of a class have none.
    pub fn driver(&self, handle: &DevlinkHandle) -> Option<String> {
        let link = self.device(handle.bus(), handle.device())?.join("driver");
        link.read_link_utf8().ok()?.file_name().map(str::to_owned)
    }

    /// An attribute of a mediated device; `None` where there is none or nobody may read it.
    pub fn mdev_attribute(&self, uuid: Uuid, name: &str) -> Option<String> {
        is_path(name).then(|| text(&self.root.join(mdev_file(uuid, name))))?
    }

    /// Writes one.
    pub fn set_mdev_attribute(&self, uuid: Uuid, name: &str, value: &str) -> Result<(), RequestError> {
        if !is_path(name) {
            let message = format!("`{name}` is no file below the directory of the device");
            return Err(refused(Errno::EINVAL, message, None));
        }
        self.write(&mdev_file(uuid, name), value)
    }

    /// An auxiliary device's place.
    pub fn auxiliary(&self, device: &str) -> Option<Auxiliary> {
        let device = resolved(&self.device("auxiliary", device)?)?;
        Some(Auxiliary { parent: device_above(&device)?, sf_number: number(&device.join("sfnum")) })
    }

    /// The devices of every bus: what may have a devlink instance.
    pub fn devices(&self) -> Result<Vec<Handle>, ObserveError> {
        let mut found = Vec::new();
        for bus in self.list("sys/bus")? {
            let devices = self.list(&format!("sys/bus/{bus}/devices"))?;
            found.extend(devices.into_iter().map(|device| Handle { bus: bus.clone(), device }));
        }
        found.sort();
        Ok(found)
    }

    /// The device that another is a part or a function of, at the end of the way; itself when it is none.
    pub fn owner(&self, handle: &Handle) -> Handle {
        let above = match handle.bus.as_str() {
            "auxiliary" => {
                let place = self.auxiliary(&handle.device);
                place.map(|place| place.parent)
            }
            "mdev" => handle.device.parse().ok().and_then(|uuid| self.mdev(uuid)).map(|mdev| mdev.parent),
            _ => {
                let folder = self.device(&handle.bus, &handle.device);
                let pf = folder.and_then(|folder| folder.join("physfn").read_link_utf8().ok());
                pf.and_then(|pf| Some(DevlinkHandle::new(handle.bus.as_str(), pf.file_name()?)))
            }
        };
        above.map_or_else(|| handle.clone(), |above| self.owner(&super::wire::netlink_handle(&above)))
    }

    /// The words that made a parent of the bundled module; `None` for other devices.
    pub fn soft(&self, handle: &DevlinkHandle) -> Option<SoftSpec> {
        if handle.bus() != "subdev" {
            return None;
        }
        let device = self.device(handle.bus(), handle.device())?;
        let max_subdevices = number(&device.join("max_subdevices"));
        let word = |file: &str| text(&device.join(file)).filter(|text| !text.is_empty());
        Some(SoftSpec {
            max_subdevices: Some(max_subdevices?),
            lower: word("lower").and_then(|name| name.parse().ok()),
            mac_base: word("mac_base").and_then(|mac| mac.parse().ok()),
        })
    }

    /// The types of mediated devices that a parent takes.
    pub fn mdev_types(&self, handle: &DevlinkHandle) -> Result<BTreeMap<String, MdevType>, ObserveError> {
        let Some(device) = self.device(handle.bus(), handle.device()) else { return Ok(BTreeMap::new()) };
        let folder = device.join(MDEV_TYPES);
        let available = |name: String| {
            let folder = folder.join(&name);
            let available = number(&folder.join("available_instances"))?;
            Some((name, MdevType { name: text(&folder.join("name")), available }))
        };
        Ok(list(&folder)?.into_iter().filter_map(available).collect())
    }

    /// Whether somebody chose the name of a network interface, rather than the kernel.
    pub fn name_was_chosen(&self, interface: &str) -> bool {
        let file = self.root.join(format!("sys/class/net/{interface}/name_assign_type"));
        text(&file).is_some_and(|kind| CHOSEN_NAME.contains(&kind.as_str()))
    }

    /// The buses on which this kernel makes parents in software: those that a catalogue names and a module serves.
    pub fn soft_buses(&self) -> Vec<String> {
        let served = |bus: &String| self.root.join("sys/bus").join(bus).join("new_device").exists();
        Catalogue::soft_buses().into_iter().filter(served).collect()
    }

    /// Makes a parent of the bundled module.
    pub fn new_parent(&self, handle: &DevlinkHandle, spec: &SoftSpec) -> Result<(), RequestError> {
        let name = std::iter::once(handle.device().to_owned());
        let settings = [
            spec.max_subdevices.map(|count| format!("max_subdevices={count}")),
            spec.lower.as_ref().map(|lower| format!("lower={lower}")),
            spec.mac_base.map(|mac| format!("mac_base={mac}")),
        ];
        let words = name.chain(settings.into_iter().flatten()).collect::<Vec<_>>().join(" ");
        self.write(&bus_file(handle, "new_device")?, &words)
    }

    /// Removes one.
    pub fn del_parent(&self, handle: &DevlinkHandle) -> Result<(), RequestError> {
        self.write(&bus_file(handle, "del_device")?, handle.device())
    }

    /// Makes a mediated device.
    pub fn create_mdev(
        &self,
        parent: &DevlinkHandle,
        mdev_type: &str,
        uuid: Uuid,
    ) -> Result<(), RequestError> {
        let device = device_folder(&self.root, parent.bus(), parent.device());
        let Some(device) = device.filter(|_| is_name(mdev_type)) else {
            let message = format!("`{mdev_type}` is not the name of an mdev type of {parent}");
            return Err(refused(Errno::EINVAL, message, None));
        };
        self.write(&format!("{device}/mdev_supported_types/{mdev_type}/create"), &uuid.to_string())
    }

    /// Removes one. It is gone when this returns (`mdev_device_remove` of the kernel's mdev core).
    pub fn remove_mdev(&self, uuid: Uuid) -> Result<(), RequestError> {
        self.write(&mdev_file(uuid, "remove"), "1")
    }

    /// Writes a value whole: each write(2) is one request to the kernel.
    fn write(&self, file: &str, value: &str) -> Result<(), RequestError> {
        // Opened for writing alone: `fs::write` would try to create what is missing, and say "permission denied".
        let written = fs::OpenOptions::new()
            .write(true)
            .open(self.root.join(file))
            .and_then(|mut opened| opened.write(value.as_bytes()));
        match written {
            Ok(length) if length == value.len() => Ok(()),
            Ok(length) => {
                let message = format!("the kernel took {length} of {} bytes", value.len());
                Err(refused(Errno::EIO, message, Some(file)))
            }
            Err(error) => Err(RequestError::Refused {
                errno: errno(&error),
                message: None,
                file: Some(format!("/{file}")),
            }),
        }
    }

    /// The same for a write that can take long, in a thread of its own: what the kernel does not finish in time is an
    /// error here and goes on there.
    fn write_within(&self, file: &str, value: &str, deadline: Duration) -> Result<(), RequestError> {
        let (done, answer) = mpsc::channel();
        let (sysfs, name, value) = (self.clone(), file.to_owned(), value.to_owned());
        thread::spawn(move || {
            // Nobody listens any more when the deadline has passed.
            let _ = done.send(sysfs.write(&name, &value));
        });
        let blocked = || RequestError::Blocked { file: format!("/{file}"), waited: deadline };
        answer.recv_timeout(deadline).unwrap_or_else(|_| Err(blocked()))
    }

    fn device(&self, bus: &str, device: &str) -> Option<Utf8PathBuf> {
        Some(self.root.join(device_folder(&self.root, bus, device)?))
    }

    fn list(&self, folder: &str) -> Result<Vec<String>, ObserveError> {
        list(&self.root.join(folder))
    }
}

/// The names in a folder; none where there is no such folder.
fn list(folder: &Utf8Path) -> Result<Vec<String>, ObserveError> {
    let failed = |source| ObserveError::File { path: folder.to_owned(), source };
    let entries = match folder.read_dir_utf8() {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    entries.map(|entry| Ok(entry.map_err(failed)?.file_name().to_owned())).collect()
}

/// The folder of a device below the root. A device of a class that is on no bus is named by the class, as the samples
/// mtty and mdpy are: `mtty/mtty`.
fn device_folder(root: &Utf8Path, bus: &str, device: &str) -> Option<String> {
    if !is_name(bus) || !is_name(device) {
        return None;
    }
    let (on_bus, in_class) = (format!("sys/bus/{bus}/devices/{device}"), format!("sys/class/{bus}/{device}"));
    let named_by_class = || !root.join(&on_bus).exists() && root.join(&in_class).exists();
    Some(if !BUSES.contains(&bus) && named_by_class() { in_class } else { on_bus })
}

/// The device that a device is on: the folder above it.
fn device_above(device: &Utf8Path) -> Option<DevlinkHandle> {
    let folder = device.parent()?;
    let bus = folder.join("subsystem").read_link_utf8().ok()?;
    Some(DevlinkHandle::new(bus.file_name()?, folder.file_name()?))
}

/// Where a link leads. The kernel takes twice as many steps through a link to what is behind it.
fn resolved(link: &Utf8Path) -> Option<Utf8PathBuf> {
    let mut path = link.parent()?.to_owned();
    for component in link.read_link_utf8().ok()?.components() {
        match component {
            Utf8Component::ParentDir => drop(path.pop()),
            component => path.push(component),
        }
    }
    Some(path)
}

/// What a device is called: by its bus or class (`subsystem`) and its own name.
fn own_name(link: &Utf8Path) -> Option<DevlinkHandle> {
    let device = link.read_link_utf8();
    let device = device.as_deref().unwrap_or(link);
    let bus = link.join("subsystem").read_link_utf8().ok()?;
    Some(DevlinkHandle::new(bus.file_name()?, device.file_name()?))
}

/// An attribute. What the kernel shows of it is whole at the first read (`seq_read` after one `show`, fs/kernfs/file.c), and
/// ends there if there is room for more.
fn text(file: &Utf8Path) -> Option<String> {
    let mut opened = fs::OpenOptions::new().read(true).open(file).ok()?;
    let mut buffer = [0; ATTRIBUTE];
    let length = opened.read(&mut buffer).ok()?;
    let mut bytes = buffer.get(..length)?.to_vec();
    if length == ATTRIBUTE {
        opened.read_to_end(&mut bytes).ok()?;
    }
    Some(String::from_utf8(bytes).ok()?.trim_end().to_owned())
}

fn number(file: &Utf8Path) -> Option<u32> {
    text(file)?.parse().ok()
}

/// Whether a text names an entry of a folder, and no other place.
fn is_name(text: &str) -> bool {
    !matches!(text, "" | "." | "..") && !text.contains('/')
}

/// Whether a text names a file below a folder.
fn is_path(text: &str) -> bool {
    text.split('/').all(is_name)
}

fn mdev_file(uuid: Uuid, name: &str) -> String {
    format!("sys/bus/mdev/devices/{uuid}/{name}")
}

fn bus_file(handle: &DevlinkHandle, file: &str) -> Result<String, RequestError> {
    if handle.bus() == "subdev" {
        return Ok(format!("sys/bus/subdev/{file}"));
    }
    let message = format!("parents on the bus `{}` are not made in software", handle.bus());
    Err(refused(Errno::EOPNOTSUPP, message, None))
}

fn refused(errno: Errno, message: String, file: Option<&str>) -> RequestError {
    RequestError::Refused { errno, message: Some(message), file: file.map(|file| format!("/{file}")) }
}

fn errno(error: &io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::EIO, Errno::from_raw)
}
