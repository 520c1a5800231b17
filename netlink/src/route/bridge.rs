//! Linux bridges: made, deleted, and the VLANs of their ports.

use std::collections::BTreeMap;

use rtnetlink::packet_core::Parseable;
use rtnetlink::packet_route::AddressFamily;
use rtnetlink::packet_route::link::{
    AfSpecBridge, BridgeVlanInfo, BridgeVlanInfoFlags, InfoBridge, InfoData, InfoKind, LinkAttribute,
    LinkExtentMask, LinkFlags, LinkInfo, LinkMessage,
};

use super::{RTM_GETLINK, RTM_NEWLINK, Route, emit};
use crate::conversation::{Datagrams, Request};
use crate::error::NetlinkError;

const RTM_DELLINK: u16 = 17;
const RTM_SETLINK: u16 = 19;

/// A VLAN of a port.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PortVlan {
    /// Untagged frames that come in belong to it (`BRIDGE_VLAN_INFO_PVID`).
    pub pvid: bool,
    /// Its frames go out without a tag (`BRIDGE_VLAN_INFO_UNTAGGED`).
    pub untagged: bool,
}

/// The VLANs of a port, by their numbers.
pub type PortVlans = BTreeMap<u16, PortVlan>;

impl<D: Datagrams> Route<D> {
    /// Makes a bridge, and sets it up.
    ///
    /// # Errors
    /// What the kernel or the conversation says, so for all methods here; `EEXIST` when there is a link of that name.
    pub fn make_bridge(&mut self, name: &str) -> Result<(), NetlinkError> {
        let mut message = LinkMessage::default();
        message.header.flags = LinkFlags::Up;
        message.header.change_mask = LinkFlags::Up;
        message.attributes = vec![
            LinkAttribute::IfName(name.to_owned()),
            LinkAttribute::LinkInfo(vec![LinkInfo::Kind(InfoKind::Bridge)]),
        ];
        self.send("ip link add type bridge", RTM_NEWLINK, &message, true)
    }

    /// Deletes a link; a bridge lets go of its ports.
    ///
    /// # Errors
    /// See [`Self::make_bridge`].
    pub fn delete_link(&mut self, index: u32) -> Result<(), NetlinkError> {
        let mut message = LinkMessage::default();
        message.header.index = index;
        self.send("ip link del", RTM_DELLINK, &message, false)
    }

    /// Sets whether a bridge looks at VLANs.
    ///
    /// # Errors
    /// See [`Self::make_bridge`].
    pub fn set_vlan_filtering(&mut self, index: u32, on: bool) -> Result<(), NetlinkError> {
        let mut message = LinkMessage::default();
        message.header.index = index;
        message.attributes = vec![LinkAttribute::LinkInfo(vec![
            LinkInfo::Kind(InfoKind::Bridge),
            LinkInfo::Data(InfoData::Bridge(vec![InfoBridge::VlanFiltering(on)])),
        ])];
        self.send("ip link set type bridge", RTM_NEWLINK, &message, false)
    }

    /// Makes a link a port of this bridge, or of none.
    ///
    /// # Errors
    /// See [`Self::make_bridge`].
    pub fn set_bridge(&mut self, index: u32, bridge: Option<u32>) -> Result<(), NetlinkError> {
        let mut message = LinkMessage::default();
        message.header.index = index;
        // 0 is no master (`do_set_master` in net/core/rtnetlink.c).
        message.attributes = vec![LinkAttribute::Controller(bridge.unwrap_or(0))];
        self.send("ip link set master", RTM_NEWLINK, &message, false)
    }

    /// The VLANs of all ports, by the ports' interface indexes.
    ///
    /// # Errors
    /// See [`Self::make_bridge`].
    pub fn port_vlans(&mut self) -> Result<BTreeMap<u32, PortVlans>, NetlinkError> {
        let mut message = LinkMessage::default();
        message.header.interface_family = AddressFamily::Bridge;
        message.attributes = vec![LinkAttribute::ExtMask(vec![LinkExtentMask::BrvlanCompressed])];
        let found = self.dump("bridge vlan show", RTM_GETLINK, emit(&message), decode)?;
        Ok(found.into_iter().collect())
    }

