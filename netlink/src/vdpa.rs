//! vDPA devices and their management devices by generic netlink. Numbers are those of `include/uapi/linux/vdpa.h` (Linux
//! 6.12), answers those of drivers/vdpa/vdpa.c. The dumps want no privilege; making and deleting want `CAP_NET_ADMIN`.

use std::time::Duration;

use crate::attributes::{find, text};
use crate::conversation::{Conversation, Datagrams, Request};
use crate::error::NetlinkError;
use crate::generic::{Family, find_family};
use crate::socket::{Protocol, Socket};

const TIMEOUT: Duration = Duration::from_secs(30);

/// `VDPA_GENL_VERSION`.
const VERSION: u8 = 1;

/// Commands, `VDPA_CMD_...`.
const MGMTDEV_GET: u8 = 2;
const DEV_NEW: u8 = 3;
const DEV_DEL: u8 = 4;
const DEV_GET: u8 = 5;
const DEV_CONFIG_GET: u8 = 6;

/// Attributes, `VDPA_ATTR_...`.
const MGMTDEV_BUS_NAME: u16 = 1;
const MGMTDEV_DEV_NAME: u16 = 2;
const DEV_NAME: u16 = 4;
const DEV_NET_CFG_MACADDR: u16 = 10;
const DEV_NET_CFG_MAX_VQP: u16 = 12;
const DEV_NET_CFG_MTU: u16 = 13;

/// A management device: what vDPA devices are made on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Management {
    /// Its bus; the kernel's simulators are on none.
    pub bus: Option<String>,
    /// Its name there.
    pub device: String,
}

/// What a network device has, as far as its driver tells, or is to be made with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Config {
    /// The MAC address.
    pub mac: Option<[u8; 6]>,
    /// The MTU in bytes.
    pub mtu: Option<u16>,
    /// How many pairs of queues it may have.
    pub max_vqp: Option<u16>,
}

/// A vDPA device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Its name.
    pub name: String,
    /// What it was made on.
    pub management: Management,
}

/// A conversation with the kernel's vDPA family.
#[derive(Debug)]
pub struct Vdpa<D> {
    conversation: Conversation<D>,
    /// Asked for when it is needed first.
    family: Option<Family>,
}

impl Vdpa<Socket> {
    /// Opens a socket. Where there is no bus `vdpa` nobody should ask: the kernel would look for a module with the family.
    ///
    /// # Errors
    /// [`NetlinkError::Socket`].
    pub fn open() -> Result<Self, NetlinkError> {
        Ok(Self::new(Socket::open(Protocol::Generic)?))
    }
}

impl<D: Datagrams> Vdpa<D> {
    /// Talks over these datagrams.
    pub const fn new(datagrams: D) -> Self {
        Self { conversation: Conversation::new(datagrams, TIMEOUT), family: None }
    }

    /// All management devices.
    ///
    /// # Errors
    /// [`NetlinkError::NoFamily`] also in other network namespaces than the first, where the kernel does not show the family;
    /// or what the kernel or the conversation says; so for all methods here.
    pub fn management_devices(&mut self) -> Result<Vec<Management>, NetlinkError> {
        self.dump("vdpa mgmtdev show", MGMTDEV_GET, management)
    }

    /// All devices that were made on one.
    ///
    /// # Errors
    /// See [`Self::management_devices`].
    pub fn devices(&mut self) -> Result<Vec<Device>, NetlinkError> {
        self.dump("vdpa dev show", DEV_GET, device)
    }

    /// What the devices have, with their names.
    ///
    /// # Errors
    /// See [`Self::management_devices`].
    pub fn configs(&mut self) -> Result<Vec<(String, Config)>, NetlinkError> {
        self.dump("vdpa dev config show", DEV_CONFIG_GET, config)
    }

    /// Makes a device.
    ///
    /// # Errors
    /// See [`Self::management_devices`].
    pub fn make(&mut self, on: &Management, name: &str, config: Config) -> Result<(), NetlinkError> {
        let mut payload = header(DEV_NEW);
        if let Some(bus) = &on.bus {
            push_text(&mut payload, MGMTDEV_BUS_NAME, bus);
        }
        push_text(&mut payload, MGMTDEV_DEV_NAME, &on.device);
        push_text(&mut payload, DEV_NAME, name);
        if let Some(mac) = config.mac {
            push(&mut payload, DEV_NET_CFG_MACADDR, &mac);
        }
        if let Some(mtu) = config.mtu {
            push(&mut payload, DEV_NET_CFG_MTU, &mtu.to_ne_bytes());
        }
        if let Some(pairs) = config.max_vqp {
            push(&mut payload, DEV_NET_CFG_MAX_VQP, &pairs.to_ne_bytes());
        }
        self.exchange("vdpa dev add", payload, false).map(drop)
    }

    /// Deletes a device. While somebody has its device file open, the kernel waits, with all other requests to this family.
    ///
    /// # Errors
    /// See [`Self::management_devices`].
    pub fn delete(&mut self, name: &str) -> Result<(), NetlinkError> {
        let mut payload = header(DEV_DEL);
        push_text(&mut payload, DEV_NAME, name);
        self.exchange("vdpa dev del", payload, false).map(drop)
    }

