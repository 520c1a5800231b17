//! The draft of a plan: operations are collected lane by lane, one lane a parent, then ordered and numbered.

use std::collections::{BTreeMap, BTreeSet};

use subdevcfg_compiler::catalogue::Impact;
use subdevcfg_compiler::values::{DevlinkHandle, Scalar};

use super::ovs::{self, Ports};
use super::places::{self, Place};
use super::{
    Bookkeeping, Drift, FORMAT_VERSION, Input, Note, NoteKind, Operation, Plan, Refusal, Reset,
    ResourceChange, Reversible, Swept, Undo,
};
use super::{bridges, changes, in_bond, in_use, protection};
use crate::guard::Cause;
use crate::kernel::{Effect, Request};
use crate::reason::Reason;
use crate::reboot;
use crate::resource::{Attribute, FunctionId, Setting, Subject};
use crate::rules::Stage;

/// An operation before it has a number.
#[derive(Debug, Clone)]
pub(super) struct Step {
    pub stage: Stage,
    pub address: String,
    pub request: Request,
    pub before: Option<Scalar>,
    pub reason: Reason,
    pub impact: Impact,
    pub reversible: Reversible,
    pub effect: Option<Effect>,
    pub undo: Vec<(Request, Option<Effect>)>,
    /// Undone after the first step of this stage of the same subject.
    pub undone_after: Option<Stage>,
    /// The places that others may move into once it is done.
    pub frees: Vec<Place>,
    /// What it brings about beside what its request names, for the record.
    pub writes: Vec<Setting>,
}

impl Step {
    /// A step that costs nothing and undoes nothing, for the caller to fill in.
    pub fn new(stage: Stage, address: &str, request: Request, reason: Reason) -> Self {
        Self {
            stage,
            address: address.to_owned(),
            request,
            before: None,
            reason,
            impact: Impact::None,
            reversible: Reversible::Yes,
            effect: None,
            undo: Vec::new(),
            undone_after: None,
            frees: Vec::new(),
            writes: Vec::new(),
        }
    }

    /// A step that writes one attribute, and is undone by writing what was found, if there was something.
    pub fn set(
        stage: Stage,
        address: &str,
        subject: &Subject,
        setting: Setting,
        found: Option<&Setting>,
        reason: Reason,
    ) -> Self {
        let set = |setting| Request::Set { subject: subject.clone(), setting };
        let mut step = Self::new(stage, address, set(setting), reason);
        step.before = found.map(Setting::value);
        step.undo = found.map(|found| (set(found.clone()), None)).into_iter().collect();
        step
    }

    pub fn sets(&self, attribute: &Attribute) -> bool {
        matches!(&self.request, Request::Set { setting, .. } if setting.attribute() == *attribute)
    }

    /// The index of the VF that it is about.
    fn vf(&self) -> Option<u32> {
        self.request.subject().function_id().and_then(FunctionId::vf_index)
    }

    /// The index of the VF on which it makes a mediated device.
    const fn comes_on_vf(&self) -> Option<u32> {
        match &self.request {
            Request::Create { on_vf, .. } => *on_vf,
            _ => None,
        }
    }

    /// The request with the effect to wait for: what an undo needs of a step.
    pub fn into_request(self) -> (Request, Option<Effect>) {
        (self.request, self.effect)
    }
}

/// A plan in the making.
#[derive(Debug)]
pub(super) struct Draft<'a> {
    pub input: Input<'a>,
    operations: Vec<Operation>,
    /// What each operation frees.
    frees: Vec<Vec<Place>>,
    changes: Vec<ResourceChange>,
    drift: Vec<Drift>,
    notes: Vec<Note>,
    refusals: Vec<Refusal>,
    swept: BTreeMap<String, Swept>,
    /// The last operation that makes or changes each bridge.
    bridges: BTreeMap<String, usize>,
    pub resets: Vec<Reset>,
    pub bookkeeping: Bookkeeping,
    /// What is left to the next plan: a parameter, or the whole of a function.
    pub waiting: BTreeSet<(Subject, Option<Attribute>)>,
    /// The ports of Open vSwitch that no function has.
    pub ports: Ports,
}

/// The steps on one parent, in six parts: what goes, the parent itself, its vDPA devices, its tree of rates, what comes and
/// changes, and what goes when nothing hangs on it any more.
#[derive(Debug, Default)]
pub(super) struct Lane {
    pub removal: Vec<Vec<Step>>,
    /// The VFs that mediated devices leave by that: the driver of such a VF stays until they have.
    pub off_vf: BTreeMap<Subject, u32>,
    pub parent: Vec<Step>,
    pub rate_nodes: Vec<Step>,
    /// Of each vDPA device.
    pub vdpas: Vec<Vec<Step>>,
    pub functions: Vec<Vec<Step>>,
    pub tail: Vec<Step>,
}

