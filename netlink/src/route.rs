//! Links, addresses and routes by rtnetlink: one dump to read all of a kind, one request to change a link. Messages are
//! built and read by the `rtnetlink` crate's types, but for the many of links (`link`); the transport is ours, because its own hides interrupted dumps and the
//! errno of DONE.

mod bridge;
mod filters;
mod link;
mod towards;
mod vf;
mod vlan;

use std::net::IpAddr;
use std::time::Duration;

use rtnetlink::LinkUnspec;
use rtnetlink::packet_core::{Emitable, Parseable};
use rtnetlink::packet_route::address::{AddressAttribute, AddressMessage, AddressScope};
use rtnetlink::packet_route::link::{LinkAttribute, LinkExtentMask, LinkMessage, Prop};

pub use bridge::{PortVlan, PortVlans};
pub use filters::Hook;
pub use link::Link;
pub use towards::{Hop, Neighbour};

use crate::conversation::{Conversation, Datagrams, Request};
use crate::error::NetlinkError;
use crate::socket::{Protocol, Socket};

pub use vf::{VfChange, VfConfig, VfTag};

const RTM_NEWLINK: u16 = 16;
const RTM_GETLINK: u16 = 18;
const RTM_GETADDR: u16 = 22;
const RTM_NEWLINKPROP: u16 = 108;
const RTM_DELLINKPROP: u16 = 109;
const TIMEOUT: Duration = Duration::from_secs(30);

/// An address of a link, of wider than link scope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// Index of the link.
    pub link: u32,
    /// The address.
    pub address: IpAddr,
    /// The length of its prefix.
    pub prefix: u8,
}

/// What to change on a link; `None` is left alone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LinkChange {
    /// New name; the kernel wants the link down (before 6.6, and always in drivers that say so).
    pub name: Option<String>,
    /// New MTU.
    pub mtu: Option<u32>,
    /// Administrative state.
    pub up: Option<bool>,
}

/// A conversation with rtnetlink.
#[derive(Debug)]
pub struct Route<D> {
    conversation: Conversation<D>,
}

impl Route<Socket> {
    /// Opens a socket.
    ///
    /// # Errors
    /// [`NetlinkError::Socket`].
    pub fn open() -> Result<Self, NetlinkError> {
        Ok(Self::new(Socket::open(Protocol::Route)?))
    }
}

impl<D: Datagrams> Route<D> {
    /// Talks rtnetlink over these datagrams.
    pub const fn new(datagrams: D) -> Self {
        Self { conversation: Conversation::new(datagrams, TIMEOUT) }
    }

    /// All links of this network namespace, VFs of a PF among it, and whether the kernel called the dump interrupted to
    /// the last.
    ///
    /// # Errors
    /// What the kernel or the conversation says; so for all methods here.
    pub fn links(&mut self) -> Result<(Vec<Link>, bool), NetlinkError> {
        let name = "ip link show";
        let mut message = LinkMessage::default();
        // Counters of VFs are many, and nobody asks for them.
        let extent = vec![LinkExtentMask::Vf, LinkExtentMask::SkipStats];
        message.attributes.push(LinkAttribute::ExtMask(extent));
        let payload = emit(&message);
        let request = Request { name, kind: RTM_GETLINK, dump: true, payload, lookup: None };
        let reply = self.conversation.exchange(&request)?;
        let links = reply.messages.iter().map(|message| link::decode(message)).collect::<Result<_, _>>();
        let links = links.map_err(|why| NetlinkError::Malformed { request: name, why })?;
        Ok((links, reply.interrupted))
    }

    /// One link, as it is now.
    ///
    /// # Errors
    /// See [`Self::links`].
    pub fn link(&mut self, index: u32) -> Result<Link, NetlinkError> {
        let name = "ip link show";
        let mut message = LinkMessage::default();
        message.header.index = index;
        message.attributes.push(LinkAttribute::ExtMask(vec![LinkExtentMask::SkipStats]));
        let request = Request { name, kind: RTM_GETLINK, dump: false, payload: emit(&message), lookup: None };
        let reply = self.conversation.exchange(&request)?;
        let link = reply.messages.first().ok_or_else(|| "no link in the answer".to_owned());
        link.and_then(|message| link::decode(message))
            .map_err(|why| NetlinkError::Malformed { request: name, why })
    }

