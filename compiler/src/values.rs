//! The value types of host files: what a word means once it has been read. Past the compiler's lowering nothing is a bare string.

mod constraints;

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use arrayvec::ArrayString;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

pub use constraints::{NumberRange, Version, VersionSet};

/// Why a text is not a value of the wanted type. The message is a sentence fragment in the user's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ValueError(pub String);

/// Gives a type that has `Display` and `FromStr` the same spelling in JSON, with the schema of that text.
macro_rules! serde_as_text {
    ($type:ty, $schema:tt) => {
        impl Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }

        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    };
}

/// A 48-bit MAC address (EUI-48).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MacAddr(pub [u8; 6]);

impl MacAddr {
    /// Whether the group bit is set (IEEE 802: least significant bit of the first octet).
    #[must_use]
    pub const fn is_multicast(self) -> bool {
        self.0[0] & 1 == 1
    }

    /// The address that many above this one, counted in all 48 bits; `None` beyond the last.
    #[must_use]
    pub fn checked_add(self, number: u64) -> Option<Self> {
        let mut bytes = [0; 8];
        bytes[2..].copy_from_slice(&self.0);
        let sum = u64::from_be_bytes(bytes).checked_add(number)?.to_be_bytes();
        let octets = sum.strip_prefix(&[0, 0])?;
        octets.try_into().ok().map(Self)
    }

    /// Whether all bits are zero.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        matches!(self.0, [0, 0, 0, 0, 0, 0])
    }
}

impl fmt::Display for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, octet) in self.0.iter().enumerate() {
            let colon = if at == 0 { "" } else { ":" };
            write!(f, "{colon}{octet:02x}")?;
        }
        Ok(())
    }
}

impl FromStr for MacAddr {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let wrong = || ValueError(format!("`{text}` is not a MAC address such as 02:00:00:00:00:58"));
        let mut octets = [0_u8; 6];
        let mut parts = text.split(':');
        for octet in &mut octets {
            let part = parts.next().filter(|part| part.len() == 2).ok_or_else(wrong)?;
            if !part.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                return Err(wrong());
            }
            *octet = u8::from_str_radix(part, 16).map_err(|_| wrong())?;
        }
        if parts.next().is_some() { Err(wrong()) } else { Ok(Self(octets)) }
    }
}

serde_as_text!(MacAddr, { "type": "string", "pattern": "^([0-9a-f]{2}:){5}[0-9a-f]{2}$" });

/// The name of a devlink instance as the kernel writes it: `BUS/DEVICE`, for example `pci/0000:08:00.0` or `subdev/nic0`
/// (`DEVLINK_ATTR_BUS_NAME`, `DEVLINK_ATTR_DEV_NAME`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DevlinkHandle {
    // Every subject has one: to copy it is no work.
    bus: Arc<str>,
    device: Arc<str>,
}

impl DevlinkHandle {
    /// Puts a handle together from its two parts, as netlink messages carry them.
    pub fn new(bus: impl Into<Arc<str>>, device: impl Into<Arc<str>>) -> Self {
        Self { bus: bus.into(), device: device.into() }
    }

    /// The bus: `pci`, `auxiliary`, `mdev`, `subdev`, `netdevsim`, ...
    #[must_use]
    pub fn bus(&self) -> &str {
        &self.bus
    }

    /// The device on that bus.
    #[must_use]
    pub fn device(&self) -> &str {
        &self.device
    }
}

impl fmt::Display for DevlinkHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.bus, self.device)
    }
}

impl FromStr for DevlinkHandle {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let allowed = |part: &str| {
            !part.is_empty()
                && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".:_-".contains(&byte))
        };
        match text.split_once('/') {
            Some((bus, device)) if allowed(bus) && allowed(device) => Ok(Self::new(bus, device)),
            _ => Err(ValueError(format!(
                "`{text}` is not a devlink handle: a bus and a device, such as pci/0000:08:00.0 or subdev/nic0"
            ))),
        }
    }
}

serde_as_text!(DevlinkHandle, { "type": "string", "pattern": "^[^/]+/.+$" });

/// The name of a network interface: 1 to 15 bytes (`IFNAMSIZ` less the final NUL), without `/`, `:` and white space,
/// and neither `.` nor `..` (the kernel's `dev_valid_name`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InterfaceName(ArrayString<15>);

