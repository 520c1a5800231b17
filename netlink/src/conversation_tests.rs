use std::collections::VecDeque;

use super::*;

/// Plays datagrams back in order, whatever is sent.
struct Script(VecDeque<Vec<u8>>, Vec<u8>);

impl Datagrams for Script {
    fn send(&mut self, _: &[u8]) -> Result<(), NetlinkError> {
        Ok(())
    }

    fn receive(&mut self, _: Instant) -> Result<Option<&[u8]>, NetlinkError> {
        Ok(self.0.pop_front().map(|datagram| {
            self.1 = datagram;
            self.1.as_slice()
        }))
    }
}

fn message(kind: u16, flags: u16, sequence: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = u32::try_from(16 + payload.len()).unwrap().to_ne_bytes().to_vec();
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(flags.to_ne_bytes());
    bytes.extend(sequence.to_ne_bytes());
    bytes.extend([0; 4]);
    bytes.extend(payload);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

fn attribute_bytes(kind: u16, payload: &[u8]) -> Vec<u8> {
    let mut bytes = u16::try_from(4 + payload.len()).unwrap().to_ne_bytes().to_vec();
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(payload);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

fn errno(code: Errno) -> [u8; 4] {
    (-(code as i32)).to_ne_bytes()
}

fn exchange(dump: bool, datagrams: &[Vec<u8>]) -> Result<Reply, NetlinkError> {
    let script = Script(datagrams.iter().cloned().collect(), Vec::new());
    let request = Request { name: "test", kind: 0x20, dump, payload: vec![1, 2, 3, 4], lookup: None };
    Conversation::new(script, Duration::from_secs(1)).exchange(&request)
}

#[test]
fn a_dump_collects_until_done() {
    let first = [message(0x20, 2, 1, b"aaaa"), message(0x20, 2, 1, b"bb")].concat();
    let reply = exchange(true, &[first, message(NLMSG_DONE, 2, 1, &0_i32.to_ne_bytes())]).unwrap();
    assert_eq!(reply.messages, [b"aaaa".to_vec(), b"bb".to_vec()]);
    assert!(!reply.interrupted);
}

#[test]
fn the_errno_of_a_dump_comes_in_done() {
    let error = exchange(true, &[message(NLMSG_DONE, 2, 1, &errno(Errno::ENODEV))]).unwrap_err();
    assert_eq!(error.refusal().unwrap().errno, Errno::ENODEV);
}

#[test]
fn done_may_have_no_body() {
    assert_eq!(exchange(true, &[message(NLMSG_DONE, 2, 1, &[])]).unwrap(), Reply::default());
}

#[test]
fn a_do_ends_on_its_ack_and_keeps_what_came_before() {
    let ack = message(NLMSG_ERROR, NLM_F_CAPPED, 1, &[0; 20]);
    let reply = exchange(false, &[message(0x20, 0, 1, b"port"), ack]).unwrap();
    assert_eq!(reply.messages, [b"port".to_vec()]);
}

#[test]
fn the_extended_ack_is_read_capped_or_not() {
    let text = attribute_bytes(NLMSGERR_ATTR_MSG, b"SF ports need switchdev.\0");
    let capped = [&errno(Errno::EOPNOTSUPP)[..], &[0; 16], &text].concat();
    let whole = [&errno(Errno::EOPNOTSUPP)[..], &message(0x20, 5, 1, &[9; 6]), &text].concat();
    for (flags, payload) in [(NLM_F_CAPPED | NLM_F_ACK_TLVS, capped), (NLM_F_ACK_TLVS, whole)] {
        let error = exchange(false, &[message(NLMSG_ERROR, flags, 1, &payload)]).unwrap_err();
        assert_eq!(error.refusal().unwrap().message.as_deref(), Some("SF ports need switchdev."));
        assert!(error.to_string().contains("EOPNOTSUPP"), "{error}");
    }
}

#[test]
fn answers_to_other_requests_are_passed_over() {
    let stale = message(NLMSG_ERROR, 0, 7, &errno(Errno::EBUSY));
    let ack = message(NLMSG_ERROR, 0, 1, &[0; 20]);
    assert_eq!(exchange(false, &[stale, ack]).unwrap(), Reply::default());
}

#[test]
fn an_interrupted_dump_is_asked_again() {
    let cut = message(NLMSG_DONE, NLM_F_DUMP_INTR, 1, &0_i32.to_ne_bytes());
    let good = [message(0x20, 2, 2, b"link"), message(NLMSG_DONE, 2, 2, &[0; 4])].concat();
    let reply = exchange(true, &[cut, good]).unwrap();
    assert_eq!(reply.messages.len(), 1);
    assert!(!reply.interrupted);
}

#[test]
fn a_dump_that_is_interrupted_again_and_again_says_so() {
    let cut: Vec<_> =
        (1..=DUMP_ATTEMPTS).map(|at| message(NLMSG_DONE, NLM_F_DUMP_INTR, at, &[0; 4])).collect();
    assert!(exchange(true, &cut).unwrap().interrupted);
}

#[test]
fn truncated_answers_are_errors_at_every_length() {
    let whole = [message(0x20, 2, 1, b"aaaa"), message(NLMSG_DONE, 2, 1, &[0; 4])].concat();
    for length in 1..whole.len() {
        assert!(exchange(true, &[whole[..length].to_vec()]).is_err(), "cut at {length}");
    }
}

#[test]
fn silence_is_a_timeout() {
    assert!(matches!(exchange(false, &[]), Err(NetlinkError::Timeout { .. })));
}
