//! The kernel's sample drivers for mediated devices, which have no devlink (samples/vfio-mdev/mtty.c and mdpy.c).

use std::collections::BTreeMap;

use nix::errno::Errno;
use serde::{Deserialize, Serialize};
use subdevcfg_compiler::values::DevlinkHandle;
use uuid::Uuid;

use super::device_attributes::{self, Takes};
use super::host::{SimulatedHost, SimulatedMdev};
use super::requests::refuse;
use crate::kernel::RequestError;
use crate::resource::FunctionId;
use crate::state::{Function, FunctionVolatile, MdevType, Parent, ParentVolatile, Volatile};

/// A sample driver, whose one device has its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sample {
    /// Serial ports: 24 of them (`MAX_MTTYS`), of which a device has one or two.
    Mtty,
    /// Displays: four devices (`count`), of whatever type.
    Mdpy,
    /// No sample, but the driver of cryptographic adapters on s390 (`drivers/s390/crypto/vfio_ap_drv.c`): its devices have
    /// attributes that nobody can read back.
    VfioAp,
}

/// The device of a sample driver, and what was made on it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct SimulatedSample {
    #[serde(default)]
    devices: Vec<SimulatedMdev>,
}

impl Sample {
    const fn name(self) -> &'static str {
        match self {
            Self::Mtty => "mtty",
            Self::Mdpy => "mdpy",
            Self::VfioAp => "matrix",
        }
    }

    fn handle(self) -> DevlinkHandle {
        DevlinkHandle::new(self.name(), self.name())
    }

    /// The driver that the device is bound to; devices of a class have none.
    fn driver(self) -> Option<String> {
        (self == Self::VfioAp).then(|| "vfio_ap".to_owned())
    }

    /// The types by directory and name, with how many places of the pool one takes.
    const fn types(self) -> &'static [(&'static str, &'static str, u32)] {
        match self {
            Self::Mtty => &[("mtty-1", "Single port serial", 1), ("mtty-2", "Dual port serial", 2)],
            Self::Mdpy => {
                &[("mdpy-vga", "mdpy-vga", 1), ("mdpy-xga", "mdpy-xga", 1), ("mdpy-hd", "mdpy-hd", 1)]
            }
            Self::VfioAp => &[("vfio_ap-passthrough", "VFIO AP Passthrough Device", 1)],
        }
    }

    const fn pool(self) -> u32 {
        match self {
            Self::Mtty => 24,
            Self::Mdpy => 4,
            // `MAX_ZDEV_ENTRIES_EXT`.
            Self::VfioAp => 256,
        }
    }

    /// A full pool: mtty refuses itself, for mdpy the mdev core counts (`mdev_device_create`).
    const fn full(self) -> Errno {
        match self {
            Self::Mtty => Errno::ENOSPC,
            Self::Mdpy | Self::VfioAp => Errno::EUSERS,
        }
    }

    fn places_of(self, mdev_type: &str) -> Option<u32> {
        self.types().iter().find(|(known, _, _)| *known == mdev_type).map(|(_, _, places)| *places)
    }

    fn left(self, found: &SimulatedSample) -> u32 {
        let taken = found.devices.iter().filter_map(|device| self.places_of(&device.mdev_type)).sum();
        self.pool().saturating_sub(taken)
    }

    fn state(self, found: &SimulatedSample) -> Parent {
        let left = self.left(found);
        let mdev_type =
            |name: &str, places| MdevType { name: Some(name.to_owned()), available: left / places };
        let types = self.types().iter();
        let types =
            types.map(|(known, name, places)| ((*known).to_owned(), mdev_type(name, *places))).collect();
        let mut functions: Vec<Function> =
            found.devices.iter().map(|device| function(device, device_attributes::of_sample(self))).collect();
        functions.sort_by(|a, b| a.id.cmp(&b.id));
        Parent {
            driver: self.driver(),
            without_devlink: true,
            functions,
            volatile: Volatile(ParentVolatile { mdev_types: Some(types), ..ParentVolatile::default() }),
            ..Parent::default()
        }
    }
}

/// A device whose driver has these attributes.
pub(super) fn function(device: &SimulatedMdev, own: &[(&str, Takes)]) -> Function {
    Function {
        id: FunctionId::Mdev { uuid: device.uuid },
        mdev_type: Some(device.mdev_type.clone()),
        on_vf: None,
        attrs: device_attributes::readable(device, own),
        mac: None,
        capabilities: BTreeMap::new(),
        max_io_eqs: None,
        rates: None,
        vf: None,
        active: true,
        params: BTreeMap::new(),
        netdev: None,
        representor: None,
        volatile: Volatile(FunctionVolatile::default()),
    }
}

impl SimulatedHost {
    /// Loads a sample driver.
    pub fn load(&mut self, sample: Sample) {
        self.samples.entry(sample).or_default();
    }

    /// The loaded sample whose device this is.
    pub(super) fn sample(&self, handle: &DevlinkHandle) -> Option<Sample> {
        self.samples.keys().copied().find(|sample| sample.handle() == *handle)
    }

    /// The devices of the samples.
    pub(super) fn sample_parents(&self) -> impl Iterator<Item = (DevlinkHandle, Parent)> {
        self.samples.iter().map(|(sample, found)| (sample.handle(), sample.state(found)))
    }

    pub(super) fn samples_have(&self, id: &FunctionId) -> bool {
        let mut devices = self.samples.values().flat_map(|found| &found.devices);
        devices.any(|device| FunctionId::Mdev { uuid: device.uuid } == *id)
    }
}

/// A write to a type's `create`.
pub(super) fn create(
    host: &mut SimulatedHost,
    sample: Sample,
    uuid: Uuid,
    mdev_type: &str,
    uuid_taken: bool,
) -> Result<(), RequestError> {
    let found = host.samples.entry(sample).or_default();
    let places = sample.places_of(mdev_type).ok_or_else(|| refuse(Errno::ENOENT, ""))?;
    // The mdev core looks before the driver is asked.
    if uuid_taken {
        return Err(refuse(Errno::EEXIST, ""));
    }
    if sample.left(found) < places {
        return Err(refuse(sample.full(), ""));
    }
    found.devices.push(SimulatedMdev { uuid, mdev_type: mdev_type.to_owned(), attrs: BTreeMap::new() });
    Ok(())
}

/// A write to a device's `remove`.
pub(super) fn delete(host: &mut SimulatedHost, sample: Sample, id: &FunctionId) -> Result<(), RequestError> {
    let vanished = || RequestError::Vanished(format!("there is no {id} on {}", sample.handle()));
    let devices = &mut host.samples.entry(sample).or_default().devices;
    let at = devices.iter().position(|device| FunctionId::Mdev { uuid: device.uuid } == *id);
    devices.remove(at.ok_or_else(vanished)?);
    Ok(())
}

/// A write to an attribute of a device.
pub(super) fn set(
    host: &mut SimulatedHost,
    sample: Sample,
    id: &FunctionId,
    name: &str,
    value: &str,
) -> Result<(), RequestError> {
    let devices = &mut host.samples.entry(sample).or_default().devices;
    let found = devices.iter_mut().find(|device| FunctionId::Mdev { uuid: device.uuid } == *id);
    let found = found.ok_or_else(|| refuse(Errno::ENOENT, ""))?;
    device_attributes::set(found, device_attributes::of_sample(sample), name, value)
}
