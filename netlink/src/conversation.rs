//! Requests and their answers: sequence numbers, ACK, DONE, errors and extended ACKs.
//!
//! The rules that other readers get wrong, each tested below (sources: Linux 6.12 `net/netlink/af_netlink.c`,
//! `net/devlink/netlink.c`): the errno of a filtered dump comes in DONE; a DONE may have no body at all; a `do` ends on
//! its ACK and not on the first message; an interrupted dump (`NLM_F_DUMP_INTR`) is data *and* a warning.

use std::time::{Duration, Instant};

use nix::errno::Errno;

use crate::error::{KernelRefusal, NetlinkError};

const HEADER_BYTES: usize = 16;
const NLMSG_NOOP: u16 = 1;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const NLMSG_OVERRUN: u16 = 4;
const NLM_F_REQUEST: u16 = 0x1;
const NLM_F_ACK: u16 = 0x4;
const NLM_F_DUMP_INTR: u16 = 0x10;
const NLM_F_CAPPED: u16 = 0x100;
const NLM_F_DUMP: u16 = 0x300;
const NLM_F_EXCL: u16 = 0x200;
const NLM_F_CREATE: u16 = 0x400;
const NLM_F_ACK_TLVS: u16 = 0x200;
const NLMSGERR_ATTR_MSG: u16 = 1;
const NLMSGERR_ATTR_OFFS: u16 = 2;
const NLMSGERR_ATTR_MISS_TYPE: u16 = 5;

/// How often an interrupted dump is asked for again before what was read is handed on with its warning.
const DUMP_ATTEMPTS: u32 = 5;

/// Moves datagrams to and from the kernel, or to and from a recording of it.
pub trait Datagrams {
    /// Sends one datagram.
    ///
    /// # Errors
    /// [`NetlinkError::Socket`].
    fn send(&mut self, datagram: &[u8]) -> Result<(), NetlinkError>;

    /// The next datagram, or `None` when the deadline passes first.
    ///
    /// # Errors
    /// [`NetlinkError::Socket`], or [`NetlinkError::Overrun`] when messages were lost.
    fn receive(&mut self, deadline: Instant) -> Result<Option<&[u8]>, NetlinkError>;
}

/// Finds the path of the attribute at an offset of a request's payload; what `netlink-bindings` generates.
pub type Lookup = fn(&[u8], usize, Option<u16>) -> (Vec<(&'static str, usize)>, Option<&'static str>);

/// One request.
#[derive(Debug, Clone)]
pub struct Request {
    /// What it is, in words, for errors.
    pub name: &'static str,
    /// The message type: a family's number, or an `RTM_` constant.
    pub kind: u16,
    /// Whether it asks for a dump.
    pub dump: bool,
    /// Everything after the netlink header.
    pub payload: Vec<u8>,
    /// How to name attributes of the payload.
    pub lookup: Option<Lookup>,
}

/// The messages of an answer.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Reply {
    /// The payload of each message: everything after its netlink header.
    pub messages: Vec<Vec<u8>>,
    /// The kernel said that the table changed while it was dumped (`NLM_F_DUMP_INTR`), and kept saying so.
    pub interrupted: bool,
}

/// A socket, or a recording, that takes one request after the other.
#[derive(Debug)]
pub struct Conversation<D> {
    datagrams: D,
    sequence: u32,
    timeout: Duration,
}

impl<D: Datagrams> Conversation<D> {
    /// Starts a conversation; each request has `timeout` to be answered.
    pub const fn new(datagrams: D, timeout: Duration) -> Self {
        Self { datagrams, sequence: 0, timeout }
    }

    /// The datagrams below.
    pub const fn datagrams(&mut self) -> &mut D {
        &mut self.datagrams
    }

    /// Sends a request and reads its whole answer. A dump that the kernel calls interrupted is asked for again, a
    /// bounded number of times.
    ///
    /// # Errors
    /// [`NetlinkError::Refused`] with the kernel's words; the others when there was no proper answer.
    pub fn exchange(&mut self, request: &Request) -> Result<Reply, NetlinkError> {
        let mut reply = self.exchange_once(request, 0)?;
        for _ in 1..DUMP_ATTEMPTS {
            if !reply.interrupted {
                break;
            }
            reply = self.exchange_once(request, 0)?;
        }
        Ok(reply)
    }

