//! What the reconciler acts on: subjects, their attributes, and the values these take. One vocabulary serves the
//! observed state, the desired state, the plan and the record.

mod attribute;
mod legacy;
mod port;
mod settings;
mod switch;
mod uplink;
mod vdpa;

use std::fmt;

use schemars::JsonSchema;
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer, Serialize};
use subdevcfg_compiler::model::Lifecycle;
use subdevcfg_compiler::values::DevlinkHandle;
use uuid::Uuid;

pub use attribute::{Attribute, Capability, Setting, Side};
pub use legacy::{Legacy, LegacySetting};
pub use port::{VlanFlags, Vlans};
pub use settings::Settings;
pub use switch::{BridgeName, OvsVlans, PortVlans, VlanMode};
pub use uplink::{UplinkAttribute, UplinkSetting};
pub use vdpa::{VdpaAttribute, VdpaConfig, VdpaSetting};

/// The identity of a function below its parent. It never changes; another identity is another function.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
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
    /// A PCI VF.
    Vf {
        /// Controller number; 0 is the local one.
        controller: u32,
        /// PF number.
        pf: u32,
        /// Index, from 0.
        index: u32,
    },
    /// A PCI PF of the other side of a DPU.
    Pf {
        /// Controller number of that side.
        controller: u32,
        /// PF number.
        pf: u32,
    },
}

impl FunctionId {
    /// The identity that a host file gives. Who makes a VF is no part of it: devlink names those of the other side by
    /// their controller. What a VF carries is a function of its own.
    #[must_use]
    pub const fn of(lifecycle: &Lifecycle) -> Self {
        match lifecycle {
            &Lifecycle::Sf { controller, pf, number } => Self::Sf { controller, pf, number },
            Lifecycle::Mdev(mdev) => Self::Mdev { uuid: mdev.uuid },
            &Lifecycle::Vf { controller, pf, index, .. }
            | &Lifecycle::External { controller, pf, vf: Some(index) } => Self::Vf { controller, pf, index },
            &Lifecycle::External { controller, pf, vf: None } => Self::Pf { controller, pf },
        }
    }

    /// Whether this is a mediated device.
    #[must_use]
    pub const fn is_mdev(&self) -> bool {
        matches!(self, Self::Mdev { .. })
    }

    /// Whether this is a PCI function: never made or deleted by itself, but with all others of its parent, or by the other
    /// side.
    #[must_use]
    pub const fn is_pci(&self) -> bool {
        matches!(self, Self::Vf { .. } | Self::Pf { .. })
    }

    /// Whether another host makes it and takes it away, as the one that a DPU is in.
    #[must_use]
    pub const fn is_made_elsewhere(&self) -> bool {
        matches!(self, Self::Vf { controller: 1.., .. } | Self::Pf { .. })
    }

    /// Whether this is a function of another host: what runs it is not here, whoever makes it. Of subfunctions that is
    /// this host (`mlx5_sf_new_check_attr`, sf/devlink.c: the system of a DPU itself).
    #[must_use]
    pub const fn is_of_other_host(&self) -> bool {
        self.is_made_elsewhere() || matches!(self, Self::Sf { controller: 1.., .. })
    }

    /// The controller whose host has it; 0 is this one.
    #[must_use]
    pub const fn controller(&self) -> u32 {
        match self {
            Self::Sf { controller, .. } | Self::Vf { controller, .. } | Self::Pf { controller, .. } => {
                *controller
            }
            Self::Mdev { .. } => 0,
        }
    }

    /// The VF of this index of the PF that a parent is. On PCI the PF's number is that of the function, as mlx5
    /// (`mlx5_get_dev_index`) and others give it to their ports.
    #[must_use]
    pub fn local_vf(parent: &DevlinkHandle, index: u32) -> Self {
        let function = parent.device().rsplit('.').next().filter(|_| parent.bus() == "pci");
        let pf = function.and_then(|digit| u32::from_str_radix(digit, 16).ok()).unwrap_or(0);
        Self::Vf { controller: 0, pf, index }
    }

    /// The index, of a VF of this host.
    #[must_use]
    pub const fn vf_index(&self) -> Option<u32> {
        match self {
            Self::Vf { controller: 0, index, .. } => Some(*index),
            _ => None,
        }
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
            Self::Vf { controller: 0, pf: 0, index } => write!(f, "vf {index}"),
            Self::Vf { controller: 0, pf, index } => write!(f, "vf {index} of pf {pf}"),
            Self::Vf { controller, pf, index } => {
                write!(f, "vf {index} of pf {pf}, controller {controller}")
            }
            Self::Pf { controller, pf } => write!(f, "pf {pf}, controller {controller}"),
        }
    }
}

/// What has attributes: a parent device, a function on it, a node of its tree of rates, or a vDPA device of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
pub struct Subject {
    /// The parent's devlink instance.
    pub parent: DevlinkHandle,
    /// What is on the parent, unless the parent itself is meant.
    #[serde(flatten)]
    pub child: Option<Child>,
}

/// What can be on a parent.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Child {
    /// A function.
    Function(FunctionId),
    /// A node of the tree of rates, by its name (`DEVLINK_ATTR_RATE_NODE_NAME`).
    RateNode(String),
    /// A vDPA device, by its name on the bus `vdpa`: the parent is its management device.
    Vdpa(String),
    /// A bridge of the host, which is on no parent: `bridge/NAME` stands in the place of one.
    Bridge,
}

impl Subject {
    /// The parent itself.
    #[must_use]
    pub const fn parent(parent: DevlinkHandle) -> Self {
        Self { parent, child: None }
    }

