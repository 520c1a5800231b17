//! The seam to the kernel: what can be asked of it, and what it answers. Two implementations: [`crate::live`] and
//! [`crate::simulated`].

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use nix::errno::Errno;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use subdevcfg_compiler::values::{DevlinkHandle, InterfaceName};
use subdevcfg_netlink::errno_words;
use uuid::Uuid;

use crate::resource::{FunctionId, OvsVlans, Setting, Subject, VdpaConfig};
use crate::state::{SoftSpec, State};

/// One request to the kernel: one message or one write to a file, where the kernel has one for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Request {
    /// Make a soft parent.
    NewParent {
        /// The handle it will have.
        handle: DevlinkHandle,
        /// How to make it.
        spec: SoftSpec,
    },
    /// Remove a soft parent with everything on it.
    DelParent {
        /// Its handle.
        handle: DevlinkHandle,
    },
    /// Make a function: `devlink port add`, or a write to an mdev type's `create`.
    Create {
        /// On which parent.
        parent: DevlinkHandle,
        /// Which.
        id: FunctionId,
        /// Of which type, for mediated devices.
        mdev_type: Option<String>,
        /// The index of the VF that is to carry it, of a mediated device that is not on the parent itself.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        on_vf: Option<u32>,
    },
    /// Remove a function.
    Delete {
        /// On which parent.
        parent: DevlinkHandle,
        /// Which.
        id: FunctionId,
    },
    /// Make a rate node, at the root and without limits: `devlink port function rate add`.
    MakeRateNode {
        /// On which parent.
        parent: DevlinkHandle,
        /// Its name.
        name: String,
    },
    /// Delete a rate node.
    DeleteRateNode {
        /// On which parent.
        parent: DevlinkHandle,
        /// Its name.
        name: String,
    },
    /// Make a vDPA device: `vdpa dev add`.
    MakeVdpa {
        /// Its management device.
        parent: DevlinkHandle,
        /// Its name.
        name: String,
        /// What it is to have; the rest is the driver's choice.
        config: VdpaConfig,
    },
    /// Delete a vDPA device: `vdpa dev del`. The kernel waits for whoever has it open.
    DeleteVdpa {
        /// Its management device.
        parent: DevlinkHandle,
        /// Its name.
        name: String,
    },
    /// Make a Linux bridge that does not look at VLANs, and set it up: `ip link add ... type bridge`.
    MakeBridge {
        /// Its name.
        name: String,
    },
    /// Delete a Linux bridge.
    DeleteBridge {
        /// Its name.
        name: String,
    },
    /// Make a representor a port of an Open vSwitch bridge, with these VLANs: `ovs-vsctl add-port`. What is a port of Open
    /// vSwitch already is moved there with all that others have written of it.
    AddPort {
        /// On which parent.
        parent: DevlinkHandle,
        /// The representor of which function.
        id: FunctionId,
        /// The representor's name: Open vSwitch knows its ports by nothing else.
        name: InterfaceName,
        /// The bridge.
        bridge: InterfaceName,
        /// The VLANs.
        vlans: OvsVlans,
    },
    /// Take it out of Open vSwitch: `ovs-vsctl del-port`. No interface of the name need be there.
    RemovePort {
        /// On which parent.
        parent: DevlinkHandle,
        /// The representor of which function.
        id: FunctionId,
        /// The name of the port.
        name: InterfaceName,
    },
    /// `devlink port function set ... state`.
    SetActive {
        /// On which parent.
        parent: DevlinkHandle,
        /// Which function.
        id: FunctionId,
        /// The state.
        active: bool,
    },
    /// Give a parent another number of VFs. To those in `held` no driver is bound, to the others as the kernel does it.
    SetVfs {
        /// The parent.
        parent: DevlinkHandle,
        /// The number.
        count: u32,
        /// Indexes of VFs that something is written of before their driver comes.
        held: Vec<u32>,
    },
    /// Write one attribute.
    Set {
        /// Of what.
        subject: Subject,
        /// Which, and its value.
        setting: Setting,
    },
    /// `devlink dev reload ... action driver_reinit`, of the parent's or of the function's own instance.
    Reload {
        /// Whose instance.
        subject: Subject,
    },
}

