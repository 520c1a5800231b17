//! A PCI device that can have VFs and has no devlink instance, as an `NVMe` controller is: the number of VFs
//! (drivers/pci/iov.c), their drivers and `driver_override` (drivers/base/bus.c, drivers/base/dd.c).

use std::collections::BTreeMap;

use nix::errno::Errno;
use serde::{Deserialize, Serialize};
use subdevcfg_compiler::values::DevlinkHandle;

use super::host::SimulatedHost;
use super::requests::refuse;
use crate::kernel::{Effect, Request, RequestError};
use crate::resource::{FunctionId, Setting, Subject};
use crate::state::{
    Function, FunctionUser, FunctionVolatile, Parent, ParentVolatile, Sriov, User, Vf, VfDevice, VfioUser,
    Volatile,
};

/// The bus that it is on.
const BUS: &str = "pci";

/// The driver that has no devices but those that are named for it.
const VFIO: &str = "vfio-pci";

type Answer = Result<(), RequestError>;

/// One physical function.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct SimulatedPf {
    /// The driver of it and of its VFs.
    driver: String,
    most_vfs: u32,
    #[serde(default = "yes")]
    autoprobe: bool,
    #[serde(default)]
    vfs: Vec<SimulatedVf>,
}

/// One VF.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct SimulatedVf {
    driver: Option<String>,
    driver_override: Option<String>,
    /// Who has it open through VFIO, as somebody has written it into the file.
    #[serde(default)]
    users: Vec<VfioUser>,
}

const fn yes() -> bool {
    true
}

impl SimulatedHost {
    /// Adds a PF with this driver, and room for so many VFs.
    pub fn add_pf(&mut self, address: &str, driver: &str, most_vfs: u32) {
        let pf = SimulatedPf { driver: driver.to_owned(), most_vfs, autoprobe: true, vfs: Vec::new() };
        self.pfs.insert(address.to_owned(), pf);
    }

    /// The PFs as the tool observes them.
    pub(super) fn pf_parents(&self) -> impl Iterator<Item = (DevlinkHandle, Parent)> {
        self.pfs.iter().map(|(address, pf)| {
            let handle = DevlinkHandle::new(BUS, address.as_str());
            let parent = pf.state(&handle);
            (handle, parent)
        })
    }

    fn pf(&mut self, handle: &DevlinkHandle) -> Result<&mut SimulatedPf, RequestError> {
        // A write to a file that is not there.
        self.pfs.get_mut(handle.device()).ok_or_else(|| refuse(Errno::ENOENT, ""))
    }

    fn vf(&mut self, subject: &Subject) -> Result<&mut SimulatedVf, RequestError> {
        let vanished = || RequestError::Vanished(format!("{subject} is no device of its own"));
        let index = own_index(subject).ok_or_else(vanished)?;
        let pf = self.pfs.get_mut(subject.parent.device()).ok_or_else(vanished)?;
        usize::try_from(index).ok().and_then(|index| pf.vfs.get_mut(index)).ok_or_else(vanished)
    }
}

fn own_index(subject: &Subject) -> Option<u32> {
    let id = subject.function_id()?;
    id.vf_index().filter(|index| *id == FunctionId::local_vf(&subject.parent, *index))
}

/// Whether a request is about a PF or its VFs.
pub(super) fn is_one(handle: &DevlinkHandle) -> bool {
    handle.bus() == BUS
}

/// Whether an effect is to be seen.
pub(super) fn shows(host: &SimulatedHost, subject: &Subject, effect: Effect) -> bool {
    let pf = host.pfs.get(subject.parent.device());
    let index = own_index(subject).and_then(|index| usize::try_from(index).ok());
    let vf = index.and_then(|index| pf.and_then(|pf| pf.vfs.get(index)));
    match effect {
        Effect::Attached => vf.is_some_and(|vf| vf.driver.is_some()),
        Effect::Detached => vf.is_none_or(|vf| vf.driver.is_none()),
        Effect::Vfs => pf.is_some_and(|pf| !pf.vfs.is_empty()),
        Effect::Gone => {
            if subject.is_parent() {
                pf.is_none()
            } else {
                vf.is_none()
            }
        }
        Effect::Instance | Effect::Netdev | Effect::Representor | Effect::Port => false,
    }
}

