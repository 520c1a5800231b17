//! Attributes of subjects, and settings: attributes with a value. Observed and desired ones are the same type, so that a
//! difference is a comparison.

use std::cmp::Ordering;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use subdevcfg_compiler::address::Part;
use subdevcfg_compiler::model::Rates;
use subdevcfg_compiler::values::{
    Cmode, EncapMode, EswitchMode, InlineMode, InterfaceName, MacAddr, Rate, Scalar,
};

use super::legacy::{Legacy, LegacySetting};
use super::switch::{BridgeName, PortVlans};
use super::uplink::{UplinkAttribute, UplinkSetting};
use super::vdpa::{VdpaAttribute, VdpaSetting};

/// Which of a function's two network interfaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The function's own netdev.
    Netdev,
    /// The representor on the parent.
    Representor,
}

impl Side {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Netdev, Self::Representor];

    /// The node of the language that describes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Netdev => "netdev",
            Self::Representor => "representor",
        }
    }
}

/// Something that a port function can do or not (`DEVLINK_PORT_FN_ATTR_CAPS`, since Linux 6.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Capability {
    /// RoCE.
    Roce,
    /// Live migration; VFs only.
    Migratable,
    /// Offload of the cryptography of `IPsec`; VFs only.
    IpsecCrypto,
    /// Offload of `IPsec` whole; VFs only.
    IpsecPacket,
}

impl Capability {
    /// All, in the order of their bits (`enum devlink_port_fn_attr_cap`).
    pub const ALL: [Self; 4] = [Self::Roce, Self::Migratable, Self::IpsecCrypto, Self::IpsecPacket];

    /// The word of the language.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Roce => "roce",
            Self::Migratable => "migratable",
            Self::IpsecCrypto => "ipsec-crypto",
            Self::IpsecPacket => "ipsec-packet",
        }
    }
}

/// The name of an attribute of a subject. The order is that in which plans list them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Attribute {
    /// Eswitch mode of a parent.
    EswitchMode,
    /// Eswitch inline mode of a parent.
    InlineMode,
    /// Eswitch encap mode of a parent.
    EncapMode,
    /// How many VFs a parent has.
    Vfs,
    /// The driver that a VF or a vDPA device is bound to whatever else would drive it (`driver_override`).
    Bind,
    /// Something that the PF sets for a VF in legacy mode.
    Legacy(Legacy),
    /// An attribute of a parent's uplink.
    Uplink(UplinkAttribute),
    /// What a vDPA device is made with.
    Vdpa(VdpaAttribute),
    /// A sysfs attribute of a mediated device, below its directory. The number tells those of one name apart, that are
    /// written one after the other: it counts from 0.
    Device(String, u32),
    /// MAC address of a port function.
    Mac,
    /// A capability of a port function.
    Capability(Capability),
    /// How many event queues for I/O a port function may have.
    MaxIoEqs,
    /// The rate node above a rate leaf or node.
    RateParent,
    /// Share of a rate leaf or node.
    TxShare,
    /// Limit of a rate leaf or node.
    TxMax,
    /// Strict priority of a rate leaf or node among its siblings.
    TxPriority,
    /// Weight of a rate leaf or node among its siblings of one priority.
    TxWeight,
    /// A devlink parameter, of the parent's or the function's instance.
    Param(String, Cmode),
    /// Whether a Linux bridge looks at VLANs.
    VlanFiltering,
    /// The bridge that a representor is a port of.
    Bridge,
    /// The VLANs of that port.
    Vlans,
    /// Name of an interface.
    Name(Side),
    /// MTU of an interface.
    Mtu(Side),
    /// Administrative state of an interface.
    Up(Side),
}

impl Attribute {
    /// The one that no other comes before.
    pub const FIRST: Self = Self::EswitchMode;

    /// The interface this is an attribute of, if it is one of an interface.
    #[must_use]
    pub const fn side(&self) -> Option<Side> {
        match self {
            Self::Name(side) | Self::Mtu(side) | Self::Up(side) => Some(*side),
            Self::Bridge | Self::Vlans => Some(Side::Representor),
            _ => None,
        }
    }

