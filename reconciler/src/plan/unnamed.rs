//! Functions that no subdevice names: what steps on their parent take from them comes back.

use subdevcfg_compiler::catalogue::Impact;
use subdevcfg_compiler::values::EswitchMode;

use super::function::{self, Context, Target};
use super::parent::Planner;
use super::vfs::{are_devices, as_set, is_of_port};
use super::{changes, mdev, removal, target, tree};
use crate::desired::Wanted;
use crate::reason::Reason;
use crate::resource::{Attribute, Settings};
use crate::rules;
use crate::state::Function;

impl Planner<'_, '_> {
    /// What no subdevice names gets back what steps on the parent took from it, or those of a run that did not end. VFs that
    /// the file counts leave rate nodes that go.
    pub(super) fn unnamed(&mut self) {
        let count = self.vf_count().unwrap_or(0);
        for id in self.unnamed_functions() {
            let Some(had) = self.had(&id) else { continue };
            let origin = self.origin.and_then(|parent| parent.function(&id));
            let found = self.now.as_ref().and_then(|now| now.function(&id)).cloned();
            let own = id.vf_index();
            // What functions of other hosts lose is left to the next apply: they are not to be seen before.
            let stays = own.map_or(found.is_some() && !id.is_pci(), |index| index < count);
            let above = had.rates.as_ref().and_then(|rates| rates.parent.as_deref());
            let moves =
                own.is_some() && self.counts_vfs() && above.is_some_and(|above| self.rate_node_goes(above));
            let is_passed_over = found.as_ref() != origin;
            if stays && is_passed_over {
                self.takes_along(&had);
            }
            if stays && (moves || is_passed_over || self.owed(&id).is_some()) {
                self.restore_unnamed(origin, &had, found.as_ref());
            }
        }
    }

    pub(super) fn target_of_unnamed(&self, had: &Function) -> Target {
        let mut target = Target::with(had, as_set(had));
        tree::leave_drivers_choice(&mut target.settings, &had.id, self.catalogue);
        self.leave_other_mode(&mut target.settings);
        self.leave_what_goes(&mut target.settings, &Wanted::all(Settings::new(), Reason::default()));
        target
    }

    /// Leaves out what there is in the other eswitch mode only.
    pub(super) fn leave_other_mode(&self, target: &mut Settings) {
        match self.mode() {
            Some(EswitchMode::Legacy) => {
                target.retain(|attribute| !target::is_of_switchdev(attribute) && !is_of_port(attribute));
            }
            Some(EswitchMode::Switchdev) => {
                target.retain(|attribute| !matches!(attribute, Attribute::Legacy(_)));
            }
            None => {}
        }
    }

    fn restore_unnamed(&mut self, origin: Option<&Function>, had: &Function, found: Option<&Function>) {
        let input = self.draft.input;
        let subject = self.of_function(&had.id);
        let address = input.record.address_or_kind(&subject);
        let returns = Reason::forced(if found == origin && self.owed(&had.id).is_some() {
            "a run that did not end took it along: it comes back as it was"
        } else {
            "nobody named it: it comes back as it was"
        });
        let reason = self.gone.get(&had.id).unwrap_or(&returns).clone();
        let granted = mdev::taken_for_granted(input.record, &subject, had, &Settings::new());
        let target = self.target_of_unnamed(had);
        let context = Context {
            origin,
            ports: Some(&self.draft.ports),
            made_again: found.is_none(),
            why: &|_| returns.clone(),
            ..removal::as_found(
                &input,
                &self.desired.subject.parent,
                had,
                self.catalogue,
                &address,
                &reason,
                &granted,
            )
        };
        let steps = function::steps(&context, found, &target);
        // There is nothing that it is owed still.
        if steps.is_empty() && found == origin && found.is_some() {
            return;
        }
        let settings = origin.unwrap_or(had).settings();
        let mut change =
            changes::between(&subject, &address, Some(&settings), Some(&target.settings), reason.clone());
        if let Some(origin) = origin.filter(|_| found.is_none() && are_devices(context.parent)) {
            change.impact = if origin.active { rules::REPLACE } else { Impact::None };
        }
        self.draft.ports.note(&steps);
        self.lane.functions.push(steps);
        self.draft.change(change);
    }
}
