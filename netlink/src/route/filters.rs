//! tc filters: which links can have some, and of what kinds they are.

use std::collections::{BTreeMap, BTreeSet};

use nix::errno::Errno;
use rtnetlink::packet_core::NlasIterator;
use rtnetlink::packet_route::tc::{TcHandle, TcHeader, TcMessage};

use super::{Route, emit};
use crate::conversation::Datagrams;
use crate::error::NetlinkError;

const RTM_GETQDISC: u16 = 38;
const RTM_GETTFILTER: u16 = 46;

/// `TCA_KIND` (include/uapi/linux/rtnetlink.h).
const KIND: u16 = 1;

/// `struct tcmsg`.
const HEADER_BYTES: usize = 20;

/// Where on a link filters look at frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hook {
    /// What comes in.
    Ingress,
    /// What goes out.
    Egress,
}

impl Hook {
    /// The parent of its filters: `TC_H_CLSACT` with `TC_H_MIN_INGRESS` or `TC_H_MIN_EGRESS`. The qdisc `ingress` takes the
    /// first for its own as well (`ingress_find` in `net/sched/sch_ingress.c`).
    const fn parent(self) -> TcHandle {
        let minor = match self {
            Self::Ingress => TcHandle::MIN_INGRESS,
            Self::Egress => TcHandle::MIN_EGRESS,
        };
        TcHandle { major: TcHandle::CLSACT.major, minor }
    }
}

impl<D: Datagrams> Route<D> {
    /// The links with a qdisc that is there for filters alone (`clsact`, `ingress`), with their hooks. On a kernel without
    /// qdiscs there are none.
    ///
    /// # Errors
    /// What the kernel or the conversation says.
    pub fn hooks(&mut self) -> Result<BTreeMap<u32, BTreeSet<Hook>>, NetlinkError> {
        let found = self.dump("tc qdisc show", RTM_GETQDISC, emit(&TcMessage::default()), decode);
        let mut hooks: BTreeMap<u32, BTreeSet<Hook>> = BTreeMap::new();
        for (header, kind) in unless_unsupported(found)? {
            let of_kind: &[Hook] = match kind.as_str() {
                "clsact" => &[Hook::Ingress, Hook::Egress],
                "ingress" => &[Hook::Ingress],
                _ => continue,
            };
            hooks.entry(index(&header)).or_default().extend(of_kind);
        }
        Ok(hooks)
    }

    /// The kinds of the filters at a hook of a link, each once: `flower`, `bpf`, ... None where the link is gone.
    ///
    /// # Errors
    /// What the kernel or the conversation says.
    pub fn filters(&mut self, link: u32, hook: Hook) -> Result<BTreeSet<String>, NetlinkError> {
        let mut message = TcMessage::with_index(link.cast_signed());
        message.header.parent = hook.parent();
        let found = self.dump("tc filter show", RTM_GETTFILTER, emit(&message), decode);
        let found = match found {
            Err(NetlinkError::Refused(refusal)) if refusal.errno == Errno::ENODEV => Vec::new(),
            found => unless_unsupported(found)?,
        };
        // One without a handle heads those of its priority, and is there also when they are gone.
        let filters = found.into_iter().filter(|(header, _)| header.handle != TcHandle::UNSPEC);
        Ok(filters.map(|(_, kind)| kind).collect())
    }
}

fn unless_unsupported<T: Default>(found: Result<T, NetlinkError>) -> Result<T, NetlinkError> {
    match found {
        Err(NetlinkError::Refused(refusal)) if refusal.errno == Errno::EOPNOTSUPP => Ok(T::default()),
        found => found,
    }
}

fn index(header: &TcHeader) -> u32 {
    header.index.cast_unsigned()
}

/// The header and the kind. What else a filter has is its own business, and of many kinds nobody here can read it.
fn decode(payload: &[u8]) -> Result<(TcHeader, String), String> {
    let header = TcHeader::parse(payload).map_err(|error| error.to_string())?;
    for attribute in NlasIterator::new(payload.get(HEADER_BYTES..).unwrap_or_default()) {
        let attribute = attribute.map_err(|error| error.to_string())?;
        if attribute.kind() == KIND {
            let kind = attribute.value().strip_suffix(&[0]).unwrap_or(attribute.value());
            return Ok((header, String::from_utf8_lossy(kind).into_owned()));
        }
    }
    Err("it has no kind".to_owned())
}

#[cfg(test)]
mod tests {
    use rtnetlink::packet_route::tc::TcAttribute;

    use super::*;

    #[test]
    fn what_is_read_of_a_filter_is_its_place_and_its_kind() {
        let mut message = TcMessage::with_index(7);
        message.header.handle = TcHandle { major: 0, minor: 1 };
        message.header.parent = Hook::Egress.parent();
        message.attributes = vec![TcAttribute::Chain(3), TcAttribute::Kind("flower".to_owned())];
        let payload = emit(&message);
        assert_eq!(u32::from(message.header.parent), 0xffff_fff3);
        assert_eq!(decode(&payload).unwrap(), (message.header, "flower".to_owned()));
        assert!(decode(&payload[..payload.len() - 4]).is_err());
        assert!(decode(&payload[..HEADER_BYTES]).is_err());
        assert!(decode(&payload[..4]).is_err());
    }

    #[test]
    fn the_hooks_of_this_host_are_read_from_the_kernel() {
        let mut route = Route::open().unwrap();
        route.hooks().unwrap();
        assert_eq!(route.filters(u32::MAX >> 1, Hook::Ingress).unwrap(), BTreeSet::new());
    }
}
