//! Instances that do not answer, invented.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use subdevcfg_netlink::devlink::{Devlink, Events};
use subdevcfg_netlink::ethtool::Ethtool;
use subdevcfg_netlink::route::Route;

use super::super::tests::{Fake, GET, host, one_parent};
use super::super::tree::Tree;
use super::*;
use crate::kernel::Kernel as _;
use crate::state::State;

/// Holds back what it is asked of all instances, or of these; the device nic0 has an instance and no other has.
struct Held {
    inner: Fake,
    held: &'static [&'static str],
}

impl Held {
    fn new(held: &'static [&'static str]) -> Self {
        Self { inner: Fake::new(|command| Ok(one_parent(command))), held }
    }
}

fn names(datagram: &[u8], text: &str) -> bool {
    datagram.windows(text.len()).any(|part| part == text.as_bytes())
}

impl Datagrams for Held {
    fn send(&mut self, datagram: &[u8]) -> Result<(), NetlinkError> {
        // What is asked of devlink in general ends with its header.
        let is_devlink = datagram[4] == 0x20;
        let of_all = is_devlink && datagram.len() == 20;
        if is_devlink && (of_all || self.held.iter().any(|name| names(datagram, name))) {
            thread::sleep(Duration::from_hours(1));
        }
        let is_there = !is_devlink || names(datagram, "nic0\0");
        self.inner.answers = match (is_devlink, is_there) {
            (_, false) => |_| Err(Errno::ENODEV),
            (true, _) => {
                |command| if command == GET { Ok(one_parent(command)) } else { Err(Errno::EOPNOTSUPP) }
            }
            (false, _) => |_| Ok(Vec::new()),
        };
        self.inner.send(datagram)
    }

    fn receive(&mut self, deadline: Instant) -> Result<Option<&[u8]>, NetlinkError> {
        self.inner.receive(deadline)
    }
}

/// What is observed of a host where these do not answer.
fn observed(tree: &Tree, held: &'static [&'static str]) -> State {
    let talk = move || Held::new(held);
    let mut live = LiveKernel::new(
        Devlink::new(talk()).unwrap(),
        Route::new(talk()),
        Events::new(talk()),
        Ethtool::new(talk()),
        tree.root.clone(),
    );
    live.scouts = Some(Scouts::new(move || Devlink::new(talk()), Unanswered::default()).hasty());
    live.observe().unwrap()
}

fn unread_of(state: &State) -> Vec<String> {
    state.unread.iter().map(|unread| format!("{}: {}", unread.what, unread.why)).collect()
}

fn tree_of(release: &str) -> Tree {
    let tree = host();
    tree.file("proc/sys/kernel/osrelease", release);
    tree.device("subdev", "nic1", "sys/devices/subdev/nic1");
    tree
}

/// nic0 is read alone, and so is what is on it.
#[test]
fn an_instance_that_does_not_answer_is_left_out() {
    let state = observed(&tree_of("6.12.1\n"), &["nic1"]);
    assert_eq!(state.parents.keys().map(ToString::to_string).collect::<Vec<_>>(), ["subdev/nic0"]);
    assert_eq!(
        unread_of(&state),
        ["subdev/nic1: busy: it does not answer; a reload, a mode switch or its firmware holds it"]
    );
}

/// What a function's own instance keeps back is missing from its parent.
#[test]
fn a_parent_is_left_out_with_its_functions() {
    let state = observed(&tree_of("6.12.1\n"), &["subdev.eth.3"]);
    assert!(state.parents.is_empty(), "{:?}", state.parents.keys());
    assert_eq!(
        unread_of(&state),
        [
            "subdev/nic0: busy: auxiliary/subdev.eth.3 does not answer; a reload, a mode switch or its firmware \
          holds it"
        ]
    );
}

#[test]
fn before_linux_6_6_nothing_is_read_beside_it() {
    let state = observed(&tree_of("6.1.0-52-amd64\n"), &["nic1"]);
    assert!(state.parents.is_empty(), "{:?}", state.parents.keys());
    assert_eq!(
        unread_of(&state),
        [
            "subdev/nic0: kernels before 6.6 tell of all instances or of none, and subdev/nic1 is busy",
            "subdev/nic1: busy: it does not answer; a reload, a mode switch or its firmware holds it",
        ]
    );
}

/// It was done just before it was asked alone.
#[test]
fn when_all_answer_after_all_everything_is_read() {
    let tree = tree_of("6.12.1\n");
    let scouts = Scouts::new(|| Devlink::new(Held::new(&[])), Unanswered::default()).hasty();
    assert!(scouts.all().is_none());
    let call = scouts.each(&tree.sysfs().devices().unwrap()).unwrap();
    assert_eq!((call.instances.len(), call.busy.len()), (1, 0));
}

/// Whoever looks again and again at a device that hangs leaves no thread behind each time.
#[test]
fn who_has_not_answered_is_not_asked_again() {
    let tree = tree_of("6.12.1\n");
    let devices = tree.sysfs().devices().unwrap();
    let (opened, unanswered) = (Arc::new(AtomicUsize::new(0)), Unanswered::default());
    let look = || {
        let counted = Arc::clone(&opened);
        let open = move || {
            counted.fetch_add(1, Ordering::Relaxed);
            Devlink::new(Held::new(&["nic1"]))
        };
        let scouts = Scouts::new(open, unanswered.clone()).hasty();
        assert!(scouts.all().is_none());
        let call = scouts.each(&devices).unwrap();
        assert_eq!((call.instances.len(), call.busy.len()), (1, 1));
        opened.load(Ordering::Relaxed)
    };
    let first = look();
    let second = look();
    // One thread more, which asks those that do answer, and ends.
    assert_eq!(look() - second, 1);
    assert!(second - first <= 1, "{first} {second}");
}
