//! Representors as ports of Open vSwitch. Its database knows ports by their names and nothing else, and keeps them when
//! the interface goes, and over a boot: a port that is there already takes a representor up by itself once that has the
//! name, and one that is not taken out stays behind.

use std::collections::{BTreeMap, BTreeSet};

use subdevcfg_compiler::catalogue::Impact;
use subdevcfg_compiler::values::{BridgeKind, InterfaceName};

use super::function::{Context, Target};
use super::lane::{Draft, Step};
use super::parent::Planner;
use super::places::Place;
use super::{NoteKind, Operation};
use crate::desired::DesiredBridge;
use crate::kernel::{Effect, Request};
use crate::reason::Reason;
use crate::resource::{Attribute, BridgeName, OvsVlans, PortVlans, Setting, Settings, Side};
use crate::rules::Stage;
use crate::state::{Function, Port, State, Unreadable};

/// The ports of Open vSwitch that no function has, while a plan is made.
#[derive(Debug, Default)]
pub(super) struct Ports {
    /// Those that wait for an interface of their name.
    waiting: BTreeMap<String, Port>,
    /// Those that steps so far take out.
    removed: BTreeSet<InterfaceName>,
}

impl Ports {
    /// Whether no port waits and none is taken out.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.removed.is_empty()
    }

    pub fn of(state: &State) -> Self {
        let there: BTreeSet<&str> = state.volatile.0.interface_names.iter().map(String::as_str).collect();
        let ports = state.ovs().map(crate::state::Ovs::by_name).unwrap_or_default();
        let waiting = ports.into_iter().filter(|(name, _)| !there.contains(name));
        let waiting = waiting.map(|(name, port)| (name.to_owned(), port)).collect();
        Self { waiting, removed: BTreeSet::new() }
    }

    /// Notes what these steps take out.
    pub fn note(&mut self, steps: &[Step]) {
        self.removed.extend(steps.iter().filter_map(|step| match &step.request {
            Request::RemovePort { name, .. } => Some(name.clone()),
            _ => None,
        }));
    }
}

/// The port of Open vSwitch that a function's representor is, with its name.
pub(super) fn port_of(function: &Function) -> Option<(InterfaceName, Port)> {
    let representor = function.representor.as_ref()?;
    let port = representor.port.as_ref().filter(|port| port.is_ovs())?;
    Some((representor.volatile.0.name.parse().ok()?, port.clone()))
}

fn is_ovs(setting: &Setting) -> bool {
    matches!(setting, Setting::Bridge(Some(BridgeName::Ovs { .. })) | Setting::Vlans(PortVlans::Ovs(_)))
}

/// Leaves out that something is a port of Open vSwitch: as one of no bridge, as far as Linux bridges are concerned.
pub(super) fn leave_out(settings: &mut Settings) {
    if !settings.iter().any(is_ovs) {
        return;
    }
    let is_port = settings.get(&Attribute::Bridge).is_some_and(is_ovs);
    let of_ovs: BTreeSet<Attribute> =
        settings.iter().filter(|setting| is_ovs(setting)).map(Setting::attribute).collect();
    settings.retain(|attribute| !of_ovs.contains(attribute));
    if is_port {
        settings.set(Setting::Bridge(None));
    }
}

/// Why nothing can be made a port of a bridge of Open vSwitch, and whether that passes by itself.
fn out_of_reach(state: &State, bridge: &InterfaceName) -> Option<(NoteKind, String)> {
    if let Some(why) = state.unread(&Unreadable::Ovs) {
        return Some((
            NoteKind::Withheld,
            format!("its ports are left alone: Open vSwitch could not be read ({why})"),
        ));
    }
    let later = "its ports are left for an apply after that";
    let ovs = state.volatile.0.ovs.as_ref()?;
    let text = if !ovs.running && ovs.bridges.is_empty() {
        format!("no Open vSwitch runs here: start it; {later}")
    } else if !ovs.running {
        format!("ovs-vswitchd does not run: start it; {later}")
    } else if !ovs.bridges.contains_key(bridge) {
        format!("Open vSwitch has no such bridge: make it (`ovs-vsctl add-br {bridge}`); {later}")
    } else {
        return None;
    };
    Some((NoteKind::Deferred, text))
}

