//! What a device is: what it is found by and what it offers. None of it is configuration.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use subdevcfg_compiler::values::MacAddr;

/// Facts about the device below a parent, as far as its driver and its bus tell them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Hardware {
    /// The serial number of the board (`DEVLINK_ATTR_INFO_BOARD_SERIAL_NUMBER`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub board_serial: Option<String>,
    /// The running firmware: the version `fw`, else `fw.version` or `fw.mgmt`
    /// (Documentation/networking/devlink/devlink-info.rst).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub firmware: Option<String>,
    /// The slot that the PCI device is in (/sys/bus/pci/slots).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pci_slot: Option<String>,
    /// The number of the physical port (`DEVLINK_ATTR_PORT_NUMBER`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u32>,
    /// The permanent address of the uplink (`IFLA_PERM_ADDRESS`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permanent_mac: Option<MacAddr>,
    /// The sizes of its resources (`devlink resource show`), by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub resources: BTreeMap<String, u64>,
}

impl Hardware {
    /// Whether nothing is known.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        *self == Self::default()
    }
}
