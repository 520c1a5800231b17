//! Linux bridges, and ports of bridges of either kind.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use subdevcfg_compiler::values::InterfaceName;

use super::Volatile;
use crate::resource::{BridgeName, PortVlans, Setting, Settings};

/// A Linux bridge.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Bridge {
    /// It looks at VLANs.
    pub vlan_filtering: bool,
    /// See [`BridgeVolatile`].
    #[serde(default)]
    pub volatile: Volatile<BridgeVolatile>,
}

/// Facts about a bridge that are no configuration of its own.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
pub struct BridgeVolatile {
    /// The names of the interfaces that are ports of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<String>,
}

/// A port of a bridge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Port {
    /// The bridge.
    pub bridge: InterfaceName,
    /// Its VLANs, which tell the bridge's kind.
    pub vlans: PortVlans,
}

impl Port {
    /// The bridge with its kind.
    #[must_use]
    pub fn bridge_name(&self) -> BridgeName {
        match self.vlans {
            PortVlans::Linux(_) => BridgeName::Linux(self.bridge.clone()),
            PortVlans::Ovs(_) => BridgeName::Ovs { ovs: self.bridge.clone() },
        }
    }

    /// Whether it is one of Open vSwitch.
    #[must_use]
    pub const fn is_ovs(&self) -> bool {
        matches!(self.vlans, PortVlans::Ovs(_))
    }
}

impl Bridge {
    /// Its attributes.
    #[must_use]
    pub fn settings(&self) -> Settings {
        std::iter::once(Setting::VlanFiltering(self.vlan_filtering)).collect()
    }
}
