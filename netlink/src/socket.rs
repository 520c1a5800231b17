//! The netlink socket: the one place of `unsafe` in the project.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout};
use nix::sys::socket::{
    self, AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, sockopt,
};

use crate::conversation::Datagrams;
use crate::error::NetlinkError;

/// Dumps come in datagrams of up to 32 KiB; one link with 100 VFs is a message of 31 KiB alone. `MSG_TRUNC` tells when
/// this is not enough.
const BUFFER_BYTES: usize = 256 * 1024;

/// Asked of the kernel for notifications; without `CAP_NET_ADMIN` the default has to do.
const RECEIVE_QUEUE_BYTES: usize = 4 * 1024 * 1024;

/// Which netlink protocol a socket speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// `NETLINK_GENERIC`: devlink.
    Generic,
    /// `NETLINK_ROUTE`: links.
    Route,
    /// `NETLINK_RDMA`: RDMA devices.
    Rdma,
    /// `NETLINK_KOBJECT_UEVENT`: what comes and goes in sysfs.
    Uevent,
}

/// A netlink socket with extended ACKs, capped ACKs and strict checking switched on.
#[derive(Debug)]
pub struct Socket {
    fd: OwnedFd,
    buffer: Vec<u8>,
}

impl Socket {
    /// Opens and binds a socket.
    ///
    /// # Errors
    /// [`NetlinkError::Socket`] when the kernel gives none.
    pub fn open(protocol: Protocol) -> Result<Self, NetlinkError> {
        let protocol = match protocol {
            Protocol::Generic => SockProtocol::NetlinkGeneric,
            Protocol::Route => SockProtocol::NetlinkRoute,
            Protocol::Rdma => SockProtocol::NetlinkRDMA,
            Protocol::Uevent => SockProtocol::NetlinkKObjectUEvent,
        };
        let fd = socket::socket(AddressFamily::Netlink, SockType::Raw, SockFlag::SOCK_CLOEXEC, protocol)
            .map_err(|errno| failed("opening", errno))?;
        for option in [libc::NETLINK_EXT_ACK, libc::NETLINK_CAP_ACK, libc::NETLINK_GET_STRICT_CHK] {
            set_netlink_option(&fd, option, 1).map_err(|errno| failed("setting options", errno))?;
        }
        // Refused without privilege, and then the default size serves: overruns are noticed, not assumed away.
        let _ = socket::setsockopt(&fd, sockopt::RcvBufForce, &RECEIVE_QUEUE_BYTES);
        socket::bind(fd.as_raw_fd(), &NetlinkAddr::new(0, 0)).map_err(|errno| failed("binding", errno))?;
        Ok(Self { fd, buffer: vec![0; BUFFER_BYTES] })
    }

    /// Joins a multicast group of this socket's protocol.
    ///
    /// # Errors
    /// [`NetlinkError::Socket`] when the kernel refuses.
    pub fn join(&mut self, group: u32) -> Result<(), NetlinkError> {
        let group = libc::c_int::try_from(group).map_err(|_| failed("joining a group", Errno::EINVAL))?;
        set_netlink_option(&self.fd, libc::NETLINK_ADD_MEMBERSHIP, group)
            .map_err(|errno| failed("joining a group", errno))
    }

    /// Waits until there may be a datagram, or the deadline may be past.
    fn wait(&self, deadline: Instant) -> Result<(), NetlinkError> {
        // Rounded up: a poll of 0 ms for the last fraction of a millisecond would spin.
        let patience = deadline.saturating_duration_since(Instant::now()) + Duration::from_millis(1);
        let timeout = PollTimeout::try_from(patience).unwrap_or(PollTimeout::MAX);
        match nix::poll::poll(&mut [PollFd::new(self.fd.as_fd(), PollFlags::POLLIN)], timeout) {
            Ok(_) | Err(Errno::EINTR) => Ok(()),
            Err(errno) => Err(failed("waiting", errno)),
        }
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Datagrams for Socket {
    fn send(&mut self, datagram: &[u8]) -> Result<(), NetlinkError> {
        loop {
            match socket::send(self.fd.as_raw_fd(), datagram, MsgFlags::empty()) {
                Ok(_) => return Ok(()),
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(failed("sending", errno)),
            }
        }
    }

    fn receive(&mut self, deadline: Instant) -> Result<Option<&[u8]>, NetlinkError> {
        let flags = MsgFlags::MSG_TRUNC | MsgFlags::MSG_DONTWAIT;
        loop {
            // The kernel answers most requests before `send` returns: there is nothing to wait for.
            match socket::recv(self.fd.as_raw_fd(), &mut self.buffer, flags) {
                Ok(length) if length > self.buffer.len() => {
                    return Err(failed("receiving a datagram larger than the buffer", Errno::EMSGSIZE));
                }
                Ok(length) => return Ok(Some(&self.buffer[..length])),
                Err(Errno::EAGAIN) if Instant::now() >= deadline => return Ok(None),
                Err(Errno::EAGAIN) => self.wait(deadline)?,
                Err(Errno::EINTR) => {}
                Err(Errno::ENOBUFS) => return Err(NetlinkError::Overrun),
                Err(errno) => return Err(failed("receiving", errno)),
            }
        }
    }
}

fn failed(doing: &'static str, errno: Errno) -> NetlinkError {
    NetlinkError::Socket { doing, source: io::Error::from(errno) }
}

/// Sets an integer option at level `SOL_NETLINK`; nix has none of them.
#[expect(unsafe_code, reason = "setsockopt has no safe form for the options of SOL_NETLINK")]
fn set_netlink_option(fd: &OwnedFd, option: libc::c_int, value: libc::c_int) -> Result<(), Errno> {
    let size = libc::socklen_t::try_from(size_of_val(&value)).map_err(|_| Errno::EINVAL)?;
    // SAFETY: the descriptor is owned and open; the pointer and the size are those of a live c_int, which the kernel
    // only reads.
    let result = unsafe {
        libc::setsockopt(fd.as_raw_fd(), libc::SOL_NETLINK, option, (&raw const value).cast(), size)
    };
    Errno::result(result).map(drop)
}
