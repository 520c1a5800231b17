//! The attribute rules: for each attribute, where in the order its writing stands, what it needs, and what a change of
//! it costs somebody who uses the host now. This table, refined by the drivers' catalogues, is the only place where
//! order and price are decided. The simulated kernel does not read it.
//!
//! Sources: port function attributes before enumeration
//! (Documentation/networking/devlink/devlink-port.rst), driverinit params at reload (devlink-params.rst), eswitch mode
//! without functions (mlx5 deletes SFs, the bundled module refuses), renaming a running interface since Linux 6.2
//! (commit bd039b5ea2a9).

use subdevcfg_compiler::catalogue::{Catalogue, Impact, ParamOwner};
use subdevcfg_compiler::values::{Cmode, EswitchMode};

use crate::resource::{Attribute, Setting, Subject};

/// The places in the order of operations on one parent, first to last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// A representor leaves Open vSwitch, which knows its ports by their names: before the name changes or goes.
    LeaveSwitch,
    /// Functions that go are stopped.
    StopRemoved,
    /// Functions that go are deleted: their numbers, names and places in the pool are free for what follows.
    Remove,
    /// Rate nodes go that a switch of the mode would trip over.
    ClearRateNode,
    /// VFs go: another number of them, and some changes of the parent, begin with none.
    RemoveVfs,
    /// Soft parents that go, go.
    RemoveParent,
    /// Soft parents that come, come.
    MakeParent,
    /// The eswitch goes to legacy mode for a while, for what can be done there only.
    LeaveMode,
    /// Parameters of the parent. Before the mode: mlx5 takes `flow_steering_mode` only in legacy mode.
    ParentParam,
    /// One reload for all of them.
    ParentReload,
    /// VFs come before the eswitch mode, where the driver wants it so.
    EarlyVfs,
    /// Eswitch attributes.
    Eswitch,
    /// Parameters of the parent that there are in switchdev mode only.
    ModeParam,
    /// The uplink, before anything on the parent depends on it.
    Uplink,
    /// VFs come.
    Vfs,
    /// Rate nodes are made, and get their limits and their places in the tree: one after the other, from the top down.
    RateNode,
    /// A function is made.
    Create,
    /// A function is stopped because something on it changes only then.
    Stop,
    /// Attributes of the device itself, before anybody uses it.
    DeviceAttribute,
    /// Attributes of the port function.
    FunctionAttribute,
    /// Parameters of functions whose instance exists before activation.
    EarlyParam,
    /// One reload for all of them.
    EarlyReload,
    /// The function is started.
    Activate,
    /// Parameters of functions whose instance is made by activation.
    LateParam,
    /// One reload for all of them.
    LateReload,
    /// A vDPA device that goes, goes: before anything that its management device goes with.
    RemoveVdpa,
    /// A vDPA device is made, once its management device is there for good.
    MakeVdpa,
    /// It is bound to the driver that is chosen for it.
    VdpaDriver,
    /// An interface is set down because something on it changes only then.
    InterfaceDown,
    /// An interface gets its name.
    InterfaceName,
    /// The other attributes of an interface.
    InterfaceAttribute,
    /// A representor becomes a port of a bridge, or of none.
    BridgePort,
    /// It becomes a port of Open vSwitch, when it is one of nothing else.
    SwitchPort,
    /// VLANs of the port: a new one begins with those that the bridge gives.
    PortVlans,
    /// An interface is set up, or down for good.
    InterfaceUp,
    /// Bridges are changed.
    Bridge,
    /// Rate nodes that nothing is below any more are deleted.
    RemoveRateNode,
}

/// What the kernel demands of the moment in which an attribute is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// Nothing.
    Nothing,
    /// The function is inactive.
    InactiveFunction,
    /// A reload of the instance afterwards.
    Reload,
    /// The vDPA device is made with it.
    NewVdpa,
    /// There is no function on the parent.
    NoFunctions,
    /// The interface is down, on kernels before this one (major, minor).
    InterfaceDownBefore(u32, u32),
}

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// Where in the order.
    pub stage: Stage,
    /// What it needs.
    pub needs: Needs,
    /// The price of a change on something that is in use.
    pub impact: Impact,
    /// The kernel's rule in words, where it forces other steps.
    pub because: &'static str,
}

