//! The steps that bring one function from what it is to what it is to be.

mod defaults;
mod interface;

use subdevcfg_compiler::catalogue::{Catalogue, FunctionManners, Impact, ParamOwner, ParamsBefore};
use subdevcfg_compiler::values::DevlinkHandle;

use super::Reversible;
use super::lane::Step;
use super::ovs::{self, Ports};
use super::places;
use super::tree;
use super::vfs;
use crate::kernel::{Effect, Request};
use crate::reason::Reason;
use crate::resource::{Attribute, FunctionId, Setting, Settings, Side, Subject};
use crate::rules::{self, Needs, Stage};
use crate::state::{Function, Rates};

pub(crate) use defaults::{default_attributes, default_params, netdev_is_off};
use interface::lose_netdev;
pub(super) use interface::new_interface;

/// A function that is to be.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub active: bool,
    pub mdev_type: Option<String>,
    /// The VF that is to carry it.
    pub on_vf: Option<u32>,
    pub settings: Settings,
    /// The attributes whose order matters.
    pub order: Vec<Attribute>,
}

impl Target {
    /// The function exactly as it was observed.
    pub fn as_observed(function: &Function) -> Self {
        let settings = if function.id.is_pci() { vfs::as_observed(function) } else { function.settings() };
        Self::with(function, settings)
    }

    /// The function as it was observed, but for these settings.
    pub fn with(function: &Function, settings: Settings) -> Self {
        Self {
            active: function.active,
            mdev_type: function.mdev_type.clone(),
            on_vf: function.on_vf,
            settings,
            order: Vec::new(),
        }
    }
}

/// What the steps are worked out from.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    pub parent: &'a DevlinkHandle,
    pub id: &'a FunctionId,
    pub address: &'a str,
    pub catalogue: Option<&'a Catalogue>,
    pub kernel_release: &'a str,
    /// It has a state that is set. What is on a parent without devlink or on a VF runs as soon as it is made.
    pub has_state: bool,
    /// The function as the apply finds it; `None` when it is not there.
    pub origin: Option<&'a Function>,
    /// What was written to it and cannot be read back.
    pub granted: &'a Settings,
    /// The ports of Open vSwitch that no function has; `None` where all that is there was found with the functions.
    pub ports: Option<&'a Ports>,
    /// An earlier step of the plan takes the function away.
    pub made_again: bool,
    /// A parameter was written and its instance not reloaded since.
    pub pending: bool,
    /// Why an attribute is wanted.
    pub why: &'a dyn Fn(&Attribute) -> Reason,
    /// Why the function itself is wanted.
    pub reason: &'a Reason,
}

/// The steps that take a function away. Undone, it is made again as it was found.
pub(super) fn delete_steps(context: &Context<'_>, origin: &Function, impact: Impact) -> Vec<Step> {
    let mut steps: Vec<Step> = context.comes_off(context.reason).into_iter().collect();
    let rebuilt = context.restore(None);
    let is_stopped = origin.active && context.has_state;
    let (later, first): (Vec<_>, Vec<_>) =
        rebuilt.into_iter().partition(|step| is_stopped && step.stage >= Stage::Activate);
    if is_stopped {
        let mut step = context.step(Stage::StopRemoved, context.set_active(false), context.reason.clone());
        step.effect = Some(Effect::Detached);
        step.impact = impact;
        step.reversible = Reversible::ConfigurationOnly;
        step.undo = later.into_iter().map(Step::into_request).collect();
        step.frees = places::of_interface(origin, Side::Netdev);
        steps.push(step);
    }
    let mut step = context.step(Stage::Remove, context.delete(), context.reason.clone());
    step.effect = Some(Effect::Gone);
    step.impact = impact;
    step.reversible = Reversible::ConfigurationOnly;
    step.undo = first.into_iter().map(Step::into_request).collect();
    step.frees = places::of_function(context.parent, origin);
    steps.push(step);
    steps
}

/// The requests that make a function again as it was found, once `left` is left of it.
pub(super) fn restore_requests(
    context: &Context<'_>,
    left: Option<&Function>,
) -> impl Iterator<Item = (Request, Option<Effect>)> {
    context.restore(left).into_iter().map(Step::into_request)
}

/// The function as it stands while the steps are worked out.
pub(super) struct Now {
    pub exists: bool,
    pub active: bool,
    pub settings: Settings,
    /// What it has as the apply finds it.
    pub origin: Settings,
}

