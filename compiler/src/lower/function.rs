//! The parts of a subdevice that stand for themselves.

use super::{value, written};
use crate::diagnostic::{Code, Diagnostic};
use crate::model::{BridgePort, Interface, LegacyVf, PortFunction, PortVlan, Sourced};
use crate::syntax::Node;
use crate::values::NumberRange;

/// The `function` node, without its MAC address.
pub(super) fn port_function(node: &Node) -> PortFunction {
    let boolean = |name| node.property(name).and_then(value::boolean);
    PortFunction {
        mac: None,
        roce: boolean("roce"),
        max_io_eqs: node.property("max-io-eqs").and_then(value::number),
        migratable: boolean("migratable"),
        ipsec_crypto: boolean("ipsec-crypto"),
        ipsec_packet: boolean("ipsec-packet"),
    }
}

/// A `netdev` or `representor` node.
pub(super) fn interface(node: &Node, name: &str, diagnostics: &mut Vec<Diagnostic>) -> Option<Interface> {
    let node = node.child(name)?;
    let name = node.argument(0).and_then(|value| value::formed(value, diagnostics));
    Some(Interface {
        span: node.span,
        name: name?,
        mtu: node.property("mtu").and_then(value::number),
        up: node.property("up").and_then(value::boolean),
    })
}

/// The `legacy` node.
pub(super) fn legacy(node: &Node, diagnostics: &mut Vec<Diagnostic>) -> LegacyVf {
    let boolean = |name| node.property(name).and_then(value::boolean);
    LegacyVf {
        span: node.span,
        mac: node.property("mac").and_then(|value| value::mac(value, diagnostics)),
        vlan: node.property("vlan").and_then(value::number),
        qos: node.property("qos").and_then(value::number),
        proto: node.property("proto").and_then(value::word),
        trust: boolean("trust"),
        spoofchk: boolean("spoofchk"),
        link_state: node.property("link-state").and_then(value::word),
        rate_min: node.property("rate-min").and_then(|value| value::formed(value, diagnostics)),
        rate_max: node.property("rate-max").and_then(|value| value::formed(value, diagnostics)),
    }
}

/// The `bridge` node of a representor.
pub(super) fn bridge_port(node: &Node, diagnostics: &mut Vec<Diagnostic>) -> Option<BridgePort> {
    let bridge = value::formed(node.argument(0)?, diagnostics);
    let mut vlans: Vec<_> = node.all("vlan").filter_map(|node| port_vlan(node, diagnostics)).collect();
    vlans.sort_by_key(|vlan| vlan.vlans.value);
    let trunks = node.property("trunks").and_then(|value| value::formed(value, diagnostics));
    Some(BridgePort { bridge: bridge?, vlans, tag: node.property("tag").and_then(value::number), trunks })
}

fn port_vlan(node: &Node, diagnostics: &mut Vec<Diagnostic>) -> Option<PortVlan> {
    Some(PortVlan {
        vlans: vlans(node, diagnostics)?,
        pvid: node.property("pvid").and_then(value::boolean),
        untagged: node.property("untagged").and_then(value::boolean),
    })
}

/// One VLAN, or all from one to another.
fn vlans(node: &Node, diagnostics: &mut Vec<Diagnostic>) -> Option<Sourced<NumberRange>> {
    let (id, from, to) = (node.argument(0), node.property("from"), node.property("to"));
    if !value::one_of(node, ("a number", id), ("`from=` and `to=`", from.or(to)), diagnostics) {
        return None;
    }
    if let Some(id) = id {
        let id = id.number()?;
        return NumberRange::new(id, id).map(|range| written(range, node.span));
    }
    let (Some(from), Some(to)) = (from, to) else {
        let missing = if from.is_none() { "from" } else { "to" };
        diagnostics.extend((!node.incomplete).then(|| {
            let message = format!("a range of VLANs needs `{missing}=` as well");
            Diagnostic::new(Code::MissingProperty, message, node.span, format!("no `{missing}=`"))
                .help("both ends belong to the range; a single VLAN is `vlan 100`")
        }));
        return None;
    };
    let (first, last): (u32, u32) = (from.number()?, to.number()?);
    let range = NumberRange::new(first, last);
    if range.is_none() {
        let message = format!("VLANs go up: {last} is below {first}");
        diagnostics.push(
            Diagnostic::new(Code::OutOfRange, message, to.span, "the last VLAN")
                .and(from.span, "the first VLAN")
                .help("both ends belong to the range"),
        );
    }
    range.map(|range| written(range, node.span))
}
