//! Functions as `subdevice` nodes.

use subdevcfg_compiler::catalogue::ParamOwner;
use subdevcfg_compiler::values::{Cmode, InterfaceName, Scalar};

use super::Device;
use super::settings::{Sorted, write_vlans};
use super::writer::{Node, Writer, mdev_name};
use crate::plan::{default_attributes, default_params, leave_drivers_choice};
use crate::resource::{FunctionId, OvsVlans, PortVlans, Setting, Settings, Side, Subject, Vlans};
use crate::rules::NEW_INTERFACE_MTU;
use crate::state::{Function, Interface, Rates};

/// All functions of a device.
pub(super) fn write_all(device: &Device<'_>, out: &mut Writer) {
    let functions = &device.parent.functions;
    let mut plain = Vec::new();
    let described = functions.iter().zip(device.names(functions));
    // What a VF carries stands in the VF's block.
    for (function, name) in described.filter(|(function, _)| function.on_vf.is_none()) {
        let sorted = sorted(device, function);
        let is_bare = sorted.chosen.is_empty() && carried(device, function).is_none();
        if function.id.is_pci() && (is_bare || !function.active) {
            plain.push(function.id.to_string());
            continue;
        }
        let subject = Subject::function(device.handle.clone(), function.id.clone());
        let protect = device.import.record.protected.contains_key(&subject).then_some(true);
        let mut node = Node::new("subdevice").argument(name).property_if("protect", protect);
        out.blank();
        if !function.active {
            // Without it the file would take away what subdevcfg made.
            if device.import.record.address(&subject).is_some() {
                out.comment("It does not run: an apply of this file starts it.");
            } else {
                out.comment("It does not run: an apply would start it, were it not for the `/-`.");
                node = node.off();
            }
        }
        out.block(&node, |out| write(function, device, &sorted, out));
    }
    out.list("nothing is set of", plain);
}

/// The mediated device that a VF carries.
fn carried<'a>(device: &Device<'a>, vf: &Function) -> Option<&'a Function> {
    let index = vf.id.vf_index()?;
    device.parent.functions.iter().find(|function| function.on_vf == Some(index))
}

/// What a function may be called, best first. The last is unique.
pub(super) fn candidates(device: &Device<'_>, function: &Function) -> Vec<String> {
    let recorded_of = |function: &Function| {
        let subject = Subject::function(device.handle.clone(), function.id.clone());
        device.import.record.address(&subject).and_then(|address| address.split('#').nth(1))
    };
    let of_carried = || recorded_of(carried(device, function)?)?.strip_suffix(".mdev");
    let recorded = recorded_of(function).or_else(of_carried);
    let name = |side| function.interface(side)?.name.as_ref().map(InterfaceName::as_str);
    let identity = match &function.id {
        FunctionId::Sf { number, .. } => vec![format!("sf{number}")],
        FunctionId::Mdev { uuid } => vec![mdev_name(*uuid)],
        FunctionId::Vf { index, .. } => vec![format!("vf{index}")],
        FunctionId::Pf { pf, .. } => vec![format!("pf{pf}")],
    };
    let unique = match &function.id {
        FunctionId::Sf { controller, pf, number } => format!("sf-{controller}-{pf}-{number}"),
        FunctionId::Mdev { uuid } => format!("mdev-{uuid}"),
        FunctionId::Vf { controller, pf, index } => format!("vf-{controller}-{pf}-{index}"),
        FunctionId::Pf { controller, pf } => format!("pf-{controller}-{pf}"),
    };
    let interfaces = [name(Side::Netdev), name(Side::Representor)];
    let named = recorded.into_iter().chain(interfaces.into_iter().flatten());
    named.map(str::to_owned).filter(|name| is_name(name)).chain(identity).chain([unique]).collect()
}

/// Whether it can be the name of a subdevice.
fn is_name(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
}

/// The settings of a function, told apart, without what its nodes imply.
fn sorted<'a>(device: &'a Device<'_>, function: &Function) -> Sorted<'a> {
    let catalogue = device.catalogue.as_deref();
    let mut found = function.settings();
    leave_drivers_choice(&mut found, &function.id, catalogue);
    // An interface that has the kernel's name has no node.
    let has_node = |side| function.interface(side).is_some_and(|interface| interface.name.is_some());
    found.retain(|attribute| attribute.side().is_none_or(has_node));
    let subject = Subject::function(device.handle.clone(), function.id.clone());
    let is_written = |setting: &Setting| device.import.has_written(&subject, setting);
    let fresh = fresh(device, function);
    let mut sorted = Sorted::of(&found, &fresh, is_written, ParamOwner::Function, catalogue);
    let needs = catalogue.map(|catalogue| catalogue.netdev_needs.as_slice()).unwrap_or_default();
    sorted.without(|setting| match setting {
        Setting::Param { name, cmode: Cmode::Driverinit, value } => {
            has_node(Side::Netdev) && needs.contains(name) && *value == Scalar::Bool(true)
        }
        _ => false,
    });
    sorted.without_shared(|setting| {
        let holder = setting.mac().and_then(|mac| device.macs.get(&mac));
        holder.is_some_and(|holder| *holder != subject)
    });
    sorted
}