impl Now {
    fn of(found: Option<&Function>, origin: Option<&Function>) -> Self {
        let mut settings = found.map(Function::settings).unwrap_or_default();
        ovs::leave_out(&mut settings);
        // An interface that is not there is a new one when it comes.
        let absent = |side: &Side| found.is_some_and(|function| function.interface(*side).is_none());
        settings.extend(Side::ALL.into_iter().filter(absent).flat_map(new_interface));
        let origin = origin.map(Function::settings).unwrap_or_default();
        let active = found.is_some_and(|function| function.active);
        Self { exists: found.is_some(), active, settings, origin }
    }
}

/// The steps from `found` (what parent operations left of the function) to `target`.
pub(super) fn steps(context: &Context<'_>, found: Option<&Function>, target: &Target) -> Vec<Step> {
    let mut now = Now::of(found, context.origin);
    if found.is_some() {
        now.settings.extend(context.granted.iter().cloned());
    }
    let with_port = target;
    let mut target = target.clone();
    ovs::leave_out(&mut target.settings);
    let target = &target;
    let mut steps = Vec::new();
    context.create(&mut now, target, &mut steps);
    context.stop_if_needed(found, &mut now, target, &mut steps);
    context.device_attributes(&now, target, &mut steps);
    context.attributes(&now, target, &mut steps);
    if context.params_before() == ParamsBefore::Activation {
        context.params(&mut now, target, &mut steps, Stage::EarlyParam, Stage::EarlyReload);
    }
    context.activate(found, &mut now, target, &mut steps);
    if context.params_before() == ParamsBefore::Use {
        context.params(&mut now, target, &mut steps, Stage::LateParam, Stage::LateReload);
    }
    for side in Side::ALL {
        context.interface(found, &now, target, side, &mut steps);
    }
    context.switch_steps(with_port, &mut steps);
    steps
}

