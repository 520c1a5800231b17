//! The VFs of a parent: another number of them goes by none, and takes all of them along; what each of them had comes
//! back. What the file says of one is worked out in `function`, as for other functions.

use std::collections::BTreeMap;

use subdevcfg_compiler::catalogue::{Impact, Reset, VfManners};
use subdevcfg_compiler::values::{DevlinkHandle, EswitchMode, LinkState, Rate, Scalar};

use super::function::{self, Context, Now, Target};
use super::lane::Step;
use super::parent::Planner;
use super::{NoteKind, Reversible, changes, places, rates};
use crate::desired::DesiredFunction;
use crate::kernel::{Effect, Request};
use crate::reason::Reason;
use crate::resource::{Attribute, FunctionId, Legacy, LegacySetting, Setting, Settings, Side, Subject};
use crate::rules::{self, Stage};
use crate::state::{Function, Rates};

/// What takes VFs away that somebody else's number made.
const NOT_IN_THE_FILE: &str = "write their number (`vfs`) into the file, or set it to 0 by hand";

/// Whether VFs of this parent are devices of their own, with drivers.
pub(super) fn are_devices(parent: &DevlinkHandle) -> bool {
    parent.bus() == "pci"
}

/// Whether a new VF is kept from its driver until what is to be of it is written: a driver looks at it when it is bound.
pub(super) fn is_held(parent: &DevlinkHandle, target: &Target) -> bool {
    let comes_before = |setting: &Setting| match setting {
        Setting::Bind(driver) => driver.is_some(),
        Setting::Legacy(_) | Setting::Mac(_) | Setting::Capability(..) | Setting::MaxIoEqs(_) => true,
        _ => false,
    };
    are_devices(parent) && (!target.active || target.settings.iter().any(comes_before))
}

/// The settings of a VF as they are put back on a new one: what is as nobody has set it is left out, and what the PF sets
/// in legacy mode is not to be written in switchdev mode.
pub(super) fn as_observed(function: &Function) -> Settings {
    let mut settings = as_set(function);
    if function.rates.is_some() || function.representor.is_some() {
        settings.retain(|attribute| !matches!(attribute, Attribute::Legacy(_)));
    }
    settings
}

/// The settings of a function; of a VF, what is as nobody has set it is left out.
pub(super) fn as_set(function: &Function) -> Settings {
    let is_pci = function.id.is_pci();
    let is_set = |setting: &Setting| match setting {
        Setting::Legacy(legacy) => !legacy.is_nothing(),
        Setting::Mac(mac) => !is_pci || !mac.is_zero(),
        _ => true,
    };
    function.settings().into_iter().filter(is_set).collect()
}

/// The order in which a VF's limits are written: the kernel refuses a minimum above the maximum (`rtnl_set_vf_rate`,
/// net/core/rtnetlink.c).
pub(super) fn order(settings: &mut [Setting], now: &Settings) {
    let at =
        |attribute| settings.iter().position(|setting| setting.attribute() == Attribute::Legacy(attribute));
    let (Some(min), Some(max)) = (at(Legacy::RateMin), at(Legacy::RateMax)) else { return };
    let Setting::Legacy(LegacySetting::RateMin(wanted)) = settings[min] else { return };
    let limit = match now.get(&Attribute::Legacy(Legacy::RateMax)) {
        Some(Setting::Legacy(LegacySetting::RateMax(limit))) => limit.0,
        // It may be anything.
        _ => 1,
    };
    if limit > 0 && wanted.0 > limit {
        settings.swap(min, max);
    }
}

/// A request for a number of VFs.
pub(super) fn set_vfs(parent: &DevlinkHandle, count: u32, held: Vec<u32>) -> Request {
    Request::SetVfs { parent: parent.clone(), count, held }
}

/// The indexes of VFs that are to come back as they were and are kept from their drivers until they are.
pub(super) fn held_as_observed(parent: &DevlinkHandle, vfs: &[Function]) -> Vec<u32> {
    let held = vfs.iter().filter(|function| is_held(parent, &Target::as_observed(function)));
    held.filter_map(|function| function.id.vf_index()).collect()
}

