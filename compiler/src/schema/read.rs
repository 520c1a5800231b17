//! Reading a schema file. Strict: what is not understood is an error.

use super::{Kind, NodeSpec, Schema, Scope, ValueSpec};
use crate::syntax::{Document, Node, Value};

/// Why a schema file cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SchemaError {
    /// A node that schemas do not have.
    #[error("unknown node `{0}`")]
    UnknownNode(String),
    /// A property that the node does not have.
    #[error("`{node}` has no property `{property}`")]
    UnknownProperty {
        /// The node.
        node: String,
        /// The property.
        property: String,
    },
    /// Something that must be there is not.
    #[error("`{node}` lacks {what}")]
    Missing {
        /// The node.
        node: String,
        /// What it lacks.
        what: &'static str,
    },
    /// A type that schemas do not have.
    #[error("unknown type `{0}`")]
    UnknownType(String),
}

impl Schema {
    /// Reads a schema file.
    pub(crate) fn of(document: &Document) -> Result<Self, SchemaError> {
        let mut schema = Self::default();
        for node in &document.nodes {
            match node.name.text.as_str() {
                "node" => schema.nodes.push(node_spec(node)?),
                _ => return Err(SchemaError::UnknownNode(node.name.text.clone())),
            }
        }
        Ok(schema)
    }
}

fn node_spec(node: &Node) -> Result<NodeSpec, SchemaError> {
    only(node, &["once", "required", "each-file", "block", "doc"])?;
    let mut spec = NodeSpec {
        name: first(node)?,
        parents: Vec::new(),
        once: flag(node, "once"),
        required: flag(node, "required"),
        scope: if flag(node, "each-file") { Scope::EachFile } else { Scope::Block },
        block: flag(node, "block"),
        arguments: Vec::new(),
        properties: Vec::new(),
        free_properties: None,
        doc: text(node, "doc")?,
    };
    for child in &node.children {
        match child.name.text.as_str() {
            "in" => spec.parents.extend(words(child)),
            "argument" => spec.arguments.push(value_spec(child, first(child)?)?),
            "property" => spec.properties.push(value_spec(child, first(child)?)?),
            "free-properties" => spec.free_properties = Some(value_spec(child, String::new())?),
            _ => return Err(SchemaError::UnknownNode(child.name.text.clone())),
        }
    }
    Ok(spec)
}

fn value_spec(node: &Node, name: String) -> Result<ValueSpec, SchemaError> {
    only(node, &["type", "required", "default", "unit", "doc", "min", "max"])?;
    let bound = |name: &str, otherwise| node.property(name).and_then(Value::number).unwrap_or(otherwise);
    let kind = match text(node, "type")?.as_str() {
        "text" => Kind::Text,
        "boolean" => Kind::Boolean,
        "integer" => Kind::Integer(bound("min", 0), bound("max", u32::MAX)),
        "word" => Kind::Word(node.all("words").flat_map(words).collect()),
        "mac" => Kind::Mac,
        "uuid" => Kind::Uuid,
        "rate" => Kind::Rate,
        "device" => Kind::Device,
        "version" => Kind::Version,
        "range" => Kind::Range,
        "interface" => Kind::Interface,
        "name" => Kind::Name,
        "scalar" => Kind::Scalar,
        other => return Err(SchemaError::UnknownType(other.to_owned())),
    };
    if let Some(stray) = node.children.iter().find(|child| child.name.text != "words") {
        return Err(SchemaError::UnknownNode(stray.name.text.clone()));
    }
    Ok(ValueSpec {
        name,
        kind,
        required: flag(node, "required"),
        default: node.property("default").and_then(Value::text).map(str::to_owned),
        unit: node.property("unit").and_then(Value::text).map(str::to_owned),
        doc: text(node, "doc")?,
    })
}

fn only(node: &Node, known: &[&str]) -> Result<(), SchemaError> {
    match node.properties.iter().find(|property| !known.contains(&property.name.text.as_str())) {
        None => Ok(()),
        Some(property) => Err(SchemaError::UnknownProperty {
            node: node.name.text.clone(),
            property: property.name.text.clone(),
        }),
    }
}

fn words(node: &Node) -> Vec<String> {
    node.arguments.iter().filter_map(Value::text).map(str::to_owned).collect()
}

fn first(node: &Node) -> Result<String, SchemaError> {
    let name = node.argument(0).and_then(Value::text);
    name.map(str::to_owned).ok_or_else(|| missing(node, "its name"))
}

fn text(node: &Node, name: &'static str) -> Result<String, SchemaError> {
    let text = node.property(name).and_then(Value::text);
    text.map(str::to_owned).ok_or_else(|| missing(node, name))
}

fn flag(node: &Node, name: &str) -> bool {
    node.property(name).and_then(Value::boolean).unwrap_or_default()
}

fn missing(node: &Node, what: &'static str) -> SchemaError {
    SchemaError::Missing { node: node.name.text.clone(), what }
}
