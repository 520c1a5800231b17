//! A part of a plan: some resources only, or all but some. What is chosen brings along what it needs, and what is left out
//! takes along what needs it.

use std::collections::{BTreeMap, BTreeSet};

use subdevcfg_compiler::values::DevlinkHandle;

use super::{Action, Bookkeeping, Operation, Plan, Refusal, ResourceChange, in_bond};
use crate::guard::is_within;
use crate::record::RecordChange;
use crate::resource::Subject;

/// Which resources are meant, by their addresses; with an address all that lies below it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// Only these; all if there are none.
    pub only: Vec<String>,
    /// Not these.
    pub except: Vec<String>,
}

/// An address that names nothing in the plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no `{address}` in this plan")]
pub struct UnknownAddress {
    /// What was given.
    pub address: String,
    /// The addresses that there are.
    pub known: Vec<String>,
}

impl Selection {
    /// Whether it chooses at all.
    #[must_use]
    pub const fn is_everything(&self) -> bool {
        self.only.is_empty() && self.except.is_empty()
    }

    /// Checks that each address names a device, a subdevice or a rate node of the plan.
    ///
    /// # Errors
    /// [`UnknownAddress`] for the first that does not.
    pub fn check(&self, plan: &Plan) -> Result<(), UnknownAddress> {
        let changes = plan.resource_changes.iter().map(|change| change.address.as_str());
        let refused = plan.refusals.iter().map(|refusal| refusal.address.as_str());
        let noted = plan.notes.iter().map(|note| note.about.as_str());
        let known: BTreeSet<&str> = changes.clone().chain(refused).chain(noted).collect();
        let mut wanted = self.only.iter().chain(&self.except);
        match wanted.find(|address| !known.contains(address.as_str())) {
            None => Ok(()),
            Some(address) => {
                Err(UnknownAddress { address: address.clone(), known: changes.map(str::to_owned).collect() })
            }
        }
    }

    /// Whether the address is meant by itself, not for the sake of another one.
    fn covers(&self, address: &str) -> bool {
        let among = |scopes: &[String]| scopes.iter().any(|scope| is_within(address, scope));
        (self.only.is_empty() || among(&self.only)) && !among(&self.except)
    }
}

impl Plan {
    /// The selection of what nothing refuses, bonds apart: without what is refused, and what needs it. Where that cannot be
    /// told apart, something is refused still.
    #[must_use]
    pub fn selection_without_refusals(&self) -> Selection {
        let mut selection = Selection::default();
        loop {
            let refusals = self.clone().narrowed(&selection).despite_bonds().refusals;
            let before = selection.except.len();
            for refusal in refusals {
                if !selection.except.contains(&refusal.address) {
                    selection.except.push(refusal.address);
                }
            }
            if selection.except.len() == before {
                return selection;
            }
        }
    }

    /// The part of the plan that a selection means.
    #[must_use]
    pub fn narrowed(mut self, selection: &Selection) -> Self {
        if selection.is_everything() {
            return self;
        }
        // Whether a bond is in the way depends on what the part disturbs of it.
        self = self.despite_bonds();
        let kept = kept(&self, selection);
        let refusals = torn(&self, &kept);
        let number: BTreeMap<usize, usize> =
            kept.iter().enumerate().map(|(at, &old)| (old, at + 1)).collect();
        self.operations.retain(|operation| kept.contains(&operation.id));
        for operation in &mut self.operations {
            renumber(operation, &number);
        }
        let stays = |change: &ResourceChange| match change.operations.as_slice() {
            [] => selection.covers(&change.address),
            operations => operations.iter().any(|id| kept.contains(id)),
        };
        let (changes, left_out): (Vec<_>, Vec<_>) = self.resource_changes.into_iter().partition(stays);
        self.resource_changes = changes;
        for change in &mut self.resource_changes {
            change.operations = change.operations.iter().filter_map(|id| number.get(id)).copied().collect();
        }
        let with_work = left_out.iter().filter(|change| change.actions != [Action::NoOp]);
        self.left_out = with_work.map(|change| change.address.clone()).collect();
        let is_out: BTreeSet<&Subject> = left_out.iter().map(|change| &change.subject).collect();
        self.bookkeeping = narrowed_bookkeeping(self.bookkeeping, |subject| !is_out.contains(subject));
        for in_use in &mut self.in_use {
            in_use.operations = in_use.operations.iter().filter_map(|id| number.get(id)).copied().collect();
        }
        self.in_use.retain(|in_use| !in_use.operations.is_empty());
        self.bonds = in_bond::narrowed(self.bonds, &number);
        self.refusals.retain(|refusal| selection.covers(&refusal.address));
        self.refusals.extend(refusals);
        self.refusals.extend(in_bond::refusals(&self.bonds, &self.operations));
        self.waits_for_reboot.retain(|waits| selection.covers(&waits.address));
        self.drift.retain(|drift| selection.covers(&drift.address));
        let drift = &self.drift;
        self.resets.retain(|reset| drift.iter().any(|drift| is_within(&drift.address, &reset.address)));
        self.impact = self.operations.iter().map(|operation| operation.impact).max().unwrap_or_default();
        self
    }
}

/// The operations that are carried out, by number. A resource is changed whole or not at all.
fn kept(plan: &Plan, selection: &Selection) -> BTreeSet<usize> {
    let covered = plan.operations.iter().filter(|operation| selection.covers(&operation.address));
    let covered: BTreeSet<usize> = covered.map(|operation| operation.id).collect();
    if selection.only.is_empty() { without_the_torn(plan, covered) } else { with_the_needed(plan, covered) }
}

