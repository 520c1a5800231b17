//! Going back: the plan that brings a host back to how an apply found it. It is a plan as any other, with the same rules
//! of order and the same guards; what is desired comes from the state of before in place of a file.

use std::collections::{BTreeMap, BTreeSet};

use subdevcfg_compiler::model::MdevType;
use subdevcfg_compiler::values::{BridgeKind, DevlinkHandle};

use super::removal::catalogue;
use super::tree;
use super::{Input, NoteKind, Plan, bookkeeping, bridges, lane, mdev, parent, removal};
use crate::desired::{
    Desired, DesiredBridge, DesiredFunction, DesiredParent, DesiredRateNode, DesiredVdpa, LeftToOthers,
    Wanted,
};
use crate::history::Past;
use crate::reason::Reason;
use crate::record::Record;
use crate::resource::{Attribute, Setting, Settings, Subject};
use crate::state::{Bridge, Function, Parent, State, Unreadable, Vdpa};

/// Works out the plan that undoes a past apply. Of `input.desired`, only what is known of drivers counts.
///
/// What the apply did not touch stays as it is now; where nobody knows what it did, for it was killed, everything that
/// differs from before goes back.
#[must_use]
pub fn undo(past: &Past, input: Input<'_>) -> Plan {
    let known = input.record;
    let record = record_to_undo_with(past, known);
    let input = Input { record: &record, ..input };
    let after = past.end.as_ref().and_then(|end| end.after.as_ref()).unwrap_or(input.state);
    let way = Way { past, after, input };
    let mut desired = Desired { catalogues: input.desired.catalogues.clone(), ..Desired::default() };
    desired.parents = way.parents();
    desired.bridges = way.bridges();
    let mut draft = lane::Draft::new(Input { desired: &desired, ..input });
    bookkeeping::tell_of_interruption(&mut draft);
    bridges::plan(&mut draft);
    for desired in &desired.parents {
        parent::plan(&mut draft, desired);
    }
    for handle in way.parents_made_since() {
        let lane = removal::destroy_parent(&mut draft, &handle, &|_| true);
        draft.add_lane(&handle, lane);
    }
    bridges::that_go(&mut draft);
    let mut plan = draft.finish();
    // Against the file they would mean something; here they say only that an undo is not an apply.
    plan.notes.retain(|note| !matches!(note.kind, NoteKind::Adopted | NoteKind::Released));
    plan.drift.clear();
    plan.resets.clear();
    let becomes = past.record.joined(known, |subject| is_withheld(input.state, subject));
    let mut taken = plan.bookkeeping.taken;
    // Should it be killed, what is known of an earlier run counts before what that has left.
    taken.retain(|(subject, _)| !known.taken.contains_key(subject));
    plan.bookkeeping = super::Bookkeeping { becomes: Some(becomes), taken, ..Default::default() };
    plan
}

/// What the apply protected is protected from everything but its own undo. What runs took along comes back as it was before
/// the apply: what was missing then is missing again, and known to be.
fn record_to_undo_with(past: &Past, record: &Record) -> Record {
    let mut record = Record { taken: BTreeMap::new(), ..record.clone() };
    record.protected.retain(|subject, _| past.record.protected.contains_key(subject));
    record
}

/// Whether nothing is planned for it, as it cannot be read: what the apply did to it stays, and is recorded.
fn is_withheld(state: &State, subject: &Subject) -> bool {
    let of = if subject.vdpa_name().is_some() { Some(Unreadable::Vdpa) } else { None };
    let whole = Unreadable::Parent(subject.parent.clone());
    of.iter().chain([&whole]).any(|what| state.unread(what).is_some())
}

/// The way from now to before.
struct Way<'a> {
    past: &'a Past,
    after: &'a State,
    input: Input<'a>,
}

