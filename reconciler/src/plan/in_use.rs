//! Who uses what the operations of a plan disturb.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use subdevcfg_compiler::catalogue::Impact;

use super::{Input, Operation, ResourceChange, bridges};
use crate::desired::Desired;
use crate::kernel::Request;
use crate::resource::{Attribute, Setting, Side, Subject};
use crate::state::{Function, FunctionUser, Lifeline, Parent, State, User};

/// Something that is in use, or that the host is reached over, and that operations disturb.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct InUse {
    /// Its address; of what is not subdevcfg's, the kernel's words for it.
    pub address: String,
    /// Which object it is.
    pub subject: Subject,
    /// Who uses it, in words. Empty where only the lifeline matters.
    pub users: Vec<String>,
    /// One of the users has it open through VFIO or vhost-vdpa: the kernel would wait until that one lets go.
    pub blocks: bool,
    /// Why the host is reached over it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lifeline: Option<String>,
    /// The operations that disturb it, by number.
    pub operations: Vec<usize>,
}

/// What the operations disturb. A user feels what is more than `traffic`; a lifeline is disturbed by anything that is felt.
pub(super) fn disturbed(
    operations: &[Operation],
    changes: &[ResourceChange],
    input: Input<'_>,
) -> Vec<InUse> {
    let Input { desired, state, record } = input;
    // Of several changes of one subject the first counts.
    let named: BTreeMap<&Subject, &str> =
        changes.iter().rev().map(|change| (&change.subject, change.address.as_str())).collect();
    let mut found: BTreeMap<Subject, InUse> = BTreeMap::new();
    for operation in operations.iter().filter(|operation| operation.impact > Impact::None) {
        for subject in reach(operation, state) {
            let users = users_who_feel(&input, operation, &subject);
            let lifeline = lifeline(desired, state, &subject);
            if users.is_empty() && lifeline.is_none() {
                continue;
            }
            let entry = found.entry(subject.clone()).or_insert_with(|| InUse {
                address: named
                    .get(&subject)
                    .map_or_else(|| record.address_or_kind(&subject), ToString::to_string),
                subject,
                users: Vec::new(),
                blocks: false,
                lifeline,
                operations: Vec::new(),
            });
            entry.blocks |= !users.is_empty() && blocks(state, &entry.subject);
            entry.users = if users.is_empty() { std::mem::take(&mut entry.users) } else { users };
            entry.operations.push(operation.id);
        }
    }
    found.into_values().collect()
}

/// What an operation is felt by: its own subject, and with a whole parent all that is on it.
pub(super) fn reach(operation: &Operation, state: &State) -> Vec<Subject> {
    let subject = operation.request.subject();
    if operation.impact < Impact::ParentWide {
        return vec![subject];
    }
    let handle = subject.parent;
    let functions = state.parents.get(&handle).into_iter().flat_map(|parent| &parent.functions);
    let functions = functions.map(|function| Subject::function(handle.clone(), function.id.clone()));
    let vdpas = state.parents.get(&handle).into_iter().flat_map(|parent| parent.vdpa.keys());
    let vdpas = vdpas.map(|name| Subject::vdpa(handle.clone(), name.clone()));
    std::iter::once(Subject::parent(handle.clone())).chain(functions).chain(vdpas).collect()
}

fn users_who_feel(input: &Input<'_>, operation: &Operation, subject: &Subject) -> Vec<String> {
    if operation.impact > Impact::Traffic {
        return users(input, subject);
    }
    // Somebody's bridge loses its port, however short that is for the function.
    let function = input.state.function(subject).filter(|_| bridges::takes_port(&operation.request));
    let users = function.map(|function| function.volatile.0.users.as_slice()).unwrap_or_default();
    let has_port = |user: &&FunctionUser| is_bridge(user) && !is_our_bridge(input, subject, user);
    users.iter().filter(has_port).map(ToString::to_string).collect()
}

