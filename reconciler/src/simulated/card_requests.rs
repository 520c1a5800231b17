//! What the devlink core, the PCI core and rtnetlink do with a request to a card, and what they leave to its driver.

use nix::errno::Errno;
use subdevcfg_compiler::values::{Cmode, DevlinkHandle, EncapMode, EswitchMode, InlineMode, MacAddr, Scalar};

use super::Answer;
use super::card_rates::{delete_node, make_node, set_rate};
use super::cards::{CardPort, SimulatedCard, pf_number};
use super::host::SimulatedHost;
use super::interface::{SimulatedInterface, write_interface};
use super::legacy;
use super::params::{Params, Spec};
use super::requests::{MIN_MTU, refuse};
use crate::kernel::{Effect, Request, RequestError};
use crate::resource::{Capability, Child, FunctionId, LegacySetting, Setting, Side, Subject, UplinkSetting};
use crate::state::Rates;

/// What of the host a driver's operations need beside the card.
#[derive(Debug, Clone)]
pub(super) struct Host {
    /// A new rate leaf or node.
    pub rates: Rates,
    /// The kernel has capabilities of port functions (6.2), and `max_io_eqs` (6.10).
    pub capabilities: bool,
    pub max_io_eqs: bool,
    /// The kernel has subfunctions of ice (6.12).
    pub sfs_of_ice: bool,
    pub next_aux_id: u32,
    pub next_random_mac: u32,
}

/// Which function of a card.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Sf(u32),
    Vf(u32),
}

/// The operations of a driver, as `struct devlink_ops` and `struct devlink_port_ops` have them: each with the driver's
/// own preconditions and effects.
pub(super) trait Driver {
    fn name(&self) -> &'static str;
    fn max_mtu(&self) -> u32;
    fn params(&self) -> &'static [Spec];
    fn function_params(&self) -> &'static [Spec];
    /// The devlink resource that tells the room for subfunctions.
    fn sf_resource(&self) -> Option<&'static str>;
    fn has_inline_mode(&self) -> bool;
    fn first_encap(&self) -> Option<EncapMode>;
    /// Whether the source addresses of a new VF are checked.
    fn first_spoofchk(&self) -> bool;
    /// Whether it has health reporters that count recoveries.
    fn counts_restarts(&self) -> bool;
    /// Whether its PFs are management devices of vDPA, where a parameter says so.
    fn manages_vdpa(&self) -> bool;
    fn has_uplink(&self, card: &SimulatedCard) -> bool;

    fn set_mode(&self, card: &mut SimulatedCard, mode: EswitchMode, host: &Host) -> Answer;
    fn set_encap(&self, card: &mut SimulatedCard, mode: EncapMode) -> Answer;
    fn port_new(&self, card: &mut SimulatedCard, pf: u32, id: &FunctionId, host: &mut Host) -> Answer;
    fn port_del(&self, card: &mut SimulatedCard, number: u32);
    fn set_state(&self, card: &mut SimulatedCard, number: u32, active: bool, host: &mut Host) -> Answer;
    fn set_mac(&self, card: &mut SimulatedCard, place: Place, mac: MacAddr) -> Answer;
    fn set_capability(&self, card: &mut SimulatedCard, place: Place, to: (Capability, bool)) -> Answer;
    fn set_max_io_eqs(&self, card: &mut SimulatedCard, place: Place, number: u32) -> Answer;
    fn rate_node_new(&self, card: &SimulatedCard) -> Answer;
    /// Whether the driver has the operation at all (`devlink_rate_set_ops_supported`, net/devlink/rate.c).
    fn has_rate_operation(&self, of: &Child, setting: &Setting) -> bool;
    fn check_rate(&self, card: &SimulatedCard, of: &Child, setting: &Setting) -> Answer;
    fn check_param(&self, card: &SimulatedCard, name: &str, value: &Scalar) -> Answer;
    fn param_is_set(&self, card: &mut SimulatedCard, name: &str);
    fn reload(&self, card: &mut SimulatedCard) -> Answer;
    fn reload_function(&self, card: &mut SimulatedCard, number: u32) -> Answer;
    fn check_vfs(&self, card: &SimulatedCard, count: u32) -> Answer;
    fn vfs_are_set(&self, card: &mut SimulatedCard, host: &Host);
    fn check_legacy(&self, card: &SimulatedCard, setting: LegacySetting) -> Answer;
    /// A moment passes: what the firmware and drivers do by themselves goes on. Whether there was anything.
    fn elapse(&self, card: &mut SimulatedCard, host: &mut Host) -> bool;
}