    /// Sends a request that makes something, which must not be there yet.
    ///
    /// # Errors
    /// See [`Self::exchange`].
    pub fn exchange_creating(&mut self, request: &Request) -> Result<Reply, NetlinkError> {
        self.exchange_once(request, NLM_F_CREATE | NLM_F_EXCL)
    }

    fn exchange_once(&mut self, request: &Request, flags: u16) -> Result<Reply, NetlinkError> {
        self.sequence = self.sequence.wrapping_add(1).max(1);
        self.datagrams.send(&encode(request, self.sequence, flags))?;
        let deadline = Instant::now() + self.timeout;
        let mut reply = Reply::default();
        loop {
            let datagram = self
                .datagrams
                .receive(deadline)?
                .ok_or(NetlinkError::Timeout { request: request.name, seconds: self.timeout.as_secs() })?;
            if read_datagram(datagram, request, self.sequence, &mut reply)? == Progress::Complete {
                return Ok(reply);
            }
        }
    }
}

fn encode(request: &Request, sequence: u32, flags: u16) -> Vec<u8> {
    let length = HEADER_BYTES + request.payload.len();
    let flags = flags | NLM_F_REQUEST | if request.dump { NLM_F_DUMP } else { NLM_F_ACK };
    let mut message = Vec::with_capacity(length);
    message.extend(u32::try_from(length).unwrap_or(u32::MAX).to_ne_bytes());
    message.extend(request.kind.to_ne_bytes());
    message.extend(flags.to_ne_bytes());
    message.extend(sequence.to_ne_bytes());
    message.extend(0_u32.to_ne_bytes());
    message.extend(&request.payload);
    message
}

#[derive(Debug, PartialEq, Eq)]
enum Progress {
    More,
    Complete,
}

/// One netlink message of a datagram.
#[derive(Debug, Clone, Copy)]
pub struct Message<'a> {
    /// The message type.
    pub kind: u16,
    flags: u16,
    sequence: u32,
    /// Everything after the netlink header.
    pub payload: &'a [u8],
}

/// The messages of a datagram; an `Err` is the last item and says why the rest cannot be read.
pub fn messages(mut datagram: &[u8]) -> impl Iterator<Item = Result<Message<'_>, String>> {
    std::iter::from_fn(move || {
        if datagram.is_empty() {
            return None;
        }
        let (Some(length), Some(kind), Some(flags), Some(sequence)) =
            (u32_at(datagram, 0), u16_at(datagram, 4), u16_at(datagram, 6), u32_at(datagram, 8))
        else {
            let left = datagram.len();
            datagram = &[];
            return Some(Err(format!("{left} bytes are left, too few for a netlink header")));
        };
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let Some(payload) = datagram.get(HEADER_BYTES..length) else {
            let left = datagram.len();
            datagram = &[];
            return Some(Err(format!("a message says it has {length} bytes, {left} are there")));
        };
        datagram = datagram.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some(Ok(Message { kind, flags, sequence, payload }))
    })
}

fn read_datagram(
    datagram: &[u8],
    request: &Request,
    sequence: u32,
    reply: &mut Reply,
) -> Result<Progress, NetlinkError> {
    let malformed = |why| NetlinkError::Malformed { request: request.name, why };
    for message in messages(datagram) {
        let message = message.map_err(malformed)?;
        // Answers to a request that was given up, and notifications, are not ours.
        if message.sequence != sequence {
            continue;
        }
        reply.interrupted |= message.flags & NLM_F_DUMP_INTR != 0;
        match message.kind {
            NLMSG_NOOP => {}
            NLMSG_OVERRUN => return Err(NetlinkError::Overrun),
            NLMSG_ERROR => {
                let code = i32_at(message.payload, 0)
                    .ok_or_else(|| malformed("an error message without its number".to_owned()))?;
                check(code, &message, request)?;
                return Ok(Progress::Complete);
            }
            NLMSG_DONE => {
                // Some devlink dumps end with a DONE that has no body (net/devlink/resource.c, health.c, dpipe.c).
                check(i32_at(message.payload, 0).unwrap_or(0), &message, request)?;
                return Ok(Progress::Complete);
            }
            _ => reply.messages.push(message.payload.to_vec()),
        }
    }
    Ok(Progress::More)
}

