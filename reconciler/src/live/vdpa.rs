//! vDPA devices: what the family and sysfs tell of them, and the requests that are about them.

use std::collections::{BTreeMap, BTreeSet};

use nix::errno::Errno;
use subdevcfg_compiler::values::{DevlinkHandle, MacAddr};
use subdevcfg_netlink::NetlinkError;
use subdevcfg_netlink::conversation::Datagrams;
use subdevcfg_netlink::vdpa::{Config, Management, Vdpa as Family};

use super::sysfs::OpenFiles;
use super::{LiveKernel, wire};
use crate::kernel::RequestError;
use crate::resource::{Subject, VdpaConfig};
use crate::state::{FunctionUser, User, Vdpa, VdpaVolatile, Volatile};

/// The bus of vDPA devices; in handles it stands in the place of that of management devices that are on none.
const BUS: &str = "vdpa";

/// How the conversation is opened.
pub(super) type OpenVdpa<D> = fn() -> Result<Family<D>, NetlinkError>;

type Answer = Result<(), RequestError>;

/// The management devices, each with the vDPA devices that were made on it.
#[derive(Debug, Default)]
pub(super) struct Managed(BTreeMap<DevlinkHandle, BTreeMap<String, Config>>);

impl Managed {
    /// Those that have no devlink instance, and so are parents by that alone.
    pub fn devices(&self) -> impl Iterator<Item = &DevlinkHandle> {
        self.0.keys()
    }

    /// Whether it is one.
    pub fn has(&self, handle: &DevlinkHandle) -> bool {
        self.0.contains_key(handle)
    }
}