fn vanished(subject: &Subject) -> RequestError {
    RequestError::Vanished(format!("there is no {subject}"))
}

fn without_instance(subject: &Subject) -> RequestError {
    RequestError::Vanished(format!("{subject} has no devlink instance"))
}

/// Whether a request is about a card.
pub(super) fn is_one(host: &SimulatedHost, handle: &DevlinkHandle) -> bool {
    handle.bus() == "pci" && host.cards.contains_key(handle.device())
}

/// A look that waits for an effect: time passes until it is to be seen, or nothing goes on any more.
pub(super) fn wait(host: &mut SimulatedHost, subject: &Subject, effect: Effect) -> bool {
    loop {
        if host.has_effect(subject, effect) {
            return true;
        }
        let goes_on = with_card(host, &subject.parent, |card, driver, host| Ok(driver.elapse(card, host)));
        if !goes_on.unwrap_or(false) {
            return false;
        }
    }
}

/// Whether an effect is to be seen.
pub(super) fn shows(host: &SimulatedHost, subject: &Subject, effect: Effect) -> bool {
    let Some(card) = host.cards.get(subject.parent.device()) else { return effect == Effect::Gone };
    match (place_of(subject), effect) {
        (_, Effect::Vfs) => !card.pf.vfs.is_empty(),
        (Some(Place::Sf(number)), _) => sf_shows(card.sfs.get(&number), effect),
        (Some(Place::Vf(index)), _) => vf_shows(card, index, effect),
        (None, _) => false,
    }
}

fn sf_shows(port: Option<&CardPort>, effect: Effect) -> bool {
    match effect {
        Effect::Gone => port.is_none(),
        Effect::Detached => port.is_none_or(|port| !port.is_attached() && !port.is_active()),
        Effect::Attached => port.is_some_and(CardPort::is_attached),
        Effect::Instance => port.is_some_and(|port| port.params.is_some()),
        Effect::Netdev => port.is_some_and(|port| port.netdev.is_some()),
        Effect::Representor => port.is_some_and(|port| port.representor.is_some()),
        Effect::Vfs | Effect::Port => false,
    }
}

fn vf_shows(card: &SimulatedCard, index: u32, effect: Effect) -> bool {
    let vf = card.pf.vf(index);
    match effect {
        Effect::Gone => vf.is_none(),
        Effect::Attached => vf.is_some_and(|vf| vf.driver.is_some()),
        Effect::Detached => vf.is_none_or(|vf| vf.driver.is_none()),
        Effect::Netdev => card.vf_netdevs.contains_key(&index),
        Effect::Representor => card.vf_ports.get(&index).is_some_and(|port| port.representor.is_some()),
        Effect::Instance | Effect::Vfs | Effect::Port => false,
    }
}

/// The function that a subject is, if it is one that this PF can have.
fn place_of(subject: &Subject) -> Option<Place> {
    let pf = pf_number(&subject.parent);
    match *subject.function_id()? {
        FunctionId::Sf { controller: 0, pf: of, number } if of == pf => Some(Place::Sf(number)),
        FunctionId::Vf { controller: 0, pf: of, index } if of == pf => Some(Place::Vf(index)),
        _ => None,
    }
}

