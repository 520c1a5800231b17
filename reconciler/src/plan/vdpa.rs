//! vDPA devices of a parent that is their management device: made once that is there for good, made again when something
//! but their driver changes or a reload has taken them along.

use std::collections::BTreeMap;

use subdevcfg_compiler::catalogue::Impact;
use subdevcfg_compiler::values::DevlinkHandle;

use super::lane::Step;
use super::parent::Planner;
use super::places::Place;
use super::{Action, Input, NoteKind, Reversible, changes};
use crate::desired::DesiredVdpa;
use crate::kernel::{Effect, Request};
use crate::reason::Reason;
use crate::resource::{Attribute, Setting, Settings, Subject, VdpaAttribute, VdpaConfig};
use crate::rules::{self, Stage};
use crate::state::{Unreadable, Vdpa};

/// Whether nobody knows the vDPA devices of a parent on which there is one, or is to be one.
pub(super) fn are_unread(input: Input<'_>, handle: &DevlinkHandle) -> bool {
    let desired = input.desired.parents.iter().filter(|parent| parent.subject.parent == *handle);
    let mut named = desired.flat_map(|parent| &parent.vdpas);
    let mut recorded = input.record.subjects();
    let is_recorded =
        |(subject, _): (&Subject, &str)| subject.parent == *handle && subject.vdpa_name().is_some();
    input.state.unread(&Unreadable::Vdpa).is_some() && (named.next().is_some() || recorded.any(is_recorded))
}

/// The requests that make vDPA devices again as they were found.
pub(super) fn restore(
    parent: &DevlinkHandle,
    vdpas: &BTreeMap<String, Vdpa>,
) -> Vec<(Request, Option<Effect>)> {
    vdpas.iter().flat_map(|(name, found)| restore_one(parent, name, found)).collect()
}

fn restore_one(parent: &DevlinkHandle, name: &str, found: &Vdpa) -> Vec<(Request, Option<Effect>)> {
    let make = Request::MakeVdpa { parent: parent.clone(), name: name.to_owned(), config: found.config };
    let bind = found.settings().get(&Attribute::Bind).filter(|bind| **bind != BY_THE_KERNEL).cloned();
    let subject = Subject::vdpa(parent.clone(), name.to_owned());
    let bind = bind.map(|setting| Request::Set { subject, setting });
    std::iter::once(make).chain(bind).map(|request| (request, None)).collect()
}

/// What a new one is bound by.
const BY_THE_KERNEL: Setting = Setting::Bind(None);

/// The price of what ends the use of one: without a driver there is none.
fn price(found: &Vdpa, impact: Impact) -> Impact {
    if found.volatile.0.driver.is_some() { impact } else { Impact::None }
}

/// What one is to have: what the file says, and for the rest what it had.
fn target(origin: Option<&Vdpa>, wanted: &Settings) -> VdpaConfig {
    let mut target = origin.map(|origin| origin.config).unwrap_or_default();
    for setting in wanted.iter() {
        if let Setting::Vdpa(setting) = setting {
            target.set(*setting);
        }
    }
    target
}

/// The attributes that it is made again for, as addresses name them.
fn paths_that_change(subject: &Subject, target: VdpaConfig, origin: &Vdpa) -> Vec<String> {
    let found = origin.settings();
    let changed = target.settings().map(Setting::Vdpa).filter(|setting| !found.has(setting));
    changed.map(|setting| subject.attribute_path(&setting.attribute())).collect()
}

impl Planner<'_, '_> {
    /// Those that the file names.
    pub(super) fn vdpas(&mut self) {
        let desired = self.desired;
        for vdpa in &desired.vdpas {
            self.vdpa(vdpa);
        }
    }

    /// Those that subdevcfg made and the file does not name any more.
    pub(super) fn vdpas_that_go(&mut self) {
        let reason = self.why_it_goes();
        let Some(origin) = self.origin else { return };
        for (name, found) in &origin.vdpa {
            if self.desired.vdpas.iter().any(|vdpa| vdpa.name == *name) {
                continue;
            }
            let subject = self.of_vdpa(name);
            match self.recorded_child(&subject) {
                Some(address) => {
                    self.delete_vdpa(name, &address, &reason, rules::DELETE);
                    let settings = found.settings();
                    let change = changes::between(&subject, &address, Some(&settings), None, reason.clone());
                    self.draft.change(change);
                }
                None if self.undoing.is_none() && self.draft.input.record.address(&subject).is_none() => {
                    let text = "not made by subdevcfg and in no file: untouched";
                    self.draft.note(NoteKind::Unmanaged, subject.to_string(), text);
                }
                None => {}
            }
        }
    }

    /// Deletes one, before anything that its management device goes with.
    fn delete_vdpa(&mut self, name: &str, address: &str, reason: &Reason, impact: Impact) {
        let Some(found) = self.now.as_mut().and_then(|now| now.vdpa.remove(name)) else { return };
        let parent = &self.desired.subject.parent;
        let request = Request::DeleteVdpa { parent: parent.clone(), name: name.to_owned() };
        let mut step = Step::new(Stage::RemoveVdpa, address, request, reason.clone());
        step.impact = price(&found, impact);
        step.reversible = Reversible::ConfigurationOnly;
        step.undo = restore_one(parent, name, &found);
        step.frees = vec![Place::Vdpa(name.to_owned())];
        self.lane.removal.push(vec![step]);
    }

