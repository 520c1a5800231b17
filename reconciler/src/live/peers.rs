//! Addresses of who must still be reached.

use std::fmt;
use std::net::{AddrParseError, IpAddr, Ipv6Addr};
use std::str::FromStr;

/// The address of somebody else.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Peer {
    /// It.
    pub address: IpAddr,
    /// The link that a link-local address is on, by its name or its index: `eth0` in `fe80::1%eth0`.
    pub zone: Option<String>,
}

impl FromStr for Peer {
    type Err = AddrParseError;

    fn from_str(text: &str) -> Result<Self, AddrParseError> {
        match text.split_once('%') {
            Some((address, zone)) => {
                let address = IpAddr::V6(address.parse::<Ipv6Addr>()?);
                Ok(Self { address, zone: Some(zone.to_owned()) })
            }
            None => Ok(Self { address: text.parse()?, zone: None }),
        }
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.zone {
            Some(zone) => write!(f, "{}%{zone}", self.address),
            None => write!(f, "{}", self.address),
        }
    }
}
