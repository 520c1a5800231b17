//! The functions of a parent: what each is to become, and the steps there.

use subdevcfg_compiler::catalogue::Impact;
use subdevcfg_compiler::values::EswitchMode;

use super::function::{self, Context, Target};
use super::lane::Step;
use super::parent::Planner;
use super::{Action, NoteKind, changes, mdev, supported, tree, vfs};
use crate::desired::DesiredFunction;
use crate::reason::Reason;
use crate::record::RecordChange;
use crate::resource::{Attribute, Setting, Settings, Side};
use crate::rules::{self, Stage};
use crate::state::Function;

impl Planner<'_, '_> {
    pub(super) fn functions(&mut self) {
        let desired = self.desired;
        // SFs first: a mediated device takes a free number, and it must not be one that the file gives to an SF.
        let mdevs_last = |function: &&DesiredFunction| function.id.is_mdev();
        let mut functions: Vec<&DesiredFunction> =
            desired.functions.iter().filter(|function| !function.absent).collect();
        functions.sort_by_key(mdevs_last);
        for function in functions {
            self.function(function);
        }
        self.unnamed();
        self.check_capacity();
    }

    fn function(&mut self, desired: &DesiredFunction) {
        let input = self.draft.input;
        let origin = self.origin.and_then(|parent| parent.function(&desired.id));
        let mut found = self.now.as_ref().and_then(|parent| parent.function(&desired.id)).cloned();
        let wanted = &self.wanted_of(desired);
        if desired.id.is_pci() && self.is_missing(desired, found.as_ref()) {
            return;
        }
        if desired.on_vf.is_some_and(|index| self.carrier_is_missing(desired, index)) {
            return;
        }
        supported::tell(self.draft, &desired.subject, &desired.address, &desired.wanted);
        let Ok(mdev_type) = self.type_of(desired) else { return };
        let granted = origin.map_or_else(Settings::new, |found| {
            mdev::taken_for_granted(input.record, &desired.subject, found, wanted)
        });
        self.tell_of_granted(desired, &granted);
        let origin_settings = origin.map(|origin| {
            let mut settings = origin.settings();
            settings.extend(granted.iter().cloned());
            settings
        });
        let stands = found.as_ref().is_some_and(|found| found.mdev_type == mdev_type)
            && granted.is_empty()
            && self.stands(desired, found.as_ref())
            && origin_settings.as_ref().is_some_and(|there| wanted.iter().all(|setting| there.has(setting)));
        let mut target = (!stands).then(|| Target {
            mdev_type: mdev_type.clone(),
            on_vf: desired.on_vf,
            ..self.target_of(desired, found.as_ref(), &granted)
        });
        let is_passed_over = found.as_ref() != origin;
        self.check(desired, origin, wanted);
        if found.is_none() {
            self.check_subfunction(desired);
        }
        let replaced = found.as_ref().and_then(|found| replaces(desired, mdev_type.as_deref(), found));
        if let Some((_, because)) = &replaced {
            found = None;
            self.make_again(desired, &Reason::forced(*because));
        }
        let because = self.gone.get(&desired.id).cloned();
        if self.netdev_is_hidden(desired, wanted, found.as_ref()) {
            let text = "its netdev is not visible: in another network namespace, or a parameter was written by hand \
                        and its instance never reloaded; left alone";
            self.draft.note(NoteKind::Withheld, &desired.address, text);
            return;
        }
        if self.representor_is_hidden(wanted, origin, found.as_ref()) {
            let text = "its representor is not visible, most likely in another network namespace: what the file says \
                        of it is left alone";
            self.draft.note(NoteKind::Withheld, &desired.address, text);
            let others = |attribute: &Attribute| attribute.side() != Some(Side::Representor);
            if let Some(target) = &mut target {
                target.settings.retain(others);
            }
        }
        let reason = because.clone().unwrap_or_else(|| desired.wanted.reason.clone());
        let context = Context {
            parent: &self.desired.subject.parent,
            id: &desired.id,
            address: &desired.address,
            catalogue: self.catalogue,
            kernel_release: &input.state.volatile.0.kernel_release,
            has_state: self.has_state(desired.on_vf),
            origin,
            granted: &granted,
            ports: Some(&self.draft.ports),
            made_again: found.is_none(),
            pending: input.record.pending.contains(&desired.subject),
            why: &|attribute| {
                if wanted.get(attribute).is_some() {
                    desired.wanted.why(attribute).clone()
                } else {
                    Reason::default()
                }
            },
            reason: &reason,
        };
        let steps = |target: &Target| function::steps(&context, found.as_ref(), target);
        debug_assert!(
            !stands || steps(&self.target_of(desired, found.as_ref(), &granted)).is_empty(),
            "{} stands as it is, and there are steps",
            desired.address
        );
        let steps = target.as_ref().map(steps).unwrap_or_default();
        let is_restarted = steps.iter().any(|step| step.stage == Stage::Stop);
        let is_taken = is_passed_over || replaced.is_some() || is_restarted;
        match (self.had(&desired.id), &target) {
            (Some(had), _) if origin.is_some() && is_taken => self.takes_along(&had),
            (None, Some(target)) => self.comes_without_driver(&desired.id, target),
            _ => {}
        }
        if let (Some(target), Some(there)) = (&target, &origin_settings) {
            self.note_what_comes_along(desired, target, there, &steps);
        }
        self.add(desired, steps, found.is_none());
        self.tell_of_failing_port(&desired.address, wanted, origin);
        let (subject, address) = (&desired.subject, &desired.address);
        let mut change = changes::between(subject, address, origin_settings.as_ref(), Some(wanted), reason);
        let starts = desired.active && origin.is_some_and(|origin| !origin.active);
        if starts && change.actions == [Action::NoOp] {
            change.actions = vec![Action::Update];
        }
        if let Some(origin) = origin.filter(|_| because.is_some()) {
            change.actions = vec![Action::Delete, Action::Create];
            change.impact = if origin.active { rules::REPLACE } else { Impact::None };
            change.replace_paths = replaced.into_iter().map(|(path, _)| path.to_owned()).collect();
        }
        self.draft.change(change);
    }

