//! Who uses a function or one of its interfaces.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::VfioUser;
use crate::resource::Side;

/// Somebody who uses a network interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum User {
    /// A device above it: a bridge, a bond, a VLAN, ...
    Upper {
        /// Its kind, in the words of `ip link add ... type`; a bond of Open vSwitch is a `bond` too.
        kind: Option<String>,
        /// Its name.
        name: String,
    },
    /// It is up and has these addresses, other than link-local ones.
    Addresses(Vec<String>),
    /// An XDP program is attached.
    Xdp,
    /// tc filters look at its frames; of what kinds they are, each once. Those below a port of Open vSwitch are no users of
    /// their own.
    TcFilters(Vec<String>),
    /// The RDMA device that goes over it, or that the function is, has contexts or connections.
    Rdma {
        /// The name of the RDMA device.
        device: String,
        /// Who has them, as far as the kernel tells.
        by: Vec<RdmaUser>,
    },
    /// It is in another network namespace.
    Elsewhere,
    /// The function is open through VFIO.
    Vfio(VfioUser),
    /// A vDPA device that the function carries is open.
    Vdpa {
        /// Its file, `/dev/vhost-vdpa-N`.
        file: String,
        /// Who has it open.
        by: VfioUser,
    },
}

impl fmt::Display for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Upper { kind: Some(kind), name } => write!(f, "{kind} {name}"),
            Self::Upper { kind: None, name } => write!(f, "device {name}"),
            Self::Addresses(addresses) => write!(f, "up with {}", addresses.join(", ")),
            Self::Xdp => f.write_str("an XDP program"),
            Self::TcFilters(kinds) => write!(f, "tc filters ({})", kinds.join(", ")),
            Self::Rdma { device, by } if by.is_empty() => write!(f, "RDMA device {device}"),
            Self::Rdma { device, by } => {
                let by: Vec<String> = by.iter().map(ToString::to_string).collect();
                write!(f, "RDMA device {device}, by {}", by.join(", "))
            }
            Self::Vfio(user) => write!(f, "{user}"),
            Self::Vdpa { file, by } => write!(f, "{file} {by}"),
            Self::Elsewhere => f.write_str("in another network namespace, most likely a container's"),
        }
    }
}

/// Somebody who uses a function or one of its interfaces.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FunctionUser {
    /// Which interface; absent where the function itself is used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub side: Option<Side>,
    /// Who.
    pub user: User,
}

impl FunctionUser {
    /// Whether the kernel would wait for the user to let go, for as long as that takes.
    #[must_use]
    pub const fn blocks(&self) -> bool {
        matches!(self.user, User::Vfio(_) | User::Vdpa { .. })
    }
}

impl fmt::Display for FunctionUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match (self.side, &self.user) {
            (Some(side), _) => side.as_str(),
            (None, User::Rdma { .. }) => "rdma",
            (None, User::Vdpa { .. }) => "vhost-vdpa",
            (None, _) => "vfio",
        };
        write!(f, "{what}: {}", self.user)
    }
}

/// Somebody who has a context or a connection of an RDMA device.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RdmaUser {
    /// A process, by its name, as far as it is known, and number.
    Process(String, u32),
    /// A module of the kernel.
    Kernel(String),
}

impl fmt::Display for RdmaUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Process(name, pid) if name.is_empty() => write!(f, "pid {pid}"),
            Self::Process(name, pid) => write!(f, "{name} (pid {pid})"),
            Self::Kernel(name) => f.write_str(name),
        }
    }
}