/// Turns the number of an ERROR or DONE into a refusal with the extended ACK that follows it.
fn check(code: i32, message: &Message<'_>, request: &Request) -> Result<(), NetlinkError> {
    if code >= 0 {
        return Ok(());
    }
    let mut refusal =
        KernelRefusal { errno: Errno::from_raw(code.saturating_neg()), message: None, attribute: None };
    if message.flags & NLM_F_ACK_TLVS != 0 {
        let attributes = extended_ack(message);
        refusal.message = attribute(attributes, NLMSGERR_ATTR_MSG)
            .map(|text| String::from_utf8_lossy(text).trim_end_matches('\0').to_owned());
        let offset = attribute(attributes, NLMSGERR_ATTR_OFFS).and_then(|bytes| u32_at(bytes, 0));
        let missing = attribute(attributes, NLMSGERR_ATTR_MISS_TYPE).and_then(|bytes| u32_at(bytes, 0));
        refusal.attribute = attribute_path(request, offset, missing);
    }
    Err(refusal.into())
}

/// Where the attributes of an extended ACK begin: after the number, and in an ERROR after the request's header and,
/// unless the answer is capped, its payload (`netlink_ack` in `af_netlink.c`).
fn extended_ack<'a>(message: &Message<'a>) -> &'a [u8] {
    let mut start = 4;
    if message.kind == NLMSG_ERROR {
        start += if message.flags & NLM_F_CAPPED != 0 {
            HEADER_BYTES
        } else {
            let echoed = u32_at(message.payload, 4).unwrap_or(0);
            usize::try_from(echoed).unwrap_or(usize::MAX).max(HEADER_BYTES).saturating_add(3) & !3
        };
    }
    message.payload.get(start..).unwrap_or_default()
}

fn attribute_path(request: &Request, offset: Option<u32>, missing: Option<u32>) -> Option<String> {
    let lookup = request.lookup?;
    let offset = match (offset, missing) {
        // The kernel counts from the start of the message, `lookup` from the start of the payload.
        (Some(offset), _) => usize::try_from(offset).ok()?.checked_sub(HEADER_BYTES)?,
        (None, Some(_)) => 0,
        (None, None) => return None,
    };
    if offset > request.payload.len() {
        return None;
    }
    let (path, missing_name) =
        lookup(&request.payload, offset, missing.and_then(|kind| u16::try_from(kind).ok()));
    let mut names: Vec<&str> = path.into_iter().map(|(name, _)| name).collect();
    names.extend(missing_name);
    (!names.is_empty()).then(|| names.join("."))
}

/// The first attribute of that type (`NLA_F_NESTED` and `NLA_F_NET_BYTEORDER` apart).
pub(crate) fn attribute(buffer: &[u8], kind: u16) -> Option<&[u8]> {
    attributes(buffer).find(|(found, _)| *found == kind).map(|(_, payload)| payload)
}

/// The attributes of a buffer as (type, payload); stops at the first one that does not fit.
pub(crate) fn attributes(mut buffer: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let length = usize::from(u16_at(buffer, 0)?);
        let kind = u16_at(buffer, 2)? & 0x3fff;
        let payload = buffer.get(4..length)?;
        buffer = buffer.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, payload))
    })
}

pub(crate) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at + 2)?.try_into().ok().map(u16::from_ne_bytes)
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.try_into().ok().map(u32::from_ne_bytes)
}

fn i32_at(bytes: &[u8], at: usize) -> Option<i32> {
    bytes.get(at..at + 4)?.try_into().ok().map(i32::from_ne_bytes)
}

#[cfg(test)]
#[path = "conversation_tests.rs"]
mod tests;