/// Lends the card of that address to a driver's operation, which sees of the host what it needs.
fn with_card<T>(
    host: &mut SimulatedHost,
    handle: &DevlinkHandle,
    operation: impl FnOnce(&mut SimulatedCard, &'static dyn Driver, &mut Host) -> Result<T, RequestError>,
) -> Result<T, RequestError> {
    let mut seen = Host {
        rates: host.new_rates(),
        capabilities: !host.is_before(6, 2),
        max_io_eqs: !host.is_before(6, 10),
        sfs_of_ice: !host.is_before(6, 12),
        next_aux_id: host.next_aux_id,
        next_random_mac: host.next_random_mac,
    };
    let card = host.cards.get_mut(handle.device()).ok_or_else(|| refuse(Errno::ENODEV, ""))?;
    let driver = card.driver();
    let answer = operation(card, driver, &mut seen);
    host.next_aux_id = seen.next_aux_id;
    host.next_random_mac = seen.next_random_mac;
    host.show_interfaces_of_cards();
    answer
}

pub(super) fn perform(host: &mut SimulatedHost, request: &Request) -> Answer {
    let handle = &request.subject().parent;
    with_card(host, handle, |card, driver, host| {
        driver.elapse(card, host);
        Ok(())
    })?;
    if let Request::Set { subject, setting } = request
        && let Setting::Name(side, _) | Setting::Mtu(side, _) | Setting::Up(side, _) = setting
    {
        return set_interface(host, subject, *side, setting);
    }
    with_card(host, handle, |card, driver, host| serve(card, driver, request, host))
}

fn serve(card: &mut SimulatedCard, driver: &dyn Driver, request: &Request, host: &mut Host) -> Answer {
    let pf = pf_number(&request.subject().parent);
    match request {
        Request::Create { id, .. } => match id {
            FunctionId::Sf { .. } => driver.port_new(card, pf, id, host),
            // No such directory below the device.
            FunctionId::Mdev { .. } => Err(refuse(Errno::ENOENT, "")),
            FunctionId::Vf { .. } | FunctionId::Pf { .. } => Err(refuse(Errno::EOPNOTSUPP, "")),
        },
        Request::Delete { .. } => match find(card, &request.subject())? {
            Place::Sf(number) => {
                driver.port_del(card, number);
                Ok(())
            }
            Place::Vf(_) => Err(refuse(Errno::EOPNOTSUPP, "Port doesn't support deletion")),
        },
        Request::SetActive { active, .. } => set_active(card, driver, &request.subject(), *active, host),
        Request::SetVfs { count, held, .. } => set_vfs(card, driver, (*count, held), host),
        Request::MakeRateNode { name, .. } => make_node(card, driver, name, host),
        Request::DeleteRateNode { name, .. } => delete_node(card, name),
        Request::Reload { subject } => reload(card, driver, subject),
        Request::Set { subject, setting } => set(card, driver, (subject, setting), host),
        Request::NewParent { .. }
        | Request::DelParent { .. }
        | Request::MakeVdpa { .. }
        | Request::DeleteVdpa { .. }
        | Request::MakeBridge { .. }
        | Request::DeleteBridge { .. }
        | Request::AddPort { .. }
        | Request::RemovePort { .. } => Err(refuse(Errno::EOPNOTSUPP, "")),
    }
}

/// The function, which has to be there: an SF has a port, a VF is a device.
fn find(card: &SimulatedCard, subject: &Subject) -> Result<Place, RequestError> {
    let place = place_of(subject).ok_or_else(|| vanished(subject))?;
    let is_there = match place {
        Place::Sf(number) => card.sfs.contains_key(&number),
        Place::Vf(index) => card.pf.vf(index).is_some(),
    };
    if is_there { Ok(place) } else { Err(vanished(subject)) }
}

/// Its devlink port.
pub(super) fn find_port<'c>(
    card: &'c mut SimulatedCard,
    subject: &Subject,
) -> Result<(Place, &'c mut CardPort), RequestError> {
    let place = find(card, subject)?;
    let port = card.port_at(place).ok_or_else(|| vanished(subject))?;
    Ok((place, port))
}

impl SimulatedCard {
    pub fn port_at(&mut self, place: Place) -> Option<&mut CardPort> {
        match place {
            Place::Sf(number) => self.sfs.get_mut(&number),
            Place::Vf(index) => self.vf_ports.get_mut(&index),
        }
    }

    /// Whether a driver runs the function.
    pub fn is_run(&self, place: Place) -> bool {
        match place {
            Place::Sf(number) => {
                self.sfs.get(&number).is_some_and(|port| port.is_active() || port.is_attached())
            }
            Place::Vf(index) => self.pf.vf(index).is_some_and(|vf| vf.driver.is_some()),
        }
    }

