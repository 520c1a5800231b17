//! RDMA devices by RDMA netlink: which of them are used, over which interfaces, and by whom. Numbers are those of
//! `include/uapi/rdma/rdma_netlink.h` (Linux 6.12), answers those of drivers/infiniband/core/nldev.c.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::attributes::{attributes, find, text};
use crate::conversation::{Conversation, Datagrams, Request};
use crate::error::NetlinkError;
use crate::socket::{Protocol, Socket};

const TIMEOUT: Duration = Duration::from_secs(30);

/// `RDMA_NL_NLDEV`.
const CLIENT: u16 = 5;
/// `RDMA_NLDEV_CMD_PORT_GET`.
const PORT_GET: u16 = 5;
/// `RDMA_NLDEV_CMD_RES_GET`.
const RES_GET: u16 = 9;

/// Attributes, `RDMA_NLDEV_ATTR_...`.
const DEV_INDEX: u16 = 1;
const DEV_NAME: u16 = 2;
const RES_SUMMARY: u16 = 15;
const RES_SUMMARY_ENTRY: u16 = 16;
const RES_SUMMARY_ENTRY_NAME: u16 = 17;
const RES_SUMMARY_ENTRY_CURR: u16 = 18;
const RES_PID: u16 = 28;
const RES_KERN_NAME: u16 = 29;
const NDEV_INDEX: u16 = 50;

/// What of an RDMA device belongs to somebody. The kernel itself keeps queues and memory regions on every device, but
/// neither of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Resource {
    /// A process has the device open (`RDMA_RESTRACK_CTX`).
    Context,
    /// A connection, or somebody who listens for some (`RDMA_RESTRACK_CM_ID`): a process's or a kernel module's.
    Connection,
}

impl Resource {
    const ALL: [Self; 2] = [Self::Context, Self::Connection];

    /// Its name in a summary.
    const fn name(self) -> &'static str {
        match self {
            Self::Context => "ctx",
            Self::Connection => "cm_id",
        }
    }

    /// The command that lists them (`RDMA_NLDEV_CMD_RES_CTX_GET`, `RDMA_NLDEV_CMD_RES_CM_ID_GET`) and the attribute that they
    /// are in.
    const fn list(self) -> (u16, u16) {
        match self {
            Self::Context => (22, 86),
            Self::Connection => (11, 30),
        }
    }
}

/// An RDMA device that is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Its index.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// What of it belongs to somebody.
    pub used: BTreeSet<Resource>,
}

/// Who uses an RDMA device.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Holder {
    /// A process, by the number of the thread that made it.
    Process(u32),
    /// A module of the kernel.
    Kernel(String),
}

/// A conversation with the kernel's RDMA devices.
#[derive(Debug)]
pub struct Rdma<D> {
    conversation: Conversation<D>,
}

impl Rdma<Socket> {
    /// Opens a socket. The kernel loads its RDMA core for that, if it can: where there is no RDMA device nobody should ask.
    ///
    /// # Errors
    /// [`NetlinkError::Socket`].
    pub fn open() -> Result<Self, NetlinkError> {
        Ok(Self::new(Socket::open(Protocol::Rdma)?))
    }
}

impl<D: Datagrams> Rdma<D> {
    /// Talks RDMA netlink over these datagrams.
    pub const fn new(datagrams: D) -> Self {
        Self { conversation: Conversation::new(datagrams, TIMEOUT) }
    }

    /// The devices that somebody uses: one dump, however many there are.
    ///
    /// # Errors
    /// What the kernel or the conversation says; so for all methods here.
    pub fn used(&mut self) -> Result<Vec<Device>, NetlinkError> {
        let devices = self.dump("rdma resource show", RES_GET, Vec::new(), device)?;
        Ok(devices.into_iter().filter(|device| !device.used.is_empty()).collect())
    }

    /// The network interfaces of a device's ports, those of this network namespace.
    ///
    /// # Errors
    /// See [`Self::used`].
    pub fn interfaces(&mut self, device: u32) -> Result<Vec<u32>, NetlinkError> {
        let found = self.dump("rdma link show", PORT_GET, of_device(device), |payload| {
            find(payload, NDEV_INDEX)?.map(number).transpose()
        })?;
        Ok(found.into_iter().flatten().collect())
    }

    /// Who has something of a device, each once.
    ///
    /// # Errors
    /// See [`Self::used`].
    pub fn holders(&mut self, device: u32, of: Resource) -> Result<BTreeSet<Holder>, NetlinkError> {
        let (command, table) = of.list();
        let found = self.dump("rdma resource show", command, of_device(device), |payload| {
            let Some(entries) = find(payload, table)? else { return Ok(Vec::new()) };
            attributes(entries)?.into_iter().map(|(_, entry)| holder(entry)).collect()
        })?;
        Ok(found.into_iter().flatten().flatten().collect())
    }

