//! Mediated devices that VFs carry: what a driver of VFs does that registers each of its devices as a parent
//! (`mdev_register_parent`, `drivers/vfio/mdev/mdev_core.c`), with room for one device.

use std::collections::BTreeMap;

use nix::errno::Errno;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Answer;
use super::device_attributes::{self, OF_CARRIED};
use super::host::{SimulatedHost, SimulatedMdev};
use super::pci::{SimulatedPf, SimulatedVf};
use super::requests::refuse;
use super::samples::function;
use crate::kernel::RequestError;
use crate::resource::{FunctionId, Subject};
use crate::state::{Function, FunctionUser, MdevType, User, VfioUser};

/// A driver of VFs that makes mediated devices of them.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct CarrierDriver {
    /// Its name.
    pub name: String,
    /// Its types, by directory, with their names.
    pub types: BTreeMap<String, String>,
}

/// The mediated device on a VF.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Carried {
    device: SimulatedMdev,
    /// Who has it open through VFIO, as somebody has written it into the file.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    users: Vec<VfioUser>,
}

impl SimulatedHost {
    /// Loads a driver for the VFs of a PF that makes mediated devices of them: types by directory and name.
    pub fn add_carrier_driver(&mut self, address: &str, name: &str, types: &[(&str, &str)]) {
        let types = types.iter().map(|(directory, name)| ((*directory).to_owned(), (*name).to_owned()));
        let driver = CarrierDriver { name: name.to_owned(), types: types.collect() };
        if let Some(pf) = self.pfs.get_mut(address) {
            pf.carrier_driver = Some(driver);
        }
    }

    /// Whether a mediated device of this identity is on a VF.
    pub(super) fn vfs_carry(&self, id: &FunctionId) -> bool {
        self.pfs.values().flat_map(|pf| &pf.vfs).filter_map(SimulatedVf::carried).any(|known| known == *id)
    }

    fn carried(&mut self, subject: &Subject) -> Option<&mut SimulatedVf> {
        let pf = self.pfs.get_mut(subject.parent.device())?;
        pf.vfs.iter_mut().find(|vf| vf.carried().as_ref() == subject.function_id())
    }
}

impl SimulatedPf {
    /// The types that a VF takes: those of its driver. One device fits.
    pub(super) fn types_of(&self, vf: &SimulatedVf) -> BTreeMap<String, MdevType> {
        let driver = self.carrier_driver.as_ref().filter(|driver| vf.driver.as_ref() == Some(&driver.name));
        let available = u32::from(vf.carries.is_none());
        let types = driver.into_iter().flat_map(|driver| &driver.types);
        types.map(|(key, name)| (key.clone(), MdevType { name: Some(name.clone()), available })).collect()
    }
}

impl SimulatedVf {
    fn carried(&self) -> Option<FunctionId> {
        self.carries.as_ref().map(|carried| FunctionId::Mdev { uuid: carried.device.uuid })
    }

    /// The mediated device as the tool observes it.
    pub(super) fn carried_function(&self, index: u32) -> Option<Function> {
        let carried = self.carries.as_ref()?;
        let mut found = Function { on_vf: Some(index), ..function(&carried.device, &OF_CARRIED) };
        let users = carried.users.iter();
        found.volatile.0.users =
            users.map(|user| FunctionUser { side: None, user: User::Vfio(user.clone()) }).collect();
        Some(found)
    }
}

/// A write to a type's `create` below a VF.
pub(super) fn create(
    host: &mut SimulatedHost,
    subject: &Subject,
    (uuid, mdev_type): (Uuid, &str),
    index: u32,
    uuid_taken: bool,
) -> Answer {
    // Without its driver a VF has no such file, and without the VF there is no such folder.
    let missing = || refuse(Errno::ENOENT, "");
    let pf = host.pfs.get_mut(subject.parent.device()).ok_or_else(missing)?;
    let types = pf.vf(index).map(|vf| pf.types_of(vf)).unwrap_or_default();
    let found = types.get(mdev_type).ok_or_else(missing)?;
    // `mdev_device_create` looks for the UUID before it counts.
    if uuid_taken {
        return Err(refuse(Errno::EEXIST, ""));
    }
    if found.available == 0 {
        return Err(refuse(Errno::EUSERS, ""));
    }
    let device = SimulatedMdev { uuid, mdev_type: mdev_type.to_owned(), attrs: BTreeMap::new() };
    pf.vf_mut(index)?.carries = Some(Carried { device, users: Vec::new() });
    Ok(())
}

/// A write to a device's `remove`.
pub(super) fn delete(host: &mut SimulatedHost, subject: &Subject) -> Answer {
    let vanished = || RequestError::Vanished(format!("there is no {subject}"));
    host.carried(subject).ok_or_else(vanished)?.carries = None;
    Ok(())
}

/// A write to an attribute of a device.
pub(super) fn set(host: &mut SimulatedHost, subject: &Subject, name: &str, value: &str) -> Answer {
    let carried = host.carried(subject).and_then(|vf| vf.carries.as_mut());
    device_attributes::set(
        &mut carried.ok_or_else(|| refuse(Errno::ENOENT, ""))?.device,
        &OF_CARRIED,
        name,
        value,
    )
}
