//! The `subdevice` node.

use super::param::{ParamContext, params};
use super::{HostIdentity, function, parent, value, written};
use crate::catalogue::{Catalogue, ParamOwner};
use crate::diagnostic::{Code, Diagnostic};
use crate::identity;
use crate::model::{Lifecycle, Mdev, MdevType, Param, Sourced, Subdevice};
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
    let name = node.argument(0).and_then(|value| value::given_name(value, diagnostics));
    let was = node.property("was").and_then(|value| value::given_name(value, diagnostics));
    // What was derived from the former name stays: that is what `was=` is for.
    let derived_from = was.as_ref().or(name.as_ref());
    let lifecycle = lifecycle(node, derived_from, context, diagnostics);
    let mut function = node.child("function").map(function::port_function).unwrap_or_default();
    function.mac = mac(node, derived_from, context, diagnostics);
    let rate = node.child("rate").map(|rate| parent::rates(rate, diagnostics)).unwrap_or_default();
    let netdev = function::interface(node, "netdev", diagnostics);
    let mut params = params(node, &context.params, diagnostics);
    if let (Some(node), Some(catalogue)) = (node.child("netdev"), context.params.catalogue) {
        imply(&mut params, node, catalogue, diagnostics);
    }
    let representor = function::interface(node, "representor", diagnostics);
    let port = node.child("representor").and_then(|node| node.child("bridge"));
    Some(Subdevice {
        protect: node.property("protect").and_then(value::boolean),
        absent: node.property("absent").and_then(value::boolean),
        was,
        function,
        params,
        rate,
        netdev,
        representor,
        port: port.and_then(|node| function::bridge_port(node, diagnostics)),
        legacy: node.child("legacy").map(|node| function::legacy(node, diagnostics)),
        bind: node.child("bind").and_then(|node| node.argument(0)).and_then(value::text),
        hand_over: node.child("hand-over").and_then(|node| node.property("to")).and_then(value::word),
        ignored: value::ignored(node),
        name: name?,
        lifecycle: lifecycle?,
    })
}

/// The MAC address of the port function.
fn mac(
    node: &Node,
    name: Option<&Sourced<String>>,
    context: &SubdeviceContext<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Sourced<MacAddr>> {
    let value = node.child("function").and_then(|function| function.property("mac"))?;
    match (value.text(), name) {
        (Some("auto"), Some(name)) => auto_mac(value, name, context, diagnostics),
        (Some("auto"), None) => None,
        _ => value::mac(value, diagnostics),
    }
}

/// The words that say what a subdevice is.
const LIFECYCLES: [&str; 4] = ["sf", "mdev", "vf", "external"];

fn lifecycle(
    node: &Node,
    name: Option<&Sourced<String>>,
    context: &SubdeviceContext<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Sourced<Lifecycle>> {
    let mut given = node.children.iter().filter(|child| LIFECYCLES.contains(&child.name.text.as_str()));
    let Some(first) = given.next() else {
        if !node.incomplete {
            let of = name.map_or_else(String::new, |name| format!(" `{}`", name.value));
            let message = format!("the subdevice{of} does not say what it is");
            diagnostics.push(
                Diagnostic::new(Code::NoLifecycle, message, node.span, "neither `sf`, `mdev`, `vf` nor `external`")
                    .help(
                        "write `sf NUMBER` for a devlink subfunction, `mdev type=TYPE` for a mediated device, or `vf \
                         INDEX` for a PCI VF",
                    ),
            );
        }
        return None;
    };
    if let Some(second) = given.next() {
        let (one, other) = (&first.name.text, &second.name.text);
        let message = format!("a subdevice is one of `{one}` and `{other}`, not both");
        let help = match (one.as_str(), other.as_str()) {
            ("vf", "mdev") | ("mdev", "vf") => {
                "a mediated device that a VF carries stands in its block: `vf 2 { mdev type=TYPE; }`"
            }
            _ => "keep one of them; two functions are two subdevices",
        };
        diagnostics.push(
            Diagnostic::new(Code::TwoLifecycles, message, second.span, "a second lifecycle")
                .and(first.span, "the first")
                .help(help),
        );
    }
    let property = |name, otherwise| first.property(name).and_then(Value::number).unwrap_or(otherwise);
    match first.name.text.as_str() {
        "sf" => sf(first, name, context, diagnostics),
        "vf" => {
            let bound = node.child("bind").and_then(|bind| bind.argument(0)).and_then(Value::text);
            let driver = bound.or_else(|| driver_of(context));
            let carried = first.child("mdev").map(|node| mdev(node, name, driver, context, diagnostics));
            let mdev = match carried {
                Some(None) => return None,
                Some(mdev) => mdev,
                None => None,
            };
            let index = first.argument(0).and_then(Value::number)?;
            Some(written(
                Lifecycle::Vf { controller: property("controller", 0), pf: property("pf", 0), index, mdev },
                first.span,
            ))
        }
        "external" => {
            let pf = first.property("pf").and_then(Value::number)?;
            let vf = first.property("vf").and_then(Value::number);
            Some(written(Lifecycle::External { controller: property("controller", 1), pf, vf }, first.span))
        }
        _ => {
            let mdev = mdev(first, name, driver_of(context), context, diagnostics)?;
            let derived = first.property("uuid").is_none();
            let implied = derived.then(|| "the UUID is derived from host, device and subdevice".to_owned());
            Some(Sourced { value: Lifecycle::Mdev(mdev), span: first.span, implied })
        }
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

/// The driver of the device, where a catalogue tells it.
fn driver_of<'c>(context: &SubdeviceContext<'c>) -> Option<&'c str> {
    context.params.catalogue.map(|catalogue| catalogue.driver.as_str())
}

/// A mediated device on a device that this driver has.
fn mdev(
    node: &Node,
    name: Option<&Sourced<String>>,
    driver: Option<&str>,
    context: &SubdeviceContext<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Mdev> {
    let uuid = match node.property("uuid") {
        Some(value) => value::formed::<value::Identity>(value, diagnostics).map(|identity| identity.value.0),
        None => name.map(|name| identity::mdev_uuid(context.host.seed, context.device, &name.value)),
    };
    let (by_directory, by_name) = (node.property("type"), node.property("type-name"));
    if !value::one_of(node, ("`type=`", by_directory), ("`type-name=`", by_name), diagnostics) {
        return None;
    }
    let mdev_type = match by_directory {
        Some(value) => MdevType::Directory(directory(value.text()?, driver)),
        None => MdevType::Name(by_name?.text()?.to_owned()),
    };
    let attr =
        |node: &Node| Some((node.argument(0)?.text()?.to_owned(), node.argument(1)?.text()?.to_owned()));
    Some(Mdev { uuid: uuid?, mdev_type, attrs: node.all("attr").filter_map(attr).collect() })
}

/// The kernel's directory of the type: it begins with the name of the driver, which the file may leave out.
fn directory(written: &str, driver: Option<&str>) -> String {
    match driver.map(|driver| format!("{driver}-")) {
        Some(prefix) if !written.starts_with(&prefix) => format!("{prefix}{written}"),
        _ => written.to_owned(),
    }
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
                if_supported: None,
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
