//! Notifications of the `config` multicast group: what changed, as far as somebody waits for it.

use std::time::Instant;

use super::decode;
use super::{Handle, Instance, Port};
use crate::conversation::{Datagrams, messages};
use crate::error::NetlinkError;
use crate::socket::Socket;

const CMD_NEW: u8 = 3;
const CMD_DEL: u8 = 4;
const CMD_PORT_NEW: u8 = 7;
const CMD_PORT_DEL: u8 = 8;

/// One notification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// An instance appeared or changed.
    Instance(Instance),
    /// An instance is gone.
    InstanceGone(Handle),
    /// A port appeared or changed.
    Port(Box<Port>),
    /// A port is gone.
    PortGone(Handle, u32),
    /// Something else; it still means that the world moved.
    Other,
    /// Notifications were lost: only observing again tells what is.
    Lost,
}

/// A socket that hears of configuration changes.
#[derive(Debug)]
pub struct Events<D = Socket> {
    datagrams: D,
}

impl<D: Datagrams> Events<D> {
    /// Listens to these datagrams, which have joined the group already.
    pub const fn new(datagrams: D) -> Self {
        Self { datagrams }
    }

    /// The events of the next datagram; an empty vector when the deadline passes first.
    ///
    /// # Errors
    /// [`NetlinkError::Socket`].
    pub fn next(&mut self, deadline: Instant) -> Result<Vec<Event>, NetlinkError> {
        match self.datagrams.receive(deadline) {
            Ok(Some(datagram)) => Ok(messages(datagram).map(|message| event(message.ok())).collect()),
            Ok(None) => Ok(Vec::new()),
            Err(NetlinkError::Overrun) => Ok(vec![Event::Lost]),
            Err(error) => Err(error),
        }
    }
}

/// An unreadable notification counts as a change of something: whoever waits looks again.
fn event(message: Option<crate::conversation::Message<'_>>) -> Event {
    let Some(message) = message else { return Event::Lost };
    let payload = message.payload;
    match payload.first() {
        Some(&CMD_NEW) => decode::instance(payload).map_or(Event::Lost, Event::Instance),
        Some(&CMD_DEL) => {
            decode::instance(payload).map_or(Event::Lost, |gone| Event::InstanceGone(gone.handle))
        }
        Some(&CMD_PORT_NEW) => decode::port(payload).map_or(Event::Lost, |port| Event::Port(Box::new(port))),
        Some(&CMD_PORT_DEL) => {
            decode::port(payload).map_or(Event::Lost, |port| Event::PortGone(port.handle, port.index))
        }
        _ => Event::Other,
    }
}
