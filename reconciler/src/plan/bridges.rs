//! Linux bridges of the host: made before their first port comes, deleted after the last one has gone. Ports of Open
//! vSwitch are `ovs`'s.

use std::collections::{BTreeMap, BTreeSet};

use subdevcfg_compiler::catalogue::Impact;
use subdevcfg_compiler::values::{BridgeKind, DevlinkHandle};

use super::function::{Context, Now, Target};
use super::lane::{Draft, Step};
use super::parent::Planner;
use super::places::Place;
use super::removal::found_before;
use super::{Input, NoteKind, bookkeeping, changes, ovs};
use crate::desired::DesiredBridge;
use crate::kernel::Request;
use crate::reason::Reason;
use crate::resource::{Attribute, BridgeName, PortVlans, Setting, Settings, Side, Subject, Vlans};
use crate::rules::{self, Stage};
use crate::state::{Bridge, Function, State};

/// The bridges that the file names: made, changed, and told of.
pub(super) fn plan(draft: &mut Draft<'_>) {
    let desired = draft.input.desired;
    for bridge in &desired.bridges {
        if bridge.kind == BridgeKind::Ovs {
            ovs::tell(draft, bridge);
            continue;
        }
        let steps = steps(draft, bridge);
        note(draft, bridge);
        draft.add_bridge(&bridge.subject, steps);
    }
}

fn steps(draft: &mut Draft<'_>, desired: &DesiredBridge) -> Vec<Step> {
    let origin = draft.input.state.bridge(desired.name.as_str());
    let wanted = &desired.wanted;
    let mut steps = Vec::new();
    if origin.is_none() {
        let name = desired.name.to_string();
        let make = Request::MakeBridge { name: name.clone() };
        let mut step = Step::new(Stage::Bridge, &desired.address, make, wanted.reason.clone());
        step.undo = vec![(Request::DeleteBridge { name }, None)];
        steps.push(step);
    }
    let found = origin.map(Bridge::settings);
    let now = found.clone().unwrap_or_else(|| Bridge::default().settings());
    for setting in wanted.settings.iter().filter(|setting| !now.has(setting)) {
        let reason = wanted.why(&setting.attribute()).clone();
        steps.push(set(&desired.subject, &desired.address, setting.clone(), found.as_ref(), reason));
    }
    let reason = wanted.reason.clone();
    let change =
        changes::between(&desired.subject, &desired.address, found.as_ref(), Some(&wanted.settings), reason);
    draft.change(change);
    steps
}

/// A step that writes an attribute of a bridge; all on it feel it.
fn set(subject: &Subject, address: &str, setting: Setting, found: Option<&Settings>, reason: Reason) -> Step {
    let rule = rules::for_attribute(subject, &setting.attribute(), None);
    let before = found.and_then(|found| found.get(&setting.attribute()));
    let mut step = Step::set(rule.stage, address, subject, setting, before, reason);
    step.impact = if found.is_some() { rule.impact } else { Impact::None };
    step
}

/// What the record knows beside the kernel.
fn note(draft: &mut Draft<'_>, desired: &DesiredBridge) {
    let Input { state, record, .. } = draft.input;
    let (subject, address) = (&desired.subject, &desired.address);
    let found = state.bridge(desired.name.as_str()).map(Bridge::settings);
    bookkeeping::note_presence(draft, subject, address, true, false);
    for (attribute, written) in record.written_of(subject) {
        let Some(wanted) = desired.wanted.settings.get(attribute) else {
            let text = format!("{attribute} is not in the file any more: its value stays");
            draft.note(NoteKind::Released, format!("{address}.{}", subject.attribute_path(attribute)), text);
            draft.bookkeeping.release.push((subject.clone(), attribute.clone()));
            continue;
        };
        let Some(found) = &found else { continue };
        bookkeeping::note_drift(draft, written, wanted, found, false);
    }
}