    /// Adds VLANs to a port; those that it has get the new flags.
    ///
    /// # Errors
    /// See [`Self::make_bridge`]; `EOPNOTSUPP` when the link is no port of a bridge.
    pub fn add_vlans(&mut self, index: u32, vlans: &PortVlans) -> Result<(), NetlinkError> {
        self.send("bridge vlan add", RTM_SETLINK, &vlan_message(index, vlans), false)
    }

    /// Takes VLANs from a port.
    ///
    /// # Errors
    /// See [`Self::add_vlans`].
    pub fn delete_vlans(&mut self, index: u32, vlans: &PortVlans) -> Result<(), NetlinkError> {
        self.send("bridge vlan del", RTM_DELLINK, &vlan_message(index, vlans), false)
    }

    fn send(
        &mut self,
        name: &'static str,
        kind: u16,
        message: &LinkMessage,
        creates: bool,
    ) -> Result<(), NetlinkError> {
        let request = Request { name, kind, dump: false, payload: emit(message), lookup: None };
        let answer = if creates {
            self.conversation.exchange_creating(&request)
        } else {
            self.conversation.exchange(&request)
        };
        answer.map(drop)
    }
}

/// VLANs that follow one another with the same flags, as first and last.
fn ranges(vlans: &PortVlans) -> Vec<(u16, u16, PortVlan)> {
    let mut ranges: Vec<(u16, u16, PortVlan)> = Vec::new();
    for (&id, &vlan) in vlans {
        match ranges.last_mut() {
            Some((_, last, flags)) if *last + 1 == id && *flags == vlan && !vlan.pvid => *last = id,
            _ => ranges.push((id, id, vlan)),
        }
    }
    ranges
}

fn vlan_message(index: u32, vlans: &PortVlans) -> LinkMessage {
    let info = |vid, vlan: PortVlan, range| {
        let mut flags = BridgeVlanInfoFlags::empty();
        flags.set(BridgeVlanInfoFlags::Pvid, vlan.pvid);
        flags.set(BridgeVlanInfoFlags::Untagged, vlan.untagged);
        AfSpecBridge::VlanInfo(BridgeVlanInfo { flags: flags | range, vid })
    };
    let none = BridgeVlanInfoFlags::empty();
    let infos = ranges(vlans).into_iter().flat_map(|(first, last, vlan)| {
        if first == last {
            vec![info(first, vlan, none)]
        } else {
            let ends = (BridgeVlanInfoFlags::RangeBegin, BridgeVlanInfoFlags::RangeEnd);
            vec![info(first, vlan, ends.0), info(last, vlan, ends.1)]
        }
    });
    let mut message = LinkMessage::default();
    message.header.interface_family = AddressFamily::Bridge;
    message.header.index = index;
    message.attributes = vec![LinkAttribute::AfSpecBridge(infos.collect())];
    message
}

fn decode(payload: &[u8]) -> Result<(u32, PortVlans), String> {
    let message = LinkMessage::parse(payload).map_err(|error| error.to_string())?;
    let mut vlans = PortVlans::new();
    let mut begin = None;
    for attribute in message.attributes {
        let LinkAttribute::AfSpecBridge(infos) = attribute else { continue };
        for info in infos {
            let AfSpecBridge::VlanInfo(info) = info else { continue };
            let vlan = PortVlan {
                pvid: info.flags.contains(BridgeVlanInfoFlags::Pvid),
                untagged: info.flags.contains(BridgeVlanInfoFlags::Untagged),
            };
            if info.flags.contains(BridgeVlanInfoFlags::RangeBegin) {
                begin = Some(info.vid);
                continue;
            }
            let first = begin.take().unwrap_or(info.vid);
            vlans.extend((first..=info.vid).map(|id| (id, vlan)));
        }
    }
    Ok((message.header.index, vlans))
}

#[cfg(test)]
mod tests {
    use rtnetlink::packet_core::Emitable;

    use super::*;

    #[test]
    fn vlans_are_sent_as_ranges_and_read_back() {
        let (plain, tagged) = (PortVlan { pvid: true, untagged: true }, PortVlan::default());
        let vlans: PortVlans =
            (100..=4094).map(|id| (id, tagged)).chain([(1, plain), (2, tagged), (3, tagged)]).collect();
        assert_eq!(ranges(&vlans), [(1, 1, plain), (2, 3, tagged), (100, 4094, tagged)]);
        let message = vlan_message(7, &vlans);
        let mut payload = vec![0; message.buffer_len()];
        message.emit(&mut payload);
        assert_eq!(decode(&payload).unwrap(), (7, vlans));
    }
}