impl<'a> Draft<'a> {
    pub fn new(input: Input<'a>) -> Self {
        Self {
            input,
            operations: Vec::new(),
            frees: Vec::new(),
            changes: Vec::new(),
            drift: Vec::new(),
            notes: Vec::new(),
            refusals: Vec::new(),
            swept: BTreeMap::new(),
            bridges: BTreeMap::new(),
            resets: Vec::new(),
            bookkeeping: Bookkeeping::default(),
            waiting: BTreeSet::new(),
            ports: Ports::of(input.state),
        }
    }

    pub fn note(&mut self, kind: NoteKind, about: impl Into<String>, text: impl Into<String>) {
        self.notes.push(Note { kind, about: about.into(), text: text.into() });
    }

    pub fn refuse(&mut self, address: &str, text: impl Into<String>) {
        self.refusals.push(Refusal { address: address.to_owned(), text: text.into() });
    }

    pub fn sweeps(&mut self, address: &str, swept: Swept) {
        self.swept.insert(address.to_owned(), swept);
    }

    pub fn drift_count(&self) -> usize {
        self.drift.len()
    }

    pub fn drifted(&mut self, drift: Drift) {
        self.drift.push(drift);
    }

    pub fn change(&mut self, change: ResourceChange) {
        self.changes.push(change);
    }

    /// Numbers the steps of a bridge; whoever becomes a port of it waits for the last.
    pub fn add_bridge(&mut self, subject: &Subject, steps: Vec<Step>) {
        let last = self.add_chain(&subject.parent, steps, &[]);
        self.bridges.extend(last.map(|id| (subject.parent.device().to_owned(), id)));
    }

    /// Adds the step that deletes a bridge, after its ports have left it.
    pub fn add_bridge_removal(&mut self, lane: &DevlinkHandle, step: Step, ports_left: &[usize]) {
        self.add_chain(lane, vec![step], ports_left);
    }

    /// The operations by which ports leave a bridge, by their functions: each takes another bridge or none, or goes.
    pub fn leaving(&self, bridge: &str, ports: &BTreeMap<&str, Subject>) -> BTreeMap<Subject, usize> {
        let leaves = |operation: &&Operation| {
            let of = operation.request.subject();
            let is_port = ports
                .values()
                .any(|port| *port == of || (operation.request.takes_others() && port.parent == of.parent));
            let goes =
                matches!(operation.request, Request::Delete { .. }) || operation.request.takes_others();
            is_port && (goes || bridges::leaves(&operation.request, bridge))
        };
        let mut found = BTreeMap::new();
        for operation in self.operations.iter().filter(leaves) {
            let of = operation.request.subject();
            for port in ports.values() {
                if *port == of || (operation.request.takes_others() && port.parent == of.parent) {
                    // The first is enough: what else takes it away comes too late.
                    found.entry(port.clone()).or_insert(operation.id);
                }
            }
        }
        // Taken away and made again, it is in the same bridge perhaps.
        let returns = |port: &Subject| {
            self.operations.iter().any(|operation| {
                operation.request.subject() == *port && bridges::joins(&operation.request) == Some(bridge)
            })
        };
        found.retain(|port, _| !returns(port));
        found
    }

    /// Numbers the steps of a lane. Within a subject each step needs the one before it; the parent's steps need all
    /// removals, and the functions' first steps need the parent's last, if it has any; of those that move in the tree of
    /// rates, the tree's last. The tail needs the latter and all removals. A VF's first needs the removal of what it
    /// carried, and what it is to carry needs the VF's last.
    pub fn add_lane(&mut self, handle: &DevlinkHandle, mut lane: Lane) {
        // SFs go last, so that an undo makes them first: a mediated device takes a free number, and it must not be one
        // that an SF has.
        let is_sf = |chain: &Vec<Step>| {
            chain
                .first()
                .is_some_and(|step| !step.request.subject().function_id().is_some_and(FunctionId::is_mdev))
        };
        lane.removal.sort_by_key(is_sf);
        let mut removed = Vec::new();
        // By the index of a VF: who left it, and how far it has come itself.
        let mut on_vf: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
        for chain in lane.removal {
            let left = chain.first().and_then(|step| lane.off_vf.get(&step.request.subject())).copied();
            let last = self.add_chain(handle, chain, &[]);
            if let Some(index) = left {
                on_vf.entry(index).or_default().extend(last);
            }
            removed.extend(last);
        }
        let parent_done = self.add_chain(handle, lane.parent, &removed);
        // Removals come first by their numbers; a function that needs the place of one waits for it (`places`).
        let first_needs: Vec<usize> = parent_done.into_iter().collect();
        for chain in lane.vdpas {
            self.add_chain(handle, chain, &first_needs);
        }
        let tree_done = self.add_chain(handle, lane.rate_nodes, &first_needs);
        let tree_needs = tree_done.map_or_else(|| first_needs.clone(), |id| vec![id]);
        // What goes was below a node perhaps.
        let mut tail_needs = [tree_needs.clone(), removed].concat();
        for chain in lane.functions {
            let moves = chain.iter().any(|step| step.sets(&Attribute::RateParent));
            let mut needs = if moves { tree_needs.clone() } else { first_needs.clone() };
            let index = chain.first().and_then(Step::vf);
            let comes_on = chain.iter().find_map(Step::comes_on_vf);
            needs.extend(index.or(comes_on).and_then(|index| on_vf.get(&index)).into_iter().flatten());
            let last = self.add_chain(handle, chain, &needs);
            if let (Some(index), Some(last)) = (index, last) {
                on_vf.insert(index, vec![last]);
            }
            tail_needs.extend(last.filter(|_| moves));
        }
        self.add_chain(handle, lane.tail, &tail_needs);
    }