impl Way<'_> {
    fn parents(&self) -> Vec<DesiredParent> {
        let before = self.past.before.parents.iter();
        before.filter_map(|(handle, before)| self.parent(handle, before)).collect()
    }

    /// All that were there: those that subdevcfg has made since go.
    fn bridges(&self) -> Vec<DesiredBridge> {
        let before = self.past.before.bridges.iter();
        let bridges = before.map(|(name, before)| {
            let subject = Subject::bridge(name.as_str());
            let after = self.after.bridge(name.as_str()).map(Bridge::settings);
            DesiredBridge {
                address: self.address(&subject),
                name: name.clone(),
                kind: BridgeKind::Linux,
                wanted: self.wanted(changed(&before.settings(), after.as_ref())),
                subject,
            }
        });
        // Of one that somebody else has deleted since nobody asks.
        let is_ours_or_there = |bridge: &DesiredBridge| {
            self.past.record.address(&bridge.subject).is_some()
                || self.input.state.bridge(bridge.name.as_str()).is_some()
        };
        bridges.filter(is_ours_or_there).collect()
    }

    fn parents_made_since(&self) -> Vec<DevlinkHandle> {
        let is_new = |handle: &&DevlinkHandle| {
            let subject = Subject::parent((*handle).clone());
            let before = &self.past.before.parents;
            !before.contains_key(*handle) && self.input.record.made.contains_key(&subject)
        };
        self.input.state.parents.keys().filter(is_new).cloned().collect()
    }

    /// `None` when the apply left the parent and all on it alone.
    fn parent(&self, handle: &DevlinkHandle, before: &Parent) -> Option<DesiredParent> {
        let after = self.after.parents.get(handle);
        if after == Some(before) {
            return None;
        }
        let subject = Subject::parent(handle.clone());
        let address = self.address(&subject);
        // Made by other words it is another parent, with nothing of what this one had.
        let same = after.filter(|after| before.soft.is_none() || after.soft == before.soft);
        let mut wanted = changed(&before.settings(), same.map(Parent::settings).as_ref());
        wanted.extend(self.vfs_that_stay(handle, before));
        Some(DesiredParent {
            catalogue: catalogue(&self.input, handle),
            create: before.soft.clone(),
            rate_nodes: self.rate_nodes(handle, before),
            vdpas: self.vdpas(handle, before),
            functions: self.functions(handle, before),
            ..DesiredParent::with(subject, address, self.wanted(wanted))
        })
    }

    /// The number of VFs, if it is as it was: a reload on the way back takes them and brings them back, whoever made them.
    fn vfs_that_stay(&self, handle: &DevlinkHandle, before: &Parent) -> Option<Setting> {
        let now = self.input.state.parents.get(handle)?.settings();
        before.settings().get(&Attribute::Vfs).filter(|vfs| now.has(vfs)).cloned()
    }

    fn functions(&self, handle: &DevlinkHandle, before: &Parent) -> Vec<DesiredFunction> {
        let after = self.after.parents.get(handle);
        let there: BTreeSet<_> = before.functions.iter().map(|function| &function.id).collect();
        let since = self.input.state.parents.get(handle).into_iter().flat_map(|parent| &parent.functions);
        let since = since.filter(|function| !there.contains(&function.id));
        let made = |function: &&Function| {
            let subject = Subject::function(handle.clone(), function.id.clone());
            self.input.record.made.contains_key(&subject)
        };
        let gone = since.filter(made).map(|function| self.function(handle, function, None, true));
        let kept = before.functions.iter().map(|function| {
            let after = after.and_then(|parent| parent.function(&function.id));
            self.function(handle, function, after, false)
        });
        kept.chain(gone).collect()
    }

    fn function(
        &self,
        handle: &DevlinkHandle,
        function: &Function,
        after: Option<&Function>,
        absent: bool,
    ) -> DesiredFunction {
        let subject = Subject::function(handle.clone(), function.id.clone());
        // Of another type or on another VF it is made again, with all that it had.
        let is_same =
            |after: &&Function| (&after.mdev_type, after.on_vf) == (&function.mdev_type, function.on_vf);
        let same = after.filter(is_same);
        let settings = with_the_unseen(&self.past.record, &subject, function);
        let settings_after = same.map(|after| with_the_unseen(self.input.record, &subject, after));
        // A name that the kernel had chosen is not among them: by now it may give it to what is made again.
        let mut wanted = changed(&settings, settings_after.as_ref());
        // On another bridge a port begins with other VLANs, unless they are said.
        if wanted.get(&Attribute::Bridge).is_some() {
            wanted.extend(settings.get(&Attribute::Vlans).cloned());
        }
        // Nor the place that the driver had chosen in the tree of rates.
        tree::leave_drivers_leaf(&mut wanted, &function.id, catalogue(&self.input, handle).as_deref());
        DesiredFunction {
            address: self.address(&subject),
            id: function.id.clone(),
            external: function.id.is_made_elsewhere(),
            mdev_type: function.mdev_type.clone().map(MdevType::Directory),
            on_vf: function.on_vf,
            absent,
            active: function.active,
            bound: Some(self.bound(&subject, function, after)),
            protect: self.past.record.protected.contains_key(&subject),
            left: LeftToOthers::default(),
            wanted: self.wanted(wanted),
            subject,
        }
    }

    /// Whether a driver was bound to a VF, where the apply changed that; where it did not, it is as it is by now.
    fn bound(&self, subject: &Subject, before: &Function, after: Option<&Function>) -> bool {
        let untouched = after.is_some_and(|after| after.active == before.active);
        let now = self.input.state.function(subject).filter(|_| untouched);
        now.unwrap_or(before).active
    }

    fn rate_nodes(&self, handle: &DevlinkHandle, before: &Parent) -> Vec<DesiredRateNode> {
        let after = self.after.parents.get(handle);
        let catalogue = catalogue(&self.input, handle);
        let by_driver = |name: &str| catalogue.as_ref().is_some_and(|known| known.makes_rate_node(name));
        let nodes = before.rate_nodes.iter().filter(|(name, _)| !by_driver(name)).map(|(name, rates)| {
            let subject = Subject::rate_node(handle.clone(), name.clone());
            let after = after.and_then(|parent| parent.rate_nodes.get(name));
            DesiredRateNode {
                address: self.address(&subject),
                name: name.clone(),
                wanted: self
                    .wanted(changed(&rates.settings(), after.map(crate::state::Rates::settings).as_ref())),
                subject,
            }
        });
        nodes.collect()
    }

    fn vdpas(&self, handle: &DevlinkHandle, before: &Parent) -> Vec<DesiredVdpa> {
        let after = self.after.parents.get(handle);
        let vdpas = before.vdpa.iter().map(|(name, vdpa)| {
            let subject = Subject::vdpa(handle.clone(), name.clone());
            let after = after.and_then(|parent| parent.vdpa.get(name)).map(Vdpa::settings);
            DesiredVdpa {
                address: self.address(&subject),
                name: name.clone(),
                wanted: self.wanted(changed(&vdpa.settings(), after.as_ref())),
                subject,
            }
        });
        vdpas.collect()
    }

    fn wanted(&self, settings: Settings) -> Wanted {
        let reason = format!("as it was before {} {}", self.past.command, self.past.number);
        Wanted::all(settings, Reason::forced(reason))
    }

    fn address(&self, subject: &Subject) -> String {
        let records = [self.input.record, &self.past.record];
        let known = records.into_iter().find_map(|record| record.address(subject));
        known.map_or_else(|| subject.to_string(), str::to_owned)
    }
}

/// A function's attributes, with those that were written and nobody can read.
fn with_the_unseen(record: &Record, subject: &Subject, function: &Function) -> Settings {
    let mut settings = function.settings();
    settings.extend(mdev::taken_for_granted(record, subject, function, &Settings::new()));
    settings
}

/// What is to be written so that it is as before: all of it where the subject is gone.
fn changed(before: &Settings, after: Option<&Settings>) -> Settings {
    match after {
        None => before.clone(),
        Some(after) => before.iter().filter(|setting| !after.has(setting)).cloned().collect(),
    }
}
