//! What is: a snapshot of the host, the same whether it came from the live kernel, from a file or from the simulated
//! kernel. Each object keeps what changes by itself (indexes, kernel-chosen names) in a part of its own, `volatile`:
//! "as before" and equality mean everything else.

mod bridge;
mod function;
mod hardware;
mod ovs;
mod sriov;
mod uplink;
mod users;
mod vdpa;

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use subdevcfg_compiler::values::{
    Cmode, DevlinkHandle, EncapMode, EswitchMode, InlineMode, InterfaceName, MacAddr, Scalar,
};

pub use bridge::{Bridge, BridgeVolatile, Port};
pub use function::{Function, FunctionVolatile, Interface, InterfaceVolatile, Rates};
pub use hardware::Hardware;
pub use ovs::{Ovs, OvsBridge, OvsPort};

use crate::resource::{Child, FunctionId, Setting, Settings, Subject};

pub use sriov::{Sriov, Vf, VfDevice, VfioUser};
pub use uplink::Uplink;
pub use users::{FunctionUser, RdmaUser, User};
pub use vdpa::{Vdpa, VdpaVolatile};

/// The version of the state's JSON form: the minor number counts additions.
pub const FORMAT_VERSION: &str = "1.0";

/// Something that changes by itself, and so never counts in a comparison.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(inline)]
pub struct Volatile<T>(pub T);

impl<T> PartialEq for Volatile<T> {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl<T> Eq for Volatile<T> {}

/// A snapshot of a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct State {
    /// [`FORMAT_VERSION`] of the writer.
    pub format_version: String,
    /// Parent devices: devlink instances that are not a function's own, and devices without one that functions can be
    /// made on.
    pub parents: BTreeMap<DevlinkHandle, Parent>,
    /// The Linux bridges of this network namespace.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub bridges: BTreeMap<InterfaceName, Bridge>,
    /// What could not be read. A subject that is listed here is not known to be absent.
    #[serde(default)]
    pub unread: Vec<Unread>,
    /// See [`HostVolatile`].
    #[serde(default)]
    pub volatile: Volatile<HostVolatile>,
}

/// Facts about the host that are no configuration.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
pub struct HostVolatile {
    /// `uname -r`.
    pub kernel_release: String,
    /// `/proc/sys/kernel/random/boot_id`.
    pub boot_id: String,
    /// The names of all interfaces of this network namespace, alternative names included.
    #[serde(default)]
    pub interface_names: Vec<String>,
    /// The interfaces that the host is reached over.
    #[serde(default)]
    pub lifelines: Vec<Lifeline>,
    /// The buses on which parents can be made in software; absent in states that were not asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub soft_buses: Option<Vec<String>>,
    /// Open vSwitch; absent where nobody looked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ovs: Option<Ovs>,
}

/// An interface that the host is reached over, itself or by what is above it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Lifeline {
    /// Its name.
    pub interface: String,
    /// What leads over it, in words.
    pub reason: String,
}

/// Something that could not be read, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Unread {
    /// What.
    pub what: Unreadable,
    /// The kernel's words.
    pub why: String,
}

/// The parts of an observation that can fail alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Unreadable {
    /// Anything: it changed while it was read, again and again.
    Host,
    /// The names of the drivers.
    Drivers,
    /// A parent with all that is on it.
    Parent(DevlinkHandle),
    /// A parent's eswitch attributes.
    Eswitch(DevlinkHandle),
    /// Open vSwitch: its bridges, and what is a port of them.
    Ovs,
    /// RDMA devices: who uses them.
    Rdma,
    /// vDPA devices, and which devices manage them.
    Vdpa,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host => f.write_str("this host"),
            Self::Drivers => f.write_str("the names of drivers"),
            Self::Parent(handle) => write!(f, "{handle}"),
            Self::Eswitch(handle) => write!(f, "{handle} eswitch"),
            Self::Ovs => f.write_str("Open vSwitch"),
            Self::Vdpa => f.write_str("vDPA devices"),
            Self::Rdma => f.write_str("users of RDMA devices"),
        }
    }
}

