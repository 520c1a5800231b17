//! Attributes of a parent's uplink: the network interface of its physical port.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use subdevcfg_compiler::values::Scalar;

/// The name of an attribute of an uplink.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum UplinkAttribute {
    /// MTU in bytes.
    Mtu,
    /// Whether tc rules are offloaded to the device (`NETIF_F_HW_TC`).
    HwTcOffload,
    /// Administrative state.
    Up,
}

impl UplinkAttribute {
    /// The word of the language.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Mtu => "mtu",
            Self::HwTcOffload => "hw-tc-offload",
            Self::Up => "up",
        }
    }
}

impl fmt::Display for UplinkAttribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An attribute of an uplink with its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum UplinkSetting {
    /// See [`UplinkAttribute::Mtu`].
    Mtu(u32),
    /// See [`UplinkAttribute::HwTcOffload`].
    HwTcOffload(bool),
    /// See [`UplinkAttribute::Up`].
    Up(bool),
}

impl UplinkSetting {
    /// The attribute this is a value of.
    #[must_use]
    pub const fn attribute(self) -> UplinkAttribute {
        match self {
            Self::Mtu(_) => UplinkAttribute::Mtu,
            Self::HwTcOffload(_) => UplinkAttribute::HwTcOffload,
            Self::Up(_) => UplinkAttribute::Up,
        }
    }

    /// The value as files, plans and JSON write it.
    #[must_use]
    pub fn value(self) -> Scalar {
        match self {
            Self::Mtu(mtu) => Scalar::from(mtu),
            Self::HwTcOffload(on) | Self::Up(on) => Scalar::Bool(on),
        }
    }
}