impl Context<'_> {
    /// A VF that has just come with its number: the driver is bound as the kernel does it, unless it is held. What the PF
    /// has set for it is not known: some drivers keep it.
    pub(super) fn new_vf(&self, now: &mut Now, target: &Target) {
        let bind = are_devices(self.parent).then_some(Setting::Bind(None));
        let interfaces = Side::ALL.into_iter().flat_map(function::new_interface);
        // How many queues a VF has the firmware says.
        let attributes = function::default_attributes(self.catalogue)
            .filter(|setting| setting.attribute() != Attribute::MaxIoEqs);
        let settings = attributes.chain(self.new_rates()).chain(bind).chain(interfaces).collect();
        (now.exists, now.settings) = (true, settings);
        now.active = target.active && !is_held(self.parent, target);
    }

    /// What is seen when a VF is bound: a driver that was named comes; of another one nobody knows whether there is any.
    pub(super) fn vf_attaches(target: &Target) -> Option<Effect> {
        let is_named = matches!(target.settings.get(&Attribute::Bind), Some(Setting::Bind(Some(_))));
        is_named.then_some(Effect::Attached)
    }
}

impl Planner<'_, '_> {
    fn handle(&self) -> &DevlinkHandle {
        &self.desired.subject.parent
    }

    pub(super) fn vf_manners(&self) -> VfManners {
        // Of a driver that nobody knows the worst is taken for true.
        let unknown = VfManners {
            before_mode: false,
            mode_with_vfs: false,
            mode_ends_with_vfs: false,
            nodes_end_with_vfs: false,
        };
        self.catalogue.and_then(|catalogue| catalogue.vfs).unwrap_or(unknown)
    }

    pub(super) fn vf_count(&self) -> Option<u32> {
        self.now.as_ref()?.sriov.as_ref().map(|sriov| sriov.vfs)
    }

    /// The number of VFs that there are to be: the file's, else the one that subdevcfg gave before and that still is.
    pub(super) fn wanted_vfs(&self) -> Option<u32> {
        let recorded = (self.desired.subject.clone(), Attribute::Vfs);
        let recorded = self.draft.input.record.settings.get(&recorded).map(|written| &written.applied);
        let is_there = |applied: &&Setting| self.origin.is_some_and(|origin| origin.settings().has(applied));
        match self.wanted().get(&Attribute::Vfs).or_else(|| recorded.filter(is_there)) {
            Some(Setting::Vfs(count)) => Some(*count),
            _ => self.owed_vfs().or_else(|| {
                // What goes back to what was found takes VFs away and brings them back as it did on the way here.
                let goes_back = self.undoing.is_some() && self.mode_switches();
                self.origin?.sriov.as_ref().map(|sriov| sriov.vfs).filter(|_| goes_back)
            }),
        }
    }

    /// Whether the number of VFs is this file's, so that those that it does not name are nobody's.
    pub(super) fn counts_vfs(&self) -> bool {
        self.wanted_vfs().is_some()
    }

    /// Whether a reload puts the eswitch back into legacy mode: by itself, or because it takes the VFs.
    pub(super) fn reload_ends_mode(&self) -> bool {
        let by_vfs = self.resets(Reset::Vfs) && self.vf_count().is_some_and(|count| count > 0);
        self.resets(Reset::EswitchMode) || by_vfs && self.vf_manners().mode_ends_with_vfs
    }

    fn resets(&self, what: Reset) -> bool {
        self.catalogue.is_some_and(|known| known.reset_by_reload.contains(&what))
    }

    /// What brings the VFs back that a reload takes. Those that the file does not count are in the way.
    pub(super) fn vfs_lost_by_reload(&mut self, because: &Reason) -> Vec<(Request, Option<Effect>)> {
        let sriov = self.now.as_mut().and_then(|now| now.sriov.as_mut());
        let count = sriov.map_or(0, |sriov| std::mem::take(&mut sriov.vfs));
        if count == 0 {
            return Vec::new();
        }
        if !self.counts_vfs() {
            self.refuse_to_take_vfs(count, because);
        }
        self.mdevs_come_off(|_| true, because);
        let vfs: Vec<Function> =
            self.present().iter().filter(|function| is_own(&function.id)).cloned().collect();
        let handle = self.handle();
        vec![(set_vfs(handle, count, held_as_observed(handle, &vfs)), None)]
    }

