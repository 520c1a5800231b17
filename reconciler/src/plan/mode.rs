//! The eswitch mode of a parent: what has to go before it changes, and what takes it to legacy mode and back although nobody
//! asked for another one.

use subdevcfg_compiler::catalogue::{ParamOwner, ParamSpec};
use subdevcfg_compiler::values::{EswitchMode, Scalar};

use super::NoteKind;
use super::parent::Planner;
use crate::kernel::{Effect, Request};
use crate::reason::Reason;
use crate::resource::{Attribute, Setting, Settings};
use crate::rules::{self, Needs, Stage};
use crate::state::{Function, Parent, Unreadable};

impl Planner<'_, '_> {
    pub(super) fn mode(&self) -> Option<EswitchMode> {
        self.now.as_ref().and_then(|parent| parent.eswitch.mode)
    }

    /// The mode that functions and rate nodes find: a parent that is made begins in legacy mode (`devlink_alloc` knows none,
    /// and so do `subdev` and `nsim_drv_probe`, drivers/net/netdevsim/dev.c).
    pub(super) fn mode_found(&self) -> Option<EswitchMode> {
        let made = self.origin.is_none().then(|| self.mode_at_the_end().unwrap_or(EswitchMode::Legacy));
        self.mode().or(made)
    }

    /// The mode that there is to be at the end: the file's, else the one that was found.
    fn mode_at_the_end(&self) -> Option<EswitchMode> {
        match self.wanted().get(&Attribute::EswitchMode) {
            Some(Setting::EswitchMode(mode)) => Some(*mode),
            _ => self.mode_before(),
        }
    }

    /// Whether the eswitch mode will be another one, at the end or for a while: by what the file says, by a reload, or for
    /// what can be done in legacy mode only.
    pub(super) fn mode_switches(&self) -> bool {
        self.is_ended_by_reload() || self.functions_go_for_mode()
    }

    fn is_ended_by_reload(&self) -> bool {
        self.mode() == Some(EswitchMode::Switchdev) && self.reloads() && self.reload_ends_mode()
    }

    /// Whether the mode is set, so that functions go before anything on the parent changes. What a reload takes is there
    /// until the reload.
    pub(super) fn functions_go_for_mode(&self) -> bool {
        let is_another = self.mode() != self.mode_at_the_end() && !self.is_ended_by_reload();
        is_another || self.forces_legacy().is_some()
    }

    fn spec(&self, setting: &Setting) -> Option<&ParamSpec> {
        let Setting::Param { name, .. } = setting else { return None };
        self.catalogue?.param(ParamOwner::Parent, name)
    }

    /// Why the eswitch has to be in legacy mode for a while before anything else.
    fn forces_legacy(&self) -> Option<Reason> {
        let now = self.now.as_ref().filter(|now| now.eswitch.mode == Some(EswitchMode::Switchdev))?;
        let found = now.settings();
        let needs_legacy = |setting: &Setting| {
            let only_in = self.spec(setting).and_then(|spec| spec.only_in);
            only_in == Some(EswitchMode::Legacy) && !found.has(setting)
        };
        if let Some(setting) = self.wanted().iter().find(|setting| needs_legacy(setting)) {
            return Some(Reason::forced(format!("{} is written in legacy mode only", setting.attribute())));
        }
        let is_on = |setting: &&Setting| setting.value() == Scalar::Bool(true);
        let blocks = |setting: &&Setting| self.spec(setting).is_some_and(|spec| spec.blocks_reload);
        let blocking = found.iter().filter(is_on).find(blocks).filter(|_| self.reloads())?;
        let text =
            format!("a reload is refused while {} is on, and legacy mode ends that", blocking.attribute());
        Some(Reason::forced(text))
    }

    /// Takes the eswitch to legacy mode before the parameters; `eswitch` brings it back.
    pub(super) fn leave_mode(&mut self) {
        let Some(because) = self.forces_legacy() else { return };
        let found = self.now.as_ref().map(Parent::settings).unwrap_or_default();
        let undo = self.clear_for_mode(EswitchMode::Legacy);
        if let Some(now) = &mut self.now {
            now.eswitch.mode = Some(EswitchMode::Legacy);
        }
        let mut step = self.set(Setting::EswitchMode(EswitchMode::Legacy), &found);
        step.stage = Stage::LeaveMode;
        step.reason = because;
        step.undo.extend(undo);
        self.lane.parent.push(step);
    }

    /// Whether a parameter that there is in switchdev mode only is lost with a switch of the mode: what is on is written
    /// again, and what is to be off is so by itself.
    pub(super) fn is_lost_with_mode(&self, setting: &Setting) -> bool {
        let only_in = self.spec(setting).and_then(|spec| spec.only_in);
        let left = self.origin.is_some_and(|origin| origin.eswitch.mode == Some(EswitchMode::Switchdev));
        only_in == Some(EswitchMode::Switchdev)
            && left
            && (self.mode() != Some(EswitchMode::Switchdev) || self.mode_switches())
    }

