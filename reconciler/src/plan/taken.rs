//! What steps take along and bring back, should the run end between the two: an apply writes down what these functions had
//! before it begins on their device, and the next plan brings back what is not there again. What somebody has set since
//! stays: that is what is neither as it was nor as a new function has it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use subdevcfg_compiler::catalogue::ParamOwner;
use subdevcfg_compiler::values::{Cmode, EswitchMode, Scalar};

use super::function::{self, Target};
use super::lane::Step;
use super::parent::Planner;
use super::vfs;
use crate::kernel::Request;
use crate::record::Taken;
use crate::resource::{
    Attribute, BridgeName, Capability, FunctionId, Legacy, LegacySetting, Setting, Settings, Subject,
};
use crate::rules::NEW_INTERFACE_MTU;
use crate::state::{Function, Interface, Port, Rates, Vf, VfDevice};

impl<'a> Planner<'_, 'a> {
    /// The function as it was before a run took it along that did not end.
    pub(super) fn owed(&self, id: &FunctionId) -> Option<&'a Function> {
        let taken = &self.draft.input.record.taken;
        // Mostly there is nothing, and of that much.
        if taken.is_empty() {
            return None;
        }
        function_of(taken.get(&self.of_function(id))?)
    }

    /// What the parent had of this before a run took it along that did not end.
    fn owed_of_parent(&self, attribute: &Attribute) -> Option<&'a Setting> {
        match self.draft.input.record.taken.get(self.subject())? {
            Taken::Settings(all) => all.iter().find(|setting| setting.attribute() == *attribute),
            Taken::Function(_) => None,
        }
    }

    /// The mode of the eswitch that it is found in, unless a run that did not end left it in legacy mode.
    pub(super) fn mode_before(&self) -> Option<EswitchMode> {
        let found = self.origin?.eswitch.mode;
        match self.owed_of_parent(&Attribute::EswitchMode) {
            Some(Setting::EswitchMode(owed)) if found == Some(EswitchMode::Legacy) => Some(*owed),
            _ => found,
        }
    }

    /// The number of VFs that a run took along that did not end, as long as there are none.
    pub(super) fn owed_vfs(&self) -> Option<u32> {
        let none = self.origin?.sriov.as_ref()?.vfs == 0;
        match self.owed_of_parent(&Attribute::Vfs) {
            Some(Setting::Vfs(count)) if none => Some(*count),
            _ => None,
        }
    }

    /// The function with all that it is to keep where the file says nothing of it: as it is found, and what it is owed.
    pub(super) fn had(&self, id: &FunctionId) -> Option<Cow<'a, Function>> {
        let origin = self.origin.and_then(|parent| parent.function(id));
        let Some(owed) = self.owed(id) else { return origin.map(Cow::Borrowed) };
        let mut had = origin.map_or_else(|| owed.clone(), |found| self.with_what_is_owed(found, owed));
        if let Some(representor) = &mut had.representor {
            representor.port.take_if(|port| !self.has_bridge(port));
        }
        Some(Cow::Owned(had))
    }

    /// The functions that no file names, those that are owed something and are not there among them.
    pub(super) fn unnamed_functions(&self) -> Vec<FunctionId> {
        let found = self.origin_functions().iter().map(|function| &function.id);
        let parent = &self.subject().parent;
        let owed = self.draft.input.record.taken.iter().filter(|(subject, _)| subject.parent == *parent);
        let away = owed
            .filter_map(|(_, taken)| Some(&function_of(taken)?.id))
            .filter(|id| self.origin.is_none_or(|origin| origin.function(id).is_none()));
        found.chain(away).filter(|id| self.desired_function(id).is_none()).cloned().collect()
    }

    /// Notes that steps take a function along, which comes back with this.
    pub(super) fn takes_along(&mut self, had: &Function) {
        // Of another host's nobody brings back more than the file says.
        if !had.id.is_made_elsewhere() {
            // What a mediated device has of these is observed only where somebody asked for it.
            let had = Function { attrs: BTreeMap::new(), ..had.clone() };
            let subject = self.of_function(&had.id);
            self.draft.bookkeeping.taken.push((subject, Taken::Function(Box::new(had))));
        }
    }

    /// Notes that a VF comes that is kept from its driver for a while.
    pub(super) fn comes_without_driver(&mut self, id: &FunctionId, target: &Target) {
        if vfs::is_own(id) && vfs::is_held(&self.subject().parent, target) {
            self.takes_along(&Function::bare(id.clone(), target.active));
        }
    }

    /// Notes what of the parent is another for a while, though the file does not say what it is to be.
    pub(super) fn takes_settings_along(&mut self) {
        let steps = &self.lane.parent;
        let switches =
            |request: &Request| matches!(request, Request::Set { setting: Setting::EswitchMode(_), .. });
        // So does the undo of a step perhaps, which may be killed as well.
        let switches = steps
            .iter()
            .any(|step| switches(&step.request) || step.undo.iter().any(|(request, _)| switches(request)));
        let recounts = |step: &Step| matches!(step.request, Request::SetVfs { .. } | Request::Reload { .. });
        let recounts = steps.iter().any(recounts);
        let mode = self.mode_before().filter(|_| switches).map(Setting::EswitchMode);
        let count = self.wanted_vfs().filter(|_| recounts).map(Setting::Vfs);
        let asked = self.wanted();
        let is_asked = |setting: &Setting| asked.get(&setting.attribute()).is_some();
        let along: Vec<Setting> =
            mode.into_iter().chain(count).filter(|setting| !is_asked(setting)).collect();
        if !along.is_empty() {
            let subject = self.subject().clone();
            self.draft.bookkeeping.taken.push((subject, Taken::Settings(along)));
        }
    }

    /// Notes that nothing on this parent is owed anything any more, once everything is done.
    pub(super) fn settles_what_is_owed(&mut self) {
        let parent = &self.subject().parent;
        let owed = self.draft.input.record.taken.keys().filter(|subject| subject.parent == *parent);
        let owed: Vec<Subject> = owed.cloned().collect();
        self.draft.bookkeeping.settled.extend(owed);
    }

    /// Whether the bridge that something was a port of is there still.
    fn has_bridge(&self, port: &Port) -> bool {
        let BridgeName::Linux(name) = port.bridge_name() else { return true };
        let input = self.draft.input;
        input.state.bridges.contains_key(&name)
            || input.desired.bridges.iter().any(|bridge| bridge.name == name)
    }

    fn with_what_is_owed(&self, found: &Function, owed: &Function) -> Function {
        let catalogue = self.catalogue;
        let params = function::default_params(catalogue, ParamOwner::Function, owed.mdev_type.as_deref());
        // How many queues a VF has the firmware says.
        let attributes = function::default_attributes(catalogue)
            .filter(|setting| !(found.id.is_pci() && matches!(setting, Setting::MaxIoEqs(_))));
        let known: Settings = params.chain(attributes).collect();
        let is_drivers = |node: &Option<String>| {
            node.as_ref().is_none_or(|node| catalogue.is_some_and(|known| known.makes_rate_node(node)))
        };
        Function {
            active: if is_bound_since(found, owed) { found.active } else { owed.active },
            mac: either(found.mac, owed.mac, |mac| mac.is_zero()),
            max_io_eqs: either(found.max_io_eqs, owed.max_io_eqs, |count| {
                is_as_new(&known, &Setting::MaxIoEqs(*count))
            }),
            capabilities: each(&found.capabilities, &owed.capabilities, |capability: &Capability, on| {
                is_as_new(&known, &Setting::Capability(*capability, *on))
            }),
            rates: both(found.rates.as_ref(), owed.rates.as_ref(), |found, owed| {
                rates(found, owed, is_drivers)
            }),
            vf: both(found.vf.as_ref(), owed.vf.as_ref(), vf),
            params: owed_params(found, owed, &known),
            netdev: both(found.netdev.as_ref(), owed.netdev.as_ref(), interface),
            representor: both(found.representor.as_ref(), owed.representor.as_ref(), interface),
            ..found.clone()
        }
    }
}

