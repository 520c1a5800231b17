//! The parameters of a parent and its reload, with what that takes and what brings it back.

use subdevcfg_compiler::catalogue::{Impact, Reset};
use subdevcfg_compiler::values::{EswitchMode, Scalar};

use super::Planner;
use crate::kernel::Request;
use crate::plan::lane::Step;
use crate::plan::places::{self, Place};
use crate::plan::{Reversible, rates, uplink, vdpa, vfs};
use crate::reason::Reason;
use crate::resource::{FunctionId, Setting, Side};
use crate::rules::{self, Needs, Stage};
use crate::state::{Function, Parent, Rates, Uplink};

impl Planner<'_, '_> {
    /// Whether the parent will be reloaded.
    pub(in crate::plan) fn reloads(&self) -> bool {
        let found = self.now.as_ref().map(Parent::settings).unwrap_or_default();
        let pending = self.draft.input.record.pending.contains(self.subject()) && self.origin.is_some();
        let needs_reload = |setting: &Setting| {
            let rule = rules::for_attribute(self.subject(), &setting.attribute(), self.catalogue);
            matches!(setting, Setting::Param { .. }) && rule.needs == Needs::Reload && !found.has(setting)
        };
        pending || self.wanted().iter().any(needs_reload)
    }

    /// Its parameters, and the reload that brings them into force.
    pub(super) fn params(&mut self) {
        let found = self.now.as_ref().map(Parent::settings).unwrap_or_default();
        let pending = self.draft.input.record.pending.contains(self.subject());
        let mut reload = (pending && self.origin.is_some())
            .then(|| Reason::forced("a parameter was written and never came into force"));
        let mut wanted = self.wanted();
        wanted.extend(self.come_back_with_mode(&wanted));
        // What is switched off goes first: of some the driver has one or the other (`enable_roce` and `enable_iwarp` of ice).
        let is_off = |setting: &Setting| matches!(setting, Setting::Param { value: Scalar::Bool(false), .. });
        let (off, rest): (Vec<_>, Vec<_>) =
            wanted.into_iter().filter(|setting| matches!(setting, Setting::Param { .. })).partition(is_off);
        for setting in off.into_iter().chain(rest) {
            let is_lost = self.is_lost_with_mode(&setting);
            if is_lost && is_off(&setting) {
                self.comes_by_itself(setting);
                continue;
            }
            if found.has(&setting) && !is_lost {
                continue;
            }
            if self.has_no_mode_for(&setting) {
                continue;
            }
            let rule = rules::for_attribute(self.subject(), &setting.attribute(), self.catalogue);
            if rule.needs == Needs::Reload {
                reload.get_or_insert_with(|| Reason::forced(rule.because));
            }
            let mut step = self.set(setting, &found);
            if rule.needs == Needs::Reload {
                step.impact = Impact::None;
            }
            self.lane.parent.push(step);
        }
        if let Some(reason) = reload {
            self.reload(reason);
        }
    }

    /// The reload, which takes along what the driver does not keep.
    fn reload(&mut self, reason: Reason) {
        let request = Request::Reload { subject: self.subject().clone() };
        let mut step = Step::new(Stage::ParentReload, &self.desired.address, request.clone(), reason);
        step.impact = self.price(rules::PARENT);
        step.undone_after = Some(Stage::ParentParam);
        let because = Reason::forced("a reload of the parent deletes it");
        let resets = self.catalogue.map(|catalogue| &catalogue.reset_by_reload);
        let reset = |what| resets.is_some_and(|resets| resets.contains(&what));
        let mut undo = vec![(request, None)];
        let ends = self.reload_ends_mode();
        if ends && self.now.as_ref().is_some_and(|now| now.eswitch.mode == Some(EswitchMode::Switchdev)) {
            undo.push((self.set_mode(EswitchMode::Switchdev), None));
        }
        let vdpas = self.take_vdpas(&because);
        if !vdpas.is_empty() {
            step.reversible = Reversible::ConfigurationOnly;
        }
        step.frees.extend(vdpas.keys().cloned().map(Place::Vdpa));
        undo.extend(vdpa::restore(&self.desired.subject.parent, &vdpas));
        if reset(Reset::Vfs) {
            undo.extend(self.vfs_lost_by_reload(&because));
        }
        let functions = self.present().to_vec();
        if reset(Reset::Rates) || ends {
            let nodes = self.take_rate_nodes(&because);
            undo.extend(rates::restore(&self.desired.subject.parent, &nodes));
        }
        if reset(Reset::Uplink) {
            let found = self.now.as_ref().and_then(|parent| parent.uplink.as_ref());
            undo.extend(uplink::restore(self.subject(), found));
        }
        let vfs_go = reset(Reset::Vfs);
        let mut left = Vec::new();
        for function in functions {
            step.reversible = Reversible::ConfigurationOnly;
            let remains = match function.id {
                FunctionId::Sf { .. } if reset(Reset::Sfs) => None,
                FunctionId::Mdev { .. } if reset(Reset::MdevState) && function.on_vf.is_none() => {
                    Some(reset_by_reload(&function))
                }
                FunctionId::Vf { .. } if vfs_go && vfs::is_own(&function.id) => None,
                FunctionId::Vf { .. } | FunctionId::Pf { .. } if ends => Some(vfs::hidden(&function)),
                _ => Some(function.clone()),
            };
            let remains =
                remains.map(|left| if reset(Reset::VfLimits) { vfs::without_limits(left) } else { left });
            undo.extend(self.restore_function(&function, remains.as_ref()));
            match remains {
                None => {
                    step.frees.extend(self.places_of(&function));
                    // Of VFs the number counts, which `vfs_lost_by_reload` has looked at.
                    if function.id.is_pci() {
                        self.gone.insert(function.id.clone(), because.clone());
                    } else {
                        self.take(&function.id, &because);
                    }
                }
                Some(remains) => {
                    let lost = Side::ALL.into_iter().filter(|side| remains.interface(*side).is_none());
                    step.frees.extend(lost.flat_map(|side| places::of_interface(&function, side)));
                    left.push(remains);
                }
            }
        }
        step.undo = undo;
        self.lane.parent.push(step);
        if let Some(now) = &mut self.now {
            now.functions = left;
            if ends {
                now.eswitch.mode = Some(EswitchMode::Legacy);
            }
            if reset(Reset::Uplink) {
                now.uplink = now.uplink.as_ref().map(|_| Uplink::new());
            }
        }
    }
}

/// What a reload of the parent leaves of a mediated device: its port is a new one.
fn reset_by_reload(function: &Function) -> Function {
    let lost = |rates: &Rates| Rates {
        tx_priority: rates.tx_priority.map(|_| 0),
        tx_weight: rates.tx_weight.map(|_| 0),
        ..Rates::default()
    };
    let mut left = Function {
        active: false,
        netdev: None,
        representor: None,
        rates: function.rates.as_ref().map(lost),
        ..function.clone()
    };
    // The reload comes back when its driver has let go (`sd_fn_deactivate`, kmod/fn.c).
    left.volatile.0.attached = false;
    left
}
