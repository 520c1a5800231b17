//! The watcher's decisions, on simulated hosts and without a clock.

use std::time::Duration;

use nix::errno::Errno;
use subdevcfg_reconciler::apply::{Failure, Outcome};
use subdevcfg_reconciler::desired::Desired;
use subdevcfg_reconciler::kernel::{Kernel as _, Request, RequestError};
use subdevcfg_reconciler::plan::Selection;
use subdevcfg_reconciler::resource::{FunctionId, Setting, Side, Subject};
use subdevcfg_reconciler::watch::{FIGHT_WITHIN, Finding, Look, PUT_BACK, Policy, Watcher, Why};

use crate::support::{Host, desired};

const TWO: &str = "subdevcfg version=1\nhost \"*\"\ndevice \"subdev/nic0\" { create max-subdevices=4; eswitch mode=switchdev
    subdevice a { sf 1; function mac=\"02:00:00:00:00:01\"; representor a_r up=#true; }
    subdevice b { sf 2; representor b_r up=#true; } }\n";

fn sf(number: u32) -> Subject {
    Subject::function("subdev/nic0".parse().unwrap(), FunctionId::Sf { controller: 0, pf: 0, number })
}

/// A host that is as the file says.
fn applied(wanted: &Desired) -> Host {
    let mut host = Host::with_kernel("6.12.0");
    assert!(matches!(host.apply(wanted), Outcome::Converged(_)));
    host
}

fn set(host: &mut Host, number: u32, setting: Setting) {
    host.kernel.perform(&Request::Set { subject: sf(number), setting }).unwrap();
}

fn take_down(host: &mut Host, number: u32) {
    set(host, number, Setting::Up(Side::Representor, false));
}

fn activate(host: &mut Host, number: u32, active: bool) {
    let Subject { parent, .. } = sf(number);
    let id = sf(number).function_id().unwrap().clone();
    host.kernel.perform(&Request::SetActive { parent, id, active }).unwrap();
}

fn policy(allow: &[&str]) -> Policy {
    Policy { allow: allow.iter().map(|text| text.parse().unwrap()).collect(), ..Policy::default() }
}

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A watcher with its host.
struct Watched {
    host: Host,
    wanted: Desired,
    watcher: Watcher,
}

impl Watched {
    fn new(text: &str, policy: Policy) -> Self {
        let wanted = desired(text);
        Self { host: applied(&wanted), wanted, watcher: Watcher::new(policy) }
    }

    fn look(&mut self, now: u64) -> Look {
        self.watcher.look(&self.host.plan(&self.wanted), true, at(now))
    }

    /// Looks, and repairs what is to be repaired; tells whether anything was.
    fn round(&mut self, now: u64) -> bool {
        let Some(part) = self.look(now).part else { return false };
        let outcome = self.host.apply_part(&self.wanted, &part.selection);
        assert!(matches!(outcome, Outcome::Converged(_)), "{outcome:?}");
        self.watcher.repaired(&part, &outcome, at(now));
        true
    }
}

fn addresses<'f>(findings: impl IntoIterator<Item = &'f Finding>) -> Vec<&'f str> {
    findings.into_iter().map(Finding::address).collect()
}

#[test]
fn what_is_known_is_told_once_and_what_is_over_is_told_too() {
    let mut watched = Watched::new(TWO, Policy::default());
    let first = watched.look(0);
    assert!(first.news.is_empty() && first.settled.is_empty() && first.part.is_none());
    take_down(&mut watched.host, 1);
    assert_eq!(addresses(&watched.look(1).news), ["subdev/nic0#a.representor.up"]);
    take_down(&mut watched.host, 2);
    let second = watched.look(2);
    assert_eq!(addresses(&second.news), ["subdev/nic0#b.representor.up"]);
    assert!(second.settled.is_empty() && second.part.is_none());
    set(&mut watched.host, 1, Setting::Up(Side::Representor, true));
    let third = watched.look(3);
    assert!(third.news.is_empty());
    assert_eq!(addresses(&third.settled), ["subdev/nic0#a.representor.up"]);
}

#[test]
fn what_is_within_the_ceiling_is_repaired_and_the_rest_is_left_with_its_flag() {
    let mut watched = Watched::new(TWO, policy(&["traffic"]));
    watched.look(0);
    take_down(&mut watched.host, 2);
    // A MAC is written while the function is inactive.
    activate(&mut watched.host, 1, false);
    set(&mut watched.host, 1, Setting::Mac("02:00:00:00:00:09".parse().unwrap()));
    activate(&mut watched.host, 1, true);
    let look = watched.look(1);
    let part = look.part.unwrap();
    assert_eq!(part.repaired(), ["subdev/nic0#b"]);
    let Some(Why::Above { flags }) = part.left.get("subdev/nic0#a") else { panic!("{:?}", part.left) };
    assert_eq!(flags, &["--allow subdevice-restart@subdev/nic0#a"]);
    assert!(watched.round(2));
    let after = watched.look(3);
    assert!(
        after.news.is_empty() && after.settled.is_empty(),
        "what was repaired is over without a word: {after:?}"
    );
    assert!(watched.watcher.findings().iter().all(|finding| finding.address().starts_with("subdev/nic0#a")));
    watched.watcher = Watcher::new(policy(&["subdevice-restart@subdev/nic0#a"]));
    assert!(watched.round(4));
    assert!(watched.watcher.findings().is_empty());
}