    /// Gives a link an alternative name beside its own; the kernel finds it by either (`ip link property add`).
    ///
    /// # Errors
    /// See [`Self::links`]; `EEXIST` for a name that some link has.
    pub fn add_altname(&mut self, index: u32, altname: &str) -> Result<(), NetlinkError> {
        self.altname("ip link property add", RTM_NEWLINKPROP, index, altname)
    }

    /// Takes an alternative name from a link.
    ///
    /// # Errors
    /// See [`Self::links`]; `EINVAL` for the name of another (`netdev_name_node_alt_destroy`, `net/core/dev.c`).
    pub fn remove_altname(&mut self, index: u32, altname: &str) -> Result<(), NetlinkError> {
        self.altname("ip link property del", RTM_DELLINKPROP, index, altname)
    }

    fn altname(
        &mut self,
        name: &'static str,
        kind: u16,
        index: u32,
        altname: &str,
    ) -> Result<(), NetlinkError> {
        let mut message = LinkMessage::default();
        message.header.index = index;
        message.attributes.push(LinkAttribute::PropList(vec![Prop::AltIfName(altname.to_owned())]));
        let request = Request { name, kind, dump: false, payload: emit(&message), lookup: None };
        self.conversation.exchange(&request).map(drop)
    }

    /// All addresses but those of link scope, which IPv6 gives to every link that is up.
    ///
    /// # Errors
    /// See [`Self::links`].
    pub fn addresses(&mut self) -> Result<Vec<Address>, NetlinkError> {
        let found = self.dump("ip address show", RTM_GETADDR, emit(&AddressMessage::default()), address)?;
        Ok(found.into_iter().flatten().collect())
    }

    fn dump<T>(
        &mut self,
        name: &'static str,
        kind: u16,
        payload: Vec<u8>,
        decode: fn(&[u8]) -> Result<T, String>,
    ) -> Result<Vec<T>, NetlinkError> {
        let request = Request { name, kind, dump: true, payload, lookup: None };
        let reply = self.conversation.exchange(&request)?;
        let found = reply.messages.iter().map(|message| decode(message)).collect::<Result<_, _>>();
        found.map_err(|why| NetlinkError::Malformed { request: name, why })
    }

    /// Changes a link.
    ///
    /// # Errors
    /// See [`Self::links`].
    pub fn change(&mut self, index: u32, change: &LinkChange) -> Result<(), NetlinkError> {
        let mut builder = LinkUnspec::new_with_index(index);
        if let Some(name) = &change.name {
            builder = builder.name(name.as_str());
        }
        if let Some(mtu) = change.mtu {
            builder = builder.mtu(mtu);
        }
        match change.up {
            Some(true) => builder = builder.up(),
            Some(false) => builder = builder.down(),
            None => {}
        }
        let payload = emit(&builder.build());
        let request = Request { name: "ip link set", kind: RTM_NEWLINK, dump: false, payload, lookup: None };
        self.conversation.exchange(&request).map(drop)
    }
}

fn emit(message: &impl Emitable) -> Vec<u8> {
    let mut payload = vec![0; message.buffer_len()];
    message.emit(&mut payload);
    payload
}

fn address(payload: &[u8]) -> Result<Option<Address>, String> {
    let message = AddressMessage::parse(payload).map_err(|error| error.to_string())?;
    if message.header.scope == AddressScope::Link {
        return Ok(None);
    }
    let found = |wanted: fn(&AddressAttribute) -> Option<IpAddr>| message.attributes.iter().find_map(wanted);
    // On a point-to-point link `Address` is the other end's.
    let local = found(|attribute| match attribute {
        AddressAttribute::Local(address) => Some(*address),
        _ => None,
    });
    let address = local.or_else(|| {
        found(|attribute| match attribute {
            AddressAttribute::Address(address) => Some(*address),
            _ => None,
        })
    });
    let (link, prefix) = (message.header.index, message.header.prefix_len);
    Ok(address.map(|address| Address { link, address, prefix }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_links_of_this_namespace_are_read_from_the_kernel() {
        let (links, _) = Route::open().unwrap().links().unwrap();
        let loopback = links.iter().find(|link| link.name == "lo").unwrap();
        assert_eq!(loopback.index, 1);
    }

    #[test]
    fn addresses_are_read_from_the_kernel() {
        let home = IpAddr::from([127, 0, 0, 1]);
        let addresses = Route::open().unwrap().addresses().unwrap();
        assert!(addresses.iter().any(|found| found.address == home && found.link == 1));
    }
}