    /// Notes what becomes as the file wants it by steps that are there for something else: a new netdev is down by itself.
    fn note_what_comes_along(
        &mut self,
        desired: &DesiredFunction,
        target: &Target,
        there: &Settings,
        steps: &[Step],
    ) {
        if self.undoing.is_some() {
            return;
        }
        for applied in desired.wanted.settings.iter().filter(|setting| target.settings.has(setting)) {
            let attribute = applied.attribute();
            let brings = |step: &Step| step.sets(&attribute) || step.writes.contains(applied);
            let found = there.get(&attribute).filter(|found| *found != applied);
            if found.is_none() || steps.iter().any(brings) {
                continue;
            }
            let (subject, found) = (desired.subject.clone(), found.cloned());
            let address = subject.attribute_address(&desired.address, &attribute);
            let change = RecordChange::Written { subject, address, found, applied: applied.clone() };
            self.draft.bookkeeping.written.push(change);
            // It is in force, and waits for no reload; where another one does, the plan has that reload.
            if !self.draft.input.record.pending.contains(&desired.subject) {
                self.draft.bookkeeping.written.push(RecordChange::Reloaded(desired.subject.clone()));
            }
        }
    }

    /// Refuses what cannot be of a function.
    fn check(&mut self, desired: &DesiredFunction, origin: Option<&Function>, wanted: &Settings) {
        self.check_names(desired, origin);
        self.check_kernel(desired);
        self.check_legacy(desired);
        self.check_port(desired);
        self.check_devlink(&desired.address, &by_devlink(desired, wanted));
        self.check_device_attributes(desired);
    }

    /// Takes a function away that comes back as another one.
    fn make_again(&mut self, desired: &DesiredFunction, because: &Reason) {
        self.take(&desired.id, because);
        for present in self.take_out(|_, function| function.id == desired.id) {
            self.delete(&present, &desired.address, because, rules::REPLACE);
        }
    }

