//! A language as a reference for people, in Markdown.

use std::fmt::Write as _;

use super::{ANY, FILE, Kind, NodeSpec, Schema, ValueSpec};
use crate::nearest::listed;

impl Schema {
    /// All nodes, in the order of the schema file.
    #[must_use]
    pub fn reference(&self) -> String {
        let mut text = String::from(
            "# The nodes of host files\n\nMade from `schemas/subdevcfg.kdl`, which the compiler checks files against; a test \
             holds the two together.\n",
        );
        for node in &self.nodes {
            let _ = write!(text, "\n{}", self.node_reference(node));
        }
        text
    }

    /// One node.
    #[must_use]
    pub fn node_reference(&self, node: &NodeSpec) -> String {
        let NodeSpec { name, doc, .. } = node;
        // Writing to a string cannot fail, here and below.
        let mut text = format!("## `{name}`\n\n{doc}\n\n");
        let mut form = name.clone();
        for argument in &node.arguments {
            let shown = argument.name.to_uppercase();
            let _ = if argument.required { write!(form, " {shown}") } else { write!(form, " [{shown}]") };
        }
        for property in &node.properties {
            let name = &property.name;
            let _ = if property.required { write!(form, " {name}=") } else { write!(form, " [{name}=]") };
        }
        if node.free_properties.is_some() {
            form.push_str(" [NAME=...]");
        }
        let children = listed(self.children(name).map(|child| child.name.as_str()));
        if node.block || !children.is_empty() {
            form.push_str(" { ... }");
        }
        let _ = writeln!(text, "```\n{form}\n```\n");
        let places: Vec<&str> = node.parents.iter().map(String::as_str).collect();
        let places = match places.as_slice() {
            [ANY] => "any block".to_owned(),
            [FILE] => "the top of a file".to_owned(),
            places => listed(places.iter().copied()).replace("`file`", "the top of a file"),
        };
        let often = match (node.once, node.required) {
            (true, true) => ", exactly once",
            (true, false) => ", at most once",
            (false, true) => ", at least once",
            (false, false) => "",
        };
        let _ = writeln!(text, "Stands in: {places}{often}.");
        if !children.is_empty() {
            let _ = writeln!(text, "Holds: {children}.");
        } else if node.block {
            let _ = writeln!(text, "Holds: what may stand where it is used.");
        }
        let arguments = node.arguments.iter().map(|value| (value.name.to_uppercase(), value));
        let properties = node.properties.iter().map(|value| (format!("{}=", value.name), value));
        let free = node.free_properties.iter().map(|value| ("NAME=".to_owned(), value));
        let values: Vec<_> = arguments.chain(properties).chain(free).collect();
        if !values.is_empty() {
            text.push('\n');
        }
        for (name, value) in values {
            let _ = writeln!(text, "- `{name}` {}", value_reference(value));
        }
        text
    }
}

/// What a value can be, in a sentence or two.
pub(crate) fn value_reference(value: &ValueSpec) -> String {
    let unit = value.unit.as_ref().map_or_else(String::new, |unit| format!(" {unit}"));
    let kind = match &value.kind {
        Kind::Text => "text".to_owned(),
        Kind::Boolean => "`#true` or `#false`".to_owned(),
        Kind::Integer(min, max) if min == max => format!("the number {min}"),
        Kind::Integer(0, u32::MAX) => format!("a whole number{unit}"),
        Kind::Integer(min, u32::MAX) => format!("a whole number from {min}{unit}"),
        Kind::Integer(min, max) => format!("a whole number from {min} to {max}{unit}"),
        Kind::Word(words) => format!("one of {}", listed(words.iter().map(String::as_str))),
        Kind::Mac => "a MAC address".to_owned(),
        Kind::Uuid => "a UUID".to_owned(),
        Kind::Rate => {
            "a rate in decimal units, `\"10Gbit\"`, `\"1.5Gbit\"` or `\"100MBps\"`, or `none`".to_owned()
        }
        Kind::Device => "a devlink handle or a name".to_owned(),
        Kind::Version => "versions, such as `\">=22.39\"` or `\">=6.6, <6.12\"`".to_owned(),
        Kind::Range => "numbers, such as `\"100..199\"`".to_owned(),
        Kind::Interface => "the name of a network interface".to_owned(),
        Kind::Name => "a name".to_owned(),
        Kind::Scalar => "a whole number, a boolean or text".to_owned(),
    };
    let needed = if value.required { ", required" } else { "" };
    let default = value.default.as_ref().map_or_else(String::new, |default| format!(" Default: {default}."));
    format!("({kind}{needed}): {}{default}", value.doc)
}
