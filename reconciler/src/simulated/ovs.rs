//! Open vSwitch: a database that outlives interfaces, and a daemon that does what it says. A port is the interface that
//! has its name, whenever there is one (`bridge_reconfigure` in vswitchd/bridge.c).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Answer;
use super::host::SimulatedHost;
use crate::kernel::{Request, RequestError};
use crate::resource::{OvsVlans, Side, Subject};
use crate::state::{Function, FunctionUser, Ovs, OvsBridge, OvsPort, User};

/// The database, and whether the daemon runs.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct SimulatedOvs {
    pub running: bool,
    #[serde(default)]
    pub bridges: BTreeMap<String, SimulatedOvsBridge>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct SimulatedOvsBridge {
    /// The ports by name.
    #[serde(default)]
    pub ports: BTreeMap<String, OvsVlans>,
}

/// The answer to a request that is Open vSwitch's; `None` for those that are the kernel's.
pub(super) fn perform(host: &mut SimulatedHost, request: &Request) -> Option<Answer> {
    match request {
        Request::AddPort { name, bridge, vlans, .. } => {
            Some(add(host, name.as_str(), bridge.as_str(), vlans))
        }
        Request::RemovePort { name, .. } => Some(remove(host, name.as_str())),
        _ => None,
    }
}

fn add(host: &mut SimulatedHost, name: &str, bridge: &str, vlans: &OvsVlans) -> Answer {
    let ovs = database(host)?;
    if !ovs.bridges.contains_key(bridge) {
        return Err(refused(format!("there is no bridge {bridge}")));
    }
    for bridge in ovs.bridges.values_mut() {
        bridge.ports.remove(name);
    }
    if let Some(bridge) = ovs.bridges.get_mut(bridge) {
        bridge.ports.insert(name.to_owned(), vlans.clone());
    }
    Ok(())
}

fn remove(host: &mut SimulatedHost, name: &str) -> Answer {
    let mut bridges = database(host)?.bridges.values_mut();
    let removed = bridges.find_map(|bridge| bridge.ports.remove(name));
    removed.map(drop).ok_or_else(|| refused(format!("there is no port {name}")))
}

fn database(host: &mut SimulatedHost) -> Result<&mut SimulatedOvs, RequestError> {
    host.ovs.as_mut().ok_or_else(|| refused("its database does not answer".to_owned()))
}

fn refused(text: String) -> RequestError {
    RequestError::Switch(text)
}

impl SimulatedHost {
    /// Starts Open vSwitch, with these bridges and no ports.
    pub fn start_ovs(&mut self, bridges: &[&str]) {
        let bridge = |name: &&str| ((*name).to_owned(), SimulatedOvsBridge::default());
        self.ovs = Some(SimulatedOvs { running: true, bridges: bridges.iter().map(bridge).collect() });
    }

    /// Open vSwitch as it looks from outside.
    pub(super) fn ovs_state(&self) -> Ovs {
        let Some(ovs) = &self.ovs else { return Ovs::default() };
        let bridges = ovs.bridges.iter().filter_map(|(name, bridge)| {
            let port = |vlans: &OvsVlans| OvsPort { vlans: vlans.clone(), error: None };
            let ports = bridge.ports.iter().map(|(name, vlans)| (name.clone(), port(vlans))).collect();
            Some((name.parse().ok()?, OvsBridge { ports }))
        });
        Ovs { running: ovs.running, bridges: bridges.collect() }
    }

    /// Whether an interface of this name is taken by Open vSwitch.
    pub(super) fn is_switched(&self, name: &str) -> bool {
        let mut bridges = self.ovs.iter().flat_map(|ovs| ovs.bridges.values());
        bridges.any(|bridge| bridge.ports.contains_key(name))
    }

    /// Whether the daemon has done what the database says of a function's representor. It can use no port of another
    /// bridge (`netdev_master_upper_dev_link` in net/core/dev.c).
    pub(super) fn port_is_done(&self, subject: &Subject) -> bool {
        let runs = self.ovs.as_ref().is_some_and(|ovs| ovs.running);
        let state = self.state();
        let representor = state.function(subject).and_then(|function| function.representor.as_ref());
        let Some(representor) = representor else { return runs };
        let is_port = representor.port.as_ref().is_some_and(crate::state::Port::is_ovs);
        runs && is_port == self.is_switched(&representor.volatile.0.name)
    }

    /// Makes the representors of functions the ports that have their names.
    pub(super) fn take_ports_up(ovs: &Ovs, functions: &mut [Function]) {
        if ovs.bridges.is_empty() {
            return;
        }
        let ports = ovs.by_name();
        for function in functions {
            let Some(representor) = function.representor.as_mut().filter(|found| found.port.is_none()) else {
                continue;
            };
            let Some(port) = ports.get(representor.volatile.0.name.as_str()) else { continue };
            representor.port = Some(port.clone());
            let user = User::Upper { kind: Some("openvswitch".to_owned()), name: port.bridge.to_string() };
            function.volatile.0.users.push(FunctionUser { side: Some(Side::Representor), user });
        }
    }
}
