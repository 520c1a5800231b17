//! That nobody feels more of a plan than has to be: all orders of all parts of its requests are tried by force on the simulated
//! kernel, with the writes that would do without the rest of it. What is felt is seen in the kernel's state and not read in the
//! planner's rules.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use proptest::option::of;
use proptest::prelude::*;
use subdevcfg_compiler::values::DevlinkHandle;
use subdevcfg_reconciler::apply::Outcome;
use subdevcfg_reconciler::kernel::{Kernel as _, Request};
use subdevcfg_reconciler::resource::{Setting, Settings, Subject, UplinkSetting};
use subdevcfg_reconciler::simulated::SimulatedHost;
use subdevcfg_reconciler::state::State;

use crate::support::{Host, desired};

/// What somebody feels who was there before, from the least on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Felt {
    /// A function did not run for a while.
    Stopped,
    /// A function was not there, for a while or for good.
    Gone,
    /// A device was reloaded, switched or taken away.
    Whole,
}

/// How many feel the worst, the next worst, and the least.
type Cost = [usize; 3];

/// Beyond that many hosts on the way, a case is left undecided.
const MOST: usize = 4000;

/// A host on the way.
#[derive(Clone)]
struct Way<'a> {
    start: &'a State,
    kernel: SimulatedHost,
    state: State,
    felt: BTreeMap<Subject, Felt>,
    /// The numbers of the requests, in order.
    sent: Vec<usize>,
}

impl<'a> Way<'a> {
    fn begin(start: &'a State, kernel: &SimulatedHost) -> Self {
        Self { start, kernel: kernel.clone(), state: start.clone(), felt: BTreeMap::new(), sent: Vec::new() }
    }

    /// The host after one more request; `None` if the kernel refuses it.
    fn after(&self, number: usize, request: &Request) -> Option<Self> {
        let mut next = self.clone();
        next.kernel.perform(request).ok()?;
        next.state = next.kernel.state();
        next.sent.push(number);
        let subject = request.subject();
        let is_whole = match request {
            Request::Set { setting: Setting::EswitchMode(_), .. } | Request::DelParent { .. } => true,
            Request::Reload { subject } => subject.is_parent(),
            _ => false,
        };
        if is_whole && self.start.parents.contains_key(&subject.parent) {
            next.felt.insert(subject.clone(), Felt::Whole);
        }
        for (handle, parent) in &self.start.parents {
            for function in parent.functions.iter().filter(|function| function.active) {
                let running = Subject::function(handle.clone(), function.id.clone());
                let now = match next.state.function(&running) {
                    None => Some(Felt::Gone),
                    Some(now) if !now.active => Some(Felt::Stopped),
                    Some(_) => {
                        let is_reload = matches!(request, Request::Reload { subject } if *subject == running);
                        is_reload.then_some(Felt::Stopped)
                    }
                };
                let worst = next.felt.get(&running).copied().max(now);
                next.felt.extend(worst.map(|worst| (running, worst)));
            }
        }
        Some(next)
    }

    fn cost(&self) -> Cost {
        let count = |felt| self.felt.values().filter(|found| **found == felt).count();
        [count(Felt::Whole), count(Felt::Gone), count(Felt::Stopped)]
    }

    /// What tells it from others: how it goes on depends on nothing else.
    fn key(&self, sent: &[bool]) -> u64 {
        let mut hasher = DefaultHasher::new();
        serde_json::to_string(&self.kernel).unwrap().hash(&mut hasher);
        (&self.felt.values().collect::<Vec<_>>(), sent).hash(&mut hasher);
        for subject in self.felt.keys() {
            subject.to_string().hash(&mut hasher);
        }
        hasher.finish()
    }
}

/// All there is to try.
struct Search<'a> {
    requests: &'a [Request],
    goal: &'a State,
    bound: Cost,
    seen: HashSet<u64>,
}

impl Search<'_> {
    /// A way that costs less than the bound. No reload is left out: whether a parameter is in force no state tells.
    fn better(&mut self, way: &Way<'_>) -> Option<Vec<usize>> {
        let is_sent: Vec<bool> = (0..self.requests.len()).map(|number| way.sent.contains(&number)).collect();
        let reloads = self
            .requests
            .iter()
            .zip(&is_sent)
            .filter(|(request, _)| matches!(request, Request::Reload { .. }));
        if reloads.into_iter().all(|(_, is_sent)| *is_sent) && way.state == *self.goal {
            return Some(way.sent.clone());
        }
        for (number, request) in self.requests.iter().enumerate().filter(|(number, _)| !is_sent[*number]) {
            let Some(next) = way.after(number, request).filter(|next| next.cost() < self.bound) else {
                continue;
            };
            let mut sent = is_sent.clone();
            sent[number] = true;
            if self.seen.len() < MOST
                && self.seen.insert(next.key(&sent))
                && let Some(found) = self.better(&next)
            {
                return Some(found);
            }
        }
        None
    }
}