/// A parent device.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Parent {
    /// The driver, as devlink info or sysfs reports it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub driver: Option<String>,
    /// It has no devlink instance: no eswitch, no parameters and no ports, so that its functions have no state to set.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub without_devlink: bool,
    /// How it was made, if it was made in software.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub soft: Option<SoftSpec>,
    /// The uplink, where its network interface is in this network namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uplink: Option<Uplink>,
    /// Eswitch attributes; each is absent where the driver has none or the kernel would not say.
    #[serde(default)]
    pub eswitch: Eswitch,
    /// Parameters of the parent's instance, by name and cmode.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub params: BTreeMap<String, BTreeMap<Cmode, Scalar>>,
    /// Its VFs; absent where it can have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sriov: Option<Sriov>,
    /// The functions on it, in the order of their identities, by which [`Parent::function`] finds them.
    #[serde(default, deserialize_with = "in_order")]
    pub functions: Vec<Function>,
    /// The nodes of its tree of rates, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub rate_nodes: BTreeMap<String, Rates>,
    /// The vDPA devices that it is the management device of, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub vdpa: BTreeMap<String, Vdpa>,
    /// See [`ParentVolatile`].
    #[serde(default)]
    pub volatile: Volatile<ParentVolatile>,
}

/// Facts about a parent that are no configuration.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
pub struct ParentVolatile {
    /// mdev types by directory name; `None` where nobody looked.
    #[serde(default)]
    pub mdev_types: Option<BTreeMap<String, MdevType>>,
    /// vDPA devices can be made on it (`VDPA_CMD_MGMTDEV_GET`).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub manages_vdpa: bool,
    /// The uplink's netdev is administratively up.
    #[serde(default)]
    pub uplink_up: bool,
    /// The name of the uplink's netdev.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uplink: Option<String>,
    /// The uplink's driver lets nobody change `hw-tc-offload`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub offload_is_fixed: bool,
    /// Who uses the uplink's netdev.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub users: Vec<User>,
    /// How often the device has started anew, where its driver counts that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restarts: Option<Restarts>,
    /// What the simulated kernel's profile of the driver is made from, where nobody has compared it with the hardware.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// What the device is.
    #[serde(default, skip_serializing_if = "Hardware::is_unknown")]
    pub hardware: Hardware,
}

/// How often a device has started anew since its driver was loaded. What it loses by that nobody took away.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Restarts {
    /// Reloads, by this host or another one (`DEVLINK_ATTR_DEV_STATS`).
    #[serde(default)]
    pub reloads: u64,
    /// Recoveries by its health reporters (`DEVLINK_ATTR_HEALTH_REPORTER_RECOVER_COUNT`).
    #[serde(default)]
    pub recoveries: u64,
}

/// A type of mediated devices that a parent takes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MdevType {
    /// What it is called, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// How many more can be made, if no other type takes their place.
    pub available: u32,
}

/// The words that made a soft parent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SoftSpec {
    /// Size of the pool of functions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_subdevices: Option<u32>,
    /// The netdev below the uplink.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lower: Option<InterfaceName>,
    /// The first default MAC address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac_base: Option<MacAddr>,
}

/// Eswitch attributes. Words newer than this code read as absent (mlx5 has reported a mode `none`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Eswitch {
    /// Mode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<EswitchMode>,
    /// Inline mode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inline_mode: Option<InlineMode>,
    /// Encap mode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encap_mode: Option<EncapMode>,
}

impl State {
    /// A host with nothing on it.
    #[must_use]
    pub fn empty() -> Self {
        Self {
            format_version: FORMAT_VERSION.to_owned(),
            parents: BTreeMap::new(),
            bridges: BTreeMap::new(),
            unread: Vec::new(),
            volatile: Volatile::default(),
        }
    }

    /// Everything that has attributes: parents, their functions, their rate nodes and vDPA devices, and bridges.
    pub fn subjects(&self) -> impl Iterator<Item = Subject> {
        let bridges = self.bridges.keys().map(|name| Subject::bridge(name.as_str()));
        let on_parents = self.parents.iter().flat_map(|(handle, parent)| {
            let functions = parent.functions.iter();
            let functions = functions.map(|function| Subject::function(handle.clone(), function.id.clone()));
            let nodes = parent.rate_nodes.keys().map(|name| Subject::rate_node(handle.clone(), name.clone()));
            let vdpas = parent.vdpa.keys().map(|name| Subject::vdpa(handle.clone(), name.clone()));
            std::iter::once(Subject::parent(handle.clone())).chain(functions).chain(nodes).chain(vdpas)
        });
        on_parents.chain(bridges)
    }