/// Without resources of which not all operations are there, and without what needs these.
fn without_the_torn(plan: &Plan, mut kept: BTreeSet<usize>) -> BTreeSet<usize> {
    let of_subject = by_subject(plan);
    let mut needed_by: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for operation in &plan.operations {
        for &first in &operation.after {
            needed_by.entry(first).or_default().push(operation.id);
        }
    }
    let ids = plan.operations.iter().map(|operation| operation.id);
    let mut open: Vec<usize> = ids.filter(|id| !kept.contains(id)).collect();
    while let Some(id) = open.pop() {
        let same_subject = &of_subject[&plan.operations[id - 1].request.subject()];
        let fall = same_subject.iter().chain(needed_by.get(&id).into_iter().flatten());
        open.extend(fall.filter(|other| kept.remove(other)));
    }
    kept
}

fn by_subject(plan: &Plan) -> BTreeMap<Subject, Vec<usize>> {
    let mut of_subject: BTreeMap<Subject, Vec<usize>> = BTreeMap::new();
    for operation in &plan.operations {
        of_subject.entry(operation.request.subject()).or_default().push(operation.id);
    }
    of_subject
}

/// With what these operations need, with the rest of the same resources, and, where one takes others away that come back,
/// with all on its parent.
fn with_the_needed(plan: &Plan, chosen: BTreeSet<usize>) -> BTreeSet<usize> {
    let of_subject = by_subject(plan);
    let mut of_lane: BTreeMap<&DevlinkHandle, Vec<usize>> = BTreeMap::new();
    for operation in &plan.operations {
        of_lane.entry(&operation.lane).or_default().push(operation.id);
    }
    let returning = plan.resource_changes.iter().filter(|change| comes_back(change));
    let returning: BTreeSet<&Subject> = returning.map(|change| &change.subject).collect();
    let takes_some = |operation: &Operation| {
        let subject = operation.request.subject();
        operation.request.takes_others()
            && returning.iter().any(|other| other.parent == operation.lane && **other != subject)
    };
    let mut kept = BTreeSet::new();
    let mut open: Vec<usize> = chosen.into_iter().collect();
    while let Some(id) = open.pop() {
        if !kept.insert(id) {
            continue;
        }
        let operation = &plan.operations[id - 1];
        open.extend(&operation.after);
        open.extend(of_subject[&operation.request.subject()].iter().filter(|id| !kept.contains(id)));
        if takes_some(operation) {
            open.extend(&of_lane[&operation.lane]);
        }
    }
    kept
}

/// What would be taken away and not come back.
fn torn(plan: &Plan, kept: &BTreeSet<usize>) -> Vec<Refusal> {
    let takes = |change: &ResourceChange| {
        plan.operations.iter().find(|operation| {
            kept.contains(&operation.id)
                && operation.lane == change.subject.parent
                && operation.request.takes_others()
        })
    };
    let is_out = |change: &&ResourceChange| !change.operations.iter().any(|id| kept.contains(id));
    let changes = plan.resource_changes.iter().filter(|change| comes_back(change)).filter(is_out);
    changes
        .filter_map(|change| {
            let text = format!(
                "it cannot be left out: operation \"{}\" takes it away, and it has to come back",
                takes(change)?.request
            );
            Some(Refusal { address: change.address.clone(), text })
        })
        .collect()
}

/// Whether a resource is taken away and made again, or passed over and put back.
fn comes_back(change: &ResourceChange) -> bool {
    change.actions == [Action::Restore] || change.actions == [Action::Delete, Action::Create]
}

fn renumber(operation: &mut Operation, number: &BTreeMap<usize, usize>) {
    operation.id = number[&operation.id];
    operation.after = operation.after.iter().filter_map(|id| number.get(id)).copied().collect();
    operation.undo.after_undo_of = operation.undo.after_undo_of.and_then(|id| number.get(&id).copied());
}

fn narrowed_bookkeeping(all: Bookkeeping, is_in: impl Fn(&Subject) -> bool) -> Bookkeeping {
    let is_of = |change: &RecordChange| match change {
        RecordChange::Written { subject, .. } | RecordChange::Reloaded(subject) => is_in(subject),
        _ => true,
    };
    Bookkeeping {
        written: all.written.into_iter().filter(is_of).collect(),
        adopt: all.adopt.into_iter().filter(|(subject, _)| is_in(subject)).collect(),
        release: all.release.into_iter().filter(|(subject, _)| is_in(subject)).collect(),
        forget: all.forget.into_iter().filter(|subject| is_in(subject)).collect(),
        let_go: all.let_go.into_iter().filter(|subject| is_in(subject)).collect(),
        protect: all.protect.into_iter().filter(|(subject, _)| is_in(subject)).collect(),
        unprotect: all.unprotect.into_iter().filter(|subject| is_in(subject)).collect(),
        taken: all.taken.into_iter().filter(|(subject, _)| is_in(subject)).collect(),
        settled: all.settled.into_iter().filter(|subject| is_in(subject)).collect(),
        readdress: all.readdress.into_iter().filter(|(subject, _)| is_in(subject)).collect(),
        // A part of an undo leaves a record that nobody has seen before.
        becomes: None,
    }
}