fn function_of(taken: &Taken) -> Option<&Function> {
    match taken {
        Taken::Function(function) => Some(function),
        Taken::Settings(_) => None,
    }
}

/// Whether a new function has this by itself, as far as its driver fixes it; of what it does not fix nobody can tell.
fn is_as_new(known: &Settings, setting: &Setting) -> bool {
    known.get(&setting.attribute()).is_none_or(|new| new == setting)
}

/// What is found, unless a new function has that by itself.
fn either<T>(found: Option<T>, owed: Option<T>, is_new: impl Fn(&T) -> bool) -> Option<T> {
    match (found, owed) {
        (Some(found), Some(owed)) => Some(if is_new(&found) { owed } else { found }),
        (found, owed) => found.or(owed),
    }
}

/// The same of each of several.
fn each<K: Ord + Clone, V: Clone>(
    found: &BTreeMap<K, V>,
    owed: &BTreeMap<K, V>,
    is_new: impl Fn(&K, &V) -> bool,
) -> BTreeMap<K, V> {
    let mut all = owed.clone();
    let set_since = found.iter().filter(|(name, value)| !owed.contains_key(*name) || !is_new(name, value));
    all.extend(set_since.map(|(name, value)| (name.clone(), value.clone())));
    all
}

/// What is made of two, where both are there.
fn both<T: Clone>(found: Option<&T>, owed: Option<&T>, join: impl Fn(&T, &T) -> T) -> Option<T> {
    match (found, owed) {
        (Some(found), Some(owed)) => Some(join(found, owed)),
        (found, owed) => found.or(owed).cloned(),
    }
}

