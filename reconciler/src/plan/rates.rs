//! The nodes of a parent's tree of rates: made before the functions below them, deleted after these have gone elsewhere.

use std::collections::BTreeMap;

use subdevcfg_compiler::values::{DevlinkHandle, EswitchMode};

use super::lane::Step;
use super::parent::Planner;
use super::{NoteKind, changes, vfs};
use crate::desired::{DesiredRateNode, Wanted};
use crate::kernel::{Effect, Request};
use crate::reason::Reason;
use crate::resource::{Attribute, Child, Setting, Settings, Subject};
use crate::rules::{self, Stage};
use crate::state::{Parent, Rates};

/// The requests that make nodes again as they were found, those above first.
pub(super) fn restore(
    parent: &DevlinkHandle,
    nodes: &BTreeMap<String, Rates>,
) -> Vec<(Request, Option<Effect>)> {
    let names = downwards(nodes.iter().map(|(name, rates)| (name.as_str(), rates.parent.as_deref())));
    names.into_iter().flat_map(|name| restore_one(parent, name, &nodes[name])).collect()
}

fn restore_one(parent: &DevlinkHandle, name: &str, rates: &Rates) -> Vec<(Request, Option<Effect>)> {
    let subject = Subject::rate_node(parent.clone(), name.to_owned());
    let fresh = Rates::of_new().settings();
    let make = Request::MakeRateNode { parent: parent.clone(), name: name.to_owned() };
    let settings = rates.settings().into_iter().filter(|setting| !fresh.has(setting));
    let set = settings.map(|setting| Request::Set { subject: subject.clone(), setting });
    std::iter::once(make).chain(set).map(|request| (request, None)).collect()
}

/// Names with the name above each, in an order in which each comes after the one above it. The compiler and the kernel
/// refuse circles; what would be in one is left out.
pub(super) fn downwards<'n>(nodes: impl Iterator<Item = (&'n str, Option<&'n str>)>) -> Vec<&'n str> {
    let above: BTreeMap<&str, Option<&str>> = nodes.collect();
    let mut below: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut level = Vec::new();
    for (&name, &over) in &above {
        match over.filter(|over| above.contains_key(over)) {
            Some(over) => below.entry(over).or_default().push(name),
            None => level.push(name),
        }
    }
    let mut order = Vec::with_capacity(above.len());
    while !level.is_empty() {
        let mut next: Vec<&str> = level.iter().filter_map(|name| below.remove(name)).flatten().collect();
        next.sort_unstable();
        order.append(&mut level);
        level = next;
    }
    order
}

fn delete(
    stage: Stage,
    parent: &DevlinkHandle,
    address: &str,
    (name, found): (&str, &Rates),
    reason: &Reason,
) -> Step {
    let request = Request::DeleteRateNode { parent: parent.clone(), name: name.to_owned() };
    let mut step = Step::new(stage, address, request, reason.clone());
    step.undo = restore_one(parent, name, found);
    step
}

/// The nodes of a tree, those below first.
fn upwards(nodes: &BTreeMap<String, Rates>) -> Vec<&str> {
    let mut names = downwards(nodes.iter().map(|(name, rates)| (name.as_str(), rates.parent.as_deref())));
    names.reverse();
    names
}

/// The functions and nodes right below a node.
fn below(parent: &Parent, handle: &DevlinkHandle, name: &str) -> Vec<Subject> {
    let is_below = |rates: Option<&Rates>| rates.is_some_and(|rates| rates.parent.as_deref() == Some(name));
    let functions = parent
        .functions
        .iter()
        .filter(|function| is_below(function.rates.as_ref()))
        .map(|function| Subject::function(handle.clone(), function.id.clone()));
    let nodes = parent
        .rate_nodes
        .iter()
        .filter(|(_, rates)| is_below(Some(rates)))
        .map(|(node, _)| Subject::rate_node(handle.clone(), node.clone()));
    functions.chain(nodes).collect()
}

