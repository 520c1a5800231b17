//! What can go wrong between a request and its answer.

use std::fmt;
use std::io;

use nix::errno::Errno;

/// An error number in words. `EOPNOTSUPP` is named for sockets, and here it is an answer of drivers.
#[must_use]
pub fn errno_words(errno: Errno) -> &'static str {
    if errno == Errno::EOPNOTSUPP { "Operation not supported" } else { errno.desc() }
}

/// The kernel's answer was an error: its own words, nothing added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KernelRefusal {
    /// The error number.
    pub errno: Errno,
    /// The extended ACK's message (`NLMSGERR_ATTR_MSG`), where the kernel gave one.
    pub message: Option<String>,
    /// The attribute of the request that the kernel objects to (`NLMSGERR_ATTR_OFFS`, `NLMSGERR_ATTR_MISS_TYPE`), as a
    /// path of attribute names, where it gave one.
    pub attribute: Option<String>,
}

impl fmt::Display for KernelRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} ({})", self.errno, errno_words(self.errno))?;
        if let Some(message) = &self.message {
            write!(f, ": {}", message.trim_end_matches(['.', '\n']))?;
        }
        if let Some(attribute) = &self.attribute {
            write!(f, " (attribute {attribute})")?;
        }
        Ok(())
    }
}

impl std::error::Error for KernelRefusal {}

/// An error of a netlink conversation.
#[derive(Debug, thiserror::Error)]
pub enum NetlinkError {
    /// The kernel refused the request.
    #[error("the kernel refused: {0}")]
    Refused(#[from] KernelRefusal),
    /// The socket itself failed.
    #[error("netlink socket, {doing}: {source}")]
    Socket {
        /// What was being done.
        doing: &'static str,
        /// The system's error.
        source: io::Error,
    },
    /// No answer came in time. The request may still be carried out.
    #[error("the kernel did not answer {request} within {seconds} s")]
    Timeout {
        /// The request.
        request: &'static str,
        /// The deadline that passed.
        seconds: u64,
    },
    /// The receive buffer overflowed (`ENOBUFS`): messages are lost, and only observing again tells what is.
    #[error("netlink messages were lost (ENOBUFS); what was read is not complete")]
    Overrun,
    /// The answer does not follow the protocol.
    #[error("the answer to {request} cannot be read: {why}")]
    Malformed {
        /// The request.
        request: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// This kernel has no such generic netlink family.
    #[error("this kernel has no `{0}` netlink family (is CONFIG_NET_DEVLINK set?)")]
    NoFamily(&'static str),
}

impl NetlinkError {
    /// The kernel's refusal, if that is what this error is.
    #[must_use]
    pub const fn refusal(&self) -> Option<&KernelRefusal> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            _ => None,
        }
    }
}
