//! The `subdevice` node.

use super::param::{ParamContext, params};
use super::{value, written};
use crate::catalogue::{Catalogue, ParamOwner};
use crate::diagnostic::{Code, Diagnostic};
use crate::identity;
use crate::model::{Interface, Lifecycle, Param, PortFunction, Sourced, Subdevice};
use crate::syntax::{Node, Value};
use crate::values::Scalar;

/// What a subdevice needs to know of what it stands in.
pub(super) struct SubdeviceContext<'a> {
    pub seed: &'a str,
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
    let name = node.argument(0).and_then(value::text);
    let lifecycle = lifecycle(node, name.as_ref(), context, diagnostics);
    let mac = node.child("function").and_then(|function| function.property("mac"));
    let function = PortFunction { mac: mac.and_then(|mac| value::mac(mac, diagnostics)) };
    let netdev = interface(node, "netdev", diagnostics);
    let mut params = params(node, &context.params, diagnostics);
    if let (Some(node), Some(catalogue)) = (node.child("netdev"), context.params.catalogue) {
        imply(&mut params, node, catalogue, diagnostics);
    }
    let representor = interface(node, "representor", diagnostics);
    Some(Subdevice { name: name?, lifecycle: lifecycle?, function, params, netdev, representor })
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
    let lifecycle = match first.name.text.as_str() {
        "sf" => sf(first, diagnostics),
        _ => mdev(first, name, context, diagnostics),
    };
    lifecycle.map(|lifecycle| written(lifecycle, first.span))
}

fn sf(node: &Node, diagnostics: &mut Vec<Diagnostic>) -> Option<Lifecycle> {
    if node.arguments.is_empty() && !node.incomplete {
        let message = "the subfunction needs its number";
        diagnostics.push(
            Diagnostic::new(Code::NoSfNumber, message, node.span, "no number")
                .help("write it after `sf`, for example `sf 88`; this version does not choose one"),
        );
    }
    let property = |name| node.property(name).and_then(Value::number).unwrap_or(0);
    Some(Lifecycle::Sf {
        controller: property("controller"),
        pf: property("pf"),
        number: node.argument(0).and_then(Value::number)?,
    })
}

fn mdev(
    node: &Node,
    name: Option<&Sourced<String>>,
    context: &SubdeviceContext<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Lifecycle> {
    let uuid = match node.property("uuid") {
        Some(value) => value::formed::<value::Identity>(value, diagnostics).map(|identity| identity.value.0),
        None => name.map(|name| identity::mdev_uuid(context.seed, context.device, &name.value)),
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
