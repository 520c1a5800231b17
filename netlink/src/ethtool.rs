//! ethtool by netlink: the features of a network interface.

use std::ffi::CStr;
use std::time::Duration;

use netlink_bindings::ethtool as et;
use netlink_bindings::traits::NetlinkRequest;

use crate::conversation::{Conversation, Datagrams, Lookup, Request};
use crate::error::NetlinkError;
use crate::generic::{Family, find_family};
use crate::socket::{Protocol, Socket};

const TIMEOUT: Duration = Duration::from_secs(30);

/// `ETHTOOL_MSG_FEATURES_GET` and `ETHTOOL_MSG_FEATURES_SET` (`include/uapi/linux/ethtool_netlink.h`): `netlink-bindings`
/// 0.3.5 has the numbers of other messages.
const FEATURES_GET: u8 = 11;
const FEATURES_SET: u8 = 12;

/// The name of `NETIF_F_HW_TC` (`netdev_features_strings` in net/ethtool/common.c).
const HW_TC_OFFLOAD: &CStr = c"hw-tc-offload";

/// A feature of an interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Feature {
    /// It is on.
    pub active: bool,
    /// The driver lets somebody change it.
    pub changeable: bool,
}

/// A conversation with the kernel's ethtool family.
#[derive(Debug)]
pub struct Ethtool<D> {
    conversation: Conversation<D>,
    /// Asked for when it is needed first.
    family: Option<Family>,
}

impl Ethtool<Socket> {
    /// Opens a socket.
    ///
    /// # Errors
    /// [`NetlinkError::Socket`].
    pub fn open() -> Result<Self, NetlinkError> {
        Ok(Self::new(Socket::open(Protocol::Generic)?))
    }
}

impl<D: Datagrams> Ethtool<D> {
    /// Talks ethtool over these datagrams.
    pub const fn new(datagrams: D) -> Self {
        Self { conversation: Conversation::new(datagrams, TIMEOUT), family: None }
    }

    /// Whether tc rules are offloaded to the device of this interface.
    ///
    /// # Errors
    /// [`NetlinkError::NoFamily`], or what the kernel or the conversation says; so for all methods here.
    pub fn hw_tc_offload(&mut self, index: u32) -> Result<Feature, NetlinkError> {
        let name = "ethtool show features";
        let mut payload = Vec::new();
        drop(et::OpFeaturesGetDo::encode_request(&mut payload).nested_header().push_dev_index(index));
        let reply = self.exchange(name, FEATURES_GET, payload, et::OpFeaturesGetDo::lookup)?;
        let malformed = |why: &str| NetlinkError::Malformed { request: name, why: why.to_owned() };
        let message = reply.first().ok_or_else(|| malformed("there is no message in it"))?;
        let features = et::OpFeaturesGetDo::decode_reply(message);
        let (Ok(active), Ok(hardware)) = (features.get_active(), features.get_hw()) else {
            return Err(malformed("no features"));
        };
        Ok(Feature { active: has(&active), changeable: has(&hardware) })
    }

    /// Sets whether they are. A driver that has no such feature lets the request pass and does nothing.
    ///
    /// # Errors
    /// See [`Self::hw_tc_offload`].
    pub fn set_hw_tc_offload(&mut self, index: u32, on: bool) -> Result<(), NetlinkError> {
        let mut payload = Vec::new();
        let push = et::OpFeaturesSetDo::encode_request(&mut payload);
        let push = push.nested_header().push_dev_index(index).end_nested();
        let bit = push.nested_wanted().nested_bits().nested_bit().push_name(HW_TC_OFFLOAD);
        drop(if on { bit.push_value(()) } else { bit });
        self.exchange("ethtool features", FEATURES_SET, payload, et::OpFeaturesSetDo::lookup).map(drop)
    }

    fn exchange(
        &mut self,
        name: &'static str,
        command: u8,
        mut payload: Vec<u8>,
        lookup: Lookup,
    ) -> Result<Vec<Vec<u8>>, NetlinkError> {
        let family = match self.family {
            Some(family) => family,
            None => find_family(&mut self.conversation, (et::PROTONAME, et::PROTONAME_CSTR), c"monitor")?,
        };
        self.family = Some(family);
        // The command is the first byte of the generic header.
        payload[0] = command;
        let request = Request { name, kind: family.id, dump: false, payload, lookup: Some(lookup) };
        Ok(self.conversation.exchange(&request)?.messages)
    }
}

/// Whether the feature is in a set. The kernel lists bits by name: those that are set, or of a set with a mask those of
/// the mask, each with its value (`ethnl_put_bitset32` in net/ethtool/bitset.c).
fn has(set: &et::IterableBitset<'_>) -> bool {
    let Ok(bits) = set.get_bits() else { return false };
    let only_set = set.get_nomask().is_ok();
    let mut named = bits.get_bit().filter(|bit| bit.get_name().is_ok_and(|name| name == HW_TC_OFFLOAD));
    named.next().is_some_and(|bit| only_set || bit.get_value().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loopback_interface_has_no_hardware_to_offload_to() {
        let found = Ethtool::open().unwrap().hw_tc_offload(1).unwrap();
        assert_eq!(found, Feature { active: false, changeable: false });
    }
}
