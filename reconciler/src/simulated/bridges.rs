//! Linux bridges and their ports (net/bridge).

use nix::errno::Errno;
use serde::{Deserialize, Serialize};
use subdevcfg_compiler::values::InterfaceName;

use super::Answer;
use super::card_requests;
use super::cards::SimulatedCard;
use super::host::SimulatedHost;
use super::interface::SimulatedInterface;
use super::requests::{function, refuse};
use crate::kernel::RequestError;
use crate::resource::{BridgeName, PortVlans, Side, Subject, VlanFlags, Vlans};
use crate::state::{Bridge, BridgeVolatile, Port, Volatile};

/// A bridge.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct SimulatedBridge {
    pub vlan_filtering: bool,
    /// Ports that belong to nobody here, as somebody has written them into the file.
    #[serde(default)]
    pub other_ports: Vec<String>,
}

/// An interface's place in a bridge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SimulatedPort {
    pub bridge: String,
    pub vlans: Vlans,
}

impl SimulatedPort {
    pub fn state(&self) -> Option<Port> {
        Some(Port { bridge: self.bridge.parse().ok()?, vlans: PortVlans::Linux(self.vlans.clone()) })
    }
}

fn vanished(name: &str) -> RequestError {
    RequestError::Vanished(format!("there is no bridge {name}"))
}

/// `__rtnl_newlink` with `NLM_F_EXCL`.
pub(super) fn make(host: &mut SimulatedHost, name: &str) -> Answer {
    if host.interface_names().any(|known| known == name) {
        return Err(refuse(Errno::EEXIST, ""));
    }
    host.bridges.insert(name.to_owned(), SimulatedBridge::default());
    Ok(())
}

/// A bridge lets go of its ports (`br_dev_delete`).
pub(super) fn delete(host: &mut SimulatedHost, name: &str) -> Answer {
    host.bridges.remove(name).ok_or_else(|| vanished(name))?;
    for port in host.representors().filter(|port| is_port_of(port, name)) {
        port.port = None;
    }
    Ok(())
}

fn is_port_of(interface: &SimulatedInterface, name: &str) -> bool {
    interface.port.as_ref().is_some_and(|port| port.bridge == name)
}

pub(super) fn set_vlan_filtering(host: &mut SimulatedHost, subject: &Subject, on: bool) -> Answer {
    let name = subject.bridge_name().ok_or_else(|| refuse(Errno::EOPNOTSUPP, ""))?;
    host.bridges.get_mut(name).ok_or_else(|| vanished(name))?.vlan_filtering = on;
    Ok(())
}

/// `do_set_master`: the bridge that it is in already is no change; from another one it goes first, but Open vSwitch lets
/// nobody else take a port out (it has no `ndo_del_slave`).
pub(super) fn join(host: &mut SimulatedHost, subject: &Subject, bridge: Option<&BridgeName>) -> Answer {
    let bridge = match bridge {
        Some(BridgeName::Ovs { .. }) => return Err(refuse(Errno::EOPNOTSUPP, "")),
        Some(BridgeName::Linux(name)) => Some(name),
        None => None,
    };
    let name = representor(host, subject)?.name.clone();
    let is_linux = representor(host, subject)?.port.is_some();
    if !is_linux && host.is_switched(&name) {
        return Err(refuse(Errno::EOPNOTSUPP, ""));
    }
    if let Some(bridge) = bridge
        && !host.bridges.contains_key(bridge.as_str())
    {
        representor(host, subject)?;
        return Err(vanished(bridge.as_str()));
    }
    let port = representor(host, subject)?;
    match bridge {
        Some(bridge) if is_port_of(port, bridge.as_str()) => {}
        Some(bridge) => {
            let vlans = Vlans::of_new_port();
            port.port = Some(SimulatedPort { bridge: bridge.to_string(), vlans });
        }
        None => port.port = None,
    }
    Ok(())
}

/// `br_afspec`: a VLAN for untagged frames takes this from the one that had it. What is no port has none
/// (`rtnl_bridge_setlink`).
pub(super) fn set_vlans(host: &mut SimulatedHost, subject: &Subject, vlans: &PortVlans) -> Answer {
    let PortVlans::Linux(vlans) = vlans else { return Err(refuse(Errno::EOPNOTSUPP, "")) };
    let port = representor(host, subject)?.port.as_mut().ok_or_else(|| refuse(Errno::EOPNOTSUPP, ""))?;
    if vlans.0.keys().any(|id| !(1..=4094).contains(id)) {
        return Err(refuse(Errno::EINVAL, ""));
    }
    let last = vlans.0.iter().rev().find(|(_, flags)| flags.pvid).map(|(&id, _)| id);
    let only_last =
        |(&id, &flags): (&u16, &VlanFlags)| (id, VlanFlags { pvid: flags.pvid && last == Some(id), ..flags });
    port.vlans = Vlans(vlans.0.iter().map(only_last).collect());
    Ok(())
}

fn representor<'h>(
    host: &'h mut SimulatedHost,
    subject: &Subject,
) -> Result<&'h mut SimulatedInterface, RequestError> {
    let missing = || RequestError::Vanished(format!("{subject} has no representor"));
    let id = subject.function_id().ok_or_else(missing)?;
    if card_requests::is_one(host, &subject.parent) {
        return card_requests::interface_of(host, subject, Side::Representor).ok_or_else(missing);
    }
    function(host, &subject.parent, id)?.representor.as_mut().ok_or_else(missing)
}

impl SimulatedHost {
    fn representors(&mut self) -> impl Iterator<Item = &mut SimulatedInterface> {
        let functions = self.parents.values_mut().flat_map(|parent| &mut parent.functions);
        let of_cards = self.cards.values_mut().flat_map(SimulatedCard::ports_mut);
        let of_cards = of_cards.filter_map(|port| port.representor.as_mut());
        functions.filter_map(|function| function.representor.as_mut()).chain(of_cards)
    }

    /// The bridges as they look from outside.
    pub(super) fn bridge_states(&self) -> impl Iterator<Item = (InterfaceName, Bridge)> {
        self.bridges.iter().filter_map(|(name, bridge)| {
            let functions = self.parents.values().flat_map(|parent| &parent.functions);
            let of_cards = self.cards.values().flat_map(SimulatedCard::ports);
            let of_cards = of_cards.filter_map(|port| port.representor.as_ref());
            let representors = functions.filter_map(|function| function.representor.as_ref()).chain(of_cards);
            let ports = representors.filter(|port| is_port_of(port, name)).map(|port| port.name.clone());
            let ports = ports.chain(bridge.other_ports.clone()).collect();
            let vlan_filtering = bridge.vlan_filtering;
            let found = Bridge { vlan_filtering, volatile: Volatile(BridgeVolatile { ports }) };
            Some((name.parse().ok()?, found))
        })
    }
}
