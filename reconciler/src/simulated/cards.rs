//! PCI network cards with a devlink instance, a switch in them, VFs and subfunctions: what such a card holds and how it
//! looks from outside. What the devlink core does with a request is in `card_requests`, what the drivers do with it in
//! `mlx5` and `ice`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use subdevcfg_compiler::values::{DevlinkHandle, EncapMode, EswitchMode, InlineMode, MacAddr};

use super::bridges::SimulatedPort;
use super::card_requests::Driver;
use super::host::SimulatedHost;
use super::interface::SimulatedInterface;
use super::legacy::{self, LegacyConfig};
use super::params::Params;
use super::pci::{MOST_VFS, SimulatedPf};
use super::vdpa::{self, Vdpas};
use super::{ice, mlx5};
use crate::resource::{Capability, FunctionId, Side};
use crate::state::{
    Eswitch, Function, FunctionUser, FunctionVolatile, Hardware, Parent, ParentVolatile, Rates, Restarts,
    Uplink, User, Vf, Volatile,
};

/// Room for subfunctions: 236 is what NVIDIA's manuals give a PF in their examples.
const MOST_SFS: u32 = 236;

/// How many requests or looks pass until the firmware has stopped a function, or its driver has started it.
pub(super) const FIRMWARE_TAKES: u8 = 3;

/// One card.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct SimulatedCard {
    #[serde(flatten)]
    pub pf: SimulatedPf,
    #[serde(default = "most_sfs")]
    pub most_sfs: u32,
    /// Absent where the driver reports a mode that is none of the two (older mlx5 before the first switch).
    #[serde(default = "legacy")]
    pub mode: Option<EswitchMode>,
    #[serde(default)]
    pub encap: Option<EncapMode>,
    #[serde(default)]
    pub params: Params,
    #[serde(default)]
    pub uplink: Option<SimulatedInterface>,
    /// Subfunctions by number.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sfs: BTreeMap<u32, CardPort>,
    /// Numbers of subfunctions that are gone but for the firmware, and how long it still takes.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub going: BTreeMap<u32, u8>,
    /// The ports of VFs by index, in switchdev mode.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub vf_ports: BTreeMap<u32, CardPort>,
    /// The netdevs of VFs that the card's own driver is bound to.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub vf_netdevs: BTreeMap<u32, SimulatedInterface>,
    /// What the PF has set for VFs in legacy mode.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub configs: BTreeMap<u32, LegacyConfig>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub rate_nodes: BTreeMap<String, Rates>,
    /// vDPA devices of the PF.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub vdpa: Vdpas,
    /// DCB is on: ice keeps its tree of rates for that.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dcb: bool,
    /// tc rules of others that hold the eswitch in its mode, as somebody has written it into the file.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub has_tc_rules: bool,
    #[serde(default)]
    pub restarts: Restarts,
    /// How often the core of the card was reset by a parameter.
    #[serde(default)]
    pub core_resets: u64,
    /// How often a tree of rates was made.
    #[serde(default)]
    pub trees: u64,
    #[serde(default)]
    pub next_port_index: u32,
}

/// The port of a function on the card, and the function itself as far as the card knows it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct CardPort {
    pub index: u32,
    pub mac: MacAddr,
    pub capabilities: BTreeMap<Capability, bool>,
    pub max_io_eqs: Option<u32>,
    /// Somebody has set the number of queues.
    #[serde(default)]
    pub eqs_are_set: bool,
    pub leaf: Option<Rates>,
    /// Whether it is to have a representor.
    pub shown: bool,
    pub representor: Option<SimulatedInterface>,
    /// How far a subfunction runs.
    #[serde(default)]
    pub phase: Phase,
    pub aux_id: Option<u32>,
    /// The parameters of its own instance, while it has one.
    pub params: Option<Params>,
    /// Whether it is to have a netdev.
    #[serde(default)]
    pub has_netdev: bool,
    pub netdev: Option<SimulatedInterface>,
    /// What its driver found when it was probed last.
    pub probed: Option<Probed>,
}

/// Attributes of a function as its driver found them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Probed {
    pub mac: MacAddr,
    pub roce: Option<bool>,
}

/// How far a subfunction runs (`vhca_state` of mlx5).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Phase {
    #[default]
    Allocated,
    /// Activated, and its driver comes.
    Starting(u8),
    InUse,
    /// Deactivated, and its driver has not let go.
    Stopping(u8),
}

const fn most_sfs() -> u32 {
    MOST_SFS
}

#[expect(clippy::unnecessary_wraps, reason = "what a field that is left out has")]
const fn legacy() -> Option<EswitchMode> {
    Some(EswitchMode::Legacy)
}

