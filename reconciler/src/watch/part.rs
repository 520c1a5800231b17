//! The part of a plan that a watcher carries out: without what is above its ceiling, what is in use, what the host is
//! reached over, and what is held back. What is taken out may take other things with it, so it is looked at again until
//! nothing more is in the way.

use std::collections::BTreeMap;

use super::finding::Why;
use super::restraint::Restraint;
use super::{Policy, is_change};
use crate::guard::{self, is_within};
use crate::plan::{InUse, Operation, Plan, Selection};

/// The part that is carried out.
#[derive(Debug, Clone)]
pub struct Part {
    /// What chooses it from a plan.
    pub selection: Selection,
    /// It.
    pub plan: Plan,
    /// What is left, by its address, and why.
    pub left: BTreeMap<String, Why>,
}

impl Part {
    /// The addresses of what it changes.
    #[must_use]
    pub fn repaired(&self) -> Vec<&str> {
        let changes = self.plan.resource_changes.iter();
        let changes = changes.filter(|change| is_change(&change.actions) && !change.operations.is_empty());
        changes.map(|change| change.address.as_str()).collect()
    }
}

/// The greatest part of a plan that nothing is in the way of; nothing of it where that cannot be told apart.
pub(super) fn allowed(whole: &Plan, policy: &Policy, restraint: &Restraint) -> Part {
    let mut left = held(whole, restraint);
    loop {
        let part = without(whole, policy, left);
        let mut found = in_the_way(&part.plan, whole, policy);
        let is_clean = found.is_empty() && !does_what_is_left(&part);
        found.retain(|address, _| !part.left.contains_key(address));
        if is_clean {
            return part;
        }
        if found.is_empty() {
            // What is left out is needed by what `--only` names.
            return Part { plan: nothing(whole), ..part };
        }
        left = part.left;
        left.extend(found);
    }
}

fn without(whole: &Plan, policy: &Policy, left: BTreeMap<String, Why>) -> Part {
    let mut selection = policy.selection.clone();
    selection.except.extend(left.keys().cloned());
    let plan = whole.clone().narrowed(&selection);
    Part { selection, plan, left }
}

fn does_what_is_left(part: &Part) -> bool {
    let is_left = |operation: &Operation| part.left.keys().any(|left| is_within(&operation.address, left));
    part.plan.operations.iter().any(is_left)
}

fn nothing(whole: &Plan) -> Plan {
    let all = whole.operations.iter().map(|operation| operation.address.clone());
    whole.clone().narrowed(&Selection { only: Vec::new(), except: all.collect() })
}

/// What is held back from the start.
fn held(whole: &Plan, restraint: &Restraint) -> BTreeMap<String, Why> {
    let addresses = whole.resource_changes.iter().map(|change| change.address.as_str());
    let mut held = restraint.held(&addresses.collect::<Vec<_>>());
    held.retain(|address, _| whole.operations.iter().any(|operation| is_within(&operation.address, address)));
    held
}

/// What a plan must not do, by the address that has to be left out for that.
fn in_the_way(plan: &Plan, whole: &Plan, policy: &Policy) -> BTreeMap<String, Why> {
    let mut found = BTreeMap::new();
    for refusal in &plan.refusals {
        let address = if plan.left_out.contains(&refusal.address) {
            // It comes back only together with what takes it away: all on its device is left.
            device_of(whole, &refusal.address)
        } else {
            refusal.address.clone()
        };
        found.insert(address, Why::Refused);
    }
    for (address, swept) in plan.swept.iter().filter(|(_, swept)| guard::is_too_much(**swept)) {
        if plan.operations.iter().any(|operation| is_within(&operation.address, address)) {
            found.insert(address.clone(), Why::Sweep { functions: swept.functions, of: swept.of });
        }
    }
    let restored = |address: &str| is_restored(plan, policy, address);
    let above: Vec<&Operation> = plan
        .operations
        .iter()
        .filter(|operation| !policy.allow.iter().any(|allowance| allowance.permits(operation)))
        .filter(|operation| !restored(&operation.address))
        .collect();
    for operation in &above {
        let of_it: Vec<&Operation> =
            above.iter().filter(|other| other.address == operation.address).copied().collect();
        found.insert(operation.address.clone(), Why::Above { flags: guard::flags_for(&of_it) });
    }
    for in_use in &plan.in_use {
        for id in &in_use.operations {
            let Some(operation) = plan.operations.get(id - 1) else { continue };
            found.insert(operation.address.clone(), used(in_use));
        }
    }
    for reset in &plan.resets {
        let has_work = plan.operations.iter().any(|operation| is_within(&operation.address, &reset.address));
        if has_work && !restored(&reset.address) {
            found.insert(reset.address.clone(), Why::Reset);
        }
    }
    found
}

fn used(in_use: &InUse) -> Why {
    match &in_use.lifeline {
        Some(reason) => Why::Lifeline { reason: reason.clone() },
        None => Why::InUse { users: in_use.users.clone() },
    }
}

/// Whether this lies on a device that was reset and may be made again as it was: nobody uses anything on it.
fn is_restored(plan: &Plan, policy: &Policy, address: &str) -> bool {
    let mut resets = plan.resets.iter().filter(|reset| is_within(address, &reset.address));
    let is_used = |device: &str| plan.in_use.iter().any(|in_use| is_within(&in_use.address, device));
    policy.restore && resets.any(|reset| !is_used(&reset.address))
}

/// The address of the device that an address lies on.
fn device_of(whole: &Plan, address: &str) -> String {
    let subject = whole.resource_changes.iter().find(|change| change.address == address);
    let device = subject.and_then(|change| {
        let parent = &change.subject.parent;
        whole
            .resource_changes
            .iter()
            .find(|other| other.subject.is_parent() && other.subject.parent == *parent)
    });
    device.map_or_else(|| address.to_owned(), |device| device.address.clone())
}
