//! A PCI device that can have VFs and has no devlink instance, as an `NVMe` controller is: the number of VFs
//! (drivers/pci/iov.c), their drivers and `driver_override` (drivers/base/bus.c, drivers/base/dd.c).

use nix::errno::Errno;
use serde::{Deserialize, Serialize};
use subdevcfg_compiler::values::DevlinkHandle;

use super::Answer;
use super::carried::{self, Carried, CarrierDriver};
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

/// VFs of a device whose file does not say how many.
pub(super) const MOST_VFS: u32 = 8;

/// The driver that has no devices but those that are named for it.
const VFIO: &str = "vfio-pci";

/// One physical function.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct SimulatedPf {
    /// The driver of it and of its VFs.
    pub driver: String,
    #[serde(default = "most_vfs")]
    most_vfs: u32,
    #[serde(default = "yes")]
    autoprobe: bool,
    #[serde(default)]
    pub vfs: Vec<SimulatedVf>,
    /// Another driver of the VFs, which makes mediated devices of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carrier_driver: Option<CarrierDriver>,
}

/// One VF.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct SimulatedVf {
    pub driver: Option<String>,
    driver_override: Option<String>,
    /// Who has it open through VFIO, as somebody has written it into the file.
    #[serde(default)]
    users: Vec<VfioUser>,
    /// The mediated device on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carries: Option<Carried>,
}

const fn yes() -> bool {
    true
}

const fn most_vfs() -> u32 {
    MOST_VFS
}

