//! Where packets leave the host: routes, the hardware addresses of who is next on them, and the ports of a bridge behind
//! which these are.

use std::net::IpAddr;

use rtnetlink::packet_core::Parseable;
use rtnetlink::packet_route::AddressFamily;
use rtnetlink::packet_route::link::{LinkAttribute, LinkMessage};
use rtnetlink::packet_route::neighbour::{
    NeighbourAddress, NeighbourAttribute, NeighbourMessage, NeighbourState,
};
use rtnetlink::packet_route::route::{
    RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteType, RouteVia,
};

use super::{Route, emit};
use crate::conversation::{Datagrams, Request};
use crate::error::NetlinkError;

const RTM_GETROUTE: u16 = 26;
const RTM_GETNEIGH: u16 = 30;

/// The first step of packets on their way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hop {
    /// Index of the link that they leave by.
    pub link: u32,
    /// Who takes them there: a gateway. `None` where the route names none, and whoever they are for is on the link.
    pub gateway: Option<IpAddr>,
}

/// Who is known on a link, with the hardware address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Neighbour {
    /// Index of the link.
    pub link: u32,
    /// The address.
    pub address: IpAddr,
    /// The MAC address.
    pub mac: [u8; 6],
}

impl<D: Datagrams> Route<D> {
    /// The first hops of the default routes of the main table, each once.
    ///
    /// # Errors
    /// What the kernel or the conversation says; so for all methods here.
    pub fn default_routes(&mut self) -> Result<Vec<Hop>, NetlinkError> {
        let found =
            self.dump("ip route show", RTM_GETROUTE, emit(&RouteMessage::default()), default_route)?;
        let mut hops: Vec<Hop> = found.into_iter().flatten().collect();
        hops.sort_unstable();
        hops.dedup();
        Ok(hops)
    }

    /// The first hop of packets to this address; `None` where there is no route.
    ///
    /// # Errors
    /// See [`Self::default_routes`].
    pub fn way_to(&mut self, address: IpAddr) -> Result<Option<Hop>, NetlinkError> {
        let name = "ip route get";
        let mut message = RouteMessage::default();
        message.header.address_family =
            if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
        message.header.destination_prefix_length = if address.is_ipv4() { 32 } else { 128 };
        message.attributes.push(RouteAttribute::Destination(address.into()));
        let payload = emit(&message);
        let request = Request { name, kind: RTM_GETROUTE, dump: false, payload, lookup: None };
        let reply = match self.conversation.exchange(&request) {
            Ok(reply) => reply,
            Err(error) if error.refusal().is_some() => return Ok(None),
            Err(error) => return Err(error),
        };
        let Some(message) = reply.messages.first() else { return Ok(None) };
        let malformed = |why: String| NetlinkError::Malformed { request: name, why };
        let route = RouteMessage::parse(message).map_err(|error| malformed(error.to_string()))?;
        Ok(hops_of(&route.attributes).first().copied())
    }

    /// Who is known on any link of this network namespace.
    ///
    /// # Errors
    /// See [`Self::default_routes`].
    pub fn neighbours(&mut self) -> Result<Vec<Neighbour>, NetlinkError> {
        let payload = emit(&NeighbourMessage::default());
        let found = self.dump("ip neigh show", RTM_GETNEIGH, payload, neighbour)?;
        Ok(found.into_iter().flatten().collect())
    }

    /// The MAC addresses that a Linux bridge has learned, each with the index of the port that it is behind. Those of the
    /// ports themselves are left out.
    ///
    /// # Errors
    /// See [`Self::default_routes`].
    pub fn learned(&mut self, bridge: u32) -> Result<Vec<([u8; 6], u32)>, NetlinkError> {
        // `rtnl_fdb_dump` chooses a bridge by `IFLA_MASTER` after a `struct ifinfomsg`, unless the socket asks for strict
        // checks (`valid_fdb_dump_legacy` in net/core/rtnetlink.c).
        let mut message = LinkMessage::default();
        message.header.interface_family = AddressFamily::Bridge;
        message.attributes.push(LinkAttribute::Controller(bridge));
        let found = self.dump("bridge fdb show", RTM_GETNEIGH, emit(&message), learned)?;
        let of_bridge = found.into_iter().flatten().filter(|entry| entry.bridge == bridge);
        Ok(of_bridge.map(|entry| (entry.mac, entry.port)).collect())
    }
}

/// The hops of a route, if it is a default route of the main table.
fn default_route(payload: &[u8]) -> Result<Vec<Hop>, String> {
    let message = RouteMessage::parse(payload).map_err(|error| error.to_string())?;
    let header = &message.header;
    let is_default = header.destination_prefix_length == 0
        && header.kind == RouteType::Unicast
        && header.table == RouteHeader::RT_TABLE_MAIN;
    Ok(if is_default { hops_of(&message.attributes) } else { Vec::new() })
}

fn hops_of(attributes: &[RouteAttribute]) -> Vec<Hop> {
    let gateway = gateway_of(attributes);
    let hops = |attribute: &RouteAttribute| match attribute {
        RouteAttribute::Oif(link) => vec![Hop { link: *link, gateway }],
        RouteAttribute::MultiPath(hops) => {
            let hop = |link, attributes| Hop { link, gateway: gateway_of(attributes) };
            hops.iter().map(|next| hop(next.interface_index, &next.attributes)).collect()
        }
        _ => Vec::new(),
    };
    attributes.iter().flat_map(hops).collect()
}

