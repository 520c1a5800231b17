//! Taking away: `destroy`, and how what is taken away is made again.

use std::collections::BTreeSet;
use std::sync::Arc;

use subdevcfg_compiler::catalogue::{Catalogue, Impact, ParamOwner};
use subdevcfg_compiler::values::{DevlinkHandle, EncapMode, EswitchMode, InlineMode};

use super::function::{self, Context};
use super::lane::{Draft, Lane, Step};
use super::{Input, NoteKind, Reversible, bridges, changes, mdev, places, rates};
use crate::kernel::{Effect, Request};
use crate::reason::Reason;
use crate::resource::{Setting, Settings, Subject};
use crate::rules::{self, Needs, Stage};
use crate::state::{Eswitch, Function, Parent, Unreadable, Uplink, params_of};

/// How far `destroy` goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// All that the record holds.
    Everything,
    /// Of the record, what the host file names.
    Named,
}

/// Plans the removal of what subdevcfg made, and the return of the values that it found.
pub(super) fn destroy(draft: &mut Draft<'_>, scope: Scope) {
    let input = draft.input;
    let named: BTreeSet<&Subject> = input
        .desired
        .parents
        .iter()
        .flat_map(|parent| {
            let functions = parent.functions.iter().map(|function| &function.subject);
            let nodes = parent.rate_nodes.iter().map(|node| &node.subject);
            let vdpas = parent.vdpas.iter().map(|vdpa| &vdpa.subject);
            std::iter::once(&parent.subject).chain(functions).chain(nodes).chain(vdpas)
        })
        .chain(input.desired.bridges.iter().map(|bridge| &bridge.subject))
        .collect();
    let in_scope = |subject: &Subject| scope == Scope::Everything || named.contains(subject);
    let known = input.record.known().into_iter();
    let on_devices = known.filter(|subject| subject.bridge_name().is_none() && in_scope(subject));
    let parents: BTreeSet<DevlinkHandle> = on_devices.map(|subject| subject.parent.clone()).collect();
    for handle in parents {
        let lane = destroy_parent(draft, &handle, &in_scope);
        draft.add_lane(&handle, lane);
    }
    bridges::destroy(draft, &in_scope);
}

pub(super) fn destroy_parent(
    draft: &mut Draft<'_>,
    handle: &DevlinkHandle,
    in_scope: &dyn Fn(&Subject) -> bool,
) -> Lane {
    let input = draft.input;
    let mut lane = Lane::default();
    let subject = Subject::parent(handle.clone());
    if input.state.unread(&Unreadable::Parent(handle.clone())).is_some() {
        draft.note(NoteKind::Withheld, handle.to_string(), "left as it is: it could not be read");
        return lane;
    }
    if super::vdpa::are_unread(input, handle) {
        let text = "left as it is: its vDPA devices could not be read";
        draft.note(NoteKind::Withheld, handle.to_string(), text);
        return lane;
    }
    let Some(parent) = input.state.parents.get(handle) else {
        draft.bookkeeping.forget.push(subject);
        return lane;
    };
    let catalogue = catalogue(&input, handle);
    let catalogue = catalogue.as_deref();
    let reason = Reason::forced("subdevcfg made it");
    let is_made = |id: &crate::resource::FunctionId| {
        input.record.made.get(&Subject::function(handle.clone(), id.clone()))
    };
    if let Some(address) = input.record.made.get(&subject).filter(|_| in_scope(&subject)) {
        for function in &parent.functions {
            let of_function = Subject::function(handle.clone(), function.id.clone());
            let granted = Settings::new();
            let known = input.record.address_or_kind(&of_function);
            let context = as_found(&input, handle, function, catalogue, &known, &reason, &granted);
            lane.removal.extend(context.comes_off(&reason).map(|step| vec![step]));
            match is_made(&function.id) {
                Some(_) if !in_scope(&of_function) => {
                    draft.refuse(address, format!("{of_function} is on it, and the file does not name it"));
                }
                Some(address) => draft.change(changes::between(
                    &of_function,
                    address,
                    Some(&function.settings()),
                    None,
                    Reason::forced("it goes with its parent"),
                )),
                None => draft.refuse(address, format!("{of_function} is on it and is not subdevcfg's")),
            }
        }
        for (name, rates) in &parent.rate_nodes {
            let node = Subject::rate_node(handle.clone(), name.clone());
            match input.record.made.get(&node) {
                Some(_) if !in_scope(&node) => {
                    draft.refuse(address, format!("{node} is on it, and the file does not name it"));
                }
                Some(of_node) => {
                    let reason = Reason::forced("it goes with its parent");
                    draft.change(changes::between(&node, of_node, Some(&rates.settings()), None, reason));
                }
                None => draft.refuse(address, format!("{node} is on it and is not subdevcfg's")),
            }
        }
        let mut step = Step::new(
            Stage::RemoveParent,
            address,
            Request::DelParent { handle: handle.clone() },
            reason.clone(),
        );
        step.effect = Some(Effect::Gone);
        step.reversible = Reversible::ConfigurationOnly;
        let used = parent.functions.iter().any(|function| function.active) || parent.volatile.0.uplink_up;
        step.impact = if used { rules::PARENT } else { Impact::None };
        step.undo = restore_parent(&input, &subject, catalogue);
        step.frees = parent.functions.iter().flat_map(|it| places::of_function(handle, it)).collect();
        lane.parent.push(step);
        draft.change(changes::between(&subject, address, Some(&parent.settings()), None, reason));
        return lane;
    }
    let of_parent = input.record.known().into_iter().filter(|known| known.parent == *handle);
    let gone = of_parent.filter(|known| in_scope(known) && !input.state.has(known));
    draft.bookkeeping.forget.extend(gone.cloned());
    super::put_back::destroy(draft, handle, catalogue, in_scope)
}

