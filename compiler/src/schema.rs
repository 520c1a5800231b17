//! The schema: which nodes a language has, where they stand, what they take. Host files and driver catalogues are
//! described by files of one form; the compiler has no list of words beside them.

mod read;
mod reference;

use std::sync::LazyLock;

use crate::bundled;

use serde::Serialize;

pub use read::SchemaError;
pub(crate) use reference::value_reference;

/// The parent of nodes at the top of a file.
pub const FILE: &str = "file";

/// The parent of nodes that may stand in any block.
pub const ANY: &str = "any";

/// A language. What it serializes to is what an editor needs to complete words: which nodes stand where, what they take,
/// and a sentence on each.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Schema {
    /// Its nodes, in the order of the schema file.
    pub nodes: Vec<NodeSpec>,
}

/// A node of the language.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NodeSpec {
    /// Its name.
    pub name: String,
    /// The nodes whose block it may stand in, [`FILE`] for the top of a file.
    pub parents: Vec<String>,
    /// Whether it stands at most once in its block.
    pub once: bool,
    /// Whether it must be there.
    pub required: bool,
    /// What `once` and `required` are meant of.
    pub scope: Scope,
    /// Whether it holds nodes that are not its own: those of the place that it stands in or is used in.
    pub block: bool,
    /// Its arguments, in order.
    pub arguments: Vec<ValueSpec>,
    /// Its properties.
    pub properties: Vec<ValueSpec>,
    /// What properties of any other name hold, where there may be such.
    pub free_properties: Option<ValueSpec>,
    /// One sentence for people.
    pub doc: String,
}

/// What is counted for `once` and `required`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// The block that the node stands in, included files and all.
    Block,
    /// Each file on its own, included ones among them.
    EachFile,
}

/// An argument or property.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ValueSpec {
    /// Its name; arguments have one for messages.
    pub name: String,
    /// What it can hold.
    pub kind: Kind,
    /// Whether it must be there.
    pub required: bool,
    /// What holds if it is left out, in words for people.
    pub default: Option<String>,
    /// The unit of a number.
    pub unit: Option<String>,
    /// One sentence for people.
    pub doc: String,
}

/// What a value can be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Any text.
    Text,
    /// `#true` or `#false`.
    Boolean,
    /// A whole number in this range.
    Integer(u32, u32),
    /// One of these words.
    Word(Vec<String>),
    /// A MAC address.
    Mac,
    /// A UUID.
    Uuid,
    /// A transmit rate.
    Rate,
    /// A devlink handle, or a name in its place.
    Device,
    /// Versions, as comparisons.
    Version,
    /// Numbers from one to another.
    Range,
    /// The name of a network interface.
    Interface,
    /// The name of a subdevice.
    Name,
    /// A boolean, a whole number or a text.
    Scalar,
}

static LANGUAGE: LazyLock<Schema> = LazyLock::new(|| of_the_program(bundled::LANGUAGE));
static CATALOGUE: LazyLock<Schema> = LazyLock::new(|| of_the_program(bundled::CATALOGUE));

/// A schema that is part of the program. A test proves that each can be read; one that could not would describe an empty
/// language, which refuses every file.
fn of_the_program(nodes: &[bundled::Node]) -> Schema {
    Schema::of(&bundled::document(nodes)).unwrap_or_default()
}

impl Schema {
    /// The language of host files.
    #[must_use]
    pub fn language() -> &'static Self {
        &LANGUAGE
    }

    /// The form of driver catalogues.
    #[must_use]
    pub fn catalogue() -> &'static Self {
        &CATALOGUE
    }

    /// The node of that name; the first, if the name has several forms.
    #[must_use]
    pub fn node(&self, name: &str) -> Option<&NodeSpec> {
        self.nodes.iter().find(|node| node.name == name)
    }

    /// The form of that node which may stand in the block of `parent`.
    #[must_use]
    pub fn child(&self, parent: &str, name: &str) -> Option<&NodeSpec> {
        self.nodes.iter().find(|node| node.name == name && node.stands_in(parent))
    }

    /// The nodes that may stand in the block of `parent`.
    pub fn children<'a>(&'a self, parent: &'a str) -> impl Iterator<Item = &'a NodeSpec> {
        self.nodes.iter().filter(move |node| node.stands_in(parent))
    }
}

impl NodeSpec {
    /// Whether it may stand in the block of `parent`.
    fn stands_in(&self, parent: &str) -> bool {
        self.parents.iter().any(|name| name == parent)
    }

    /// The property of that name.
    #[must_use]
    pub fn property(&self, name: &str) -> Option<&ValueSpec> {
        self.properties.iter().find(|property| property.name == name).or(self.free_properties.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::{Schema, bundled};

    #[test]
    fn the_bundled_schemas_can_be_read() {
        for nodes in [bundled::LANGUAGE, bundled::CATALOGUE] {
            let schema = Schema::of(&bundled::document(nodes)).expect("a bundled schema");
            assert!(!schema.nodes.is_empty());
            for node in &schema.nodes {
                for parent in &node.parents {
                    assert!(
                        [super::FILE, super::ANY].contains(&parent.as_str()) || schema.node(parent).is_some(),
                        "{parent}"
                    );
                }
                let forms = schema.nodes.iter().filter(|other| other.name == node.name);
                let places: Vec<_> = forms.flat_map(|form| &form.parents).collect();
                let different: std::collections::BTreeSet<_> = places.iter().collect();
                assert_eq!(places.len(), different.len(), "{}: one form a place", node.name);
            }
        }
    }
}
