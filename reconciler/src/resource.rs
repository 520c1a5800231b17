//! What the reconciler acts on: subjects, their attributes, and the values these take. One vocabulary serves the
//! observed state, the desired state, the plan and the record.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use subdevcfg_compiler::address::Part;
use subdevcfg_compiler::model::Lifecycle;
use subdevcfg_compiler::values::{
    Cmode, DevlinkHandle, EncapMode, EswitchMode, InlineMode, InterfaceName, MacAddr, Rate, Scalar,
};
use uuid::Uuid;

/// The identity of a function below its parent. It never changes; another identity is another function.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FunctionId {
    /// A devlink subfunction.
    Sf {
        /// Controller number; 0 is the local one.
        controller: u32,
        /// PF number.
        pf: u32,
        /// SF number.
        number: u32,
    },
    /// A mediated device.
    Mdev {
        /// Its UUID, unique in the whole system.
        uuid: Uuid,
    },
}

impl FunctionId {
    /// The identity that a host file gives; `None` for kinds of functions that are not planned yet.
    #[must_use]
    pub const fn of(lifecycle: &Lifecycle) -> Option<Self> {
        match lifecycle {
            &Lifecycle::Sf { controller, pf, number } => Some(Self::Sf { controller, pf, number }),
            Lifecycle::Mdev(mdev) => Some(Self::Mdev { uuid: mdev.uuid }),
            Lifecycle::Vf { .. } | Lifecycle::External { .. } => None,
        }
    }

    /// Whether this is a mediated device.
    #[must_use]
    pub const fn is_mdev(&self) -> bool {
        matches!(self, Self::Mdev { .. })
    }
}

impl fmt::Display for FunctionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sf { controller: 0, pf: 0, number } => write!(f, "sf {number}"),
            Self::Sf { controller: 0, pf, number } => write!(f, "sf {number} of pf {pf}"),
            Self::Sf { controller, pf, number } => {
                write!(f, "sf {number} of pf {pf}, controller {controller}")
            }
            Self::Mdev { uuid } => write!(f, "mdev {uuid}"),
        }
    }
}

/// What has attributes: a parent device or a function on it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Subject {
    /// The parent's devlink instance.
    pub parent: DevlinkHandle,
    /// The function, unless the parent itself is meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub function: Option<FunctionId>,
}

impl Subject {
    /// The parent itself.
    #[must_use]
    pub const fn parent(parent: DevlinkHandle) -> Self {
        Self { parent, function: None }
    }

    /// A function of a parent.
    #[must_use]
    pub const fn function(parent: DevlinkHandle, function: FunctionId) -> Self {
        Self { parent, function: Some(function) }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.function {
            None => write!(f, "{}", self.parent),
            Some(function) => write!(f, "{} {function}", self.parent),
        }
    }
}

/// Which of a function's two network interfaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
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

/// The name of an attribute of a subject. The order is that in which plans list them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Attribute {
    /// Eswitch mode of a parent.
    EswitchMode,
    /// Eswitch inline mode of a parent.
    InlineMode,
    /// Eswitch encap mode of a parent.
    EncapMode,
    /// MAC address of a port function.
    Mac,
    /// Share of a function's rate leaf.
    TxShare,
    /// Limit of a function's rate leaf.
    TxMax,
    /// A devlink parameter, of the parent's or the function's instance.
    Param(String, Cmode),
    /// Name of an interface.
    Name(Side),
    /// MTU of an interface.
    Mtu(Side),
    /// Administrative state of an interface.
    Up(Side),
}

impl Attribute {
    /// The interface this is an attribute of, if it is one of an interface.
    #[must_use]
    pub const fn side(&self) -> Option<Side> {
        match self {
            Self::Name(side) | Self::Mtu(side) | Self::Up(side) => Some(*side),
            _ => None,
        }
    }

    /// The part of an address that names this attribute.
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
            Self::Mac => Part::Function(Some("mac")),
            Self::TxShare => Part::Rate(Some("tx-share")),
            Self::TxMax => Part::Rate(Some("tx-max")),
            Self::Param(name, cmode) => Part::Param(name.clone(), *cmode),
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
            Self::Mac => f.write_str("function mac"),
            Self::TxShare => f.write_str("rate tx-share"),
            Self::TxMax => f.write_str("rate tx-max"),
            Self::Name(side) => write!(f, "{} name", side.as_str()),
            Self::Mtu(side) => write!(f, "{} mtu", side.as_str()),
            Self::Up(side) => write!(f, "{} up", side.as_str()),
        }
    }
}

