//! vDPA devices: what the core of the family and of the bus do (drivers/vdpa/vdpa.c, Linux 6.12.117), with the kernel's
//! simulator of network devices (`drivers/vdpa/vdpa_sim/vdpa_sim_net.c`) and the PFs of mlx5
//! (`drivers/vdpa/mlx5/net/mlx5_vnet.c`) as management devices.

use std::collections::BTreeMap;

use nix::errno::Errno;
use serde::{Deserialize, Serialize};
use subdevcfg_compiler::values::{DevlinkHandle, MacAddr};

use super::Answer;
use super::cards::SimulatedCard;
use super::host::SimulatedHost;
use super::requests::refuse;
use crate::kernel::{Request, RequestError};
use crate::resource::{Setting, Subject, VdpaConfig};
use crate::state::{Parent, ParentVolatile, Vdpa, VdpaVolatile, VfioUser, Volatile};

/// The name of the simulator's management device, which is on no bus (`vdpasim_net_mgmtdev`).
const SIMULATOR: &str = "vdpasim_net";

/// The drivers of the bus, in the order in which they were loaded: the first takes every new device.
const DRIVERS: [&str; 2] = ["vhost_vdpa", "virtio_vdpa"];

/// The fewest bytes of an MTU (`vdpa_nl_policy`).
const LEAST_MTU: u32 = 68;

/// What the MTU is without one: of the simulator (`vdpasim_net_setup_config`), and of a vport of mlx5.
const DEFAULT_MTU: u32 = 1500;

/// Half of `max_num_virtio_queues` of a card of mlx5: the firmware decides, and this is a guess.
const MOST_PAIRS: u32 = 32;

/// A vDPA device.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct SimulatedVdpa {
    #[serde(flatten)]
    pub config: VdpaConfig,
    pub driver: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub driver_override: Option<String>,
    /// Who has it open, as somebody has written it into the file.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub users: Vec<VfioUser>,
}

pub(super) type Vdpas = BTreeMap<String, SimulatedVdpa>;

impl SimulatedVdpa {
    fn new(config: VdpaConfig) -> Self {
        let driver = Some(DRIVERS[0].to_owned());
        Self { config, driver, driver_override: None, users: Vec::new() }
    }

    fn state(&self) -> Vdpa {
        Vdpa {
            config: self.config,
            driver_override: self.driver_override.clone(),
            volatile: Volatile(VdpaVolatile { driver: self.driver.clone(), users: self.users.clone() }),
        }
    }
}

pub(super) fn states(vdpas: &Vdpas) -> BTreeMap<String, Vdpa> {
    vdpas.iter().map(|(name, vdpa)| (name.clone(), vdpa.state())).collect()
}

/// Whether a card is a management device: mlx5 is one while `enable_vnet` is in force (`mlx5v_probe`).
pub(super) fn is_managed_by(card: &SimulatedCard) -> bool {
    card.driver().manages_vdpa() && !card.params.is_off("enable_vnet")
}

impl SimulatedHost {
    /// Loads the kernel's simulator of vDPA network devices.
    pub fn load_vdpa_simulator(&mut self) {
        self.vdpa_simulator.get_or_insert_default();
    }

    /// Opens the device file of a vDPA device for good, as a process of that name.
    pub fn hold_vdpa(&mut self, name: &str, process: &str) {
        for vdpa in self.all_vdpas_mut().filter_map(|vdpas| vdpas.get_mut(name)) {
            vdpa.users.push(VfioUser::Process(process.to_owned(), 77));
        }
    }

    /// The simulator's management device.
    pub(super) fn vdpa_parents(&self) -> impl Iterator<Item = (DevlinkHandle, Parent)> {
        self.vdpa_simulator.iter().map(|vdpas| {
            let parent = Parent {
                without_devlink: true,
                vdpa: states(vdpas),
                volatile: Volatile(ParentVolatile {
                    manages_vdpa: true,
                    mdev_types: Some(BTreeMap::new()),
                    ..ParentVolatile::default()
                }),
                ..Parent::default()
            };
            (DevlinkHandle::new("vdpa", SIMULATOR), parent)
        })
    }

    fn all_vdpas_mut(&mut self) -> impl Iterator<Item = &mut Vdpas> {
        self.vdpa_simulator.iter_mut().chain(self.cards.values_mut().map(|card| &mut card.vdpa))
    }

    /// The device of that name, on whatever it is: the bus has one of each name.
    fn vdpa_named(&mut self, name: &str) -> Option<&mut SimulatedVdpa> {
        self.all_vdpas_mut().find_map(|vdpas| vdpas.get_mut(name))
    }
}

/// The answer, if the request is about vDPA.
pub(super) fn perform(host: &mut SimulatedHost, request: &Request) -> Option<Answer> {
    match request {
        Request::MakeVdpa { parent, name, config } => Some(make(host, parent, name, *config)),
        Request::DeleteVdpa { name, .. } => Some(delete(host, name)),
        Request::Set { subject, setting } => {
            let name = subject.vdpa_name()?.to_owned();
            Some(set(host, subject, &name, setting))
        }
        _ => None,
    }
}

