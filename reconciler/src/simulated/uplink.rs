//! The uplink of a parent: its interface is registered with the parent, and again by a reload (`kmod/eswitch.c`).

use nix::errno::Errno;
use subdevcfg_compiler::values::DevlinkHandle;

use super::host::SimulatedHost;
use super::requests::{MIN_MTU, parent, refuse};
use crate::kernel::RequestError;
use crate::resource::{Subject, UplinkSetting};

/// A new interface in the place of the one that was there.
pub(super) fn register(host: &mut SimulatedHost, handle: &DevlinkHandle) -> Result<(), RequestError> {
    let found = parent(host, handle)?;
    found.uplink = None;
    let max_mtu = found.max_mtu();
    let uplink = host.new_interface(max_mtu);
    parent(host, handle)?.uplink = Some(uplink);
    Ok(())
}

pub(super) fn set(
    host: &mut SimulatedHost,
    subject: &Subject,
    setting: UplinkSetting,
) -> Result<(), RequestError> {
    if !subject.is_parent() {
        return Err(refuse(Errno::EOPNOTSUPP, ""));
    }
    let vanished = RequestError::Vanished(format!("{subject} has no uplink"));
    let uplink = parent(host, &subject.parent)?.uplink.as_mut().ok_or(vanished)?;
    match setting {
        UplinkSetting::Mtu(mtu) if !(MIN_MTU..=uplink.max_mtu).contains(&mtu) => {
            return Err(refuse(Errno::EINVAL, "mtu out of range"));
        }
        UplinkSetting::Mtu(mtu) => uplink.mtu = mtu,
        UplinkSetting::Up(up) => uplink.up = up,
        // The module has none: the kernel lets the request pass, and nothing changes.
        UplinkSetting::HwTcOffload(true) => return Err(refuse(Errno::EOPNOTSUPP, "")),
        UplinkSetting::HwTcOffload(false) => {}
    }
    Ok(())
}