    /// Takes the VFs away where another number of them is to come, or what follows cannot be done with them.
    pub(super) fn vfs_that_go(&mut self) {
        let Some(count) = self.vf_count().filter(|count| *count > 0) else { return };
        let asked = self.wanted_vfs();
        let because = match asked {
            // That takes them as well.
            _ if self.reloads() && self.resets(Reset::Vfs) => return,
            Some(0) => self.desired.wanted.why(&Attribute::Vfs).clone(),
            Some(other) if other != count => Reason::forced("another number of VFs begins with none"),
            _ if self.mode_switches() && !self.vf_manners().mode_with_vfs => {
                Reason::forced("the eswitch mode changes only without VFs")
            }
            _ => return,
        };
        if asked.is_none() {
            self.refuse_to_take_vfs(count, &because);
        }
        self.mdevs_come_off(|_| true, &because);
        let switchdev = self.mode() == Some(EswitchMode::Switchdev);
        let ends = self.vf_manners().mode_ends_with_vfs && switchdev;
        let nodes_end = ends || self.nodes_end_with_vfs();
        let vfs = self.take_vfs(&because);
        let (nodes, stay) = if nodes_end {
            self.refuse_to_lose_places();
            let stay = match (ends, self.functions_go_for_mode()) {
                (true, _) => self.restore_others(),
                (false, true) => Vec::new(),
                (false, false) => self.restore_leafs(),
            };
            (self.take_rate_nodes(&Reason::forced("with the last VF it goes")), stay)
        } else {
            <_>::default()
        };
        let handle = self.handle().clone();
        let mut step =
            Step::new(Stage::RemoveVfs, &self.desired.address, set_vfs(&handle, 0, Vec::new()), because);
        step.before = Some(Scalar::from(count));
        step.impact = self.price(rules::PARENT);
        step.reversible = Reversible::ConfigurationOnly;
        step.frees = vfs.iter().flat_map(|function| places::of_function(&handle, function)).collect();
        if ends {
            step.undo.push((self.set_mode(EswitchMode::Switchdev), None));
        }
        step.undo.push((set_vfs(&handle, count, held_as_observed(&handle, &vfs)), None));
        step.undo.extend(rates::restore(&handle, &nodes));
        step.undo.extend(vfs.iter().flat_map(|function| self.restore_function(function, None)));
        step.undo.extend(stay);
        self.lane.parent.push(step);
        if let Some(now) = self.now.as_mut().filter(|_| ends) {
            let others = now.functions.iter_mut().filter(|function| function.id.is_made_elsewhere());
            others.for_each(|function| *function = hidden(function));
            now.eswitch.mode = Some(EswitchMode::Legacy);
        }
    }

    pub(super) fn set_mode(&self, mode: EswitchMode) -> Request {
        Request::Set { subject: self.desired.subject.clone(), setting: Setting::EswitchMode(mode) }
    }

    pub(super) fn refuse_to_take_vfs(&mut self, count: u32, because: &Reason) {
        let because = because.text.as_deref().unwrap_or_default();
        let text = format!("{count} VFs are in the way: {because}; {NOT_IN_THE_FILE}");
        self.draft.refuse(&self.desired.address, text);
    }

    /// Notes that a step takes all VFs.
    pub(super) fn take_vfs(&mut self, because: &Reason) -> Vec<Function> {
        let Some(now) = &mut self.now else { return Vec::new() };
        let (vfs, others): (Vec<_>, Vec<_>) =
            std::mem::take(&mut now.functions).into_iter().partition(|function| is_own(&function.id));
        now.functions = others;
        if let Some(sriov) = &mut now.sriov {
            sriov.vfs = 0;
        }
        self.gone.extend(vfs.iter().map(|function| (function.id.clone(), because.clone())));
        vfs
    }

    /// Makes the VFs that the file counts.
    pub(super) fn vfs_that_come(&mut self) {
        let Some(count) = self.wanted_vfs() else { return };
        let Some(sriov) = self.now.as_ref().and_then(|now| now.sriov.clone()) else {
            let text = "this device can have no VFs: the kernel has no sriov_numvfs for it";
            self.draft.refuse(&self.desired.address, text);
            return;
        };
        if let Some(most) = sriov.most.0.filter(|most| count > *most) {
            self.draft.refuse(
                &self.desired.address,
                format!("{count} VFs are too many: this device can have {most}"),
            );
        }
        if count > sriov.vfs {
            let step = self.enable(count);
            self.lane.parent.push(step);
        } else if !self.lane.parent.iter().any(|step| step.stage == Stage::RemoveVfs) {
            self.comes_by_itself(Setting::Vfs(count));
        }
        if let Some(sriov) = self.now.as_mut().and_then(|now| now.sriov.as_mut()) {
            sriov.vfs = count;
        }
        self.vfs_that_stay_away(count);
    }

