//! SR-IOV and the drivers of PCI devices by sysfs (drivers/pci/iov.c, drivers/pci/pci-sysfs.c, drivers/base/bus.c).

use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use subdevcfg_compiler::values::DevlinkHandle;

use super::{PCI, Sysfs, number, refused, text};
use crate::kernel::{Effect, RequestError};
use crate::state::{Sriov, VfDevice, Volatile};

/// How long the devices of VFs may take to appear: some drivers make them after the write has returned.
const APPEAR_DEADLINE: Duration = Duration::from_mins(1);
const APPEAR_RETRY: Duration = Duration::from_millis(10);

/// How long the kernel may take to let go of a device, or to make VFs: nmstate met PFs that take minutes for 64 of them.
const WRITE_DEADLINE: Duration = Duration::from_mins(5);

/// The bus of the kernel's simulator, whose VFs are none.
const NETDEVSIM: &str = "netdevsim";

impl Sysfs {
    /// The devices that can have VFs: PCI functions, and those of netdevsim.
    pub fn sriov_parents(&self) -> Vec<DevlinkHandle> {
        let can = |handle: &DevlinkHandle| {
            let file = self.device(handle.bus(), handle.device()).map(|device| device.join("sriov_totalvfs"));
            handle.bus() != PCI || file.and_then(|file| number(&file)).is_some_and(|most| most > 0)
        };
        let devices = |bus: &str| {
            let names = super::list(&self.root.join(format!("sys/bus/{bus}/devices"))).unwrap_or_default();
            names.into_iter().map(|name| DevlinkHandle::new(bus, name)).collect::<Vec<_>>()
        };
        [PCI, NETDEVSIM].into_iter().flat_map(devices).filter(can).collect()
    }

    /// What a device has of SR-IOV; `None` where it can have no VFs. Not by `sriov_numvfs`, which waits for whoever
    /// changes the number.
    pub fn sriov(&self, handle: &DevlinkHandle) -> Option<Sriov> {
        let device = self.device(handle.bus(), handle.device())?;
        if !device.join("sriov_numvfs").exists() {
            return None;
        }
        if handle.bus() != PCI {
            return Some(Sriov { vfs: number(&device.join("sriov_numvfs"))?, ..Sriov::default() });
        }
        let most = number(&device.join("sriov_totalvfs"));
        let vfs = (0..most.unwrap_or(0)).take_while(|index| self.vf_address(handle, *index).is_some());
        Some(Sriov {
            vfs: u32::try_from(vfs.count()).ok()?,
            autoprobe: number(&device.join("sriov_drivers_autoprobe")).map(|on| on == 1),
            most: Volatile(most),
        })
    }

    /// The PCI device of a VF.
    pub fn vf_address(&self, parent: &DevlinkHandle, index: u32) -> Option<DevlinkHandle> {
        let link = self.device(parent.bus(), parent.device())?.join(format!("virtfn{index}"));
        Some(DevlinkHandle::new(PCI, link.read_link_utf8().ok()?.file_name()?))
    }

    /// The PF of a VF of this host, and the VF's index there.
    pub fn place_of_vf(&self, device: &DevlinkHandle) -> Option<(DevlinkHandle, u32)> {
        let link = self.device(device.bus(), device.device()).filter(|_| device.bus() == PCI)?.join("physfn");
        let pf = DevlinkHandle::new(PCI, link.read_link_utf8().ok()?.file_name()?);
        let vfs = (0..).map_while(|index| Some((index, self.vf_address(&pf, index)?)));
        let index = vfs.filter(|(_, vf)| vf == device).map(|(index, _)| index).next()?;
        Some((pf, index))
    }

    /// Waits until the driver of a VF has said which mediated devices it takes: some do that after they were bound. What
    /// never does is told by the write that follows.
    pub fn wait_for_mdev_types(&self, vf: &DevlinkHandle) {
        let Some(device) = self.device(vf.bus(), vf.device()) else { return };
        let deadline = Instant::now() + APPEAR_DEADLINE;
        let is_bound = || device.join("driver").exists();
        while is_bound() && !device.join("mdev_supported_types").exists() && Instant::now() < deadline {
            sleep(APPEAR_RETRY);
        }
    }

    /// The name of the PCI device that a VF is or will be: bus, device and function follow from the PF's SR-IOV capability
    /// (`pci_iov_virtfn_bus` and `pci_iov_virtfn_devfn`, drivers/pci/iov.c).
    pub fn vf_address_to_be(&self, parent: &DevlinkHandle, index: u32) -> Option<String> {
        if let Some(there) = self.vf_address(parent, index) {
            return Some(there.device().to_owned());
        }
        let device = self.device(parent.bus(), parent.device()).filter(|_| parent.bus() == PCI)?;
        let offset: u32 = number(&device.join("sriov_offset"))?;
        let stride: u32 = number(&device.join("sriov_stride"))?;
        let (domain, bus, devfn) = place(parent.device())?;
        let routing_id = ((bus << 8) | devfn) + offset + stride * index;
        let (bus, slot, function) = (routing_id >> 8, (routing_id >> 3) & 0x1f, routing_id & 7);
        Some(format!("{domain}:{bus:02x}:{slot:02x}.{function}"))
    }

