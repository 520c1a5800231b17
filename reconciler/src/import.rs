//! The way back: the host file that describes a state. To plan it on the host that it comes from is an empty plan.
//!
//! What a new object has anyway is no node but a comment at the end of its block, and so is what a host file has no words
//! for: a name that the kernel chose, a function that does not run.

mod function;
mod settings;
pub mod writer;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use subdevcfg_compiler::catalogue::{Catalogue, ParamOwner};
use subdevcfg_compiler::values::{BridgeKind, DevlinkHandle, EncapMode, InlineMode, MacAddr};

use crate::plan::default_params;
use crate::record::Record;
use crate::resource::{Attribute, BridgeName, Setting, Settings, Subject, VdpaSetting};
use crate::state::{Function, Parent, Port, Rates, State, Uplink};
use settings::Sorted;
use writer::{Node, Writer};

/// What is described.
#[derive(Debug, Clone, Copy)]
pub struct Import<'a> {
    /// The name of the host.
    pub host: &'a str,
    /// How it is.
    pub state: &'a State,
    /// What subdevcfg made of it: the names in its addresses stay.
    pub record: &'a Record,
    /// What is known of drivers beside what the program knows.
    pub catalogues: &'a [Arc<Catalogue>],
}

impl Import<'_> {
    /// Whether subdevcfg wrote this value.
    fn has_written(&self, subject: &Subject, setting: &Setting) -> bool {
        let written = self.record.settings.get(&(subject.clone(), setting.attribute()));
        written.is_some_and(|written| written.applied == *setting)
    }
}

/// The text of the host file, not yet in its form.
#[must_use]
pub fn host_file(import: &Import<'_>) -> String {
    let mut out = Writer::default();
    begin(&mut out, import.host);
    for unread in &import.state.unread {
        out.comment(&format!("{} could not be read and is not described: {}", unread.what, unread.why));
    }
    for bridge in bridges_in_use(import) {
        write_bridge(import, &bridge, &mut out);
    }
    let (configured, bare): (Vec<_>, Vec<_>) =
        import.state.parents.iter().partition(|(_, parent)| is_configured(parent));
    let macs = holders_of_macs(import);
    for (handle, parent) in configured {
        out.blank();
        Device::new(import, handle, parent, &macs).write(&mut out);
    }
    out.blank();
    out.list("nothing is configured of", bare.into_iter().map(|(handle, _)| handle.to_string()));
    out.finish()
}

/// Who has which MAC address in the file, which gives it to one: whoever subdevcfg gave it to, or the first.
fn holders_of_macs(import: &Import<'_>) -> BTreeMap<MacAddr, Subject> {
    let mut holders: BTreeMap<MacAddr, (bool, Subject)> = BTreeMap::new();
    for (handle, parent) in &import.state.parents {
        for function in parent.functions.iter().filter(|function| function.active) {
            let subject = Subject::function(handle.clone(), function.id.clone());
            let settings = function.settings();
            for (setting, mac) in settings.iter().filter_map(|setting| Some((setting, setting.mac()?))) {
                let written = import.has_written(&subject, setting);
                if holders.get(&mac).is_none_or(|(of_another, _)| written && !of_another) {
                    holders.insert(mac, (written, subject.clone()));
                }
            }
        }
    }
    holders.into_iter().map(|(mac, (_, subject))| (mac, subject)).collect()
}

/// The first lines of a host file.
pub fn begin(out: &mut Writer, host: &str) {
    out.node(&Node::new("subdevcfg").property("version", 1));
    out.node(&Node::new("host").argument(host.to_owned()));
}

/// Whether there is anything to say of a parent: devices without devlink are often only able to have functions.
fn is_configured(parent: &Parent) -> bool {
    let vfs = parent.sriov.as_ref().map_or(0, |sriov| sriov.vfs);
    !parent.without_devlink || vfs > 0 || !parent.functions.is_empty() || !parent.vdpa.is_empty()
}

/// The bridges that described representors are ports of, and those of subdevcfg; others are other people's.
fn bridges_in_use(import: &Import<'_>) -> BTreeSet<BridgeName> {
    let functions = import.state.parents.values().flat_map(|parent| &parent.functions);
    let ports = functions.filter(|function| function.active).filter_map(|function| {
        let representor = function.representor.as_ref().filter(|representor| representor.name.is_some())?;
        representor.port.as_ref()
    });
    let bridges = import.state.bridges.keys();
    let recorded = bridges.filter(|name| import.record.address(&Subject::bridge(name.as_str())).is_some());
    ports.map(Port::bridge_name).chain(recorded.cloned().map(BridgeName::Linux)).collect()
}

