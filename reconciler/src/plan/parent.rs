//! The steps on one parent: what goes, the parent itself, what comes.

use std::collections::BTreeMap;

use subdevcfg_compiler::catalogue::{Catalogue, Impact, Reset};
use subdevcfg_compiler::values::{EswitchMode, Scalar};

use super::function::{self, Context};
use super::lane::{Draft, Lane, Step};
use super::places::{self, Place};
use super::{
    Action, NoteKind, Reversible, Swept, bookkeeping, changes, found, mdev, rates, require, soft_parent,
    supported, uplink, vdpa, vfs,
};
use crate::desired::{DesiredFunction, DesiredParent};
use crate::kernel::{Effect, Request};
use crate::reason::Reason;
use crate::record::RecordChange;
use crate::resource::{FunctionId, Setting, Settings, Side, Subject};
use crate::rules::{self, Needs, Stage};
use crate::state::{Function, Parent, Rates, Unreadable, Uplink, Vdpa};

/// Plans one parent of the host file.
pub(super) fn plan(draft: &mut Draft<'_>, desired: &DesiredParent) {
    let state = draft.input.state;
    let handle = &desired.subject.parent;
    // Why stands with what could not be read.
    if state.unread(&Unreadable::Parent(handle.clone())).is_some() {
        draft.note(NoteKind::Withheld, &desired.address, "left as it is: it could not be read");
        return;
    }
    if vdpa::are_unread(draft.input, handle) {
        draft.note(NoteKind::Withheld, &desired.address, "left as it is: its vDPA devices could not be read");
        return;
    }
    let origin = state.parents.get(handle);
    if found::tell_of_unplaced(draft, desired) {
        return;
    }
    require::check(draft, desired, origin);
    if let Some((parent, vf)) = state.vf_at(handle) {
        draft.refuse(&desired.address, format!("this is {vf} of {parent}: write it there, in a `subdevice`"));
        return;
    }
    if origin.is_none() && desired.create.is_none() {
        draft.note(NoteKind::Deferred, &desired.address, "no such devlink instance or mdev parent is there");
        return;
    }
    if let (Some(named), Some(found)) = (&desired.driver, origin.and_then(|parent| parent.driver.as_ref()))
        && named != found
    {
        draft.refuse(
            &desired.address,
            format!("the file says driver={named}, the device is driven by {found}"),
        );
        return;
    }
    supported::tell(draft, &desired.subject, &desired.address, &desired.wanted);
    let mut planner = Planner::new(draft, desired, origin, desired.catalogue.as_deref());
    planner.check_devlink_of_parent();
    planner.unmanaged();
    steps(&mut planner);
    let lane = planner.lane;
    bookkeeping::note(draft, desired);
    draft.add_lane(handle, lane);
}

/// The steps of one parent, each for the parent as those before leave it.
pub(super) fn steps(planner: &mut Planner<'_, '_>) {
    planner.soft_parent();
    planner.removals();
    planner.vdpas_that_go();
    planner.sweep();
    planner.nodes_without_functions();
    planner.vfs_that_go();
    planner.leave_mode();
    planner.params();
    planner.eswitch();
    planner.uplink();
    planner.vfs_that_come();
    planner.parent_change();
    planner.vdpas();
    planner.rate_nodes();
    planner.functions();
    planner.ports_that_go();
    planner.rate_nodes_that_go();
}

/// One parent's plan in the making.
pub(super) struct Planner<'d, 'a> {
    pub draft: &'d mut Draft<'a>,
    pub desired: &'d DesiredParent,
    /// The parent as the apply finds it.
    pub origin: Option<&'a Parent>,
    /// The parent as it stands after the steps so far.
    pub now: Option<Parent>,
    pub lane: Lane,
    pub catalogue: Option<&'d Catalogue>,
    /// The functions that the file names.
    named: BTreeMap<&'d FunctionId, &'d DesiredFunction>,
    /// Functions that steps on the parent take away, and why.
    pub gone: BTreeMap<FunctionId, Reason>,
    /// Set by `destroy`: which of the subjects that subdevcfg made and changed are meant.
    pub undoing: Option<&'d dyn Fn(&Subject) -> bool>,
}

