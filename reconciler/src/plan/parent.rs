//! The steps on one parent: what goes, the parent itself, what comes.

use std::collections::BTreeMap;

use subdevcfg_compiler::address::Part;
use subdevcfg_compiler::catalogue::{Catalogue, Impact, Reset};
use subdevcfg_compiler::values::{EswitchMode, Scalar};

use super::function::{self, Context, Target};
use super::lane::{Draft, Lane, Step};
use super::places::{self, Place};
use super::{Action, NoteKind, Reversible, bookkeeping, changes};
use crate::desired::{DesiredFunction, DesiredParent};
use crate::kernel::{Effect, Request};
use crate::reason::Reason;
use crate::resource::{Attribute, FunctionId, Setting, Settings, Side, Subject};
use crate::rules::{self, Needs, Stage};
use crate::state::{Function, Parent, SoftSpec, Unreadable};

/// Plans one parent of the host file.
pub(super) fn plan(draft: &mut Draft<'_>, desired: &DesiredParent) {
    let state = draft.input.state;
    let handle = &desired.subject.parent;
    if let Some(why) = state.unread(&Unreadable::Parent(handle.clone())) {
        draft.note(NoteKind::Withheld, &desired.address, format!("it could not be read: {why}"));
        return;
    }
    let origin = state.parents.get(handle);
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
    let mut planner = Planner {
        draft,
        desired,
        origin,
        now: origin.cloned(),
        lane: Lane::default(),
        catalogue: desired.catalogue.as_deref(),
        gone: BTreeMap::new(),
    };
    planner.unmanaged();
    planner.soft_parent();
    planner.removals();
    planner.params();
    planner.eswitch();
    planner.parent_change();
    planner.functions();
    let lane = planner.lane;
    bookkeeping::note(draft, desired);
    draft.add_lane(handle, lane);
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
    catalogue: Option<&'d Catalogue>,
    /// Functions that steps on the parent take away, and why.
    pub gone: BTreeMap<FunctionId, Reason>,
}

impl Planner<'_, '_> {
    fn subject(&self) -> &Subject {
        &self.desired.subject
    }

    /// The functions that are left after the steps so far.
    fn present(&self) -> Vec<Function> {
        self.now.as_ref().map(|parent| parent.functions.clone()).unwrap_or_default()
    }

    pub(super) fn origin_functions(&self) -> &[Function] {
        self.origin.map(|parent| parent.functions.as_slice()).unwrap_or_default()
    }

    pub(super) fn desired_function(&self, id: &FunctionId) -> Option<&DesiredFunction> {
        self.desired.functions.iter().find(|function| function.id == *id)
    }

    fn of_function(&self, id: &FunctionId) -> Subject {
        Subject::function(self.subject().parent.clone(), id.clone())
    }

    /// The address under which the record knows a function that subdevcfg made.
    pub(super) fn recorded(&self, id: &FunctionId) -> Option<String> {
        self.draft.input.record.made.get(&self.of_function(id)).cloned()
    }

    fn is_adopted(&self, id: &FunctionId) -> bool {
        self.draft.input.record.adopted.contains_key(&self.of_function(id))
    }

    fn places_of(&self, function: &Function) -> Vec<Place> {
        places::of_function(&self.subject().parent, function)
    }

    fn is_unmanaged(&self, id: &FunctionId) -> bool {
        self.desired_function(id).is_none() && self.recorded(id).is_none()
    }

    /// What is felt by the users of this parent. One without functions and with its uplink down has none.
    fn price(&self, impact: Impact) -> Impact {
        // A parent that this plan makes is used by nobody yet.
        if self.lane.parent.iter().any(|step| step.stage == Stage::MakeParent) {
            return Impact::None;
        }
        let used = |parent: &Parent| !parent.functions.is_empty() || parent.volatile.0.uplink_up;
        if self.origin.is_some_and(used) { impact } else { Impact::None }
    }