    /// The VF that a PCI address is of, with its parent.
    #[must_use]
    pub fn vf_at(&self, address: &DevlinkHandle) -> Option<(&DevlinkHandle, &FunctionId)> {
        let is_there = |function: &&Function| {
            let device = function.vf.as_ref().and_then(|vf| vf.device.as_ref());
            device.is_some_and(|device| device.address.0 == address.device())
        };
        let mut parents = self.parents.iter().filter(|(parent, _)| parent.bus() == address.bus());
        parents.find_map(|(handle, parent)| Some((handle, &parent.functions.iter().find(is_there)?.id)))
    }

    /// Why this could not be read, if it could not.
    #[must_use]
    pub fn unread(&self, what: &Unreadable) -> Option<&str> {
        self.unread.iter().find(|unread| unread.what == *what).map(|unread| unread.why.as_str())
    }

    /// The Linux bridge of that name.
    #[must_use]
    pub fn bridge(&self, name: &str) -> Option<&Bridge> {
        self.bridges.get(&name.parse().ok()?)
    }

    /// The function of that identity, on whatever parent it is.
    #[must_use]
    pub fn function(&self, subject: &Subject) -> Option<&Function> {
        let id = subject.function_id()?;
        self.parents.get(&subject.parent)?.function(id)
    }

    /// Whether a subject is there.
    #[must_use]
    pub fn has(&self, subject: &Subject) -> bool {
        if let Some(name) = subject.bridge_name() {
            return self.bridge(name).is_some();
        }
        let Some(parent) = self.parents.get(&subject.parent) else { return false };
        match &subject.child {
            None | Some(Child::Bridge) => true,
            Some(Child::Function(id)) => parent.function(id).is_some(),
            Some(Child::RateNode(name)) => parent.rate_nodes.contains_key(name),
            Some(Child::Vdpa(name)) => parent.vdpa.contains_key(name),
        }
    }

    /// The attributes of a subject, or `None` when there is no such subject.
    #[must_use]
    pub fn settings(&self, subject: &Subject) -> Option<Settings> {
        if let Some(name) = subject.bridge_name() {
            return Some(self.bridge(name)?.settings());
        }
        let parent = self.parents.get(&subject.parent)?;
        match &subject.child {
            None | Some(Child::Bridge) => Some(parent.settings()),
            Some(Child::Function(id)) => parent.function(id).map(Function::settings),
            Some(Child::RateNode(name)) => parent.rate_nodes.get(name).map(Rates::settings),
            Some(Child::Vdpa(name)) => parent.vdpa.get(name).map(Vdpa::settings),
        }
    }
}

/// A state may be written by hand.
fn in_order<'de, D: Deserializer<'de>>(text: D) -> Result<Vec<Function>, D::Error> {
    let mut functions = Vec::<Function>::deserialize(text)?;
    functions.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(functions)
}

impl Parent {
    /// The function of that identity.
    #[must_use]
    pub fn function(&self, id: &FunctionId) -> Option<&Function> {
        let at = self.functions.binary_search_by(|function| function.id.cmp(id)).ok()?;
        Some(&self.functions[at])
    }

    /// The parent's own attributes.
    #[must_use]
    pub fn settings(&self) -> Settings {
        let eswitch = self.eswitch;
        let words = [
            eswitch.mode.map(Setting::EswitchMode),
            eswitch.inline_mode.map(Setting::InlineMode),
            eswitch.encap_mode.map(Setting::EncapMode),
        ];
        let vfs = self.sriov.as_ref().map(|sriov| Setting::Vfs(sriov.vfs));
        let uplink = self.uplink.iter().flat_map(Uplink::settings);
        words.into_iter().flatten().chain(vfs).chain(uplink).chain(param_settings(&self.params)).collect()
    }
}

/// Parameters as a state has them, of settings that may be of other attributes too.
pub(crate) fn params_of(
    settings: impl Iterator<Item = Setting>,
) -> BTreeMap<String, BTreeMap<Cmode, Scalar>> {
    let mut params: BTreeMap<String, BTreeMap<Cmode, Scalar>> = BTreeMap::new();
    for setting in settings {
        if let Setting::Param { name, cmode, value } = setting {
            params.entry(name).or_default().insert(cmode, value);
        }
    }
    params
}

fn param_settings(params: &BTreeMap<String, BTreeMap<Cmode, Scalar>>) -> impl Iterator<Item = Setting> {
    params.iter().flat_map(|(name, values)| {
        values.iter().map(|(&cmode, value)| Setting::Param {
            name: name.clone(),
            cmode,
            value: value.clone(),
        })
    })
}