impl<'d, 'a> Planner<'d, 'a> {
    pub fn new(
        draft: &'d mut Draft<'a>,
        desired: &'d DesiredParent,
        origin: Option<&'a Parent>,
        catalogue: Option<&'d Catalogue>,
    ) -> Self {
        let (now, lane, gone) = (origin.cloned(), Lane::default(), BTreeMap::new());
        let named = desired.functions.iter().map(|function| (&function.id, function)).collect();
        Self { draft, desired, origin, now, lane, catalogue, named, gone, undoing: None }
    }

    /// The functions as the apply finds them.
    pub(super) fn origin_functions(&self) -> &'a [Function] {
        self.origin.map(|parent| parent.functions.as_slice()).unwrap_or_default()
    }
}

impl Planner<'_, '_> {
    pub(super) fn subject(&self) -> &Subject {
        &self.desired.subject
    }

    /// The functions that are left after the steps so far.
    pub(super) fn present(&self) -> &[Function] {
        self.now.as_ref().map(|parent| parent.functions.as_slice()).unwrap_or_default()
    }

    pub(super) fn desired_function(&self, id: &FunctionId) -> Option<&DesiredFunction> {
        self.named.get(id).copied()
    }

    pub(super) fn of_function(&self, id: &FunctionId) -> Subject {
        Subject::function(self.subject().parent.clone(), id.clone())
    }

    /// The address under which the record knows a function that subdevcfg made.
    pub(super) fn recorded(&self, id: &FunctionId) -> Option<String> {
        self.recorded_child(&self.of_function(id))
    }

    /// Whether a function of the parent, or one that this VF carries, has a state that is set.
    pub(super) fn has_state(&self, on_vf: Option<u32>) -> bool {
        on_vf.is_none() && !self.origin.is_some_and(|parent| parent.without_devlink)
    }

    pub(super) fn places_of(&self, function: &Function) -> Vec<Place> {
        places::of_function(&self.subject().parent, function)
    }

    pub(super) fn is_unmanaged(&self, id: &FunctionId) -> bool {
        self.desired_function(id).is_none()
            && self.draft.input.record.address(&self.of_function(id)).is_none()
    }

    /// What is felt by the users of this parent. One without functions and with its uplink down has none.
    pub(super) fn price(&self, impact: Impact) -> Impact {
        // A parent that this plan makes is used by nobody yet.
        if self.lane.parent.iter().any(|step| step.stage == Stage::MakeParent) {
            return Impact::None;
        }
        let used = |parent: &Parent| {
            let is_bound = |vdpa: &Vdpa| vdpa.volatile.0.driver.is_some();
            !parent.functions.is_empty() || parent.volatile.0.uplink_up || parent.vdpa.values().any(is_bound)
        };
        if self.origin.is_some_and(used) { impact } else { Impact::None }
    }

    /// Whether the device's `exclusive` covers a function.
    fn is_exclusive(&self, id: &FunctionId) -> bool {
        let Some((first, last)) = self.desired.exclusive else { return false };
        matches!(id, FunctionId::Sf { controller: 0, number, .. } if (first..=last).contains(number))
    }

    /// Whether a function goes because nobody named it. What is in use stays.
    fn is_swept(&self, function: &Function) -> bool {
        let in_use = !function.volatile.0.users.is_empty();
        self.is_exclusive(&function.id) && self.is_unmanaged(&function.id) && !in_use
    }

    /// Takes away what an `exclusive` covers and nobody named.
    fn sweep(&mut self) {
        let swept: Vec<Function> =
            self.present().iter().filter(|function| self.is_swept(function)).cloned().collect();
        if swept.is_empty() {
            return;
        }
        let reason = Reason::forced("nobody named it, and `exclusive` lets no such stay");
        let of = self.present().len();
        self.draft.sweeps(&self.desired.address, Swept { functions: swept.len(), of });
        for function in swept {
            let subject = self.of_function(&function.id);
            let address = subject.to_string();
            self.delete(&function, &address, &reason, rules::DELETE);
            let found = function.settings();
            self.draft.change(changes::between(&subject, &address, Some(&found), None, reason.clone()));
        }
    }

