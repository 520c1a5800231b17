//! Linux bridges and their ports.

use std::collections::BTreeMap;

use nix::errno::Errno;
use subdevcfg_compiler::values::InterfaceName;
use subdevcfg_netlink::NetlinkError;
use subdevcfg_netlink::conversation::Datagrams;
use subdevcfg_netlink::route::{self, Link, PortVlan};

use super::{LiveKernel, wire};
use crate::kernel::RequestError;
use crate::resource::{PortVlans, Side, Subject, VlanFlags, Vlans};
use crate::state::{Bridge, BridgeVolatile, Port, Volatile};

/// The bridges among these links.
pub(super) fn bridges(links: &BTreeMap<u32, Link>) -> BTreeMap<InterfaceName, Bridge> {
    let bridges = links.values().filter(|link| is_bridge(link)).filter_map(|bridge| {
        let is_port = |link: &&Link| link.upper == Some(bridge.index);
        let ports = links.values().filter(is_port).map(|port| port.name.clone()).collect();
        let vlan_filtering = bridge.vlan_filtering.unwrap_or_default();
        let found = Bridge { vlan_filtering, volatile: Volatile(BridgeVolatile { ports }) };
        Some((bridge.name.parse().ok()?, found))
    });
    bridges.collect()
}

fn is_bridge(link: &Link) -> bool {
    link.kind.as_deref() == Some("bridge")
}

/// The port that a link is of a bridge.
pub(super) fn port(
    link: &Link,
    links: &BTreeMap<u32, Link>,
    vlans: &BTreeMap<u32, route::PortVlans>,
) -> Option<Port> {
    let bridge = links.get(&link.upper?).filter(|upper| is_bridge(upper))?;
    let vlans = vlans.get(&link.index).map(from_wire).unwrap_or_default();
    Some(Port { bridge: bridge.name.parse().ok()?, vlans: PortVlans::Linux(vlans) })
}

fn from_wire(vlans: &route::PortVlans) -> Vlans {
    let flags = |vlan: &PortVlan| VlanFlags { pvid: vlan.pvid, untagged: vlan.untagged };
    Vlans(vlans.iter().map(|(&id, vlan)| (id, flags(vlan))).collect())
}

fn to_wire(vlans: &Vlans) -> route::PortVlans {
    let vlan = |flags: &VlanFlags| PortVlan { pvid: flags.pvid, untagged: flags.untagged };
    vlans.0.iter().map(|(&id, flags)| (id, vlan(flags))).collect()
}

impl<D: Datagrams + 'static> LiveKernel<D> {
    /// The VLANs of all ports of bridges, if there are any bridges.
    pub(super) fn port_vlans(
        &mut self,
        links: &BTreeMap<u32, Link>,
    ) -> Result<BTreeMap<u32, route::PortVlans>, NetlinkError> {
        if links.values().any(is_bridge) { self.route.port_vlans() } else { Ok(BTreeMap::new()) }
    }

    /// The index of a bridge. The mirror holds no links, and a dump of all of them for each port would be quadratic.
    fn find_bridge(&self, name: &str) -> Result<u32, RequestError> {
        let missing = || RequestError::Vanished(format!("there is no bridge {name}"));
        self.sysfs.bridge_index(name).ok_or_else(missing)
    }

    pub(super) fn delete_bridge(&mut self, name: &str) -> Result<(), RequestError> {
        let index = self.find_bridge(name)?;
        self.route.delete_link(index).map_err(wire::request_error)
    }

    pub(super) fn set_vlan_filtering(&mut self, subject: &Subject, on: bool) -> Result<(), RequestError> {
        let not_one = || wire::refused(Errno::EOPNOTSUPP, format!("{subject} is no bridge"));
        let index = self.find_bridge(subject.bridge_name().ok_or_else(not_one)?)?;
        self.route.set_vlan_filtering(index, on).map_err(wire::request_error)
    }

    pub(super) fn set_bridge(
        &mut self,
        subject: &Subject,
        bridge: Option<&InterfaceName>,
    ) -> Result<(), RequestError> {
        let index = self.find_representor(subject)?;
        let bridge = bridge.map(|bridge| self.find_bridge(bridge.as_str())).transpose()?;
        self.route.set_bridge(index, bridge).map_err(wire::request_error)
    }

    /// Makes these the VLANs of a port. What the port has is asked for, of this one alone: for each of many ports those of all
    /// would be quadratic. Only the difference is sent, in at most two messages.
    pub(super) fn set_vlans(&mut self, subject: &Subject, vlans: &Vlans) -> Result<(), RequestError> {
        let index = self.find_representor(subject)?;
        let found = self.route.vlans_of_port(index).map_err(wire::request_error)?;
        let wanted = to_wire(vlans);
        let gone: route::PortVlans =
            found.iter().filter(|(id, _)| !wanted.contains_key(id)).map(|(&id, &vlan)| (id, vlan)).collect();
        let new: route::PortVlans =
            wanted.into_iter().filter(|(id, vlan)| found.get(id) != Some(vlan)).collect();
        if !gone.is_empty() {
            self.route.delete_vlans(index, &gone).map_err(wire::request_error)?;
        }
        if new.is_empty() {
            return Ok(());
        }
        self.route.add_vlans(index, &new).map_err(wire::request_error)
    }

    fn find_representor(&mut self, subject: &Subject) -> Result<u32, RequestError> {
        self.find(
            |mirror| mirror.interface(subject, Side::Representor),
            || format!("{subject} has no representor in this network namespace"),
        )
    }
}
