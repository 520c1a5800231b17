//! Open vSwitch, as its database tells of it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use subdevcfg_compiler::values::InterfaceName;

use super::{Port, State, Unreadable};
use crate::resource::{OvsVlans, PortVlans};

/// Open vSwitch. It is others' but for the ports that host files name, and they change it all the time: it counts in no
/// comparison of states.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Ovs {
    /// Its daemon runs: what is written into the database is done.
    pub running: bool,
    /// Its bridges by name; none where no Open vSwitch runs.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub bridges: BTreeMap<InterfaceName, OvsBridge>,
}

/// A bridge of Open vSwitch.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OvsBridge {
    /// Its ports by name. They are there whether or not an interface of that name is: the database keeps them over a boot.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub ports: BTreeMap<String, OvsPort>,
}

/// A port of Open vSwitch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OvsPort {
    /// Its VLANs.
    pub vlans: OvsVlans,
    /// Why the daemon cannot use it, in its own words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl Ovs {
    /// All ports, each with its bridge and its name.
    pub fn ports(&self) -> impl Iterator<Item = (&InterfaceName, &str, &OvsPort)> {
        self.bridges.iter().flat_map(|(bridge, found)| {
            found.ports.iter().map(move |(name, port)| (bridge, name.as_str(), port))
        })
    }

    /// The ports by their names, as interfaces have them. The database lets no two bridges have one of the same name.
    #[must_use]
    pub fn by_name(&self) -> BTreeMap<&str, Port> {
        let port = |bridge: &InterfaceName, port: &OvsPort| Port {
            bridge: bridge.clone(),
            vlans: PortVlans::Ovs(port.vlans.clone()),
        };
        self.ports().map(|(bridge, name, found)| (name, port(bridge, found))).collect()
    }
}

impl State {
    /// Open vSwitch, where it was looked for and could be read.
    #[must_use]
    pub fn ovs(&self) -> Option<&Ovs> {
        self.volatile.0.ovs.as_ref().filter(|_| self.unread(&Unreadable::Ovs).is_none())
    }

    /// What Open vSwitch says of a port that it cannot use.
    #[must_use]
    pub fn ovs_error(&self, port: &str) -> Option<&str> {
        self.ovs()?.ports().find(|(_, name, _)| *name == port)?.2.error.as_deref()
    }
}
