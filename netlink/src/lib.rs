//! Netlink for subdevcfg: a blocking transport that never mistakes an error for "nothing there", and typed devlink and
//! route messages over it.
//!
//! Layers, lowest first: [`socket`] moves datagrams; [`conversation`] turns requests and datagrams into replies and
//! errors, extended ACK included; [`devlink`], [`ethtool`], [`rdma`], [`route`] and [`vdpa`] know messages; [`ears`] hears that something
//! changed. The seam for tests is the datagram:
//! everything above [`conversation::Datagrams`] runs on recorded or invented bytes.
//!
//! No async runtime: the kernel runs a request's handler inside `send()`, so a slow request blocks its own socket
//! whatever the runtime. Parallelism is one thread and one socket a devlink instance.

mod attributes;
pub mod conversation;
pub mod devlink;
pub mod ears;
pub mod error;
pub mod ethtool;
mod generic;
pub mod rdma;
pub mod recording;
pub mod route;
pub mod socket;
mod uapi;
pub mod vdpa;

pub use error::{KernelRefusal, NetlinkError, errno_words};