    /// Adds steps that follow one another; returns the number of the last.
    fn add_chain(&mut self, lane: &DevlinkHandle, mut steps: Vec<Step>, needs: &[usize]) -> Option<usize> {
        steps.sort_by_key(|step| step.stage);
        let mut after = needs.to_vec();
        let mut stages: Vec<(Stage, Subject, usize)> = Vec::new();
        let mut last = None;
        for step in steps {
            let id = self.operations.len() + 1;
            let subject = step.request.subject();
            let after_undo_of = step.undone_after.and_then(|stage| {
                let found = stages.iter().find(|(known, of, _)| *known == stage && *of == subject);
                found.map(|(_, _, id)| *id)
            });
            stages.push((step.stage, subject, id));
            if let Some(bridge) = bridges::joins(&step.request) {
                after.extend(self.bridges.get(bridge));
            }
            self.frees.push(step.frees);
            self.operations.push(Operation {
                id,
                lane: lane.clone(),
                cause: Cause::of(&step.request, step.impact),
                address: step.address,
                request: step.request,
                before: step.before,
                reason: step.reason,
                impact: step.impact,
                reversible: step.reversible,
                after: std::mem::replace(&mut after, vec![id]),
                effect: step.effect,
                writes: step.writes,
                undo: Undo { requests: step.undo, after_undo_of },
            });
            last = Some(id);
        }
        last
    }

    /// Tells of devices that are simulated by a profile that nobody has compared with the hardware.
    fn tell_of_profiles(&mut self) {
        let named = self.input.desired.parents.iter().map(|parent| (&parent.subject.parent, &parent.address));
        let named: BTreeMap<&DevlinkHandle, &String> = named.collect();
        let changed: BTreeSet<&DevlinkHandle> =
            self.operations.iter().map(|operation| &operation.lane).collect();
        let parents = self.input.state.parents.iter();
        let notes = parents.filter_map(|(handle, parent)| {
            let profile = parent.volatile.0.profile.as_ref()?;
            let address = named.get(handle).map_or_else(|| handle.to_string(), ToString::to_string);
            let is_meant = named.contains_key(handle) || changed.contains(handle);
            let text = format!("simulated from {profile}, unverified on hardware");
            is_meant.then_some(Note { kind: NoteKind::Unverified, about: address, text })
        });
        let notes: Vec<Note> = notes.collect();
        self.notes.extend(notes);
    }

    /// What is sent so far, in order.
    pub fn requests(&self) -> impl Iterator<Item = &Request> {
        self.operations.iter().map(|operation| &operation.request)
    }

    pub fn finish(mut self) -> Plan {
        self.tell_of_profiles();
        places::settle(&mut self.operations, &self.frees, self.input.state, &mut self.refusals);
        let operations = std::mem::take(&mut self.operations);
        ovs::refuse_without_daemon(&mut self, &operations);
        protection::settle(&mut self, &operations);
        self.operations = operations;
        let impact = self.operations.iter().map(|operation| operation.impact).max().unwrap_or_default();
        self.changes.sort_by(|a, b| place(a).cmp(&place(b)));
        changes::attach(&mut self.changes, &self.operations);
        let mut in_use = in_use::disturbed(&self.operations, &self.changes, self.input);
        in_use.extend(in_use::wire(&self.operations, self.input.state));
        let bonds = in_bond::disturbed(&self.operations, self.input.state);
        self.refusals.extend(in_bond::refusals(&bonds, &self.operations));
        self.notes.sort_by(|a, b| (a.kind, &a.about).cmp(&(b.kind, &b.about)));
        Plan {
            format_version: FORMAT_VERSION,
            kernel_release: self.input.state.volatile.0.kernel_release.clone(),
            last_apply: self.input.record.last.0.clone(),
            resource_changes: self.changes,
            drift: self.drift,
            resets: self.resets,
            operations: self.operations,
            swept: self.swept,
            in_use,
            bonds,
            notes: self.notes,
            refusals: self.refusals,
            waits_for_reboot: reboot::waiting(self.input.record, self.input.state),
            unread: self.input.state.unread.clone(),
            left_out: Vec::new(),
            impact,
            waiting: self.waiting,
            bookkeeping: self.bookkeeping,
        }
    }
}

/// Where a change stands among the others: what is a device's own comes before its functions.
fn place(change: &ResourceChange) -> (&DevlinkHandle, bool, &str, &Subject) {
    let subject = &change.subject;
    (&subject.parent, subject.function_id().is_some(), &change.address, subject)
}
