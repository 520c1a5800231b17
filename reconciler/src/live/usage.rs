//! Who uses the network interfaces of this network namespace. Of Open vSwitch rtnetlink tells no more than that something is
//! a port of some bridge: the rest is its database's to tell.

use std::collections::BTreeMap;

use subdevcfg_netlink::route::{Address, Link};

use super::ovs::Wiring;
use crate::state::User;

/// The users of links, by interface index.
pub(super) fn users(
    links: &BTreeMap<u32, Link>,
    addresses: &[Address],
    wiring: &Wiring,
) -> BTreeMap<u32, Vec<User>> {
    let mut users: BTreeMap<u32, Vec<User>> = BTreeMap::new();
    let upper = |link: &Link| User::Upper { kind: link.kind.clone(), name: link.name.clone() };
    for link in links.values() {
        if let Some(above) = link.upper.and_then(|index| links.get(&index)) {
            // All bridges of Open vSwitch are one device to the kernel.
            let bridge =
                wiring.bridge_of(&link.name).filter(|_| above.kind.as_deref() == Some("openvswitch"));
            let user = match bridge {
                Some(name) => User::Upper { kind: above.kind.clone(), name: name.to_owned() },
                None => upper(above),
            };
            let bond = wiring.bond_of(&link.name);
            let bond = bond.map(|name| User::Upper { kind: Some("bond".to_owned()), name: name.to_owned() });
            users.entry(link.index).or_default().extend([user].into_iter().chain(bond));
        }
        // The two ends of a veth pair name each other.
        let lower = link.lower.filter(|&index| link.kind.as_deref() != Some("veth") && index != link.index);
        if let Some(lower) = lower.filter(|index| links.contains_key(index)) {
            users.entry(lower).or_default().push(upper(link));
        }
        if link.xdp {
            users.entry(link.index).or_default().push(User::Xdp);
        }
        let own = addresses.iter().filter(|address| address.link == link.index);
        let own: Vec<String> = own.map(|own| format!("{}/{}", own.address, own.prefix)).collect();
        if link.up && !own.is_empty() {
            users.entry(link.index).or_default().push(User::Addresses(own));
        }
    }
    users
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    fn link(index: u32, name: &str, kind: Option<&str>) -> Link {
        Link { index, name: name.to_owned(), kind: kind.map(str::to_owned), up: true, ..Link::default() }
    }

    /// eth0 and eth1 in bond0, bond0.10 on it with an address; web0 in br0; web1 alone; a veth pair.
    fn host() -> (BTreeMap<u32, Link>, Vec<Address>) {
        let links = [
            Link { upper: Some(3), ..link(1, "eth0", None) },
            Link { upper: Some(3), ..link(2, "eth1", None) },
            link(3, "bond0", Some("bond")),
            Link { lower: Some(3), ..link(4, "bond0.10", Some("vlan")) },
            Link { upper: Some(6), xdp: true, ..link(5, "web0", None) },
            link(6, "br0", Some("bridge")),
            Link { up: false, ..link(7, "web1", None) },
            Link { lower: Some(9), ..link(8, "veth0", Some("veth")) },
            Link { lower: Some(8), ..link(9, "veth1", Some("veth")) },
        ];
        let address = |link, last| Address { link, address: IpAddr::from([10, 0, 0, last]), prefix: 24 };
        (links.into_iter().map(|link| (link.index, link)).collect(), vec![address(4, 2), address(7, 3)])
    }

    #[test]
    fn uppers_addresses_and_programs_are_users() {
        let (links, addresses) = host();
        let users = users(&links, &addresses, &Wiring::default());
        let words = |index| -> Vec<String> { users[&index].iter().map(ToString::to_string).collect() };
        assert_eq!(words(1), ["bond bond0"]);
        assert_eq!(words(3), ["vlan bond0.10"]);
        assert_eq!(words(4), ["up with 10.0.0.2/24"]);
        assert_eq!(words(5), ["bridge br0", "an XDP program"]);
        // It is down, so nobody reaches its address.
        assert!(!users.contains_key(&7));
        assert!(!users.contains_key(&8) && !users.contains_key(&9));
    }
}