pub(super) fn perform(host: &mut SimulatedHost, request: &Request) -> Answer {
    match request {
        Request::SetVfs { parent, count, held } => host.pf(parent)?.set_vfs(*count, held),
        Request::Set { subject, setting: Setting::Vfs(count) } if subject.is_parent() => {
            host.pf(&subject.parent)?.set_vfs(*count, &[])
        }
        Request::Set { subject, setting: Setting::Bind(driver) } => {
            host.vf(subject)?.driver_override.clone_from(driver);
            Ok(())
        }
        Request::SetActive { parent, id, active } if id.is_pci() => {
            let subject = Subject::function(parent.clone(), id.clone());
            let default = host.pfs.get(parent.device()).map(|pf| pf.driver.clone()).unwrap_or_default();
            let vf = host.vf(&subject)?;
            if !*active {
                return vf.unbind();
            }
            vf.probe(&default);
            Ok(())
        }
        Request::Set { subject, .. } | Request::Reload { subject } => {
            Err(RequestError::Vanished(format!("{subject} has no devlink instance")))
        }
        _ => Err(refuse(Errno::EOPNOTSUPP, "")),
    }
}

impl SimulatedPf {
    /// `sriov_numvfs_store`.
    fn set_vfs(&mut self, count: u32, held: &[u32]) -> Answer {
        let now = u32::try_from(self.vfs.len()).unwrap_or(u32::MAX);
        if count > self.most_vfs {
            return Err(refuse(Errno::ERANGE, ""));
        }
        if count == now {
            return Ok(());
        }
        if count > 0 && now > 0 {
            return Err(refuse(Errno::EBUSY, ""));
        }
        let is_bound = |index: &u32| self.autoprobe && !held.contains(index);
        let new = |index: u32| SimulatedVf {
            driver: is_bound(&index).then(|| self.driver.clone()),
            ..SimulatedVf::default()
        };
        self.vfs = (0..count).map(new).collect();
        Ok(())
    }

    fn state(&self, handle: &DevlinkHandle) -> Parent {
        let indexed = (0_u32..).zip(&self.vfs);
        Parent {
            driver: Some(self.driver.clone()),
            without_devlink: true,
            sriov: Some(Sriov {
                vfs: u32::try_from(self.vfs.len()).unwrap_or(u32::MAX),
                autoprobe: Some(self.autoprobe),
                most: Volatile(Some(self.most_vfs)),
            }),
            functions: indexed.map(|(index, vf)| vf.state(FunctionId::local_vf(handle, index))).collect(),
            volatile: Volatile(ParentVolatile::default()),
            ..Parent::default()
        }
    }
}

impl SimulatedVf {
    /// `drivers_probe_store`: a device that has a driver keeps it; of an override only that driver is tried, and one that
    /// nobody has loaded is none.
    fn probe(&mut self, default: &str) {
        if self.driver.is_none() {
            let wanted = self.driver_override.as_deref().unwrap_or(default);
            self.driver = [default, VFIO].contains(&wanted).then(|| wanted.to_owned());
        }
    }

    /// `unbind_store`; without a driver there is no such file.
    fn unbind(&mut self) -> Answer {
        self.driver.take().map(drop).ok_or_else(|| refuse(Errno::ENOENT, ""))
    }

    fn state(&self, id: FunctionId) -> Function {
        let device = VfDevice {
            driver: self.driver.clone(),
            driver_override: self.driver_override.clone(),
            address: Volatile(format!("vf{}", id.vf_index().unwrap_or_default())),
        };
        let users = self.users.iter().map(|user| FunctionUser { side: None, user: User::Vfio(user.clone()) });
        Function {
            id,
            mdev_type: None,
            attrs: BTreeMap::new(),
            mac: None,
            capabilities: <_>::default(),
            max_io_eqs: None,
            rates: None,
            vf: Some(Vf { device: Some(device), ..Vf::default() }),
            active: self.driver.is_some(),
            params: <_>::default(),
            netdev: None,
            representor: None,
            volatile: Volatile(FunctionVolatile {
                attached: self.driver.is_some(),
                users: users.collect(),
                ..FunctionVolatile::default()
            }),
        }
    }
}
