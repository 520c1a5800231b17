//! The parts of a device that stand for themselves, and bridges.

use super::value;
use crate::diagnostic::{Code, Diagnostic};
use crate::model::{
    Bridge, Eswitch, Match, Place, RateNode, Rates, Require, SoftParent, Sourced, Uplink, Vdpa,
};
use crate::syntax::Node;

/// Which device is meant: a handle says it itself, a name needs a `match`.
pub(super) fn place(node: &Node, name: &Sourced<String>, diagnostics: &mut Vec<Diagnostic>) -> Option<Place> {
    let matching = node.child("match");
    // `0000:08:00.0` is no name: whoever writes it means a handle.
    let is_name = name.value.parse::<value::GivenName>().is_ok();
    if name.value.contains('/') || matching.is_none() && !is_name {
        if let Some(matching) = matching {
            let message = format!("`{}` is a handle already: nothing is left to `match`", name.value);
            diagnostics.push(
                Diagnostic::new(Code::NoMatch, message, matching.span, "finds what is found")
                    .and(name.span, "a handle")
                    .help("remove the `match`, or give the device a name without `/`"),
            );
        }
        let value = node.argument(0)?;
        return value::formed(value, diagnostics).map(|handle| Place::Handle(handle.value));
    }
    let Some(matching) = matching else {
        if !node.incomplete {
            let message = format!("nothing says which device `{}` is", name.value);
            diagnostics.push(Diagnostic::new(Code::NoMatch, message, name.span, "not a handle, and without a `match`").help(
                "write a handle such as \"pci/0000:08:00.0\" (`devlink dev show` lists them), or put a `match` into the block",
            ));
        }
        return None;
    };
    value::formed::<value::GivenName>(node.argument(0)?, diagnostics)?;
    if matching.properties.is_empty() && !matching.incomplete {
        let message = format!("the `match` of `{}` fits every device", name.value);
        diagnostics.push(
            Diagnostic::new(Code::NoMatch, message, matching.span, "without any property")
                .help("say what is special about it, for example `match pci-slot=\"3\"`"),
        );
    }
    let text = |name| matching.property(name).and_then(value::text);
    Some(Place::Match(Box::new(Match {
        span: matching.span,
        pci_slot: text("pci-slot"),
        board_serial: text("board-serial"),
        port: matching.property("port").and_then(value::number),
        mac: matching.property("mac").and_then(|value| value::mac(value, diagnostics)),
        driver: text("driver"),
        netdev: matching.property("netdev").and_then(|value| value::formed(value, diagnostics)),
    })))
}

pub(super) fn soft_parent(node: &Node, diagnostics: &mut Vec<Diagnostic>) -> SoftParent {
    SoftParent {
        span: node.span,
        max_subdevices: node.property("max-subdevices").and_then(value::number),
        lower: node.property("lower").and_then(|value| value::formed(value, diagnostics)),
        mac_base: node.property("mac-base").and_then(|value| value::mac(value, diagnostics)),
    }
}

pub(super) fn require(node: &Node, diagnostics: &mut Vec<Diagnostic>) -> Require {
    Require {
        sf_capacity: node.property("sf-capacity").and_then(value::number),
        vf_capacity: node.property("vf-capacity").and_then(value::number),
        firmware: node.property("firmware").and_then(|value| value::formed(value, diagnostics)),
    }
}

pub(super) fn eswitch(node: &Node) -> Eswitch {
    Eswitch {
        mode: node.property("mode").and_then(value::word),
        inline_mode: node.property("inline-mode").and_then(value::word),
        encap_mode: node.property("encap-mode").and_then(value::word),
    }
}

pub(super) fn uplink(node: &Node) -> Uplink {
    Uplink {
        mtu: node.property("mtu").and_then(value::number),
        up: node.property("up").and_then(value::boolean),
        hw_tc_offload: node.property("hw-tc-offload").and_then(value::boolean),
    }
}

pub(super) fn rate_node(node: &Node, diagnostics: &mut Vec<Diagnostic>) -> Option<RateNode> {
    let name = value::given_name(node.argument(0)?, diagnostics);
    let rates = rates(node, diagnostics);
    Some(RateNode { name: name?, rates })
}

/// The vDPA devices of a device, by their names.
pub(super) fn vdpas(node: &Node, diagnostics: &mut Vec<Diagnostic>) -> Vec<Vdpa> {
    let mut vdpas: Vec<_> = node.all("vdpa").filter_map(|node| vdpa(node, diagnostics)).collect();
    vdpas.sort_by(|a, b| a.name.value.cmp(&b.name.value));
    vdpas
}

fn vdpa(node: &Node, diagnostics: &mut Vec<Diagnostic>) -> Option<Vdpa> {
    let name = value::given_name(node.argument(0)?, diagnostics);
    let mac = node.property("mac").and_then(|value| value::mac(value, diagnostics));
    Some(Vdpa {
        name: name?,
        mac,
        mtu: node.property("mtu").and_then(value::number),
        max_vqp: node.property("max-vqp").and_then(value::number),
        bind: node.child("bind").and_then(|node| node.argument(0)).and_then(value::text),
    })
}

/// The properties that rate nodes and the leafs of functions share.
pub(super) fn rates(node: &Node, diagnostics: &mut Vec<Diagnostic>) -> Rates {
    let mut rate = |name| node.property(name).and_then(|value| value::formed(value, diagnostics));
    Rates {
        tx_share: rate("tx-share"),
        tx_max: rate("tx-max"),
        tx_priority: node.property("tx-priority").and_then(value::number),
        tx_weight: node.property("tx-weight").and_then(value::number),
        parent: node.property("parent").and_then(|value| value::given_name(value, diagnostics)),
    }
}

pub(super) fn bridge(node: &Node, diagnostics: &mut Vec<Diagnostic>) -> Option<Bridge> {
    let name = value::formed(node.argument(0)?, diagnostics);
    Some(Bridge {
        name: name?,
        kind: node.property("kind").and_then(value::word)?,
        vlan_filtering: node.property("vlan-filtering").and_then(value::boolean),
    })
}