impl Request {
    /// What the request is about.
    #[must_use]
    pub fn subject(&self) -> Subject {
        match self {
            Self::NewParent { handle, .. } | Self::DelParent { handle } => Subject::parent(handle.clone()),
            Self::SetVfs { parent, .. } => Subject::parent(parent.clone()),
            Self::Create { parent, id, .. }
            | Self::Delete { parent, id }
            | Self::AddPort { parent, id, .. }
            | Self::RemovePort { parent, id, .. }
            | Self::SetActive { parent, id, .. } => Subject::function(parent.clone(), id.clone()),
            Self::MakeRateNode { parent, name } | Self::DeleteRateNode { parent, name } => {
                Subject::rate_node(parent.clone(), name.clone())
            }
            Self::MakeVdpa { parent, name, .. } | Self::DeleteVdpa { parent, name } => {
                Subject::vdpa(parent.clone(), name.clone())
            }
            Self::MakeBridge { name } | Self::DeleteBridge { name } => Subject::bridge(name),
            Self::Set { subject, .. } | Self::Reload { subject } => subject.clone(),
        }
    }

    /// Whether it may have been carried out, wholly or in part, although this is how it ended.
    #[must_use]
    pub const fn may_be_done(&self, error: &RequestError) -> bool {
        match error {
            RequestError::NoEffect { .. } | RequestError::Blocked { .. } | RequestError::Conversation(_) => {
                true
            }
            RequestError::Refused { .. } | RequestError::Vanished(_) | RequestError::Switch(_) => {
                self.has_steps()
            }
        }
    }

    /// Whether it is several messages or writes, of which a later one can be refused: the kernel has none that does it all.
    const fn has_steps(&self) -> bool {
        matches!(
            self,
            Self::SetVfs { .. }
                | Self::Set { setting: Setting::Vfs(_) | Setting::Vlans(_) | Setting::Bind(_), .. }
        )
    }

    /// Whether it takes away more than its subject, and nobody says so of each: what it took has to come back in the same
    /// apply.
    #[must_use]
    pub fn takes_others(&self) -> bool {
        match self {
            Self::DelParent { .. } | Self::SetVfs { .. } => true,
            Self::Reload { subject } => subject.is_parent(),
            Self::Set { setting, .. } => matches!(setting, Setting::EswitchMode(_)),
            _ => false,
        }
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NewParent { handle, .. } => write!(f, "make {handle}"),
            Self::DelParent { handle } => write!(f, "remove {handle}"),
            Self::Create { parent, id, on_vf: Some(index), .. } => {
                write!(f, "create {id} on vf {index} of {parent}")
            }
            Self::Create { parent, id, .. } => write!(f, "create {id} on {parent}"),
            Self::Delete { parent, id } => write!(f, "delete {id} of {parent}"),
            Self::MakeRateNode { parent, name } => write!(f, "create rate node {name} on {parent}"),
            Self::DeleteRateNode { parent, name } => write!(f, "delete rate node {name} of {parent}"),
            Self::MakeVdpa { parent, name, .. } => write!(f, "create vdpa {name} on {parent}"),
            Self::DeleteVdpa { parent, name } => write!(f, "delete vdpa {name} of {parent}"),
            Self::MakeBridge { name } => write!(f, "create bridge {name}"),
            Self::DeleteBridge { name } => write!(f, "delete bridge {name}"),
            Self::AddPort { name, bridge, vlans, .. } => {
                write!(f, "make {name} a port of {bridge} ({vlans})")
            }
            Self::RemovePort { name, .. } => write!(f, "take the port {name} out of Open vSwitch"),
            Self::SetActive { parent, id, active: true } => write!(f, "activate {id} of {parent}"),
            Self::SetActive { parent, id, active: false } => write!(f, "deactivate {id} of {parent}"),
            Self::SetVfs { parent, count, .. } => write!(f, "set vfs of {parent} to {count}"),
            Self::Set { subject, setting } => {
                write!(f, "set {} of {subject} to {}", setting.attribute(), setting.value())
            }
            Self::Reload { subject } => write!(f, "reload the devlink instance of {subject}"),
        }
    }
}