#[test]
fn nothing_is_allowed_that_nobody_allowed() {
    // An apply may do what is felt as traffic without a word. A watcher may not.
    let mut watched = Watched::new(TWO, policy(&["traffic@subdev/nic0#a"]));
    take_down(&mut watched.host, 1);
    take_down(&mut watched.host, 2);
    let part = watched.look(1).part.unwrap();
    assert_eq!(part.repaired(), ["subdev/nic0#a"]);
    assert!(matches!(part.left.get("subdev/nic0#b"), Some(Why::Above { .. })));
    watched.watcher = Watcher::new(policy(&["none"]));
    assert!(watched.look(2).part.is_none());
}

#[test]
fn only_a_part_of_the_file_is_repaired() {
    let selection = Selection { only: vec!["subdev/nic0#a".to_owned()], except: Vec::new() };
    let mut watched = Watched::new(TWO, Policy { selection, ..policy(&["traffic"]) });
    take_down(&mut watched.host, 1);
    take_down(&mut watched.host, 2);
    let look = watched.look(1);
    assert_eq!(addresses(&look.news), ["subdev/nic0#a.representor.up"]);
    assert_eq!(look.part.unwrap().repaired(), ["subdev/nic0#a"]);
}

#[test]
fn what_is_put_back_three_times_is_fought_over_until_somebody_yields() {
    let mut watched = Watched::new(TWO, policy(&["traffic"]));
    for time in 0..PUT_BACK {
        take_down(&mut watched.host, 1);
        assert!(watched.round(time as u64), "{time}");
        assert!(!watched.round(time as u64));
    }
    take_down(&mut watched.host, 1);
    take_down(&mut watched.host, 2);
    let look = watched.look(10);
    let part = look.part.unwrap();
    assert_eq!(part.repaired(), ["subdev/nic0#b"], "others are not in it");
    let attribute = "subdev/nic0#a.representor.up".to_owned();
    assert_eq!(part.left.get("subdev/nic0#a"), Some(&Why::Fighting { attribute, times: PUT_BACK }));
    // Long after it is still fought over.
    assert!(watched.round(11));
    assert!(!watched.round(11 + 2 * FIGHT_WITHIN.as_secs()));
    // The other one yields: the next time is the first.
    set(&mut watched.host, 1, Setting::Up(Side::Representor, true));
    assert!(!watched.round(5000));
    take_down(&mut watched.host, 1);
    assert!(watched.round(5001));
}

#[test]
fn what_is_put_back_now_and_then_is_no_fight() {
    let mut watched = Watched::new(TWO, policy(&["traffic"]));
    for time in 0..10 {
        take_down(&mut watched.host, 1);
        assert!(watched.round(time * FIGHT_WITHIN.as_secs() / 3 + time), "{time}");
    }
}

#[test]
fn somebody_who_looks_after_it_starts_over() {
    let mut watched = Watched::new(TWO, policy(&["traffic"]));
    for time in 0..PUT_BACK {
        take_down(&mut watched.host, 1);
        assert!(watched.round(time as u64));
    }
    take_down(&mut watched.host, 1);
    assert!(!watched.round(10));
    watched.watcher.start_over();
    assert!(watched.round(11));
}

#[test]
fn what_fails_is_tried_again_later_and_later() {
    let mut watched = Watched::new(TWO, policy(&["traffic"]));
    take_down(&mut watched.host, 1);
    let mut now = 0;
    for pause in [30, 60, 120, 240] {
        let part = watched.look(now).part.unwrap();
        let operation = &part.plan.operations[0];
        assert_eq!(operation.address, "subdev/nic0#a");
        let source = RequestError::Refused { errno: Errno::EIO, message: None, file: None };
        let failure = Failure::Operation {
            id: 1,
            address: operation.address.clone(),
            request: Box::new(operation.request.clone()),
            source,
        };
        let outcome = Outcome::Partial { failures: vec![failure], left: Vec::new() };
        watched.watcher.repaired(&part, &outcome, at(now));
        assert_eq!(watched.watcher.tries_again(at(now)), Some(at(now + pause)));
        assert!(watched.look(now + pause - 1).part.is_none());
        now += pause;
    }
    take_down(&mut watched.host, 2);
    let meanwhile = watched.look(now - 1).part.unwrap();
    assert_eq!(meanwhile.repaired(), ["subdev/nic0#b"], "others do not wait");
    assert!(watched.round(now));
    assert_eq!(watched.watcher.tries_again(at(now)), None);
}

#[test]
fn a_reset_is_left_without_restore_and_repaired_with_it_whatever_its_impact() {
    let reset = |policy: Policy| {
        let mut watched = Watched::new(TWO, policy);
        watched.look(0);
        let parent = Subject::parent("subdev/nic0".parse().unwrap());
        for number in [1, 2] {
            activate(&mut watched.host, number, false);
            let Subject { parent, .. } = sf(number);
            let id = sf(number).function_id().unwrap().clone();
            watched.host.kernel.perform(&Request::Delete { parent, id }).unwrap();
        }
        let mode = Setting::EswitchMode("legacy".parse().unwrap());
        watched.host.kernel.perform(&Request::Set { subject: parent, setting: mode }).unwrap();
        watched
    };
    let mut without = reset(policy(&["parent-wide"]));
    let look = without.look(1);
    assert!(matches!(look.news[0], Finding::Reset { lost: 3.., .. }), "{:?}", look.news);
    assert!(look.news.iter().all(|finding| !matches!(finding, Finding::Drift { .. })), "{:?}", look.news);
    assert!(look.part.is_none());
    assert!(look.news.contains(&Finding::Left { address: "subdev/nic0".to_owned(), why: Why::Reset }));
    let mut with = reset(Policy { restore: true, ..Policy::default() });
    assert!(with.round(1));
    assert!(with.watcher.findings().is_empty(), "{:?}", with.watcher.findings());
    let state = with.host.state();
    assert_eq!(state.parents[&sf(1).parent].functions.len(), 2);
}
