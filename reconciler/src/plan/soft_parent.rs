//! Parents that are made in software: the words of `create` are their identity.

use subdevcfg_compiler::address::Part;
use subdevcfg_compiler::catalogue::Impact;
use subdevcfg_compiler::values::Scalar;

use super::lane::Step;
use super::parent::Planner;
use super::{Reversible, changes};
use crate::kernel::{Effect, Request};
use crate::reason::Reason;
use crate::rules::{self, Stage};
use crate::state::{Parent, SoftSpec};

impl Planner<'_, '_> {
    pub(super) fn soft_parent(&mut self) {
        let Some(spec) = &self.desired.create else { return };
        let handle = self.subject().parent.clone();
        let buses = self.draft.input.state.volatile.0.soft_buses.as_deref();
        if self.origin.is_none() && buses.is_some_and(|buses| !buses.iter().any(|bus| bus == handle.bus())) {
            let bus = handle.bus();
            let text =
                format!("this kernel has no bus `{bus}` to make it on: load its module (modprobe {bus})");
            self.draft.refuse(&self.desired.address, text);
        }
        let make = Request::NewParent { handle: handle.clone(), spec: spec.clone() };
        let remove = Request::DelParent { handle };
        let reason = self.desired.wanted.reason.clone();
        if let Some(origin) = self.origin {
            let Some(found) = &origin.soft else {
                self.draft.refuse(&self.desired.address, "it exists, and subdevcfg's module did not make it");
                return;
            };
            let differs = [
                spec.max_subdevices.is_some() && spec.max_subdevices != found.max_subdevices,
                spec.lower.is_some() && spec.lower != found.lower,
                spec.mac_base.is_some() && spec.mac_base != found.mac_base,
            ];
            if differs == [false; 3] {
                return;
            }
            let because = Reason::forced(
                "the words of `create` are the parent's identity: another parent takes its place",
            );
            if !self.draft.input.record.made.contains_key(self.subject()) {
                let text = "the words of `create` differ from those it was made with, and subdevcfg did not make it: \
                            write them as they are, or remove it by hand";
                self.draft.refuse(&self.desired.address, text);
            }
            self.changes_of_functions_that_go(origin);
            self.take_all_functions(&because);
            self.take_rate_nodes(&because);
            let mut step = Step::new(Stage::RemoveParent, &self.desired.address, remove.clone(), because);
            step.effect = Some(Effect::Gone);
            step.impact = self.price(rules::PARENT);
            step.reversible = Reversible::ConfigurationOnly;
            step.undo = super::removal::restore_parent(&self.draft.input, self.subject(), self.catalogue);
            step.frees = origin.functions.iter().flat_map(|function| self.places_of(function)).collect();
            self.lane.parent.push(step);
        }
        let mut step = Step::new(Stage::MakeParent, &self.desired.address, make, reason);
        step.undo = vec![(remove, Some(Effect::Gone))];
        self.lane.parent.push(step);
        self.now = Some(Parent { soft: Some(spec.clone()), ..super::removal::new_parent(self.catalogue) });
    }

    /// Functions that are not named any more go with a parent that is replaced.
    fn changes_of_functions_that_go(&mut self, origin: &Parent) {
        for function in &origin.functions {
            let named = self.desired_function(&function.id).is_some();
            let Some(address) = self.recorded(&function.id).filter(|_| !named) else { continue };
            let subject = self.of_function(&function.id);
            let reason = Reason::forced("it goes with its parent, and the file does not name it any more");
            let mut change = changes::between(&subject, &address, Some(&function.settings()), None, reason);
            change.impact = if function.active { rules::DELETE } else { Impact::None };
            self.draft.change(change);
        }
    }
}

/// The words of `create` by their addresses.
pub(super) fn create_words(spec: &SoftSpec) -> impl Iterator<Item = (String, Scalar)> {
    let words = [
        ("max-subdevices", spec.max_subdevices.map(Scalar::from)),
        ("lower", spec.lower.as_ref().map(|name| Scalar::Text(name.to_string()))),
        ("mac-base", spec.mac_base.map(|mac| Scalar::Text(mac.to_string()))),
    ];
    words.into_iter().filter_map(|(word, value)| Some((Part::Create(Some(word)).to_string(), value?)))
}