/// Something that is so some time after a request was accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// The function's own devlink instance is there.
    Instance,
    /// The function's netdev is there.
    Netdev,
    /// The representor is there.
    Representor,
    /// A driver is attached to the function.
    Attached,
    /// No driver is attached to the function any more.
    Detached,
    /// The VFs of a parent are there.
    Vfs,
    /// The daemon of Open vSwitch has done what the database says of the port.
    Port,
    /// The subject is gone.
    Gone,
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Instance => "its devlink instance to appear",
            Self::Netdev => "its netdev to appear",
            Self::Representor => "its representor to appear",
            Self::Attached => "its driver to attach",
            Self::Vfs => "its VFs to appear",
            Self::Detached => "its driver to detach",
            Self::Port => "ovs-vswitchd",
            Self::Gone => "it to be gone",
        })
    }
}

/// Why a request was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// The kernel refused: its errno and its own words.
    #[error("{errno:?} ({})", errno_words(*errno))]
    Refused {
        /// The error number.
        errno: Errno,
        /// The extended ACK's sentence, where there was one.
        message: Option<String>,
        /// The file that was written to, where the request is a write.
        file: Option<String>,
    },
    /// The subject of the request is not there any more, or not visible from here.
    #[error("{0}")]
    Vanished(String),
    /// The request was accepted, but its effect was not seen in time.
    #[error("waited {} s for {effect}", waited.as_secs_f32())]
    NoEffect {
        /// What was waited for.
        effect: Effect,
        /// How long.
        waited: Duration,
    },
    /// The kernel has not finished a write in time. It goes on with it, and nothing can end that but whoever it waits
    /// for.
    #[error("the write to {file} is not done after {} s: the kernel waits for whoever holds the device", waited.as_secs_f32())]
    Blocked {
        /// The file.
        file: String,
        /// How long.
        waited: Duration,
    },
    /// Open vSwitch did not do it: its own words, or why it could not be asked.
    #[error("Open vSwitch: {0}")]
    Switch(String),
    /// The conversation with the kernel failed.
    #[error(transparent)]
    Conversation(#[from] subdevcfg_netlink::NetlinkError),
}

impl RequestError {
    /// The kernel's own sentence, if it gave one.
    #[must_use]
    pub fn kernel_message(&self) -> Option<&str> {
        match self {
            Self::Refused { message, .. } => message.as_deref(),
            _ => None,
        }
    }
}

/// Why the host could not be observed at all. What only a part lacks is in [`State::unread`].
#[derive(Debug, thiserror::Error)]
pub enum ObserveError {
    /// The conversation with the kernel failed.
    #[error(transparent)]
    Netlink(#[from] subdevcfg_netlink::NetlinkError),
    /// A file of sysfs or procfs could not be read.
    #[error("cannot read {path}")]
    File {
        /// Which.
        path: camino::Utf8PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// sysfs attributes of mediated devices, by name.
pub type DeviceAttributes = BTreeMap<Uuid, BTreeSet<String>>;

/// How long an effect may take, once those that were awaited before it are there. Drivers do this by firmware events; the
/// bundled module does it before it answers.
pub const EFFECT_DEADLINE: Duration = Duration::from_secs(30);

/// A kernel: the real one or a simulated one.
pub trait Kernel {
    /// From now on observations tell these attributes as well: sysfs has no list of those that mean something.
    fn tell(&mut self, attributes: DeviceAttributes);

    /// Reads everything.
    ///
    /// # Errors
    /// [`ObserveError`] when there is nothing to be had; partial failures are in the state.
    fn observe(&mut self) -> Result<State, ObserveError>;

    /// Sends one request and waits for its answer.
    ///
    /// # Errors
    /// [`RequestError`] with the kernel's own words.
    fn perform(&mut self, request: &Request) -> Result<(), RequestError>;

    /// Whether an effect is there already.
    ///
    /// # Errors
    /// [`RequestError`] when nobody can tell.
    fn shows(&mut self, subject: &Subject, effect: Effect) -> Result<bool, RequestError> {
        match self.wait(subject, effect, Duration::ZERO) {
            Ok(()) => Ok(true),
            Err(RequestError::NoEffect { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Waits until an effect is seen on a subject.
    ///
    /// # Errors
    /// [`RequestError::NoEffect`] when `deadline` passes first.
    fn wait(&mut self, subject: &Subject, effect: Effect, deadline: Duration) -> Result<(), RequestError>;
}
