//! A network interface of a simulated host.

use std::collections::BTreeSet;

use nix::errno::Errno;
use serde::{Deserialize, Serialize};
use subdevcfg_compiler::values::InterfaceName;

use super::Answer;
use super::bridges::SimulatedPort;
use super::cards::SimulatedCard;
use super::host::SimulatedHost;
use super::requests::{MIN_MTU, refuse};
use crate::resource::Setting;
use crate::state::{Interface, InterfaceVolatile, User, Volatile};

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct SimulatedInterface {
    pub index: u32,
    pub name: String,
    /// Somebody renamed it.
    pub renamed: bool,
    /// The name that the kernel gave it, once it has another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub altname: Option<String>,
    pub mtu: u32,
    pub max_mtu: u32,
    pub up: bool,
    /// tc rules are offloaded, which uplinks of cards can.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub hw_tc_offload: bool,
    /// Its place in a bridge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<SimulatedPort>,
    /// Who uses it, as somebody has written it into the file.
    #[serde(default)]
    pub users: Vec<User>,
}

impl SimulatedHost {
    /// The names of all interfaces, alternative ones among them: no two have one name.
    pub(super) fn interface_names(&self) -> impl Iterator<Item = &str> {
        let others = self.other_interfaces.iter().chain(self.bridges.keys());
        let of_cards = self.cards.values().flat_map(SimulatedCard::interfaces);
        let of_functions = self.function_interfaces().chain(self.netdevsim_interfaces()).chain(of_cards);
        of_functions.flat_map(SimulatedInterface::names).chain(others.map(String::as_str))
    }

    /// The interfaces of parents and functions.
    fn function_interfaces(&self) -> impl Iterator<Item = &SimulatedInterface> {
        let functions = self.parents.values().flat_map(|parent| &parent.functions);
        let interfaces = functions.flat_map(|function| function.netdev.iter().chain(&function.representor));
        let uplinks = self.parents.values().filter_map(|parent| parent.uplink.as_ref());
        interfaces.chain(uplinks)
    }

    /// Whether an interface of that name belongs to a parent or a function.
    pub(super) fn functions_have(&self, name: &str) -> bool {
        self.function_interfaces().flat_map(SimulatedInterface::names).any(|known| known == name)
    }

    /// A new Ethernet interface under the first free `eth%d`.
    pub(super) fn new_interface(&mut self, max_mtu: u32) -> SimulatedInterface {
        self.new_interface_beside(max_mtu, &[])
    }

    /// The same where these names are taken as well.
    pub(super) fn new_interface_beside(&mut self, max_mtu: u32, names: &[String]) -> SimulatedInterface {
        let others = names.iter().map(String::as_str);
        let taken: BTreeSet<&str> = self.interface_names().chain(others).collect();
        let mut number = 0;
        while taken.contains(format!("eth{number}").as_str()) {
            number += 1;
        }
        let index = self.next_ifindex;
        self.next_ifindex += 1;
        SimulatedInterface {
            index,
            name: format!("eth{number}"),
            renamed: false,
            altname: None,
            mtu: 1500,
            max_mtu,
            up: false,
            hw_tc_offload: false,
            port: None,
            users: Vec::new(),
        }
    }

    /// Whether interfaces are renamed while they are up (since Linux 6.2, commit bd039b5ea2a9), and whether somebody has the
    /// name that is to be set.
    pub(super) fn renaming(&self, setting: &Setting) -> (bool, bool) {
        let is_it = |name: &InterfaceName| self.interface_names().any(|other| other == name.as_str());
        (!self.is_before(6, 2), matches!(setting, Setting::Name(_, name) if is_it(name)))
    }
}

impl SimulatedInterface {
    /// The names that the kernel finds it by.
    fn names(&self) -> impl Iterator<Item = &str> {
        self.altname.iter().chain([&self.name]).map(String::as_str)
    }

    pub fn state(&self) -> Interface {
        Interface {
            name: self.renamed.then(|| self.name.parse::<InterfaceName>().ok()).flatten(),
            mtu: self.mtu,
            up: self.up,
            port: self.port.as_ref().and_then(SimulatedPort::state),
            volatile: Volatile(InterfaceVolatile {
                name: self.name.clone(),
                altnames: self.altname.iter().cloned().collect(),
                index: self.index,
                mac: None,
            }),
        }
    }
}

/// Writes an attribute of an interface.
pub(super) fn write_interface(
    interface: &mut SimulatedInterface,
    setting: &Setting,
    live_rename: bool,
    taken: bool,
) -> Answer {
    match setting {
        Setting::Name(_, name) => {
            if interface.up && !live_rename {
                return Err(refuse(Errno::EBUSY, ""));
            }
            // The name that it has is no change (`dev_change_name`, `net/core/dev.c`).
            if interface.name == name.as_str() {
                return Ok(());
            }
            let was_its_own = interface.altname.take_if(|altname| altname == name.as_str()).is_some();
            if taken && !was_its_own {
                return Err(refuse(Errno::EEXIST, ""));
            }
            // What the live kernel is asked to do with the name that it gave itself.
            let old = std::mem::replace(&mut interface.name, name.as_str().to_owned());
            if !std::mem::replace(&mut interface.renamed, true) {
                interface.altname = Some(old);
            }
        }
        Setting::Mtu(_, mtu) => {
            if !(MIN_MTU..=interface.max_mtu).contains(mtu) {
                return Err(refuse(Errno::EINVAL, "mtu out of range"));
            }
            interface.mtu = *mtu;
        }
        Setting::Up(_, up) => interface.up = *up,
        _ => return Err(refuse(Errno::EOPNOTSUPP, "")),
    }
    Ok(())
}
