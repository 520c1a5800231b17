//! Who uses RDMA devices, by the network interfaces that these go over; a device without one, by what it is a device of.

use std::collections::{BTreeMap, BTreeSet};

use subdevcfg_compiler::values::DevlinkHandle;
use subdevcfg_netlink::NetlinkError;
use subdevcfg_netlink::conversation::Datagrams;
use subdevcfg_netlink::rdma::{Device, Holder, Rdma};

use super::LiveKernel;
use crate::state::{RdmaUser, User};

/// The users of RDMA devices.
#[derive(Debug, Default)]
pub(super) struct RdmaUsers {
    /// By interface index.
    pub interfaces: BTreeMap<u32, Vec<User>>,
    /// By the device, of those without an interface.
    pub devices: BTreeMap<DevlinkHandle, Vec<User>>,
}

/// How the conversation about RDMA devices is opened: not before there are some, for to ask makes the kernel load its RDMA
/// core.
pub(super) type OpenRdma<D> = fn() -> Result<Rdma<D>, NetlinkError>;

impl<D: Datagrams + 'static> LiveKernel<D> {
    /// One dump, and of each device that is used its ports and its users.
    pub(super) fn rdma_users(&mut self) -> Result<RdmaUsers, NetlinkError> {
        let mut found = RdmaUsers::default();
        let Some(open) = self.open_rdma.filter(|_| self.sysfs.has_rdma_devices()) else { return Ok(found) };
        let mut rdma = match self.rdma.take() {
            Some(rdma) => rdma,
            None => open()?,
        };
        // On a representor nobody speaks RDMA: the ports that stand for it are the uplink's device's.
        let representors = self.mirror.representors();
        for device in rdma.used()? {
            let user = self.rdma_user(&mut rdma, &device)?;
            let interfaces = rdma.interfaces(device.index)?;
            if interfaces.is_empty() {
                let of = self.sysfs.rdma_parent(&device.name);
                if let Some(of) = of {
                    found.devices.entry(of).or_default().push(user);
                }
                continue;
            }
            for interface in interfaces.into_iter().filter(|index| !representors.contains(index)) {
                found.interfaces.entry(interface).or_default().push(user.clone());
            }
        }
        self.rdma = Some(rdma);
        Ok(found)
    }

    fn rdma_user(&self, rdma: &mut Rdma<D>, device: &Device) -> Result<User, NetlinkError> {
        let mut by = BTreeSet::new();
        for resource in &device.used {
            by.extend(rdma.holders(device.index, *resource)?);
        }
        let named = |holder| match holder {
            Holder::Process(thread) => {
                let (name, pid) = self.sysfs.process_of(thread);
                RdmaUser::Process(name, pid)
            }
            Holder::Kernel(module) => RdmaUser::Kernel(module),
        };
        // Several threads may be one process.
        let by: BTreeSet<RdmaUser> = by.into_iter().map(named).collect();
        Ok(User::Rdma { device: device.name.clone(), by: by.into_iter().collect() })
    }
}
