//! The kernel's own simulated network device, as far as its VFs, its eswitch, its rates and its parameters go
//! (drivers/net/netdevsim of Linux 6.12; 6.1 is alike in all of this).

use std::collections::BTreeMap;

use nix::errno::Errno;
use serde::{Deserialize, Serialize};
use subdevcfg_compiler::values::{DevlinkHandle, EswitchMode, Rate};

use super::Answer;
use super::host::SimulatedHost;
use super::interface::{SimulatedInterface, write_interface};
use super::legacy::{self, LegacyConfig};
use super::other_side::OtherSide;
use super::params::{self, Params, Values};
use super::rates::{check_above, check_name};
use super::requests::refuse;
use crate::kernel::{Effect, Request, RequestError};
use crate::resource::{Child, FunctionId, LegacySetting, Setting, Side, Subject};
use crate::state::{Eswitch, Function, FunctionVolatile, Parent, ParentVolatile, Rates, Sriov, Vf, Volatile};

/// The bus that it is on.
const BUS: &str = "netdevsim";

/// `NSIM_BUS_DEV_MAX_VFS` (bus.c).
const MOST_VFS: u32 = 4;

/// `NSIM_LINK_SPEED_UNIT` and `NSIM_LINK_SPEED_MAX` (dev.c): a megabit in bytes, and how many at most.
const RATE_UNIT: u64 = 125_000;
const MOST_UNITS: u64 = 5000;

/// `ETH_MAX_MTU` (`include/uapi/linux/if_ether.h`).
const MOST_MTU: u32 = 65535;

/// One device.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct SimulatedNetdevsim {
    mode: EswitchMode,
    params: Params,
    vfs: u32,
    most_vfs: u32,
    /// `vfconfigs`: made with the device, and never reset.
    configs: BTreeMap<u32, LegacyConfig>,
    /// The ports of VFs by index: they are there in switchdev mode.
    ports: BTreeMap<u32, Port>,
    /// Functions of the other side; netdevsim itself has none.
    #[serde(skip_serializing_if = "OtherSide::is_empty")]
    pub(super) other_side: OtherSide,
    rate_nodes: BTreeMap<String, Rates>,
}

/// The port of a VF: its leaf, and its netdev, which is the representor.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Port {
    pub leaf: Rates,
    pub netdev: SimulatedInterface,
}

impl Default for SimulatedNetdevsim {
    fn default() -> Self {
        Self {
            mode: EswitchMode::Legacy,
            params: Params::new(&params::OF_NETDEVSIM, &Values::new()),
            vfs: 0,
            most_vfs: MOST_VFS,
            configs: BTreeMap::new(),
            ports: BTreeMap::new(),
            other_side: OtherSide::default(),
            rate_nodes: BTreeMap::new(),
        }
    }
}

impl SimulatedHost {
    /// Makes a netdevsim device, as `echo NUMBER > /sys/bus/netdevsim/new_device` does.
    pub fn add_netdevsim(&mut self, number: u32) {
        self.netdevsims.insert(format!("netdevsim{number}"), SimulatedNetdevsim::default());
    }

    /// The interfaces of the VFs' ports.
    pub(super) fn netdevsim_interfaces(&self) -> impl Iterator<Item = &SimulatedInterface> {
        let devices = self.netdevsims.values();
        let ports = devices.flat_map(|device| device.ports.values().chain(device.other_side.ports()));
        ports.map(|port| &port.netdev)
    }

    /// The devices as the tool observes them.
    pub(super) fn netdevsim_parents(&self) -> impl Iterator<Item = (DevlinkHandle, Parent)> {
        self.netdevsims.iter().map(|(name, device)| (DevlinkHandle::new(BUS, name.as_str()), device.state()))
    }

    pub(super) fn netdevsim(
        &mut self,
        handle: &DevlinkHandle,
    ) -> Result<&mut SimulatedNetdevsim, RequestError> {
        self.netdevsims.get_mut(handle.device()).ok_or_else(|| refuse(Errno::ENODEV, ""))
    }

    /// Gives each VF its port, as in switchdev mode.
    fn add_ports(&mut self, handle: &DevlinkHandle) -> Answer {
        let vfs = self.netdevsim(handle)?.vfs;
        for index in 0..vfs {
            let port = self.new_port();
            self.netdevsim(handle)?.ports.insert(index, port);
        }
        self.netdevsim(handle)?.mode = EswitchMode::Switchdev;
        self.show_other_side(handle)
    }

    pub(super) fn new_port(&mut self) -> Port {
        Port { leaf: self.new_rates(), netdev: self.new_interface(MOST_MTU) }
    }
}

/// Whether a request is about such a device.
pub(super) fn is_one(handle: &DevlinkHandle) -> bool {
    handle.bus() == BUS
}

