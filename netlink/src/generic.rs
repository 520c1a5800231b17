//! The families of generic netlink.

use std::ffi::CStr;

use netlink_bindings::nlctrl;
use netlink_bindings::traits::NetlinkRequest;

use crate::conversation::{Conversation, Datagrams, Lookup, Request};
use crate::error::NetlinkError;

/// `GENL_ID_CTRL`: the family that names the others.
const NLCTRL: u16 = 0x10;

/// A family of the running kernel.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Family {
    /// The message type of its requests.
    pub id: u16,
    /// The multicast group that was asked for.
    pub group: Option<u32>,
}

/// Finds a family, and one of its multicast groups, by their names.
pub(crate) fn find_family<D: Datagrams>(
    conversation: &mut Conversation<D>,
    (words, name): (&'static str, &CStr),
    group: &CStr,
) -> Result<Family, NetlinkError> {
    let request = "nlctrl getfamily";
    let mut payload = Vec::new();
    nlctrl::OpGetfamilyDo::encode_request(&mut payload).push_family_name(name);
    let lookup = Some(nlctrl::OpGetfamilyDo::lookup as Lookup);
    let reply = conversation.exchange(&Request { name: request, kind: NLCTRL, dump: false, payload, lookup });
    let reply = match reply {
        Err(NetlinkError::Refused(refusal)) if refusal.errno == nix::errno::Errno::ENOENT => {
            return Err(NetlinkError::NoFamily(words));
        }
        other => other?,
    };
    let malformed = |why: &str| NetlinkError::Malformed { request, why: why.to_owned() };
    let message = reply.messages.first().ok_or_else(|| malformed("there is no message in it"))?;
    let attributes = nlctrl::OpGetfamilyDo::decode_reply(message);
    let id = attributes.get_family_id().map_err(|_| malformed("no family id"))?;
    let group = attributes.get_mcast_groups().ok().and_then(|mut groups| {
        groups
            .find(|found| found.get_name().is_ok_and(|name| name == group))
            .and_then(|found| found.get_id().ok())
    });
    Ok(Family { id, group })
}