impl Context<'_> {
    pub(super) fn subject(&self) -> Subject {
        Subject::function(self.parent.clone(), self.id.clone())
    }

    fn manners(&self) -> Option<FunctionManners> {
        let catalogue = self.catalogue?;
        if self.id.is_mdev() { catalogue.mdev } else { catalogue.sf }
    }

    pub(super) fn params_before(&self) -> ParamsBefore {
        self.manners().map_or(ParamsBefore::Use, |manners| manners.params_before)
    }

    /// The price of a change that somebody feels only if the function is there and running; of one that is made again
    /// the step that takes it away bears the price.
    pub(super) fn price(&self, impact: Impact) -> Impact {
        if !self.made_again && self.origin.is_some_and(|origin| origin.active) {
            impact
        } else {
            Impact::None
        }
    }

    /// Whether nobody here can start or stop the function: it is a VF that is no device, or another host makes it.
    fn runs_elsewhere(&self) -> bool {
        self.id.is_made_elsewhere() || self.id.is_pci() && !vfs::are_devices(self.parent)
    }

    /// Stopping or reloading what somebody may be using cannot be made unhappened.
    fn reversible(&self) -> Reversible {
        if self.origin.is_some() { Reversible::ConfigurationOnly } else { Reversible::Yes }
    }

    pub(super) fn step(&self, stage: Stage, request: Request, reason: Reason) -> Step {
        Step::new(stage, self.address, request, reason)
    }

    pub(super) fn set_active(&self, active: bool) -> Request {
        Request::SetActive { parent: self.parent.clone(), id: self.id.clone(), active }
    }

    /// The requests that bring the function back as it was found, once only `left` is left of it.
    fn restore(&self, left: Option<&Function>) -> Vec<Step> {
        let Some(origin) = self.origin else { return Vec::new() };
        // Without an origin: the steps of an undo have no undo of their own.
        let context = Context { origin: None, pending: false, ports: None, ..*self };
        let mut target = Target::as_observed(origin);
        // A port of Open vSwitch is there until a step takes it out, which has an undo of its own.
        ovs::leave_out(&mut target.settings);
        tree::leave_drivers_choice(&mut target.settings, self.id, self.catalogue);
        target.settings.extend(self.granted.iter().cloned());
        let mut steps = steps(&context, left, &target);
        steps.sort_by_key(|step| step.stage);
        steps
    }

    fn create(&self, now: &mut Now, target: &Target, steps: &mut Vec<Step>) {
        if now.exists {
            return;
        }
        if self.id.is_pci() {
            return self.new_vf(now, target);
        }
        let request = Request::Create {
            parent: self.parent.clone(),
            id: self.id.clone(),
            mdev_type: target.mdev_type.clone(),
            on_vf: target.on_vf,
        };
        let mut step = self.step(Stage::Create, request, self.reason.clone());
        step.undo = vec![(self.delete(), Some(Effect::Gone))];
        step.effect = wants(target, Side::Representor).then_some(Effect::Representor);
        steps.push(step);
        (now.exists, now.active, now.settings) = (true, !self.has_state, self.new_settings(target));
    }

    fn delete(&self) -> Request {
        Request::Delete { parent: self.parent.clone(), id: self.id.clone() }
    }

    /// What a function that was just made has, as far as it is known before it is made.
    fn new_settings(&self, target: &Target) -> Settings {
        let params = default_params(self.catalogue, ParamOwner::Function, target.mdev_type.as_deref());
        params
            .chain(default_attributes(self.catalogue))
            .chain(self.new_rates())
            .chain(Side::ALL.into_iter().flat_map(new_interface))
            .collect()
    }

    /// The rate leaf of a function that was just made. Where the driver makes nodes, it is below one of them.
    pub(super) fn new_rates(&self) -> Settings {
        let mut rates = Rates::of_new().settings();
        if self.catalogue.is_some_and(|known| known.driver_rate_nodes.is_some()) {
            rates.retain(|attribute| *attribute != Attribute::RateParent);
        }
        rates
    }

    /// Stops a running function when an attribute changes only while it is stopped.
    fn stop_if_needed(
        &self,
        found: Option<&Function>,
        now: &mut Now,
        target: &Target,
        steps: &mut Vec<Step>,
    ) {
        if self.is_stopping(found, target, now) {
            steps.push(self.wait_to_stop());
            return;
        }
        let subject = self.subject();
        let forcing = differing(target, now).find_map(|setting| {
            let rule = rules::for_attribute(&subject, &setting.attribute(), self.catalogue);
            (rule.needs == Needs::InactiveFunction).then_some(rule.because)
        });
        let because = match (now.active, target.active, forcing) {
            (true, true, Some(because)) => because,
            (true, false, _) => "the function goes back to inactive",
            _ => return,
        };
        if self.runs_elsewhere() {
            return;
        }
        let mut step = self.step(Stage::Stop, self.set_active(false), Reason::forced(because));
        step.effect = Some(Effect::Detached);
        step.impact = self.price(rules::RESTART);
        step.reversible = Reversible::ConfigurationOnly;
        let stopped = self.origin.map(|origin| self.stopped(origin));
        step.undo = self.restore(stopped.as_ref()).into_iter().map(Step::into_request).collect();
        step.frees = self.places_of(Side::Netdev);
        steps.push(step);
        now.active = false;
        self.lose_what_runs(now);
    }

    /// What is left of a function when it is stopped.
    pub(super) fn stopped(&self, function: &Function) -> Function {
        let mut left = function.clone();
        left.active = false;
        left.netdev = None;
        if self.params_before() == ParamsBefore::Use {
            left.params.clear();
        }
        left
    }

    /// A stopped function has no netdev; one whose instance is made by activation has no parameters either.
    fn lose_what_runs(&self, now: &mut Now) {
        if self.params_before() == ParamsBefore::Use {
            now.settings.retain(|attribute| !matches!(attribute, Attribute::Param(..)));
            now.settings.extend(default_params(self.catalogue, ParamOwner::Function, None));
        }
        lose_netdev(now);
    }

    fn attributes(&self, now: &Now, target: &Target, steps: &mut Vec<Step>) {
        let attributes = differing(target, now).filter(|setting| is_of_the_port(&setting.attribute()));
        let mut attributes: Vec<Setting> = attributes.cloned().collect();
        vfs::order(&mut attributes, &now.settings);
        for setting in attributes {
            let found = now.settings.get(&setting.attribute());
            let between = rules::between_rate_nodes(self.kernel_release, found, &setting);
            let mut step = self.set(Stage::FunctionAttribute, now, setting);
            if let Some(between) = between {
                let mut first = self.set(Stage::FunctionAttribute, now, between.clone());
                first.reason = Reason::forced(rules::BETWEEN_RATE_NODES);
                steps.push(first);
                // Undone, it comes by the same way.
                if !step.undo.is_empty() {
                    step.undo = vec![(Request::Set { subject: self.subject(), setting: between }, None)];
                }
            }
            steps.push(step);
        }
    }

    fn params(&self, now: &mut Now, target: &Target, steps: &mut Vec<Step>, param: Stage, reload: Stage) {
        let running = now.active;
        let survives = self.instance_survives(steps);
        let mut reloads = (now.exists && self.pending)
            .then(|| Reason::forced("a parameter was written and never came into force"));
        let changed = differing(target, now).filter(|setting| matches!(setting, Setting::Param { .. }));
        for setting in changed.cloned().collect::<Vec<_>>() {
            let rule = rules::for_attribute(&self.subject(), &setting.attribute(), self.catalogue);
            if rule.needs == Needs::Reload {
                reloads.get_or_insert_with(|| Reason::forced(rule.because));
            }
            let mut step = self.set(param, now, setting);
            // A driverinit value costs nothing until the reload.
            if rule.needs == Needs::Reload || !running {
                step.impact = Impact::None;
            }
            if !survives {
                step.undo.clear();
            }
            steps.push(step);
        }
        let Some(reason) = reloads else { return };
        let request = Request::Reload { subject: self.subject() };
        let mut step = self.step(reload, request.clone(), reason);
        if running {
            step.effect = wants(target, Side::Netdev).then_some(Effect::Netdev);
            step.impact = self.price(rules::RESTART);
            step.reversible = self.reversible();
            step.frees = self.places_of(Side::Netdev);
            lose_netdev(now);
        }
        if survives {
            step.undone_after = Some(param);
            step.undo = vec![(request, None)];
            if running && let Some(origin) = self.origin {
                step.undo[0].1 = origin.netdev.as_ref().map(|_| Effect::Netdev);
                let reloaded = Function { netdev: None, ..origin.clone() };
                step.undo.extend(self.restore(Some(&reloaded)).into_iter().map(Step::into_request));
            }
        }
        steps.push(step);
    }

    /// Whether the function's instance was there before these steps and is the same after them. What is written to one
    /// that is not needs no undo: the instance goes with the undo of the step that made it.
    fn instance_survives(&self, steps: &[Step]) -> bool {
        let made_by = |step: &Step| match self.params_before() {
            ParamsBefore::Use => matches!(step.stage, Stage::Create | Stage::Activate),
            ParamsBefore::Activation => step.stage == Stage::Create,
        };
        let is_new = self.id.is_pci() && self.made_again;
        self.origin.is_some() && !is_new && !steps.iter().any(made_by)
    }

    fn activate(&self, found: Option<&Function>, now: &mut Now, target: &Target, steps: &mut Vec<Step>) {
        if self.is_starting(found, now, target) {
            steps.push(self.wait_to_start());
            return;
        }
        if now.active || !target.active {
            return;
        }
        let reason = match self.origin {
            Some(origin) if origin.active => Reason::forced("it was running, and runs again"),
            _ => self.reason.clone(),
        };
        let mut step = self.step(Stage::Activate, self.set_active(true), reason);
        step.effect = match self.params_before() {
            _ if self.id.is_pci() => Self::vf_attaches(target),
            // It comes up on the other host, whenever there is a driver for it.
            _ if self.id.is_of_other_host() => None,
            ParamsBefore::Use => Some(Effect::Instance),
            ParamsBefore::Activation => wants(target, Side::Netdev).then_some(Effect::Netdev),
        };
        step.undo = vec![(self.set_active(false), Some(Effect::Detached))];
        steps.push(step);
        now.active = true;
    }

    /// A step that writes one attribute; undone by writing what was found, if there was something.
    pub(super) fn set(&self, stage: Stage, now: &Now, setting: Setting) -> Step {
        let subject = self.subject();
        let attribute = setting.attribute();
        let rule = rules::for_attribute(&subject, &attribute, self.catalogue);
        // What the PF sets for a VF may be kept by the driver when the VF goes.
        let is_kept = self.id.is_pci() && self.made_again && matches!(attribute, Attribute::Legacy(_));
        let granted = self.granted.get(&attribute).filter(|_| self.origin.is_some());
        let found = granted.or_else(|| now.origin.get(&attribute));
        let back_to = now.settings.get(&attribute).filter(|_| self.origin.is_some());
        let back_to = back_to.or(found.filter(|_| is_kept));
        let asked = (self.why)(&attribute);
        let reason = if found == Some(&setting) {
            Reason { text: Some("comes back as it was".to_owned()), ..asked }
        } else {
            asked
        };
        let mut step = Step::set(stage, self.address, &subject, setting, back_to, reason);
        step.before = found.map(Setting::value);
        step.impact = match rule.needs {
            // Nothing stops it for that: what runs it may feel it at once.
            Needs::InactiveFunction if self.runs_elsewhere() => self.price(Impact::Traffic),
            // The forced steps beside it carry the price of what they interrupt.
            Needs::InactiveFunction => Impact::None,
            _ => self.price(rule.impact),
        };
        step
    }
}

/// Attributes of the port and of its rate leaf, which are there as long as the port is.
const fn is_of_the_port(attribute: &Attribute) -> bool {
    attribute.is_rate()
        || matches!(attribute, Attribute::Mac | Attribute::Capability(_) | Attribute::MaxIoEqs)
        || matches!(attribute, Attribute::Bind | Attribute::Legacy(_))
}

/// Whether the target has this interface at all.
fn wants(target: &Target, side: Side) -> bool {
    target.settings.iter().any(|setting| setting.attribute().side() == Some(side))
}

pub(super) fn differing<'t>(target: &'t Target, now: &Now) -> impl Iterator<Item = &'t Setting> {
    target.settings.iter().filter(|setting| !now.settings.has(setting))
}
