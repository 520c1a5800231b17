//! Rate leafs and nodes, as the devlink core and the bundled module have them (net/devlink/rate.c, `kmod/rate.c`).

use std::collections::BTreeMap;

use nix::errno::Errno;
use subdevcfg_compiler::values::{DevlinkHandle, EswitchMode, Rate};

use super::Answer;
use super::host::SimulatedHost;
use super::requests::{function, parent, refuse};
use crate::kernel::RequestError;
use crate::resource::{Child, Setting, Subject};
use crate::state::Rates;

/// The highest rate in bytes per second (`SD_RATE_MAX`, `kmod/rate.c`).
const MAX_RATE: u64 = 1_000_000_000_000;

pub(super) fn make_node(host: &mut SimulatedHost, handle: &DevlinkHandle, name: &str) -> Answer {
    let rates = host.new_rates();
    let found = parent(host, handle)?;
    check_name(name)?;
    if found.rate_nodes.contains_key(name) {
        return Err(refuse(Errno::EEXIST, ""));
    }
    if found.mode != EswitchMode::Switchdev {
        return Err(refuse(Errno::EOPNOTSUPP, "rate nodes are only supported in eswitch switchdev mode"));
    }
    found.rate_nodes.insert(name.to_owned(), rates);
    Ok(())
}

pub(super) fn delete_node(host: &mut SimulatedHost, handle: &DevlinkHandle, name: &str) -> Answer {
    let found = parent(host, handle)?;
    check_name(name)?;
    if !found.rate_nodes.contains_key(name) {
        return Err(refuse(Errno::ENODEV, ""));
    }
    let leafs = found.functions.iter().filter_map(|function| function.leaf.as_ref());
    if leafs.chain(found.rate_nodes.values()).any(|rates| rates.parent.as_deref() == Some(name)) {
        return Err(refuse(Errno::EBUSY, "Node has children. Cannot delete node."));
    }
    found.rate_nodes.remove(name);
    Ok(())
}

/// Writes one attribute of a leaf or node.
pub(super) fn set(host: &mut SimulatedHost, subject: &Subject, setting: &Setting) -> Answer {
    parent(host, &subject.parent)?;
    // The attributes are not known before 6.2, and the family is parsed strictly before anything is looked up.
    let is_unknown = matches!(setting, Setting::TxPriority(_) | Setting::TxWeight(_)) && host.is_before(6, 2);
    if is_unknown {
        if let Some(id) = subject.function_id() {
            function(host, &subject.parent, id)?;
        }
        return Err(refuse(Errno::EINVAL, "Unknown attribute type"));
    }
    find(host, subject)?;
    match setting {
        Setting::TxShare(Rate(rate)) | Setting::TxMax(Rate(rate)) if *rate > MAX_RATE => {
            return Err(refuse(Errno::EINVAL, "The rate is too high"));
        }
        // The module has no operations for them.
        Setting::TxPriority(_) | Setting::TxWeight(_) => return Err(refuse(Errno::EOPNOTSUPP, "")),
        Setting::RateParent(Some(above)) => {
            // Since 6.2 a child moves from one node to another in one go.
            if host.is_before(6, 2) && find(host, subject)?.parent.is_some() {
                return Err(refuse(Errno::EBUSY, "Rate object already has parent."));
            }
            check_above(&parent(host, &subject.parent)?.rate_nodes, subject, above)?;
        }
        _ => {}
    }
    let rates = find(host, subject)?;
    match setting {
        Setting::TxShare(rate) => rates.tx_share = *rate,
        Setting::TxMax(rate) => rates.tx_max = *rate,
        Setting::RateParent(above) => rates.parent.clone_from(above),
        _ => return Err(refuse(Errno::EOPNOTSUPP, "")),
    }
    Ok(())
}

/// `devlink_rate_node_get_from_attrs` takes no empty name, and none of digits alone.
pub(super) fn check_name(name: &str) -> Answer {
    if name.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(refuse(Errno::EINVAL, "Node name cannot be a decimal number"));
    }
    Ok(())
}

/// Without a leaf or node the request finds nothing to set (`devlink_rate_get_from_info`).
fn find<'h>(host: &'h mut SimulatedHost, subject: &Subject) -> Result<&'h mut Rates, RequestError> {
    let found = match &subject.child {
        Some(Child::Function(id)) => function(host, &subject.parent, id)?.leaf.as_mut(),
        Some(Child::RateNode(name)) => {
            let found = parent(host, &subject.parent)?;
            check_name(name)?;
            found.rate_nodes.get_mut(name)
        }
        None | Some(Child::Vdpa(_) | Child::Bridge) => None,
    };
    found.ok_or_else(|| refuse(Errno::ENODEV, ""))
}

/// `devlink_nl_rate_parent_node_set`.
pub(super) fn check_above(nodes: &BTreeMap<String, Rates>, subject: &Subject, above: &str) -> Answer {
    if !nodes.contains_key(above) {
        return Err(refuse(Errno::ENODEV, ""));
    }
    let Some(name) = subject.rate_node_name() else { return Ok(()) };
    if name == above {
        return Err(refuse(Errno::EINVAL, "Parent to self is not allowed"));
    }
    let mut at = Some(above);
    while let Some(found) = at {
        if found == name {
            return Err(refuse(Errno::EEXIST, "Node is already a parent of parent node."));
        }
        at = nodes.get(found).and_then(|rates| rates.parent.as_deref());
    }
    Ok(())
}
