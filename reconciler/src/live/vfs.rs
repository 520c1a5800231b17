//! VFs: what the kernel shows of each, and the requests that are about them.

use std::collections::BTreeMap;

use nix::errno::Errno;
use subdevcfg_compiler::values::{DevlinkHandle, LinkState, Rate, VlanProtocol};
use subdevcfg_netlink::conversation::Datagrams;
use subdevcfg_netlink::devlink::Handle;
use subdevcfg_netlink::route::{Link, VfChange, VfConfig, VfTag};
use uuid::Uuid;

use super::sysfs::OpenFiles;
use super::{LiveKernel, wire};
use crate::kernel::RequestError;
use crate::resource::{FunctionId, Legacy, LegacySetting, Subject};
use crate::state::{FunctionUser, User, Vf};

/// A megabit a second, the unit of `IFLA_VF_RATE`, in bytes a second.
const MEGABIT: u64 = 125_000;

type Answer = Result<(), RequestError>;

impl<D: Datagrams + 'static> LiveKernel<D> {
    /// What a VF has beside what other functions have.
    pub(super) fn vf_parts(&self, subject: &Subject, config: Option<&VfConfig>) -> Vf {
        let device = self.mirror.vf_device(subject).map(wire::devlink_handle);
        Vf {
            legacy: config.map(legacy).unwrap_or_default(),
            device: device.and_then(|address| self.sysfs.vf_device(&address)),
        }
    }

    /// The open files of VFIO and vDPA, if there is a VF, a mediated device or a vDPA device that could be open.
    pub(super) fn open_files(&self) -> Option<OpenFiles> {
        let vfs = self.mirror.vf_devices().map(wire::devlink_handle);
        let devices = vfs.chain(self.mirror.mdevs().map(mdev_device));
        self.sysfs.open_vfio_files(devices)
    }

    /// Who has a function open through VFIO.
    pub(super) fn vfio_users(&self, subject: &Subject, open: Option<&OpenFiles>) -> Vec<FunctionUser> {
        let Some(open) = open else { return Vec::new() };
        let device = match subject.function_id() {
            Some(FunctionId::Mdev { uuid }) => Some(mdev_device(*uuid)),
            _ => self.mirror.vf_device(subject).map(wire::devlink_handle),
        };
        let users = device.map(|device| self.sysfs.vfio_users(&device, open));
        users.into_iter().flatten().map(|user| FunctionUser { side: None, user: User::Vfio(user) }).collect()
    }

    /// The netdev of a VF, while it is in this network namespace.
    pub(super) fn vf_netdev(&self, subject: &Subject) -> Option<u32> {
        self.sysfs.netdev_index(&wire::devlink_handle(self.mirror.vf_device(subject)?))
    }

    pub(super) fn set_vfs(&mut self, parent: &DevlinkHandle, count: u32, held: &[u32]) -> Answer {
        self.pf_links = None;
        self.sysfs.set_vfs(parent, count, held)
    }

    /// Binds a VF to a driver, or unbinds it.
    pub(super) fn set_bound(&mut self, subject: &Subject, bound: bool) -> Answer {
        let address = self.find_vf_device(subject)?;
        if bound { self.sysfs.probe(&address) } else { self.sysfs.unbind(&address) }
    }

    pub(super) fn set_bind(&mut self, subject: &Subject, driver: Option<&str>) -> Answer {
        let address = self.find_vf_device(subject)?;
        self.sysfs.set_driver_override(&address, driver)
    }

    pub(super) fn find_vf_device(&mut self, subject: &Subject) -> Result<DevlinkHandle, RequestError> {
        let look = |mirror: &super::Mirror| mirror.vf_device(subject).map(wire::devlink_handle);
        self.find(look, || format!("{subject} is no device of its own"))
    }

    pub(super) fn set_legacy(&mut self, subject: &Subject, setting: &LegacySetting) -> Answer {
        let index = subject.function_id().and_then(FunctionId::vf_index);
        let Some(index) = index else {
            return Err(wire::refused(Errno::EOPNOTSUPP, format!("{subject} is no VF of this host")));
        };
        let vanished = || RequestError::Vanished(format!("{subject} has no PF with a netdev here"));
        let parent = wire::netlink_handle(&subject.parent);
        let uplink = self.current()?.uplink(&parent);
        if self.pf_links.is_none() {
            let (links, _) = self.route.links().map_err(wire::request_error)?;
            self.pf_links = Some(links.into_iter().filter(tells_of_vfs).collect());
        }
        let mut links = self.pf_links.iter_mut().flatten();
        let link = links.find(|link| is_of_pf(link, &parent, uplink)).ok_or_else(vanished)?;
        let config = link.vfs.iter_mut().find(|config| config.index == index).ok_or_else(vanished)?;
        let (pf, wanted) = (link.index, with(*config, setting));
        self.route.change_vf(pf, index, change(&wanted, setting.attribute())).map_err(wire::request_error)?;
        *config = wanted;
        Ok(())
    }
}

/// Whether it is the netdev of a PF, as far as that tells of VFs.
pub(super) fn tells_of_vfs(link: &Link) -> bool {
    !link.vfs.is_empty()
}

/// Whether it is the netdev of this PF: the uplink's, or the one on the device that tells of VFs. In switchdev mode
/// representors are on the device as well, and tell of none.
fn is_of_pf(link: &Link, parent: &Handle, uplink: Option<u32>) -> bool {
    tells_of_vfs(link) && (Some(link.index) == uplink || is_on(link, parent))
}

