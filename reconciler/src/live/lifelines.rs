//! What the host is reached over: the ways that lead out of it to whom it must not lose, and the interfaces below these.

use std::collections::{BTreeMap, BTreeSet};

use subdevcfg_netlink::NetlinkError;
use subdevcfg_netlink::conversation::Datagrams;
use subdevcfg_netlink::route::{Hop, Link, Neighbour};

use super::LiveKernel;
use super::mounts::mounts;
use super::ovs::Wiring;
use super::peers::Peer;
use crate::state::Lifeline;

/// A way out of the host.
#[derive(Debug, Clone)]
pub(super) struct Way {
    /// The first hop; its gateway is the other end itself where it is on the link.
    pub hop: Hop,
    /// What leads over it, in words.
    pub reason: String,
}

/// Who is behind which port of a bridge, as far as the bridges know.
#[derive(Debug, Default)]
pub(super) struct Learned {
    neighbours: Vec<Neighbour>,
    /// By the index of the bridge: MAC addresses with the ports that they are behind.
    ports: BTreeMap<u32, Vec<([u8; 6], u32)>>,
}

/// The links, and what lies below which.
#[derive(Debug)]
pub(super) struct Network<'a> {
    pub links: &'a BTreeMap<u32, Link>,
    pub wiring: &'a Wiring,
    /// Links that stand for functions.
    pub representors: &'a BTreeSet<u32>,
    pub learned: Learned,
}

impl<D: Datagrams + 'static> LiveKernel<D> {
    /// The interfaces that the host is reached over.
    pub(super) fn lifelines(
        &mut self,
        links: &BTreeMap<u32, Link>,
        wiring: &Wiring,
    ) -> Result<Vec<Lifeline>, NetlinkError> {
        let ways = self.ways(links)?;
        let representors = self.mirror.representors();
        let mut network = Network { links, wiring, representors: &representors, learned: Learned::default() };
        // Asked only where the answer makes a difference: tables of addresses can be long.
        for bridge in network.bridges_in_doubt(&ways) {
            let learned = unless_refused(self.route.learned(bridge))?;
            network.learned.ports.insert(bridge, learned);
        }
        if !network.learned.ports.is_empty() {
            network.learned.neighbours = unless_refused(self.route.neighbours())?;
        }
        Ok(network.lifelines(&ways))
    }

    /// The ways to everybody, to the other ends of sessions, and to the servers of what is mounted.
    fn ways(&mut self, links: &BTreeMap<u32, Link>) -> Result<Vec<Way>, NetlinkError> {
        let default = self.route.default_routes()?.into_iter();
        let mut ways: Vec<Way> =
            default.map(|hop| Way { hop, reason: "the default route".to_owned() }).collect();
        let sessions = self.peers.clone().into_iter();
        let mut others: Vec<(Peer, String)> = sessions
            .map(|peer| {
                let reason = format!("your session from {peer}");
                (peer, reason)
            })
            .collect();
        others.extend(mounts(&self.sysfs.mounts()).into_iter().map(|mount| {
            let reason = format!("network mount {} ({})", mount.point, mount.server);
            (mount.server, reason)
        }));
        for (peer, reason) in others {
            let hop = self.first_hop(&peer, links)?;
            ways.extend(hop.map(|hop| Way { hop, reason }));
        }
        Ok(ways)
    }

    fn first_hop(&mut self, peer: &Peer, links: &BTreeMap<u32, Link>) -> Result<Option<Hop>, NetlinkError> {
        let hop = match &peer.zone {
            Some(zone) => {
                let link = links.values().find(|link| link.name == *zone || link.index.to_string() == *zone);
                link.map(|link| Hop { link: link.index, gateway: None })
            }
            None => self.route.way_to(peer.address)?,
        };
        Ok(hop.map(|hop| Hop { gateway: hop.gateway.or(Some(peer.address)), ..hop }))
    }
}

/// A kernel without it knows nothing.
fn unless_refused<T: Default>(found: Result<T, NetlinkError>) -> Result<T, NetlinkError> {
    match found {
        Err(error) if error.refusal().is_some() => Ok(T::default()),
        found => found,
    }
}

