//! Functions that another host makes on a device that is shared with it, as the host that a DPU is in does. What is here
//! are their ports, which come with the function and are shown in switchdev mode.

use serde::{Deserialize, Serialize};
use subdevcfg_compiler::values::DevlinkHandle;

use super::host::SimulatedHost;
use super::netdevsim::Port;
use crate::kernel::RequestError;
use crate::resource::FunctionId;
use crate::state::Function;

/// What the host of controller 1 does that the `subdev` parents are shared with (`kmod/manners.c`, `other_host`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OtherHost {
    /// There is none.
    #[default]
    None,
    /// It can be given subfunctions, and takes none up.
    Idle,
    /// It takes up each that is active, and lets go of it when it is not.
    Attaches,
}

impl OtherHost {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
    pub(super) fn is_none(&self) -> bool {
        *self == Self::None
    }
}

/// The functions, by identity.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct OtherSide(Vec<Made>);

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Made {
    id: FunctionId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    port: Option<Port>,
}

impl SimulatedHost {
    /// Plays another host from now on.
    pub const fn share_with(&mut self, other_host: OtherHost) {
        self.other_host = other_host;
    }

    /// The other host makes a function on the netdevsim device of that number, if it has not yet.
    ///
    /// # Errors
    /// When there is no such device.
    pub fn other_side_makes(&mut self, number: u32, id: FunctionId) -> Result<(), RequestError> {
        let handle = netdevsim(number);
        let device = self.netdevsim(&handle)?;
        if device.other_side.0.iter().all(|made| made.id != id) {
            device.other_side.0.push(Made { id, port: None });
            device.other_side.0.sort_by(|a, b| a.id.cmp(&b.id));
        }
        if device.is_switchdev() { self.show_other_side(&handle) } else { Ok(()) }
    }

    /// The other host takes it away.
    ///
    /// # Errors
    /// When there is no such device.
    pub fn other_side_removes(&mut self, number: u32, id: &FunctionId) -> Result<(), RequestError> {
        self.netdevsim(&netdevsim(number))?.other_side.0.retain(|made| made.id != *id);
        Ok(())
    }

    /// Gives a new port to each function that has none.
    pub(super) fn show_other_side(&mut self, handle: &DevlinkHandle) -> Result<(), RequestError> {
        let count = self.netdevsim(handle)?.other_side.0.len();
        for at in 0..count {
            if self.netdevsim(handle)?.other_side.0[at].port.is_none() {
                let port = self.new_port();
                self.netdevsim(handle)?.other_side.0[at].port = Some(port);
            }
        }
        Ok(())
    }
}

fn netdevsim(number: u32) -> DevlinkHandle {
    DevlinkHandle::new("netdevsim", format!("netdevsim{number}"))
}

impl OtherSide {
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn hide(&mut self) {
        self.0.iter_mut().for_each(|made| made.port = None);
    }

    pub fn ports(&self) -> impl Iterator<Item = &Port> {
        self.0.iter().filter_map(|made| made.port.as_ref())
    }

    pub fn port(&mut self, id: &FunctionId) -> Option<&mut Port> {
        self.0.iter_mut().find(|made| made.id == *id)?.port.as_mut()
    }

    /// What is to be seen of them.
    pub fn functions(&self) -> impl Iterator<Item = Function> {
        self.0.iter().filter_map(|made| {
            let port = made.port.as_ref()?;
            Some(Function {
                rates: Some(port.leaf.clone()),
                representor: Some(port.netdev.state()),
                ..Function::bare(made.id.clone(), true)
            })
        })
    }
}