    fn vdpa(&mut self, desired: &DesiredVdpa) {
        let origin = self.origin.and_then(|parent| parent.vdpa.get(&desired.name));
        let wanted = self.wanted_of_vdpa(desired, origin);
        let target = target(origin, &wanted);
        let paths = origin.map(|origin| paths_that_change(&desired.subject, target, origin));
        let paths = paths.unwrap_or_default();
        let mut reason = desired.wanted.reason.clone();
        let mut found = self.now.as_ref().and_then(|now| now.vdpa.get(&desired.name)).cloned();
        if !paths.is_empty() && self.recorded_child(&desired.subject).is_none() {
            let text = format!(
                "it is there with another {}, which never changes, and subdevcfg did not make it: `vdpa dev del {}`, \
                 or write what it has",
                paths.join(" and "),
                desired.name
            );
            self.draft.refuse(&desired.address, text);
            return;
        }
        if !paths.is_empty() && found.is_some() {
            let attribute = Attribute::Vdpa(VdpaAttribute::Mac);
            let rule = rules::for_attribute(&desired.subject, &attribute, self.catalogue);
            reason = Reason::forced(rule.because);
            self.delete_vdpa(&desired.name, &desired.address, &reason, rule.impact);
            found = None;
        }
        if found.is_none() && !self.will_manage_vdpa() {
            let text = "no vDPA device can be made on this device: it is none of those that `vdpa mgmtdev show` lists \
                        (mlx5 needs its module mlx5_vdpa and `param enable_vnet #true`)";
            self.draft.refuse(&desired.address, text);
            return;
        }
        let mut steps = Vec::new();
        if found.is_none() {
            if origin.is_some() && paths.is_empty() {
                reason = Reason::forced("comes back as it was");
            }
            steps.push(self.make_vdpa(desired, target, &wanted, &reason));
        }
        steps.extend(self.bind_vdpa(desired, origin, found.as_ref(), &wanted));
        self.lane.vdpas.push(steps);
        let settings = origin.map(Vdpa::settings);
        let (subject, address) = (&desired.subject, &desired.address);
        let mut change = changes::between(subject, address, settings.as_ref(), Some(&wanted), reason);
        if origin.is_some() && found.is_none() {
            change.actions = vec![Action::Delete, Action::Create];
            change.replace_paths = paths;
        }
        self.draft.change(change);
    }

    /// What the file says; others have some of one that is there.
    fn wanted_of_vdpa(&self, desired: &DesiredVdpa, origin: Option<&Vdpa>) -> Settings {
        let mut wanted = desired.wanted.settings.clone();
        let path = |attribute: &Attribute| {
            format!("vdpa[{}].{}", desired.name, desired.subject.attribute_path(attribute))
        };
        if origin.is_some() {
            wanted.retain(|attribute| self.desired.left.owner(&path(attribute)).is_none());
        }
        wanted
    }

    /// Whether the parent is a management device when one is to be made. After a reload it may be one that it is not now.
    fn will_manage_vdpa(&self) -> bool {
        let reloads = self.lane.parent.iter().any(|step| step.stage == Stage::ParentReload);
        self.origin.is_some_and(|origin| origin.volatile.0.manages_vdpa || reloads)
    }

    fn make_vdpa(
        &self,
        desired: &DesiredVdpa,
        target: VdpaConfig,
        wanted: &Settings,
        reason: &Reason,
    ) -> Step {
        let parent = self.desired.subject.parent.clone();
        let name = desired.name.clone();
        let make = Request::MakeVdpa { parent: parent.clone(), name: name.clone(), config: target };
        let mut step = Step::new(Stage::MakeVdpa, &desired.address, make, reason.clone());
        step.undo = vec![(Request::DeleteVdpa { parent, name }, None)];
        let is_asked = |setting: &&Setting| {
            matches!(setting, Setting::Vdpa(_)) && desired.wanted.why(&setting.attribute()).source.is_some()
        };
        step.writes = wanted.iter().filter(is_asked).cloned().collect();
        step
    }

    fn bind_vdpa(
        &self,
        desired: &DesiredVdpa,
        origin: Option<&Vdpa>,
        found: Option<&Vdpa>,
        wanted: &Settings,
    ) -> Option<Step> {
        let before = origin.and_then(|origin| origin.settings().get(&Attribute::Bind).cloned());
        let asked = wanted.get(&Attribute::Bind).cloned();
        let target = asked.clone().or_else(|| before.clone())?;
        let now = found.map(Vdpa::settings).and_then(|now| now.get(&Attribute::Bind).cloned());
        if now.as_ref().unwrap_or(&BY_THE_KERNEL) == &target {
            return None;
        }
        let reason = match &asked {
            Some(_) => desired.wanted.why(&Attribute::Bind).clone(),
            None => Reason::forced("comes back as it was"),
        };
        let (subject, address) = (&desired.subject, &desired.address);
        let rule = rules::for_attribute(subject, &Attribute::Bind, self.catalogue);
        let mut step = Step::set(rule.stage, address, subject, target.clone(), now.as_ref(), reason);
        step.before = before.as_ref().map(Setting::value);
        // To write down a choice that is in force already disturbs nobody.
        let stays = |found: &&Vdpa| Setting::Bind(found.volatile.0.driver.clone()) != target;
        step.impact = found.filter(stays).map_or(Impact::None, |found| price(found, rule.impact));
        Some(step)
    }

    /// Notes that a reload takes all of them along; those that nobody may take are a refusal.
    pub(super) fn take_vdpas(&mut self, because: &Reason) -> BTreeMap<String, Vdpa> {
        let Some(now) = &mut self.now else { return BTreeMap::new() };
        let vdpas = std::mem::take(&mut now.vdpa);
        for name in vdpas.keys() {
            let subject = self.of_vdpa(name);
            if self.recorded_child(&subject).is_none() {
                self.refuse_to_take(&subject, because);
            }
        }
        vdpas
    }

    fn of_vdpa(&self, name: &str) -> Subject {
        Subject::vdpa(self.desired.subject.parent.clone(), name.to_owned())
    }
}