impl Learned {
    /// The ports of a bridge behind which the first hop of a way is.
    fn towards(&self, bridge: u32, hop: Hop) -> Vec<u32> {
        let is_it = |known: &&Neighbour| known.link == hop.link && Some(known.address) == hop.gateway;
        let Some(next) = self.neighbours.iter().find(is_it) else { return Vec::new() };
        let ports = self.ports.get(&bridge).into_iter().flatten();
        ports.filter(|(mac, _)| *mac == next.mac).map(|(_, port)| *port).collect()
    }
}

impl Network<'_> {
    /// The interfaces below the ways, each with the reason.
    pub fn lifelines(&self, ways: &[Way]) -> Vec<Lifeline> {
        let mut found = Vec::new();
        for way in ways {
            let top = self.links.get(&way.hop.link).map_or("", |top| top.name.as_str());
            for link in self.below(way).iter().filter_map(|index| self.links.get(index)) {
                let is_top = link.index == way.hop.link;
                let reason = if is_top { way.reason.clone() } else { format!("{} by {top}", way.reason) };
                found.push(Lifeline { interface: link.name.clone(), reason });
            }
        }
        found
    }

    /// The Linux bridges below the ways of which it is not plain which ports lead on.
    fn bridges_in_doubt(&self, ways: &[Way]) -> BTreeSet<u32> {
        let has_representors = |index: &u32| {
            self.is_bridge(*index) && self.ports(*index).any(|port| self.representors.contains(&port))
        };
        ways.iter().flat_map(|way| self.below(way)).filter(has_representors).collect()
    }

    /// The link of a way, and all links that lie below it. Below an interface that Open vSwitch made for the host are the
    /// ports of its bridge, and of the bridges that patches lead to; of the latter those are left out that stand for
    /// functions, for nobody is reached over another one's function.
    fn below(&self, way: &Way) -> BTreeSet<u32> {
        let index_of = |name: &str| self.links.values().find(|link| link.name == name).map(|link| link.index);
        let mut seen = BTreeSet::new();
        let mut open = vec![way.hop.link];
        while let Some(index) = open.pop() {
            let Some(link) = self.links.get(&index).filter(|_| seen.insert(index)) else { continue };
            open.extend(link.lower);
            if self.is_bridge(index) {
                open.extend(self.ports_of_way(index, way));
            } else {
                open.extend(self.ports(index));
            }
            if let Some((ports, behind)) = self.wiring.below(&link.name) {
                open.extend(ports.filter_map(index_of));
                let is_function = |index: &u32| self.representors.contains(index);
                open.extend(behind.filter_map(index_of).filter(|index| !is_function(index)));
            }
        }
        seen.retain(|index| self.links.contains_key(index));
        seen
    }

    /// The ports of a Linux bridge that a way goes on by. Who is next on it is behind one port, and while frames come from
    /// there the bridge knows which: a function's when a virtual machine on it is the gateway, or has the session. What
    /// happens to the other ports does not cut that way. Who has been silent is not known; then it is the ports that
    /// stand for no function, most likely uplinks, and the functions' where there are no others.
    fn ports_of_way(&self, bridge: u32, way: &Way) -> Vec<u32> {
        let towards = self.learned.towards(bridge, way.hop);
        if !towards.is_empty() {
            return towards;
        }
        let (functions, others): (Vec<u32>, Vec<u32>) =
            self.ports(bridge).partition(|port| self.representors.contains(port));
        if others.is_empty() { functions } else { others }
    }

    fn ports(&self, upper: u32) -> impl Iterator<Item = u32> {
        self.links.values().filter(move |link| link.upper == Some(upper)).map(|link| link.index)
    }

    fn is_bridge(&self, index: u32) -> bool {
        self.links.get(&index).is_some_and(|link| link.kind.as_deref() == Some("bridge"))
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::super::tests::live;
    use super::super::tree::Tree;
    use super::*;

    const GATEWAY: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));
    const MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];

    fn link(index: u32, name: &str, kind: Option<&str>) -> Link {
        Link { index, name: name.to_owned(), kind: kind.map(str::to_owned), up: true, ..Link::default() }
    }

    /// eth0 and eth1 in bond0, bond0.10 on it; eth2 in br0 with the representors `a_r` and `b_r`; `c_r` alone in br1.
    fn host() -> BTreeMap<u32, Link> {
        let links = [
            Link { upper: Some(3), ..link(1, "eth0", None) },
            Link { upper: Some(3), ..link(2, "eth1", None) },
            link(3, "bond0", Some("bond")),
            Link { lower: Some(3), ..link(4, "bond0.10", Some("vlan")) },
            link(6, "br0", Some("bridge")),
            Link { upper: Some(6), ..link(7, "eth2", None) },
            Link { upper: Some(6), ..link(8, "a_r", None) },
            Link { upper: Some(6), ..link(9, "b_r", None) },
            link(10, "br1", Some("bridge")),
            Link { upper: Some(10), ..link(11, "c_r", None) },
        ];
        links.into_iter().map(|link| (link.index, link)).collect()
    }

    /// What is below the default route over a link, in words.
    fn found(link: u32, learned: Learned) -> Vec<String> {
        let (links, wiring, representors) = (host(), Wiring::default(), BTreeSet::from([8, 9, 11]));
        let network = Network { links: &links, wiring: &wiring, representors: &representors, learned };
        let hop = Hop { link, gateway: Some(GATEWAY) };
        let ways = [Way { hop, reason: "the default route".to_owned() }];
        let found = network.lifelines(&ways).into_iter();
        found.map(|found| format!("{}: {}", found.interface, found.reason)).collect()
    }

    /// br0 has seen the gateway behind a port.
    fn seen_behind(port: u32) -> Learned {
        Learned {
            neighbours: vec![
                Neighbour { link: 4, address: GATEWAY, mac: [2; 6] },
                Neighbour { link: 6, address: GATEWAY, mac: MAC },
            ],
            ports: BTreeMap::from([(6, vec![([2; 6], 9), (MAC, port)])]),
        }
    }

    #[test]
    fn a_route_makes_lifelines_of_all_that_is_below_it() {
        let by = "the default route by bond0.10";
        assert_eq!(
            found(4, Learned::default()),
            [
                format!("eth0: {by}"),
                format!("eth1: {by}"),
                format!("bond0: {by}"),
                "bond0.10: the default route".to_owned(),
            ]
        );
    }

    #[test]
    fn of_a_bridge_only_the_port_is_a_lifeline_that_the_gateway_is_behind() {
        let over = |port: &str| {
            vec!["br0: the default route".to_owned(), format!("{port}: the default route by br0")]
        };
        assert_eq!(found(6, seen_behind(8)), over("a_r"));
        assert_eq!(found(6, seen_behind(7)), over("eth2"));
        // Nobody has seen it: it is not behind a function, most likely.
        assert_eq!(found(6, Learned::default()), over("eth2"));
        // Where else should it be?
        assert_eq!(found(10, Learned::default())[1], "c_r: the default route by br1");
    }

    #[test]
    fn sessions_and_network_mounts_have_ways() {
        let tree = Tree::empty();
        let mount = "36 35 0:48 / /srv rw - nfs4 [fe80::5%eth0]:/x rw,addr=fe80::5%2\n";
        tree.file("proc/self/mountinfo", mount);
        // Of addresses without a zone this kernel has no routes.
        let mut live = live(&tree, |_| Ok(Vec::new()), 0);
        live.keep_reachable("fe80::9%eth0".parse().unwrap());
        live.keep_reachable("10.0.0.9".parse().unwrap());
        let found = live.lifelines(&host(), &Wiring::default()).unwrap().into_iter();
        let found: Vec<String> =
            found.map(|found| format!("{}: {}", found.interface, found.reason)).collect();
        assert_eq!(found, ["eth0: your session from fe80::9%eth0", "eth1: network mount /srv (fe80::5%2)"]);
    }

    #[test]
    fn a_bridge_is_asked_only_where_it_has_functions_and_is_on_the_way() {
        let (links, wiring) = (host(), Wiring::default());
        let asked = |link: u32, representors: &[u32]| {
            let representors = representors.iter().copied().collect();
            let learned = Learned::default();
            let network = Network { links: &links, wiring: &wiring, representors: &representors, learned };
            network.bridges_in_doubt(&[Way { hop: Hop { link, gateway: None }, reason: String::new() }])
        };
        assert_eq!(asked(6, &[8, 9]), BTreeSet::from([6]));
        assert_eq!(asked(6, &[]), BTreeSet::new());
        assert_eq!(asked(4, &[8, 9]), BTreeSet::new());
    }
}