    /// Adds the steps of a function to the lane.
    fn add(&mut self, desired: &DesiredFunction, steps: Vec<Step>, is_new: bool) {
        self.draft.ports.note(&steps);
        let loses_driver = steps.iter().any(|step| step.stage == Stage::Stop);
        // Once its representor is gone, nothing tells whose a port was that an apply left behind that did not finish.
        let is_early = |step: &Step| is_new && step.stage == Stage::LeaveSwitch;
        let (early, steps) = steps.into_iter().partition(is_early);
        self.lane.removal.push(early);
        self.lane.functions.push(steps);
        if loses_driver && desired.id.is_pci() {
            let index = desired.id.vf_index();
            let because = Reason::forced("it goes when its VF loses the driver");
            self.mdevs_come_off(|on_vf| Some(on_vf) == index, &because);
        }
    }

    /// Whether a function is as the apply found it, and runs or not as it is wanted to. If it has all that the file says of it
    /// as well, there is nothing to be done about it, and no target has to be worked out: so it is with most functions of
    /// most plans. One that is in a bridge or below a rate node may have to leave it, whatever the file says.
    fn stands(&self, desired: &DesiredFunction, found: Option<&Function>) -> bool {
        let origin = self.origin.and_then(|parent| parent.function(&desired.id));
        let is_apart = |function: &Function| {
            let is_port = function.representor.as_ref().is_some_and(|representor| representor.port.is_some());
            let has_parent = function.rates.as_ref().is_some_and(|rates| rates.parent.is_some());
            !is_port && !has_parent && !function.id.is_pci()
        };
        found.is_some_and(|found| {
            is_apart(found) && found.active == desired.active && found.on_vf == desired.on_vf
        }) && found == origin
            && !self.gone.contains_key(&desired.id)
            && self.draft.ports.is_empty()
            && self.owed(&desired.id).is_none()
            && !self.draft.input.record.pending.contains(&desired.subject)
    }

    /// What the file says of a function, as far as it can be done now.
    fn wanted_of(&self, desired: &DesiredFunction) -> Settings {
        let origin = self.origin.and_then(|parent| parent.function(&desired.id));
        let mut wanted = ours(desired, origin.or_else(|| self.owed(&desired.id)));
        self.leave_what_waits(&mut wanted);
        wanted
    }

    /// What a function is to become: what the file says, and for the rest what it was.
    pub(super) fn target_of(
        &self,
        desired: &DesiredFunction,
        found: Option<&Function>,
        granted: &Settings,
    ) -> Target {
        let wanted = &self.wanted_of(desired);
        let had = self.had(&desired.id);
        let had = had.as_deref();
        let mut target = match had {
            // A new VF begins with what was set of the former one.
            Some(had) => Target::with(had, if found.is_none() { vfs::as_set(had) } else { had.settings() }),
            None => Target {
                active: true,
                mdev_type: None,
                on_vf: None,
                settings: Settings::new(),
                order: Vec::new(),
            },
        };
        tree::leave_drivers_choice(&mut target.settings, &desired.id, self.catalogue);
        target.order.clone_from(&desired.wanted.order);
        target.active = desired.active;
        if desired.id.is_pci() {
            target.active = desired.bound.unwrap_or_else(|| {
                desired.active && (self.carries(&desired.id) || self.vf_is_active(wanted, had))
            });
        }
        target.settings.extend(granted.iter().cloned());
        target.settings.extend(wanted.iter().filter(|setting| !is_bound_so(setting, found)).cloned());
        if function::netdev_is_off(&target.settings, self.catalogue) {
            target.settings.retain(|attribute| attribute.side() != Some(Side::Netdev));
        }
        if desired.id.is_pci() {
            self.leave_other_mode(&mut target.settings);
        } else if self.now.as_ref().is_some_and(|parent| parent.eswitch.mode == Some(EswitchMode::Legacy)) {
            target.settings.retain(|attribute| !is_of_switchdev(attribute));
        }
        self.leave_what_goes(&mut target.settings, &desired.wanted);
        self.leave_bridge(&mut target.settings, wanted);
        let bridge_before = had.and_then(Function::bridge);
        if target.settings.get(&Attribute::Bridge) != bridge_before.as_ref()
            && wanted.get(&Attribute::Vlans).is_none()
        {
            // The VLANs were those of another bridge.
            target.settings.retain(|attribute| *attribute != Attribute::Vlans);
        }
        target
    }