    /// Whether it is one of a rate leaf or node.
    #[must_use]
    pub const fn is_rate(&self) -> bool {
        matches!(self, Self::RateParent | Self::TxShare | Self::TxMax | Self::TxPriority | Self::TxWeight)
    }

    /// Whether the kernel has it by devlink, or on what devlink shows the way to.
    #[must_use]
    pub const fn needs_devlink(&self) -> bool {
        match self {
            Self::Device(..)
            | Self::VlanFiltering
            | Self::Vfs
            | Self::Bind
            | Self::Legacy(_)
            | Self::Vdpa(_) => false,
            Self::EswitchMode
            | Self::InlineMode
            | Self::EncapMode
            | Self::Uplink(_)
            | Self::Mac
            | Self::Capability(_)
            | Self::MaxIoEqs
            | Self::RateParent
            | Self::TxShare
            | Self::TxMax
            | Self::TxPriority
            | Self::TxWeight
            | Self::Param(..)
            | Self::Bridge
            | Self::Vlans
            | Self::Name(_)
            | Self::Mtu(_)
            | Self::Up(_) => true,
        }
    }

    /// The part of an address that names this attribute of a parent or function.
    #[must_use]
    pub fn part(&self) -> Part {
        let interface = |side: Side, attribute| match side {
            Side::Netdev => Part::Netdev(Some(attribute)),
            Side::Representor => Part::Representor(Some(attribute)),
        };
        match self {
            Self::EswitchMode => Part::Eswitch(Some("mode")),
            Self::InlineMode => Part::Eswitch(Some("inline-mode")),
            Self::EncapMode => Part::Eswitch(Some("encap-mode")),
            Self::Vfs => Part::Vfs,
            Self::Bind => Part::Bind,
            Self::Legacy(legacy) => Part::Legacy(Some(legacy.as_str())),
            Self::Uplink(attribute) => Part::Uplink(Some(attribute.as_str())),
            Self::Vdpa(attribute) => Part::VdpaAttribute(attribute.as_str()),
            Self::Device(name, nth) => Part::Attr(name.clone(), *nth),
            Self::Mac => Part::Function(Some("mac")),
            Self::Capability(capability) => Part::Function(Some(capability.as_str())),
            Self::MaxIoEqs => Part::Function(Some("max-io-eqs")),
            Self::RateParent => Part::Rate(Some("parent")),
            Self::TxShare => Part::Rate(Some("tx-share")),
            Self::TxMax => Part::Rate(Some("tx-max")),
            Self::TxPriority => Part::Rate(Some("tx-priority")),
            Self::TxWeight => Part::Rate(Some("tx-weight")),
            Self::Param(name, cmode) => Part::Param(name.clone(), *cmode),
            Self::VlanFiltering => Part::VlanFiltering,
            Self::Bridge => interface(Side::Representor, "bridge"),
            Self::Vlans => interface(Side::Representor, "vlans"),
            Self::Name(side) => interface(*side, "name"),
            Self::Mtu(side) => interface(*side, "mtu"),
            Self::Up(side) => interface(*side, "up"),
        }
    }
}

impl fmt::Display for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // In running text the cmode goes without saying: a parameter's identity stands in its address.
            Self::Param(name, _) => write!(f, "param {name}"),
            Self::EswitchMode => f.write_str("eswitch mode"),
            Self::InlineMode => f.write_str("eswitch inline-mode"),
            Self::EncapMode => f.write_str("eswitch encap-mode"),
            Self::Vfs => f.write_str("vfs"),
            Self::Bind => f.write_str("bind"),
            Self::Legacy(legacy) => write!(f, "legacy {}", legacy.as_str()),
            Self::Uplink(attribute) => write!(f, "uplink {attribute}"),
            Self::Vdpa(attribute) => write!(f, "vdpa {}", attribute.as_str()),
            Self::Device(name, _) => write!(f, "attr {name}"),
            Self::Mac => f.write_str("function mac"),
            Self::Capability(capability) => write!(f, "function {}", capability.as_str()),
            Self::MaxIoEqs => f.write_str("function max-io-eqs"),
            Self::RateParent => f.write_str("rate parent"),
            Self::TxShare => f.write_str("rate tx-share"),
            Self::TxMax => f.write_str("rate tx-max"),
            Self::TxPriority => f.write_str("rate tx-priority"),
            Self::TxWeight => f.write_str("rate tx-weight"),
            Self::VlanFiltering => f.write_str("vlan-filtering"),
            Self::Bridge => f.write_str("representor bridge"),
            Self::Vlans => f.write_str("representor vlans"),
            Self::Name(side) => write!(f, "{} name", side.as_str()),
            Self::Mtu(side) => write!(f, "{} mtu", side.as_str()),
            Self::Up(side) => write!(f, "{} up", side.as_str()),
        }
    }
}

