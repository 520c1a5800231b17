//! Bridges and the ports that representors are of them.

use crate::diagnostic::{Code, Diagnostic};
use crate::model::{Bridge, BridgePort, HostModel};
use crate::nearest::nearest;
use crate::values::BridgeKind;

pub(super) fn check(host: &HostModel, diagnostics: &mut Vec<Diagnostic>) {
    let subdevices = host.devices.iter().flat_map(|device| &device.subdevices);
    for port in subdevices.filter_map(|subdevice| subdevice.port.as_ref()) {
        match host.bridges.iter().find(|bridge| bridge.name.value == port.bridge.value) {
            Some(bridge) => diagnostics.extend(other_kind(bridge, port)),
            None => diagnostics.push(undeclared(host, port)),
        }
        vlans(port, diagnostics);
        trunks(port, diagnostics);
    }
    for bridge in &host.bridges {
        if let (Some(filtering), BridgeKind::Ovs) = (&bridge.vlan_filtering, bridge.kind.value) {
            let message =
                format!("`{}` is an Open vSwitch bridge, which always looks at VLANs", bridge.name.value);
            diagnostics.push(
                Diagnostic::new(Code::OtherBridge, message, filtering.span, "for Linux bridges")
                    .and(bridge.kind.span, "its kind")
                    .help("remove `vlan-filtering=`"),
            );
        }
    }
}

fn undeclared(host: &HostModel, port: &BridgePort) -> Diagnostic {
    let name = &port.bridge.value;
    let message = format!("no `bridge` node declares `{name}`");
    let known = host.bridges.iter().map(|bridge| bridge.name.value.as_str());
    let help = match nearest(name.as_str(), known) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("write `bridge {name} kind=linux` or `kind=ovs` at the top of the file"),
    };
    Diagnostic::new(Code::UnknownBridge, message, port.bridge.span, "declared nowhere").help(help)
}

/// The words of one kind of bridge on a port of the other.
fn other_kind(bridge: &Bridge, port: &BridgePort) -> Option<Diagnostic> {
    let vlan = port.vlans.iter().map(|vlan| vlan.vlans.span).min().map(|span| ("vlan", span));
    let ovs = port.tag.as_ref().map(|tag| ("tag=", tag.span));
    let ovs = ovs.or(port.trunks.as_ref().map(|trunks| ("trunks=", trunks.span)));
    let (found, help) = match bridge.kind.value {
        BridgeKind::Linux => (ovs, "the VLANs of a Linux bridge's port are `vlan` nodes in its block"),
        BridgeKind::Ovs => {
            (vlan, "on an Open vSwitch bridge write `tag=` for an access port, `trunks=` for a trunk")
        }
    };
    let (word, span) = found?;
    let message =
        format!("`{}` is a bridge of kind `{}`, which has no `{word}`", bridge.name.value, bridge.kind.value);
    Some(
        Diagnostic::new(Code::OtherBridge, message, span, "of the other kind")
            .and(bridge.kind.span, "its kind")
            .help(help),
    )
}

/// The numbers of VLANs are those of a `vlan` node, whatever else a range can be of.
fn trunks(port: &BridgePort, diagnostics: &mut Vec<Diagnostic>) {
    let Some(trunks) = &port.trunks else { return };
    if trunks.value.from < 1 || trunks.value.to > 4094 {
        let message = format!("VLANs have numbers from 1 to 4094, and `trunks=` is {}", trunks.value);
        diagnostics.push(
            Diagnostic::new(Code::OutOfRange, message, trunks.span, "out of range")
                .help("write `trunks=\"1..4094\"` for all of them"),
        );
    }
}

fn vlans(port: &BridgePort, diagnostics: &mut Vec<Diagnostic>) {
    let mut vlans: Vec<_> = port.vlans.iter().collect();
    vlans.sort_by_key(|vlan| vlan.vlans.span);
    for (place, vlan) in vlans.iter().enumerate() {
        let earlier = || vlans.iter().take(place);
        if let Some(first) = earlier().find(|first| first.vlans.value.overlaps(vlan.vlans.value)) {
            let message = format!("VLAN {} of `{}` is given twice", vlan.vlans.value, port.bridge.value);
            diagnostics.push(
                Diagnostic::new(Code::RepeatedVlan, message, vlan.vlans.span, "given again")
                    .and(first.vlans.span, "first given here")
                    .help("keep one of them"),
            );
        }
        let is_pvid = |vlan: &&&crate::model::PortVlan| vlan.pvid.as_ref().is_some_and(|pvid| pvid.value);
        if let (Some(pvid), true) = (&vlan.pvid, is_pvid(&vlan)) {
            let range = vlan.vlans.value;
            if range.from != range.to {
                let message = format!("untagged frames belong to one VLAN, and this is {range}");
                diagnostics.push(
                    Diagnostic::new(Code::TwoPvids, message, pvid.span, "of several VLANs")
                        .help("give the VLAN of untagged frames a `vlan` node of its own"),
                );
            } else if let Some(first) = earlier().find(is_pvid) {
                let message = format!("`{}` has two VLANs for untagged frames", port.bridge.value);
                diagnostics.push(
                    Diagnostic::new(Code::TwoPvids, message, pvid.span, "a second one")
                        .and(first.vlans.span, "the first")
                        .help("keep one `pvid=#true`"),
                );
            }
        }
    }
}
