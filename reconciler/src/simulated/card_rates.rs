//! Rate leafs and nodes of cards, as the devlink core has them (net/devlink/rate.c), and what it leaves to their drivers.

use nix::errno::Errno;

use super::Answer;
use super::card_requests::{Driver, Host, find_port};
use super::cards::SimulatedCard;
use super::rates::{check_above, check_name};
use super::requests::refuse;
use crate::kernel::RequestError;
use crate::resource::{Child, Setting, Subject};
use crate::state::Rates;

/// `devlink_nl_rate_new_doit`.
pub(super) fn make_node(card: &mut SimulatedCard, driver: &dyn Driver, name: &str, host: &Host) -> Answer {
    check_name(name)?;
    if card.rate_nodes.contains_key(name) {
        return Err(refuse(Errno::EEXIST, ""));
    }
    driver.rate_node_new(card)?;
    card.rate_nodes.insert(name.to_owned(), host.rates.clone());
    Ok(())
}

/// `devlink_nl_rate_del_doit`.
pub(super) fn delete_node(card: &mut SimulatedCard, name: &str) -> Answer {
    check_name(name)?;
    if !card.rate_nodes.contains_key(name) {
        return Err(refuse(Errno::ENODEV, ""));
    }
    let leafs = card.ports().filter_map(|port| port.leaf.as_ref());
    if leafs.chain(card.rate_nodes.values()).any(|rates| rates.parent.as_deref() == Some(name)) {
        return Err(refuse(Errno::EBUSY, "Node has children. Cannot delete node."));
    }
    card.rate_nodes.remove(name);
    Ok(())
}

/// `devlink_nl_rate_set_doit`.
pub(super) fn set_rate(
    card: &mut SimulatedCard,
    driver: &dyn Driver,
    subject: &Subject,
    setting: &Setting,
) -> Answer {
    let Some(child) = &subject.child else { return Err(refuse(Errno::ENODEV, "")) };
    let unknown = || refuse(Errno::EINVAL, "Unknown attribute type");
    let found = find_rates(card, subject)?.clone();
    if !driver.has_rate_operation(child, setting) {
        return Err(refuse(Errno::EOPNOTSUPP, ""));
    }
    match setting {
        // Kernels before 6.2 have neither, and their family is parsed strictly.
        Setting::TxPriority(_) if found.tx_priority.is_none() => return Err(unknown()),
        Setting::TxWeight(_) if found.tx_weight.is_none() => return Err(unknown()),
        // What is at the top comes nowhere else, and the driver is not asked.
        Setting::RateParent(None) if found.parent.is_none() => return Ok(()),
        Setting::RateParent(Some(above)) => {
            if found.tx_priority.is_none() && found.parent.is_some() {
                return Err(refuse(Errno::EBUSY, "Rate object already has parent."));
            }
            check_above(&card.rate_nodes, subject, above)?;
        }
        _ => {}
    }
    driver.check_rate(card, child, setting)?;
    let rates = find_rates(card, subject)?;
    match setting {
        Setting::TxShare(rate) => rates.tx_share = *rate,
        Setting::TxMax(rate) => rates.tx_max = *rate,
        Setting::TxPriority(number) => rates.tx_priority = Some(*number),
        Setting::TxWeight(number) => rates.tx_weight = Some(*number),
        Setting::RateParent(above) => rates.parent.clone_from(above),
        _ => return Err(refuse(Errno::EOPNOTSUPP, "")),
    }
    Ok(())
}

fn find_rates<'c>(card: &'c mut SimulatedCard, subject: &Subject) -> Result<&'c mut Rates, RequestError> {
    let found = match &subject.child {
        Some(Child::Function(_)) => find_port(card, subject)?.1.leaf.as_mut(),
        Some(Child::RateNode(name)) => {
            check_name(name)?;
            card.rate_nodes.get_mut(name)
        }
        None | Some(Child::Vdpa(_) | Child::Bridge) => None,
    };
    found.ok_or_else(|| refuse(Errno::ENODEV, ""))
}