fn owed_params(
    found: &Function,
    owed: &Function,
    known: &Settings,
) -> BTreeMap<String, BTreeMap<Cmode, Scalar>> {
    let mut all = owed.params.clone();
    for (name, found) in &found.params {
        let of_name = all.entry(name.clone()).or_default();
        *of_name = each(found, of_name, |cmode, value| {
            let setting = Setting::Param { name: name.clone(), cmode: *cmode, value: value.clone() };
            is_as_new(known, &setting)
        });
    }
    all
}

fn rates(found: &Rates, owed: &Rates, is_drivers: impl Fn(&Option<String>) -> bool) -> Rates {
    Rates {
        tx_share: if found.tx_share.0 == 0 { owed.tx_share } else { found.tx_share },
        tx_max: if found.tx_max.0 == 0 { owed.tx_max } else { found.tx_max },
        tx_priority: either(found.tx_priority, owed.tx_priority, |priority| *priority == 0),
        tx_weight: either(found.tx_weight, owed.tx_weight, |weight| *weight == 0),
        parent: if is_drivers(&found.parent) { owed.parent.clone() } else { found.parent.clone() },
    }
}

fn vf(found: &Vf, owed: &Vf) -> Vf {
    let is_new = |_: &Legacy, setting: &LegacySetting| {
        // Of `spoofchk` drivers differ.
        setting.is_nothing() || matches!(setting, LegacySetting::Spoofchk(_))
    };
    Vf {
        legacy: each(&found.legacy, &owed.legacy, is_new),
        device: either(found.device.clone(), owed.device.clone(), |device| device.bound_by_name().is_none()),
    }
}

/// Whether somebody has chosen another driver for a VF since.
fn is_bound_since(found: &Function, owed: &Function) -> bool {
    let driver = |function: &Function| {
        let device = function.vf.as_ref().and_then(|vf| vf.device.as_ref());
        device.and_then(VfDevice::bound_by_name).map(str::to_owned)
    };
    driver(found).is_some_and(|found| driver(owed).as_deref() != Some(&found))
}

fn interface(found: &Interface, owed: &Interface) -> Interface {
    let same_bridge =
        |found: &Port| owed.port.as_ref().is_some_and(|owed| owed.bridge_name() == found.bridge_name());
    Interface {
        name: found.name.clone().or_else(|| owed.name.clone()),
        mtu: if found.mtu == NEW_INTERFACE_MTU { owed.mtu } else { found.mtu },
        up: found.up || owed.up,
        // What a port begins with is the bridge's.
        port: either(found.port.clone(), owed.port.clone(), same_bridge),
        volatile: found.volatile.clone(),
    }
}