/// The values found of a subject that is not subdevcfg's, of those that still are what it wrote. All of them are let go
/// of: the next apply finds what is there then.
pub(super) fn found_before(draft: &mut Draft<'_>, subject: &Subject) -> Vec<Setting> {
    let input = draft.input;
    draft.bookkeeping.let_go.push(subject.clone());
    let Some(observed) = input.state.settings(subject) else { return Vec::new() };
    let written = input.record.written_of(subject);
    let still_ours = written.filter(|(_, written)| observed.has(&written.applied));
    // One that was changed to and fro is back already.
    still_ours
        .filter_map(|(_, written)| written.before.clone())
        .filter(|before| !observed.has(before))
        .collect()
}

/// The catalogue of a parent's driver: the one that the host file tells, else by the driver's name.
pub(super) fn catalogue(input: &Input<'_>, handle: &DevlinkHandle) -> Option<Arc<Catalogue>> {
    let named = input.desired.parents.iter().find(|parent| parent.subject.parent == *handle);
    named.and_then(|parent| parent.catalogue.clone()).or_else(|| {
        let driver = input.state.parents.get(handle)?.driver.as_deref();
        Catalogue::of_device(&input.desired.catalogues, driver, handle.bus())
    })
}

/// What is known of a function that goes, or goes back to what was found.
pub(super) fn as_found<'a>(
    input: &Input<'a>,
    handle: &'a DevlinkHandle,
    function: &'a Function,
    catalogue: Option<&'a Catalogue>,
    address: &'a str,
    reason: &'a Reason,
    granted: &'a Settings,
) -> Context<'a> {
    Context {
        parent: handle,
        id: &function.id,
        address,
        catalogue,
        kernel_release: &input.state.volatile.0.kernel_release,
        has_state: function.on_vf.is_none()
            && !input.state.parents.get(handle).is_some_and(|parent| parent.without_devlink),
        origin: Some(function),
        granted,
        ports: None,
        made_again: false,
        pending: false,
        why: &|_| Reason { text: None, source: None },
        reason,
    }
}

/// The requests that make a function again as it was found, once `left` is left of it.
pub(super) fn restore_function(
    input: &Input<'_>,
    handle: &DevlinkHandle,
    function: &Function,
    left: Option<&Function>,
    catalogue: Option<&Catalogue>,
) -> Vec<(Request, Option<Effect>)> {
    let reason = Reason::default();
    let subject = Subject::function(handle.clone(), function.id.clone());
    let granted = mdev::taken_for_granted(input.record, &subject, function, &Settings::new());
    let context = as_found(input, handle, function, catalogue, "", &reason, &granted);
    function::restore_requests(&context, left).collect()
}

/// A soft parent that was just made: the zero values of the eswitch's enums (include/uapi/linux/devlink.h), and the
/// parameters' defaults. The apply's verification notices if it is otherwise.
pub(super) fn new_parent(catalogue: Option<&Catalogue>) -> Parent {
    let eswitch = Eswitch {
        mode: Some(EswitchMode::Legacy),
        inline_mode: Some(InlineMode::None),
        encap_mode: Some(EncapMode::None),
    };
    Parent {
        driver: catalogue.map(|catalogue| catalogue.driver.clone()),
        eswitch,
        uplink: Some(Uplink::new()),
        params: params_of(function::default_params(catalogue, ParamOwner::Parent, None)),
        ..Parent::default()
    }
}

/// The requests that make a soft parent again as it was found, with all its functions.
pub(super) fn restore_parent(
    input: &Input<'_>,
    subject: &Subject,
    catalogue: Option<&Catalogue>,
) -> Vec<(Request, Option<Effect>)> {
    let handle = &subject.parent;
    let Some(parent) = input.state.parents.get(handle) else { return Vec::new() };
    let Some(spec) = &parent.soft else { return Vec::new() };
    let make = Request::NewParent { handle: handle.clone(), spec: spec.clone() };
    let fresh = new_parent(catalogue).settings();
    let mut settings: Vec<(Stage, Setting)> = parent
        .settings()
        .iter()
        .filter(|setting| !fresh.has(setting))
        .map(|setting| {
            (rules::for_attribute(subject, &setting.attribute(), catalogue).stage, setting.clone())
        })
        .collect();
    settings.sort();
    let params_need_reload = settings.iter().any(|(_, setting)| {
        rules::for_attribute(subject, &setting.attribute(), catalogue).needs == Needs::Reload
    });
    let mut requests = vec![(make, None)];
    let mut reload = params_need_reload.then(|| (Request::Reload { subject: subject.clone() }, None));
    for (stage, setting) in settings {
        if stage > Stage::ParentReload {
            requests.extend(reload.take());
        }
        requests.push((Request::Set { subject: subject.clone(), setting }, None));
    }
    requests.extend(reload);
    requests.extend(rates::restore(handle, &parent.rate_nodes));
    for function in &parent.functions {
        requests.extend(restore_function(input, handle, function, None, catalogue));
    }
    requests
}