const fn rule(stage: Stage, needs: Needs, impact: Impact, because: &'static str) -> Rule {
    Rule { stage, needs, impact, because }
}

/// The row for an attribute.
#[must_use]
pub fn for_attribute(subject: &Subject, attribute: &Attribute, catalogue: Option<&Catalogue>) -> Rule {
    match attribute {
        Attribute::EswitchMode => rule(
            Stage::Eswitch,
            Needs::NoFunctions,
            Impact::ParentWide,
            "the eswitch mode changes only without functions",
        ),
        Attribute::InlineMode | Attribute::EncapMode => {
            rule(Stage::Eswitch, Needs::Nothing, Impact::ParentWide, "")
        }
        Attribute::Vfs => rule(Stage::Vfs, Needs::Nothing, Impact::ParentWide, ""),
        Attribute::Vdpa(_) => rule(
            Stage::MakeVdpa,
            Needs::NewVdpa,
            Impact::SubdeviceReplace,
            "nothing of a vDPA device but its driver changes: it is made again",
        ),
        Attribute::Bind if subject.vdpa_name().is_some() => {
            rule(Stage::VdpaDriver, Needs::Nothing, Impact::SubdeviceRestart, "")
        }
        Attribute::Bind => rule(
            Stage::FunctionAttribute,
            Needs::InactiveFunction,
            Impact::SubdeviceRestart,
            "the driver of a device is chosen when it is bound",
        ),
        // What the PF sets for a VF; that its driver sees it when it is bound is no rule of the kernel's.
        Attribute::Legacy(_) => rule(Stage::FunctionAttribute, Needs::Nothing, Impact::Traffic, ""),
        Attribute::Uplink(_) => rule(Stage::Uplink, Needs::Nothing, Impact::ParentWide, ""),
        // What a driver makes of it on a device that runs, nobody knows.
        Attribute::Device(..) => rule(Stage::DeviceAttribute, Needs::Nothing, Impact::SubdeviceRestart, ""),
        Attribute::Mac => rule(
            Stage::FunctionAttribute,
            Needs::InactiveFunction,
            Impact::SubdeviceRestart,
            "a port function's MAC is written while the function is inactive",
        ),
        Attribute::Capability(_) | Attribute::MaxIoEqs => rule(
            Stage::FunctionAttribute,
            Needs::InactiveFunction,
            Impact::SubdeviceRestart,
            "a port function's attributes are in force when it is started",
        ),
        // On the leaf of the port: whether the function runs makes no difference.
        Attribute::RateParent
        | Attribute::TxShare
        | Attribute::TxMax
        | Attribute::TxPriority
        | Attribute::TxWeight => {
            let stage =
                if subject.rate_node_name().is_some() { Stage::RateNode } else { Stage::FunctionAttribute };
            rule(stage, Needs::Nothing, Impact::Traffic, "")
        }
        Attribute::Param(name, cmode) => param(subject, name, *cmode, catalogue),
        Attribute::Name(_) => rule(
            Stage::InterfaceName,
            Needs::InterfaceDownBefore(6, 2),
            Impact::Traffic,
            "kernels before 6.2 rename an interface only while it is down",
        ),
        Attribute::VlanFiltering => rule(Stage::Bridge, Needs::Nothing, Impact::Traffic, ""),
        Attribute::Bridge => rule(Stage::BridgePort, Needs::Nothing, Impact::Traffic, ""),
        Attribute::Vlans => rule(Stage::PortVlans, Needs::Nothing, Impact::Traffic, ""),
        Attribute::Mtu(_) => rule(Stage::InterfaceAttribute, Needs::Nothing, Impact::Traffic, ""),
        Attribute::Up(_) => rule(Stage::InterfaceUp, Needs::Nothing, Impact::Traffic, ""),
    }
}

