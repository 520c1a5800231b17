//! What the simulated kernel holds, and how it looks from outside.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use subdevcfg_compiler::values::{DevlinkHandle, EncapMode, EswitchMode, InlineMode, InterfaceName, MacAddr};
use uuid::Uuid;

use super::bridges::SimulatedBridge;
use super::card_requests;
use super::cards::SimulatedCard;
use super::device_attributes;
use super::interface::SimulatedInterface;
use super::netdevsim::{self, SimulatedNetdevsim};
use super::other_side::OtherHost;
use super::ovs::SimulatedOvs;
use super::params::{self, Params, Values};
use super::pci::{self, SimulatedPf};
use super::samples::{Sample, SimulatedSample};
use super::vdpa::Vdpas;
use crate::history::Past;
use crate::kernel::{DeviceAttributes, Effect};
use crate::record::Record;
use crate::resource::{Capability, FunctionId, Side, Subject};
use crate::state::{
    Eswitch, FORMAT_VERSION, Function, FunctionUser, FunctionVolatile, Hardware, HostVolatile, Lifeline,
    MdevType, Parent, ParentVolatile, Rates, Restarts, SoftSpec, State, Uplink, User, Volatile,
};

/// What `create max-subdevices=` is without it (kmod's default).
const DEFAULT_CAPACITY: u32 = 256;

/// The types of mediated devices with their names, and how many places of the pool one takes (`kmod/mdev.c`).
const MDEV_TYPES: [(&str, &str, u32); 2] =
    [("subdev-eth", "Ethernet function", 1), ("subdev-eth4", "Ethernet function, 4 queues", 4)];

/// How many places of the pool a mediated device of this type takes; `None` when there is no such type.
pub(super) fn size_of_type(name: &str) -> Option<u32> {
    MDEV_TYPES.iter().find(|(known, _, _)| *known == name).map(|(_, _, size)| *size)
}

/// Whether a function of this controller runs on this host.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
pub(super) const fn is_this_host(controller: &u32) -> bool {
    *controller == 0
}

/// A host that exists only in a file.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SimulatedHost {
    /// The version of the file's form.
    pub format: Format,
    /// `uname -r` of the kernel that is played.
    pub kernel_release: String,
    /// Parents by the name after `subdev/`.
    #[serde(default)]
    pub(super) parents: BTreeMap<String, SimulatedParent>,
    /// The host that the parents are shared with, if this one is a DPU.
    #[serde(default, skip_serializing_if = "OtherHost::is_none")]
    pub(super) other_host: OtherHost,
    /// Devices of the kernel's simulator, by the name after `netdevsim/`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) netdevsims: BTreeMap<String, SimulatedNetdevsim>,
    /// PCI devices that can have VFs and have no devlink instance, by their addresses.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) pfs: BTreeMap<String, SimulatedPf>,
    /// Network cards with a devlink instance, by their PCI addresses.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) cards: BTreeMap<String, SimulatedCard>,
    /// The kernel's sample drivers that are loaded.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) samples: BTreeMap<Sample, SimulatedSample>,
    /// The vDPA devices of the kernel's simulator, if it is loaded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) vdpa_simulator: Option<Vdpas>,
    /// Linux bridges by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) bridges: BTreeMap<String, SimulatedBridge>,
    /// Open vSwitch, if it is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) ovs: Option<SimulatedOvs>,
    /// The sysfs attributes of mediated devices that observations tell; all as long as nobody chose.
    #[serde(skip)]
    pub(super) told: Option<DeviceAttributes>,
    /// Interface names that are taken by others.
    #[serde(default)]
    pub(super) other_interfaces: Vec<String>,
    /// What the host is reached over, as somebody has written it into the file.
    #[serde(default)]
    pub(super) lifelines: Vec<Lifeline>,
    #[serde(default)]
    pub(super) next_ifindex: u32,
    #[serde(default)]
    pub(super) next_aux_id: u32,
    /// Counts the addresses given to functions of parents without a `mac-base`.
    #[serde(default)]
    pub(super) next_random_mac: u32,
    /// Permanent parameters of parents, by their names, also while there is no such parent.
    #[serde(default)]
    pub(super) permanent: BTreeMap<String, Values>,
    /// The record that subdevcfg keeps on this host.
    #[serde(default)]
    pub record: Record,
    /// The last applies on this host.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<Past>,
}

