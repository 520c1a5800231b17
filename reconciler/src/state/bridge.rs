//! Linux bridges and their ports.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use subdevcfg_compiler::values::InterfaceName;

use super::Volatile;
use crate::resource::{Setting, Settings, Vlans};

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

/// A port of a Linux bridge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Port {
    /// The bridge.
    pub bridge: InterfaceName,
    /// Its VLANs.
    pub vlans: Vlans,
}

impl Bridge {
    /// Its attributes.
    #[must_use]
    pub fn settings(&self) -> Settings {
        std::iter::once(Setting::VlanFiltering(self.vlan_filtering)).collect()
    }
}