impl InterfaceName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for InterfaceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for InterfaceName {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        if text.is_empty() {
            return Err(ValueError("the name of a network interface has at least one byte".to_owned()));
        }
        if text == "." || text == ".." {
            return Err(ValueError(format!("`{text}` cannot be the name of a network interface")));
        }
        let Ok(name) = ArrayString::from(text) else {
            let length = text.len();
            return Err(ValueError(format!("`{text}` has {length} bytes; the kernel takes at most 15")));
        };
        if text.chars().any(|c| c == '/' || c == ':' || c.is_whitespace() || c.is_control()) {
            return Err(ValueError(format!("`{text}` holds a character that interface names cannot have")));
        }
        Ok(Self(name))
    }
}

serde_as_text!(InterfaceName, { "type": "string", "minLength": 1, "maxLength": 15 });

/// A transmit rate in bytes per second, devlink's unit (`DEVLINK_ATTR_RATE_TX_MAX`); 0 is no limit, or no share.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rate(pub u64);

impl Rate {
    /// The units that files write, with how many bits per second each is. Decimal, as link speeds are.
    const UNITS: [(&'static str, u64); 10] = [
        ("Tbit", 1_000_000_000_000),
        ("Gbit", 1_000_000_000),
        ("Mbit", 1_000_000),
        ("kbit", 1_000),
        ("bit", 1),
        ("TBps", 8_000_000_000_000),
        ("GBps", 8_000_000_000),
        ("MBps", 8_000_000),
        ("kBps", 8_000),
        ("Bps", 8),
    ];
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("none");
        }
        let bits = u128::from(self.0) * 8;
        for (unit, size) in Self::UNITS.into_iter().take(5) {
            let size = u128::from(size);
            if bits >= size && (bits * 1000).is_multiple_of(size) {
                let thousandths = bits * 1000 / size;
                let (whole, rest) = (thousandths / 1000, thousandths % 1000);
                let fraction = if rest == 0 { String::new() } else { format!(".{rest:03}") };
                return write!(f, "{whole}{}{unit}", fraction.trim_end_matches('0'));
            }
        }
        write!(f, "{}Bps", self.0)
    }
}

impl FromStr for Rate {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let wrong = || ValueError(format!("`{text}` is not a rate such as 10Gbit, 800Mbit or 100MBps"));
        if text == "none" {
            return Ok(Self(0));
        }
        let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let (_, size) = Self::UNITS.into_iter().find(|(name, _)| *name == unit).ok_or_else(wrong)?;
        let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
        // No link is so exact, and more would be out of range below.
        if whole.is_empty() || fraction.is_empty() || whole.len() > 9 || fraction.len() > 9 {
            return Err(wrong());
        }
        let scale = 10_u128.pow(u32::try_from(fraction.len()).map_err(|_| wrong())?);
        let whole: u128 = whole.parse().map_err(|_| wrong())?;
        let fraction: u128 = fraction.parse().map_err(|_| wrong())?;
        let scaled = (whole * scale + fraction) * u128::from(size);
        if scaled == 0 {
            return Err(ValueError(format!("`{text}` would let nothing through; no limit is `none`")));
        }
        if !scaled.is_multiple_of(8 * scale) {
            return Err(ValueError(format!("`{text}` is no whole number of bytes per second")));
        }
        u64::try_from(scaled / (8 * scale)).map(Self).map_err(|_| wrong())
    }
}

serde_as_text!(Rate, { "type": "string", "pattern": "^(none|[0-9]+(\\.[0-9]+)?([TGMk]?bit|[TGMk]?Bps))$" });

/// Declares an enum whose variants are words of the language and of the kernel at the same time.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident, $what:literal { $($(#[$variant_meta:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$variant_meta])* $variant,)+ }

        impl $name {
            /// Every value, in the order of the kernel's own enumeration.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word as host files, devlink and JSON write it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = ValueError;

            fn from_str(text: &str) -> Result<Self, ValueError> {
                match text {
                    $($word => Ok(Self::$variant),)+
                    _ => Err(ValueError(format!(
                        "`{text}` is not {}: {}", $what, [$($word),+].join(", ")
                    ))),
                }
            }
        }

        serde_as_text!($name, { "type": "string", "enum": [$($word),+] });
    };
}

words!(
    /// `DEVLINK_ATTR_ESWITCH_MODE`.
    EswitchMode, "an eswitch mode" {
        /// Functions are switched inside the device; no representors.
        Legacy = "legacy",
        /// Every function has a representor netdev on the parent.
        Switchdev = "switchdev",
    }
);