/// The mark of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Format {
    /// The first form.
    #[serde(rename = "subdevcfg-simulated-host/1")]
    V1,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct SimulatedParent {
    pub capacity: u32,
    pub mac_base: Option<MacAddr>,
    #[serde(default)]
    pub lower: Option<InterfaceName>,
    pub mode: EswitchMode,
    /// The uplink's interface; files of before it was simulated have none.
    #[serde(default)]
    pub uplink: Option<SimulatedInterface>,
    pub params: Params,
    /// Numbers for functions that none was chosen for start here: `auto_sfnum_min` as it was when the parent was made.
    pub first_automatic: u32,
    pub functions: Vec<SimulatedFunction>,
    /// Nodes of the tree of rates, by name.
    #[serde(default)]
    pub rate_nodes: BTreeMap<String, Rates>,
    pub next_port_index: u32,
    /// How often it has started anew; a reset that nobody asked for is made by writing this file.
    #[serde(default)]
    pub restarts: Restarts,
    /// What the device is, as somebody has written it into the file; the pool is a resource as in `kmod/health.c`.
    #[serde(default)]
    pub hardware: Hardware,
}

/// A function with both of its interfaces and its instance's parameters.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct SimulatedFunction {
    /// Whose host runs it; 0 for this one.
    #[serde(default, skip_serializing_if = "is_this_host")]
    pub controller: u32,
    pub sf_number: u32,
    pub port_index: u32,
    /// Set for mediated devices.
    pub mdev: Option<SimulatedMdev>,
    pub mac: MacAddr,
    /// `roce` and `max_io_eqs`, which kernels before 6.2 and 6.10 do not have.
    #[serde(default)]
    pub roce: Option<bool>,
    #[serde(default)]
    pub max_io_eqs: Option<u32>,
    /// The rate leaf, while the eswitch is in switchdev mode.
    #[serde(default)]
    pub leaf: Option<Rates>,
    pub active: bool,
    /// Number of the auxiliary device of an active SF.
    pub aux_id: Option<u32>,
    /// The parameters of the function's instance, while it has one.
    pub params: Option<Params>,
    pub netdev: Option<SimulatedInterface>,
    pub representor: Option<SimulatedInterface>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct SimulatedMdev {
    pub uuid: Uuid,
    pub mdev_type: String,
    /// sysfs attributes that somebody wrote.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attrs: BTreeMap<String, String>,
}

impl SimulatedHost {
    /// A host with nothing on it, of this kernel release.
    #[must_use]
    pub fn new(kernel_release: impl Into<String>) -> Self {
        Self {
            format: Format::V1,
            kernel_release: kernel_release.into(),
            parents: BTreeMap::new(),
            other_host: OtherHost::None,
            netdevsims: BTreeMap::new(),
            pfs: BTreeMap::new(),
            cards: BTreeMap::new(),
            samples: BTreeMap::new(),
            vdpa_simulator: None,
            bridges: BTreeMap::new(),
            ovs: None,
            told: None,
            other_interfaces: vec!["lo".to_owned()],
            lifelines: Vec::new(),
            next_ifindex: 2,
            next_aux_id: 0,
            next_random_mac: 1,
            permanent: BTreeMap::new(),
            record: Record::default(),
            history: Vec::new(),
        }
    }

    /// Whether the kernel that is played is older than this one.
    pub(super) fn is_before(&self, major: u32, minor: u32) -> bool {
        let mut parts = self.kernel_release.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
        (parts.next().unwrap_or(0), parts.next().unwrap_or(0)) < (major, minor)
    }

    /// A new rate leaf or node. Priority and weight are told since 6.2 (commits cd502236835b, 6e2d7e84fcfe).
    pub(super) fn new_rates(&self) -> Rates {
        let number = (!self.is_before(6, 2)).then_some(0);
        Rates { tx_priority: number, tx_weight: number, ..Rates::default() }
    }