impl SimulatedHost {
    /// Adds a PF with this driver, and room for so many VFs.
    pub fn add_pf(&mut self, address: &str, driver: &str, most_vfs: u32) {
        self.pfs.insert(address.to_owned(), SimulatedPf::new(driver, most_vfs));
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

    fn vf(&mut self, subject: &Subject) -> Result<(&mut SimulatedPf, u32), RequestError> {
        let vanished = || RequestError::Vanished(format!("{subject} is no device of its own"));
        let index = own_index(subject).ok_or_else(vanished)?;
        let pf = self.pfs.get_mut(subject.parent.device()).ok_or_else(vanished)?;
        if pf.vf(index).is_some() { Ok((pf, index)) } else { Err(vanished()) }
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
    let vf = own_index(subject).and_then(|index| pf.and_then(|pf| pf.vf(index)));
    match effect {
        Effect::Attached => vf.is_some_and(|vf| vf.driver.is_some()),
        Effect::Detached => vf.is_none_or(|vf| vf.driver.is_none()),
        Effect::Vfs => pf.is_some_and(|pf| !pf.vfs.is_empty()),
        Effect::Gone => {
            if let Some(id) = subject.function_id().filter(|id| id.is_mdev()) {
                !host.vfs_carry(id)
            } else if subject.is_parent() {
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
            let (pf, index) = host.vf(subject)?;
            pf.set_override(index, driver.as_deref())
        }
        Request::SetActive { parent, id, active } if id.is_pci() => {
            let subject = Subject::function(parent.clone(), id.clone());
            let (pf, index) = host.vf(&subject)?;
            pf.bind(index, *active)
        }
        Request::Create { id: FunctionId::Mdev { uuid }, mdev_type, on_vf: Some(index), .. } => {
            let subject = request.subject();
            let uuid_taken = host.has_mdev(*uuid);
            carried::create(
                host,
                &subject,
                (*uuid, mdev_type.as_deref().unwrap_or_default()),
                *index,
                uuid_taken,
            )
        }
        Request::Delete { id: FunctionId::Mdev { .. }, .. } => carried::delete(host, &request.subject()),
        Request::Set { subject, setting: Setting::Device { name, value, .. } }
            if subject.function_id().is_some_and(FunctionId::is_mdev) =>
        {
            carried::set(host, subject, name, value)
        }
        Request::Set { subject, .. } | Request::Reload { subject } => {
            Err(RequestError::Vanished(format!("{subject} has no devlink instance")))
        }
        _ => Err(refuse(Errno::EOPNOTSUPP, "")),
    }
}

impl SimulatedPf {
    pub fn new(driver: &str, most_vfs: u32) -> Self {
        Self { driver: driver.to_owned(), most_vfs, autoprobe: true, vfs: Vec::new(), carrier_driver: None }
    }

    /// How many VFs there are.
    pub fn count(&self) -> u32 {
        u32::try_from(self.vfs.len()).unwrap_or(u32::MAX)
    }

    pub fn vf(&self, index: u32) -> Option<&SimulatedVf> {
        self.vfs.get(usize::try_from(index).ok()?)
    }

    pub fn vf_mut(&mut self, index: u32) -> Result<&mut SimulatedVf, RequestError> {
        let found = usize::try_from(index).ok().and_then(|index| self.vfs.get_mut(index));
        // A file below a device that is not there.
        found.ok_or_else(|| refuse(Errno::ENOENT, ""))
    }

    /// A write to `driver_override`.
    pub fn set_override(&mut self, index: u32, driver: Option<&str>) -> Answer {
        self.vf_mut(index)?.driver_override = driver.map(str::to_owned);
        Ok(())
    }

    /// A driver comes to the VF, as the kernel finds it, or lets go of it.
    pub fn bind(&mut self, index: u32, bound: bool) -> Answer {
        let default = self.driver.clone();
        let carrier = self.carrier_driver.as_ref().map(|driver| driver.name.clone());
        let vf = self.vf_mut(index)?;
        if !bound {
            return vf.unbind();
        }
        vf.probe(&default, carrier.as_deref());
        Ok(())
    }

    /// What `sriov_numvfs_store` looks at before it asks the driver.
    pub fn check_count(&self, count: u32) -> Answer {
        if count > self.most_vfs {
            return Err(refuse(Errno::ERANGE, ""));
        }
        if count > 0 && !self.vfs.is_empty() && count != self.count() {
            return Err(refuse(Errno::EBUSY, ""));
        }
        Ok(())
    }

    /// `sriov_numvfs_store`.
    pub fn set_vfs(&mut self, count: u32, held: &[u32]) -> Answer {
        self.check_count(count)?;
        if count == self.count() {
            return Ok(());
        }
        let is_bound = |index: &u32| self.autoprobe && !held.contains(index);
        let new = |index: u32| SimulatedVf {
            driver: is_bound(&index).then(|| self.driver.clone()),
            ..SimulatedVf::default()
        };
        self.vfs = (0..count).map(new).collect();
        Ok(())
    }

    pub fn state(&self, handle: &DevlinkHandle) -> Parent {
        let indexed = (0_u32..).zip(&self.vfs);
        let carried = indexed.clone().filter_map(|(index, vf)| vf.carried_function(index));
        let vfs = indexed.map(|(index, vf)| {
            let mut function = vf.state(FunctionId::local_vf(handle, index));
            function.volatile.0.mdev_types = self.types_of(vf);
            function
        });
        let mut functions: Vec<Function> = vfs.chain(carried).collect();
        functions.sort_by(|a, b| a.id.cmp(&b.id));
        Parent {
            driver: Some(self.driver.clone()),
            without_devlink: true,
            sriov: Some(Sriov {
                vfs: u32::try_from(self.vfs.len()).unwrap_or(u32::MAX),
                autoprobe: Some(self.autoprobe),
                most: Volatile(Some(self.most_vfs)),
            }),
            functions,
            volatile: Volatile(ParentVolatile::default()),
            ..Parent::default()
        }
    }
}

impl SimulatedVf {
    /// `drivers_probe_store`: a device that has a driver keeps it; of an override only that driver is tried, and one that
    /// nobody has loaded is none.
    fn probe(&mut self, default: &str, carrier: Option<&str>) {
        if self.driver.is_none() {
            let wanted = self.driver_override.as_deref().unwrap_or(default);
            let is_loaded = [Some(default), Some(VFIO), carrier].contains(&Some(wanted));
            self.driver = is_loaded.then(|| wanted.to_owned());
        }
    }

    /// `unbind_store`; without a driver there is no such file. What the driver has registered goes with it
    /// (`mdev_unregister_parent`).
    fn unbind(&mut self) -> Answer {
        self.carries = None;
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
            vf: Some(Vf { device: Some(device), ..Vf::default() }),
            volatile: Volatile(FunctionVolatile {
                attached: self.driver.is_some(),
                users: users.collect(),
                ..FunctionVolatile::default()
            }),
            ..Function::bare(id, self.driver.is_some())
        }
    }
}
