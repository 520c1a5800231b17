//! From the `kdl` crate's document and errors to ours.

use std::ops::Range;

use kdl::{KdlDocument, KdlEntry, KdlError, KdlIdentifier, KdlNode, KdlValue};
use miette::SourceSpan;

use super::Wrong;
use super::lexer::Kind;
use super::pieces::Piece;
use crate::diagnostic::{Code, Diagnostic};
use crate::source::{SourceId, Span};
use crate::syntax::{Datum, Name, Node, Property, Value, Written};

/// From pieces to nodes.
pub(super) struct Convert<'a> {
    pub source: SourceId,
    pub text: &'a str,
    /// Where something is wrong: the crate is not asked about a line that has been refused.
    pub wrong: &'a Wrong,
    pub diagnostics: &'a mut Vec<Diagnostic>,
}

impl Convert<'_> {
    /// The nodes of a block, and whether these are all that it holds.
    pub(super) fn nodes(&mut self, pieces: &[Piece]) -> (Vec<Node>, bool) {
        let mut nodes = Vec::with_capacity(pieces.len());
        let mut all = true;
        for piece in pieces {
            // What is switched off must be KDL all the same.
            let node = self.node(piece);
            if !piece.off {
                all &= node.is_some();
                nodes.extend(node);
            }
        }
        (nodes, all)
    }

    fn node(&mut self, piece: &Piece) -> Option<Node> {
        let line = &self.text[piece.head.clone()];
        let read = if self.wrong.within(&piece.head) {
            None
        } else {
            let line = Line { source: self.source, text: line, offset: piece.head.start };
            match KdlDocument::parse_v2(line.text) {
                Ok(document) => document.nodes().first().map(|node| line.node(node)),
                Err(error) => {
                    self.diagnostics.extend(line.errors(&error));
                    None
                }
            }
        };
        let mut node = read.or_else(|| self.broken(piece));
        let (children, all) = self.nodes(&piece.children);
        if let Some(node) = &mut node {
            node.incomplete |= piece.doubtful || !all;
            node.children = children;
        }
        node
    }

    /// What is known of a node whose line cannot be read: its name, if nothing is wrong with that.
    fn broken(&self, piece: &Piece) -> Option<Node> {
        let first = piece.first;
        if first.kind != Kind::Word || self.wrong.within(&(first.start..first.end)) {
            return None;
        }
        let span = Span::new(self.source, first.start, first.end);
        Some(Node {
            name: Name { text: self.text[first.start..first.end].to_owned(), span },
            span,
            arguments: Vec::new(),
            properties: Vec::new(),
            children: Vec::new(),
            incomplete: true,
            broken: true,
        })
    }
}

/// The line of one node, as the crate sees it.
struct Line<'a> {
    source: SourceId,
    text: &'a str,
    /// Where it begins in its source.
    offset: usize,
}

impl Line<'_> {
    fn span(&self, span: SourceSpan) -> Span {
        let local = self.clamp(span);
        self.place(&local)
    }

    /// A place of the crate as one of the line, at the borders of characters.
    fn clamp(&self, span: SourceSpan) -> Range<usize> {
        let start = self.text.floor_char_boundary(span.offset());
        let end = self.text.ceil_char_boundary(span.offset().saturating_add(span.len())).max(start);
        start..end
    }

    /// A place of the line as one of the source.
    const fn place(&self, local: &Range<usize>) -> Span {
        Span::new(self.source, self.offset + local.start, self.offset + local.end)
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
            children: Vec::new(),
            incomplete: false,
            broken: false,
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
        let is_raw = entry.format().is_some_and(|format| format.value_repr.starts_with('#'));
        let written = if is_raw { Written::Raw } else { Written::Plain };
        Value { datum, span: self.value_span(entry), written }
    }

    /// The place of the value within its entry: the crate gives the place of the entry, which ends where the value
    /// ends, and the value as it was written.
    fn value_span(&self, entry: &KdlEntry) -> Span {
        let local = self.clamp(entry.span());
        let whole = self.place(&local);
        let written = entry.format().map_or("", |format| format.value_repr.as_str());
        match self.text[local].strip_suffix(written) {
            Some(before) if !written.is_empty() => Span { start: whole.start + before.len(), ..whole },
            _ => whole,
        }
    }

    /// The crate's syntax errors in our words. The tokens are in order, so what is left is the inside of strings, which the
    /// crate has no words for; one mistake can make it report several, at one place and after it.
    fn errors(&self, error: &KdlError) -> Vec<Diagnostic> {
        let mut kept: Vec<Range<usize>> = Vec::new();
        let mut follow_on: Vec<Range<usize>> = Vec::new();
        for found in error.diagnostics.iter().take(MAX_ERRORS) {
            let mut place = self.clamp(found.span);
            // A label over many lines shows nothing: the first line of it does.
            let line = self.text[place.clone()].lines().next().unwrap_or_default().trim_end().len();
            place.end = place.start + line;
            let near = |other: &Range<usize>| other.start <= place.end && place.start <= other.end;
            if kept.iter().any(near) {
                continue;
            }
            let written = &self.text[place.clone()];
            let many_lines = |other: &Range<usize>| self.text[other.clone()].contains("\"\"\"");
            // Quotes have been counted before: the parser is out of step after a mistake before.
            let is_follow_on = written.is_empty() || written == "\"\"\"" && kept.iter().any(many_lines);
            if is_follow_on {
                follow_on.push(place);
            } else {
                kept.push(place);
            }
        }
        let places = if kept.is_empty() { follow_on } else { kept };
        places.iter().map(|place| malformed(&self.text[place.clone()], self.place(place))).collect()
    }
}
/// How many of the crate's errors are looked at: comparing each with all others takes quadratic time.
const MAX_ERRORS: usize = 500;

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