/// An attribute with a value: what is, or what is to be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Setting {
    /// See [`Attribute::EswitchMode`].
    EswitchMode(EswitchMode),
    /// See [`Attribute::InlineMode`].
    InlineMode(InlineMode),
    /// See [`Attribute::EncapMode`].
    EncapMode(EncapMode),
    /// See [`Attribute::Mac`].
    Mac(MacAddr),
    /// See [`Attribute::TxShare`].
    TxShare(Rate),
    /// See [`Attribute::TxMax`].
    TxMax(Rate),
    /// See [`Attribute::Param`].
    Param {
        /// Name.
        name: String,
        /// The cmode it is written with.
        cmode: Cmode,
        /// Value.
        value: Scalar,
    },
    /// See [`Attribute::Name`].
    Name(Side, InterfaceName),
    /// See [`Attribute::Mtu`].
    Mtu(Side, u32),
    /// See [`Attribute::Up`].
    Up(Side, bool),
}

impl Setting {
    /// The attribute this is a value of.
    #[must_use]
    pub fn attribute(&self) -> Attribute {
        match self {
            Self::EswitchMode(_) => Attribute::EswitchMode,
            Self::InlineMode(_) => Attribute::InlineMode,
            Self::EncapMode(_) => Attribute::EncapMode,
            Self::Mac(_) => Attribute::Mac,
            Self::TxShare(_) => Attribute::TxShare,
            Self::TxMax(_) => Attribute::TxMax,
            Self::Param { name, cmode, .. } => Attribute::Param(name.clone(), *cmode),
            Self::Name(side, _) => Attribute::Name(*side),
            Self::Mtu(side, _) => Attribute::Mtu(*side),
            Self::Up(side, _) => Attribute::Up(*side),
        }
    }

    /// The value as files, plans and JSON write it.
    #[must_use]
    pub fn value(&self) -> Scalar {
        match self {
            Self::EswitchMode(mode) => Scalar::Text(mode.to_string()),
            Self::InlineMode(mode) => Scalar::Text(mode.to_string()),
            Self::EncapMode(mode) => Scalar::Text(mode.to_string()),
            Self::Mac(mac) => Scalar::Text(mac.to_string()),
            Self::TxShare(rate) | Self::TxMax(rate) => Scalar::Text(rate.to_string()),
            Self::Param { value, .. } => value.clone(),
            Self::Name(_, name) => Scalar::Text(name.to_string()),
            Self::Mtu(_, mtu) => Scalar::from(*mtu),
            Self::Up(_, up) => Scalar::Bool(*up),
        }
    }
}

/// The attributes of one subject, each once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings(BTreeMap<Attribute, Setting>);

impl Settings {
    /// No attributes.
    #[must_use]
    pub const fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// Sets an attribute, replacing its earlier value.
    pub fn set(&mut self, setting: Setting) {
        self.0.insert(setting.attribute(), setting);
    }

    /// The value of an attribute.
    #[must_use]
    pub fn get(&self, attribute: &Attribute) -> Option<&Setting> {
        self.0.get(attribute)
    }

    /// Whether this attribute has exactly this value here.
    #[must_use]
    pub fn has(&self, setting: &Setting) -> bool {
        self.get(&setting.attribute()) == Some(setting)
    }

    /// All of them, in the order of [`Attribute`].
    pub fn iter(&self) -> impl Iterator<Item = &Setting> {
        self.0.values()
    }

    /// Keeps only what `keep` says.
    pub fn retain(&mut self, keep: impl Fn(&Attribute) -> bool) {
        self.0.retain(|attribute, _| keep(attribute));
    }
}

impl FromIterator<Setting> for Settings {
    fn from_iter<I: IntoIterator<Item = Setting>>(settings: I) -> Self {
        Self(settings.into_iter().map(|setting| (setting.attribute(), setting)).collect())
    }
}

impl Extend<Setting> for Settings {
    fn extend<I: IntoIterator<Item = Setting>>(&mut self, settings: I) {
        self.0.extend(settings.into_iter().map(|setting| (setting.attribute(), setting)));
    }
}