fn write_bridge(import: &Import<'_>, bridge: &BridgeName, out: &mut Writer) {
    let kind = match bridge {
        BridgeName::Linux(_) => BridgeKind::Linux,
        BridgeName::Ovs { .. } => BridgeKind::Ovs,
    };
    let found = import.state.bridges.get(bridge.name()).filter(|_| kind == BridgeKind::Linux);
    let filtering = found.and_then(|bridge| bridge.vlan_filtering.then_some(true));
    let node = Node::new("bridge").argument(bridge.to_string()).property("kind", kind.to_string());
    out.blank();
    out.node(&node.property_if("vlan-filtering", filtering));
}

/// A parent with what is needed to describe it.
struct Device<'a> {
    import: &'a Import<'a>,
    handle: &'a DevlinkHandle,
    parent: &'a Parent,
    catalogue: Option<Arc<Catalogue>>,
    macs: &'a BTreeMap<MacAddr, Subject>,
}

impl<'a> Device<'a> {
    fn new(
        import: &'a Import<'a>,
        handle: &'a DevlinkHandle,
        parent: &'a Parent,
        macs: &'a BTreeMap<MacAddr, Subject>,
    ) -> Self {
        let catalogue = Catalogue::of_device(import.catalogues, parent.driver.as_deref(), handle.bus());
        Self { import, handle, parent, catalogue, macs }
    }

    fn write(&self, out: &mut Writer) {
        let driver = self.parent.driver.clone().filter(|_| self.parent.soft.is_none());
        let node = Node::new("device").argument(self.handle.to_string()).property_if("driver", driver);
        out.block(&node, |out| {
            self.write_create(out);
            let found = self.parent.settings();
            let fresh = self.fresh();
            let subject = Subject::parent(self.handle.clone());
            let is_written = |setting: &Setting| self.import.has_written(&subject, setting);
            let catalogue = self.catalogue.as_deref();
            let sorted = Sorted::of(&found, &fresh, is_written, ParamOwner::Parent, catalogue);
            sorted.write(out);
            self.write_rate_nodes(out);
            self.write_vdpas(out);
            function::write_all(self, out);
            sorted.write_rest(out);
        });
    }

    fn write_create(&self, out: &mut Writer) {
        let Some(soft) = &self.parent.soft else { return };
        let create = Node::new("create")
            .property_if("max-subdevices", soft.max_subdevices)
            .property_if("mac-base", soft.mac_base.map(|mac| mac.to_string()))
            .property_if("lower", soft.lower.as_ref().map(ToString::to_string));
        out.node(&create);
    }

    /// What a parent has that nobody configured. Its mode is always written: what may stand on it depends on that.
    fn fresh(&self) -> Settings {
        let params = default_params(self.catalogue.as_deref(), ParamOwner::Parent, None);
        let eswitch = [Setting::InlineMode(InlineMode::None), Setting::EncapMode(EncapMode::None)];
        params.chain(Uplink::new().settings()).chain(eswitch).chain([Setting::Vfs(0)]).collect()
    }

    fn write_rate_nodes(&self, out: &mut Writer) {
        let by_driver = |name: &str| self.catalogue.as_ref().is_some_and(|known| known.makes_rate_node(name));
        let nodes = self.parent.rate_nodes.iter().filter(|(name, _)| !by_driver(name));
        if nodes.clone().next().is_some() {
            out.blank();
        }
        let fresh = Rates::of_new().settings();
        for (name, rates) in nodes {
            let mut node = Node::new("rate-node").argument(name.clone());
            let chosen = rates.settings().into_iter().filter(|setting| !fresh.has(setting));
            for setting in chosen {
                let path = setting.attribute().part().to_string();
                node = node.property(path.trim_start_matches("rate."), setting.value());
            }
            out.node(&node);
        }
    }

    /// With all that a driver tells: made again without it, one would have what the driver chooses.
    fn write_vdpas(&self, out: &mut Writer) {
        if !self.parent.vdpa.is_empty() {
            out.blank();
        }
        for (name, vdpa) in &self.parent.vdpa {
            let mut node = Node::new("vdpa").argument(name.clone());
            // An address of zeros is none, and no file can ask for it.
            let is_none = |setting: &VdpaSetting| matches!(setting, VdpaSetting::Mac(mac) if mac.is_zero());
            for setting in vdpa.config.settings().filter(|setting| !is_none(setting)) {
                node = node.property(setting.attribute().as_str(), setting.value());
            }
            match vdpa.settings().get(&Attribute::Bind) {
                Some(Setting::Bind(Some(driver))) => {
                    out.block(&node, |out| out.node(&Node::new("bind").argument(driver.clone())));
                }
                _ => out.node(&node),
            }
        }
    }

    /// What these functions are called in the file: by the record if subdevcfg knows them, else by an interface of theirs,
    /// else by their identity.
    fn names(&self, functions: &[Function]) -> Vec<String> {
        let mut taken = BTreeSet::new();
        let name = |function: &Function| {
            let candidates = function::candidates(self, function);
            let free = candidates.into_iter().find(|name| !taken.contains(name)).unwrap_or_default();
            taken.insert(free.clone());
            free
        };
        functions.iter().map(name).collect()
    }
}