    fn enable(&self, count: u32) -> Step {
        let handle = self.handle();
        let held = (0..count).filter(|index| self.holds(*index)).collect();
        let reason = self.desired.wanted.why(&Attribute::Vfs).clone();
        let manners = self.vf_manners();
        let stage = if manners.before_mode { Stage::EarlyVfs } else { Stage::Vfs };
        let mut step = Step::new(stage, &self.desired.address, set_vfs(handle, count, held), reason);
        let before = self.origin.and_then(|parent| parent.sriov.as_ref()).map_or(0, |sriov| sriov.vfs);
        step.before = Some(Scalar::from(0));
        // Some drivers set up the PF anew; where there were VFs, the step that took them bears the price.
        step.impact = if before == 0 { self.price(Impact::Traffic) } else { Impact::None };
        step.undo.push((set_vfs(handle, 0, Vec::new()), None));
        let switchdev = self.mode() == Some(EswitchMode::Switchdev);
        let ends = manners.mode_ends_with_vfs && switchdev;
        if ends {
            step.undo.push((self.set_mode(EswitchMode::Switchdev), None));
        }
        if ends || manners.nodes_end_with_vfs && switchdev {
            let nodes = self.now.as_ref().map(|now| now.rate_nodes.clone()).unwrap_or_default();
            step.undo.extend(rates::restore(handle, &nodes));
            step.undo.extend(if ends { self.restore_others() } else { self.restore_leafs() });
        }
        step.undo.extend(self.nodes_that_come_with_vfs());
        step
    }

    /// What brings back what functions of other hosts lose when switchdev mode ends for a while.
    fn restore_others(&self) -> Vec<(Request, Option<Effect>)> {
        let others = self.present().iter().filter(|function| function.id.is_made_elsewhere());
        others.flat_map(|function| self.restore_function(function, Some(&hidden(function)))).collect()
    }

    /// Whether the VF of this index is kept from its driver for a while when it comes.
    fn holds(&self, index: u32) -> bool {
        let id = FunctionId::local_vf(self.handle(), index);
        let target = match self.desired_function(&id) {
            Some(desired) => self.target_of(desired, None, &Settings::new()),
            None => match self.had(&id) {
                Some(had) => self.target_of_unnamed(&had),
                None => return false,
            },
        };
        is_held(self.handle(), &target)
    }

    /// VFs beyond the new number are gone for good.
    fn vfs_that_stay_away(&mut self, count: u32) {
        for function in self.origin_functions() {
            let goes = is_own(&function.id) && function.id.vf_index().is_some_and(|index| index >= count);
            if goes && self.desired_function(&function.id).is_none() {
                let subject = self.of_function(&function.id);
                self.vf_is_gone(&function.settings(), &subject, &subject.to_string());
            }
        }
    }

    fn vf_is_gone(&mut self, found: &Settings, subject: &Subject, address: &str) {
        let reason = self.desired.wanted.why(&Attribute::Vfs).clone();
        let mut change = changes::between(subject, address, Some(found), None, reason);
        change.impact = rules::DELETE;
        self.draft.change(change);
    }

    /// What a VF is active for: as it was, as a driver named for it wants it, or as the kernel does it with new ones.
    pub(super) fn vf_is_active(&self, wanted: &Settings, had: Option<&Function>) -> bool {
        let is_named = matches!(wanted.get(&Attribute::Bind), Some(Setting::Bind(Some(_))));
        let autoprobe = self.now.as_ref().and_then(|now| now.sriov.as_ref()?.autoprobe);
        !are_devices(self.handle())
            || is_named
            || had.map_or(autoprobe == Some(true), |function| function.active)
    }

