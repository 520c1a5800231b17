//! Mediated devices that VFs carry: functions of their own on the parent of the VF. One is made when its VF has its driver,
//! and goes before the VF loses it (`mdev_unregister_parent` would take it along).

use std::collections::BTreeMap;

use super::NoteKind;
use super::parent::Planner;
use crate::desired::DesiredFunction;
use crate::kernel::Request;
use crate::reason::Reason;
use crate::resource::{Attribute, FunctionId, Setting};
use crate::rules;
use crate::state::MdevType;

impl Planner<'_, '_> {
    /// Whether the file has a mediated device on this VF, which needs the VF's driver for that.
    pub(super) fn carries(&self, vf: &FunctionId) -> bool {
        let index = vf.vf_index();
        let is_on_it = |function: &DesiredFunction| !function.absent && function.on_vf == index;
        index.is_some() && self.desired.functions.iter().any(is_on_it)
    }

    /// Takes off their VFs what stands there, before something is done to these.
    pub(super) fn mdevs_come_off(&mut self, is_meant: impl Fn(u32) -> bool, because: &Reason) {
        for function in self.take_out(|_, function| function.on_vf.is_some_and(&is_meant)) {
            self.take(&function.id, because);
            let address = self.address_of(&function.id);
            let returns = self.desired_function(&function.id).is_some();
            let impact = if returns { rules::REPLACE } else { rules::DELETE };
            self.delete(&function, &address, because, impact);
        }
    }

    /// A mediated device on a VF that is not there, and does not come.
    pub(super) fn carrier_is_missing(&mut self, desired: &DesiredFunction, index: u32) -> bool {
        let count = self.now.as_ref().and_then(|now| now.sriov.as_ref()).map_or(0, |sriov| sriov.vfs);
        let left_to_next = self.draft.input.record.waiting.contains(&(desired.subject.clone(), None));
        if index >= count {
            let text = format!("there is no vf {index} to carry it (the device has {count} VFs): left alone");
            self.draft.note(NoteKind::Deferred, &desired.address, text);
        }
        index >= count || left_to_next
    }

    /// The types that the VF takes, where they are known: it keeps the driver that it has.
    pub(super) fn types_of_vf(&self, index: u32) -> Option<&BTreeMap<String, MdevType>> {
        // Of a host that only a file describes nobody knows what its drivers take.
        self.draft.input.state.volatile.0.soft_buses.as_ref()?;
        let id = FunctionId::local_vf(&self.subject().parent, index);
        let vf = self.origin?.function(&id).filter(|vf| vf.active)?;
        let driver = vf.vf.as_ref().and_then(|vf| vf.device.as_ref()?.driver.as_deref());
        let wanted =
            self.desired_function(&id).and_then(|desired| desired.wanted.settings.get(&Attribute::Bind));
        let keeps = match wanted {
            // Which one the kernel binds nobody knows before.
            Some(Setting::Bind(wanted)) => wanted.is_some() && driver == wanted.as_deref(),
            _ => true,
        };
        keeps.then_some(&vf.volatile.0.mdev_types)
    }

    /// The types that some VF takes: all VFs of a device take the same, as long as they have the same driver.
    pub(super) fn types_of_any_vf(&self) -> impl Iterator<Item = &BTreeMap<String, MdevType>> {
        let types = self.origin_functions().iter().map(|function| &function.volatile.0.mdev_types);
        types.filter(|types| !types.is_empty())
    }

    /// Refuses what a VF certainly does not take. What of it goes makes room.
    pub(super) fn check_carriers(&mut self) {
        let made: Vec<(u32, Option<String>, String)> = self
            .lane
            .functions
            .iter()
            .flatten()
            .filter_map(|step| match &step.request {
                Request::Create { on_vf: Some(index), mdev_type, .. } => {
                    Some((*index, mdev_type.clone(), step.address.clone()))
                }
                _ => None,
            })
            .collect();
        for (index, mdev_type, address) in made {
            let Some(types) = self.types_of_vf(index) else { continue };
            let found = mdev_type.as_ref().and_then(|mdev_type| types.get(mdev_type));
            let text = match found {
                None if types.is_empty() => format!(
                    "vf {index} takes no mediated devices with the driver that it has: name the one that makes them (`bind \
                     DRIVER`)"
                ),
                None => {
                    let (wanted, words) = (mdev_type.unwrap_or_default(), super::mdev::type_words(types));
                    format!("vf {index} takes no mediated device of the type `{wanted}`; it takes: {words}")
                }
                Some(found)
                    if found.available == 0 && !self.lane.off_vf.values().any(|left| *left == index) =>
                {
                    let other = self.present().iter().find(|function| function.on_vf == Some(index));
                    let who = other.map_or_else(
                        || "its device has no more room".to_owned(),
                        |other| format!("it carries {}, which is in no file: remove that by hand", other.id),
                    );
                    format!("vf {index} takes no more mediated device of that type: {who}")
                }
                Some(_) => continue,
            };
            self.draft.refuse(&address, text);
        }
    }
}
