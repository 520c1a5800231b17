//! A state as text.

use std::fmt::Write as _;

use subdevcfg_compiler::values::Rate;
use subdevcfg_reconciler::resource::Side;
use subdevcfg_reconciler::state::{Function, Parent, Rates, State, Vdpa, Vf};

/// The state for people: a line a parent, a line a function.
pub fn text(state: &State) -> String {
    let mut text = format!("kernel {}\n", state.volatile.0.kernel_release);
    if state.parents.is_empty() {
        text.push_str("no devlink parent devices\n");
    }
    for (handle, parent) in &state.parents {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "\n{handle}   {}", parent_words(parent));
        for (name, rates) in &parent.rate_nodes {
            let _ = writeln!(text, "  rate node {name}   {}", rate_words(rates));
        }
        for (name, vdpa) in &parent.vdpa {
            let _ = writeln!(text, "  vdpa {name}   {}", vdpa_words(vdpa));
        }
        for function in &parent.functions {
            let _ = writeln!(text, "  {}", function_words(function));
        }
    }
    for (name, bridge) in &state.bridges {
        let filtering = if bridge.vlan_filtering { ", vlan-filtering" } else { "" };
        let ports = match bridge.volatile.0.ports.as_slice() {
            [] => "no ports".to_owned(),
            ports => format!("ports {}", ports.join(", ")),
        };
        let _ = writeln!(text, "\nbridge {name}   {ports}{filtering}");
    }
    for unread in &state.unread {
        let _ = writeln!(text, "NOT READ  {}: {}", unread.what, unread.why);
    }
    text
}

fn parent_words(parent: &Parent) -> String {
    let mut words = vec![parent.driver.clone().unwrap_or_else(|| "driver unknown".to_owned())];
    words.extend(parent.volatile.0.manages_vdpa.then(|| "manages vDPA devices".to_owned()));
    words.extend(parent.without_devlink.then(|| "no devlink".to_owned()));
    words.extend(
        parent.settings().iter().map(|setting| format!("{} {}", setting.attribute(), setting.value())),
    );
    if let Some(capacity) = parent.soft.as_ref().and_then(|soft| soft.max_subdevices) {
        words.push(format!("{} of {capacity} subdevices", parent.functions.len()));
    }
    words.join(", ")
}

fn vdpa_words(vdpa: &Vdpa) -> String {
    let config = vdpa.config.settings();
    let mut words: Vec<String> =
        config.map(|setting| format!("{} {}", setting.attribute().as_str(), setting.value())).collect();
    words.extend(vdpa.volatile.0.driver.as_ref().map(|driver| format!("driver {driver}")));
    words.extend(vdpa.driver_override.as_ref().map(|name| format!("driver_override {name}")));
    words.extend(vdpa.volatile.0.users.iter().map(ToString::to_string));
    words.join(", ")
}

/// Limits and place of a rate leaf or node, as far as it has any.
fn rate_words(rates: &Rates) -> String {
    let limited = |word: &str, rate: Rate| (rate.0 > 0).then(|| format!("{word} {rate}"));
    let numbered = |word: &str, number: Option<u32>| {
        number.filter(|&number| number > 0).map(|number| format!("{word} {number}"))
    };
    let words = [
        limited("tx-max", rates.tx_max),
        limited("tx-share", rates.tx_share),
        numbered("tx-priority", rates.tx_priority),
        numbered("tx-weight", rates.tx_weight),
        rates.parent.as_ref().map(|parent| format!("below {parent}")),
    ];
    words.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// What a PF has set for a VF, and its driver.
fn vf_words(vf: &Vf) -> Vec<String> {
    let set = vf.legacy.values().filter(|setting| !setting.is_nothing());
    let mut words: Vec<String> =
        set.map(|setting| format!("{} {}", setting.attribute().as_str(), setting.value())).collect();
    if let Some(device) = &vf.device {
        words.push(device.address.0.clone());
        words.extend(device.driver.as_ref().map(|driver| format!("driver {driver}")));
        words.extend(device.driver_override.as_ref().map(|name| format!("driver_override {name}")));
    }
    words
}

fn function_words(function: &Function) -> String {
    let mut words = vec![function.id.to_string()];
    words.extend(function.mdev_type.clone());
    words.push(if function.active { "active" } else { "inactive" }.to_owned());
    words.extend(function.mac.map(|mac| format!("mac {mac}")));
    words.extend(function.vf.iter().flat_map(vf_words));
    words.extend(function.rates.as_ref().map(rate_words).filter(|words| !words.is_empty()));
    for (name, values) in &function.params {
        words.extend(values.values().map(|value| format!("{name} {value}")));
    }
    for side in Side::ALL {
        if let Some(interface) = function.interface(side) {
            let up = if interface.up { "up" } else { "down" };
            words.push(format!("{} {} mtu {} {up}", side.as_str(), interface.volatile.0.name, interface.mtu));
        }
    }
    words.join(", ")
}
