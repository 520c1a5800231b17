//! A link as a dump tells it. Of the attributes that the kernel sends, which are a kilobyte of each link, few are read; so they
//! are walked over here, and not by the `rtnetlink` crate, which makes a value of each.

use rtnetlink::packet_core::{NlaBuffer, Parseable};
use rtnetlink::packet_route::link::LinkVfInfo;

use super::vf::{self, VfConfig};
use crate::attributes::{each, find};
use crate::conversation::u32_at;

/// `struct ifinfomsg`.
const HEADER_BYTES: usize = 16;

/// Flags of a link (include/uapi/linux/if.h).
const IFF_UP: u32 = 1;
const IFF_LOWER_UP: u32 = 1 << 16;

/// Attributes of a link, `IFLA_...` (`include/uapi/linux/if_link.h`).
const ADDRESS: u16 = 1;
const NAME: u16 = 3;
const MTU: u16 = 4;
const LINK: u16 = 5;
const MASTER: u16 = 10;
const LINKINFO: u16 = 18;
const VFINFO_LIST: u16 = 22;
const LINK_NETNSID: u16 = 37;
const XDP: u16 = 43;
const PROP_LIST: u16 = 52;
const ALT_IFNAME: u16 = 53;
const PERM_ADDRESS: u16 = 54;
const PARENT_DEV_NAME: u16 = 56;
const PARENT_DEV_BUS_NAME: u16 = 57;

/// Attributes inside these.
const INFO_KIND: u16 = 1;
const INFO_DATA: u16 = 2;
const BR_VLAN_FILTERING: u16 = 7;
const XDP_ATTACHED: u16 = 2;
const VF_INFO: u16 = 1;

/// A network interface of this network namespace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Link {
    /// Interface index.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// Alternative names.
    pub altnames: Vec<String>,
    /// MTU in bytes.
    pub mtu: u32,
    /// Administratively up (`IFF_UP`).
    pub up: bool,
    /// Carrier is on (`IFF_LOWER_UP`).
    pub carrier: bool,
    /// MAC address, where the link layer has 48-bit ones.
    pub address: Option<[u8; 6]>,
    /// The address that the device was made with (`IFLA_PERM_ADDRESS`), likewise.
    pub permanent: Option<[u8; 6]>,
    /// Interface index of the upper device that this one is enslaved to (bridge, bond, OVS, ...).
    pub upper: Option<u32>,
    /// Interface index of the device that this one is on (`IFLA_LINK`: VLAN, macvlan, ...), in this network namespace.
    pub lower: Option<u32>,
    /// What made it, in the words of `ip link add ... type`.
    pub kind: Option<String>,
    /// Of a Linux bridge: it looks at VLANs.
    pub vlan_filtering: Option<bool>,
    /// An XDP program is attached.
    pub xdp: bool,
    /// The device that it is a netdev of (since 5.14): its bus and its name.
    pub device: Option<(String, String)>,
    /// The VFs of a PF, as far as its driver tells what it set for them.
    pub vfs: Vec<VfConfig>,
}

pub(super) fn decode(payload: &[u8]) -> Result<Link, String> {
    let attributes = payload.get(HEADER_BYTES..).ok_or("a link without its header")?;
    let flags = u32_at(payload, 8).unwrap_or_default();
    let mut link = Link {
        index: u32_at(payload, 4).unwrap_or_default(),
        up: flags & IFF_UP != 0,
        carrier: flags & IFF_LOWER_UP != 0,
        ..Link::default()
    };
    let mut elsewhere = false;
    let (mut bus, mut device) = (None, None);
    for attribute in each(attributes) {
        let (kind, value) = attribute?;
        match kind {
            NAME => link.name = name(value)?,
            MTU => link.mtu = number(value)?,
            ADDRESS => link.address = value.try_into().ok(),
            PERM_ADDRESS => link.permanent = value.try_into().ok(),
            MASTER => link.upper = Some(number(value)?),
            LINK => link.lower = Some(number(value)?),
            LINK_NETNSID => elsewhere = true,
            PARENT_DEV_BUS_NAME => bus = Some(name(value)?),
            PARENT_DEV_NAME => device = Some(name(value)?),
            VFINFO_LIST => link.vfs = vfs(value)?,
            LINKINFO => info(value, &mut link)?,
            XDP => link.xdp = find(value, XDP_ATTACHED)?.is_some_and(|how| how.iter().any(|byte| *byte != 0)),
            PROP_LIST => link.altnames.extend(altnames(value)?),
            _ => {}
        }
    }
    link.device = bus.zip(device);
    if elsewhere {
        link.lower = None;
    }
    if link.name.is_empty() { Err(format!("link {} has no name", link.index)) } else { Ok(link) }
}

/// What kind of link it is, and what is asked of a bridge.
fn info(value: &[u8], link: &mut Link) -> Result<(), String> {
    link.kind = find(value, INFO_KIND)?.map(name).transpose()?;
    if link.kind.as_deref() == Some("bridge") {
        let data = find(value, INFO_DATA)?.unwrap_or_default();
        link.vlan_filtering = find(data, BR_VLAN_FILTERING)?.map(|on| on.iter().any(|byte| *byte != 0));
    }
    Ok(())
}

fn altnames(value: &[u8]) -> Result<Vec<String>, String> {
    let names = each(value).filter_map(|property| match property {
        Ok((ALT_IFNAME, value)) => Some(name(value)),
        Ok(_) => None,
        Err(why) => Some(Err(why)),
    });
    names.collect()
}

/// The VFs, few and full of details: the crate reads them.
fn vfs(value: &[u8]) -> Result<Vec<VfConfig>, String> {
    let mut infos = Vec::new();
    for info in each(value) {
        if let (VF_INFO, value) = info? {
            let info = NlaBuffer::new_checked(value).and_then(|info| LinkVfInfo::parse(&info));
            infos.push(info.map_err(|error| error.to_string())?);
        }
    }
    Ok(vf::decode(&infos))
}

fn number(value: &[u8]) -> Result<u32, String> {
    let bytes = value.try_into().map_err(|_| format!("a number of {} bytes", value.len()))?;
    Ok(u32::from_ne_bytes(bytes))
}

fn name(value: &[u8]) -> Result<String, String> {
    let text = value.strip_suffix(&[0]).unwrap_or(value);
    str::from_utf8(text).map(str::to_owned).map_err(|_| "a name that is not UTF-8".to_owned())
}