    /// Whether an effect is to be seen on a subject.
    pub(super) fn has_effect(&self, subject: &Subject, effect: Effect) -> bool {
        if effect == Effect::Port {
            return self.port_is_done(subject);
        }
        if netdevsim::is_one(&subject.parent) {
            return netdevsim::shows(self, subject, effect);
        }
        if card_requests::is_one(self, &subject.parent) {
            return card_requests::shows(self, subject, effect);
        }
        if pci::is_one(&subject.parent) {
            return pci::shows(self, subject, effect);
        }
        let parent =
            (subject.parent.bus() == "subdev").then(|| self.parents.get(subject.parent.device())).flatten();
        let function = subject.function_id().and_then(|id| {
            parent.and_then(|parent| parent.functions.iter().find(|function| function.id() == *id))
        });
        match effect {
            Effect::Gone if subject.is_parent() => parent.is_none(),
            Effect::Attached | Effect::Vfs | Effect::Port => false,
            Effect::Gone => {
                function.is_none() && !subject.function_id().is_some_and(|id| self.samples_have(id))
            }
            Effect::Detached => function.is_none_or(|function| !function.is_attached(self.other_host)),
            Effect::Instance => function.is_some_and(|function| function.params.is_some()),
            Effect::Netdev => function.is_some_and(|function| function.netdev.is_some()),
            Effect::Representor => function.is_some_and(|function| function.representor.is_some()),
        }
    }

    /// Whether a mediated device has this UUID, which is unique on the host (`drivers/vfio/mdev/mdev_core.c`).
    pub(super) fn has_mdev(&self, uuid: Uuid) -> bool {
        let id = FunctionId::Mdev { uuid };
        let mut functions = self.parents.values().flat_map(|parent| &parent.functions);
        self.samples_have(&id) || self.vfs_carry(&id) || functions.any(|other| other.id() == id)
    }

    /// What the tool observes.
    #[must_use]
    pub fn state(&self) -> State {
        let ovs = self.ovs_state();
        let parents = self
            .parents
            .iter()
            .map(|(name, parent)| {
                (DevlinkHandle::new("subdev", name.as_str()), parent.state(self.other_host))
            })
            .chain(self.netdevsim_parents())
            .chain(self.pf_parents())
            .chain(self.card_parents())
            .chain(self.sample_parents())
            .chain(self.vdpa_parents())
            .map(|(handle, mut parent)| {
                parent.functions.iter_mut().for_each(|function| self.keep_told(function));
                Self::take_ports_up(&ovs, &mut parent.functions);
                (handle, parent)
            });
        State {
            format_version: FORMAT_VERSION.to_owned(),
            parents: parents.collect::<BTreeMap<_, _>>(),
            bridges: self.bridge_states().collect(),
            unread: Vec::new(),
            volatile: Volatile(HostVolatile {
                kernel_release: self.kernel_release.clone(),
                boot_id: "simulated".to_owned(),
                interface_names: self.interface_names().map(str::to_owned).collect(),
                lifelines: self.lifelines.clone(),
                soft_buses: Some(vec!["subdev".to_owned()]),
                ovs: Some(ovs.clone()),
            }),
        }
    }
}

impl SimulatedParent {
    pub fn new(spec: &SoftSpec, permanent: &Values) -> Self {
        let params = Params::new(&params::OF_PARENT, permanent);
        Self {
            first_automatic: u32::try_from(params.number("auto_sfnum_min")).unwrap_or(u32::MAX),
            capacity: spec.max_subdevices.unwrap_or(DEFAULT_CAPACITY),
            mac_base: spec.mac_base,
            lower: spec.lower.clone(),
            mode: EswitchMode::Legacy,
            uplink: None,
            params,
            functions: Vec::new(),
            rate_nodes: BTreeMap::new(),
            // Port 0 is the uplink.
            next_port_index: 1,
            restarts: Restarts::default(),
            hardware: Hardware::default(),
        }
    }

    /// The MTU limit of interfaces that are made from now on.
    pub fn max_mtu(&self) -> u32 {
        u32::try_from(self.params.number("max_mtu")).unwrap_or(u32::MAX)
    }

    fn hardware(&self) -> Hardware {
        let mut hardware = self.hardware.clone();
        hardware.resources.insert("subdevices".to_owned(), self.capacity.into());
        hardware
    }

    /// Places of the pool that are taken.
    pub fn used(&self) -> u32 {
        let size = |function: &SimulatedFunction| {
            function.mdev.as_ref().and_then(|mdev| size_of_type(&mdev.mdev_type)).unwrap_or(1)
        };
        self.functions.iter().map(size).sum()
    }

    pub fn function(&mut self, id: &FunctionId) -> Option<&mut SimulatedFunction> {
        self.functions.iter_mut().find(|function| function.id() == *id)
    }

