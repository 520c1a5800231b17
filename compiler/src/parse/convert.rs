//! From the `kdl` crate's document and errors to ours.

use kdl::{KdlDocument, KdlEntry, KdlError, KdlIdentifier, KdlNode, KdlValue};
use miette::SourceSpan;

use crate::diagnostic::{Code, Diagnostic};
use crate::source::{SourceId, Span};
use crate::syntax::{Datum, Document, Name, Node, Property, Value};

/// The document in our own types.
pub(super) fn document(source: SourceId, text: &str, document: &KdlDocument) -> Document {
    let convert = Convert { source, text };
    Document {
        span: Span { source, start: 0, end: 0 },
        nodes: document.nodes().iter().map(|node| convert.node(node)).collect(),
        incomplete: false,
    }
}

struct Convert<'a> {
    source: SourceId,
    text: &'a str,
}

impl Convert<'_> {
    fn span(&self, span: SourceSpan) -> Span {
        clamp(self.source, self.text, span)
    }

    fn name(&self, name: &KdlIdentifier) -> Name {
        Name { text: name.value().to_owned(), span: self.span(name.span()) }
    }

    fn node(&self, node: &KdlNode) -> Node {
        let name = self.name(node.name());
        let end = node.entries().iter().map(|entry| self.span(entry.span()).end).max();
        let span = Span { end: end.unwrap_or(name.span.end).max(name.span.end), ..name.span };
        let (properties, arguments): (Vec<_>, Vec<_>) =
            node.entries().iter().partition(|entry| entry.name().is_some());
        Node {
            span,
            arguments: arguments.into_iter().map(|entry| self.value(entry)).collect(),
            properties: properties.into_iter().filter_map(|entry| self.property(entry)).collect(),
            children: node
                .children()
                .iter()
                .flat_map(|block| block.nodes())
                .map(|child| self.node(child))
                .collect(),
            incomplete: false,
            name,
        }
    }

    fn property(&self, entry: &KdlEntry) -> Option<Property> {
        entry.name().map(|name| Property { name: self.name(name), value: self.value(entry) })
    }

    fn value(&self, entry: &KdlEntry) -> Value {
        let datum = match entry.value() {
            KdlValue::String(text) => Datum::Text(text.clone()),
            KdlValue::Integer(number) => Datum::Integer(*number),
            KdlValue::Float(_) => Datum::Float,
            KdlValue::Bool(value) => Datum::Bool(*value),
            KdlValue::Null => Datum::Null,
        };
        Value { datum, span: self.value_span(entry) }
    }

    /// The place of the value within its entry: the crate gives the place of the entry, which ends where the value
    /// ends, and the value as it was written.
    fn value_span(&self, entry: &KdlEntry) -> Span {
        let whole = self.span(entry.span());
        let written = entry.format().map_or("", |format| format.value_repr.as_str());
        match self.text[whole.start..whole.end].strip_suffix(written) {
            Some(before) if !written.is_empty() => Span { start: whole.start + before.len(), ..whole },
            _ => whole,
        }
    }
}

/// A place of the crate as one of ours: within the text, and at the borders of characters.
fn clamp(source: SourceId, text: &str, span: SourceSpan) -> Span {
    let start = text.floor_char_boundary(span.offset());
    let end = text.ceil_char_boundary(span.offset().saturating_add(span.len())).max(start);
    Span { source, start, end }
}

/// How many of the crate's errors are looked at: comparing each with all others takes quadratic time.
const MAX_ERRORS: usize = 500;

/// The crate's syntax errors in our words. The tokens are in order, so what is left is the inside of strings, which the
/// crate has no words for; one mistake can make it report several, at one place and after it.
pub(super) fn errors(source: SourceId, text: &str, error: &KdlError) -> Vec<Diagnostic> {
    let mut kept: Vec<Diagnostic> = Vec::new();
    let mut follow_on: Vec<Diagnostic> = Vec::new();
    for found in error.diagnostics.iter().take(MAX_ERRORS) {
        let mut span = clamp(source, text, found.span);
        // A label over many lines shows nothing: the first line of it does.
        let line = text[span.start..span.end].lines().next().unwrap_or_default().trim_end().len();
        span.end = span.start + line;
        let near =
            |other: &Diagnostic| other.primary.span.start <= span.end && span.start <= other.primary.span.end;
        if kept.iter().any(near) {
            continue;
        }
        let written = &text[span.start..span.end];
        let many_lines =
            |other: &Diagnostic| text[other.primary.span.start..other.primary.span.end].contains("\"\"\"");
        let diagnostic = malformed(written, span);
        // Braces have been counted before, and so have quotes: the parser is out of step after a mistake before.
        let is_follow_on =
            matches!(written, "{" | "}" | "") || written == "\"\"\"" && kept.iter().any(many_lines);
        if is_follow_on {
            follow_on.push(diagnostic);
        } else {
            kept.push(diagnostic);
        }
    }
    if kept.is_empty() { follow_on } else { kept }
}

fn malformed(written: &str, span: Span) -> Diagnostic {
    let (message, help) = if written.contains("\"\"\"") {
        (
            "this text of several lines is not well-formed",
            "the quotes stand alone at the ends of their lines, and each line begins with the white space that stands \
             before the closing quotes",
        )
    } else if written.contains('"') {
        (
            "this text is not well-formed",
            "`\\` begins an escape: `\\\\` is a backslash, `\\\"` a quote, `\\n` a line end; #\"...\"# takes all as it stands",
        )
    } else {
        (
            "this cannot be read: it is not KDL",
            "a node is a name, its values and properties, and perhaps a block; other characters need quotes",
        )
    };
    Diagnostic::new(Code::Syntax, message, span, "not understood").help(help)
}
