//! The `device` node.

use super::HostIdentity;
use super::param::{ParamContext, params};
use super::subdevice::{SubdeviceContext, subdevice};
use super::value;
use crate::catalogue::{Catalogue, ParamOwner};
use crate::diagnostic::{Code, Diagnostic};
use crate::model::{Device, Eswitch, SoftParent, Sourced};
use crate::nearest::listed;
use crate::syntax::{Node, Value};
use crate::values::DevlinkHandle;

/// Lowers one device. One whose handle is refused is not in the model, but what is wrong in it is reported.
pub(super) fn device(
    node: &Node,
    host: &HostIdentity<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Device> {
    let handle: Option<Sourced<DevlinkHandle>> =
        node.argument(0).and_then(|value| value::formed(value, diagnostics));
    let soft = handle.as_ref().and_then(|handle| Catalogue::of_soft_bus(handle.value.bus()));
    let by_bus = handle.as_ref().and_then(|handle| Catalogue::of_bus(handle.value.bus()));
    let driver = driver(node, handle.as_ref(), by_bus.as_deref(), diagnostics);
    let catalogue = by_bus.or_else(|| Catalogue::of_driver(&driver.as_ref()?.value));
    let create = node.child("create").map(|create| soft_parent(create, diagnostics));
    if let (Some(create), Some(handle), None) = (&create, &handle, &soft) {
        diagnostics.push(not_soft(create, handle));
    }
    let param_context = ParamContext {
        owner: ParamOwner::Parent,
        catalogue: catalogue.as_deref(),
        // Of a device without a handle nobody knows whether it has a catalogue.
        judge: handle.is_some(),
    };
    let params = params(node, &param_context, diagnostics);
    let sf_numbers = node.child("sf-numbers").and_then(|node| sf_numbers(node, diagnostics));
    let subdevice_context = SubdeviceContext {
        host,
        sf_numbers: sf_numbers.as_ref().map(|numbers| numbers.value),
        // A refused range has been reported.
        wants_number: node.child("sf-numbers").is_none() && !node.incomplete,
        device: node.argument(0).and_then(Value::text).unwrap_or_default(),
        params: ParamContext { owner: ParamOwner::Function, ..param_context },
    };
    let mut subdevices: Vec<_> =
        node.all("subdevice").filter_map(|node| subdevice(node, &subdevice_context, diagnostics)).collect();
    subdevices.sort_by(|a, b| a.name.value.cmp(&b.name.value));
    let eswitch = node.child("eswitch").map(eswitch).unwrap_or_default();
    Some(Device { handle: handle?, driver, catalogue, create, eswitch, sf_numbers, params, subdevices })
}

fn driver(
    node: &Node,
    handle: Option<&Sourced<DevlinkHandle>>,
    by_bus: Option<&Catalogue>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Sourced<String>> {
    let given = node.property("driver").and_then(value::text);
    let (Some(by_bus), Some(handle)) = (by_bus, handle) else { return given };
    let (bus, maker) = (handle.value.bus(), by_bus.driver.as_str());
    match given {
        Some(given) if given.value == maker => Some(given),
        Some(given) => {
            let message = format!("the driver of `{}` is `{maker}`, not `{}`", handle.value, given.value);
            let label = format!("not the driver of devices on the bus `{bus}`");
            diagnostics.push(
                Diagnostic::new(Code::OtherDriver, message, given.span, label)
                    .and(handle.span, format!("made by `{maker}`"))
                    .help(format!("leave `driver=` out: the bus `{bus}` says it")),
            );
            None
        }
        None => Some(Sourced {
            value: maker.to_owned(),
            span: handle.span,
            implied: Some(format!("the driver of the bus {bus}")),
        }),
    }
}

fn soft_parent(node: &Node, diagnostics: &mut Vec<Diagnostic>) -> SoftParent {
    SoftParent {
        span: node.span,
        max_subdevices: node.property("max-subdevices").and_then(value::number),
        lower: node.property("lower").and_then(|value| value::formed(value, diagnostics)),
        mac_base: node.property("mac-base").and_then(|value| value::mac(value, diagnostics)),
    }
}

/// The range that numbers are chosen from, both ends among them.
fn sf_numbers(node: &Node, diagnostics: &mut Vec<Diagnostic>) -> Option<Sourced<(u32, u32)>> {
    let (from, to) = (node.property("from")?, node.property("to")?);
    let (first, last): (u32, u32) = (from.number()?, to.number()?);
    if last < first {
        let message = format!("`sf-numbers` goes up: {last} is below {first}");
        diagnostics.push(
            Diagnostic::new(Code::OutOfRange, message, to.span, "the last number")
                .and(from.span, "the first number")
                .help("both ends belong to the range; `from` and `to` may be equal"),
        );
        return None;
    }
    Some(Sourced { value: (first, last), span: node.span, implied: None })
}

fn not_soft(create: &SoftParent, handle: &Sourced<DevlinkHandle>) -> Diagnostic {
    let bus = handle.value.bus();
    let buses = Catalogue::soft_buses();
    let message =
        format!("`{}` cannot be created: devices on the bus `{bus}` are not made by software", handle.value);
    Diagnostic::new(Code::NotSoft, message, create.span, "cannot be created")
        .and(handle.span, "this device")
        .help(format!(
            "remove `create` if the device is there by itself; software makes devices on {}",
            listed(buses.iter().map(String::as_str))
        ))
}

fn eswitch(node: &Node) -> Eswitch {
    Eswitch {
        mode: node.property("mode").and_then(value::word),
        inline_mode: node.property("inline-mode").and_then(value::word),
        encap_mode: node.property("encap-mode").and_then(value::word),
    }
}
