//! Who uses a function: its interfaces, or itself.

use std::collections::BTreeSet;

use subdevcfg_compiler::values::DevlinkHandle;
use subdevcfg_netlink::conversation::Datagrams;

use super::observe::Dumps;
use super::{LiveKernel, wire};
use crate::kernel::ObserveError;
use crate::resource::{Side, Subject};
use crate::state::{FunctionUser, User};

impl<D: Datagrams + 'static> LiveKernel<D> {
    /// Who uses a function: its interfaces, of each of which it is told where it is or that it is elsewhere; then itself.
    pub(super) fn function_users(
        &mut self,
        subject: &Subject,
        instance: Option<&DevlinkHandle>,
        (interfaces, elsewhere): ([Option<u32>; 2], [bool; 2]),
        dumps: &Dumps,
    ) -> Result<Vec<FunctionUser>, ObserveError> {
        let mut users = Vec::new();
        for ((side, index), elsewhere) in Side::ALL.into_iter().zip(interfaces).zip(elsewhere) {
            let elsewhere = (index.is_none() && elsewhere).then_some(User::Elsewhere);
            let all = self.interface_users(index, dumps)?.into_iter().chain(elsewhere);
            users.extend(all.map(|user| FunctionUser { side: Some(side), user }));
        }
        let of_vf = || self.mirror.vf_device(subject).map(wire::devlink_handle);
        let device = instance.cloned().or_else(of_vf);
        let rdma = device.as_ref().and_then(|device| dumps.rdma.devices.get(device));
        users.extend(rdma.into_iter().flatten().map(|user| FunctionUser { side: None, user: user.clone() }));
        users.extend(self.vfio_users(subject, dumps.open_files.as_ref()));
        users.extend(self.users_of_carried(device.as_ref(), dumps.open_files.as_ref()));
        Ok(users)
    }

    /// Who uses an interface.
    pub(super) fn interface_users(
        &mut self,
        index: Option<u32>,
        dumps: &Dumps,
    ) -> Result<Vec<User>, ObserveError> {
        let Some(index) = index else { return Ok(Vec::new()) };
        let mut users = dumps.users.get(&index).cloned().unwrap_or_default();
        users.extend(self.filters(index, dumps)?);
        users.extend(dumps.rdma.interfaces.get(&index).into_iter().flatten().cloned());
        Ok(users)
    }

    /// The tc filters of an interface. Open vSwitch offloads its flows as such: those of a port of it are its own.
    fn filters(&mut self, index: u32, dumps: &Dumps) -> Result<Option<User>, ObserveError> {
        let upper = dumps.links.get(&index).and_then(|link| dumps.links.get(&link.upper?));
        if upper.is_some_and(|upper| upper.kind.as_deref() == Some("openvswitch")) {
            return Ok(None);
        }
        let mut kinds = BTreeSet::new();
        for hook in dumps.hooks.get(&index).into_iter().flatten() {
            kinds.extend(self.route.filters(index, *hook)?);
        }
        Ok((!kinds.is_empty()).then(|| User::TcFilters(kinds.into_iter().collect())))
    }
}
