//! Devices of one bond are never disturbed together: while one of them is, the others carry what the bond carries, and only
//! somebody who looks can tell that it is back.
//!
//! A port of a bond is disturbed by what is felt on it (above `none`): what is done to the device whose uplink it is, to
//! the function whose interface it is, and, when a whole parent goes, all that is on it. A function of the same device that
//! is no port may start anew: the bond does not notice. Ports on one device count as one, for what takes the device takes
//! all of them.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Serialize;
use subdevcfg_compiler::catalogue::Impact;
use subdevcfg_compiler::values::DevlinkHandle;

use super::in_use::reach;
use super::{Operation, Plan, Refusal, Selection};
use crate::guard::is_within;
use crate::resource::Subject;
use crate::state::{State, User};

/// The kinds of devices that go on with the ports that are left, in the words of `ip link add ... type`.
const BONDS: [&str; 2] = ["bond", "team"];

/// A bond of which operations disturb more than one device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DisturbedBond {
    /// Its name.
    pub bond: String,
    /// The devices.
    pub devices: Vec<BondedDevice>,
}

/// A device with ports of a bond.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct BondedDevice {
    /// Which one.
    pub device: DevlinkHandle,
    /// The operations that disturb its ports, by number.
    pub operations: Vec<usize>,
}

/// The bonds of which these operations disturb more than one device.
pub(super) fn disturbed(operations: &[Operation], state: &State) -> Vec<DisturbedBond> {
    let mut found: BTreeMap<&str, BTreeMap<DevlinkHandle, BTreeSet<usize>>> = BTreeMap::new();
    for operation in operations.iter().filter(|operation| operation.impact > Impact::None) {
        for subject in reach(operation, state) {
            for bond in bonds_of(state, &subject) {
                let devices = found.entry(bond).or_default();
                devices.entry(subject.parent.clone()).or_default().insert(operation.id);
            }
        }
    }
    let several = found.into_iter().filter(|(_, devices)| devices.len() > 1);
    let device = |(device, operations): (_, BTreeSet<usize>)| BondedDevice {
        device,
        operations: operations.into_iter().collect(),
    };
    several
        .map(|(bond, devices)| DisturbedBond {
            bond: bond.to_owned(),
            devices: devices.into_iter().map(device).collect(),
        })
        .collect()
}

/// The bonds that an interface of a subject is a port of.
fn bonds_of<'s>(state: &'s State, subject: &Subject) -> BTreeSet<&'s str> {
    let parent = state.parents.get(&subject.parent).filter(|_| subject.is_parent());
    let of_uplink = parent.into_iter().flat_map(|parent| &parent.volatile.0.users);
    let function = state.function(subject);
    let of_function = function.into_iter().flat_map(|function| &function.volatile.0.users);
    let users = of_uplink.chain(of_function.map(|user| &user.user));
    users
        .filter_map(|user| match user {
            User::Upper { kind: Some(kind), name } if BONDS.contains(&kind.as_str()) => Some(name.as_str()),
            _ => None,
        })
        .collect()
}

/// Each device but the first is in the way. Left out, it takes its turn in the next apply.
pub(super) fn refusals(bonds: &[DisturbedBond], operations: &[Operation]) -> Vec<Refusal> {
    let mut refusals = Vec::new();
    for DisturbedBond { bond, devices } in bonds {
        let Some((first, others)) = devices.split_first() else { continue };
        for address in others.iter().flat_map(|device| device.addresses(operations)) {
            let first = first.addresses(operations).join(" and ");
            let text = format!(
                "it is in {bond} with {first}, and devices of one bond are never disturbed together: apply one after the \
                 other, each with --only"
            );
            refusals.push(Refusal { address, text });
        }
    }
    refusals
}

/// What is left of them with other numbers of the operations.
pub(super) fn narrowed(bonds: Vec<DisturbedBond>, number: &BTreeMap<usize, usize>) -> Vec<DisturbedBond> {
    let device = |BondedDevice { device, operations }| BondedDevice {
        device,
        operations: operations.iter().filter_map(|id| number.get(id)).copied().collect(),
    };
    let bonds = bonds.into_iter().map(|DisturbedBond { bond, devices }| DisturbedBond {
        bond,
        devices: devices.into_iter().map(device).filter(|device| !device.operations.is_empty()).collect(),
    });
    bonds.filter(|bond| bond.devices.len() > 1).collect()
}

impl BondedDevice {
    /// The addresses of what is done to it, without those that lie below others.
    fn addresses(&self, operations: &[Operation]) -> Vec<String> {
        let own = self.operations.iter().filter_map(|id| operations.get(id - 1));
        let all: BTreeSet<&str> = own.map(|operation| operation.address.as_str()).collect();
        let is_below = |address: &str| all.iter().any(|other| *other != address && is_within(address, other));
        all.iter().filter(|address| !is_below(address)).map(|address| (*address).to_owned()).collect()
    }
}

impl Plan {
    /// What to apply one after the other, if nothing else is in the way than that devices of one bond would be disturbed
    /// together. Empty where something is, or where nothing is.
    #[must_use]
    pub fn one_after_the_other(&self) -> Vec<Selection> {
        let by_bonds = refusals(&self.bonds, &self.operations);
        if self.refusals.iter().any(|refusal| !by_bonds.contains(refusal)) {
            return Vec::new();
        }
        let mut parts: Vec<Selection> = Vec::new();
        for device in self.bonds.iter().flat_map(|bond| &bond.devices) {
            let part = Selection { only: device.addresses(&self.operations), except: Vec::new() };
            if !parts.contains(&part) {
                parts.push(part);
            }
        }
        parts
    }

    /// The same plan, though it disturbs devices of one bond together.
    #[must_use]
    pub fn despite_bonds(mut self) -> Self {
        let by_bonds = refusals(&self.bonds, &self.operations);
        self.refusals.retain(|refusal| !by_bonds.contains(refusal));
        self
    }
}
