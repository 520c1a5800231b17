//! The graph as a picture: Graphviz' DOT and Mermaid.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::{Reason, ResourceGraph};
use crate::address::Address;

impl ResourceGraph {
    /// The graph in Graphviz' language, a box a device.
    #[must_use]
    pub fn to_dot(&self) -> String {
        let mut text =
            String::from("digraph host {\n  rankdir=LR;\n  node [shape=box, fontname=\"sans-serif\"];\n");
        let numbers = self.numbers();
        for (at, (device, addresses)) in self.by_device().into_iter().enumerate() {
            line(&mut text, format_args!("  subgraph cluster_{at} {{"));
            line(&mut text, format_args!("    label=\"{}\";", escaped(device)));
            for address in addresses {
                line(
                    &mut text,
                    format_args!("    n{} [label=\"{}\"];", numbers[address], escaped(&label(address))),
                );
            }
            text.push_str("  }\n");
        }
        for edge in self.edges() {
            let (from, to) = (numbers[edge.from], numbers[edge.to]);
            match edge.reason {
                // Lines of containment are understood without a word.
                Reason::Contains => line(&mut text, format_args!("  n{from} -> n{to};")),
                reason => line(&mut text, format_args!("  n{from} -> n{to} [label=\"{reason}\"];")),
            }
        }
        text.push_str("}\n");
        text
    }

    /// The graph in Mermaid's language, a box a device.
    #[must_use]
    pub fn to_mermaid(&self) -> String {
        let mut text = String::from("flowchart LR\n");
        let numbers = self.numbers();
        for (at, (device, addresses)) in self.by_device().into_iter().enumerate() {
            line(&mut text, format_args!("  subgraph d{at}[\"{}\"]", entities(device)));
            for address in addresses {
                line(&mut text, format_args!("    n{}[\"{}\"]", numbers[address], entities(&label(address))));
            }
            text.push_str("  end\n");
        }
        for edge in self.edges() {
            let (from, to) = (numbers[edge.from], numbers[edge.to]);
            match edge.reason {
                Reason::Contains => line(&mut text, format_args!("  n{from} --> n{to}")),
                reason => line(&mut text, format_args!("  n{from} -- {reason} --> n{to}")),
            }
        }
        text
    }

    /// A number for each resource, in the order of addresses: names could hold any character.
    fn numbers(&self) -> BTreeMap<&Address, usize> {
        self.nodes().enumerate().map(|(number, address)| (address, number)).collect()
    }

    fn by_device(&self) -> BTreeMap<&str, Vec<&Address>> {
        let mut devices: BTreeMap<&str, Vec<&Address>> = BTreeMap::new();
        for address in self.nodes() {
            devices.entry(address.device_name()).or_default().push(address);
        }
        devices
    }
}

/// The address without its device, which the box around it names.
fn label(address: &Address) -> String {
    let part = address.part_name().map(ToString::to_string);
    match (address.subdevice_name(), part) {
        // No device has a bracket in its name.
        (None, None) if address.device_name().ends_with(']') => "bridge".to_owned(),
        (None, None) => "device".to_owned(),
        (None, Some(part)) => part,
        (Some(subdevice), None) => subdevice.to_owned(),
        (Some(subdevice), Some(part)) => format!("{subdevice}.{part}"),
    }
}

fn line(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{arguments}");
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

/// Mermaid has no escapes but HTML's entities.
fn entities(text: &str) -> String {
    text.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;").replace('>', "&gt;")
}