/// Whether an effect is to be seen.
pub(super) fn shows(host: &SimulatedHost, subject: &Subject, effect: Effect) -> bool {
    let device = host.netdevsims.get(subject.parent.device());
    let index = subject.function_id().and_then(FunctionId::vf_index);
    let is_there = device.is_some_and(|device| index.is_none_or(|index| index < device.vfs));
    match effect {
        Effect::Gone => !is_there,
        Effect::Vfs => device.is_some_and(|device| device.vfs > 0),
        Effect::Representor => {
            index.is_some_and(|index| device.is_some_and(|device| device.ports.contains_key(&index)))
        }
        // A VF is no device here.
        Effect::Attached | Effect::Detached | Effect::Instance | Effect::Netdev | Effect::Port => false,
    }
}

pub(super) fn perform(host: &mut SimulatedHost, request: &Request) -> Answer {
    match request {
        Request::SetVfs { parent, count, .. } => set_vfs(host, parent, *count),
        Request::Set { subject, setting } => set(host, subject, setting),
        Request::MakeRateNode { parent, name } => make_node(host, parent, name),
        Request::DeleteRateNode { parent, name } => delete_node(host, parent, name),
        Request::Reload { subject } => reload(host, subject),
        // No port_new, no mediated devices; a VF is no device with a driver.
        Request::Create { .. }
        | Request::NewParent { .. }
        | Request::MakeVdpa { .. }
        | Request::DeleteVdpa { .. }
        | Request::MakeBridge { .. }
        | Request::AddPort { .. }
        | Request::RemovePort { .. }
        | Request::DeleteBridge { .. } => Err(refuse(Errno::EOPNOTSUPP, "")),
        Request::Delete { parent, id } | Request::SetActive { parent, id, .. } => {
            host.netdevsim(parent)?;
            Err(vanished(&Subject::function(parent.clone(), id.clone())))
        }
        Request::DelParent { .. } => {
            Err(refuse(Errno::EOPNOTSUPP, "parents on this bus are not made in software"))
        }
    }
}

fn vanished(subject: &Subject) -> RequestError {
    RequestError::Vanished(format!("there is no {subject}"))
}

/// `nsim_drv_configure_vfs`.
fn set_vfs(host: &mut SimulatedHost, handle: &DevlinkHandle, count: u32) -> Answer {
    let device = host.netdevsim(handle).map_err(|_| refuse(Errno::ENOENT, ""))?;
    if device.vfs == count {
        return Ok(());
    }
    if device.vfs > 0 && count > 0 {
        return Err(refuse(Errno::EBUSY, ""));
    }
    if device.most_vfs < count {
        return Err(refuse(Errno::ENOMEM, ""));
    }
    device.vfs = count;
    match (device.mode, count) {
        (EswitchMode::Legacy, _) => Ok(()),
        (EswitchMode::Switchdev, 0) => {
            device.enable_legacy();
            Ok(())
        }
        (EswitchMode::Switchdev, _) => host.add_ports(handle),
    }
}

impl SimulatedNetdevsim {
    pub(super) fn is_switchdev(&self) -> bool {
        self.mode == EswitchMode::Switchdev
    }

    /// `nsim_esw_legacy_enable`.
    fn enable_legacy(&mut self) {
        self.rate_nodes.clear();
        self.ports.clear();
        self.other_side.hide();
        self.mode = EswitchMode::Legacy;
    }

    fn config(&self, index: u32) -> LegacyConfig {
        let mut config = legacy::of_new(false);
        config.extend(self.configs.get(&index).into_iter().flatten());
        config
    }

    fn configure(&mut self, index: u32, setting: LegacySetting) {
        self.configs.entry(index).or_default().insert(setting.attribute(), setting);
    }

    fn state(&self) -> Parent {
        Parent {
            driver: Some(BUS.to_owned()),
            eswitch: Eswitch { mode: Some(self.mode), ..Eswitch::default() },
            params: self.params.reported(&params::OF_NETDEVSIM),
            sriov: Some(Sriov { vfs: self.vfs, ..Sriov::default() }),
            functions: (0..self.vfs).map(|index| self.vf(index)).chain(self.other_side.functions()).collect(),
            rate_nodes: self.rate_nodes.clone(),
            volatile: Volatile(ParentVolatile {
                mdev_types: Some(BTreeMap::new()),
                ..ParentVolatile::default()
            }),
            ..Parent::default()
        }
    }