/// Whether an attribute says something of a port of a bridge that is out of reach.
pub(super) fn waits(state: &State, wanted: &Settings, attribute: &Attribute) -> bool {
    let Some(Setting::Bridge(Some(BridgeName::Ovs { ovs }))) = wanted.get(&Attribute::Bridge) else {
        return false;
    };
    matches!(attribute, Attribute::Bridge | Attribute::Vlans) && out_of_reach(state, ovs).is_some()
}

/// Tells of a bridge that is waited for. One that is there is a resource without attributes.
pub(super) fn tell(draft: &mut Draft<'_>, desired: &DesiredBridge) {
    debug_assert_eq!(desired.kind, BridgeKind::Ovs);
    if let Some((kind, text)) = out_of_reach(draft.input.state, &desired.name) {
        draft.note(kind, &desired.address, text);
        return;
    }
    let none = Settings::new();
    let reason = desired.wanted.reason.clone();
    draft.change(super::changes::between(
        &desired.subject,
        &desired.address,
        Some(&none),
        Some(&none),
        reason,
    ));
}

/// Without the daemon the database would be changed, and nothing come of it before it runs.
pub(super) fn refuse_without_daemon(draft: &mut Draft<'_>, operations: &[Operation]) {
    if draft.input.state.ovs().is_none_or(|ovs| ovs.running) {
        return;
    }
    for Operation { address, request, .. } in operations {
        if is_for_the_daemon(request) {
            let text =
                format!("ovs-vswitchd does not run, and it is needed for \"{request}\": start it first");
            draft.refuse(address, text);
        }
    }
}

/// Whether Open vSwitch does what a request asks for.
const fn is_for_the_daemon(request: &Request) -> bool {
    matches!(request, Request::AddPort { .. } | Request::RemovePort { .. })
}

