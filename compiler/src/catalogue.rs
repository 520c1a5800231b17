//! What is known of a driver, as data: one file a driver in `schemas/drivers/`. The compiler checks host files against
//! it, the reconciler takes orders and prices from it. No code asks for a driver by name.

mod own;
mod page;
mod read;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::values::{Cmode, EswitchMode, ParamType, Scalar};

pub(crate) use own::Known;
pub use own::Unreadable;

/// One driver's catalogue.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Catalogue {
    /// The driver's name as devlink info reports it.
    pub driver: String,
    /// The bus whose devices this driver makes from nothing (soft parents); `None` for hardware.
    pub soft_bus: Option<String>,
    /// The bus whose devices are all this driver's, but made by other means than `create`.
    pub bus: Option<String>,
    /// Its devices have no devlink instance.
    pub without_devlink: bool,
    /// The version of the kernel whose source a script made the catalogue from. Then only parameters are known, and
    /// that nothing else stands here means nothing.
    pub generated: Option<String>,
    /// Parameters, of the parent's instance and of the functions'.
    pub params: Vec<ParamSpec>,
    /// Attributes of a port function that the driver takes, by the words of host files (`mac`, ...), each with the value
    /// that a new function has, where the driver fixes it.
    pub function_attributes: BTreeMap<String, Option<Scalar>>,
    /// Parameters that a function needs before it has a netdev, each to be true (`enable_eth`).
    pub netdev_needs: Vec<String>,
    /// Devlink subfunctions; `None` where the driver has none.
    pub sf: Option<FunctionManners>,
    /// The devlink resource that is as large as the room for subfunctions.
    pub sf_capacity: Option<String>,
    /// Mediated devices; `None` where the driver has none.
    pub mdev: Option<FunctionManners>,
    /// The types of mediated devices of a driver whose types are fixed; empty where they are not.
    pub mdev_types: Vec<MdevTypeSpec>,
    /// What a `driver_reinit` reload of the parent takes away.
    pub reset_by_reload: BTreeSet<Reset>,
    /// Transmit rates; `None` where the driver takes none.
    pub rate: Option<RateManners>,
    /// The rate nodes that the driver makes itself; `None` where it makes none.
    pub driver_rate_nodes: Option<DriverRateNodes>,
    /// VFs; `None` where nothing is known of them.
    pub vfs: Option<VfManners>,
    /// Whether tc filters on the uplink have to be gone before the eswitch changes its mode.
    pub mode_without_filters: bool,
    /// What a user should know and no other word says, a sentence or two each.
    pub quirks: Vec<String>,
    /// Where each fact but the parameters is known from, by its node (`sf`, `function-attribute mac`); a quirk by its
    /// text.
    pub sources: BTreeMap<String, String>,
}

/// A type of mediated devices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MdevTypeSpec {
    /// The directory under `mdev_supported_types`.
    pub directory: String,
    /// The content of the `name` file in it; `None` where it is not known.
    pub name: Option<String>,
    /// How many places of the parent's pool one of them takes.
    pub places: u32,
}

/// How transmit rates behave under a driver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "a word each that a driver takes or not")]
pub struct RateManners {
    /// What a rate is a multiple of, in bytes a second; anything else is refused or rounded.
    pub granularity: u64,
    /// Whether it takes `tx-max`.
    pub tx_max: bool,
    /// Whether it takes `tx-share`.
    pub tx_share: bool,
    /// Whether it takes `tx-priority`.
    pub tx_priority: bool,
    /// Whether it takes `tx-weight`.
    pub tx_weight: bool,
    /// Whether users can make rate nodes.
    pub nodes: bool,
    /// Whether a rate node can be below another one.
    pub nested: bool,
    /// Whether subfunctions have rates, as VFs do.
    pub of_sfs: bool,
}

/// Rate nodes that a driver makes itself. They come with the first representor; with the last one all rate nodes go,
/// whoever made them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DriverRateNodes {
    /// What their names begin with.
    pub prefix: String,
    /// The one that all others are below.
    pub root: String,
}

/// How VFs and the eswitch mode go together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "a fact each")]
pub struct VfManners {
    /// Whether VFs are made before the switch of the mode; else after it.
    pub before_mode: bool,
    /// Whether the mode can change while there are VFs.
    pub mode_with_vfs: bool,
    /// Whether the eswitch is back in legacy mode when the number of VFs is set to 0.
    pub mode_ends_with_vfs: bool,
    /// Whether all rate nodes go when the number of VFs is set to 0.
    pub nodes_end_with_vfs: bool,
}