    /// A VF that its number does not reach, or a function that the other side has not made.
    pub(super) fn is_missing(&mut self, desired: &DesiredFunction, found: Option<&Function>) -> bool {
        let count = self.vf_count().unwrap_or(0);
        let comes = |index| desired.id == FunctionId::local_vf(self.handle(), index) && index < count;
        // One that came while an apply was carried out is left to the next.
        let whole = (desired.subject.clone(), None);
        let is_left = self.draft.input.record.waiting.contains(&whole);
        if is_left || found.is_some() || desired.id.vf_index().is_some_and(comes) {
            return is_left;
        }
        if let Some(origin) = self.origin.and_then(|origin| origin.function(&desired.id)) {
            self.vf_is_gone(&origin.settings(), &desired.subject, &desired.address);
            return true;
        }
        let text = if desired.external {
            self.draft.waiting.insert(whole);
            format!(
                "the other side has not made {} (or the eswitch does not show it): left alone",
                desired.id
            )
        } else {
            format!("there is no {} (the device has {count} VFs): left alone", desired.id)
        };
        self.draft.note(NoteKind::Deferred, &desired.address, text);
        true
    }

    /// VFs stay over a switch of the mode, and lose what they have in the one mode only; so do functions of other hosts.
    /// Limits of a leaf go before: they would be the VF's in legacy mode as well. So does its place in the tree, whose
    /// nodes go. Undone, these steps bring it all back after the switch; what brings back the rest follows the undo of the
    /// switch itself.
    pub(super) fn keep_vfs(&mut self, to: EswitchMode, because: &Reason) -> Vec<(Request, Option<Effect>)> {
        let Some(mut now) = self.now.take() else { return Vec::new() };
        let mut undo = Vec::new();
        for function in now.functions.iter_mut().filter(|function| function.id.is_pci()) {
            let found = function.clone();
            self.port_comes_off(&found, because);
            let steps = self.leave_tree(&found, because);
            self.lane.removal.extend((!steps.is_empty()).then_some(steps));
            *function = hidden(function);
            function.rates = (to == EswitchMode::Switchdev).then(Rates::of_new);
            if let Some(vf) = &mut function.vf {
                vf.legacy.clear();
            }
            let rest = Function { rates: None, ..found };
            undo.extend(self.restore_function(&rest, Some(function)));
        }
        self.now = Some(now);
        undo
    }

    /// Takes the limits of a leaf away, and its place below a node.
    fn leave_tree(&self, function: &Function, because: &Reason) -> Vec<Step> {
        let subject = self.of_function(&function.id);
        let free = Rates::default().settings();
        let found = function.rates.as_ref().map(Rates::settings).unwrap_or_default();
        let limits = found
            .iter()
            .filter(|setting| free.get(&setting.attribute()).is_some_and(|free| free != *setting));
        let address = self.address_of(&function.id);
        let step = |found: &Setting| {
            let free = free.get(&found.attribute())?.clone();
            let mut step =
                Step::set(Stage::StopRemoved, &address, &subject, free, Some(found), because.clone());
            step.impact = self.price(Impact::Traffic);
            Some(step)
        };
        limits.filter_map(step).collect()
    }
}

/// Attributes of the port function.
pub(super) const fn is_of_port(attribute: &Attribute) -> bool {
    matches!(attribute, Attribute::Mac | Attribute::Capability(_) | Attribute::MaxIoEqs)
}

/// What legacy mode leaves of a PCI function: the port, with its leaf and its attributes, comes with switchdev mode and is
/// a new one.
pub(super) fn hidden(function: &Function) -> Function {
    Function {
        rates: None,
        representor: None,
        mac: None,
        capabilities: BTreeMap::new(),
        max_io_eqs: None,
        ..function.clone()
    }
}

/// A VF without the limits and the state of the link that its PF has set.
pub(super) fn without_limits(mut function: Function) -> Function {
    for setting in function.vf.iter_mut().flat_map(|vf| vf.legacy.values_mut()) {
        match setting {
            LegacySetting::RateMin(rate) | LegacySetting::RateMax(rate) => *rate = Rate(0),
            LegacySetting::LinkState(state) => *state = LinkState::Auto,
            _ => {}
        }
    }
    function
}

/// Whether it is a VF of the parent that it is on, whose number is the parent's.
pub(super) fn is_own(id: &FunctionId) -> bool {
    id.vf_index().is_some()
}

/// The subjects of functions that are never made or deleted by themselves.
pub(super) fn is_pci(subject: &Subject) -> bool {
    subject.function_id().is_some_and(FunctionId::is_pci)
}
