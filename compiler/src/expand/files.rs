//! Files: what they declare, and what they include.

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::rc::Rc;

use camino::Utf8PathBuf;

use super::budget::{MAX_DEPTH, too_deep};
use super::names::{Binding, Names};
use super::nodes::Context;
use super::templates::{Callee, Unit, repeated_name};
use super::{Expanded, Expander};
use crate::diagnostic::{Code, Diagnostic};
use crate::source::{Origin, SourceId, Span};
use crate::syntax::{Datum, Document, Node, Property, Value, Written};
use crate::{parse, validate};

/// A file that was asked for.
#[derive(Debug, Clone)]
pub(super) enum Loaded {
    Document(SourceId, Rc<Document>),
    Missing(ErrorKind, String),
}

/// One expansion of a file.
pub(super) struct File<'a> {
    pub source: SourceId,
    pub document: Rc<Document>,
    /// The `include`, for a fragment; and the file that it stands in.
    pub bindings: Option<(&'a Node, &'a File<'a>)>,
    pub origin: Origin,
    /// Whether it is the file of a host.
    pub is_host: bool,
    pub depth: usize,
}

impl Expander<'_> {
    /// What a file becomes; the templates that it offers are those of the unit that this adds.
    pub(super) fn file(&mut self, file: &File<'_>) -> Expanded {
        let unit = self.units.len();
        self.units.push(Unit { templates: BTreeMap::new(), complete: !file.document.incomplete });
        let reported = self.diagnostics.len();
        validate::header(&file.document, self.schema, self.diagnostics);
        self.brought_in(reported, file.origin);

        let names = self.file_names(file);
        let names = Rc::new(self.lets(file, names));
        for node in file.document.all("template") {
            match self.template(node, &names, unit, file.origin) {
                Some(number) => self.offer(unit, number),
                None => self.units[unit].complete = false,
            }
        }
        let context = Context { names: &names, unit, origin: file.origin, depth: file.depth, active: None };
        let mut expanded = Expanded { nodes: Vec::new(), complete: true };
        for node in file.document.all("include") {
            if let Some(included) = self.include(node, file, &context) {
                expanded.complete &= included.complete;
                expanded.nodes.extend(included.nodes);
            } else {
                expanded.complete = false;
                self.units[unit].complete = false;
            }
        }
        let declared = ["include", "let", "template", "parameter", "override"];
        let nodes = file.document.nodes.iter().filter(|node| !declared.contains(&node.name.text.as_str()));
        let nodes = nodes.filter(|node| node.name.text != "host" || self.may_name_a_host(file, node));
        let nodes: Vec<&Node> = nodes.collect();
        let rest = self.block(nodes, &context);
        expanded.complete &= rest.complete;
        expanded.nodes.extend(rest.nodes);
        for node in file.document.all("override") {
            self.overriding(node, file, &context);
        }
        expanded
    }

    /// Gives messages about a file the trail of its first inclusion.
    fn brought_in(&mut self, from: usize, origin: Origin) {
        for diagnostic in self.diagnostics.iter_mut().skip(from) {
            diagnostic.primary.span.origin = origin;
        }
    }

    /// The names that the parameters of a fragment are.
    fn file_names(&mut self, file: &File<'_>) -> Names {
        let mut names = Names { own: BTreeMap::new(), outer: None, complete: !file.document.incomplete };
        let Some((include, _)) = file.bindings else {
            for node in file.document.all("parameter") {
                names.complete = false;
                if file.is_host {
                    let message = "`parameter` cannot stand in the file of a host";
                    self.report(
                        Diagnostic::new(Code::MisplacedNode, message, node.name.span, "not here").help(
                            "write `let NAME=VALUE`; parameters are for templates and for included files",
                        ),
                    );
                }
            }
            return names;
        };
        let (parameters, complete) = self.parameters(&file.document.nodes, file.origin);
        let callee = Callee {
            what: format!("`{}`", self.path(file.source)),
            parameters: &parameters,
            complete: complete && names.complete,
        };
        names.complete &= complete;
        let outer = Rc::new(Names { own: BTreeMap::new(), outer: None, complete: names.complete });
        let bound = self.bind(&callee, include, &outer, file.origin);
        names.own = bound.own;
        names
    }

    /// Adds the names that `let` gives, which may need each other in any order.
    fn lets(&mut self, file: &File<'_>, mut names: Names) -> Names {
        let mut pending: BTreeMap<String, Property> = BTreeMap::new();
        for node in file.document.all("let") {
            let Some(node) = self.checked(node.clone()) else {
                names.complete = false;
                continue;
            };
            for property in node.properties {
                let (name, span) = (&property.name, property.name.span.of(file.origin));
                let first = pending.get(&name.text).map(|first| first.name.span.of(file.origin));
                let first = first.or_else(|| names.own.get(&name.text).map(|first| first.declared));
                if let Some(first) = first {
                    self.report(repeated_name("name", name, span, first));
                } else if self.nameable(name, file.origin) {
                    self.declarations.declare(name, "name");
                    pending.insert(name.text.clone(), property);
                }
            }
        }
        let mut waiting: BTreeSet<String> = pending.keys().cloned().collect();
        for name in pending.keys() {
            let mut stack = vec![name.clone()];
            while let Some(top) = stack.last().cloned() {
                let Some(property) = pending.get(&top).filter(|_| waiting.contains(&top)) else {
                    stack.pop();
                    continue;
                };
                let span = property.value.span.of(file.origin);
                let length = property.value.text().map_or(0, str::len);
                let affordable = self.budget.text(length, span, self.diagnostics);
                let mut value = Value { datum: Datum::Refused, span, written: Written::Computed };
                if affordable {
                    match self.try_value(&property.value, &names, file.origin, &waiting) {
                        Ok(found) => value = found,
                        Err(needed) if stack.contains(&needed) => {
                            let message = format!("the value of `{needed}` needs itself");
                            self.report(
                                Diagnostic::new(Code::Circular, message, span, format!("needs `{needed}`"))
                                    .help("give one of the names a value without the others"),
                            );
                        }
                        Err(needed) => {
                            stack.push(needed);
                            continue;
                        }
                    }
                }
                waiting.remove(&top);
                names.own.insert(top, Binding { value, declared: property.name.span });
                stack.pop();
            }
        }
        names
    }

    fn may_name_a_host(&mut self, file: &File<'_>, node: &Node) -> bool {
        if file.bindings.is_none() {
            return true;
        }
        let message = format!("`{}` is included, and it is the file of a host", self.path(file.source));
        let span = node.name.span.of(file.origin);
        self.report(
            Diagnostic::new(Code::HostInFragment, message, span, "a host of its own")
                .help("move what both hosts need into a file without a `host`, and include that one"),
        );
        false
    }

    fn overriding(&mut self, node: &Node, file: &File<'_>, context: &Context<'_>) {
        if file.bindings.is_some() {
            let message = "`override` stands in the file of the host, and this one is included";
            let span = node.name.span.of(file.origin);
            self.report(
                Diagnostic::new(Code::MisplacedNode, message, span, "not here")
                    .help("only the host file has the last word"),
            );
            return;
        }
        if self.own_line(node, context).is_some() {
            let inside = Context { depth: context.depth + 1, ..*context };
            let expanded = self.block(&node.children, &inside);
            self.overrides.extend(expanded.nodes);
        }
    }

    fn include(&mut self, node: &Node, file: &File<'_>, context: &Context<'_>) -> Option<Expanded> {
        let line = self.own_line(node, context)?;
        let written = line.argument(0)?;
        let path = self.loader.join(self.path(file.source), written.text()?);
        let optional = line.property("optional").and_then(Value::boolean).unwrap_or_default();
        self.optional.extend(optional.then_some(line.span));
        let mut around = std::iter::successors(Some(file), |file| file.bindings.map(|(_, outer)| outer));
        if around.any(|outer| self.path(outer.source) == path) {
            let message = format!("`{path}` includes itself");
            self.report(
                Diagnostic::new(Code::Circular, message, written.span, "included within itself")
                    .help("move what both need into a file that includes neither"),
            );
            return None;
        }
        if file.depth == MAX_DEPTH {
            self.report(too_deep(line.span));
            return None;
        }
        if !self.budget.node(&line, self.diagnostics) {
            return None;
        }
        let origin = self.sources.bring_in(line.span, "included here");
        let (source, document) = match self.loaded(&path, origin) {
            Loaded::Document(source, document) => (source, document),
            Loaded::Missing(kind, error) => {
                if optional && kind == ErrorKind::NotFound {
                    return Some(Expanded { nodes: Vec::new(), complete: true });
                }
                self.report(unreadable(&path, kind, &error, written.span));
                return None;
            }
        };
        let inside = File {
            source,
            document,
            bindings: Some((&line, file)),
            origin,
            is_host: false,
            depth: file.depth + 1,
        };
        let unit = self.units.len();
        let expanded = self.file(&inside);
        let complete = self.units[unit].complete;
        self.units[context.unit].complete &= complete;
        let offered: Vec<usize> = self.units[unit].templates.values().copied().collect();
        for number in offered {
            self.offer(context.unit, number);
        }
        Some(expanded)
    }

    /// The file at that path, read once.
    fn loaded(&mut self, path: &Utf8PathBuf, origin: Origin) -> Loaded {
        if let Some(loaded) = self.files.get(path) {
            return loaded.clone();
        }
        let loaded = match self.loader.load(path) {
            Ok(text) => {
                let source = self.sources.add(path.clone(), text);
                let span = Span::new(source, 0, 0).of(origin);
                let reported = self.diagnostics.len();
                let text = self.sources.get(source).text();
                let document = if self.budget.text(text.len(), span, self.diagnostics) {
                    parse::parse(source, text, self.diagnostics)
                } else {
                    Document { span, nodes: Vec::new(), incomplete: true }
                };
                self.brought_in(reported, origin);
                Loaded::Document(source, Rc::new(document))
            }
            Err(error) => Loaded::Missing(error.kind(), error.to_string()),
        };
        self.files.insert(path.clone(), loaded.clone());
        loaded
    }
}

fn unreadable(path: &Utf8PathBuf, kind: ErrorKind, error: &str, span: Span) -> Diagnostic {
    let help = match kind {
        ErrorKind::NotFound => {
            "the path is taken from the directory of the including file; `optional=#true` allows a missing one"
        }
        ErrorKind::PermissionDenied => "you may not read it",
        ErrorKind::InvalidData => "host files are UTF-8 text",
        _ => "the operating system said so",
    };
    let message = format!("`{path}` cannot be read: {error}");
    Diagnostic::new(Code::Unincluded, message, span, "this file").help(help)
}
