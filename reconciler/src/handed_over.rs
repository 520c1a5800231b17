//! Netdevs that a file hands over (`hand-over to=cni`, `to=libvirt`): whoever configures interfaces by itself is to leave
//! them alone from the moment that they appear. udev tells them of it, by a rule that looks for a mark with the name of
//! the device below which the netdev appears.

use std::collections::BTreeSet;

use subdevcfg_compiler::values::DevlinkHandle;

use crate::desired::Desired;
use crate::plan;
use crate::resource::FunctionId;
use crate::state::State;

/// The names of the marks, as packaging/udev/78-subdevcfg.rules makes them up from the devices that it finds:
/// `0000:08:00.0-sf88` of a subfunction, its UUID of a mediated device, `0000:08:00.2` of a VF. Functions whose netdevs are
/// another host's have none.
pub fn marks(
    desired: &Desired,
    state: &State,
    vf_address: impl Fn(&DevlinkHandle, u32) -> Option<String>,
) -> BTreeSet<String> {
    let placed = plan::placed(desired, state);
    let functions = placed
        .parents
        .iter()
        .flat_map(|parent| parent.functions.iter().map(move |function| (&parent.subject.parent, function)));
    let handed_over = functions.filter(|(_, function)| !function.absent && function.left.netdev());
    let mark = |parent: &DevlinkHandle, id: &FunctionId| match id {
        FunctionId::Sf { controller: 0, number, .. } => Some(format!("{}-sf{number}", parent.device())),
        FunctionId::Vf { controller: 0, index, .. } => vf_address(parent, *index),
        FunctionId::Mdev { uuid } => Some(uuid.to_string()),
        FunctionId::Sf { .. } | FunctionId::Vf { .. } | FunctionId::Pf { .. } => None,
    };
    handed_over.filter_map(|(parent, function)| mark(parent, &function.id)).collect()
}