/// An IPv4 route can have a gateway with an IPv6 address (`RTA_VIA`).
fn gateway_of(attributes: &[RouteAttribute]) -> Option<IpAddr> {
    attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::Gateway(RouteAddress::Inet(address)) => Some(IpAddr::V4(*address)),
        RouteAttribute::Gateway(RouteAddress::Inet6(address))
        | RouteAttribute::Via(RouteVia::Inet6(address)) => Some(IpAddr::V6(*address)),
        _ => None,
    })
}

/// One that has no hardware address (yet) is nobody.
fn neighbour(payload: &[u8]) -> Result<Option<Neighbour>, String> {
    let message = NeighbourMessage::parse(payload).map_err(|error| error.to_string())?;
    let address = message.attributes.iter().find_map(|attribute| match attribute {
        NeighbourAttribute::Destination(NeighbourAddress::Inet(address)) => Some(IpAddr::V4(*address)),
        NeighbourAttribute::Destination(NeighbourAddress::Inet6(address)) => Some(IpAddr::V6(*address)),
        _ => None,
    });
    let found = address.zip(mac_of(&message));
    Ok(found.map(|(address, mac)| Neighbour { link: message.header.ifindex, address, mac }))
}

/// An entry of a bridge's table of addresses.
#[derive(Debug, PartialEq, Eq)]
struct Entry {
    bridge: u32,
    port: u32,
    mac: [u8; 6],
}

fn learned(payload: &[u8]) -> Result<Option<Entry>, String> {
    let message = NeighbourMessage::parse(payload).map_err(|error| error.to_string())?;
    let bridge = message.attributes.iter().find_map(|attribute| match attribute {
        NeighbourAttribute::Controller(bridge) => Some(*bridge),
        _ => None,
    });
    // The addresses of the bridge and of its ports are permanent (`fdb_to_nud` in net/bridge/br_fdb.c).
    let is_own = message.header.state == NeighbourState::Permanent;
    let found = bridge.zip(mac_of(&message)).filter(|_| !is_own);
    Ok(found.map(|(bridge, mac)| Entry { bridge, port: message.header.ifindex, mac }))
}

fn mac_of(message: &NeighbourMessage) -> Option<[u8; 6]> {
    message.attributes.iter().find_map(|attribute| match attribute {
        NeighbourAttribute::LinkLayerAddress(address) => address.as_slice().try_into().ok(),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use rtnetlink::packet_route::route::RouteNextHop;

    use super::*;
    use crate::socket::Socket;

    const MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];

    #[test]
    fn ways_are_read_from_the_kernel() {
        let mut route: Route<Socket> = Route::open().unwrap();
        let home = IpAddr::from([127, 0, 0, 1]);
        assert_eq!(route.way_to(home).unwrap(), Some(Hop { link: 1, gateway: None }));
        route.default_routes().unwrap();
        route.neighbours().unwrap();
        // lo is no bridge, and a kernel that is asked for one that is not there says so or tells nothing.
        assert!(route.learned(1).unwrap_or_default().is_empty());
    }

    #[test]
    fn each_hop_of_a_default_route_has_its_gateway() {
        let gateway = |last| RouteAttribute::Gateway(RouteAddress::Inet([10, 0, 0, last].into()));
        let mut message = RouteMessage::default();
        message.header.address_family = AddressFamily::Inet;
        message.header.table = RouteHeader::RT_TABLE_MAIN;
        message.header.kind = RouteType::Unicast;
        message.attributes = vec![gateway(1), RouteAttribute::Oif(3)];
        let hop = |link, last: u8| Hop { link, gateway: Some(IpAddr::from([10, 0, 0, last])) };
        assert_eq!(default_route(&emit(&message)).unwrap(), [hop(3, 1)]);
        let next = |link, last| {
            let mut next = RouteNextHop::default();
            next.interface_index = link;
            next.attributes = vec![gateway(last)];
            next
        };
        message.attributes = vec![RouteAttribute::MultiPath(vec![next(3, 1), next(4, 2)])];
        assert_eq!(default_route(&emit(&message)).unwrap(), [hop(3, 1), hop(4, 2)]);
        message.header.destination_prefix_length = 24;
        assert_eq!(default_route(&emit(&message)).unwrap(), []);
    }

    #[test]
    fn who_is_known_has_a_hardware_address() {
        let address = IpAddr::from([10, 0, 0, 9]);
        let mut message = NeighbourMessage::default();
        message.header.family = AddressFamily::Inet;
        message.header.ifindex = 6;
        message.attributes = vec![NeighbourAttribute::Destination(address.into())];
        assert_eq!(neighbour(&emit(&message)).unwrap(), None);
        message.attributes.push(NeighbourAttribute::LinkLayerAddress(MAC.to_vec()));
        assert_eq!(neighbour(&emit(&message)).unwrap(), Some(Neighbour { link: 6, address, mac: MAC }));
        assert!(neighbour(&[0; 4]).is_err());
    }

    #[test]
    fn what_a_bridge_has_learned_is_not_what_its_ports_have() {
        let mut message = NeighbourMessage::default();
        message.header.family = AddressFamily::Bridge;
        message.header.ifindex = 5;
        message.header.state = NeighbourState::Reachable;
        message.attributes = vec![NeighbourAttribute::LinkLayerAddress(MAC.to_vec())];
        // What a port filters for itself has no bridge (`NTF_SELF`).
        assert_eq!(learned(&emit(&message)).unwrap(), None);
        message.attributes.push(NeighbourAttribute::Controller(6));
        assert_eq!(learned(&emit(&message)).unwrap(), Some(Entry { bridge: 6, port: 5, mac: MAC }));
        message.header.state = NeighbourState::Permanent;
        assert_eq!(learned(&emit(&message)).unwrap(), None);
    }
}