    /// `devl_rate_nodes_destroy`: everything comes to the top, and the nodes go.
    pub fn drop_rate_nodes(&mut self) {
        self.rate_nodes.clear();
        self.ports_mut().filter_map(|port| port.leaf.as_mut()).for_each(|leaf| leaf.parent = None);
    }
}

fn set_active(
    card: &mut SimulatedCard,
    driver: &dyn Driver,
    subject: &Subject,
    active: bool,
    host: &mut Host,
) -> Answer {
    match find(card, subject)? {
        Place::Sf(number) => driver.set_state(card, number, active, host),
        Place::Vf(index) => {
            card.pf.bind(index, active)?;
            if let Some(port) = card.vf_ports.get_mut(&index).filter(|_| active) {
                port.probe();
            }
            Ok(())
        }
    }
}

/// `sriov_numvfs_store`, which asks the driver (`sriov_configure`) after it has looked at the numbers.
fn set_vfs(
    card: &mut SimulatedCard,
    driver: &dyn Driver,
    (count, held): (u32, &[u32]),
    host: &Host,
) -> Answer {
    if card.pf.count() == count {
        return Ok(());
    }
    card.pf.check_count(count)?;
    driver.check_vfs(card, count)?;
    card.pf.set_vfs(count, held)?;
    card.vf_ports.clear();
    card.configs.clear();
    driver.vfs_are_set(card, host);
    for index in 0..count {
        if card.is_run(Place::Vf(index))
            && let Some(port) = card.vf_ports.get_mut(&index)
        {
            port.probe();
        }
    }
    Ok(())
}

fn reload(card: &mut SimulatedCard, driver: &dyn Driver, subject: &Subject) -> Answer {
    if subject.is_parent() {
        driver.reload(card)?;
        card.params.reload(driver.params());
        card.restarts.reloads += 1;
        return Ok(());
    }
    match find(card, subject)? {
        Place::Sf(number) if card.sfs[&number].params.is_some() => driver.reload_function(card, number),
        _ => Err(without_instance(subject)),
    }
}

fn set(
    card: &mut SimulatedCard,
    driver: &dyn Driver,
    (subject, setting): (&Subject, &Setting),
    host: &Host,
) -> Answer {
    if setting.attribute().is_rate() {
        return set_rate(card, driver, subject, setting);
    }
    match (&subject.child, setting) {
        (None, Setting::EswitchMode(mode)) => {
            // Also for the mode that it has (`devlink_rate_nodes_check`, net/devlink/rate.c:561).
            if !card.rate_nodes.is_empty() {
                return Err(refuse(Errno::EBUSY, "Rate node(s) exists."));
            }
            driver.set_mode(card, *mode, host)
        }
        (None, Setting::InlineMode(InlineMode::None)) if driver.has_inline_mode() => Ok(()),
        (None, Setting::EncapMode(mode)) => driver.set_encap(card, *mode),
        (None, Setting::Vfs(count)) => set_vfs(card, driver, (*count, &[]), host),
        (None, Setting::Param { name, cmode, value }) => set_param(card, driver, (name, *cmode), value),
        (None, Setting::Uplink(setting)) => set_uplink(card, subject, *setting),
        (Some(Child::Function(_)), _) => set_function(card, driver, (subject, setting), host),
        _ => Err(refuse(Errno::EOPNOTSUPP, "")),
    }
}

/// `devlink_nl_param_set_doit`: the value is looked at before the configuration mode (net/devlink/param.c:543).
fn set_param(
    card: &mut SimulatedCard,
    driver: &dyn Driver,
    (name, cmode): (&str, Cmode),
    value: &Scalar,
) -> Answer {
    Params::check(driver.params(), name, value)?;
    driver.check_param(card, name, value)?;
    card.params.set(driver.params(), name, cmode, value)?;
    driver.param_is_set(card, name);
    Ok(())
}