impl Planner<'_, '_> {
    /// The nodes that the file names, those above first.
    pub(super) fn rate_nodes(&mut self) {
        let desired = self.desired;
        let targets: BTreeMap<&str, (&DesiredRateNode, Settings)> = desired
            .rate_nodes
            .iter()
            .map(|node| (node.name.as_str(), (node, self.target_of_rate_node(node))))
            .collect();
        let places = targets.iter().map(|(&name, (_, target))| (name, target.iter().find_map(above)));
        for name in downwards(places) {
            let (node, target) = &targets[name];
            self.rate_node(node, target);
        }
    }

    /// What a node is to have: what the file says, and for the rest what it has.
    fn target_of_rate_node(&self, node: &DesiredRateNode) -> Settings {
        let origin = self.origin.and_then(|parent| parent.rate_nodes.get(&node.name));
        let mut target = origin.cloned().unwrap_or_else(Rates::of_new).settings();
        let is_ours =
            origin.is_none() || self.desired.left.owner(&format!("rate-node[{}]", node.name)).is_none();
        target.extend(node.wanted.settings.iter().filter(|_| is_ours).cloned());
        // The driver's root is there whenever there is a tree.
        let by_driver = |name: &str| self.catalogue.is_some_and(|known| known.makes_rate_node(name));
        if !target.iter().find_map(above).is_some_and(by_driver) {
            self.leave_what_goes(&mut target, &node.wanted);
        }
        target
    }

    fn rate_node(&mut self, desired: &DesiredRateNode, target: &Settings) {
        if self.mode_found() == Some(EswitchMode::Legacy) {
            let text =
                "the kernel has rate nodes in switchdev mode only: write `eswitch mode=switchdev` as well";
            self.draft.refuse(&desired.address, text);
            return;
        }
        if self.makes_nodes()
            && self.now.as_ref().is_some_and(|now| now.sriov.as_ref().is_none_or(|it| it.vfs == 0))
        {
            let text = "the driver's tree of rates comes with the first VF: write `vfs` as well";
            self.draft.refuse(&desired.address, text);
            return;
        }
        let origin = self.origin.and_then(|parent| parent.rate_nodes.get(&desired.name));
        let found = self.now.as_ref().and_then(|parent| parent.rate_nodes.get(&desired.name)).cloned();
        let parent = self.desired.subject.parent.clone();
        if found.is_none() {
            let make = Request::MakeRateNode { parent: parent.clone(), name: desired.name.clone() };
            let mut step = Step::new(Stage::RateNode, &desired.address, make, desired.wanted.reason.clone());
            // Undone after the VFs, where these are below it (`nodes_that_come_with_vfs`).
            let come_vfs =
                self.lane.parent.iter().any(|step| matches!(step.stage, Stage::Vfs | Stage::EarlyVfs));
            if !(come_vfs && self.makes_nodes()) {
                step.undo = vec![(Request::DeleteRateNode { parent, name: desired.name.clone() }, None)];
            }
            self.lane.rate_nodes.push(step);
        }
        let now = found.clone().unwrap_or_else(Rates::of_new).settings();
        for setting in target.iter().filter(|setting| !now.has(setting)).cloned() {
            let attribute = setting.attribute();
            let rule = rules::for_attribute(&desired.subject, &attribute, self.catalogue);
            let between = rules::between_rate_nodes(
                &self.draft.input.state.volatile.0.kernel_release,
                now.get(&attribute),
                &setting,
            );
            let reason = if desired.wanted.settings.get(&attribute).is_some() {
                desired.wanted.why(&attribute).clone()
            } else {
                Reason::forced("comes back as it was")
            };
            let before = now.get(&attribute).filter(|_| found.is_some());
            let (subject, address) = (&desired.subject, &desired.address);
            let mut step = Step::set(rule.stage, address, subject, setting, before, reason);
            if found.is_some() && self.is_used(&desired.name) {
                step.impact = rule.impact;
            }
            if let Some(between) = between {
                let because = Reason::forced(rules::BETWEEN_RATE_NODES);
                let move_there = Request::Set { subject: subject.clone(), setting: between };
                let mut first = Step::new(rule.stage, address, move_there.clone(), because);
                first.impact = step.impact;
                // Undone, it comes by the same way.
                first.undo = std::mem::replace(&mut step.undo, vec![(move_there, None)]);
                self.lane.rate_nodes.push(first);
            }
            self.lane.rate_nodes.push(step);
        }
        let found = origin.map(Rates::settings);
        let reason = desired.wanted.reason.clone();
        let change = changes::between(
            &desired.subject,
            &desired.address,
            found.as_ref(),
            Some(&desired.wanted.settings),
            reason,
        );
        self.draft.change(change);
    }