fn users(input: &Input<'_>, subject: &Subject) -> Vec<String> {
    let Some(parent) = input.state.parents.get(&subject.parent) else { return Vec::new() };
    if let Some(vdpa) = subject.vdpa_name().and_then(|name| parent.vdpa.get(name)) {
        return vdpa.volatile.0.users.iter().map(|user| format!("vhost-vdpa: {user}")).collect();
    }
    match subject.function_id() {
        Some(id) => {
            let Some(function) = parent.function(id) else { return Vec::new() };
            let users = function.volatile.0.users.iter();
            let users = users.filter(|user| !is_our_bridge(input, subject, user)).map(ToString::to_string);
            users.chain(other_host(function)).collect()
        }
        None if subject.is_parent() => {
            parent.volatile.0.users.iter().map(|user| format!("uplink: {user}")).collect()
        }
        None => Vec::new(),
    }
}

/// The host that runs a function of another controller: what uses it there, nobody here can see.
fn other_host(function: &Function) -> Option<String> {
    let runs_there = function.id.is_of_other_host() && function.volatile.0.attached;
    runs_there.then(|| format!("attached on the host of controller {}", function.id.controller()))
}

fn blocks(state: &State, subject: &Subject) -> bool {
    // `disturbed` asks only where there are users, and whoever has a vDPA device open is waited for.
    if subject.vdpa_name().is_some() {
        return true;
    }
    let users = state.function(subject).map(|function| function.volatile.0.users.as_slice());
    users.unwrap_or_default().iter().any(FunctionUser::blocks)
}

/// Whether it is a bridge that has the representor as a port.
fn is_bridge(user: &FunctionUser) -> bool {
    let User::Upper { kind: Some(kind), .. } = &user.user else { return false };
    user.side == Some(Side::Representor) && ["bridge", "openvswitch"].contains(&kind.as_str())
}

/// A bridge of subdevcfg's is no other user, and neither is one that subdevcfg made the representor a port of.
fn is_our_bridge(input: &Input<'_>, subject: &Subject, user: &FunctionUser) -> bool {
    let User::Upper { name, .. } = &user.user else { return false };
    let written = input.record.settings.get(&(subject.clone(), Attribute::Bridge));
    let has_it = |setting: &Setting| matches!(setting, Setting::Bridge(Some(bridge)) if bridge.name().as_str() == name);
    let is_written = written.is_some_and(|written| has_it(&written.applied));
    is_bridge(user) && (is_written || bridges::is_ours(input, name))
}

/// Why the host is reached over a subject: by the host file's own word, or because a route leads over one of its
/// interfaces.
fn lifeline(desired: &Desired, state: &State, subject: &Subject) -> Option<String> {
    let named = desired.parents.iter().find(|parent| parent.subject.parent == subject.parent);
    match named.and_then(|parent| parent.lifeline) {
        Some(false) => return None,
        Some(true) if subject.is_parent() => return Some("the host file says so".to_owned()),
        _ => {}
    }
    let parent = state.parents.get(&subject.parent)?;
    let interfaces = match subject.function_id() {
        Some(id) => interface_names(parent.function(id)?),
        None => uplink_name(parent),
    };
    let lifelines = &state.volatile.0.lifelines;
    lifelines.iter().find(|lifeline| interfaces.contains(&lifeline.interface.as_str())).map(words)
}

fn words(lifeline: &Lifeline) -> String {
    format!("{}: {}", lifeline.interface, lifeline.reason)
}

fn interface_names(function: &Function) -> Vec<&str> {
    let interfaces = Side::ALL.into_iter().filter_map(|side| function.interface(side));
    interfaces.map(|interface| interface.volatile.0.name.as_str()).collect()
}

fn uplink_name(parent: &Parent) -> Vec<&str> {
    parent.volatile.0.uplink.as_deref().into_iter().collect()
}

/// What a new parent takes its frames from: a request that nobody on the parent feels, but everybody on the wire.
pub(super) fn wire(operations: &[Operation], state: &State) -> Vec<InUse> {
    let on_wire = |operation: &Operation| {
        let Request::NewParent { spec, .. } = &operation.request else { return None };
        let lower = spec.lower.as_ref()?;
        let lifelines = &state.volatile.0.lifelines;
        let lifeline = lifelines.iter().find(|lifeline| lifeline.interface == lower.as_str())?;
        Some(InUse {
            address: operation.address.clone(),
            subject: operation.request.subject(),
            users: Vec::new(),
            blocks: false,
            lifeline: Some(words(lifeline)),
            operations: vec![operation.id],
        })
    };
    operations.iter().filter_map(on_wire).collect()
}
