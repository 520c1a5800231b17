//! What a watcher makes of one plan after the other: what is new, what it may repair, what it leaves, and when it gives
//! up. No clock and no kernel: the time comes in, decisions go out.

mod finding;
mod part;
mod restraint;

use std::collections::BTreeSet;
use std::time::Duration;

use crate::apply::{Failure, Outcome};
use crate::guard::{Allowance, is_within};
use crate::plan::{Action, Bookkeeping, NoteKind, Plan, Selection};

pub use finding::{Finding, Why};
pub use part::Part;
pub use restraint::{FIGHT_WITHIN, PUT_BACK};

/// What a watcher may do.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// What it repairs; nothing if there is none. Unlike that of an apply, its ceiling begins below `none`.
    pub allow: Vec<Allowance>,
    /// Whether it makes again what a reset took from a device, as long as nobody uses that device.
    pub restore: bool,
    /// Which part of the file is meant.
    pub selection: Selection,
}

impl Policy {
    /// Whether it repairs anything at all.
    #[must_use]
    pub const fn repairs(&self) -> bool {
        !self.allow.is_empty() || self.restore
    }
}

/// Looks at plans of one file on one host, one after the other.
#[derive(Debug, Default)]
pub struct Watcher {
    policy: Policy,
    /// What was found the last time.
    known: BTreeSet<Finding>,
    restraint: restraint::Restraint,
    /// Whether a plan was looked at before.
    has_looked: bool,
}

/// What came out of one look.
#[derive(Debug, Default)]
pub struct Look {
    /// What was not found the last time.
    pub news: Vec<Finding>,
    /// What was found the last time, and is no more.
    pub settled: Vec<Finding>,
    /// What is to be repaired.
    pub part: Option<Part>,
}

impl Watcher {
    /// A watcher that has not looked yet.
    #[must_use]
    pub fn new(policy: Policy) -> Self {
        Self { policy, ..Self::default() }
    }

    /// What was found the last time and not repaired.
    #[must_use]
    pub const fn findings(&self) -> &BTreeSet<Finding> {
        &self.known
    }

    /// Looks at the plan that leads from what is to what should be.
    pub fn look(&mut self, plan: &Plan, may_repair: bool, now: Duration) -> Look {
        self.restraint.look(plan, now);
        let mut findings = Finding::all_of(&plan.clone().narrowed(&self.policy.selection));
        let part = self.policy.repairs().then(|| part::allowed(plan, &self.policy, &self.restraint));
        if let Some(part) = &part {
            // A refusal says itself that it is in the way.
            let is_told = |(address, why): &(&String, &Why)| {
                **why == Why::Refused && plan.refusals.iter().any(|refusal| refusal.address == **address)
            };
            let left = part.left.iter().filter(|left| has_work(plan, left.0) && !is_told(left));
            findings.extend(left.map(|(address, why)| Finding::left(address, why.clone())));
        }
        let news = findings.difference(&self.known).cloned().collect();
        let settled = self.known.difference(&findings).cloned().collect();
        self.known = findings;
        let first = !std::mem::replace(&mut self.has_looked, true);
        let worth =
            |part: &Part| !part.plan.is_empty() || (first && part.plan.bookkeeping != Bookkeeping::default());
        Look { news, settled, part: part.filter(|part| may_repair && worth(part)) }
    }

    /// Takes note of how a repair ended. What was repaired is found no more, without a word.
    pub fn repaired(&mut self, part: &Part, outcome: &Outcome, now: Duration) {
        let failures = outcome.failures();
        let repaired = part.repaired();
        let failed = failed(failures, &repaired);
        self.restraint.put_back(&part.plan, &failed, now);
        for address in failed {
            self.restraint.failed(address, now);
        }
        if failures.is_empty() {
            for address in &repaired {
                self.restraint.succeeded(address);
            }
            let is_done = |finding: &Finding| {
                repaired.iter().any(|address| is_within(finding.address(), address))
                    && !part.left.keys().any(|left| is_within(finding.address(), left))
            };
            self.known.retain(|finding| !is_done(finding));
        }
    }

    /// Forgets who fights and what failed: somebody has looked after it.
    pub fn start_over(&mut self) {
        self.restraint = restraint::Restraint::default();
    }

    /// When something is tried again that failed, if anything is.
    #[must_use]
    pub fn tries_again(&self, now: Duration) -> Option<Duration> {
        self.restraint.next(now)
    }
}

/// The resources that failures are about; all that were to be repaired where a failure names none.
fn failed<'a>(failures: &'a [Failure], repaired: &[&'a str]) -> BTreeSet<&'a str> {
    let of = |failure: &'a Failure| match failure {
        Failure::Operation { address, .. } => vec![address.as_str()],
        // It was told to end, and that is no failure of anything.
        Failure::Stopped { .. } => Vec::new(),
        Failure::NotKept { .. } | Failure::Unverified(_) | Failure::Record(_) => repaired.to_vec(),
    };
    failures.iter().flat_map(of).collect()
}

/// Whether the plan does anything at this address or below it.
fn has_work(plan: &Plan, address: &str) -> bool {
    plan.operations.iter().any(|operation| is_within(&operation.address, address))
}

/// Whether the host is not as the file says, as far as that can be told.
#[must_use]
pub fn differs(plan: &Plan) -> bool {
    !plan.is_empty() || !plan.refusals.is_empty() || waits(plan).next().is_some()
}

/// Whether something could not be read.
#[must_use]
pub fn is_blind(plan: &Plan) -> bool {
    !plan.unread.is_empty() || plan.notes.iter().any(|note| note.kind == NoteKind::Withheld)
}

/// What is not there yet.
fn waits(plan: &Plan) -> impl Iterator<Item = &str> {
    let deferred = plan.notes.iter().filter(|note| note.kind == NoteKind::Deferred);
    deferred.map(|note| note.about.as_str())
}

/// Whether devices of the file are not there yet. Bridges are others' to make, and of a device only what becomes a port of
/// one waits for them.
#[must_use]
pub fn lacks_devices(plan: &Plan) -> bool {
    waits(plan).any(|address| !address.starts_with("bridge/") && !address.contains('#'))
}

/// Whether a change is more than steps that pass over a resource.
fn is_change(actions: &[Action]) -> bool {
    actions != [Action::NoOp] && actions != [Action::Restore]
}