    /// Whether an active function is below this node.
    fn is_used(&self, name: &str) -> bool {
        let Some(origin) = self.origin else { return false };
        let active = origin.functions.iter().filter(|function| function.active);
        active.filter_map(|function| function.rates.as_ref()).any(|leaf| is_below(origin, leaf, name))
    }

    /// A switch of the eswitch mode is refused as long as there is a node, even if the mode is the same
    /// (`devlink_rate_nodes_check`, net/devlink/rate.c): those that subdevcfg made go, the lowest first.
    pub(super) fn clear_rate_nodes(&mut self, because: &Reason) {
        let Some(now) = &mut self.now else { return };
        let nodes = std::mem::take(&mut now.rate_nodes);
        let handle = &self.desired.subject.parent;
        for name in upwards(&nodes) {
            let subject = self.of_rate_node(name);
            let Some(address) = self.address_of_rate_node(&subject) else {
                self.refuse_to_take(&subject, because);
                continue;
            };
            let step = delete(Stage::ClearRateNode, handle, &address, (name, &nodes[name]), because);
            self.lane.parent.push(step);
        }
    }

    /// Notes that a step takes all nodes; those that nobody may take are a refusal.
    pub(super) fn take_rate_nodes(&mut self, because: &Reason) -> BTreeMap<String, Rates> {
        let Some(now) = &mut self.now else { return BTreeMap::new() };
        let nodes = std::mem::take(&mut now.rate_nodes);
        let by_driver = |name: &String| self.catalogue.is_some_and(|known| known.makes_rate_node(name));
        let nodes: BTreeMap<String, Rates> = nodes.into_iter().filter(|(name, _)| !by_driver(name)).collect();
        for name in nodes.keys() {
            let subject = self.of_rate_node(name);
            if self.address_of_rate_node(&subject).is_none() {
                self.refuse_to_take(&subject, because);
            }
        }
        self.leafs_come_to_the_top();
        nodes
    }

    /// Nodes that subdevcfg made and the file does not name any more go when nothing is below them; what nobody named is
    /// told of.
    pub(super) fn rate_nodes_that_go(&mut self) {
        let reason = self.why_it_goes();
        if let Some(origin) = self.origin {
            for (name, rates) in &origin.rate_nodes {
                let subject = self.of_rate_node(name);
                match self.recorded_child(&subject) {
                    _ if self.is_named_rate_node(name) => {}
                    Some(address) => {
                        let found = rates.settings();
                        let change = changes::between(&subject, &address, Some(&found), None, reason.clone());
                        self.draft.change(change);
                        // One that another step takes along has no step of its own; a later plan forgets it.
                        if self.undoing.is_some()
                            && self.now.as_ref().is_some_and(|now| !now.rate_nodes.contains_key(name))
                        {
                            self.draft.bookkeeping.let_go.push(subject);
                        }
                    }
                    None if self.catalogue.is_some_and(|known| known.makes_rate_node(name)) => {}
                    None if self.undoing.is_none() && self.draft.input.record.address(&subject).is_none() => {
                        let text = "not made by subdevcfg and in no file: untouched";
                        self.draft.note(NoteKind::Unmanaged, subject.to_string(), text);
                    }
                    None => {}
                }
            }
        }
        let Some(now) = &self.now else { return };
        let handle = &self.desired.subject.parent;
        for name in upwards(&now.rate_nodes) {
            let goes = self.recorded_child(&self.of_rate_node(name));
            let Some(address) = goes.filter(|_| !self.is_named_rate_node(name)) else { continue };
            // Nobody moves what is not subdevcfg's from a node that goes.
            for subject in below(now, handle, name) {
                if !self.is_ours(&subject) {
                    let text =
                        format!("{subject} is below it and is not subdevcfg's: name it, or move it by hand");
                    self.draft.refuse(&address, text);
                }
            }
            let found = (name, &now.rate_nodes[name]);
            self.lane.tail.push(delete(Stage::RemoveRateNode, handle, &address, found, &reason));
        }
    }