    fn dump<T>(
        &mut self,
        name: &'static str,
        command: u16,
        payload: Vec<u8>,
        decode: impl Fn(&[u8]) -> Result<T, String>,
    ) -> Result<Vec<T>, NetlinkError> {
        let kind = CLIENT << 10 | command;
        let request = Request { name, kind, dump: true, payload, lookup: None };
        let reply = self.conversation.exchange(&request)?;
        let found = reply.messages.iter().map(|message| decode(message)).collect::<Result<_, _>>();
        found.map_err(|why| NetlinkError::Malformed { request: name, why })
    }
}

/// `RDMA_NLDEV_ATTR_DEV_INDEX`.
fn of_device(index: u32) -> Vec<u8> {
    [&8_u16.to_ne_bytes()[..], &DEV_INDEX.to_ne_bytes(), &index.to_ne_bytes()].concat()
}

fn number(value: &[u8]) -> Result<u32, String> {
    let bytes = value.try_into().map_err(|_| format!("a number of {} bytes", value.len()))?;
    Ok(u32::from_ne_bytes(bytes))
}

fn device(payload: &[u8]) -> Result<Device, String> {
    let missing = || "a device without a number".to_owned();
    let index = number(find(payload, DEV_INDEX)?.ok_or_else(missing)?)?;
    let name = find(payload, DEV_NAME)?.map(text).unwrap_or_default();
    let mut used = BTreeSet::new();
    for (kind, entry) in attributes(find(payload, RES_SUMMARY)?.unwrap_or_default())? {
        if kind != RES_SUMMARY_ENTRY {
            continue;
        }
        let of = find(entry, RES_SUMMARY_ENTRY_NAME)?.map(text).unwrap_or_default();
        let count = find(entry, RES_SUMMARY_ENTRY_CURR)?.unwrap_or_default();
        let resource = Resource::ALL.into_iter().find(|resource| resource.name() == of);
        used.extend(resource.filter(|_| count.iter().any(|byte| *byte != 0)));
    }
    Ok(Device { index, name, used })
}

fn holder(entry: &[u8]) -> Result<Option<Holder>, String> {
    if let Some(pid) = find(entry, RES_PID)? {
        return Ok(Some(Holder::Process(number(pid)?)));
    }
    Ok(find(entry, RES_KERN_NAME)?.map(text).map(Holder::Kernel))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attributes::attribute;

    fn summary(counts: &[(&str, u64)]) -> Vec<u8> {
        let entries = counts.iter().map(|(name, count)| {
            let name = attribute(RES_SUMMARY_ENTRY_NAME, format!("{name}\0").as_bytes());
            let count = attribute(RES_SUMMARY_ENTRY_CURR, &count.to_ne_bytes());
            attribute(RES_SUMMARY_ENTRY, &[name, count].concat())
        });
        let name = attribute(DEV_NAME, b"mlx5_4\0");
        [of_device(4), name, attribute(RES_SUMMARY, &entries.collect::<Vec<_>>().concat())].concat()
    }

    #[test]
    fn what_the_kernel_keeps_itself_is_no_use() {
        let used = |counts: &[(&str, u64)]| device(&summary(counts)).unwrap().used;
        let own = [("pd", 1), ("cq", 3), ("qp", 1), ("mr", 0), ("ctx", 0), ("cm_id", 0)];
        assert_eq!(used(&own), BTreeSet::new());
        assert_eq!(used(&[("ctx", 2), ("qp", 9)]), BTreeSet::from([Resource::Context]));
        assert_eq!(used(&[("cm_id", 256)]), BTreeSet::from([Resource::Connection]));
        let whole = summary(&own);
        assert_eq!(device(&whole).unwrap().name, "mlx5_4");
        for cut in 1..whole.len() {
            // Whatever it says.
            drop(device(&whole[..cut]));
        }
    }

    #[test]
    fn who_has_something_is_a_process_or_a_module() {
        let process = attribute(RES_PID, &77_u32.to_ne_bytes());
        assert_eq!(holder(&process).unwrap(), Some(Holder::Process(77)));
        let kernel = attribute(RES_KERN_NAME, b"nvmet_rdma\0");
        assert_eq!(holder(&kernel).unwrap(), Some(Holder::Kernel("nvmet_rdma".to_owned())));
        assert_eq!(holder(&[]).unwrap(), None);
        assert!(holder(&attribute(RES_PID, &[1, 2])).is_err());
    }
}
