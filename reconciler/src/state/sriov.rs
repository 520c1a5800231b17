//! What is of SR-IOV: the VFs of a device, and what a VF has that no other function has.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Volatile;
use crate::resource::{Legacy, LegacySetting, Setting};

/// A device that can have VFs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Sriov {
    /// How many it has.
    pub vfs: u32,
    /// Whether the kernel binds drivers to VFs that come (`sriov_drivers_autoprobe`); absent where VFs are no devices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub autoprobe: Option<bool>,
    /// The most that it can have (`sriov_totalvfs`), where it tells.
    #[serde(default)]
    pub most: Volatile<Option<u32>>,
}

/// What a VF has beside what other functions have.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Vf {
    /// What the PF sets for it, where the PF has a netdev that tells; nothing in switchdev mode, which has other means.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub legacy: BTreeMap<Legacy, LegacySetting>,
    /// Its PCI device; absent where it is none, as under netdevsim.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<VfDevice>,
}

/// The PCI device that a VF is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct VfDevice {
    /// The driver that it is bound to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub driver: Option<String>,
    /// The driver that it must be bound to, whatever else would drive it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub driver_override: Option<String>,
    /// Its address, which the numbers of the PF and of its VFs decide.
    #[serde(default)]
    pub address: Volatile<String>,
}

impl Vf {
    /// The attributes that only VFs have.
    pub fn settings(&self) -> impl Iterator<Item = Setting> {
        let bind =
            self.device.as_ref().map(|device| Setting::Bind(device.bound_by_name().map(str::to_owned)));
        self.legacy.values().copied().map(Setting::Legacy).chain(bind)
    }
}

impl VfDevice {
    /// The driver that somebody chose. An override that came after the driver is not in force.
    pub(crate) fn bound_by_name(&self) -> Option<&str> {
        let wanted = self.driver_override.as_deref()?;
        Some(self.driver.as_deref().unwrap_or(wanted))
    }
}

/// Who has a VFIO device open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum VfioUser {
    /// A process, by its name and number.
    Process(String, u32),
    /// Some process may: not all can be looked into.
    Unknown,
}

impl fmt::Display for VfioUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Process(name, pid) => write!(f, "held open by {name} (pid {pid})"),
            Self::Unknown => {
                f.write_str("perhaps held open: without privilege not every process can be looked into")
            }
        }
    }
}