    fn vf(&self, index: u32) -> Function {
        let port = self.ports.get(&index);
        let legacy = if self.mode == EswitchMode::Legacy { self.config(index) } else { BTreeMap::new() };
        Function {
            rates: port.map(|port| port.leaf.clone()),
            vf: Some(Vf { legacy, device: None }),
            representor: port.map(|port| port.netdev.state()),
            volatile: Volatile(FunctionVolatile { attached: true, ..FunctionVolatile::default() }),
            ..Function::bare(FunctionId::Vf { controller: 0, pf: 0, index }, true)
        }
    }
}

fn set(host: &mut SimulatedHost, subject: &Subject, setting: &Setting) -> Answer {
    match (&subject.child, setting) {
        (None, Setting::EswitchMode(mode)) => set_mode(host, &subject.parent, *mode),
        (None, Setting::Vfs(count)) => set_vfs(host, &subject.parent, *count),
        (None, Setting::Param { name, cmode, value }) => {
            host.netdevsim(&subject.parent)?.params.set(&params::OF_NETDEVSIM, name, *cmode, value)
        }
        (Some(Child::Function(id)), Setting::Legacy(legacy)) => set_legacy(host, subject, id, *legacy),
        (
            Some(Child::Function(id)),
            Setting::Name(side, _) | Setting::Mtu(side, _) | Setting::Up(side, _),
        ) => set_interface(host, subject, id, (*side, setting)),
        (_, setting) if setting.attribute().is_rate() => set_rate(host, subject, setting),
        (Some(Child::Function(id)), Setting::Mac(_) | Setting::Capability(..) | Setting::MaxIoEqs(_)) => {
            find_port(host, subject, id)?;
            Err(refuse(Errno::EOPNOTSUPP, "Port doesn't support function attributes"))
        }
        (Some(Child::Function(_)), _) => Err(vanished(subject)),
        _ => Err(refuse(Errno::EOPNOTSUPP, "")),
    }
}

/// `nsim_devlink_eswitch_mode_set`, after the devlink core has looked at rate nodes.
fn set_mode(host: &mut SimulatedHost, handle: &DevlinkHandle, mode: EswitchMode) -> Answer {
    let device = host.netdevsim(handle)?;
    if !device.rate_nodes.is_empty() {
        return Err(refuse(Errno::EBUSY, "Rate node(s) exists."));
    }
    match (device.mode, mode) {
        (EswitchMode::Legacy, EswitchMode::Switchdev) => host.add_ports(handle),
        (EswitchMode::Switchdev, EswitchMode::Legacy) => {
            device.enable_legacy();
            Ok(())
        }
        _ => Ok(()),
    }
}

/// `nsim_set_vf_mac` and its siblings, after `rtnl_set_vf_rate` of the core has looked at rates.
fn set_legacy(
    host: &mut SimulatedHost,
    subject: &Subject,
    id: &FunctionId,
    setting: LegacySetting,
) -> Answer {
    let device = host.netdevsim(&subject.parent)?;
    let index = id.vf_index().filter(|index| *index < device.vfs).ok_or_else(|| vanished(subject))?;
    legacy::check(&device.config(index), setting)?;
    let is_rate = matches!(setting, LegacySetting::RateMin(_) | LegacySetting::RateMax(_));
    if is_rate && device.mode == EswitchMode::Switchdev {
        return Err(refuse(Errno::EOPNOTSUPP, ""));
    }
    device.configure(index, setting);
    Ok(())
}

fn find_port<'h>(
    host: &'h mut SimulatedHost,
    subject: &Subject,
    id: &FunctionId,
) -> Result<&'h mut Port, RequestError> {
    let device = host.netdevsim(&subject.parent)?;
    let port = match id.vf_index() {
        Some(index) => device.ports.get_mut(&index),
        None => device.other_side.port(id),
    };
    port.ok_or_else(|| vanished(subject))
}

fn set_interface(
    host: &mut SimulatedHost,
    subject: &Subject,
    id: &FunctionId,
    (side, setting): (Side, &Setting),
) -> Answer {
    let (live_rename, taken) = host.renaming(setting);
    host.netdevsim(&subject.parent).map_err(|_| vanished(subject))?;
    if side == Side::Netdev {
        return Err(vanished(subject));
    }
    write_interface(&mut find_port(host, subject, id)?.netdev, setting, live_rename, taken)
}

fn make_node(host: &mut SimulatedHost, handle: &DevlinkHandle, name: &str) -> Answer {
    let rates = host.new_rates();
    let device = host.netdevsim(handle)?;
    check_name(name)?;
    if device.rate_nodes.contains_key(name) {
        return Err(refuse(Errno::EEXIST, ""));
    }
    if device.mode != EswitchMode::Switchdev {
        return Err(refuse(Errno::EOPNOTSUPP, "Node creation allowed only in switchdev mode."));
    }
    device.rate_nodes.insert(name.to_owned(), rates);
    Ok(())
}

