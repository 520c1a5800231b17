//! sysfs attributes of mediated devices, as the kernel and its drivers have them.

use std::collections::BTreeMap;

use nix::errno::Errno;

use super::host::{SimulatedHost, SimulatedMdev};
use super::requests::refuse;
use super::samples::Sample;
use crate::kernel::RequestError;
use crate::resource::FunctionId;
use crate::state::Function;

/// What a write to an attribute does.
#[derive(Debug, Clone, Copy)]
pub(super) enum Takes {
    /// One of these words is kept; the first is there from the beginning.
    Words(&'static [&'static str]),
    /// A number up to this one is taken, and nothing tells it.
    NumberUnseen(u32),
}

/// Runtime power management, which every device has (`control_store`, drivers/base/power/sysfs.c).
const OF_ALL: [(&str, Takes); 1] = [("power/control", Takes::Words(&["auto", "on"]))];

/// `assign_adapter_store` and `assign_domain_store` (`drivers/s390/crypto/vfio_ap_ops.c`).
const OF_VFIO_AP: [(&str, Takes); 2] =
    [("assign_adapter", Takes::NumberUnseen(255)), ("assign_domain", Takes::NumberUnseen(255))];

/// An attribute as graphics cards have them (`lab/vgpu/lab_vgpu.c`).
pub(super) const OF_CARRIED: [(&str, Takes); 1] = [("frame_rate_limiter", Takes::Words(&["1", "0"]))];

/// The attributes that a driver has beside those of all devices.
pub(super) const fn of_sample(sample: Sample) -> &'static [(&'static str, Takes)] {
    match sample {
        Sample::VfioAp => &OF_VFIO_AP,
        Sample::Mtty | Sample::Mdpy => &[],
    }
}

fn find(name: &str, own: &[(&str, Takes)]) -> Option<Takes> {
    OF_ALL.iter().chain(own).find(|(known, _)| *known == name).map(|(_, takes)| *takes)
}

/// A write to a file below the device's directory.
pub(super) fn set(
    device: &mut SimulatedMdev,
    own: &[(&str, Takes)],
    name: &str,
    value: &str,
) -> Result<(), RequestError> {
    match find(name, own).ok_or_else(|| refuse(Errno::ENOENT, ""))? {
        Takes::Words(words) if !words.contains(&value) => Err(refuse(Errno::EINVAL, "")),
        Takes::Words(_) => {
            device.attrs.insert(name.to_owned(), value.to_owned());
            Ok(())
        }
        Takes::NumberUnseen(most) => match value.parse::<u32>() {
            Err(_) => Err(refuse(Errno::EINVAL, "")),
            Ok(number) if number > most => Err(refuse(Errno::ENODEV, "")),
            Ok(_) => Ok(()),
        },
    }
}

/// What a device's attributes read as.
pub(super) fn readable(device: &SimulatedMdev, own: &[(&str, Takes)]) -> BTreeMap<String, String> {
    let first = OF_ALL.iter().chain(own).filter_map(|(name, takes)| match takes {
        Takes::Words(words) => Some(((*name).to_owned(), (*words.first()?).to_owned())),
        Takes::NumberUnseen(_) => None,
    });
    first.chain(device.attrs.clone()).collect()
}

impl SimulatedHost {
    /// Leaves of a function's attributes those that somebody asked for.
    pub(super) fn keep_told(&self, function: &mut Function) {
        let (FunctionId::Mdev { uuid }, Some(told)) = (&function.id, &self.told) else { return };
        let told = told.get(uuid);
        function.attrs.retain(|name, _| told.is_some_and(|told| told.contains(name)));
    }
}