    /// Whether it is a parameter of switchdev mode where there is to be none. What is off there is off without it.
    pub(super) fn has_no_mode_for(&mut self, setting: &Setting) -> bool {
        let only_in = self.spec(setting).and_then(|spec| spec.only_in);
        let has_none =
            only_in == Some(EswitchMode::Switchdev) && self.mode_at_the_end() != Some(EswitchMode::Switchdev);
        if has_none && setting.value() != Scalar::Bool(false) {
            let text = format!(
                "{} can be written in switchdev mode only: write `eswitch mode=switchdev` as well",
                setting.attribute()
            );
            self.draft.refuse(&self.desired.address, text);
        }
        has_none
    }

    /// Takes away what is in the way of a switch of the mode: functions, rate nodes, and of what stays what there is in
    /// one mode only. What brings the latter back.
    fn clear_for_mode(&mut self, to: EswitchMode) -> Vec<(Request, Option<Effect>)> {
        let rule = rules::for_attribute(self.subject(), &Attribute::EswitchMode, self.catalogue);
        let because = Reason::forced(rule.because);
        // What VFs carry stays with them.
        let is_of_eswitch = |function: &Function| !function.id.is_pci() && function.on_vf.is_none();
        for function in self.take_out(|_, function| is_of_eswitch(function)) {
            self.take(&function.id, &because);
            let address = self.address_of(&function.id);
            // Functions go before anything on the parent changes, so that is how an undo finds them.
            let found = self.origin.and_then(|origin| origin.function(&function.id));
            self.delete(found.unwrap_or(&function), &address, &because, rules::REPLACE);
        }
        self.nodes_without_functions();
        let because = Reason::forced("the eswitch mode changes only without rate nodes");
        let mut undo = self.keep_vfs(to, &because);
        self.clear_rate_nodes(&because);
        if to == EswitchMode::Legacy {
            let set = |setting| Request::Set { subject: self.subject().clone(), setting };
            undo.extend(self.lost_with_mode().into_iter().map(|setting| (set(setting), None)));
        }
        undo
    }

    /// The parameters that are on and that there are in switchdev mode only.
    fn lost_with_mode(&self) -> Vec<Setting> {
        let is_lost = |setting: &Setting| {
            let only_in = self.spec(setting).and_then(|spec| spec.only_in);
            only_in == Some(EswitchMode::Switchdev) && setting.value() == Scalar::Bool(true)
        };
        let found = self.origin.map(Parent::settings).unwrap_or_default();
        found.into_iter().filter(is_lost).collect()
    }

    /// Those of them that the file says nothing of, and that come back after the mode was another for a while.
    pub(super) fn come_back_with_mode(&self, wanted: &Settings) -> Vec<Setting> {
        if self.mode_at_the_end() != Some(EswitchMode::Switchdev) {
            return Vec::new();
        }
        let mut lost = self.lost_with_mode();
        lost.retain(|setting| wanted.get(&setting.attribute()).is_none() && self.is_lost_with_mode(setting));
        lost
    }

    pub(super) fn eswitch(&mut self) {
        let unreadable = Unreadable::Eswitch(self.subject().parent.clone());
        if let Some(why) = self.draft.input.state.unread(&unreadable) {
            // Without knowing the mode, a plan that changes it would be an invention.
            let text = format!("what the file says of it is left alone: {why}");
            self.draft.note(NoteKind::Withheld, format!("{}.eswitch", self.desired.address), text);
            return;
        }
        let found = self.now.as_ref().map(Parent::settings).unwrap_or_default();
        let mut wanted = self.wanted();
        // What a step before took back to legacy mode, and nobody asked for that.
        if let Some(before) = self.mode_before().filter(|_| wanted.get(&Attribute::EswitchMode).is_none()) {
            wanted.set(Setting::EswitchMode(before));
        }
        for setting in wanted {
            self.eswitch_attribute(setting, &found);
        }
    }

    fn eswitch_attribute(&mut self, setting: Setting, found: &Settings) {
        let rule = rules::for_attribute(self.subject(), &setting.attribute(), self.catalogue);
        if rule.stage != Stage::Eswitch {
            return;
        }
        if found.has(&setting) {
            self.comes_by_itself(setting);
            return;
        }
        let mut undo = Vec::new();
        if let Setting::EswitchMode(mode) = &setting
            && rule.needs == Needs::NoFunctions
        {
            undo = self.clear_for_mode(*mode);
            if let Some(now) = &mut self.now {
                now.eswitch.mode = Some(*mode);
            }
        }
        let mut step = self.set(setting, found);
        step.undo.extend(undo);
        self.lane.parent.push(step);
    }
}
