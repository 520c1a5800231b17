//! What a PF sets for a VF in legacy mode (`ip link set ... vf N`), as attributes of the VF.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use subdevcfg_compiler::values::{LinkState, MacAddr, Rate, Scalar, VlanProtocol};

/// The name of one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Legacy {
    /// MAC address.
    Mac,
    /// VLAN that the frames are put into.
    Vlan,
    /// Priority of that tag.
    Qos,
    /// Protocol of that tag.
    Proto,
    /// Whether the VF may change what the PF has set.
    Trust,
    /// Whether frames with another source MAC are dropped.
    Spoofchk,
    /// The link that the VF sees.
    LinkState,
    /// What it may send whatever the others do.
    RateMin,
    /// The most that it may send.
    RateMax,
}

impl Legacy {
    /// The word of the language.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Mac => "mac",
            Self::Vlan => "vlan",
            Self::Qos => "qos",
            Self::Proto => "proto",
            Self::Trust => "trust",
            Self::Spoofchk => "spoofchk",
            Self::LinkState => "link-state",
            Self::RateMin => "rate-min",
            Self::RateMax => "rate-max",
        }
    }
}

/// One of them with its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LegacySetting {
    /// See [`Legacy::Mac`]; zero is none.
    Mac(MacAddr),
    /// See [`Legacy::Vlan`]; 0 is none.
    Vlan(u32),
    /// See [`Legacy::Qos`].
    Qos(u32),
    /// See [`Legacy::Proto`].
    Proto(VlanProtocol),
    /// See [`Legacy::Trust`].
    Trust(bool),
    /// See [`Legacy::Spoofchk`].
    Spoofchk(bool),
    /// See [`Legacy::LinkState`].
    LinkState(LinkState),
    /// See [`Legacy::RateMin`].
    RateMin(Rate),
    /// See [`Legacy::RateMax`]; 0 is no limit.
    RateMax(Rate),
}

impl LegacySetting {
    /// What this is a value of.
    #[must_use]
    pub const fn attribute(&self) -> Legacy {
        match self {
            Self::Mac(_) => Legacy::Mac,
            Self::Vlan(_) => Legacy::Vlan,
            Self::Qos(_) => Legacy::Qos,
            Self::Proto(_) => Legacy::Proto,
            Self::Trust(_) => Legacy::Trust,
            Self::Spoofchk(_) => Legacy::Spoofchk,
            Self::LinkState(_) => Legacy::LinkState,
            Self::RateMin(_) => Legacy::RateMin,
            Self::RateMax(_) => Legacy::RateMax,
        }
    }

    /// The value as files, plans and JSON write it.
    #[must_use]
    pub fn value(&self) -> Scalar {
        match self {
            Self::Mac(mac) => Scalar::Text(mac.to_string()),
            Self::Vlan(number) | Self::Qos(number) => Scalar::from(*number),
            Self::Proto(protocol) => Scalar::Text(protocol.to_string()),
            Self::Trust(on) | Self::Spoofchk(on) => Scalar::Bool(*on),
            Self::LinkState(state) => Scalar::Text(state.to_string()),
            Self::RateMin(rate) | Self::RateMax(rate) => Scalar::Text(rate.to_string()),
        }
    }

    /// Whether a VF whose PF has set nothing has this value. Of `spoofchk` drivers differ.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        match self {
            Self::Mac(mac) => mac.is_zero(),
            Self::Vlan(number) | Self::Qos(number) => *number == 0,
            Self::Proto(protocol) => *protocol == VlanProtocol::Dot1q,
            Self::Trust(on) => !on,
            Self::Spoofchk(_) => false,
            Self::LinkState(state) => *state == LinkState::Auto,
            Self::RateMin(rate) | Self::RateMax(rate) => rate.0 == 0,
        }
    }
}
