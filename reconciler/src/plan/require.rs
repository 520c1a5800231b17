//! What a device must offer before anything is done on it.

use subdevcfg_compiler::values::Version;

use super::lane::Draft;
use crate::desired::{DesiredParent, Required};
use crate::state::Parent;

/// Refuses a device that does not offer what the file requires, and says what would.
pub(super) fn check(draft: &mut Draft<'_>, desired: &DesiredParent, origin: Option<&Parent>) {
    let Required { sf_capacity, vf_capacity, firmware } = &desired.required;
    // Of a host that only a file describes nobody knows what its devices offer.
    let is_told = draft.input.state.volatile.0.soft_buses.is_some();
    if let Some(wanted) = vf_capacity {
        vfs(draft, desired, origin, *wanted);
    }
    if let Some(wanted) = sf_capacity {
        let resource = desired.catalogue.as_deref().and_then(|catalogue| catalogue.sf_capacity.as_deref());
        let found = match (origin, resource) {
            (Some(origin), Some(resource)) => origin.volatile.0.hardware.resources.get(resource).copied(),
            // It is made by this plan.
            (None, _) => desired.create.as_ref().and_then(|spec| spec.max_subdevices).map(u64::from),
            (Some(_), None) => None,
        };
        match found {
            Some(found) if found >= u64::from(*wanted) => {}
            Some(found) => {
                let text = format!(
                    "it has room for {found} subfunctions, and the file requires {wanted}: raise it in the device's \
                     firmware, or with `create max-subdevices=` where it is made in software"
                );
                draft.refuse(&desired.address, text);
            }
            None if !is_told => {}
            None => {
                let text = "how many subfunctions it has room for is not told (devlink resource show): leave \
                            `sf-capacity=` out";
                draft.refuse(&desired.address, text);
            }
        }
    }
    let Some(wanted) = firmware else { return };
    let found = origin.and_then(|origin| origin.volatile.0.hardware.firmware.as_deref());
    match found.map(|found| (found, found.parse::<Version>())) {
        Some((_, Ok(version))) if wanted.contains(&version) => {}
        Some((found, Ok(_))) => {
            let text = format!(
                "its firmware is {found}, and the file requires {wanted}: update it (devlink dev flash), or ask for less"
            );
            draft.refuse(&desired.address, text);
        }
        Some((found, Err(_))) => {
            let text =
                format!("its firmware is `{found}`, which no version compares with: leave `firmware=` out");
            draft.refuse(&desired.address, text);
        }
        None if !is_told => {}
        None => {
            let text = "it does not tell which firmware runs (devlink dev info): leave `firmware=` out";
            draft.refuse(&desired.address, text);
        }
    }
}

/// Of a device that can have VFs and does not tell how many, any number is believed until it is tried.
fn vfs(draft: &mut Draft<'_>, desired: &DesiredParent, origin: Option<&Parent>, wanted: u32) {
    let sriov = origin.and_then(|origin| origin.sriov.as_ref());
    let text = match sriov.map(|sriov| sriov.most.0) {
        Some(Some(most)) if most < wanted => format!(
            "it can have {most} VFs, and the file requires {wanted}: raise that in the device's firmware (`devlink dev \
             param`, or the maker's tool)"
        ),
        Some(_) => return,
        None if draft.input.state.volatile.0.soft_buses.is_none() => return,
        None => format!(
            "it can have no VFs (the kernel has no sriov_numvfs for it), and the file requires {wanted}"
        ),
    };
    draft.refuse(&desired.address, text);
}