impl Context<'_> {
    /// The port that the representor is now, if no step before has taken it out.
    pub(super) fn own_port(&self) -> Option<(InterfaceName, Port)> {
        let is_out = |name: &InterfaceName| self.ports.is_some_and(|ports| ports.removed.contains(name));
        self.origin.and_then(port_of).filter(|(name, _)| !is_out(name))
    }

    /// The port that waits for an interface of this name.
    fn waiting_port(&self, name: &InterfaceName) -> Option<Port> {
        let ports = self.ports.filter(|ports| !ports.removed.contains(name))?;
        ports.waiting.get(name.as_str()).cloned()
    }

    /// The step that takes the representor out, before it goes.
    pub(super) fn comes_off(&self, reason: &Reason) -> Option<Step> {
        let (name, port) = self.own_port()?;
        Some(self.remove_port(&name, &port, reason.clone()))
    }

    fn remove_port(&self, name: &InterfaceName, found: &Port, reason: Reason) -> Step {
        let request =
            Request::RemovePort { parent: self.parent.clone(), id: self.id.clone(), name: name.clone() };
        let mut step = Step::new(Stage::LeaveSwitch, self.address, request, reason);
        step.before = Some(Setting::Bridge(Some(found.bridge_name())).value());
        step.effect = Some(Effect::Port);
        step.impact = self.price(Impact::Traffic);
        step.undo = vec![self.back(name, found)];
        step.frees = vec![Place::Port(name.to_string())];
        step
    }

    /// The request that makes it this port again.
    fn back(&self, name: &InterfaceName, port: &Port) -> (Request, Option<Effect>) {
        (self.add_port(name, &port.bridge, vlans_of(port)), Some(Effect::Port))
    }

    fn add_port(&self, name: &InterfaceName, bridge: &InterfaceName, vlans: OvsVlans) -> Request {
        Request::AddPort {
            parent: self.parent.clone(),
            id: self.id.clone(),
            name: name.clone(),
            bridge: bridge.clone(),
            vlans,
        }
    }

    /// What the file asks for of the port, for the record.
    fn asked(&self, target: &Target) -> Vec<Setting> {
        let of_port = target.settings.iter().filter(|setting| is_ovs(setting));
        of_port.filter(|setting| (self.why)(&setting.attribute()).source.is_some()).cloned().collect()
    }

    /// The steps by which the representor comes to be the port that it is to be.
    pub(super) fn switch_steps(&self, target: &Target, steps: &mut Vec<Step>) {
        let own = self.own_port();
        let name = match target.settings.get(&Attribute::Name(Side::Representor)) {
            Some(Setting::Name(_, name)) => Some(name.clone()),
            _ => self.kept_name(),
        };
        let to = match target.settings.get(&Attribute::Bridge) {
            Some(Setting::Bridge(Some(BridgeName::Ovs { ovs }))) => Some(ovs),
            _ => None,
        };
        let stays = |name_now: &InterfaceName| to.is_some() && Some(name_now) == name.as_ref();
        if let Some((left, port)) = own.as_ref().filter(|(name_now, _)| !stays(name_now)) {
            let reason = if to.is_some() {
                Reason::forced("Open vSwitch knows its ports by their names")
            } else {
                (self.why)(&Attribute::Bridge)
            };
            steps.push(self.remove_port(left, port, reason));
        }
        let own = own.filter(|(name_now, _)| stays(name_now)).map(|(_, port)| port);
        // Without a name that somebody gives it, nobody knows what a new representor will be called.
        let Some(name) = &name else { return };
        let is_own = own.is_some();
        let found = own.or_else(|| self.waiting_port(name));
        match (to, found) {
            (Some(bridge), Some(found)) if found.bridge == *bridge => {
                self.keep_port(name, &found, is_own, target, steps);
            }
            (Some(bridge), found) => steps.push(self.join(name, bridge, found.as_ref(), target)),
            // It would be taken up by Open vSwitch as soon as it has the name.
            (None, Some(found)) if joins_linux(target) => {
                let reason = Reason::forced("a port of that name waits in Open vSwitch for an interface");
                steps.push(self.remove_port(name, &found, reason));
            }
            (None, _) => {}
        }
    }

    /// The name that a representor keeps that nobody names.
    fn kept_name(&self) -> Option<InterfaceName> {
        let origin = self.origin.filter(|_| !self.made_again)?;
        origin.representor.as_ref()?.volatile.0.name.parse().ok()
    }

    /// The port is there: only its VLANs may differ.
    fn keep_port(
        &self,
        name: &InterfaceName,
        found: &Port,
        is_own: bool,
        target: &Target,
        steps: &mut Vec<Step>,
    ) {
        if !is_own || self.made_again {
            let is_name = |step: &&mut Step| {
                matches!(&step.request, Request::Set { setting: Setting::Name(Side::Representor, _), .. })
            };
            // With the name it becomes what is asked for, by no step of its own.
            if let Some(named) = steps.iter_mut().find(is_name) {
                named.writes = self.asked(target);
            }
        }
        let Some(Setting::Vlans(vlans)) = target.settings.get(&Attribute::Vlans) else { return };
        if *vlans == found.vlans {
            return;
        }
        let reason = (self.why)(&Attribute::Vlans);
        steps.push(self.place(name, &found.bridge, Some(found), target, reason));
    }

    /// The step that makes it a port of a bridge.
    fn join(
        &self,
        name: &InterfaceName,
        bridge: &InterfaceName,
        found: Option<&Port>,
        target: &Target,
    ) -> Step {
        let asked = (self.why)(&Attribute::Bridge);
        let before = self.origin.and_then(|origin| origin.settings().get(&Attribute::Bridge).cloned());
        let wanted = Setting::Bridge(Some(BridgeName::Ovs { ovs: bridge.clone() }));
        let vlans = target.settings.get(&Attribute::Vlans);
        let same_vlans =
            vlans.is_none_or(|vlans| self.origin.is_some_and(|origin| origin.settings().has(vlans)));
        let reason = if before.as_ref() == Some(&wanted) && same_vlans {
            Reason { text: Some("comes back as it was".to_owned()), ..asked }
        } else {
            asked
        };
        let mut step = self.place(name, bridge, found, target, reason);
        step.before = before.map(|before| before.value());
        step
    }

    fn place(
        &self,
        name: &InterfaceName,
        bridge: &InterfaceName,
        found: Option<&Port>,
        target: &Target,
        reason: Reason,
    ) -> Step {
        let vlans = match target.settings.get(&Attribute::Vlans) {
            Some(Setting::Vlans(PortVlans::Ovs(vlans))) => vlans.clone(),
            _ => OvsVlans::of_new_port(),
        };
        let request = self.add_port(name, bridge, vlans);
        let mut step = Step::new(Stage::SwitchPort, self.address, request, reason);
        step.before = found.map(|found| Setting::Bridge(Some(found.bridge_name())).value());
        step.effect = Some(Effect::Port);
        step.impact = self.price(Impact::Traffic);
        step.writes = self.asked(target);
        let remove =
            Request::RemovePort { parent: self.parent.clone(), id: self.id.clone(), name: name.clone() };
        // It does not go with the interface, so that this is undone also where the function is new.
        step.undo = vec![found.map_or((remove, Some(Effect::Port)), |found| self.back(name, found))];
        step.frees = found.map(|_| Place::Port(name.to_string())).into_iter().collect();
        step
    }
}