    /// Whether the file names it, or subdevcfg made it and takes it away.
    fn is_ours(&self, subject: &Subject) -> bool {
        let named = match &subject.child {
            Some(Child::Function(id)) => {
                self.desired_function(id).is_some() || vfs::is_own(id) && self.counts_vfs()
            }
            Some(Child::RateNode(name)) => self.is_named_rate_node(name),
            None | Some(Child::Vdpa(_) | Child::Bridge) => true,
        };
        named || self.recorded_child(subject).is_some()
    }

    /// A leaf or node below a node that goes, and that the file puts below no other one, comes to the top, or to where the
    /// driver has such.
    pub(super) fn leave_what_goes(&self, target: &mut Settings, wanted: &Wanted) {
        let Some(Setting::RateParent(Some(above))) = target.get(&Attribute::RateParent) else { return };
        let by_driver = self.catalogue.is_some_and(|known| known.makes_rate_node(above));
        let is_asked = wanted.settings.get(&Attribute::RateParent).is_some();
        // What was found before, and no file asks for, may be another of the driver's nodes by now.
        let is_stale = by_driver && wanted.why(&Attribute::RateParent).source.is_none();
        if (!is_asked || is_stale) && self.rate_node_goes(above) {
            self.to_drivers_place(target);
        }
    }

    /// Where the driver makes nodes, a leaf is below one of them: the one that others are below already, else any but the
    /// root. While none is there, those that come have the leafs that come with them.
    fn to_drivers_place(&self, target: &mut Settings) {
        let Some(made) = self.catalogue.and_then(|known| known.driver_rate_nodes.as_ref()) else {
            target.set(Setting::RateParent(None));
            return;
        };
        let Some(now) = &self.now else { return };
        let is_inner = |name: &&String| name.starts_with(&made.prefix) && **name != made.root;
        let mut leafs = now.functions.iter().filter_map(|function| function.rates.as_ref()?.parent.as_ref());
        let place = leafs.find(is_inner).or_else(|| now.rate_nodes.keys().find(is_inner));
        match place {
            Some(place) => target.set(Setting::RateParent(Some(place.clone()))),
            None => target.retain(|attribute| *attribute != Attribute::RateParent),
        }
    }

    /// Whether a node that something is below now will not be there at the end.
    pub(super) fn rate_node_goes(&self, name: &str) -> bool {
        let is_there = self.now.as_ref().is_some_and(|now| now.rate_nodes.contains_key(name));
        let is_made = self.recorded_child(&self.of_rate_node(name)).is_some();
        !self.is_named_rate_node(name) && (is_made || !is_there)
    }

    fn is_named_rate_node(&self, name: &str) -> bool {
        self.desired.rate_nodes.iter().any(|node| node.name == name)
    }

    fn of_rate_node(&self, name: &str) -> Subject {
        Subject::rate_node(self.desired.subject.parent.clone(), name.to_owned())
    }

    /// The address under which the record knows what subdevcfg made, as far as that is meant.
    pub(super) fn recorded_child(&self, subject: &Subject) -> Option<String> {
        let is_meant = self.undoing.is_none_or(|is_meant| is_meant(subject));
        self.draft.input.record.made.get(subject).filter(|_| is_meant).cloned()
    }

    /// The address of a node that may be deleted: subdevcfg made it.
    fn address_of_rate_node(&self, subject: &Subject) -> Option<String> {
        let recorded = self.recorded_child(subject)?;
        let named = self.desired.rate_nodes.iter().find(|node| node.subject == *subject);
        Some(named.map_or(recorded, |node| node.address.clone()))
    }
}

pub(super) fn above(setting: &Setting) -> Option<&str> {
    match setting {
        Setting::RateParent(above) => above.as_deref(),
        _ => None,
    }
}

/// Whether a leaf or node is below the node of that name, however far.
fn is_below(parent: &Parent, rates: &Rates, name: &str) -> bool {
    let mut at = rates.parent.as_deref();
    // The kernel has no circles, a state from a file might.
    for _ in 0..=parent.rate_nodes.len() {
        match at {
            None => return false,
            Some(found) if found == name => return true,
            Some(found) => at = parent.rate_nodes.get(found).and_then(|rates| rates.parent.as_deref()),
        }
    }
    false
}