/// The value of `bind` that leaves the choice to the kernel.
const NO_DRIVER: &str = "by the kernel";

/// An attribute with a value: what is, or what is to be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Setting {
    /// See [`Attribute::EswitchMode`].
    EswitchMode(EswitchMode),
    /// See [`Attribute::InlineMode`].
    InlineMode(InlineMode),
    /// See [`Attribute::EncapMode`].
    EncapMode(EncapMode),
    /// See [`Attribute::Vfs`].
    Vfs(u32),
    /// See [`Attribute::Bind`]; `None` leaves the choice to the kernel.
    Bind(Option<String>),
    /// See [`Attribute::Legacy`].
    Legacy(LegacySetting),
    /// See [`Attribute::Uplink`].
    Uplink(UplinkSetting),
    /// See [`Attribute::Vdpa`].
    Vdpa(VdpaSetting),
    /// See [`Attribute::Device`].
    Device {
        /// Name.
        name: String,
        /// Which of those of that name.
        nth: u32,
        /// Value.
        value: String,
    },
    /// See [`Attribute::Mac`].
    Mac(MacAddr),
    /// See [`Attribute::Capability`].
    Capability(Capability, bool),
    /// See [`Attribute::MaxIoEqs`].
    MaxIoEqs(u32),
    /// See [`Attribute::RateParent`]; `None` is the root of the tree.
    RateParent(Option<String>),
    /// See [`Attribute::TxShare`].
    TxShare(Rate),
    /// See [`Attribute::TxMax`].
    TxMax(Rate),
    /// See [`Attribute::TxPriority`].
    TxPriority(u32),
    /// See [`Attribute::TxWeight`].
    TxWeight(u32),
    /// See [`Attribute::Param`].
    Param {
        /// Name.
        name: String,
        /// The cmode it is written with.
        cmode: Cmode,
        /// Value.
        value: Scalar,
    },
    /// See [`Attribute::VlanFiltering`].
    VlanFiltering(bool),
    /// See [`Attribute::Bridge`]; `None` is none.
    Bridge(Option<BridgeName>),
    /// See [`Attribute::Vlans`].
    Vlans(PortVlans),
    /// See [`Attribute::Name`].
    Name(Side, InterfaceName),
    /// See [`Attribute::Mtu`].
    Mtu(Side, u32),
    /// See [`Attribute::Up`].
    Up(Side, bool),
}

impl Setting {
    /// The MAC address that it gives a function.
    #[must_use]
    pub const fn mac(&self) -> Option<MacAddr> {
        match self {
            Self::Mac(mac) | Self::Legacy(LegacySetting::Mac(mac)) => Some(*mac),
            _ => None,
        }
    }

    /// The attribute this is a value of.
    #[must_use]
    pub fn attribute(&self) -> Attribute {
        match self {
            Self::EswitchMode(_) => Attribute::EswitchMode,
            Self::InlineMode(_) => Attribute::InlineMode,
            Self::EncapMode(_) => Attribute::EncapMode,
            Self::Vfs(_) => Attribute::Vfs,
            Self::Bind(_) => Attribute::Bind,
            Self::Legacy(setting) => Attribute::Legacy(setting.attribute()),
            Self::Uplink(setting) => Attribute::Uplink(setting.attribute()),
            Self::Vdpa(setting) => Attribute::Vdpa(setting.attribute()),
            Self::Device { name, nth, .. } => Attribute::Device(name.clone(), *nth),
            Self::Mac(_) => Attribute::Mac,
            Self::Capability(capability, _) => Attribute::Capability(*capability),
            Self::MaxIoEqs(_) => Attribute::MaxIoEqs,
            Self::RateParent(_) => Attribute::RateParent,
            Self::TxShare(_) => Attribute::TxShare,
            Self::TxMax(_) => Attribute::TxMax,
            Self::TxPriority(_) => Attribute::TxPriority,
            Self::TxWeight(_) => Attribute::TxWeight,
            Self::Param { name, cmode, .. } => Attribute::Param(name.clone(), *cmode),
            Self::VlanFiltering(_) => Attribute::VlanFiltering,
            Self::Bridge(_) => Attribute::Bridge,
            Self::Vlans(_) => Attribute::Vlans,
            Self::Name(side, _) => Attribute::Name(*side),
            Self::Mtu(side, _) => Attribute::Mtu(*side),
            Self::Up(side, _) => Attribute::Up(*side),
        }
    }