fn delete_node(host: &mut SimulatedHost, handle: &DevlinkHandle, name: &str) -> Answer {
    let device = host.netdevsim(handle)?;
    check_name(name)?;
    if !device.rate_nodes.contains_key(name) {
        return Err(refuse(Errno::ENODEV, ""));
    }
    let leafs = device.ports.values().chain(device.other_side.ports()).map(|port| &port.leaf);
    if leafs.chain(device.rate_nodes.values()).any(|rates| rates.parent.as_deref() == Some(name)) {
        return Err(refuse(Errno::EBUSY, "Node has children. Cannot delete node."));
    }
    device.rate_nodes.remove(name);
    Ok(())
}

fn set_rate(host: &mut SimulatedHost, subject: &Subject, setting: &Setting) -> Answer {
    host.netdevsim(&subject.parent)?;
    // The attributes are not known before 6.2, and the family is parsed strictly before anything is looked up.
    let is_unknown = matches!(setting, Setting::TxPriority(_) | Setting::TxWeight(_)) && host.is_before(6, 2);
    if is_unknown {
        if let Some(id) = subject.function_id() {
            find_port(host, subject, id)?;
        }
        return Err(refuse(Errno::EINVAL, "Unknown attribute type"));
    }
    let moves_at_once = !host.is_before(6, 2);
    find_rates(host, subject)?;
    match setting {
        Setting::TxShare(rate) | Setting::TxMax(rate) => check_rate(*rate)?,
        Setting::TxPriority(_) | Setting::TxWeight(_) => return Err(refuse(Errno::EOPNOTSUPP, "")),
        Setting::RateParent(Some(above)) => {
            if !moves_at_once && find_rates(host, subject)?.parent.is_some() {
                return Err(refuse(Errno::EBUSY, "Rate object already has parent."));
            }
            check_above(&host.netdevsim(&subject.parent)?.rate_nodes, subject, above)?;
        }
        _ => {}
    }
    let rates = find_rates(host, subject)?;
    let (share, max) = match setting {
        Setting::TxShare(rate) => (Some(std::mem::replace(&mut rates.tx_share, *rate)), None),
        Setting::TxMax(rate) => (None, Some(std::mem::replace(&mut rates.tx_max, *rate))),
        Setting::RateParent(above) => {
            rates.parent.clone_from(above);
            (None, None)
        }
        _ => return Err(refuse(Errno::EOPNOTSUPP, "")),
    };
    // The limits of a leaf are kept where those of legacy mode are (`nsim_leaf_tx_share_set`).
    let (new_share, new_max) = (rates.tx_share, rates.tx_max);
    if let Some(index) = subject.function_id().and_then(FunctionId::vf_index) {
        let device = host.netdevsim(&subject.parent)?;
        if share.is_some() {
            device.configure(index, LegacySetting::RateMin(new_share));
        }
        if max.is_some() {
            device.configure(index, LegacySetting::RateMax(new_max));
        }
    }
    Ok(())
}

/// `nsim_rate_bytes_to_units`.
fn check_rate(Rate(rate): Rate) -> Answer {
    if !rate.is_multiple_of(RATE_UNIT) {
        return Err(refuse(Errno::EINVAL, "TX rate value not in link speed units of 1Mbps."));
    }
    if rate / RATE_UNIT > MOST_UNITS {
        return Err(refuse(Errno::EINVAL, "TX rate value exceed link maximum speed 5000Mbps."));
    }
    Ok(())
}

fn find_rates<'h>(host: &'h mut SimulatedHost, subject: &Subject) -> Result<&'h mut Rates, RequestError> {
    match &subject.child {
        Some(Child::Function(id)) => Ok(&mut find_port(host, subject, id)?.leaf),
        Some(Child::RateNode(name)) => {
            let device = host.netdevsim(&subject.parent)?;
            check_name(name)?;
            device.rate_nodes.get_mut(name).ok_or_else(|| refuse(Errno::ENODEV, ""))
        }
        None | Some(Child::Vdpa(_) | Child::Bridge) => Err(refuse(Errno::ENODEV, "")),
    }
}

/// `nsim_dev_reload_destroy`: the VFs go, and with them switchdev mode; without VFs mode and rate nodes stay.
fn reload(host: &mut SimulatedHost, subject: &Subject) -> Answer {
    if !subject.is_parent() {
        return Err(RequestError::Vanished(format!("{subject} has no devlink instance")));
    }
    let device = host.netdevsim(&subject.parent)?;
    if device.vfs > 0 {
        device.vfs = 0;
        if device.mode == EswitchMode::Switchdev {
            device.enable_legacy();
        }
    }
    device.params.reload(&params::OF_NETDEVSIM);
    Ok(())
}