impl<D: Datagrams + 'static> LiveKernel<D> {
    /// Three dumps, however many there are, and none where the kernel has no such bus: asking for a family that is not
    /// there makes the kernel look for a module.
    pub(super) fn managed_vdpas(&mut self) -> Result<Managed, NetlinkError> {
        let mut managed = Managed::default();
        let Some(family) = self.vdpa_family()? else { return Ok(managed) };
        let devices = match family.management_devices() {
            // In another network namespace the family is not to be seen.
            Err(NetlinkError::NoFamily(_)) => return Ok(managed),
            devices => devices?,
        };
        managed.0.extend(devices.into_iter().map(|device| (handle(&device), BTreeMap::new())));
        let devices = family.devices()?;
        let configs: BTreeMap<String, Config> = family.configs()?.into_iter().collect();
        for device in devices {
            let config = configs.get(&device.name).copied().unwrap_or_default();
            managed.0.entry(handle(&device.management)).or_default().insert(device.name, config);
        }
        Ok(managed)
    }

    fn vdpa_family(&mut self) -> Result<Option<&mut Family<D>>, NetlinkError> {
        if self.vdpa.is_none()
            && let Some(open) = self.open_vdpa.filter(|_| self.sysfs.has_bus(BUS))
        {
            self.vdpa = Some(open()?);
        }
        Ok(self.vdpa.as_mut())
    }

    /// The vDPA devices of a parent.
    pub(super) fn vdpas_of(
        &self,
        parent: &DevlinkHandle,
        managed: &Managed,
        open: Option<&OpenFiles>,
    ) -> BTreeMap<String, Vdpa> {
        let found = managed.0.get(parent).into_iter().flatten();
        found.map(|(name, config)| (name.clone(), self.vdpa(name, *config, open))).collect()
    }

    fn vdpa(&self, name: &str, config: Config, open: Option<&OpenFiles>) -> Vdpa {
        let device = self.sysfs.vf_device(&on_bus(name)).unwrap_or_default();
        let users = open.map(|open| self.sysfs.vhost_users(&on_bus(name), open)).unwrap_or_default();
        let users = users.into_iter().flat_map(|(_, users)| users).collect();
        Vdpa {
            config: VdpaConfig {
                mac: config.mac.map(MacAddr),
                mtu: config.mtu.map(u32::from),
                max_vqp: config.max_vqp.map(u32::from),
            },
            driver_override: device.driver_override,
            volatile: Volatile(VdpaVolatile { driver: device.driver, users }),
        }
    }

    pub(super) fn make_vdpa(&mut self, parent: &DevlinkHandle, name: &str, config: VdpaConfig) -> Answer {
        let config = Config {
            mac: config.mac.map(|mac| mac.0),
            mtu: config.mtu.map(|mtu| narrow("MTU", mtu)).transpose()?,
            max_vqp: config.max_vqp.map(|pairs| narrow("number of queues", pairs)).transpose()?,
        };
        let family = self.vdpa_family().map_err(wire::request_error)?.ok_or_else(without_vdpa)?;
        family.make(&management(parent), name, config).map_err(wire::request_error)
    }

    /// Not while somebody has it open: the kernel would wait for that one, and with it every request to this family and
    /// to most others (`genl_lock`).
    pub(super) fn delete_vdpa(&mut self, name: &str) -> Answer {
        self.check_closed(&[on_bus(name)])?;
        let family = self.vdpa_family().map_err(wire::request_error)?.ok_or_else(without_vdpa)?;
        family.delete(name).map_err(wire::request_error)
    }

    /// Chooses the driver of a device, and has it bound to that one: nothing of that waits, as nobody has it open.
    pub(super) fn bind_vdpa(&mut self, subject: &Subject, name: &str, driver: Option<&str>) -> Answer {
        let address = on_bus(name);
        let vanished = || RequestError::Vanished(format!("there is no {subject}"));
        let found = self.sysfs.vf_device(&address).ok_or_else(vanished)?.driver;
        let stays = driver.is_some() && found.as_deref() == driver;
        if !stays {
            self.check_closed(&[on_bus(name)])?;
        }
        self.sysfs.set_driver_override(&address, driver)?;
        if stays {
            return Ok(());
        }
        if found.is_some() {
            self.sysfs.unbind(&address)?;
        }
        self.sysfs.probe(&address)?;
        if self.sysfs.vf_device(&address).ok_or_else(vanished)?.driver.is_some() {
            return Ok(());
        }
        let message = "no such driver has taken it: is its module loaded?".to_owned();
        Err(wire::refused(Errno::ENODEV, message))
    }

    /// Who has a vDPA device open that a function carries.
    pub(super) fn users_of_carried(
        &self,
        device: Option<&DevlinkHandle>,
        open: Option<&OpenFiles>,
    ) -> Vec<FunctionUser> {
        let files = device.zip(open).map(|(device, open)| self.sysfs.vhost_users(device, open));
        let users = files
            .into_iter()
            .flatten()
            .flat_map(|(file, users)| users.into_iter().map(move |by| User::Vdpa { file: file.clone(), by }));
        users.map(|user| FunctionUser { side: None, user }).collect()
    }

    /// Refuses what takes vDPA devices away, or what they are on, while somebody has one open.
    pub(super) fn check_closed(&self, devices: &[DevlinkHandle]) -> Answer {
        let Some((file, users)) = self.sysfs.vhost_users_now(devices).into_iter().next() else {
            return Ok(());
        };
        let users: BTreeSet<String> = users.iter().map(ToString::to_string).collect();
        let users = users.into_iter().collect::<Vec<_>>().join(", ");
        let message = format!("{file} is {users}, and the kernel would wait for it: end that first");
        Err(wire::refused(Errno::EBUSY, message))
    }
}

fn narrow(what: &str, number: u32) -> Result<u16, RequestError> {
    u16::try_from(number).map_err(|_| wire::refused(Errno::ERANGE, format!("{number} is no {what}")))
}

fn without_vdpa() -> RequestError {
    wire::refused(Errno::EOPNOTSUPP, "the kernel has no vDPA, or its module is not loaded".to_owned())
}

/// A vDPA device as the driver core names it.
fn on_bus(name: &str) -> DevlinkHandle {
    DevlinkHandle::new(BUS, name)
}

fn handle(management: &Management) -> DevlinkHandle {
    DevlinkHandle::new(management.bus.as_deref().unwrap_or(BUS), management.device.as_str())
}

fn management(handle: &DevlinkHandle) -> Management {
    let bus = (handle.bus() != BUS).then(|| handle.bus().to_owned());
    Management { bus, device: handle.device().to_owned() }
}
