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
    let resets: BTreeMap<&str, Option<Why>> = plan
        .resets
        .iter()
        .map(|reset| (reset.address.as_str(), not_restored(whole, policy, &reset.address)))
        .collect();
    let reset = |operation: &Operation| {
        resets
            .iter()
            .find(|(device, _)| is_within(&operation.address, device))
            .map(|(device, why)| (*device, why))
    };
    let mut above: BTreeMap<&str, Vec<&Operation>> = BTreeMap::new();
    for operation in &plan.operations {
        match reset(operation) {
            Some((_, None)) => {}
            Some((device, Some(why))) => _ = found.insert(device.to_owned(), why.clone()),
            None if policy.allow.iter().any(|allowance| allowance.permits(operation)) => {}
            None => above.entry(&operation.address).or_default().push(operation),
        }
    }
    for (address, operations) in above {
        found.insert(address.to_owned(), Why::Above { flags: guard::flags_for(&operations) });
    }
    for in_use in &plan.in_use {
        for operation in in_use.operations.iter().filter_map(|id| plan.operations.get(id - 1)) {
            if reset(operation).is_none_or(|(_, why)| why.is_none()) {
                found.insert(operation.address.clone(), used(in_use));
            }
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

/// Why a device that was reset is not made again as it was, if it is not: nobody may use anything on it.
fn not_restored(whole: &Plan, policy: &Policy, device: &str) -> Option<Why> {
    if !policy.restore {
        return Some(Why::Reset);
    }
    whole.in_use.iter().find(|in_use| is_within(&in_use.address, device)).map(used)
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