/// `vdpa_nl_cmd_dev_add_set_doit` (vdpa.c:555).
fn make(host: &mut SimulatedHost, parent: &DevlinkHandle, name: &str, config: VdpaConfig) -> Answer {
    if config.mtu.is_some_and(|mtu| !(LEAST_MTU..=u32::from(u16::MAX)).contains(&mtu)) {
        return Err(refuse(Errno::ERANGE, "integer out of range"));
    }
    if config.max_vqp == Some(0) {
        return Err(refuse(Errno::EINVAL, "At least one pair of VQs is required"));
    }
    let taken = host.vdpa_named(name).is_some();
    let added = match (parent.bus(), parent.device()) {
        ("vdpa", SIMULATOR) => add_to_simulator(host.vdpa_simulator.as_mut(), config, taken),
        ("pci", address) => {
            let card = host.cards.get_mut(address).filter(|card| is_managed_by(card));
            add_to_mlx5(card.map(|card| &mut card.vdpa), config, taken)
        }
        _ => Err(no_management_device()),
    };
    let (vdpas, made) = added?;
    vdpas.insert(name.to_owned(), made);
    Ok(())
}

fn no_management_device() -> RequestError {
    refuse(Errno::ENODEV, "Fail to find the specified management device")
}

type Added<'h> = Result<(&'h mut Vdpas, SimulatedVdpa), RequestError>;

/// `vdpasim_net_dev_add`, and `__vdpa_register_device` for the name.
fn add_to_simulator(vdpas: Option<&mut Vdpas>, config: VdpaConfig, taken: bool) -> Added<'_> {
    let vdpas = vdpas.ok_or_else(no_management_device)?;
    // Not in its `config_attr_mask`.
    if config.max_vqp.is_some() {
        return Err(refuse(Errno::EOPNOTSUPP, "Some provided attributes are not supported: 0x1000"));
    }
    if taken {
        return Err(refuse(Errno::EEXIST, ""));
    }
    let mac = config.mac.unwrap_or(MacAddr([0; 6]));
    let mtu = config.mtu.unwrap_or(DEFAULT_MTU);
    let config = VdpaConfig { mac: Some(mac), mtu: Some(mtu), max_vqp: None };
    Ok((vdpas, SimulatedVdpa::new(config)))
}

/// `mlx5_vdpa_dev_add` (`mlx5_vnet.c:3822`): one device on each function, and a pair of queues unless more are asked for.
fn add_to_mlx5(vdpas: Option<&mut Vdpas>, config: VdpaConfig, taken: bool) -> Added<'_> {
    let vdpas = vdpas.ok_or_else(no_management_device)?;
    if !vdpas.is_empty() {
        return Err(refuse(Errno::ENOSPC, ""));
    }
    let pairs = config.max_vqp.unwrap_or(1);
    if pairs > MOST_PAIRS {
        return Err(refuse(Errno::EINVAL, ""));
    }
    if taken {
        return Err(refuse(Errno::EEXIST, ""));
    }
    let mtu = config.mtu.unwrap_or(DEFAULT_MTU);
    // Without an address of the vport the feature is not offered, and nothing is told.
    let mac = config.mac.filter(|mac| !mac.is_zero());
    Ok((vdpas, SimulatedVdpa::new(VdpaConfig { mac, mtu: Some(mtu), max_vqp: Some(pairs) })))
}

/// `vdpa_nl_cmd_dev_del_set_doit` (vdpa.c:658). Whoever has the device open is waited for (`vhost_vdpa_remove`); the live
/// kernel's side does not let it come to that.
fn delete(host: &mut SimulatedHost, name: &str) -> Answer {
    check_closed(host.vdpa_named(name).ok_or_else(|| refuse(Errno::ENODEV, "device not found"))?)?;
    for vdpas in host.all_vdpas_mut() {
        vdpas.remove(name);
    }
    Ok(())
}

fn check_closed(vdpa: &SimulatedVdpa) -> Answer {
    if vdpa.users.is_empty() { Ok(()) } else { Err(refuse(Errno::EBUSY, "it is held open")) }
}

/// `driver_override` and a new look for a driver; all else is fixed when the device is made.
fn set(host: &mut SimulatedHost, subject: &Subject, name: &str, setting: &Setting) -> Answer {
    let Setting::Bind(driver) = setting else { return Err(refuse(Errno::EOPNOTSUPP, "")) };
    let gone = || RequestError::Vanished(format!("there is no {subject}"));
    let vdpa = host.vdpa_named(name).ok_or_else(gone)?;
    if driver.is_none() || vdpa.driver != *driver {
        check_closed(vdpa)?;
        let wanted = driver.as_deref().unwrap_or(DRIVERS[0]);
        vdpa.driver = DRIVERS.contains(&wanted).then(|| wanted.to_owned());
    }
    vdpa.driver_override.clone_from(driver);
    if vdpa.driver.is_none() {
        return Err(refuse(Errno::ENODEV, "no such driver has taken it: is its module loaded?"));
    }
    Ok(())
}
