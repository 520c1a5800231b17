//! Places that only one can have at a time: interface names, UUIDs of mediated devices, SF numbers, ports of
//! Open vSwitch, names of vDPA devices. Whoever moves into a place waits for the one that moves out, on whatever parent that is; what never becomes free is a refusal.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::fmt;

use subdevcfg_compiler::values::{DevlinkHandle, InterfaceName};
use uuid::Uuid;

use super::{Operation, Refusal, ovs};
use crate::kernel::Request;
use crate::resource::{FunctionId, Setting, Side, Subject};
use crate::state::{Function, State};

/// Something that at most one object has.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    /// An interface's name, unique in its network namespace.
    Name(String),
    /// A mediated device's UUID, unique on the host (`drivers/vfio/mdev/mdev_core.c`).
    Uuid(Uuid),
    /// An SF number, unique within controller and PF on its parent; the ports of mediated devices have one too.
    Number(DevlinkHandle, Numbers, u32),
    /// A port of Open vSwitch, by its name.
    Port(String),
    /// The name of a vDPA device, unique on the host (`__vdpa_register_device`, drivers/vdpa/vdpa.c).
    Vdpa(String),
}

/// The controller and the PF among whose subfunctions a number is unique.
type Numbers = (u32, u32);

/// Among which subfunctions the number of a function is; a mediated device has one of this host's.
const fn numbers(id: &FunctionId) -> Numbers {
    match id {
        FunctionId::Sf { controller, pf, .. } => (*controller, *pf),
        FunctionId::Mdev { .. } | FunctionId::Vf { .. } | FunctionId::Pf { .. } => (0, 0),
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => write!(f, "the name {name}"),
            Self::Uuid(uuid) => write!(f, "the UUID {uuid}"),
            Self::Number(_, (0, _), number) => write!(f, "the SF number {number}"),
            Self::Number(_, (controller, _), number) => {
                write!(f, "the SF number {number} of controller {controller}")
            }
            Self::Port(name) => write!(f, "the port {name} of Open vSwitch"),
            Self::Vdpa(name) => write!(f, "the name {name} of a vDPA device"),
        }
    }
}

/// The places that a function has by itself.
pub(super) fn of_function(parent: &DevlinkHandle, function: &Function) -> Vec<Place> {
    let uuid = match function.id {
        FunctionId::Mdev { uuid } => Some(Place::Uuid(uuid)),
        FunctionId::Sf { .. } | FunctionId::Vf { .. } | FunctionId::Pf { .. } => None,
    };
    let number = function.volatile.0.sf_number;
    let number = number.map(|number| Place::Number(parent.clone(), numbers(&function.id), number));
    let names = Side::ALL.into_iter().flat_map(|side| of_interface(function, side));
    uuid.into_iter().chain(number).chain(names).collect()
}

/// The places that one of a function's interfaces has: its names, alternative ones among them.
pub(super) fn of_interface(function: &Function, side: Side) -> Vec<Place> {
    let names = function.interface(side).into_iter().flat_map(|interface| interface.volatile.0.names());
    names.map(|name| Place::Name(name.to_owned())).collect()
}

/// The places that an interface leaves for another name: the name that it had, unless that is the kernel's and stays as an
/// alternative one, and the new name, if it has that as an alternative one already.
pub(super) fn left_for(function: &Function, side: Side, name: &str) -> Vec<Place> {
    let Some(interface) = function.interface(side) else { return Vec::new() };
    let left = interface.name.as_ref().map(InterfaceName::as_str);
    let own = interface.volatile.0.altnames.iter().map(String::as_str).filter(|altname| *altname == name);
    own.chain(left).map(|name| Place::Name(name.to_owned())).collect()
}

/// The place that a request moves into.
fn taken_by(request: &Request) -> Option<Place> {
    match request {
        Request::Set { setting: Setting::Name(_, name), .. } => Some(Place::Name(name.as_str().to_owned())),
        Request::MakeBridge { name } => Some(Place::Name(name.clone())),
        Request::MakeVdpa { name, .. } => Some(Place::Vdpa(name.clone())),
        Request::AddPort { name, .. } => Some(Place::Port(name.to_string())),
        Request::Create { id: FunctionId::Mdev { uuid }, .. } => Some(Place::Uuid(*uuid)),
        Request::Create { parent, id: id @ FunctionId::Sf { number, .. }, .. } => {
            Some(Place::Number(parent.clone(), numbers(id), *number))
        }
        _ => None,
    }
}

