//! Devices of one name become one device, and so do bridges; what stands in `override` has the last word.

use std::collections::BTreeMap;

use crate::diagnostic::{Code, Diagnostic};
use crate::nearest::nearest;
use crate::schema::Schema;
use crate::source::{Origin, SourceId, Span};
use crate::syntax::{Datum, Node, Value};

/// How two nodes become one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// Each attribute has one value; subdevices and parameters are collected, to be compared later.
    Blocks,
    /// Each attribute has one value; subdevices and parameters of one name are one.
    Overrides,
    /// The second one's values hold; what it names must be there.
    LastWord,
}

/// Merges the devices among the nodes, then puts the overrides over them.
pub(super) fn merge(
    nodes: Vec<Node>,
    overrides: Vec<Node>,
    schema: &Schema,
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<Node> {
    let mut merger = Merger { schema, diagnostics };
    let mut devices = merger.devices(nodes, Mode::Blocks);
    for node in merger.devices(overrides, Mode::Overrides) {
        merger.last_word(&mut devices, node);
    }
    devices
}

struct Merger<'a> {
    schema: &'a Schema,
    diagnostics: &'a mut Vec<Diagnostic>,
}

/// What a described node is: its name and first argument.
type Key = (String, String);

/// The nodes at the top of a file that are described in pieces.
const MERGED: [&str; 2] = ["device", "bridge"];

/// What a node describes, if it is one that is described in pieces and says which.
fn described(node: &Node) -> Option<(&str, &str)> {
    let kind = MERGED.into_iter().find(|kind| node.name.text == *kind && !node.broken)?;
    Some((kind, node.argument(0)?.text()?))
}

impl Merger<'_> {
    fn devices(&mut self, nodes: Vec<Node>, mode: Mode) -> Vec<Node> {
        let mut merged: Vec<Node> = Vec::with_capacity(nodes.len());
        let mut places: BTreeMap<Key, (usize, Vec<(SourceId, Origin)>)> = BTreeMap::new();
        for node in nodes {
            let key = described(&node).map(|(kind, name)| (kind.to_owned(), name.to_owned()));
            let file = (node.span.source, node.span.origin);
            match key.as_ref().and_then(|key| places.get_mut(key)) {
                // Twice in one file is a mistake of its own, unless a template or another file brings one in.
                Some((place, files)) if mode == Mode::Overrides || !files.contains(&file) => {
                    files.push(file);
                    let place = *place;
                    self.combine(&mut merged[place], node, mode);
                }
                Some(_) => merged.push(node),
                None => {
                    if let Some(key) = key {
                        places.insert(key, (merged.len(), vec![file]));
                    }
                    merged.push(node);
                }
            }
        }
        merged
    }

    fn last_word(&mut self, merged: &mut [Node], node: Node) {
        if !MERGED.contains(&node.name.text.as_str()) {
            let name = &node.name.text;
            let message = format!("`{name}` cannot stand in `override`");
            self.diagnostics.push(
                Diagnostic::new(Code::MisplacedNode, message, node.name.span, "not here")
                    .help("`override` holds devices and bridges, and in them the values that are to hold"),
            );
            return;
        }
        let Some((kind, name)) = described(&node) else { return };
        if let Some(base) = merged.iter_mut().find(|other| described(other) == Some((kind, name))) {
            self.combine(base, node, Mode::LastWord);
        } else {
            let span = node.argument(0).map_or(node.span, |value| value.span);
            let known = merged.iter().filter_map(described).filter(|known| known.0 == kind);
            self.nothing(&format!("no {kind} `{name}`"), span, name, known.map(|known| known.1));
        }
    }

    /// Puts `other` into `base`, a node of the same kind.
    fn combine(&mut self, base: &mut Node, other: Node, mode: Mode) {
        base.incomplete |= other.incomplete;
        for (place, value) in other.arguments.into_iter().enumerate() {
            match base.arguments.get_mut(place) {
                Some(first) => {
                    let what = format!("`{}`", base.name.text);
                    self.value(&what, first, value, mode);
                }
                None => base.arguments.push(value),
            }
        }
        for property in other.properties {
            let name = &property.name.text;
            match base.properties.iter_mut().find(|first| first.name.text == *name) {
                Some(first) => self.value(&format!("`{name}`"), &mut first.value, property.value, mode),
                None => base.properties.push(property),
            }
        }
        for child in other.children {
            self.child(base, child, mode);
        }
    }

    fn child(&mut self, base: &mut Node, child: Node, mode: Mode) {
        let once = self.schema.child(&base.name.text, &child.name.text).is_some_and(|spec| spec.once);
        let same = |other: &Node| {
            let same_key =
                other.argument(0).map(|value| &value.datum) == child.argument(0).map(|value| &value.datum);
            let same_cmode = match (other.property("cmode"), child.property("cmode")) {
                (Some(first), Some(second)) => first.datum == second.datum,
                _ => true,
            };
            other.name.text == child.name.text && (once || mode != Mode::Blocks && same_key && same_cmode)
        };
        if child.broken {
            base.incomplete = true;
        } else if let Some(place) = base.children.iter().position(same) {
            self.combine(&mut base.children[place], child, mode);
        } else if mode == Mode::LastWord && child.name.text == "subdevice" {
            let Some((name, span)) = child.argument(0).and_then(|value| Some((value.text()?, value.span)))
            else {
                return;
            };
            let known = base.all("subdevice").filter_map(|node| node.argument(0)?.text());
            let device = described(base).map_or("", |known| known.1);
            self.nothing(&format!("no subdevice `{name}` on `{device}`"), span, name, known);
        } else {
            base.children.push(child);
        }
    }

    fn value(&mut self, what: &str, first: &mut Value, second: Value, mode: Mode) {
        let refused = first.datum == Datum::Refused || second.datum == Datum::Refused;
        if first.datum == second.datum {
            return;
        }
        if mode == Mode::LastWord {
            *first = second;
        } else if !refused {
            let message =
                format!("{what} has two values: {} and {}", shown(&first.datum), shown(&second.datum));
            let help = match mode {
                Mode::Overrides => "keep one of them",
                _ => "keep one of them; a host file changes the value of a fragment in `override { ... }`",
            };
            self.diagnostics.push(
                Diagnostic::new(Code::TwoValues, message, second.span, "another value")
                    .and(first.span, "first given here")
                    .help(help),
            );
        }
    }

    fn nothing<'n>(&mut self, what: &str, span: Span, name: &str, known: impl Iterator<Item = &'n str>) {
        let message = format!("there is {what} whose values could be overridden");
        let help = nearest(name, known).map_or_else(
            || "`override` changes what is described elsewhere; describe it outside of it".to_owned(),
            |meant| format!("did you mean `{meant}`?"),
        );
        self.diagnostics
            .push(Diagnostic::new(Code::NothingToOverride, message, span, "described nowhere").help(help));
    }
}

fn shown(datum: &Datum) -> String {
    match datum {
        Datum::Text(text) => format!("`{text}`"),
        Datum::Integer(number) => number.to_string(),
        Datum::Bool(value) => format!("#{value}"),
        other => other.kind().to_owned(),
    }
}
