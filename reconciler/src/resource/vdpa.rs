//! What a vDPA device is made with. Nothing of it changes afterwards: with another value it is made again.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use subdevcfg_compiler::values::{MacAddr, Scalar};

/// An attribute of a vDPA device that it is made with (`VDPA_CMD_DEV_NEW`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum VdpaAttribute {
    /// The MAC address.
    Mac,
    /// The MTU.
    Mtu,
    /// How many pairs of queues it may have.
    MaxVqp,
}

impl VdpaAttribute {
    /// The word of the language.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Mac => "mac",
            Self::Mtu => "mtu",
            Self::MaxVqp => "max-vqp",
        }
    }
}

/// An attribute of a vDPA device with a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum VdpaSetting {
    /// `VDPA_ATTR_DEV_NET_CFG_MACADDR`.
    Mac(MacAddr),
    /// `VDPA_ATTR_DEV_NET_CFG_MTU`, in bytes.
    Mtu(u32),
    /// `VDPA_ATTR_DEV_NET_CFG_MAX_VQP`.
    MaxVqp(u32),
}

impl VdpaSetting {
    /// The attribute this is a value of.
    #[must_use]
    pub const fn attribute(&self) -> VdpaAttribute {
        match self {
            Self::Mac(_) => VdpaAttribute::Mac,
            Self::Mtu(_) => VdpaAttribute::Mtu,
            Self::MaxVqp(_) => VdpaAttribute::MaxVqp,
        }
    }

    /// The value as files, plans and JSON write it.
    #[must_use]
    pub fn value(&self) -> Scalar {
        match self {
            Self::Mac(mac) => Scalar::Text(mac.to_string()),
            Self::Mtu(number) | Self::MaxVqp(number) => Scalar::from(*number),
        }
    }
}

/// What a vDPA device has, or is to be made with. What is absent is the driver's choice.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct VdpaConfig {
    /// The MAC address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac: Option<MacAddr>,
    /// The MTU in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mtu: Option<u32>,
    /// How many pairs of queues it may have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_vqp: Option<u32>,
}

impl VdpaConfig {
    /// Its attributes.
    pub fn settings(&self) -> impl Iterator<Item = VdpaSetting> + use<> {
        let settings = [
            self.mac.map(VdpaSetting::Mac),
            self.mtu.map(VdpaSetting::Mtu),
            self.max_vqp.map(VdpaSetting::MaxVqp),
        ];
        settings.into_iter().flatten()
    }

    /// Gives an attribute a value.
    pub const fn set(&mut self, setting: VdpaSetting) {
        match setting {
            VdpaSetting::Mac(mac) => self.mac = Some(mac),
            VdpaSetting::Mtu(mtu) => self.mtu = Some(mtu),
            VdpaSetting::MaxVqp(number) => self.max_vqp = Some(number),
        }
    }
}