words!(
    /// `DEVLINK_ATTR_ESWITCH_INLINE_MODE`: how much of a packet's headers the device wants in the descriptor.
    InlineMode, "an eswitch inline mode" {
        /// Nothing.
        None = "none",
        /// Up to layer 2.
        Link = "link",
        /// Up to layer 3.
        Network = "network",
        /// Up to layer 4.
        Transport = "transport",
    }
);

words!(
    /// `DEVLINK_ATTR_ESWITCH_ENCAP_MODE`: whether the eswitch offloads tunnel encapsulation.
    EncapMode, "an eswitch encap mode" {
        /// Off.
        None = "none",
        /// On.
        Basic = "basic",
    }
);

words!(
    /// What a bridge is made of.
    BridgeKind, "a kind of bridge" {
        /// The kernel's own bridge.
        Linux = "linux",
        /// An Open vSwitch bridge.
        Ovs = "ovs",
    }
);

words!(
    /// Who manages a function once it is there.
    Owner, "an owner" {
        /// libvirt: the driver, and the MAC address.
        Libvirt = "libvirt",
        /// A CNI plugin: the netdev's name, namespace, MTU, administrative state and MAC address.
        Cni = "cni",
        /// OVN: the representor's bridge and administrative state.
        Ovn = "ovn",
    }
);

impl Owner {
    /// The attributes that it manages, as addresses name them below a subdevice.
    #[must_use]
    pub const fn manages(self) -> &'static [&'static str] {
        match self {
            Self::Libvirt => &["bind", "function.mac", "legacy.mac"],
            Self::Cni => &["netdev.name", "netdev.mtu", "netdev.up", "function.mac"],
            Self::Ovn => &["representor.bridge", "representor.up"],
        }
    }

    /// Whether the function's netdev is the owner's, so that nobody else is to configure it.
    #[must_use]
    pub const fn has_netdev(self) -> bool {
        match self {
            Self::Libvirt | Self::Cni => true,
            Self::Ovn => false,
        }
    }
}

words!(
    /// The protocol of a VLAN tag (`IFLA_VF_VLAN_PROTO`).
    VlanProtocol, "a VLAN protocol" {
        /// A customer's tag, 0x8100.
        Dot1q = "802.1q",
        /// A service tag, 0x88a8.
        Dot1ad = "802.1ad",
    }
);

words!(
    /// The link that a VF sees (`IFLA_VF_LINK_STATE`).
    LinkState, "a link state" {
        /// As the uplink's.
        Auto = "auto",
        /// Always up.
        Enable = "enable",
        /// Always down.
        Disable = "disable",
    }
);

words!(
    /// When a devlink parameter takes effect (`enum devlink_param_cmode`).
    Cmode, "a configuration mode" {
        /// At once.
        Runtime = "runtime",
        /// When the driver initialises: at the next reload of the instance.
        Driverinit = "driverinit",
        /// Written to non-volatile memory; in force after a power cycle.
        Permanent = "permanent",
    }
);

words!(
    /// The wire type of a devlink parameter (`enum devlink_param_type`).
    ParamType, "a parameter type" {
        /// 8 bits, unsigned.
        U8 = "u8",
        /// 16 bits, unsigned.
        U16 = "u16",
        /// 32 bits, unsigned.
        U32 = "u32",
        /// 64 bits, unsigned (newer kernels).
        U64 = "u64",
        /// At most 31 bytes (`__DEVLINK_PARAM_MAX_STRING_VALUE` less the final NUL).
        String = "string",
        /// A flag: present is true, absent is false.
        Bool = "bool",
    }
);

impl ParamType {
    /// The largest number of this type; `None` for strings and booleans.
    #[must_use]
    pub const fn max_number(self) -> Option<u64> {
        match self {
            Self::U8 => Some(u8::MAX as u64),
            Self::U16 => Some(u16::MAX as u64),
            Self::U32 => Some(u32::MAX as u64),
            Self::U64 => Some(u64::MAX),
            Self::String | Self::Bool => None,
        }
    }
}

/// The value of an attribute or parameter as files, plans and states write it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Scalar {
    /// A boolean.
    Bool(bool),
    /// An unsigned number.
    Number(u64),
    /// A word or text.
    Text(String),
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(value) => write!(f, "{value}"),
            Self::Number(value) => write!(f, "{value}"),
            Self::Text(value) => f.write_str(value),
        }
    }
}

impl From<bool> for Scalar {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<u32> for Scalar {
    fn from(value: u32) -> Self {
        Self::Number(value.into())
    }
}

impl From<String> for Scalar {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}
