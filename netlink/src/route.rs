//! Links by rtnetlink: one dump to read them all, one request to change one. Messages are built and read by the
//! `rtnetlink` crate's types; the transport is ours, because its own hides interrupted dumps and the errno of DONE.

use std::time::Duration;

use rtnetlink::LinkUnspec;
use rtnetlink::packet_core::{Emitable, Parseable};
use rtnetlink::packet_route::link::{LinkAttribute, LinkFlags, LinkMessage, Prop};

use crate::conversation::{Conversation, Datagrams, Request};
use crate::error::NetlinkError;
use crate::socket::{Protocol, Socket};

const RTM_NEWLINK: u16 = 16;
const RTM_GETLINK: u16 = 18;
const TIMEOUT: Duration = Duration::from_secs(30);

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
    /// Interface index of the upper device that this one is enslaved to (bridge, bond, OVS, ...).
    pub upper: Option<u32>,
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

    /// All links of this network namespace, and whether the kernel called the dump interrupted to the last.
    ///
    /// # Errors
    /// What the kernel or the conversation says; so for all methods here.
    pub fn links(&mut self) -> Result<(Vec<Link>, bool), NetlinkError> {
        let name = "ip link show";
        let request = Request {
            name,
            kind: RTM_GETLINK,
            dump: true,
            payload: emit(&LinkMessage::default()),
            lookup: None,
        };
        let reply = self.conversation.exchange(&request)?;
        let links = reply.messages.iter().map(|message| decode(message)).collect::<Result<_, _>>();
        let links = links.map_err(|why| NetlinkError::Malformed { request: name, why })?;
        Ok((links, reply.interrupted))
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

fn emit(message: &LinkMessage) -> Vec<u8> {
    let mut payload = vec![0; message.buffer_len()];
    message.emit(&mut payload);
    payload
}

fn decode(payload: &[u8]) -> Result<Link, String> {
    let message = LinkMessage::parse(payload).map_err(|error| error.to_string())?;
    let flags = message.header.flags;
    let mut link = Link {
        index: message.header.index,
        up: flags.contains(LinkFlags::Up),
        carrier: flags.contains(LinkFlags::LowerUp),
        ..Link::default()
    };
    for attribute in message.attributes {
        match attribute {
            LinkAttribute::IfName(name) => link.name = name,
            LinkAttribute::Mtu(mtu) => link.mtu = mtu,
            LinkAttribute::Address(bytes) => link.address = bytes.try_into().ok(),
            LinkAttribute::Controller(index) => link.upper = Some(index),
            LinkAttribute::PropList(properties) => {
                link.altnames.extend(properties.into_iter().filter_map(|property| match property {
                    Prop::AltIfName(name) => Some(name),
                    _ => None,
                }));
            }
            _ => {}
        }
    }
    if link.name.is_empty() { Err(format!("link {} has no name", link.index)) } else { Ok(link) }
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
}