/// The requests by which the same comes about and less is felt, if there are any among all orders of all parts of these and of
/// the writes of what differs.
fn less_is_felt(start: &State, kernel: &SimulatedHost, requests: &[Request]) -> Option<Vec<String>> {
    let mut way = Way::begin(start, kernel);
    for (number, request) in requests.iter().enumerate() {
        way = way.after(number, request).unwrap();
    }
    let bound = way.cost();
    if bound == [0; 3] {
        return None;
    }
    let mut all = requests.to_vec();
    for subject in way.state.subjects() {
        let before = start.settings(&subject);
        let after = way.state.settings(&subject).unwrap_or_default();
        let differs =
            |setting: &&Setting| before.as_ref().is_some_and(|before: &Settings| !before.has(setting));
        let writes = after
            .iter()
            .filter(differs)
            .map(|setting| Request::Set { subject: subject.clone(), setting: setting.clone() });
        let new: Vec<Request> = writes.filter(|write| !all.contains(write)).collect();
        all.extend(new);
    }
    let mut search = Search { requests: &all, goal: &way.state, bound, seen: HashSet::new() };
    let found = search.better(&Way::begin(start, kernel))?;
    Some(found.into_iter().map(|number| all[number].to_string()).collect())
}

/// Of a function: whether it is an SF, its address, its queues and its rate node.
type Function = (bool, Option<u8>, Option<u32>, bool);

fn text(switchdev: bool, spoof_check: Option<bool>, functions: &[Option<Function>; 2]) -> String {
    let mode = if switchdev { "switchdev" } else { "legacy" };
    let mut text = format!(
        "subdevcfg version=1\nhost \"*\"\ndevice \"subdev/p0\" {{\n create max-subdevices=8\n eswitch mode={mode}\n"
    );
    if let Some(on) = spoof_check {
        let _ = writeln!(text, " param spoof_check #{on}");
    }
    if switchdev {
        text.push_str(" rate-node gold\n");
    }
    for (at, function) in functions.iter().enumerate() {
        let Some((is_sf, mac, queues, below)) = function else { continue };
        let lifecycle = if *is_sf && switchdev {
            format!("sf {at}")
        } else {
            format!("mdev type=eth uuid=\"00000000-0000-4000-8000-{at:012x}\"")
        };
        let _ = writeln!(text, " subdevice s{at} {{\n  {lifecycle}");
        if let Some(mac) = mac {
            let _ = writeln!(text, "  function mac=\"02:00:00:00:{at:02x}:{mac:02x}\"");
        }
        if let Some(queues) = queues {
            let _ = writeln!(text, "  param queues {queues}");
        }
        if *below && switchdev {
            text.push_str("  rate parent=gold\n");
        }
        text.push_str(" }\n");
    }
    text.push_str("}\n");
    text
}

fn hosts() -> impl Strategy<Value = String> {
    let function = || of((any::<bool>(), of(0_u8..2), of(1_u32..3), any::<bool>()));
    (prop::bool::weighted(0.8), of(any::<bool>()), [function(), function()])
        .prop_map(|(switchdev, spoof_check, functions)| text(switchdev, spoof_check, &functions))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_order_of_a_plan_disturbs_less(first in hosts(), second in hosts()) {
        let mut host = Host::with_kernel("6.12.0");
        prop_assert!(matches!(host.apply(&desired(&first)), Outcome::Converged(_)));
        let requests: Vec<Request> =
            host.plan(&desired(&second)).operations.into_iter().map(|operation| operation.request).collect();
        prop_assert_eq!(less_is_felt(&host.kernel.state(), &host.kernel, &requests), None, "{:#?}", requests);
    }
}

#[test]
fn what_is_felt_for_nothing_is_found() {
    let function = |mac, queues| [Some((true, mac, queues, false)), None];
    let mut host = Host::with_kernel("6.12.0");
    assert!(matches!(host.apply(&desired(&text(true, None, &function(None, None)))), Outcome::Converged(_)));
    let state = host.kernel.state();
    let handle: DevlinkHandle = "subdev/p0".parse().unwrap();
    let id = state.parents[&handle].functions[0].id.clone();
    let stop = |active| Request::SetActive { parent: handle.clone(), id: id.clone(), active };
    let write = Request::Set {
        subject: Subject::parent(handle.clone()),
        setting: Setting::Uplink(UplinkSetting::Mtu(1400)),
    };
    assert_eq!(
        less_is_felt(&state, &host.kernel, &[stop(false), write.clone(), stop(true)]),
        Some(vec![write.to_string()])
    );
    // That write needs it stopped.
    let plan = host.plan(&desired(&text(true, None, &function(Some(1), None))));
    let requests: Vec<Request> = plan.operations.into_iter().map(|operation| operation.request).collect();
    assert_eq!(requests.len(), 3);
    assert_eq!(less_is_felt(&state, &host.kernel, &requests), None);
}