    fn unmanaged(&mut self) {
        for function in self.origin_functions() {
            let is_counted = vfs::is_own(&function.id) && self.counts_vfs();
            let subject = self.of_function(&function.id);
            // What was written of one is told to be released.
            let is_released = || self.draft.input.record.written_of(&subject).next().is_some();
            let is_told = is_counted || function.id.is_pci() && is_released();
            if self.is_unmanaged(&function.id) && !self.is_swept(function) && !is_told {
                let about = subject.to_string();
                let text = match function.volatile.0.users.first() {
                    Some(user) if self.is_exclusive(&function.id) => {
                        format!("kept although `exclusive` covers it, for it is in use ({user})")
                    }
                    _ => "not made by subdevcfg and in no file: untouched".to_owned(),
                };
                self.draft.note(NoteKind::Unmanaged, about, text);
            }
        }
    }

    /// Notes that a step takes all functions; those that nobody may take are a refusal.
    pub(super) fn take_all_functions(&mut self, because: &Reason) {
        let functions: Vec<FunctionId> = self
            .now
            .iter()
            .flat_map(|parent| parent.functions.iter().map(|function| function.id.clone()))
            .collect();
        for id in functions {
            self.take(&id, because);
        }
        if let Some(now) = &mut self.now {
            now.functions.clear();
        }
    }

    pub(super) fn take(&mut self, id: &FunctionId, because: &Reason) {
        // Also of one that the file names: what was adopted is changed in place, and never replaced.
        if self.recorded(id).is_none() {
            let because = because.text.as_deref().unwrap_or_default();
            let text =
                format!("{} is in the way, and subdevcfg did not make it: {because}", self.of_function(id));
            self.draft.refuse(&self.desired.address, text);
        }
        self.gone.insert(id.clone(), because.clone());
    }

    /// Functions that subdevcfg made and the file does not name any more.
    fn removals(&mut self) {
        let forgotten = self.why_it_goes();
        let stays = |function: &&Function| {
            self.desired_function(&function.id)
                .map_or_else(|| self.recorded(&function.id).is_none(), |named| !named.absent)
        };
        let going: Vec<Function> =
            self.present().iter().filter(|function| !stays(function)).cloned().collect();
        for function in going {
            let (address, reason) = match (self.desired_function(&function.id), self.recorded(&function.id)) {
                (Some(named), _) if named.absent && named.id.is_pci() => {
                    let text = if named.external {
                        "the other side makes it and takes it away"
                    } else {
                        "a VF goes with all others of its device: write their number, `vfs`"
                    };
                    let address = named.address.clone();
                    self.draft.refuse(&address, text);
                    continue;
                }
                // Whoever made it.
                (Some(named), _) if named.absent => (named.address.clone(), named.wanted.reason.clone()),
                (None, Some(recorded)) => (recorded, forgotten.clone()),
                _ => continue,
            };
            self.delete(&function, &address, &reason, rules::DELETE);
            let found = function.settings();
            let subject = self.of_function(&function.id);
            self.draft.change(changes::between(&subject, &address, Some(&found), None, reason.clone()));
        }
    }

    pub(super) fn delete(&mut self, function: &Function, address: &str, reason: &Reason, impact: Impact) {
        let input = self.draft.input;
        let subject = self.of_function(&function.id);
        let granted = mdev::taken_for_granted(input.record, &subject, function, &Settings::new());
        let context = Context {
            parent: &self.desired.subject.parent,
            id: &function.id,
            address,
            catalogue: self.catalogue,
            kernel_release: &input.state.volatile.0.kernel_release,
            has_state: self.has_state(function.on_vf),
            origin: Some(function),
            granted: &granted,
            ports: Some(&self.draft.ports),
            made_again: false,
            pending: false,
            why: &|_| Reason::default(),
            reason,
        };
        let impact = if function.active { impact } else { Impact::None };
        let steps = function::delete_steps(&context, function, impact);
        self.draft.ports.note(&steps);
        self.lane.removal.push(steps);
        self.lane.off_vf.extend(function.on_vf.map(|index| (subject, index)));
        if let Some(now) = &mut self.now {
            now.functions.retain(|other| other.id != function.id);
        }
    }

    /// What the file says of the parent's own attributes; others have some of a parent that is there.
    pub(super) fn wanted(&self) -> Settings {
        match self.origin {
            Some(_) => self.desired.left.ours(self.subject(), &self.desired.wanted.settings),
            None => self.desired.wanted.settings.clone(),
        }
    }

