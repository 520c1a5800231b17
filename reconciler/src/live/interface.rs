//! Requests to the network interfaces of functions.

use nix::errno::Errno;
use subdevcfg_netlink::NetlinkError;
use subdevcfg_netlink::conversation::Datagrams;
use subdevcfg_netlink::route::LinkChange;

use super::{LiveKernel, wire};
use crate::kernel::RequestError;
use crate::resource::{Side, Subject};

impl<D: Datagrams + 'static> LiveKernel<D> {
    pub(super) fn set_interface(
        &mut self,
        subject: &Subject,
        side: Side,
        change: &LinkChange,
    ) -> Result<(), RequestError> {
        let index = self.find_interface(subject, side)?;
        self.route.change(index, change).map_err(wire::request_error)
    }

    pub(super) fn find_interface(&mut self, subject: &Subject, side: Side) -> Result<u32, RequestError> {
        self.current()?;
        match self.interface_index(subject, side) {
            Some(index) => Ok(index),
            None => self.find(
                |mirror| mirror.interface(subject, side),
                || format!("{subject} has no {} in this network namespace", side.as_str()),
            ),
        }
    }

    /// Renames an interface. The name that the kernel gave it stays as an alternative one: what somebody has set up by that
    /// name still finds it. One that somebody chose goes.
    pub(super) fn rename(&mut self, index: u32, name: &str) -> Result<(), NetlinkError> {
        self.sysfs.wait_for_udev(index);
        let link = self.route.link(index)?;
        // The kernel takes no name that is an alternative one already, its own neither (`dev_get_valid_name`,
        // net/core/dev.c).
        let is_its_own = link.altnames.iter().any(|altname| altname == name);
        if is_its_own {
            self.route.remove_altname(index, name)?;
        }
        let is_the_kernels = link.name != name && !self.sysfs.name_was_chosen(&link.name);
        let change = LinkChange { name: Some(name.to_owned()), ..LinkChange::default() };
        let answer = self.route.change(index, &change);
        let stays = match &answer {
            Ok(()) => is_the_kernels.then_some(link.name.as_str()),
            Err(_) => is_its_own.then_some(name),
        };
        match stays.map(|altname| self.route.add_altname(index, altname)) {
            // Unless another interface has taken it meanwhile.
            Some(Err(error)) if error.refusal().is_none_or(|refusal| refusal.errno != Errno::EEXIST) => {
                answer.and(Err(error))
            }
            _ => answer,
        }
    }
}