fn joins_linux(target: &Target) -> bool {
    matches!(target.settings.get(&Attribute::Bridge), Some(Setting::Bridge(Some(BridgeName::Linux(_)))))
}

fn vlans_of(port: &Port) -> OvsVlans {
    match &port.vlans {
        PortVlans::Ovs(vlans) => vlans.clone(),
        PortVlans::Linux(_) => OvsVlans::of_new_port(),
    }
}

impl Planner<'_, '_> {
    /// Leaves alone what the file says of ports of bridges that are out of reach.
    pub(super) fn leave_what_waits(&self, wanted: &mut Settings) {
        let state = self.draft.input.state;
        let waiting: BTreeSet<Attribute> = [Attribute::Bridge, Attribute::Vlans]
            .into_iter()
            .filter(|attribute| waits(state, wanted, attribute))
            .collect();
        if !waiting.is_empty() {
            wanted.retain(|attribute| !waiting.contains(attribute));
        }
    }

    /// Takes the ports out whose representors go with their parent or their number, and do not come back.
    pub(super) fn ports_that_go(&mut self) {
        for function in self.origin_functions() {
            let is_there = self.now.as_ref().is_some_and(|now| now.function(&function.id).is_some());
            let named = self.desired_function(&function.id).is_some_and(|desired| !desired.absent);
            let returns = !function.id.is_pci() && named;
            if !is_there && !returns {
                self.port_comes_off(function, &self.why_it_goes());
            }
        }
    }

    /// Takes a representor out of Open vSwitch before the steps on the parent.
    pub(super) fn port_comes_off(&mut self, function: &Function, because: &Reason) {
        let address = self.address_of(&function.id);
        let input = self.draft.input;
        let granted = Settings::new();
        let context = Context {
            ports: Some(&self.draft.ports),
            ..super::removal::as_found(
                &input,
                &self.desired.subject.parent,
                function,
                self.catalogue,
                &address,
                because,
                &granted,
            )
        };
        let Some(step) = context.comes_off(because) else { return };
        let steps = vec![step];
        self.draft.ports.note(&steps);
        self.lane.removal.push(steps);
    }

    /// What Open vSwitch says of a port that it cannot use, although it is there as the file wants it.
    pub(super) fn tell_of_failing_port(
        &mut self,
        address: &str,
        wanted: &Settings,
        origin: Option<&Function>,
    ) {
        let Some((name, _)) =
            origin.and_then(port_of).filter(|_| wanted.get(&Attribute::Bridge).is_some_and(is_ovs))
        else {
            return;
        };
        if let Some(error) = self.draft.input.state.ovs_error(name.as_str()) {
            let text = format!("Open vSwitch has {name} as a port and cannot use it: {error}");
            self.draft.note(NoteKind::Deferred, format!("{address}.representor.bridge"), text);
        }
    }
}