    fn dump<T>(
        &mut self,
        name: &'static str,
        command: u8,
        decode: impl Fn(&[u8]) -> Result<T, String>,
    ) -> Result<Vec<T>, NetlinkError> {
        let messages = self.exchange(name, header(command), true)?;
        let attributes = |message: &[u8]| decode(message.get(4..).ok_or("a message without a command")?);
        let found = messages.iter().map(|message| attributes(message)).collect::<Result<_, _>>();
        found.map_err(|why| NetlinkError::Malformed { request: name, why })
    }

    fn exchange(
        &mut self,
        name: &'static str,
        payload: Vec<u8>,
        dump: bool,
    ) -> Result<Vec<Vec<u8>>, NetlinkError> {
        let family = match self.family {
            Some(family) => family,
            None => find_family(&mut self.conversation, ("vdpa", c"vdpa"), c"")?,
        };
        self.family = Some(family);
        let request = Request { name, kind: family.id, dump, payload, lookup: None };
        Ok(self.conversation.exchange(&request)?.messages)
    }
}

/// `struct genlmsghdr`.
fn header(command: u8) -> Vec<u8> {
    vec![command, VERSION, 0, 0]
}

fn push(payload: &mut Vec<u8>, kind: u16, value: &[u8]) {
    // Names are at most as long as a page of the text they come from; the kernel refuses what is cut.
    let length = u16::try_from(value.len() + 4).unwrap_or(u16::MAX);
    payload.extend(length.to_ne_bytes());
    payload.extend(kind.to_ne_bytes());
    payload.extend(value);
    payload.resize(payload.len().next_multiple_of(4), 0);
}

/// The kernel reads names up to their zero.
fn push_text(payload: &mut Vec<u8>, kind: u16, text: &str) {
    push(payload, kind, &[text.as_bytes(), &[0]].concat());
}

fn named(bytes: &[u8], kind: u16) -> Result<String, String> {
    find(bytes, kind)?.map(text).ok_or_else(|| "a device without a name".to_owned())
}

fn number(bytes: &[u8], kind: u16) -> Result<Option<u16>, String> {
    let number = |value: &[u8]| {
        let bytes = value.try_into().map_err(|_| format!("a number of {} bytes", value.len()))?;
        Ok(u16::from_ne_bytes(bytes))
    };
    find(bytes, kind)?.map(number).transpose()
}

fn management(bytes: &[u8]) -> Result<Management, String> {
    Ok(Management { bus: find(bytes, MGMTDEV_BUS_NAME)?.map(text), device: named(bytes, MGMTDEV_DEV_NAME)? })
}

fn device(bytes: &[u8]) -> Result<Device, String> {
    Ok(Device { name: named(bytes, DEV_NAME)?, management: management(bytes)? })
}

fn config(bytes: &[u8]) -> Result<(String, Config), String> {
    let mac = |value: &[u8]| value.try_into().map_err(|_| format!("an address of {} bytes", value.len()));
    let config = Config {
        mac: find(bytes, DEV_NET_CFG_MACADDR)?.map(mac).transpose()?,
        mtu: number(bytes, DEV_NET_CFG_MTU)?,
        max_vqp: number(bytes, DEV_NET_CFG_MAX_VQP)?,
    };
    Ok((named(bytes, DEV_NAME)?, config))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(parts: &[(u16, &[u8])]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (kind, value) in parts {
            push(&mut bytes, *kind, value);
        }
        bytes
    }

    #[test]
    fn what_a_device_has_is_read_and_what_is_cut_is_an_error_or_nothing() {
        let whole = message(&[
            (DEV_NAME, b"web\0"),
            (DEV_NET_CFG_MTU, &1400_u16.to_ne_bytes()),
            (DEV_NET_CFG_MACADDR, &[2, 0, 0, 0, 0, 7]),
        ]);
        let (name, found) = config(&whole).unwrap();
        assert_eq!(name, "web");
        assert_eq!(found, Config { mac: Some([2, 0, 0, 0, 0, 7]), mtu: Some(1400), max_vqp: None });
        // The last attribute ends two bytes before its padding does.
        for cut in 0..whole.len() - 2 {
            assert!(config(&whole[..cut]).map(|found| found.1) != Ok(found), "cut at {cut}");
        }
        assert!(config(&message(&[(DEV_NAME, b"web\0"), (DEV_NET_CFG_MTU, &[1])])).is_err());
        assert!(config(&message(&[(DEV_NAME, b"web\0"), (DEV_NET_CFG_MACADDR, &[1, 2])])).is_err());
    }

    #[test]
    fn a_simulator_is_on_no_bus() {
        let on_bus = message(&[(MGMTDEV_BUS_NAME, b"pci\0"), (MGMTDEV_DEV_NAME, b"0000:08:00.0\0")]);
        assert_eq!(management(&on_bus).unwrap().bus.as_deref(), Some("pci"));
        let found = device(&message(&[(MGMTDEV_DEV_NAME, b"vdpasim_net\0"), (DEV_NAME, b"web\0")])).unwrap();
        assert_eq!(found.management, Management { bus: None, device: "vdpasim_net".to_owned() });
        assert!(management(&message(&[(MGMTDEV_BUS_NAME, b"pci\0")])).is_err());
    }
}
