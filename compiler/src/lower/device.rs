//! The `device` node: what its parts need of each other.

use super::param::{ParamContext, params};
use super::subdevice::{SubdeviceContext, subdevice};
use super::{HostIdentity, parent, value};
use crate::catalogue::{Catalogue, Known, ParamOwner};
use crate::diagnostic::{Code, Diagnostic};
use crate::model::{Device, Place, SoftParent, Sourced};
use crate::nearest::{listed, nearest};
use crate::syntax::{Node, Value};
use crate::values::DevlinkHandle;

/// Lowers one device. One whose place is refused is not in the model, but what is wrong in it is reported.
pub(super) fn device(
    node: &Node,
    host: &HostIdentity<'_>,
    known: Known<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Device> {
    let name = node.argument(0).and_then(value::text);
    let place = name.as_ref().and_then(|name| parent::place(node, name, diagnostics));
    let handle = place.as_ref().and_then(Place::handle).zip(name.as_ref());
    let soft = handle.and_then(|(handle, _)| known.of_soft_bus(handle.bus()));
    let by_bus = handle.and_then(|(handle, _)| known.of_bus(handle.bus()));
    let driver = driver(node, handle, by_bus.as_deref(), known, diagnostics);
    let catalogue = by_bus.or_else(|| known.of_driver(&driver.as_ref()?.value));
    let create = node.child("create").map(|create| parent::soft_parent(create, diagnostics));
    if let (Some(create), Some(name), None) = (&create, &name, &soft) {
        diagnostics.extend(place.is_some().then(|| not_soft(create, handle.map(|(handle, _)| handle), name)));
    }
    let param_context = ParamContext {
        owner: ParamOwner::Parent,
        catalogue: catalogue.as_deref(),
        // Of a device without a place nobody knows whether it has a catalogue.
        judge: place.is_some(),
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
    // They are large: each is moved once.
    subdevices.sort_by_cached_key(|subdevice| subdevice.name.value.clone());
    let mut rate_nodes: Vec<_> =
        node.all("rate-node").filter_map(|node| parent::rate_node(node, diagnostics)).collect();
    rate_nodes.sort_by(|a, b| a.name.value.cmp(&b.name.value));
    let exclusive = node.child("exclusive").and_then(|node| node.property("sf"));
    Some(Device {
        create,
        require: node.child("require").map(|node| parent::require(node, diagnostics)).unwrap_or_default(),
        lifeline: node.child("lifeline").and_then(|node| node.argument(0)).and_then(value::boolean),
        exclusive: exclusive.and_then(|value| value::formed(value, diagnostics)),
        eswitch: node.child("eswitch").map(parent::eswitch).unwrap_or_default(),
        uplink: node.child("uplink").map(parent::uplink).unwrap_or_default(),
        rate_nodes,
        vdpas: parent::vdpas(node, diagnostics),
        vfs: node.child("vfs").and_then(|node| node.argument(0)).and_then(value::number),
        ignored: value::ignored(node),
        sf_numbers,
        params,
        subdevices,
        driver,
        catalogue,
        name: name?,
        place: place?,
    })
}

fn driver(
    node: &Node,
    handle: Option<(&DevlinkHandle, &Sourced<String>)>,
    by_bus: Option<&Catalogue>,
    known: Known<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Sourced<String>> {
    let given = node.property("driver").and_then(value::text);
    let (Some(by_bus), Some((handle, name))) = (by_bus, handle) else {
        diagnostics.extend(given.as_ref().and_then(|given| misspelt_driver(given, known)));
        return given;
    };
    let (bus, maker) = (handle.bus(), by_bus.driver.as_str());
    match given {
        Some(given) if given.value == maker => Some(given),
        Some(given) => {
            let message = format!("the driver of `{handle}` is `{maker}`, not `{}`", given.value);
            let label = format!("not the driver of devices on the bus `{bus}`");
            diagnostics.push(
                Diagnostic::new(Code::OtherDriver, message, given.span, label)
                    .and(name.span, format!("made by `{maker}`"))
                    .help(format!("leave `driver=` out: the bus `{bus}` says it")),
            );
            None
        }
        None => Some(Sourced {
            value: maker.to_owned(),
            span: name.span,
            implied: Some(format!("the driver of the bus {bus}")),
        }),
    }
}

/// A driver without a catalogue whose name is near to that of one with a catalogue.
fn misspelt_driver(given: &Sourced<String>, known: Known<'_>) -> Option<Diagnostic> {
    let drivers = known.drivers();
    if drivers.contains(&given.value.as_str()) {
        return None;
    }
    let meant = nearest(&given.value, drivers)?;
    let message =
        format!("nothing is known of a driver `{}`, so its parameters cannot be checked", given.value);
    Some(
        Diagnostic::new(Code::UnknownDriver, message, given.span, "without a catalogue")
            .meant(given.span, meant),
    )
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

fn not_soft(create: &SoftParent, handle: Option<&DevlinkHandle>, name: &Sourced<String>) -> Diagnostic {
    let buses = Catalogue::soft_buses();
    let message = match handle {
        Some(handle) => {
            format!(
                "`{handle}` cannot be created: devices on the bus `{}` are not made by software",
                handle.bus()
            )
        }
        None => format!("`{}` cannot be created: it is found by a `match`", name.value),
    };
    Diagnostic::new(Code::NotSoft, message, create.span, "cannot be created")
        .and(name.span, "this device")
        .help(format!(
            "remove `create` if the device is there by itself; software makes devices on {}",
            listed(buses.iter().map(String::as_str))
        ))
}
