//! The steps on one parent: what goes, the parent itself, what comes.

mod reload;

use std::collections::BTreeMap;

use subdevcfg_compiler::catalogue::{Catalogue, Impact};

use super::function::{self, Context};
use super::lane::{Draft, Lane, Step};
use super::places::{self, Place};
use super::{
    Action, NoteKind, Swept, bookkeeping, changes, found, mdev, require, soft_parent, supported, vdpa, vfs,
};
use crate::desired::{DesiredFunction, DesiredParent};
use crate::kernel::{Effect, Request};
use crate::reason::Reason;
use crate::record::RecordChange;
use crate::resource::{FunctionId, Setting, Settings, Subject};
use crate::rules::{self, Stage};
use crate::state::{Function, Parent, Unreadable, Vdpa};

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
    steps(&mut planner);
    planner.unmanaged();
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
    planner.check_filters();
    planner.uplink();
    planner.vfs_that_come();
    planner.parent_change();
    planner.vdpas();
    planner.rate_nodes();
    planner.functions();
    planner.ports_that_go();
    planner.rate_nodes_that_go();
    planner.takes_settings_along();
    planner.settles_what_is_owed();
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

    /// Why a function stays that `exclusive` covers.
    fn why_kept(&self, function: &Function) -> Option<String> {
        if let Some(user) = function.volatile.0.users.first() {
            return Some(format!("it is in use ({user})"));
        }
        let catalogue = self.catalogue?;
        let is_reserved = |number| catalogue.sf.as_ref().is_some_and(|manners| manners.is_reserved(number));
        match &function.id {
            FunctionId::Sf { number, .. } if is_reserved(*number) => {
                let driver = &catalogue.driver;
                Some(format!("its number can be another program's (subdevcfg explain {driver})"))
            }
            _ => None,
        }
    }

    /// Whether a function goes because nobody named it.
    fn is_swept(&self, function: &Function) -> bool {
        self.is_exclusive(&function.id)
            && self.is_unmanaged(&function.id)
            && self.why_kept(function).is_none()
    }

    /// Takes away what an `exclusive` covers and nobody named.
    fn sweep(&mut self) {
        let of = self.present().len();
        let swept = self.take_out(Self::is_swept);
        if swept.is_empty() {
            return;
        }
        let reason = Reason::forced("nobody named it, and `exclusive` lets no such stay");
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
            // What a step passes over is told of as a change.
            let left = self.now.as_ref().and_then(|now| now.function(&function.id));
            let is_restored = !function.id.is_pci() && left.is_some_and(|left| left != function);
            let is_told = is_told || is_restored || self.owed(&function.id).is_some();
            if self.is_unmanaged(&function.id) && !self.is_swept(function) && !is_told {
                let about = subject.to_string();
                let kept = self.is_exclusive(&function.id).then(|| self.why_kept(function)).flatten();
                let text = match kept {
                    Some(why) => format!("kept although `exclusive` covers it, for {why}"),
                    None => "not made by subdevcfg and in no file: untouched".to_owned(),
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
            self.refuse_to_take(&self.of_function(id), because);
        }
        self.gone.insert(id.clone(), because.clone());
    }

    /// Refuses a step that takes along what nobody may take.
    pub(super) fn refuse_to_take(&mut self, subject: &Subject, because: &Reason) {
        let is_made = self.draft.input.record.made.contains_key(subject);
        let (whose, way_out) = if is_made {
            ("the file does not name it", "name it as well")
        } else {
            ("subdevcfg did not make it", "remove it by hand if nobody needs it")
        };
        let because = because.text.as_deref().unwrap_or_default();
        let text = format!("{subject} is in the way, and {whose}: {because}; {way_out}");
        self.draft.refuse(&self.desired.address, text);
    }

    /// Functions that subdevcfg made and the file does not name any more.
    fn removals(&mut self) {
        self.refuse_to_delete_pci();
        let forgotten = self.why_it_goes();
        let going = self.take_out(|planner, function| match planner.desired_function(&function.id) {
            Some(named) => named.absent && !named.id.is_pci(),
            None => planner.recorded(&function.id).is_some(),
        });
        for function in going {
            let (address, reason) = match self.desired_function(&function.id) {
                // Whoever made it.
                Some(named) => (named.address.clone(), named.wanted.reason.clone()),
                None => (self.address_of(&function.id), forgotten.clone()),
            };
            self.delete(&function, &address, &reason, rules::DELETE);
            let found = function.settings();
            let subject = self.of_function(&function.id);
            self.draft.change(changes::between(&subject, &address, Some(&found), None, reason.clone()));
        }
    }

    /// Refuses what the file wants to be absent and nobody can delete here.
    fn refuse_to_delete_pci(&mut self) {
        let is_there = |function: &&DesiredFunction| {
            self.now.as_ref().is_some_and(|now| now.function(&function.id).is_some())
        };
        let desired = self.desired;
        let absent = desired.functions.iter().filter(|function| function.absent && function.id.is_pci());
        for named in absent.filter(is_there) {
            let text = if named.external {
                "the other side makes it and takes it away"
            } else {
                "a VF goes with all others of its device: write their number, `vfs`"
            };
            self.draft.refuse(&named.address, text);
        }
    }

    /// The functions that go, which are not present from now on.
    pub(super) fn take_out(&mut self, goes: impl Fn(&Self, &Function) -> bool) -> Vec<Function> {
        let present = self.now.as_mut().map(|now| std::mem::take(&mut now.functions)).unwrap_or_default();
        let (going, staying) = present.into_iter().partition(|function| goes(self, function));
        if let Some(now) = &mut self.now {
            now.functions = staying;
        }
        going
    }

    /// The steps that delete a function that was taken out.
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
    }

    /// What the file says of the parent's own attributes; others have some of a parent that is there.
    pub(super) fn wanted(&self) -> Settings {
        match self.origin {
            Some(_) => self.desired.left.ours(self.subject(), &self.desired.wanted.settings),
            None => self.desired.wanted.settings.clone(),
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
        let before = found.get(&attribute).filter(|_| self.origin.is_some());
        let mut step = Step::set(rule.stage, &self.desired.address, self.subject(), setting, before, reason);
        step.impact = self.price(rule.impact);
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
