//! The `subdevice` node.

use super::param::{ParamContext, params};
use super::{HostIdentity, value, written};
use crate::catalogue::{Catalogue, ParamOwner};
use crate::diagnostic::{Code, Diagnostic};
use crate::identity;
use crate::model::{Interface, Lifecycle, Param, PortFunction, Rates, Sourced, Subdevice};
use crate::syntax::{Node, Value};
use crate::values::{MacAddr, Scalar};

/// What a subdevice needs to know of what it stands in.
pub(super) struct SubdeviceContext<'a> {
    pub host: &'a HostIdentity<'a>,
    /// What subfunctions without a number choose from.
    pub sf_numbers: Option<(u32, u32)>,
    /// Whether it is known that there is nothing to choose from where there is none.
    pub wants_number: bool,
    /// The device, as the file writes it.
    pub device: &'a str,
    pub params: ParamContext<'a>,
}

/// Lowers one subdevice. One without a name or lifecycle is not in the model, but what is wrong in it is reported.
pub(super) fn subdevice(
    node: &Node,
    context: &SubdeviceContext<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Subdevice> {
    let name = node.argument(0).and_then(|value| value::formed::<value::SubdeviceName>(value, diagnostics));
    let name = name.map(|name| written(name.value.0, name.span));
    let lifecycle = lifecycle(node, name.as_ref(), context, diagnostics);
    let mac = node.child("function").and_then(|function| function.property("mac"));
    let mac = mac.and_then(|value| match (value.text(), &name) {
        (Some("auto"), Some(name)) => auto_mac(value, name, context, diagnostics),
        (Some("auto"), None) => None,
        _ => value::mac(value, diagnostics),
    });
    let function = PortFunction { mac };
    let rate = node.child("rate").map(|rate| rates(rate, diagnostics)).unwrap_or_default();
    let netdev = interface(node, "netdev", diagnostics);
    let mut params = params(node, &context.params, diagnostics);
    if let (Some(node), Some(catalogue)) = (node.child("netdev"), context.params.catalogue) {
        imply(&mut params, node, catalogue, diagnostics);
    }
    let representor = interface(node, "representor", diagnostics);
    Some(Subdevice { name: name?, lifecycle: lifecycle?, function, params, rate, netdev, representor })
}

fn lifecycle(
    node: &Node,
    name: Option<&Sourced<String>>,
    context: &SubdeviceContext<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Sourced<Lifecycle>> {
    let mut given = node.children.iter().filter(|child| matches!(child.name.text.as_str(), "sf" | "mdev"));
    let Some(first) = given.next() else {
        if !node.incomplete {
            let of = name.map_or_else(String::new, |name| format!(" `{}`", name.value));
            let message = format!("the subdevice{of} does not say what it is");
            diagnostics.push(
                Diagnostic::new(Code::NoLifecycle, message, node.span, "neither `sf` nor `mdev`").help(
                    "write `sf NUMBER` for a devlink subfunction, or `mdev type=TYPE` for a mediated device",
                ),
            );
        }
        return None;
    };
    if let Some(second) = given.next() {
        let (one, other) = (&first.name.text, &second.name.text);
        let message = format!("a subdevice is one of `{one}` and `{other}`, not both");
        diagnostics.push(
            Diagnostic::new(Code::TwoLifecycles, message, second.span, "a second lifecycle")
                .and(first.span, "the first")
                .help("keep one of them; two functions are two subdevices"),
        );
    }
    match first.name.text.as_str() {
        "sf" => sf(first, name, context, diagnostics),
        _ => mdev(first, name, context, diagnostics).map(|mdev| written(mdev, first.span)),
    }
}

fn sf(
    node: &Node,
    name: Option<&Sourced<String>>,
    context: &SubdeviceContext<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Sourced<Lifecycle>> {
    let property = |name| node.property(name).and_then(Value::number).unwrap_or(0);
    let (controller, pf) = (property("controller"), property("pf"));
    if !node.arguments.is_empty() || node.broken {
        let number = node.argument(0).and_then(Value::number)?;
        return Some(written(Lifecycle::Sf { controller, pf, number }, node.span));
    }
    let Some((from, to)) = context.sf_numbers else {
        let message = "the subfunction needs its number";
        diagnostics.extend(context.wants_number.then(|| {
            Diagnostic::new(Code::NoSfNumber, message, node.span, "no number").help(
                "write it after `sf`, for example `sf 88`, or let all be chosen from a range: `sf-numbers from=100 \
                 to=199` in the device",
            )
        }));
        return None;
    };
    let number = identity::sf_number(context.device, &name?.value, from, to);
    let implied = format!("the number is derived from the names, within {from} to {to}");
    let value = Lifecycle::Sf { controller, pf, number };
    Some(Sourced { value, span: node.span, implied: Some(implied) })
}

/// The address that `mac=auto` stands for.
fn auto_mac(
    value: &Value,
    name: &Sourced<String>,
    context: &SubdeviceContext<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Sourced<MacAddr>> {
    let host = context.host;
    if host.name.value == "*" {
        let message = "`mac=auto` is derived from the host, and this file is for any host";
        diagnostics.push(
            Diagnostic::new(Code::AnyHostMac, message, value.span, "the same on every machine")
                .and(host.name.span, "any host")
                .help("name the host in `host`, write an address, or leave `mac=` out"),
        );
        return None;
    }
    let mac = identity::auto_mac(host.seed, context.device, &name.value);
    let implied = Some("derived from host, device and subdevice".to_owned());
    Some(Sourced { value: mac, span: value.span, implied })
}

fn mdev(
    node: &Node,
    name: Option<&Sourced<String>>,
    context: &SubdeviceContext<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Lifecycle> {
    let uuid = match node.property("uuid") {
        Some(value) => value::formed::<value::Identity>(value, diagnostics).map(|identity| identity.value.0),
        None => name.map(|name| identity::mdev_uuid(context.host.seed, context.device, &name.value)),
    };
    let written = node.property("type").and_then(Value::text)?;
    Some(Lifecycle::Mdev { uuid: uuid?, mdev_type: directory(written, context.params.catalogue) })
}

/// The kernel's directory of the type: it begins with the name of the driver, which the file may leave out.
fn directory(written: &str, catalogue: Option<&Catalogue>) -> String {
    match catalogue.map(|catalogue| format!("{}-", catalogue.driver)) {
        Some(prefix) if !written.starts_with(&prefix) => format!("{prefix}{written}"),
        _ => written.to_owned(),
    }
}

fn rates(node: &Node, diagnostics: &mut Vec<Diagnostic>) -> Rates {
    let mut rate = |name| node.property(name).and_then(|value| value::formed(value, diagnostics));
    Rates { tx_share: rate("tx-share"), tx_max: rate("tx-max") }
}

fn interface(node: &Node, name: &str, diagnostics: &mut Vec<Diagnostic>) -> Option<Interface> {
    let node = node.child(name)?;
    let name = node.argument(0).and_then(|value| value::formed(value, diagnostics));
    Some(Interface {
        span: node.span,
        name: name?,
        mtu: node.property("mtu").and_then(value::number),
        up: node.property("up").and_then(value::boolean),
    })
}

/// Writes down what a netdev implies: the parameters that the driver needs before a function has one.
fn imply(params: &mut Vec<Param>, netdev: &Node, catalogue: &Catalogue, diagnostics: &mut Vec<Diagnostic>) {
    for needed in &catalogue.netdev_needs {
        if !params.iter().any(|param| param.name == *needed) {
            let spec = catalogue.param(ParamOwner::Function, needed);
            params.extend(spec.and_then(|spec| spec.cmodes.first()).map(|&cmode| Param {
                name: needed.clone(),
                cmode,
                value: Sourced {
                    value: Scalar::Bool(true),
                    span: netdev.span,
                    implied: Some("netdev needs it".to_owned()),
                },
            }));
        }
        let is_off = |param: &&Param| param.name == *needed && param.value.value == Scalar::Bool(false);
        for off in params.iter().filter(is_off) {
            let message = format!("a netdev needs `{needed}`, and it is switched off");
            diagnostics.push(
                Diagnostic::new(Code::NetdevDisabled, message, off.value.span, "switched off here")
                    .and(netdev.span, "this netdev needs it")
                    .help(format!(
                        "remove the `param {needed}`, which the netdev implies, or remove the netdev"
                    )),
            );
        }
    }
    params.sort_by(|a, b| (&a.name, a.cmode).cmp(&(&b.name, b.cmode)));
}