    /// The drivers of a PCI device.
    pub fn vf_device(&self, address: &DevlinkHandle) -> Option<VfDevice> {
        let device = self.device(address.bus(), address.device())?;
        // Without one, the file says so.
        let named =
            text(&device.join("driver_override")).filter(|name| !matches!(name.as_str(), "" | "(null)"));
        Some(VfDevice {
            driver: device
                .join("driver")
                .read_link_utf8()
                .ok()
                .and_then(|link| link.file_name().map(str::to_owned)),
            driver_override: named,
            address: Volatile(address.device().to_owned()),
        })
    }

    /// The index of the netdev of a device, if it has one in this network namespace.
    pub fn netdev_index(&self, address: &DevlinkHandle) -> Option<u32> {
        let folder = self.device(address.bus(), address.device())?.join("net");
        let name = super::list(&folder).ok()?.into_iter().min()?;
        number(&folder.join(name).join("ifindex"))
    }

    /// Gives a device this number of VFs. No driver is bound to those in `held`; to the others, as the kernel would.
    pub fn set_vfs(&self, handle: &DevlinkHandle, count: u32, held: &[u32]) -> Result<(), RequestError> {
        let folder = format!("sys/bus/{}/devices/{}", handle.bus(), handle.device());
        let autoprobe = format!("{folder}/sriov_drivers_autoprobe");
        let holds = count > 0 && number(&self.root.join(&autoprobe)) == Some(1);
        if holds {
            self.write(&autoprobe, "0")?;
        }
        let written =
            self.write_within(&format!("{folder}/sriov_numvfs"), &count.to_string(), WRITE_DEADLINE);
        // Also when that failed: it is off only around it.
        let put_back = if holds { self.write(&autoprobe, "1") } else { Ok(()) };
        written?;
        put_back?;
        // A driver that enables fewer leaves a line in the kernel's log, and the write succeeds (sriov_numvfs_store).
        let found = number(&self.root.join(format!("{folder}/sriov_numvfs"))).unwrap_or(0);
        if found != count {
            if found > 0 {
                self.write_within(&format!("{folder}/sriov_numvfs"), "0", WRITE_DEADLINE)?;
            }
            let message = format!("the driver took {count} for the number of VFs, and {found} were there");
            return Err(refused(Errno::EIO, message, Some(&format!("{folder}/sriov_numvfs"))));
        }
        if handle.bus() == PCI {
            self.wait_for_vfs(handle, count)?;
        }
        if holds {
            for index in (0..count).filter(|index| !held.contains(index)) {
                let address = self.vf_address(handle, index);
                // A driver that does not take it is no error to the kernel either (`pci_bus_add_device`).
                drop(address.map(|address| self.probe(&address)));
            }
        }
        Ok(())
    }

    fn wait_for_vfs(&self, handle: &DevlinkHandle, count: u32) -> Result<(), RequestError> {
        let start = Instant::now();
        let is_there = |index: u32| {
            let address = self.vf_address(handle, index)?;
            self.device(PCI, address.device())?.join("physfn").exists().then_some(())
        };
        while !(0..count).all(|index| is_there(index).is_some()) {
            if start.elapsed() >= APPEAR_DEADLINE {
                return Err(RequestError::NoEffect { effect: Effect::Vfs, waited: APPEAR_DEADLINE });
            }
            sleep(APPEAR_RETRY);
        }
        Ok(())
    }

    /// Chooses the driver that a device is bound to the next time; `None` leaves it to the kernel.
    pub fn set_driver_override(
        &self,
        address: &DevlinkHandle,
        driver: Option<&str>,
    ) -> Result<(), RequestError> {
        // An empty line takes it back (`driver_set_override`).
        self.write(&device_file(address, "driver_override"), &format!("{}\n", driver.unwrap_or_default()))
    }

    /// Lets the kernel bind a driver to a device, if it knows one. Returns when that is done.
    pub fn probe(&self, address: &DevlinkHandle) -> Result<(), RequestError> {
        self.write_within(
            &format!("sys/bus/{}/drivers_probe", address.bus()),
            address.device(),
            WRITE_DEADLINE,
        )
    }

    /// Unbinds a device from its driver. While somebody has it open through VFIO, that does not return.
    /// A driver that let go by itself meanwhile, as one does whose probe failed late, has done what is asked for.
    pub fn unbind(&self, address: &DevlinkHandle) -> Result<(), RequestError> {
        let answer =
            self.write_within(&device_file(address, "driver/unbind"), address.device(), WRITE_DEADLINE);
        let there = |file: &str| self.root.join(device_file(address, file)).exists();
        match answer {
            Err(RequestError::Refused { errno: Errno::ENOENT | Errno::ENODEV, .. })
                if there("") && !there("driver") =>
            {
                Ok(())
            }
            answer => answer,
        }
    }
}

fn device_file(address: &DevlinkHandle, file: &str) -> String {
    format!("sys/bus/{}/devices/{}/{file}", address.bus(), address.device())
}

/// The domain, bus, and device and function in one (`devfn`), of a PCI device's name: `0000:08:00.1`.
fn place(name: &str) -> Option<(&str, u32, u32)> {
    let (domain, rest) = name.split_once(':')?;
    let (bus, rest) = rest.split_once(':')?;
    let (slot, function) = rest.split_once('.')?;
    let hex = |text| u32::from_str_radix(text, 16).ok();
    Some((domain, hex(bus)?, (hex(slot)? << 3) | hex(function)?))
}
