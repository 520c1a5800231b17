//! The files of `schemas/` as they were read when the program was built: reading them at each start took longer than all
//! else that `check` does for a small file. A test proves that they are what the texts say.

use crate::source::{SourceMap, Span};
use crate::syntax::{Datum, Document, Name, Property, Written};

/// A node of a file.
pub(crate) struct Node {
    name: &'static str,
    arguments: &'static [Value],
    properties: &'static [(&'static str, Value)],
    children: &'static [Self],
}

/// A value.
enum Value {
    Text(&'static str),
    Integer(i128),
    Bool(bool),
}

pub(crate) use files::{CATALOGUE, DRIVERS, LANGUAGE};

mod files {
    #![expect(clippy::unreadable_literal, reason = "build.rs writes this, and nobody reads it")]

    use super::{Node, Value};

    include!(concat!(env!("OUT_DIR"), "/bundled.rs"));
}

/// The nodes of a file as a document. It has no places: nobody is shown a place in these files.
pub(crate) fn document(nodes: &[Node]) -> Document {
    let nowhere = Span::new(SourceMap::default().add("bundled", String::new()), 0, 0);
    Document { span: nowhere, nodes: nodes.iter().map(|node| node.at(nowhere)).collect(), incomplete: false }
}

/// Whether a node of that name has that property.
pub(crate) fn has_property(nodes: &[Node], name: &str, property: &str) -> bool {
    let of_node = |node: &Node| node.properties.iter().any(|(known, _)| *known == property);
    nodes.iter().any(|node| node.name == name && of_node(node))
}

impl Node {
    fn at(&self, span: Span) -> crate::syntax::Node {
        let name = |text: &str| Name { text: text.to_owned(), span };
        let property =
            |(property, value): &(&str, Value)| Property { name: name(property), value: value.at(span) };
        crate::syntax::Node {
            name: name(self.name),
            span,
            arguments: self.arguments.iter().map(|value| value.at(span)).collect(),
            properties: self.properties.iter().map(property).collect(),
            children: self.children.iter().map(|child| child.at(span)).collect(),
            incomplete: false,
            broken: false,
        }
    }
}

impl Value {
    fn at(&self, span: Span) -> crate::syntax::Value {
        let datum = match self {
            Self::Text(text) => Datum::Text((*text).to_owned()),
            Self::Integer(number) => Datum::Integer(*number),
            Self::Bool(value) => Datum::Bool(*value),
        };
        crate::syntax::Value { datum, span, written: Written::Plain }
    }
}

#[cfg(test)]
mod tests {
    use super::{CATALOGUE, DRIVERS, LANGUAGE, Node, document};
    use crate::parse::parse;
    use crate::source::{SourceMap, Span};
    use crate::syntax::{self, Document};

    /// Without the places and the notation.
    fn plain(mut document: Document) -> Document {
        fn strip(node: &mut syntax::Node, span: Span) {
            node.span = span;
            node.name.span = span;
            for value in node.arguments.iter_mut().chain(node.properties.iter_mut().map(|it| &mut it.value)) {
                value.span = span;
                value.written = syntax::Written::Plain;
            }
            node.properties.iter_mut().for_each(|property| property.name.span = span);
            node.children.iter_mut().for_each(|child| strip(child, span));
        }
        let span = Span::new(document.span.source, 0, 0);
        document.span = span;
        document.nodes.iter_mut().for_each(|node| strip(node, span));
        document
    }

    fn is_what_the_text_says(file: &str, nodes: &[Node]) {
        let path = format!("{}/../schemas/{file}", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(path).expect(file);
        let mut diagnostics = Vec::new();
        let source = SourceMap::default().add("bundled", String::new());
        let read = parse(source, &text, &mut diagnostics);
        assert!(diagnostics.is_empty(), "{file}: {diagnostics:#?}");
        assert_eq!(plain(read), plain(document(nodes)), "{file}");
    }

    #[test]
    fn the_bundled_files_are_what_their_texts_say() {
        is_what_the_text_says("subdevcfg.kdl", LANGUAGE);
        is_what_the_text_says("catalogue.kdl", CATALOGUE);
        for (driver, nodes) in DRIVERS {
            let written = format!("drivers/{driver}.kdl");
            let there =
                std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../schemas").join(&written).exists();
            is_what_the_text_says(
                &if there { written } else { format!("drivers/generated/{driver}.kdl") },
                nodes,
            );
        }
    }
}