/// How functions of one kind behave under a driver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FunctionManners {
    /// When the function's own devlink instance exists, and so when its params are written.
    pub params_before: ParamsBefore,
    /// Whether these functions need the parent in switchdev mode.
    pub needs_switchdev: bool,
    /// Smallest and largest number of a function that a user may choose.
    pub numbers: (u32, u32),
    /// Functions with this number and above can be another program's, on some of the driver's devices.
    pub reserved_from: Option<u32>,
}

impl FunctionManners {
    /// Whether a function with this number can be another program's, so that nobody may take it for left over.
    #[must_use]
    pub fn is_reserved(&self, number: u32) -> bool {
        let (first, last) = self.numbers;
        !(first..=last).contains(&number) || self.reserved_from.is_some_and(|from| number >= from)
    }
}

/// The two sequences in which drivers let a function's params be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParamsBefore {
    /// The instance exists from creation on: create, attributes, params, reload of the inactive instance, activate.
    Activation,
    /// The instance is made by activation: create, attributes, activate, params, one reload.
    Use,
}

/// What a reload of the parent can take away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reset {
    /// The eswitch is in legacy mode afterwards.
    EswitchMode,
    /// Subfunctions are gone.
    Sfs,
    /// There are no VFs any more.
    Vfs,
    /// Limits and the state of the link that the PF has set for VFs are gone.
    VfLimits,
    /// Mediated devices stay, inactive.
    MdevState,
    /// Rate nodes and the leaf settings are gone.
    Rates,
    /// The uplink has a new network interface.
    Uplink,
    /// Attributes of port functions are back at their defaults.
    FunctionAttrs,
}

/// One devlink parameter of a driver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParamSpec {
    /// Its name.
    pub name: String,
    /// Whose instance has it.
    pub owner: ParamOwner,
    /// Its wire type.
    pub value_type: ParamType,
    /// The cmodes it can be written with; a host file may leave out `cmode=` when there is one.
    pub cmodes: Vec<Cmode>,
    /// Smallest and largest number, where the driver bounds it.
    pub range: Option<(u64, u64)>,
    /// The words a string parameter takes, where the driver lists them.
    pub words: Vec<String>,
    /// The value that a new instance has, where the driver fixes it.
    pub default: Option<Scalar>,
    /// That value for mediated devices of a type that has another one.
    pub type_defaults: BTreeMap<String, Scalar>,
    /// Price of a change in cmode runtime; unknown is [`Impact::ParentWide`].
    pub impact: Option<Impact>,
    /// The eswitch mode that it can be written in; `None` where it is the same to the driver.
    pub only_in: Option<EswitchMode>,
    /// Whether the parent cannot be reloaded while it is true.
    pub blocks_reload: bool,
    /// The kernel that it came with, as `>=6.18`; `None` where it is older than what is asked here.
    pub kernel: Option<String>,
    /// One sentence for people.
    pub doc: String,
    /// Where this is known from.
    pub source: String,
}

/// Whose devlink instance a parameter is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ParamOwner {
    /// The parent's.
    Parent,
    /// A function's own.
    Function,
}

/// What somebody who uses the host now would feel, on objects that exist before the apply; in rising order.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Impact {
    /// Nothing.
    #[default]
    None,
    /// Frames of one port may be delayed, dropped or treated otherwise.
    Traffic,
    /// One subdevice is stopped and started.
    SubdeviceRestart,
    /// One subdevice is deleted and made again.
    SubdeviceReplace,
    /// One subdevice is gone.
    SubdeviceDelete,
    /// Everything on a parent is disturbed.
    ParentWide,
}

impl Impact {
    /// Every level, in rising order.
    pub const ALL: &'static [Self] = &[
        Self::None,
        Self::Traffic,
        Self::SubdeviceRestart,
        Self::SubdeviceReplace,
        Self::SubdeviceDelete,
        Self::ParentWide,
    ];

    /// The word of the scale, as `--allow` takes it and plans print it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Traffic => "traffic",
            Self::SubdeviceRestart => "subdevice-restart",
            Self::SubdeviceReplace => "subdevice-replace",
            Self::SubdeviceDelete => "subdevice-delete",
            Self::ParentWide => "parent-wide",
        }
    }
}

impl fmt::Display for Impact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Catalogue {
    /// Whether the driver makes the rate node of that name itself.
    #[must_use]
    pub fn makes_rate_node(&self, name: &str) -> bool {
        self.driver_rate_nodes.as_ref().is_some_and(|nodes| name.starts_with(&nodes.prefix))
    }

    /// The parameter of that name on that owner's instance.
    #[must_use]
    pub fn param(&self, owner: ParamOwner, name: &str) -> Option<&ParamSpec> {
        self.params.iter().find(|spec| spec.owner == owner && spec.name == name)
    }
}
