//! What can be known before anything is done: names, numbers and places that are taken.

use std::collections::{BTreeMap, BTreeSet};

use super::lane::Step;
use super::parent::Planner;
use crate::desired::DesiredFunction;
use crate::kernel::Request;
use crate::resource::{FunctionId, Setting, Side};
use crate::rules::Stage;
use crate::state::Function;

impl Planner<'_, '_> {
    /// Interface names that somebody else has.
    pub(super) fn check_names(&mut self, desired: &DesiredFunction, origin: Option<&Function>) {
        let freed: BTreeSet<&str> = self
            .origin_functions()
            .iter()
            .filter(|function| {
                self.gone.contains_key(&function.id)
                    || (self.recorded(&function.id).is_some()
                        && self.desired_function(&function.id).is_none())
            })
            .flat_map(|function| Side::ALL.into_iter().filter_map(|side| function.interface(side)))
            .map(|interface| interface.volatile.0.name.as_str())
            .collect();
        let mut taken = Vec::new();
        let mut kernels = Vec::new();
        for setting in desired.wanted.settings.iter() {
            let Setting::Name(side, name) = setting else { continue };
            let own = origin.and_then(|origin| origin.interface(*side));
            if own.is_some_and(|own| own.volatile.0.name == name.as_str()) || freed.contains(name.as_str()) {
                continue;
            }
            if is_the_kernels(name.as_str()) {
                kernels.push(name.clone());
            }
            if self.draft.input.state.volatile.0.interface_names.iter().any(|other| other == name.as_str()) {
                taken.push(name.clone());
            }
        }
        for name in kernels {
            let text = format!("the kernel gives names like {name} to new interfaces itself: choose another");
            self.draft.refuse(&desired.address, text);
        }
        for name in taken {
            let text =
                format!("the name {name} is taken by another interface: rename that one, or choose another");
            self.draft.refuse(&desired.address, text);
        }
    }

    pub(super) fn check_capacity(&mut self) {
        let created: Vec<&Step> =
            self.lane.functions.iter().flatten().filter(|step| step.stage == Stage::Create).collect();
        let made = created.len();
        let present = self.now.as_ref().map_or(0, |parent| parent.functions.len());
        let soft = self.now.as_ref().and_then(|parent| parent.soft.as_ref());
        if let Some(capacity) = soft.and_then(|soft| soft.max_subdevices)
            && u32::try_from(present + made).unwrap_or(u32::MAX) > capacity
        {
            let text = format!(
                "{capacity} subdevices fit (create max-subdevices); {present} stay and {made} more are to be made"
            );
            self.draft.refuse(&self.desired.address, text);
        }
        let Some(origin) = self.origin else { return };
        let types: Vec<&str> = origin.volatile.0.mdev_types.keys().map(String::as_str).collect();
        let wanted: BTreeMap<String, String> = created
            .iter()
            .filter_map(|step| match &step.request {
                Request::Create { mdev_type: Some(mdev_type), .. } => {
                    Some((mdev_type.clone(), step.address.clone()))
                }
                _ => None,
            })
            .collect();
        for (mdev_type, address) in wanted {
            if !types.contains(&mdev_type.as_str()) {
                let known = if types.is_empty() { "none".to_owned() } else { types.join(", ") };
                self.draft
                    .refuse(&address, format!("the parent has no mdev type `{mdev_type}`; it has: {known}"));
            }
        }
        self.check_numbers();
    }

    /// SF numbers that a mediated device's port has.
    fn check_numbers(&mut self) {
        let mut taken = Vec::new();
        for desired in &self.desired.functions {
            let FunctionId::Sf { number, .. } = desired.id else { continue };
            let holder = self
                .now
                .iter()
                .flat_map(|parent| &parent.functions)
                .find(|function| function.id.is_mdev() && function.volatile.0.sf_number == Some(number));
            if let Some(holder) = holder {
                taken.push((desired.address.clone(), number, holder.id.to_string()));
            }
        }
        for (address, number, holder) in taken {
            let text = format!("sf number {number} is the port of {holder}; choose another number");
            self.draft.refuse(&address, text);
        }
    }
}

/// Whether the kernel could give this name to the next Ethernet interface (`eth%d`, net/ethernet/eth.c).
fn is_the_kernels(name: &str) -> bool {
    name.strip_prefix("eth")
        .is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}