impl SimulatedHost {
    /// Plugs a card with this driver in, if there is a profile of the driver and nothing is at the address.
    pub fn plug_in(&mut self, address: &str, driver: &str) {
        if self.pfs.contains_key(address) || self.cards.contains_key(address) {
            return;
        }
        let Some(driver) = driver_named(driver) else { return };
        let card = SimulatedCard {
            pf: SimulatedPf::new(driver.name(), MOST_VFS),
            most_sfs: MOST_SFS,
            mode: legacy(),
            encap: driver.first_encap(),
            params: Params::default(),
            uplink: None,
            sfs: BTreeMap::new(),
            going: BTreeMap::new(),
            vf_ports: BTreeMap::new(),
            vf_netdevs: BTreeMap::new(),
            configs: BTreeMap::new(),
            rate_nodes: BTreeMap::new(),
            vdpa: BTreeMap::new(),
            dcb: false,
            has_tc_rules: false,
            restarts: Restarts::default(),
            core_resets: 0,
            trees: 0,
            next_port_index: 1,
        };
        self.cards.insert(address.to_owned(), card);
        self.show_interfaces_of_cards();
    }

    /// The cards as the tool observes them.
    pub(super) fn card_parents(&self) -> impl Iterator<Item = (DevlinkHandle, Parent)> {
        self.cards.iter().map(|(address, card)| {
            let handle = DevlinkHandle::new("pci", address.as_str());
            let parent = card.state(&handle);
            (handle, parent)
        })
    }

    /// Gives each uplink, representor and netdev that is to be there its interface, and takes away what is not.
    pub fn show_interfaces_of_cards(&mut self) {
        let addresses: Vec<String> = self.cards.keys().cloned().collect();
        for address in addresses {
            // A card at a time is away while names are given, with those of its own.
            while let Some(mut card) = self.cards.remove(&address) {
                let Some(max_mtu) = card.lacks_interface() else {
                    self.cards.insert(address.clone(), card);
                    break;
                };
                let names: Vec<String> = card.interfaces().map(|interface| interface.name.clone()).collect();
                let interface = self.new_interface_beside(max_mtu, &names);
                card.take_interface(interface);
                self.cards.insert(address.clone(), card);
            }
        }
    }

    /// What was accepted of a card's functions and is not what they run with, a sentence each.
    #[must_use]
    pub fn not_in_force(&self) -> Vec<String> {
        let cards = self.cards.iter();
        let ports = cards.flat_map(|(address, card)| {
            let handle = DevlinkHandle::new("pci", address.as_str());
            card.functions(&handle).map(move |(id, port)| (address, id, port)).collect::<Vec<_>>()
        });
        ports
            .filter_map(|(address, id, port)| Some((address, id, port.stale()?)))
            .map(|(address, id, (is, found))| {
                format!("{address} {id} has the MAC address {is} and runs with {found}")
            })
            .collect()
    }
}

/// The driver of that name, if it has a profile.
pub(super) fn driver_named(name: &str) -> Option<&'static dyn Driver> {
    let drivers: [&dyn Driver; 2] = [&mlx5::Mlx5, &ice::Ice];
    drivers.into_iter().find(|driver| driver.name() == name)
}

