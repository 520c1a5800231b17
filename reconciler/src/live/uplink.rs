//! The uplink of a parent.

use nix::errno::Errno;
use subdevcfg_netlink::conversation::Datagrams;
use subdevcfg_netlink::ethtool::Feature;
use subdevcfg_netlink::route::LinkChange;

use super::{LiveKernel, wire};
use crate::kernel::RequestError;
use crate::resource::{Subject, UplinkSetting};

impl<D: Datagrams + 'static> LiveKernel<D> {
    /// Whether an interface offloads tc rules; `None` where the kernel does not tell.
    pub(super) fn offload(&mut self, index: u32) -> Option<Feature> {
        self.ethtool.hw_tc_offload(index).ok()
    }

    pub(super) fn set_uplink(
        &mut self,
        subject: &Subject,
        setting: UplinkSetting,
    ) -> Result<(), RequestError> {
        let parent = wire::netlink_handle(&subject.parent);
        let index = self.find(
            |mirror| mirror.uplink(&parent),
            || format!("{subject} has no uplink in this network namespace"),
        )?;
        let change = match setting {
            UplinkSetting::Mtu(mtu) => LinkChange { mtu: Some(mtu), ..LinkChange::default() },
            UplinkSetting::Up(up) => LinkChange { up: Some(up), ..LinkChange::default() },
            UplinkSetting::HwTcOffload(on) => return self.set_offload(index, on),
        };
        self.route.change(index, &change).map_err(wire::request_error)
    }

    /// The kernel lets a request pass that the driver does nothing about (`ethnl_set_features` in net/ethtool/features.c).
    fn set_offload(&mut self, index: u32, on: bool) -> Result<(), RequestError> {
        self.ethtool.set_hw_tc_offload(index, on).map_err(wire::request_error)?;
        let now = self.ethtool.hw_tc_offload(index).map_err(wire::request_error)?;
        if now.active == on {
            return Ok(());
        }
        Err(wire::refused(Errno::EOPNOTSUPP, "the driver left hw-tc-offload as it was".to_owned()))
    }
}