/// Bridges that the file does not name any more: those that subdevcfg made go when its own ports have gone.
pub(super) fn that_go(draft: &mut Draft<'_>) {
    let Input { desired, state, record } = draft.input;
    let named: BTreeSet<&Subject> = desired.bridges.iter().map(|bridge| &bridge.subject).collect();
    let recorded = record.made.keys().chain(record.adopted.keys());
    let gone: Vec<Subject> = recorded
        .filter(|subject| subject.bridge_name().is_some() && !named.contains(subject))
        .cloned()
        .collect();
    let reason = Reason::forced("subdevcfg made it, and the file does not name it any more");
    for subject in gone {
        let is_there = state.has(&subject);
        match record.made.get(&subject) {
            _ if !is_there => draft.bookkeeping.forget.push(subject.clone()),
            Some(address) if has_released_ports(draft, &subject) => {
                let text =
                    "a port of it is of a device that is not in the file any more: both stay as they are";
                draft.note(NoteKind::Released, address.clone(), text);
            }
            Some(address) => delete(draft, &subject, address, &reason),
            None => {
                let about = record.address(&subject).unwrap_or_default().to_owned();
                let text = "it is not in the file any more, and subdevcfg did not make it: it stays as it is";
                draft.note(NoteKind::Released, about, text);
                draft.bookkeeping.let_go.push(subject.clone());
            }
        }
    }
}

/// Whether a function of a device that the file does not name is a port of a bridge, and stays one.
fn has_released_ports(draft: &Draft<'_>, subject: &Subject) -> bool {
    let Input { desired, state, .. } = draft.input;
    let is_named = |port: &Subject| desired.parents.iter().any(|parent| parent.subject.parent == port.parent);
    let name = subject.bridge_name().unwrap_or_default();
    let ports = our_ports(state, name);
    let leaving = draft.leaving(name, &ports);
    ports.values().any(|port| !is_named(port) && !leaving.contains_key(port))
}

/// Takes away the bridges that subdevcfg made, and puts back what it wrote of others.
pub(super) fn destroy(draft: &mut Draft<'_>, in_scope: &dyn Fn(&Subject) -> bool) {
    let Input { state, record, .. } = draft.input;
    for subject in record.known() {
        if subject.bridge_name().is_none() || !in_scope(subject) {
            continue;
        }
        let Some(found) = state.settings(subject) else {
            draft.bookkeeping.forget.push(subject.clone());
            continue;
        };
        if let Some(address) = record.made.get(subject) {
            delete(draft, subject, address, &Reason::forced("subdevcfg made it"));
            continue;
        }
        let address = record.address_or_kind(subject);
        let reason = Reason::forced("the value that subdevcfg found");
        let mut target = found.clone();
        let mut steps = Vec::new();
        for before in found_before(draft, subject) {
            target.set(before.clone());
            steps.push(set(subject, &address, before, Some(&found), reason.clone()));
        }
        draft.change(changes::between(subject, &address, Some(&found), Some(&target), reason));
        draft.add_bridge(subject, steps);
    }
}

fn delete(draft: &mut Draft<'_>, subject: &Subject, address: &str, reason: &Reason) {
    let state = draft.input.state;
    let (Some(name), Some(found)) = (subject.bridge_name(), state.settings(subject)) else { return };
    let ours = our_ports(state, name);
    let leaving = draft.leaving(name, &ours);
    let foreign = state.bridge(name).into_iter().flat_map(|bridge| &bridge.volatile.0.ports);
    for port in foreign.filter(|port| !ours.contains_key(port.as_str())) {
        draft.refuse(address, format!("{port} is a port of it and not subdevcfg's: take it out by hand"));
    }
    for (port, subject) in ours.iter().filter(|(_, subject)| !leaving.contains_key(*subject)) {
        draft
            .refuse(address, format!("{port} is a port of it and stays one, of {subject}: put it elsewhere"));
    }
    let request = Request::DeleteBridge { name: name.to_owned() };
    let mut step = Step::new(Stage::Bridge, address, request, reason.clone());
    step.frees = vec![Place::Name(name.to_owned())];
    let fresh = Bridge::default().settings();
    let make = (Request::MakeBridge { name: name.to_owned() }, None);
    let settings = found.iter().filter(|setting| !fresh.has(setting)).cloned();
    let set = settings.map(|setting| (Request::Set { subject: subject.clone(), setting }, None));
    step.undo = std::iter::once(make).chain(set).collect();
    draft.change(changes::between(subject, address, Some(&found), None, reason.clone()));
    let after: Vec<usize> = leaving.into_values().collect();
    draft.add_bridge_removal(&subject.parent, step, &after);
}