fn param(subject: &Subject, name: &str, cmode: Cmode, catalogue: Option<&Catalogue>) -> Rule {
    let owner = if subject.function_id().is_some() { ParamOwner::Function } else { ParamOwner::Parent };
    let stage = match owner {
        ParamOwner::Parent => match catalogue.and_then(|catalogue| catalogue.param(owner, name)?.only_in) {
            Some(EswitchMode::Switchdev) => Stage::ModeParam,
            _ => Stage::ParentParam,
        },
        // Of a function whose instance exists before activation, `plan/function.rs` takes the early stage.
        ParamOwner::Function => Stage::LateParam,
    };
    match cmode {
        Cmode::Driverinit => rule(
            stage,
            Needs::Reload,
            match owner {
                ParamOwner::Parent => Impact::ParentWide,
                ParamOwner::Function => Impact::SubdeviceRestart,
            },
            "driverinit parameters come into force at a reload of the instance",
        ),
        Cmode::Permanent => rule(stage, Needs::Nothing, Impact::None, ""),
        Cmode::Runtime => {
            let known = catalogue.and_then(|catalogue| catalogue.param(owner, name));
            let impact = known.and_then(|spec| spec.impact).unwrap_or(Impact::ParentWide);
            rule(stage, Needs::Nothing, impact, "")
        }
    }
}

/// The step between two places in the tree of rates, on kernels that have no way from one node to another: before 6.2
/// that was `EBUSY` (`devlink_nl_rate_parent_node_set`).
#[must_use]
pub fn between_rate_nodes(release: &str, from: Option<&Setting>, to: &Setting) -> Option<Setting> {
    let is_below = |setting: &Setting| matches!(setting, Setting::RateParent(Some(_)));
    let moves = from.is_some_and(is_below) && is_below(to);
    (moves && kernel_is_before(release, 6, 2)).then_some(Setting::RateParent(None))
}

/// Why that step is taken.
pub const BETWEEN_RATE_NODES: &str =
    "kernels before 6.2 move nothing from one rate node to another in one go";

/// The kernel that an attribute came with, where it is newer than the oldest that is supported: capabilities with commit
/// da65e9ff3bf6, `max_io_eqs` with 5af3e3876d56.
#[must_use]
pub const fn since(attribute: &Attribute) -> Option<(u32, u32)> {
    match attribute {
        Attribute::Capability(_) | Attribute::TxPriority | Attribute::TxWeight => Some((6, 2)),
        Attribute::MaxIoEqs => Some((6, 10)),
        _ => None,
    }
}

/// A new Ethernet interface's MTU (the kernel's `ether_setup`: `ETH_DATA_LEN`).
pub const NEW_INTERFACE_MTU: u32 = 1500;

/// The price of stopping and starting one function.
pub const RESTART: Impact = Impact::SubdeviceRestart;
/// The price of a function that is deleted and made again.
pub const REPLACE: Impact = Impact::SubdeviceReplace;
/// The price of a function that goes.
pub const DELETE: Impact = Impact::SubdeviceDelete;
/// The price of what takes a whole parent.
pub const PARENT: Impact = Impact::ParentWide;

/// Whether a kernel of this release (`uname -r`) is older than major.minor. An unreadable release counts as old.
#[must_use]
pub fn kernel_is_before(release: &str, major: u32, minor: u32) -> bool {
    let mut numbers =
        release.split(|c: char| !c.is_ascii_digit()).map(|part| part.parse::<u32>().unwrap_or(0));
    let found = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    found < (major, minor)
}

#[cfg(test)]
mod tests {
    use super::kernel_is_before;

    #[test]
    fn releases_are_compared_by_number() {
        assert!(kernel_is_before("6.1.0-52-amd64", 6, 2));
        assert!(!kernel_is_before("6.12.117+deb12-amd64", 6, 2));
        assert!(!kernel_is_before("7.0.0", 6, 2));
        assert!(kernel_is_before("", 6, 2));
    }
}