    /// A function of an eswitch in switchdev mode has a representor: one that is not to be seen is elsewhere.
    fn representor_is_hidden(
        &self,
        wanted: &Settings,
        origin: Option<&Function>,
        found: Option<&Function>,
    ) -> bool {
        let unseen = |function: Option<&Function>| function.is_some_and(|found| found.representor.is_none());
        let switchdev = self.origin.is_some_and(|origin| origin.eswitch.mode == Some(EswitchMode::Switchdev));
        let named = wanted.get(&Attribute::Name(Side::Representor)).is_some();
        named && switchdev && unseen(origin) && unseen(found)
    }

    /// The function runs, all that its netdev needs is set, and yet there is none to be seen.
    fn netdev_is_hidden(
        &self,
        desired: &DesiredFunction,
        wanted: &Settings,
        found: Option<&Function>,
    ) -> bool {
        let Some(found) = found.filter(|found| found.active && found.netdev.is_none()) else { return false };
        let wants_netdev = wanted.get(&Attribute::Name(Side::Netdev)).is_some();
        let settings = found.settings();
        let params = |setting: &&Setting| matches!(setting, Setting::Param { .. });
        let in_force = wanted.iter().filter(params).all(|setting| settings.has(setting));
        let mac = wanted.get(&Attribute::Mac);
        let restarts = mac.is_some_and(|mac| !settings.has(mac));
        wants_netdev && in_force && !restarts && !self.draft.input.record.pending.contains(&desired.subject)
    }
}

/// The attribute for which a function that is there is made again, and why.
fn replaces(
    desired: &DesiredFunction,
    mdev_type: Option<&str>,
    found: &Function,
) -> Option<(&'static str, &'static str)> {
    if found.mdev_type.as_deref() != mdev_type {
        return Some(("mdev.type", "the type of a mediated device never changes: it is made again"));
    }
    let because = "a mediated device stays where it was made: it is made again on the other device";
    (found.on_vf != desired.on_vf).then_some(("vf", because))
}

/// What devlink shows the way to: of a VF all but its netdev, which is below its PCI device.
fn by_devlink(desired: &DesiredFunction, wanted: &Settings) -> Settings {
    let is_of_device = |attribute: &Attribute| desired.id.is_pci() && attribute.side() == Some(Side::Netdev);
    wanted.iter().filter(|setting| !is_of_device(&setting.attribute())).cloned().collect()
}

/// What the file says of a function. Others have some of one that is there; a new one begins with all.
fn ours(desired: &DesiredFunction, origin: Option<&Function>) -> Settings {
    match origin {
        Some(_) => desired.left.ours(&desired.subject, &desired.wanted.settings),
        None => desired.wanted.settings.clone(),
    }
}

/// Whether a VF is bound to the driver that is wanted, though nobody chose it for this VF alone.
fn is_bound_so(setting: &Setting, found: Option<&Function>) -> bool {
    let device = found.and_then(|function| function.vf.as_ref()?.device.as_ref());
    let driver =
        device.filter(|device| device.driver_override.is_none()).and_then(|device| device.driver.as_ref());
    matches!(setting, Setting::Bind(Some(wanted)) if driver == Some(wanted))
}

/// Attributes of what a function has in switchdev mode only: its representor and its rate leaf.
pub(super) fn is_of_switchdev(attribute: &Attribute) -> bool {
    attribute.side() == Some(Side::Representor) || attribute.is_rate()
}
