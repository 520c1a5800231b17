//! vDPA devices.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{VfioUser, Volatile};
use crate::resource::{Setting, Settings, VdpaConfig};

/// A vDPA device of a parent that is a management device.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Vdpa {
    /// What the driver tells that it has (`VDPA_CMD_DEV_CONFIG_GET`).
    #[serde(flatten)]
    pub config: VdpaConfig,
    /// The driver that is chosen for it alone (`driver_override`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub driver_override: Option<String>,
    /// See [`VdpaVolatile`].
    #[serde(default)]
    pub volatile: Volatile<VdpaVolatile>,
}

/// Facts about a vDPA device that are no configuration.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
pub struct VdpaVolatile {
    /// The driver that it is bound to, whoever chose it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub driver: Option<String>,
    /// Who has its /dev/vhost-vdpa-N open: the kernel waits for them when the device goes or is unbound
    /// (`vhost_vdpa_remove`, drivers/vhost/vdpa.c).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub users: Vec<VfioUser>,
}

impl Vdpa {
    /// The device's attributes.
    #[must_use]
    pub fn settings(&self) -> Settings {
        let bind = Setting::Bind(self.bound_by_name().map(str::to_owned));
        self.config.settings().map(Setting::Vdpa).chain([bind]).collect()
    }

    /// The driver that somebody chose, as far as the choice is in force.
    fn bound_by_name(&self) -> Option<&str> {
        self.driver_override.as_ref()?;
        self.volatile.0.driver.as_deref()
    }
}
