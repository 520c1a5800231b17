//! Ears: they hear that something changed, and not what. Whoever hears something looks at the host again, so a message
//! that is lost, or that nobody can read, is one heard and does no harm.

use std::os::fd::{AsFd as _, BorrowedFd};
use std::time::Instant;

use crate::conversation::{Datagrams, messages};
use crate::devlink::Devlink;
use crate::error::NetlinkError;
use crate::socket::{Protocol, Socket};

/// `RTNLGRP_LINK`: links, and what bridges tell of their ports.
const LINKS: u32 = 1;

/// The group of the kernel's own uevents; what udev makes of them is in another (`systemd` `sd-device/device-monitor.c`).
const KERNEL: u32 = 1;

/// The subsystems whose uevents may concern a partitioned device: those of functions and of their drivers, and what comes
/// with a driver that is loaded late. Network interfaces are heard as links.
const SUBSYSTEMS: [&[u8]; 6] = [b"auxiliary", b"bus", b"mdev", b"mdev_bus", b"module", b"pci"];

/// The most datagrams that are taken from a socket at once: what comes faster than it is read is left for the next time.
const AT_ONCE: usize = 4096;

/// Sockets that hear of changes of devlink instances, of links and of devices.
#[derive(Debug)]
pub struct Ears<D = Socket> {
    devlink: D,
    route: D,
    uevents: D,
}

impl Ears<Socket> {
    /// Begins to listen: what happens from now on is heard.
    ///
    /// # Errors
    /// [`NetlinkError::NoFamily`] when the kernel has no devlink; [`NetlinkError::Socket`].
    pub fn open() -> Result<Self, NetlinkError> {
        let devlink = Devlink::open()?.listen()?;
        let mut route = Socket::open(Protocol::Route)?;
        route.join(LINKS)?;
        let mut uevents = Socket::open(Protocol::Uevent)?;
        uevents.join(KERNEL)?;
        Ok(Self { devlink, route, uevents })
    }

    /// What to wait on: one of them can be read when something was heard.
    #[must_use]
    pub fn descriptors(&self) -> [BorrowedFd<'_>; 3] {
        [self.devlink.as_fd(), self.route.as_fd(), self.uevents.as_fd()]
    }
}

impl<D: Datagrams> Ears<D> {
    /// Listens to these datagrams, which have joined their groups already.
    pub const fn new(devlink: D, route: D, uevents: D) -> Self {
        Self { devlink, route, uevents }
    }

    /// Takes in what was heard, and tells how many messages may concern a partitioned device.
    ///
    /// # Errors
    /// [`NetlinkError::Socket`].
    pub fn heard(&mut self) -> Result<usize, NetlinkError> {
        let count = |datagram: &[u8]| messages(datagram).count();
        let concerns = |datagram: &[u8]| usize::from(concerns(datagram));
        Ok(take(&mut self.devlink, count)?
            + take(&mut self.route, count)?
            + take(&mut self.uevents, concerns)?)
    }
}

/// Takes what is there from a socket and adds up what each datagram counts. Datagrams that were lost count as one.
fn take<D: Datagrams>(from: &mut D, count: impl Fn(&[u8]) -> usize) -> Result<usize, NetlinkError> {
    let mut heard = 0;
    for _ in 0..AT_ONCE {
        match from.receive(Instant::now()) {
            Ok(Some(datagram)) => heard += count(datagram),
            Ok(None) => break,
            Err(NetlinkError::Overrun) => heard += 1,
            Err(error) => return Err(error),
        }
    }
    Ok(heard)
}

/// Whether a uevent is about something that matters here: `ACTION@DEVPATH`, then words `KEY=VALUE`, each with a nought
/// after it (`kobject_uevent_env`, `lib/kobject_uevent.c`).
fn concerns(datagram: &[u8]) -> bool {
    let mut words = datagram.split(|byte| *byte == 0);
    let subsystem = words.find_map(|word| word.strip_prefix(b"SUBSYSTEM="));
    subsystem.is_none_or(|subsystem| SUBSYSTEMS.contains(&subsystem))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Datagrams that were sent before; `None` stands for some that were lost.
    #[derive(Default)]
    struct Sent {
        left: std::collections::VecDeque<Option<Vec<u8>>>,
        last: Vec<u8>,
    }

    impl Sent {
        fn of(datagrams: &[Option<&[u8]>]) -> Self {
            let left = datagrams.iter().map(|datagram| datagram.map(<[u8]>::to_vec)).collect();
            Self { left, last: Vec::new() }
        }
    }

    impl Datagrams for Sent {
        fn send(&mut self, _: &[u8]) -> Result<(), NetlinkError> {
            Ok(())
        }

        fn receive(&mut self, _: Instant) -> Result<Option<&[u8]>, NetlinkError> {
            match self.left.pop_front() {
                None => Ok(None),
                Some(None) => Err(NetlinkError::Overrun),
                Some(Some(datagram)) => {
                    self.last = datagram;
                    Ok(Some(&self.last))
                }
            }
        }
    }

    /// A message without a payload.
    const MESSAGE: [u8; 16] = {
        let mut message = [0; 16];
        let length = 16_u32.to_ne_bytes();
        message[0] = length[0];
        message[3] = length[3];
        message
    };

    #[test]
    fn messages_are_counted_and_lost_ones_are_one() {
        let two = [MESSAGE, MESSAGE].concat();
        let mut ears =
            Ears::new(Sent::of(&[Some(&two), None]), Sent::of(&[Some(&MESSAGE)]), Sent::of(&[None]));
        assert_eq!(ears.heard().unwrap(), 5);
        assert_eq!(ears.heard().unwrap(), 0);
    }

    #[test]
    fn of_uevents_only_those_of_some_subsystems_count() {
        let heard = |datagram: &[u8]| {
            Ears::new(Sent::default(), Sent::default(), Sent::of(&[Some(datagram)])).heard().unwrap()
        };
        assert_eq!(heard(b"add@/devices/x\0ACTION=add\0DEVPATH=/devices/x\0SUBSYSTEM=mdev\0SEQNUM=7\0"), 1);
        assert_eq!(heard(b"bind@/devices/p\0ACTION=bind\0SUBSYSTEM=pci\0"), 1);
        assert_eq!(heard(b"add@/devices/u\0ACTION=add\0SUBSYSTEM=usb\0"), 0);
        assert_eq!(heard(b"change@/devices/n\0ACTION=change\0SUBSYSTEM=net\0"), 0, "heard as a link");
        // Of what nobody knows it may be anything.
        assert_eq!(heard(b"nonsense"), 1);
    }
}