    /// Where its attribute is among others: [`Setting::attribute`] would have to copy the name of each that has one.
    pub(super) fn cmp_attribute(&self, other: &Attribute) -> Ordering {
        match (self, other) {
            (Self::Device { name, nth, .. }, Attribute::Device(other, at)) => (name, nth).cmp(&(other, at)),
            (Self::Param { name, cmode, .. }, Attribute::Param(other, of)) => (name, cmode).cmp(&(other, of)),
            _ => self.nameless().cmp(other),
        }
    }

    /// The order of the attributes of two.
    pub(super) fn cmp_by_attribute(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Device { name, nth, .. }, Self::Device { name: other, nth: at, .. }) => {
                (name, nth).cmp(&(other, at))
            }
            (Self::Param { name, cmode, .. }, Self::Param { name: other, cmode: of, .. }) => {
                (name, cmode).cmp(&(other, of))
            }
            _ => self.nameless().cmp(&other.nameless()),
        }
    }

    /// Its attribute, for a comparison with those of other kinds.
    fn nameless(&self) -> Attribute {
        match self {
            Self::Device { nth, .. } => Attribute::Device(String::new(), *nth),
            Self::Param { cmode, .. } => Attribute::Param(String::new(), *cmode),
            other => other.attribute(),
        }
    }

    /// Whether it comes into force at a reload of its instance only.
    #[must_use]
    pub const fn waits_for_reload(&self) -> bool {
        matches!(self, Self::Param { cmode: Cmode::Driverinit, .. })
    }

    /// Whether it is stored by the device, and comes into force when that starts anew only ("A hard reset is required",
    /// Documentation/networking/devlink/devlink-params.rst).
    #[must_use]
    pub const fn waits_for_reboot(&self) -> bool {
        matches!(self, Self::Param { cmode: Cmode::Permanent, .. })
    }

    /// The value as files, plans and JSON write it.
    #[must_use]
    pub fn value(&self) -> Scalar {
        match self {
            Self::EswitchMode(mode) => Scalar::Text(mode.to_string()),
            Self::InlineMode(mode) => Scalar::Text(mode.to_string()),
            Self::EncapMode(mode) => Scalar::Text(mode.to_string()),
            Self::Bind(driver) => Scalar::Text(driver.clone().unwrap_or_else(|| NO_DRIVER.to_owned())),
            Self::Legacy(setting) => setting.value(),
            Self::Uplink(setting) => setting.value(),
            Self::Vdpa(setting) => setting.value(),
            Self::Device { value, .. } => Scalar::Text(value.clone()),
            Self::Mac(mac) => Scalar::Text(mac.to_string()),
            Self::RateParent(parent) => Scalar::Text(parent.clone().unwrap_or_else(|| Rates::TOP.to_owned())),
            Self::TxShare(rate) | Self::TxMax(rate) => Scalar::Text(rate.to_string()),
            Self::Param { value, .. } => value.clone(),
            Self::Bridge(None) => Scalar::Text("none".to_owned()),
            Self::Name(_, name) => Scalar::Text(name.to_string()),
            Self::Bridge(Some(bridge)) => Scalar::Text(bridge.to_string()),
            Self::Vlans(vlans) => Scalar::Text(vlans.to_string()),
            Self::Mtu(_, number)
            | Self::Vfs(number)
            | Self::MaxIoEqs(number)
            | Self::TxPriority(number)
            | Self::TxWeight(number) => Scalar::from(*number),
            Self::Up(_, on) | Self::Capability(_, on) | Self::VlanFiltering(on) => Scalar::Bool(*on),
        }
    }
}