/// What a new function of that kind has.
fn fresh(device: &Device<'_>, function: &Function) -> Settings {
    let catalogue = device.catalogue.as_deref();
    let interfaces = Side::ALL
        .into_iter()
        .flat_map(|side| [Setting::Mtu(side, NEW_INTERFACE_MTU), Setting::Up(side, false)]);
    default_attributes(catalogue)
        .chain(default_params(catalogue, ParamOwner::Function, function.mdev_type.as_deref()))
        .chain(Rates::of_new().settings())
        .chain(interfaces)
        .chain([Setting::Bridge(None), Setting::Vlans(PortVlans::Linux(Vlans::of_new_port()))])
        .collect()
}

fn write(function: &Function, device: &Device<'_>, sorted: &Sorted<'_>, out: &mut Writer) {
    write_lifecycle(function, device, out);
    sorted.write(out);
    for side in Side::ALL {
        if let Some(interface) = function.interface(side) {
            write_interface(side, interface, sorted, out);
        }
    }
    sorted.write_rest(out);
}

fn write_lifecycle(function: &Function, device: &Device<'_>, out: &mut Writer) {
    let not_zero = |number: u32| (number != 0).then_some(number);
    let external = |controller: u32, pf: u32, vf: Option<u32>| {
        let node = Node::new("external").property_if("vf", vf).property("pf", pf);
        node.property_if("controller", (controller != 1).then_some(controller))
    };
    match &function.id {
        FunctionId::Vf { controller: controller @ 1.., pf, index } => {
            out.node(&external(*controller, *pf, Some(*index)));
        }
        FunctionId::Pf { controller, pf } => out.node(&external(*controller, *pf, None)),
        FunctionId::Sf { controller, pf, number } | FunctionId::Vf { controller, pf, index: number } => {
            let node = Node::new(if function.id.is_pci() { "vf" } else { "sf" }).argument(*number);
            let node = node.property_if("pf", not_zero(*pf));
            let node = node.property_if("controller", not_zero(*controller));
            out.block(&node, |out| {
                if let Some(carried) = carried(device, function) {
                    write_mdev(carried, None, out);
                }
            });
        }
        FunctionId::Mdev { .. } => {
            let driver = device.catalogue.as_ref().map(|catalogue| format!("{}-", catalogue.driver));
            write_mdev(function, driver.as_deref(), out);
        }
    }
}

/// A mediated device, whose type may be written without this prefix.
fn write_mdev(function: &Function, prefix: Option<&str>, out: &mut Writer) {
    let FunctionId::Mdev { uuid } = &function.id else { return };
    let directory = function.mdev_type.as_deref().unwrap_or_default();
    let short = prefix.and_then(|prefix| directory.strip_prefix(prefix)).unwrap_or(directory);
    out.mdev(short, *uuid, &function.attrs);
}

fn write_interface(side: Side, interface: &Interface, sorted: &Sorted<'_>, out: &mut Writer) {
    let Some(name) = &interface.name else {
        let name = &interface.volatile.0.name;
        out.comment(&format!("its {} has the name that the kernel chose: {name}", side.as_str()));
        return;
    };
    let mut node = Node::new(side.as_str()).argument(name.to_string());
    for setting in sorted.chosen.iter().filter(|setting| setting.attribute().side() == Some(side)) {
        match setting {
            Setting::Mtu(_, mtu) => node.add("mtu", *mtu),
            Setting::Up(_, up) => node.add("up", *up),
            _ => {}
        }
    }
    out.block(&node, |out| {
        let Some(port) = interface.port.as_ref().filter(|_| side == Side::Representor) else { return };
        let bridge = Node::new("bridge").argument(port.bridge.to_string());
        match &port.vlans {
            PortVlans::Linux(vlans) => out.block(&bridge, |out| {
                if *vlans != Vlans::of_new_port() {
                    write_vlans(vlans, out);
                }
            }),
            PortVlans::Ovs(vlans) => write_ovs_port(bridge, vlans, out),
        }
    });
}

fn write_ovs_port(bridge: Node, vlans: &OvsVlans, out: &mut Writer) {
    let Some((tag, trunks)) = vlans.words() else {
        out.comment(&format!("its VLANs have no words here and are left alone: {vlans}"));
        out.node(&bridge);
        return;
    };
    let trunks = trunks.map(|range| format!("{}..{}", range.from, range.to));
    out.node(&bridge.property_if("tag", tag).property_if("trunks", trunks));
}