fn set_uplink(card: &mut SimulatedCard, subject: &Subject, setting: UplinkSetting) -> Answer {
    let vanished = RequestError::Vanished(format!("{subject} has no uplink"));
    let uplink = card.uplink.as_mut().ok_or(vanished)?;
    match setting {
        UplinkSetting::Mtu(mtu) if !(MIN_MTU..=uplink.max_mtu).contains(&mtu) => {
            return Err(refuse(Errno::EINVAL, "mtu out of range"));
        }
        UplinkSetting::Mtu(mtu) => uplink.mtu = mtu,
        UplinkSetting::Up(up) => uplink.up = up,
        UplinkSetting::HwTcOffload(on) => uplink.hw_tc_offload = on,
    }
    Ok(())
}

fn set_function(
    card: &mut SimulatedCard,
    driver: &dyn Driver,
    (subject, setting): (&Subject, &Setting),
    host: &Host,
) -> Answer {
    match setting {
        Setting::Bind(wanted) => match find(card, subject)? {
            Place::Vf(index) => card.pf.set_override(index, wanted.as_deref()),
            Place::Sf(_) => Err(vanished(subject)),
        },
        Setting::Legacy(legacy) => set_legacy(card, driver, subject, *legacy),
        Setting::Mac(mac) => {
            let (place, _) = find_port(card, subject)?;
            // net/devlink/port.c: a unicast address, and zero counts as one.
            if mac.is_multicast() {
                return Err(refuse(Errno::EINVAL, "Non-unicast hardware address unsupported"));
            }
            driver.set_mac(card, place, *mac)
        }
        Setting::Capability(capability, on) => {
            let (place, _) = find_port(card, subject)?;
            if !host.capabilities {
                return Err(refuse(Errno::EINVAL, "Unknown attribute type"));
            }
            if matches!(place, Place::Sf(_)) && *capability != Capability::Roce {
                // net/devlink/port.c:740-764.
                return Err(refuse(Errno::EOPNOTSUPP, "supported for VFs only"));
            }
            driver.set_capability(card, place, (*capability, *on))
        }
        Setting::MaxIoEqs(number) => {
            let (place, _) = find_port(card, subject)?;
            if !host.max_io_eqs {
                return Err(refuse(Errno::EINVAL, "Unknown attribute type"));
            }
            driver.set_max_io_eqs(card, place, *number)
        }
        Setting::Param { name, cmode, value } => {
            let (_, port) = find_port(card, subject).map_err(|_| without_instance(subject))?;
            let params = port.params.as_mut().ok_or_else(|| without_instance(subject))?;
            params.set(driver.function_params(), name, *cmode, value)
        }
        _ => Err(refuse(Errno::EOPNOTSUPP, "")),
    }
}

/// `do_setvfinfo` and `rtnl_set_vf_rate` (net/core/rtnetlink.c), and then the driver.
fn set_legacy(
    card: &mut SimulatedCard,
    driver: &dyn Driver,
    subject: &Subject,
    setting: LegacySetting,
) -> Answer {
    let Place::Vf(index) = find(card, subject)? else { return Err(vanished(subject)) };
    legacy::check(&card.config(index), setting)?;
    driver.check_legacy(card, setting)?;
    card.configs.entry(index).or_default().insert(setting.attribute(), setting);
    Ok(())
}

fn set_interface(host: &mut SimulatedHost, subject: &Subject, side: Side, setting: &Setting) -> Answer {
    let vanished = || RequestError::Vanished(format!("{subject} has no {}", side.as_str()));
    let (live_rename, taken) = host.renaming(setting);
    let interface = interface_of(host, subject, side).ok_or_else(vanished)?;
    write_interface(interface, setting, live_rename, taken)
}

/// One of the interfaces of a card's function.
pub(super) fn interface_of<'h>(
    host: &'h mut SimulatedHost,
    subject: &Subject,
    side: Side,
) -> Option<&'h mut SimulatedInterface> {
    let card = host.cards.get_mut(subject.parent.device())?;
    let place = place_of(subject)?;
    match (place, side) {
        (_, Side::Representor) => card.port_at(place)?.representor.as_mut(),
        (Place::Sf(number), Side::Netdev) => card.sfs.get_mut(&number)?.netdev.as_mut(),
        (Place::Vf(index), Side::Netdev) => card.vf_netdevs.get_mut(&index),
    }
}