    /// Whether the parent will be reloaded.
    pub(super) fn reloads(&self) -> bool {
        let found = self.now.as_ref().map(Parent::settings).unwrap_or_default();
        let pending = self.draft.input.record.pending.contains(self.subject()) && self.origin.is_some();
        let needs_reload = |setting: &Setting| {
            let rule = rules::for_attribute(self.subject(), &setting.attribute(), self.catalogue);
            matches!(setting, Setting::Param { .. }) && rule.needs == Needs::Reload && !found.has(setting)
        };
        pending || self.wanted().iter().any(needs_reload)
    }

    fn params(&mut self) {
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
                    step.frees.extend(lost.filter_map(|side| places::of_interface(&function, side)));
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

    pub(super) fn restore_function(
        &self,
        function: &Function,
        left: Option<&Function>,
    ) -> Vec<(Request, Option<Effect>)> {
        super::removal::restore_function(
            &self.draft.input,
            &self.desired.subject.parent,
            function,
            left,
            self.catalogue,
        )
    }

    pub(super) fn address_of(&self, id: &FunctionId) -> String {
        self.desired_function(id)
            .map(|function| function.address.clone())
            .or_else(|| self.recorded(id))
            .unwrap_or_else(|| self.of_function(id).to_string())
    }

    /// Notes that an attribute of the parent is as the file wants it because of a step that is there for something else.
    pub(super) fn comes_by_itself(&mut self, applied: Setting) {
        let attribute = applied.attribute();
        let found = self.origin.map(Parent::settings).and_then(|found| found.get(&attribute).cloned());
        let is_asked = self.desired.wanted.settings.has(&applied) && self.undoing.is_none();
        if is_asked && found.as_ref().is_some_and(|found| *found != applied) {
            let subject = self.subject().clone();
            let address = format!("{}.{}", self.desired.address, attribute.part());
            let change = RecordChange::Written { subject, address, found, applied };
            self.draft.bookkeeping.written.push(change);
        }
    }

    /// A step that writes one attribute of the parent.
    pub(super) fn set(&self, setting: Setting, found: &Settings) -> Step {
        let attribute = setting.attribute();
        let rule = rules::for_attribute(self.subject(), &attribute, self.catalogue);
        let is_asked = self.desired.wanted.settings.get(&attribute).is_some();
        let reason = if is_asked {
            self.desired.wanted.why(&attribute).clone()
        } else {
            Reason::forced("it comes back as it was")
        };
        let request = Request::Set { subject: self.subject().clone(), setting };
        let mut step = Step::new(rule.stage, &self.desired.address, request, reason);
        let before = found.get(&attribute).filter(|_| self.origin.is_some());
        step.before = before.map(Setting::value);
        step.impact = self.price(rule.impact);
        let back = before.cloned().map(|setting| Request::Set { subject: self.subject().clone(), setting });
        step.undo = back.map(|request| (request, None)).into_iter().collect();
        step
    }

    fn parent_change(&mut self) {
        let found = self.origin.map(Parent::settings);
        let wanted = &self.desired.wanted;
        let mut change = changes::between(
            self.subject(),
            &self.desired.address,
            found.as_ref(),
            Some(&self.wanted()),
            wanted.reason.clone(),
        );
        if self.lane.parent.iter().any(|step| step.stage == Stage::RemoveParent) {
            change.actions = vec![Action::Delete, Action::Create];
            change.replace_paths = vec!["create".to_owned()];
        }
        if self.lane.parent.iter().any(|step| step.stage == Stage::MakeParent) {
            let words = self.desired.create.iter().flat_map(soft_parent::create_words);
            change.after.get_or_insert_default().extend(words);
            let found = self.origin.and_then(|parent| parent.soft.as_ref());
            if let Some(before) = &mut change.before {
                before.extend(found.into_iter().flat_map(soft_parent::create_words));
            }
        }
        self.draft.change(change);
    }
}

/// What a reload of the parent leaves of a mediated device: its port is a new one.
fn reset_by_reload(function: &Function) -> Function {
    let lost = |rates: &Rates| Rates {
        tx_priority: rates.tx_priority.map(|_| 0),
        tx_weight: rates.tx_weight.map(|_| 0),
        ..Rates::default()
    };
    Function {
        active: false,
        netdev: None,
        representor: None,
        rates: function.rates.as_ref().map(lost),
        ..function.clone()
    }
}
