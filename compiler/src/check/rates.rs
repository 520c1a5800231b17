//! Transmit rates that cannot be kept, and the tree of rate nodes.

use std::collections::{BTreeMap, BTreeSet};

use crate::diagnostic::{Code, Diagnostic};
use crate::model::{Device, RateNode, Rates, Sourced};
use crate::nearest::nearest;

pub(super) fn check(device: &Device, diagnostics: &mut Vec<Diagnostic>) {
    let nodes: BTreeMap<&str, &RateNode> =
        device.rate_nodes.iter().map(|node| (node.name.value.as_str(), node)).collect();
    let leafs = device.subdevices.iter().map(|subdevice| &subdevice.rate);
    let all: Vec<&Rates> = leafs.chain(device.rate_nodes.iter().map(|node| &node.rates)).collect();
    for rates in &all {
        diagnostics.extend(above_max(rates));
        let by_driver =
            |name: &str| device.catalogue.as_ref().is_some_and(|known| known.makes_rate_node(name));
        let known = |name: &str| name == Rates::TOP || nodes.contains_key(name) || by_driver(name);
        if let Some(parent) = rates.parent.as_ref().filter(|parent| !known(&parent.value)) {
            diagnostics.push(undeclared(&nodes, parent));
        }
    }
    circles(&nodes, diagnostics);
    for node in &device.rate_nodes {
        diagnostics.extend(shares(node, &all));
    }
}

fn above_max(rates: &Rates) -> Option<Diagnostic> {
    let (share, max) = (rates.tx_share.as_ref()?, rates.tx_max.as_ref()?);
    // Zero is no limit.
    if max.value.0 == 0 || share.value <= max.value {
        return None;
    }
    let message = format!("the share of {} is above the limit of {}", share.value, max.value);
    Some(
        Diagnostic::new(Code::ShareAboveMax, message, share.span, "more than it may send")
            .and(max.span, "the most that it may send")
            .help("`tx-share=` is what is kept for the function, `tx-max=` the most that it may send"),
    )
}

fn undeclared(nodes: &BTreeMap<&str, &RateNode>, parent: &Sourced<String>) -> Diagnostic {
    let name = &parent.value;
    let help = match nearest(name, nodes.keys().copied()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("write `rate-node {name}` into the block of the device"),
    };
    let message = format!("no `rate-node` declares `{name}`");
    Diagnostic::new(Code::UnknownRateNode, message, parent.span, "declared nowhere").help(help)
}

/// Each circle once, told from the first of its nodes in the order of the text.
fn circles(nodes: &BTreeMap<&str, &RateNode>, diagnostics: &mut Vec<Diagnostic>) {
    let above = |name: &str| nodes.get(name)?.rates.parent.as_ref();
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    for &start in nodes.keys() {
        let mut path: Vec<&str> = Vec::new();
        let mut at = Some(start);
        while let Some(name) = at.filter(|name| !seen.contains(name)) {
            seen.insert(name);
            path.push(name);
            at = above(name).map(|parent| parent.value.as_str());
        }
        let Some(entry) = at.and_then(|name| path.iter().position(|known| *known == name)) else { continue };
        let mut circle: Vec<_> =
            path[entry..].iter().filter_map(|name| Some((*name, above(name)?))).collect();
        let Some(first) =
            circle.iter().enumerate().min_by_key(|(_, (_, parent))| parent.span).map(|(place, _)| place)
        else {
            continue;
        };
        circle.rotate_left(first);
        let Some(((name, parent), others)) = circle.split_first() else { continue };
        let message = match others.len() {
            0 => format!("the rate node `{name}` is below itself"),
            _ => format!("the rate nodes below `{name}` lead back to it"),
        };
        let label = format!("`{name}` is below `{}`", parent.value);
        let mut diagnostic = Diagnostic::new(Code::RateCycle, message, parent.span, label);
        for (name, parent) in others {
            diagnostic = diagnostic.and(parent.span, format!("and `{name}` below `{}`", parent.value));
        }
        diagnostics.push(diagnostic.help("take the `parent=` from one of them: it is then at the top"));
    }
}

/// The shares below a node against its limit.
fn shares(node: &RateNode, all: &[&Rates]) -> Option<Diagnostic> {
    let max = node.rates.tx_max.as_ref().filter(|max| max.value.0 > 0)?;
    let below = all
        .iter()
        .filter(|rates| rates.parent.as_ref().is_some_and(|parent| parent.value == node.name.value));
    let mut shares: Vec<_> = below.filter_map(|rates| rates.tx_share.as_ref()).collect();
    shares.sort_by_key(|share| share.span);
    let sum = shares.iter().fold(0_u64, |sum, share| sum.saturating_add(share.value.0));
    if sum <= max.value.0 {
        return None;
    }
    let sum = crate::values::Rate(sum);
    let message = format!(
        "the shares below `{}` are {sum} together, above its limit of {}",
        node.name.value, max.value
    );
    let mut diagnostic = Diagnostic::new(Code::SharesAboveMax, message, max.span, "the limit");
    for share in shares.iter().take(4) {
        diagnostic = diagnostic.and(share.span, "a share of it");
    }
    Some(diagnostic.help(format!("write `tx-max=\"{sum}\"` or more, or smaller shares")))
}