    /// A function of a parent.
    #[must_use]
    pub const fn function(parent: DevlinkHandle, function: FunctionId) -> Self {
        Self { parent, child: Some(Child::Function(function)) }
    }

    /// A rate node of a parent.
    #[must_use]
    pub const fn rate_node(parent: DevlinkHandle, name: String) -> Self {
        Self { parent, child: Some(Child::RateNode(name)) }
    }

    /// A vDPA device of a parent.
    #[must_use]
    pub const fn vdpa(parent: DevlinkHandle, name: String) -> Self {
        Self { parent, child: Some(Child::Vdpa(name)) }
    }

    /// A bridge of the host.
    #[must_use]
    pub fn bridge(name: &str) -> Self {
        Self { parent: DevlinkHandle::new("bridge", name), child: Some(Child::Bridge) }
    }

    /// The name of the bridge, if it is one.
    #[must_use]
    pub fn bridge_name(&self) -> Option<&str> {
        matches!(self.child, Some(Child::Bridge)).then(|| self.parent.device())
    }

    /// Whether it is a parent itself.
    #[must_use]
    pub const fn is_parent(&self) -> bool {
        self.child.is_none()
    }

    /// The function, if it is one.
    #[must_use]
    pub const fn function_id(&self) -> Option<&FunctionId> {
        match &self.child {
            Some(Child::Function(id)) => Some(id),
            _ => None,
        }
    }

    /// An attribute of this subject, as addresses name it: below a function the node of the language stands before it,
    /// and a rate node has none but its own.
    #[must_use]
    pub fn attribute_path(&self, attribute: &Attribute) -> String {
        let path = attribute.part().to_string();
        match (self.rate_node_name(), path.strip_prefix("rate.")) {
            (Some(_), Some(word)) => word.to_owned(),
            _ => path,
        }
    }

    /// The name of the vDPA device, if it is one.
    #[must_use]
    pub fn vdpa_name(&self) -> Option<&str> {
        match &self.child {
            Some(Child::Vdpa(name)) => Some(name),
            _ => None,
        }
    }

    /// The address of an attribute of this subject, which has this address. That of a mediated device that a VF carries
    /// ends with its node already (`#g0.mdev`), and so do its attributes' (`#g0.mdev.attr[...]`).
    #[must_use]
    pub fn attribute_address(&self, address: &str, attribute: &Attribute) -> String {
        let path = self.attribute_path(attribute);
        let below = path.strip_prefix("mdev.").filter(|_| address.strip_suffix(".mdev").is_some());
        format!("{address}.{}", below.unwrap_or(&path))
    }

    /// The name of the rate node, if it is one.
    #[must_use]
    pub fn rate_node_name(&self) -> Option<&str> {
        match &self.child {
            Some(Child::RateNode(name)) => Some(name),
            _ => None,
        }
    }
}

/// A subject as it is written, one field for each [`Child`]: read as a flattened enum, each would be kept whole as a value
/// first, and a record has thousands.
#[derive(Deserialize)]
struct SubjectFields {
    parent: DevlinkHandle,
    function: Option<FunctionId>,
    rate_node: Option<String>,
    vdpa: Option<String>,
    #[serde(default, deserialize_with = "is_there")]
    bridge: bool,
}

/// That a field is there says it all.
fn is_there<'de, D: Deserializer<'de>>(text: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(text).map(|_| true)
}

impl<'de> Deserialize<'de> for Subject {
    fn deserialize<D: Deserializer<'de>>(text: D) -> Result<Self, D::Error> {
        let SubjectFields { parent, function, rate_node, vdpa, bridge } = SubjectFields::deserialize(text)?;
        let child = function
            .map(Child::Function)
            .or_else(|| rate_node.map(Child::RateNode))
            .or_else(|| vdpa.map(Child::Vdpa))
            .or_else(|| bridge.then_some(Child::Bridge));
        Ok(Self { parent, child })
    }
}

impl fmt::Display for Child {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Function(id) => write!(f, "{id}"),
            Self::RateNode(name) => write!(f, "rate node {name}"),
            Self::Vdpa(name) => write!(f, "vdpa {name}"),
            Self::Bridge => f.write_str("bridge"),
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.child {
            None => write!(f, "{}", self.parent),
            Some(Child::Bridge) => write!(f, "bridge {}", self.parent.device()),
            Some(child) => write!(f, "{} {child}", self.parent),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_subject_is_read_as_it_was_written() {
        let nic0 = DevlinkHandle::new("subdev", "nic0");
        let functions = [
            FunctionId::Sf { controller: 0, pf: 0, number: 7 },
            FunctionId::Mdev { uuid: Uuid::from_u128(7) },
            FunctionId::Vf { controller: 1, pf: 0, index: 3 },
            FunctionId::Pf { controller: 1, pf: 0 },
        ];
        let subjects = functions.map(|id| Subject::function(nic0.clone(), id)).into_iter().chain([
            Subject::parent(nic0.clone()),
            Subject::rate_node(nic0.clone(), "gold".to_owned()),
            Subject::vdpa(nic0.clone(), "vdpa0".to_owned()),
            Subject::bridge("br0"),
        ]);
        for subject in subjects {
            let text = serde_json::to_string(&subject).unwrap();
            assert_eq!(serde_json::from_str::<Subject>(&text).unwrap(), subject, "{text}");
        }
        let damaged = r#"{"parent":"subdev/nic0","function":{"sf":{"number":7}}}"#;
        assert!(serde_json::from_str::<Subject>(damaged).is_err());
    }
}