/// The functions whose representors are ports of a bridge, by the names of these.
fn our_ports<'s>(state: &'s State, bridge: &str) -> BTreeMap<&'s str, Subject> {
    let functions = state
        .parents
        .iter()
        .flat_map(|(handle, parent)| parent.functions.iter().map(move |function| (handle, function)));
    let ports = functions.filter_map(|(handle, function): (&DevlinkHandle, _)| {
        let interface = function.interface(Side::Representor)?;
        interface.port.as_ref().filter(|port| !port.is_ovs() && port.bridge.as_str() == bridge)?;
        Some((interface.volatile.0.name.as_str(), Subject::function(handle.clone(), function.id.clone())))
    });
    ports.collect()
}

/// Whether a bridge is subdevcfg's: then a port of it is not in use by others.
pub(super) fn is_ours(input: &Input<'_>, name: &str) -> bool {
    let subject = Subject::bridge(name);
    input.record.address(&subject).is_some()
        || input.desired.bridges.iter().any(|bridge| bridge.subject == subject)
}

/// The Linux bridge that a request makes something a port of.
pub(super) fn joins(request: &Request) -> Option<&str> {
    match request {
        Request::Set { setting: Setting::Bridge(Some(bridge)), .. } => Some(bridge.name().as_str()),
        _ => None,
    }
}

/// Whether a request takes a representor out of the bridge that it is a port of.
pub(super) const fn takes_port(request: &Request) -> bool {
    matches!(
        request,
        Request::AddPort { .. }
            | Request::RemovePort { .. }
            | Request::Set { setting: Setting::Bridge(_), .. }
    )
}

/// Whether a request takes a port out of this bridge: into another one, or into none.
pub(super) fn leaves(request: &Request, bridge: &str) -> bool {
    matches!(request, Request::Set { setting: Setting::Bridge(_), .. }) && joins(request) != Some(bridge)
}

fn fresh_vlans() -> Setting {
    Setting::Vlans(PortVlans::Linux(Vlans::of_new_port()))
}

/// The VLANs that have to be written: a port that comes to another bridge begins with those that the bridge gives.
pub(super) fn vlans_to_write<'t>(target: &'t Target, now: &Now, moves: bool) -> Option<&'t Setting> {
    let Some(Setting::Bridge(Some(_))) = target.settings.get(&Attribute::Bridge) else { return None };
    let fresh = fresh_vlans();
    let differs = |vlans: &Setting| if moves { *vlans != fresh } else { !now.settings.has(vlans) };
    target.settings.get(&Attribute::Vlans).filter(|vlans| differs(vlans))
}

impl Context<'_> {
    /// A move is undone with the VLANs that the port had, and those of the other bridge go with it.
    pub(super) fn undo_of_move(&self, step: &mut Step) {
        let Request::Set { setting, .. } = &step.request else { return };
        if matches!(setting, Setting::Vlans(_)) {
            step.undo.clear();
            return;
        }
        let found = self.origin.map(Function::settings).unwrap_or_default();
        let fresh = fresh_vlans();
        let is_linux = |vlans: &&Setting| matches!(vlans, Setting::Vlans(PortVlans::Linux(_)));
        let vlans = found.get(&Attribute::Vlans).filter(is_linux).filter(|vlans| **vlans != fresh).cloned();
        let subject = step.request.subject();
        step.undo.extend(vlans.map(|setting| (Request::Set { subject, setting }, None)));
    }
}

impl Planner<'_, '_> {
    /// A port of a bridge that goes leaves it; one that goes elsewhere leaves its VLANs.
    pub(super) fn leave_bridge(&self, target: &mut Settings, wanted: &Settings) {
        let Some(Setting::Bridge(Some(BridgeName::Linux(bridge)))) = target.get(&Attribute::Bridge).cloned()
        else {
            return;
        };
        let input = &self.draft.input;
        let subject = Subject::bridge(bridge.as_str());
        let is_named = input.desired.bridges.iter().any(|bridge| bridge.subject == subject);
        let goes = !is_named && self.recorded_child(&subject).is_some();
        if goes && wanted.get(&Attribute::Bridge).is_none() {
            target.set(Setting::Bridge(None));
        }
    }
}