impl SimulatedCard {
    /// The driver of the card; one that was written into the file and has no profile is taken for ice, which takes least.
    pub fn driver(&self) -> &'static dyn Driver {
        driver_named(&self.pf.driver).unwrap_or(&ice::Ice)
    }

    /// Those that the file names, and who has made the rules that hold the mode.
    fn users_of_uplink(&self) -> Vec<User> {
        let named = self.uplink.iter().flat_map(|uplink| uplink.users.clone());
        named.chain(self.has_tc_rules.then(|| User::TcFilters(vec!["flower".to_owned()]))).collect()
    }

    pub fn is_switchdev(&self) -> bool {
        self.mode == Some(EswitchMode::Switchdev)
    }

    /// All ports.
    pub fn ports(&self) -> impl Iterator<Item = &CardPort> {
        self.sfs.values().chain(self.vf_ports.values())
    }

    pub fn ports_mut(&mut self) -> impl Iterator<Item = &mut CardPort> {
        self.sfs.values_mut().chain(self.vf_ports.values_mut())
    }

    fn functions(&self, handle: &DevlinkHandle) -> impl Iterator<Item = (FunctionId, &CardPort)> {
        let pf = pf_number(handle);
        let sf = move |(&number, port)| (FunctionId::Sf { controller: 0, pf, number }, port);
        let vf = move |(&index, port)| (FunctionId::Vf { controller: 0, pf, index }, port);
        self.sfs.iter().map(sf).chain(self.vf_ports.iter().map(vf))
    }

    /// All interfaces.
    pub fn interfaces(&self) -> impl Iterator<Item = &SimulatedInterface> {
        let of_ports = self.ports().flat_map(|port| port.representor.iter().chain(&port.netdev));
        of_ports.chain(self.vf_netdevs.values()).chain(&self.uplink)
    }

    /// The largest MTU of an interface that is to be there and is not; those that are not to be there go.
    fn lacks_interface(&mut self) -> Option<u32> {
        let driver = self.driver();
        if !driver.has_uplink(self) {
            self.uplink = None;
        }
        for port in self.ports_mut() {
            port.representor = port.representor.take().filter(|_| port.shown);
            port.netdev = port.netdev.take().filter(|_| port.has_netdev);
        }
        let indexes = self.vfs_with_netdev();
        self.vf_netdevs.retain(|index, _| indexes.contains(index));
        let port_lacks = |port: &CardPort| {
            (port.shown && port.representor.is_none()) || (port.has_netdev && port.netdev.is_none())
        };
        let lacks = (driver.has_uplink(self) && self.uplink.is_none())
            || self.ports().any(port_lacks)
            || indexes.len() > self.vf_netdevs.len();
        lacks.then(|| driver.max_mtu())
    }

    fn take_interface(&mut self, interface: SimulatedInterface) {
        if self.uplink.is_none() && self.driver().has_uplink(self) {
            self.uplink = Some(interface);
            return;
        }
        let places = self.ports_mut().flat_map(|port| {
            let representor = port.shown.then_some(&mut port.representor);
            let netdev = port.has_netdev.then_some(&mut port.netdev);
            representor.into_iter().chain(netdev)
        });
        if let Some(place) = places.into_iter().find(|place| place.is_none()) {
            *place = Some(interface);
            return;
        }
        let indexes = self.vfs_with_netdev();
        if let Some(index) = indexes.into_iter().find(|index| !self.vf_netdevs.contains_key(index)) {
            self.vf_netdevs.insert(index, interface);
        }
    }

    /// The indexes of VFs that the card's own driver runs.
    fn vfs_with_netdev(&self) -> Vec<u32> {
        let own = Some(self.pf.driver.as_str());
        let vfs = (0..).zip(&self.pf.vfs);
        vfs.filter(|(_, vf)| vf.driver.as_deref() == own).map(|(index, _)| index).collect()
    }

    /// What the PF has set for a VF, with what it has not.
    pub fn config(&self, index: u32) -> LegacyConfig {
        let mut config = legacy::of_new(self.driver().first_spoofchk());
        config.extend(self.configs.get(&index).into_iter().flatten());
        config
    }

    fn hardware(&self) -> Hardware {
        let mut hardware = Hardware::default();
        let resource = self.driver().sf_resource();
        hardware.resources.extend(resource.map(|name| (name.to_owned(), self.most_sfs.into())));
        hardware
    }

    fn state(&self, handle: &DevlinkHandle) -> Parent {
        let driver = self.driver();
        let pf = self.pf.state(handle);
        let mut functions: Vec<Function> = pf.functions.into_iter().map(|vf| self.vf(vf)).collect();
        let number = pf_number(handle);
        functions.extend(self.sfs.iter().map(|(&sf, port)| port.sf(number, sf, driver)));
        functions.sort_by(|a, b| a.id.cmp(&b.id));
        let uplink = |uplink: &SimulatedInterface| Uplink {
            mtu: uplink.mtu,
            up: uplink.up,
            hw_tc_offload: Some(uplink.hw_tc_offload),
        };
        Parent {
            driver: pf.driver,
            uplink: self.uplink.as_ref().map(uplink),
            eswitch: Eswitch {
                mode: self.mode,
                inline_mode: driver.has_inline_mode().then_some(InlineMode::None),
                encap_mode: self.encap,
            },
            params: self.params.reported(driver.params()),
            sriov: pf.sriov,
            functions,
            rate_nodes: self.rate_nodes.clone(),
            vdpa: vdpa::states(&self.vdpa),
            volatile: Volatile(ParentVolatile {
                manages_vdpa: vdpa::is_managed_by(self),
                mdev_types: Some(BTreeMap::new()),
                uplink_up: self.uplink.as_ref().is_some_and(|uplink| uplink.up),
                uplink: self.uplink.as_ref().map(|uplink| uplink.name.clone()),
                users: self.users_of_uplink(),
                restarts: driver.counts_restarts().then_some(self.restarts),
                profile: Some(format!("the source of {} in Linux 6.12.117", driver.name())),
                hardware: self.hardware(),
                ..ParentVolatile::default()
            }),
            ..Parent::default()
        }
    }

    /// A VF: the PCI device, with what its port and its PF say of it.
    fn vf(&self, device: Function) -> Function {
        let Some(index) = device.id.vf_index() else { return device };
        let legacy =
            if self.mode == Some(EswitchMode::Legacy) { self.config(index) } else { BTreeMap::new() };
        let mut vf = Function { vf: device.vf.clone().map(|vf| Vf { legacy, ..vf }), ..device };
        vf.netdev = self.vf_netdevs.get(&index).map(SimulatedInterface::state);
        if let Some(port) = self.vf_ports.get(&index) {
            vf.mac = Some(port.mac);
            vf.capabilities.clone_from(&port.capabilities);
            vf.max_io_eqs = port.max_io_eqs;
            vf.rates.clone_from(&port.leaf);
            vf.representor = port.representor.as_ref().map(SimulatedInterface::state);
            vf.volatile.0.port_index = Some(port.index);
            vf.volatile.0.users.extend(port.users());
        }
        vf
    }
}