    fn unmanaged(&mut self) {
        for function in self.origin_functions().to_vec() {
            if self.is_unmanaged(&function.id) && !self.is_adopted(&function.id) {
                let about = self.of_function(&function.id).to_string();
                self.draft.note(
                    NoteKind::Unmanaged,
                    about,
                    "not made by subdevcfg and in no file: untouched",
                );
            }
        }
    }

    fn soft_parent(&mut self) {
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

    /// Notes that a step takes all functions; those that nobody may take are a refusal.
    fn take_all_functions(&mut self, because: &Reason) {
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

    fn take(&mut self, id: &FunctionId, because: &Reason) {
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
        let reason = Reason::forced("subdevcfg made it, and the file does not name it any more");
        let present = self.present();
        for function in present {
            let Some(address) = self.recorded(&function.id) else { continue };
            if self.desired_function(&function.id).is_some() {
                continue;
            }
            self.delete(&function, &address, &reason, rules::DELETE);
            let found = function.settings();
            let subject = self.of_function(&function.id);
            self.draft.change(changes::between(&subject, &address, Some(&found), None, reason.clone()));
        }
    }

    fn delete(&mut self, function: &Function, address: &str, reason: &Reason, impact: Impact) {
        let input = self.draft.input;
        let context = Context {
            parent: &self.desired.subject.parent,
            id: &function.id,
            address,
            catalogue: self.catalogue,
            kernel_release: &input.state.volatile.0.kernel_release,
            origin: Some(function),
            made_again: false,
            pending: false,
            why: &|_| Reason::default(),
            reason,
        };
        let impact = if function.active { impact } else { Impact::None };
        self.lane.removal.push(function::delete_steps(&context, function, impact));
        if let Some(now) = &mut self.now {
            now.functions.retain(|other| other.id != function.id);
        }
    }

    fn params(&mut self) {
        let found = self.now.as_ref().map(Parent::settings).unwrap_or_default();
        let pending = self.draft.input.record.pending.contains(self.subject());
        let mut reload = (pending && self.origin.is_some())
            .then(|| Reason::forced("a parameter was written and never came into force"));
        let wanted: Vec<Setting> = self.desired.wanted.settings.iter().cloned().collect();
        for setting in wanted.into_iter().filter(|setting| matches!(setting, Setting::Param { .. })) {
            if found.has(&setting) {
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
        let resets = self.catalogue.map(|catalogue| &catalogue.reset_by_reload);
        let reset = |what| resets.is_some_and(|resets| resets.contains(&what));
        let mut undo = vec![(request, None)];
        let functions = self.present();
        let because = Reason::forced("a reload of the parent deletes it");
        let mut left = Vec::new();
        for function in functions {
            step.reversible = Reversible::ConfigurationOnly;
            let remains = match function.id {
                FunctionId::Sf { .. } if reset(Reset::Sfs) => None,
                FunctionId::Mdev { .. } if reset(Reset::MdevState) => {
                    Some(Function { active: false, netdev: None, representor: None, ..function.clone() })
                }
                _ => Some(function.clone()),
            };
            undo.extend(self.restore_function(&function, remains.as_ref()));
            match remains {
                None => {
                    step.frees.extend(self.places_of(&function));
                    self.take(&function.id, &because);
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
            if reset(Reset::EswitchMode) {
                now.eswitch.mode = Some(EswitchMode::Legacy);
            }
        }
    }

    fn restore_function(
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

    fn eswitch(&mut self) {
        let unreadable = Unreadable::Eswitch(self.subject().parent.clone());
        if let Some(why) = self.draft.input.state.unread(&unreadable) {
            // Without knowing the mode, a plan that changes it would be an invention.
            let text = format!("what the file says of it is left alone: {why}");
            self.draft.note(NoteKind::Withheld, format!("{}.eswitch", self.desired.address), text);
            return;
        }
        let found = self.now.as_ref().map(Parent::settings).unwrap_or_default();
        let wanted: Vec<Setting> = self.desired.wanted.settings.iter().cloned().collect();
        for setting in wanted {
            let rule = rules::for_attribute(self.subject(), &setting.attribute(), self.catalogue);
            if rule.stage != Stage::Eswitch || found.has(&setting) {
                continue;
            }
            if rule.needs == Needs::NoFunctions {
                let because = Reason::forced(rule.because);
                let present = self.present();
                for function in present {
                    self.take(&function.id, &because);
                    let address = self.address_of(&function.id);
                    self.delete(&function, &address, &because, rules::REPLACE);
                }
            }
            if let (Setting::EswitchMode(mode), Some(now)) = (&setting, &mut self.now) {
                now.eswitch.mode = Some(*mode);
            }
            let step = self.set(setting, &found);
            self.lane.parent.push(step);
        }
    }

    fn address_of(&self, id: &FunctionId) -> String {
        self.desired_function(id)
            .map(|function| function.address.clone())
            .or_else(|| self.recorded(id))
            .unwrap_or_else(|| self.of_function(id).to_string())
    }

    /// A step that writes one attribute of the parent.
    fn set(&self, setting: Setting, found: &Settings) -> Step {
        let attribute = setting.attribute();
        let rule = rules::for_attribute(self.subject(), &attribute, self.catalogue);
        let reason = self.desired.wanted.why(&attribute).clone();
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
            Some(&wanted.settings),
            wanted.reason.clone(),
        );
        if self.lane.parent.iter().any(|step| step.stage == Stage::RemoveParent) {
            change.actions = vec![Action::Delete, Action::Create];
            change.replace_paths = vec!["create".to_owned()];
        }
        if self.lane.parent.iter().any(|step| step.stage == Stage::MakeParent) {
            let words = self.desired.create.iter().flat_map(create_words);
            change.after.get_or_insert_default().extend(words);
            let found = self.origin.and_then(|parent| parent.soft.as_ref());
            if let Some(before) = &mut change.before {
                before.extend(found.into_iter().flat_map(create_words));
            }
        }
        self.draft.change(change);
    }

    fn functions(&mut self) {
        let desired = self.desired;
        // SFs first: a mediated device takes a free number, and it must not be one that the file gives to an SF.
        let mdevs_last = |function: &&DesiredFunction| function.id.is_mdev();
        let mut functions: Vec<&DesiredFunction> = desired.functions.iter().collect();
        functions.sort_by_key(mdevs_last);
        for function in functions {
            self.function(function);
        }
        self.check_capacity();
    }

    fn function(&mut self, desired: &DesiredFunction) {
        let input = self.draft.input;
        let origin = self.origin.and_then(|parent| parent.function(&desired.id));
        let mut found = self.now.as_ref().and_then(|parent| parent.function(&desired.id)).cloned();
        let mut target = Target {
            active: true,
            mdev_type: desired.mdev_type.clone(),
            settings: origin.map(Function::settings).unwrap_or_default(),
        };
        target.settings.extend(desired.wanted.settings.iter().cloned());
        if function::netdev_is_off(&target.settings, self.catalogue) {
            target.settings.retain(|attribute| attribute.side() != Some(Side::Netdev));
        }
        if self.now.as_ref().is_some_and(|parent| parent.eswitch.mode == Some(EswitchMode::Legacy)) {
            target.settings.retain(|attribute| attribute.side() != Some(Side::Representor));
        }
        self.check_names(desired, origin);
        let retyped = found.as_ref().is_some_and(|found| found.mdev_type != desired.mdev_type);
        if retyped && let Some(present) = found.take() {
            let because = Reason::forced("the type of a mediated device never changes: it is made again");
            self.take(&desired.id, &because);
            self.delete(&present, &desired.address, &because, rules::REPLACE);
        }
        let because = self.gone.get(&desired.id).cloned();
        if self.netdev_is_hidden(desired, found.as_ref()) {
            let text = "its netdev is not visible: in another network namespace, or a parameter was written by hand \
                        and its instance never reloaded; left alone";
            self.draft.note(NoteKind::Withheld, &desired.address, text);
            return;
        }
        if self.representor_is_hidden(desired, origin, found.as_ref()) {
            let text = "its representor is not visible, most likely in another network namespace: what the file says \
                        of it is left alone";
            self.draft.note(NoteKind::Withheld, &desired.address, text);
            target.settings.retain(|attribute| attribute.side() != Some(Side::Representor));
        }
        let reason = because.clone().unwrap_or_else(|| desired.wanted.reason.clone());
        let context = Context {
            parent: &self.desired.subject.parent,
            id: &desired.id,
            address: &desired.address,
            catalogue: self.catalogue,
            kernel_release: &input.state.volatile.0.kernel_release,
            origin,
            made_again: found.is_none(),
            pending: input.record.pending.contains(&desired.subject),
            why: &|attribute| {
                if desired.wanted.settings.get(attribute).is_some() {
                    desired.wanted.why(attribute).clone()
                } else {
                    Reason::default()
                }
            },
            reason: &reason,
        };
        let steps = function::steps(&context, found.as_ref(), &target);
        self.lane.functions.push(steps);
        let origin_settings = origin.map(Function::settings);
        let mut change = changes::between(
            &desired.subject,
            &desired.address,
            origin_settings.as_ref(),
            Some(&desired.wanted.settings),
            reason,
        );
        if origin.is_some_and(|origin| !origin.active) && change.actions == [Action::NoOp] {
            change.actions = vec![Action::Update];
        }
        if origin.is_some() && because.is_some() {
            change.actions = vec![Action::Delete, Action::Create];
            change.impact =
                if origin.is_some_and(|origin| origin.active) { rules::REPLACE } else { Impact::None };
            if retyped {
                change.replace_paths = vec!["mdev.type".to_owned()];
            }
        }
        self.draft.change(change);
    }

    /// A function of an eswitch in switchdev mode has a representor: one that is not to be seen is elsewhere.
    fn representor_is_hidden(
        &self,
        desired: &DesiredFunction,
        origin: Option<&Function>,
        found: Option<&Function>,
    ) -> bool {
        let unseen = |function: Option<&Function>| function.is_some_and(|found| found.representor.is_none());
        let switchdev = self.origin.is_some_and(|origin| origin.eswitch.mode == Some(EswitchMode::Switchdev));
        let wanted = desired.wanted.settings.get(&Attribute::Name(Side::Representor)).is_some();
        wanted && switchdev && unseen(origin) && unseen(found)
    }

    /// The function runs, all that its netdev needs is set, and yet there is none to be seen.
    fn netdev_is_hidden(&self, desired: &DesiredFunction, found: Option<&Function>) -> bool {
        let Some(found) = found.filter(|found| found.active && found.netdev.is_none()) else { return false };
        let wants_netdev = desired.wanted.settings.get(&Attribute::Name(Side::Netdev)).is_some();
        let settings = found.settings();
        let params = |setting: &&Setting| matches!(setting, Setting::Param { .. });
        let in_force = desired.wanted.settings.iter().filter(params).all(|setting| settings.has(setting));
        let mac = desired.wanted.settings.get(&Attribute::Mac);
        let restarts = mac.is_some_and(|mac| !settings.has(mac));
        wants_netdev && in_force && !restarts && !self.draft.input.record.pending.contains(&desired.subject)
    }
}

/// The words of `create` by their addresses.
fn create_words(spec: &SoftSpec) -> impl Iterator<Item = (String, Scalar)> {
    let words = [
        ("max-subdevices", spec.max_subdevices.map(Scalar::from)),
        ("lower", spec.lower.as_ref().map(|name| Scalar::Text(name.to_string()))),
        ("mac-base", spec.mac_base.map(|mac| Scalar::Text(mac.to_string()))),
    ];
    words.into_iter().filter_map(|(word, value)| Some((Part::Create(Some(word)).to_string(), value?)))
}