    fn state(&self, other_host: OtherHost) -> Parent {
        let functions = self.functions.iter();
        let mut functions: Vec<Function> = functions.map(|function| function.state(other_host)).collect();
        functions.sort_by(|a, b| a.id.cmp(&b.id));
        let left = self.capacity.saturating_sub(self.used());
        let types = MDEV_TYPES.map(|(known, name, size)| {
            (known.to_owned(), MdevType { name: Some(name.to_owned()), available: left / size })
        });
        Parent {
            driver: Some("subdev".to_owned()),
            without_devlink: false,
            soft: Some(SoftSpec {
                max_subdevices: Some(self.capacity),
                lower: self.lower.clone(),
                mac_base: self.mac_base,
            }),
            // The module has no tc offload.
            uplink: self.uplink.as_ref().map(|uplink| Uplink {
                mtu: uplink.mtu,
                up: uplink.up,
                hw_tc_offload: Some(false),
            }),
            eswitch: Eswitch {
                mode: Some(self.mode),
                inline_mode: Some(InlineMode::None),
                encap_mode: Some(EncapMode::None),
            },
            params: self.params.reported(&params::OF_PARENT),
            sriov: None,
            functions,
            rate_nodes: self.rate_nodes.clone(),
            vdpa: BTreeMap::new(),
            volatile: Volatile(ParentVolatile {
                manages_vdpa: false,
                mdev_types: Some(BTreeMap::from(types)),
                uplink_up: self.uplink.as_ref().is_some_and(|uplink| uplink.up),
                uplink: self.uplink.as_ref().map(|uplink| uplink.name.clone()),
                offload_is_fixed: self.uplink.is_some(),
                users: self.uplink.as_ref().map(|uplink| uplink.users.clone()).unwrap_or_default(),
                restarts: Some(self.restarts),
                profile: None,
                hardware: self.hardware(),
            }),
        }
    }
}

impl SimulatedFunction {
    pub fn id(&self) -> FunctionId {
        match &self.mdev {
            Some(mdev) => FunctionId::Mdev { uuid: mdev.uuid },
            None => FunctionId::Sf { controller: self.controller, pf: 0, number: self.sf_number },
        }
    }

    /// Whether a driver has taken it up.
    fn is_attached(&self, other_host: OtherHost) -> bool {
        self.active && (is_this_host(&self.controller) || other_host == OtherHost::Attaches)
    }

    fn state(&self, other_host: OtherHost) -> Function {
        let instance = match (&self.mdev, self.aux_id) {
            (Some(mdev), _) => Some(DevlinkHandle::new("mdev", mdev.uuid.to_string())),
            (None, Some(id)) => Some(DevlinkHandle::new("auxiliary", format!("subdev.sf.{id}"))),
            (None, None) => None,
        };
        let params = self.params.as_ref().map(|params| params.reported(&params::OF_FUNCTION));
        Function {
            id: self.id(),
            mdev_type: self.mdev.as_ref().map(|mdev| mdev.mdev_type.clone()),
            on_vf: None,
            attrs: self.mdev.as_ref().map(|mdev| device_attributes::readable(mdev, &[])).unwrap_or_default(),
            mac: Some(self.mac),
            capabilities: self.roce.map(|roce| (Capability::Roce, roce)).into_iter().collect(),
            max_io_eqs: self.max_io_eqs,
            rates: self.leaf.clone(),
            vf: None,
            active: self.active,
            params: params.unwrap_or_default(),
            netdev: self.netdev.as_ref().map(SimulatedInterface::state),
            representor: self.representor.as_ref().map(SimulatedInterface::state),
            volatile: Volatile(FunctionVolatile {
                port_index: Some(self.port_index),
                sf_number: Some(self.sf_number),
                attached: self.is_attached(other_host),
                instance,
                users: self.users(),
                mdev_types: BTreeMap::new(),
            }),
        }
    }
}

impl SimulatedFunction {
    fn users(&self) -> Vec<FunctionUser> {
        let interfaces = [(Side::Netdev, &self.netdev), (Side::Representor, &self.representor)];
        let of_side = |(side, interface): (Side, &Option<SimulatedInterface>)| {
            let users = interface.iter().flat_map(|interface| interface.users.clone());
            let port = interface.as_ref().and_then(|interface| interface.port.as_ref());
            let bridge =
                port.map(|port| User::Upper { kind: Some("bridge".to_owned()), name: port.bridge.clone() });
            users.chain(bridge).map(|user| FunctionUser { side: Some(side), user }).collect::<Vec<_>>()
        };
        interfaces.into_iter().flat_map(of_side).collect()
    }
}