/// Who has which place as the apply begins.
fn holders(state: &State) -> BTreeMap<Place, String> {
    let others = state.volatile.0.interface_names.iter();
    let mut holders: BTreeMap<Place, String> =
        others.map(|name| (Place::Name(name.clone()), "another interface".to_owned())).collect();
    for (handle, parent) in &state.parents {
        holders.extend(parent.vdpa.keys().map(|name| {
            (Place::Vdpa(name.clone()), Subject::vdpa(handle.clone(), name.clone()).to_string())
        }));
        for function in &parent.functions {
            let subject = Subject::function(handle.clone(), function.id.clone());
            let port = ovs::port_of(function).map(|(name, _)| Place::Port(name.to_string()));
            let places = of_function(handle, function).into_iter().chain(port);
            holders.extend(places.map(|place| (place, subject.to_string())));
        }
    }
    holders
}

/// A wait of one operation for another one, by their numbers, and the place because of which.
struct Wait {
    from: usize,
    to: usize,
    place: Place,
}

/// Brings the operations into an order in which every place is free when somebody moves in. Without a conflict the
/// order stays as it is. `frees` has the places that each operation leaves, in the operations' order.
pub(super) fn settle(
    operations: &mut [Operation],
    frees: &[Vec<Place>],
    state: &State,
    refusals: &mut Vec<Refusal>,
) {
    if operations.is_empty() {
        return;
    }
    let waits = waits(operations, frees, &holders(state), refusals);
    for wait in &waits {
        operations[wait.to - 1].after.push(wait.from);
    }
    let order = order(operations);
    if order.len() < operations.len() {
        let sorted: BTreeSet<usize> = order.into_iter().collect();
        for wait in waits.iter().filter(|wait| ![wait.from, wait.to].iter().all(|id| sorted.contains(id))) {
            let text = format!(
                "{} is free only after a step that waits for this one (two change places): give one of them \
                 another first, in an apply of its own",
                wait.place
            );
            refusals.push(Refusal { address: operations[wait.to - 1].address.clone(), text });
        }
        return;
    }
    renumber(operations, &order);
}

fn waits(
    operations: &[Operation],
    frees: &[Vec<Place>],
    holders: &BTreeMap<Place, String>,
    refusals: &mut Vec<Refusal>,
) -> Vec<Wait> {
    let mut left_by: BTreeMap<&Place, usize> = BTreeMap::new();
    for (operation, places) in operations.iter().zip(frees) {
        for place in places {
            left_by.entry(place).or_insert(operation.id);
        }
    }
    let mut taken: BTreeMap<Place, Subject> = BTreeMap::new();
    let mut waits = Vec::new();
    for operation in operations {
        let Some(place) = taken_by(&operation.request) else { continue };
        let subject = operation.request.subject();
        let mut refuse = |holder: &str| {
            let text = format!("{place} is taken by {holder}: choose another, or free that one");
            refusals.push(Refusal { address: operation.address.clone(), text });
        };
        match (holders.get(&place), left_by.get(&place)) {
            (None, _) => {}
            (Some(holder), None) => refuse(holder),
            (Some(_), Some(&from)) => waits.push(Wait { from, to: operation.id, place: place.clone() }),
        }
        if let Some(other) = taken.insert(place.clone(), subject.clone()).filter(|other| *other != subject) {
            refuse(&other.to_string());
        }
    }
    // An operation may leave a place that it moves into itself.
    waits.retain(|wait| wait.from != wait.to);
    waits
}

/// The operations' numbers in an order in which each comes after those that it needs, and otherwise as they were. Those
/// that wait for one another in a circle are left out.
fn order(operations: &[Operation]) -> Vec<usize> {
    let mut missing: Vec<usize> = operations.iter().map(|operation| operation.after.len()).collect();
    let mut followers: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for operation in operations {
        for &first in &operation.after {
            followers.entry(first).or_default().push(operation.id);
        }
    }
    let ready = operations.iter().filter(|operation| operation.after.is_empty());
    let mut ready: BinaryHeap<Reverse<usize>> = ready.map(|operation| Reverse(operation.id)).collect();
    let mut order = Vec::with_capacity(operations.len());
    while let Some(Reverse(id)) = ready.pop() {
        order.push(id);
        for &follower in followers.get(&id).map(Vec::as_slice).unwrap_or_default() {
            missing[follower - 1] -= 1;
            if missing[follower - 1] == 0 {
                ready.push(Reverse(follower));
            }
        }
    }
    order
}

/// Puts the operations into this order and gives them the numbers of their new places.
fn renumber(operations: &mut [Operation], order: &[usize]) {
    let number: BTreeMap<usize, usize> = order.iter().enumerate().map(|(at, &id)| (id, at + 1)).collect();
    for operation in operations.iter_mut() {
        operation.id = number[&operation.id];
        for after in operation.after.iter_mut().chain(&mut operation.undo.after_undo_of) {
            *after = number[after];
        }
        operation.after.sort_unstable();
        operation.after.dedup();
    }
    operations.sort_by_key(|operation| operation.id);
}