/// Whether a link is a netdev of this device.
pub(super) fn is_on(link: &Link, parent: &Handle) -> bool {
    link.device.as_ref().is_some_and(|(bus, device)| (bus, device) == (&parent.bus, &parent.device))
}

/// What a PF has set for its VFs, by their indexes.
pub(super) fn configs(
    links: &BTreeMap<u32, Link>,
    parent: &Handle,
    uplink: Option<u32>,
) -> BTreeMap<u32, VfConfig> {
    let found = links.values().find(|link| is_of_pf(link, parent, uplink));
    found.into_iter().flat_map(|link| &link.vfs).map(|config| (config.index, *config)).collect()
}

/// `enum ifla_vf_link_state_setting`.
const LINK_STATES: [LinkState; 3] = [LinkState::Auto, LinkState::Enable, LinkState::Disable];

fn legacy(config: &VfConfig) -> BTreeMap<Legacy, LegacySetting> {
    let protocol = if config.vlan.is_service { VlanProtocol::Dot1ad } else { VlanProtocol::Dot1q };
    let state = usize::try_from(config.link_state).ok().and_then(|number| LINK_STATES.get(number));
    let rate = |megabits: u32| Rate(u64::from(megabits) * MEGABIT);
    let settings = [
        LegacySetting::Mac(wire::mac(config.mac)),
        LegacySetting::Vlan(config.vlan.id),
        LegacySetting::Qos(config.vlan.qos),
        LegacySetting::Proto(protocol),
        LegacySetting::Trust(config.trust),
        LegacySetting::Spoofchk(config.spoofchk),
        LegacySetting::RateMin(rate(config.min_rate)),
        LegacySetting::RateMax(rate(config.max_rate)),
    ];
    let settings = settings.into_iter().chain(state.copied().map(LegacySetting::LinkState));
    settings.map(|setting| (setting.attribute(), setting)).collect()
}

/// The configuration with one setting changed. Some of the kernel's messages carry more than one.
fn with(mut config: VfConfig, setting: &LegacySetting) -> VfConfig {
    // The compiler takes whole megabits only, and the kernel tells none that do not fit.
    let megabits = |rate: Rate| u32::try_from(rate.0 / MEGABIT).unwrap_or(u32::MAX);
    match *setting {
        LegacySetting::Mac(mac) => config.mac = mac.0,
        LegacySetting::Vlan(id) => config.vlan.id = id,
        LegacySetting::Qos(qos) => config.vlan.qos = qos,
        LegacySetting::Proto(protocol) => config.vlan.is_service = protocol == VlanProtocol::Dot1ad,
        LegacySetting::Trust(on) => config.trust = on,
        LegacySetting::Spoofchk(on) => config.spoofchk = on,
        LegacySetting::LinkState(state) => {
            let number = LINK_STATES.iter().position(|known| *known == state);
            config.link_state = number.and_then(|number| u32::try_from(number).ok()).unwrap_or(0);
        }
        LegacySetting::RateMin(rate) => config.min_rate = megabits(rate),
        LegacySetting::RateMax(rate) => config.max_rate = megabits(rate),
    }
    config
}

/// The message that carries an attribute.
const fn change(config: &VfConfig, attribute: Legacy) -> VfChange {
    match attribute {
        Legacy::Mac => VfChange::Mac(config.mac),
        Legacy::Vlan | Legacy::Qos | Legacy::Proto => {
            let VfTag { id, qos, is_service } = config.vlan;
            VfChange::Vlan(VfTag { id, qos, is_service })
        }
        Legacy::Trust => VfChange::Trust(config.trust),
        Legacy::Spoofchk => VfChange::Spoofchk(config.spoofchk),
        Legacy::LinkState => VfChange::LinkState(config.link_state),
        Legacy::RateMin | Legacy::RateMax => VfChange::Rate(config.min_rate, config.max_rate),
    }
}

/// A mediated device as the driver core names it.
fn mdev_device(uuid: Uuid) -> DevlinkHandle {
    DevlinkHandle::new("mdev", uuid.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_is_what_reads_back_and_leaves_the_others() {
        let before = VfConfig { index: 3, min_rate: 5, max_rate: 7, ..VfConfig::default() };
        for setting in [
            LegacySetting::Mac("02:00:00:00:00:07".parse().unwrap()),
            LegacySetting::Vlan(100),
            LegacySetting::Qos(3),
            LegacySetting::Proto(VlanProtocol::Dot1ad),
            LegacySetting::Trust(true),
            LegacySetting::Spoofchk(true),
            LegacySetting::LinkState(LinkState::Disable),
            LegacySetting::RateMin(Rate(100 * MEGABIT)),
            LegacySetting::RateMax(Rate(200 * MEGABIT)),
        ] {
            let after = with(before, &setting);
            let (old, new) = (legacy(&before), legacy(&after));
            for (attribute, found) in &new {
                let expected = if *attribute == setting.attribute() { &setting } else { &old[attribute] };
                assert_eq!(found, expected);
            }
        }
        let tagged = with(with(before, &LegacySetting::Vlan(9)), &LegacySetting::Qos(2));
        let tag = VfTag { id: 9, qos: 2, is_service: false };
        assert_eq!(change(&tagged, Legacy::Qos), VfChange::Vlan(tag));
        assert_eq!(change(&before, Legacy::RateMax), VfChange::Rate(5, 7));
    }
}
