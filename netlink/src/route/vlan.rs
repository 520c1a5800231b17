//! The VLANs of one port of a Linux bridge. A dump by links has those of all ports, and cannot be of one.

use super::Route;
use super::bridge::{PortVlan, PortVlans};
use crate::attributes::{each, find};
use crate::conversation::{Datagrams, u16_at};
use crate::error::NetlinkError;

/// `include/uapi/linux/rtnetlink.h`, since Linux 5.6.
const RTM_GETVLAN: u16 = 114;

/// `struct br_vlan_msg` (`include/uapi/linux/if_bridge.h`): the family, three reserved bytes, the interface's index.
const HEADER_BYTES: usize = 8;
const PF_BRIDGE: u8 = 7;

/// `BRIDGE_VLANDB_...`: an entry is `struct bridge_vlan_info`, flags and number, and perhaps the last number of a range.
const ENTRY: u16 = 1;
const ENTRY_INFO: u16 = 1;
const ENTRY_RANGE: u16 = 2;

/// `BRIDGE_VLAN_INFO_...`
const PVID: u16 = 1 << 1;
const UNTAGGED: u16 = 1 << 2;

impl<D: Datagrams> Route<D> {
    /// The VLANs of one port, by its interface index.
    ///
    /// # Errors
    /// See [`Self::links`]; `EINVAL` when the link is no port of a bridge (`br_vlan_dump_dev`, `net/bridge/br_vlan.c`).
    pub fn vlans_of_port(&mut self, index: u32) -> Result<PortVlans, NetlinkError> {
        let found = self.dump("bridge vlan show dev", RTM_GETVLAN, header(index), decode)?;
        Ok(found.into_iter().flatten().collect())
    }
}

fn header(index: u32) -> Vec<u8> {
    let mut header = vec![0; HEADER_BYTES];
    header[0] = PF_BRIDGE;
    header[4..].copy_from_slice(&index.to_ne_bytes());
    header
}

fn decode(payload: &[u8]) -> Result<Vec<(u16, PortVlan)>, String> {
    let attributes = payload.get(HEADER_BYTES..).ok_or("VLANs without their header")?;
    let mut vlans = Vec::new();
    for attribute in each(attributes) {
        if let (ENTRY, entry) = attribute? {
            let info = find(entry, ENTRY_INFO)?.ok_or("a VLAN without its number")?;
            let (flags, first) = u16_at(info, 0).zip(u16_at(info, 2)).ok_or("a VLAN cut short")?;
            let last = match find(entry, ENTRY_RANGE)? {
                Some(last) => u16_at(last, 0).ok_or("the end of a range of VLANs cut short")?,
                None => first,
            };
            let vlan = PortVlan { pvid: flags & PVID != 0, untagged: flags & UNTAGGED != 0 };
            vlans.extend((first..=last).map(|id| (id, vlan)));
        }
    }
    Ok(vlans)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attributes::attribute;

    fn entry(flags: u16, first: u16, last: Option<u16>) -> Vec<u8> {
        let mut entry = attribute(ENTRY_INFO, &[flags.to_ne_bytes(), first.to_ne_bytes()].concat());
        entry.extend(last.map(|last| attribute(ENTRY_RANGE, &last.to_ne_bytes())).into_iter().flatten());
        attribute(ENTRY, &entry)
    }

    #[test]
    fn the_vlans_of_a_port_are_read_with_their_ranges() {
        let message = [header(7), entry(PVID | UNTAGGED, 1, None), entry(0, 100, Some(102))].concat();
        let (plain, tagged) = (PortVlan { pvid: true, untagged: true }, PortVlan::default());
        assert_eq!(decode(&message).unwrap(), [(1, plain), (100, tagged), (101, tagged), (102, tagged)]);
    }

    #[test]
    fn what_is_cut_short_is_no_port_without_vlans() {
        let message = [header(7), entry(PVID, 1, Some(2))].concat();
        let whole = decode(&message).unwrap();
        for length in (0..message.len()).filter(|length| *length != HEADER_BYTES) {
            assert_ne!(decode(&message[..length]).ok().as_ref(), Some(&whole), "{length} bytes");
        }
        assert!(decode(&[header(7), attribute(ENTRY, &[])].concat()).is_err());
    }
}
