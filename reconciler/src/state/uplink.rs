//! The uplink of a parent: the network interface of its physical port.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::resource::{Setting, UplinkSetting};
use crate::rules::NEW_INTERFACE_MTU;

/// The configuration of an uplink that is in this network namespace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Uplink {
    /// MTU in bytes.
    pub mtu: u32,
    /// Administratively up.
    pub up: bool,
    /// tc rules are offloaded to the device; absent where the kernel does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hw_tc_offload: Option<bool>,
}

impl Uplink {
    /// One whose interface was just made.
    #[must_use]
    pub const fn new() -> Self {
        Self { mtu: NEW_INTERFACE_MTU, up: false, hw_tc_offload: Some(false) }
    }

    /// Its attributes, in the order in which they are written.
    pub fn settings(&self) -> impl Iterator<Item = Setting> {
        let offload = self.hw_tc_offload.map(UplinkSetting::HwTcOffload);
        let settings = [Some(UplinkSetting::Mtu(self.mtu)), offload, Some(UplinkSetting::Up(self.up))];
        settings.into_iter().flatten().map(Setting::Uplink)
    }

    /// Takes a value.
    pub const fn set(&mut self, setting: UplinkSetting) {
        match setting {
            UplinkSetting::Mtu(mtu) => self.mtu = mtu,
            UplinkSetting::HwTcOffload(on) => self.hw_tc_offload = Some(on),
            UplinkSetting::Up(up) => self.up = up,
        }
    }
}

impl Default for Uplink {
    fn default() -> Self {
        Self::new()
    }
}