impl CardPort {
    /// A new one, with a representor, that has no attributes yet.
    pub const fn new(index: u32) -> Self {
        Self {
            index,
            mac: MacAddr([0; 6]),
            capabilities: BTreeMap::new(),
            max_io_eqs: None,
            eqs_are_set: false,
            leaf: None,
            shown: true,
            representor: None,
            phase: Phase::Allocated,
            aux_id: None,
            params: None,
            has_netdev: false,
            netdev: None,
            probed: None,
        }
    }

    /// `state` of the port function: what was asked for.
    pub const fn is_active(&self) -> bool {
        matches!(self.phase, Phase::Starting(_) | Phase::InUse)
    }

    /// `opstate`: its driver has it.
    pub const fn is_attached(&self) -> bool {
        matches!(self.phase, Phase::InUse | Phase::Stopping(_))
    }

    pub fn probe(&mut self) {
        self.probed = Some(Probed { mac: self.mac, roce: self.capabilities.get(&Capability::Roce).copied() });
    }

    /// The address that was written, and the one that its driver found; `None` while they are the same.
    fn stale(&self) -> Option<(MacAddr, MacAddr)> {
        let found = self.probed.as_ref().filter(|probed| probed.mac != self.mac)?;
        Some((self.mac, found.mac))
    }

    fn sf(&self, pf: u32, number: u32, driver: &dyn Driver) -> Function {
        let name = |id| DevlinkHandle::new("auxiliary", format!("{}.sf.{id}", driver.name()));
        let params = self.params.as_ref().map(|params| params.reported(driver.function_params()));
        let mut netdev = self.netdev.as_ref().map(SimulatedInterface::state);
        if let Some(netdev) = &mut netdev {
            netdev.volatile.0.mac = self.probed.as_ref().map(|probed| probed.mac);
        }
        Function {
            id: FunctionId::Sf { controller: 0, pf, number },
            mdev_type: None,
            on_vf: None,
            attrs: BTreeMap::new(),
            mac: Some(self.mac),
            capabilities: self.capabilities.clone(),
            max_io_eqs: self.max_io_eqs,
            rates: self.leaf.clone(),
            vf: None,
            active: self.is_active(),
            params: params.unwrap_or_default(),
            netdev,
            representor: self.representor.as_ref().map(SimulatedInterface::state),
            volatile: Volatile(FunctionVolatile {
                mdev_types: BTreeMap::new(),
                port_index: Some(self.index),
                sf_number: Some(number),
                attached: self.is_attached(),
                instance: self.params.as_ref().and(self.aux_id).map(name),
                users: self.users(),
            }),
        }
    }

    fn users(&self) -> Vec<FunctionUser> {
        let interfaces = [(Side::Netdev, &self.netdev), (Side::Representor, &self.representor)];
        let of_side = |(side, interface): (Side, &Option<SimulatedInterface>)| {
            let users = interface.iter().flat_map(|interface| interface.users.clone());
            let port = interface.as_ref().and_then(|interface| interface.port.as_ref());
            let bridge = port.map(|port: &SimulatedPort| User::Upper {
                kind: Some("bridge".to_owned()),
                name: port.bridge.clone(),
            });
            users.chain(bridge).map(|user| FunctionUser { side: Some(side), user }).collect::<Vec<_>>()
        };
        interfaces.into_iter().flat_map(of_side).collect()
    }
}

/// The number of the PF: on both drivers that of the PCI function (`mlx5_get_dev_index`; `pf_id` of ice).
pub(super) fn pf_number(handle: &DevlinkHandle) -> u32 {
    match FunctionId::local_vf(handle, 0) {
        FunctionId::Vf { pf, .. } => pf,
        _ => 0,
    }
}
