//! Templates, their parameters, and what is given for these.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;

use super::Expander;
use super::names::{Binding, Names, is_name};
use crate::diagnostic::{Code, Diagnostic};
use crate::nearest::{listed, nearest};
use crate::source::{Origin, Span};
use crate::syntax::{Datum, Name, Node, Property, Value, Written};

/// A template, in the file that it stands in.
#[derive(Debug)]
pub(super) struct Template {
    pub name: Name,
    pub parameters: Vec<Parameter>,
    /// Whether these are all its parameters.
    pub complete: bool,
    pub body: Vec<Node>,
    /// The names of its file.
    pub names: Rc<Names>,
    /// The templates of its file.
    pub unit: usize,
    pub used: Cell<bool>,
}

/// A parameter of a template or fragment.
#[derive(Debug, Clone)]
pub(super) struct Parameter {
    pub name: Name,
    pub default: Option<Value>,
}

/// The templates that a file can use: its own, and those of the files that it includes.
#[derive(Debug, Default)]
pub(super) struct Unit {
    pub templates: BTreeMap<String, usize>,
    /// Whether these are all: what could not be read may hold others.
    pub complete: bool,
}

/// Whose parameters are given.
pub(super) struct Callee<'a> {
    /// In the user's words.
    pub what: String,
    pub parameters: &'a [Parameter],
    pub complete: bool,
}

impl Expander<'_> {
    /// The parameters that nodes declare, and whether all declarations could be read.
    pub(super) fn parameters(&mut self, nodes: &[Node], origin: Origin) -> (Vec<Parameter>, bool) {
        let mut parameters: Vec<Parameter> = Vec::new();
        let mut complete = true;
        for node in nodes.iter().filter(|node| node.name.text == "parameter") {
            let checked = self.checked(node.clone());
            let name = checked.as_ref().and_then(|node| Some((node, node.argument(0)?)));
            let Some((checked, (value, text))) =
                name.and_then(|(node, value)| Some((node, (value, value.text()?))))
            else {
                complete = false;
                continue;
            };
            let name = Name { text: text.to_owned(), span: value.span };
            if let Some(first) = parameters.iter().find(|other| other.name.text == name.text) {
                let first = first.name.span.of(origin);
                self.report(repeated_name("parameter", &name, name.span.of(origin), first));
                continue;
            }
            if !self.nameable(&name, origin) {
                complete = false;
                continue;
            }
            self.declarations.declare(&name, "parameter");
            parameters.push(Parameter { name, default: checked.property("default").cloned() });
        }
        (parameters, complete)
    }

    /// Whether `$` can name it; if not, that is reported.
    pub(super) fn nameable(&mut self, name: &Name, origin: Origin) -> bool {
        let message = if name.text == "optional" {
            "`optional` is a word of `include` and cannot be the name of a value".to_owned()
        } else if is_name(&name.text) {
            return true;
        } else {
            format!("`{}` cannot be the name of a value", name.text)
        };
        self.report(
            Diagnostic::new(Code::MalformedName, message, name.span.of(origin), "not a name")
                .help("a letter or `_`, then letters, digits, `_` and `-`"),
        );
        false
    }

    /// Takes a `template` node of a file. Its number, if it can be used.
    pub(super) fn template(
        &mut self,
        node: &Node,
        names: &Rc<Names>,
        unit: usize,
        origin: Origin,
    ) -> Option<usize> {
        let checked = self.checked(node.clone())?;
        let name = checked.argument(0)?;
        let name = Name { text: name.text()?.to_owned(), span: name.span };
        let (parameters, complete) = self.parameters(&node.children, origin);
        let body = node.children.iter().filter(|child| child.name.text != "parameter").cloned().collect();
        self.templates.push(Rc::new(Template {
            name,
            parameters,
            complete: complete && !node.incomplete,
            body,
            names: Rc::clone(names),
            unit,
            used: Cell::new(false),
        }));
        Some(self.templates.len() - 1)
    }

    /// Adds a template to those that a file can use.
    pub(super) fn offer(&mut self, unit: usize, number: usize) {
        let Some(template) = self.templates.get(number).cloned() else { return };
        let name = &template.name;
        let known = self.units[unit].templates.get(&name.text).and_then(|&known| self.templates.get(known));
        let Some(first) = known else {
            self.units[unit].templates.insert(name.text.clone(), number);
            return;
        };
        // The same fragment may be included twice, if that makes no difference to its templates.
        let same = first.name.span.is_same_place(name.span);
        if same && first.names.same_values(&template.names) {
            return;
        }
        let help = if same {
            "two includes of the file give its parameters different values: write the template into a file of its own"
        } else {
            "give one of them another name"
        };
        let message = format!("there are two templates `{}`", name.text);
        let diagnostic = Diagnostic::new(Code::RepeatedTemplate, message, name.span, "given again")
            .and(first.name.span, "first given here")
            .help(help);
        self.report(diagnostic);
    }

    /// What the parameters stand for, by the properties of a `use` or `include` that the schema does not know.
    pub(super) fn bind(
        &mut self,
        callee: &Callee<'_>,
        given: &Node,
        names: &Rc<Names>,
        origin: Origin,
    ) -> Names {
        let mut own = BTreeMap::new();
        for Parameter { name, default } in callee.parameters {
            let value = match (given.property(&name.text), default) {
                (Some(value), _) => value.clone(),
                (None, Some(default)) => self.value(default, names, origin),
                (None, None) => {
                    // A misspelt one is most likely the one that is missing.
                    let misspelt = |given: &Property| {
                        let written = given.name.text.as_str();
                        !callee.parameters.iter().any(|other| other.name.text == written)
                            && nearest(written, [name.text.as_str()]).is_some()
                    };
                    if !given.incomplete && !given.properties.iter().any(misspelt) {
                        let diagnostic = missing(callee, name, given.span, origin);
                        self.report(diagnostic);
                    }
                    Value { datum: Datum::Refused, span: given.span, written: Written::Computed }
                }
            };
            own.insert(name.text.clone(), Binding { value, declared: name.span });
        }
        let spec = self.schema.node(&given.name.text);
        let is_word = |name: &str| {
            spec.is_some_and(|spec| spec.properties.iter().any(|property| property.name == name))
        };
        let known: Vec<&str> =
            callee.parameters.iter().map(|parameter| parameter.name.text.as_str()).collect();
        for property in given.properties.iter().filter(|_| callee.complete) {
            let name = property.name.text.as_str();
            if known.contains(&name) || is_word(name) {
                continue;
            }
            let message = format!("{} has no parameter `{name}`", callee.what);
            let diagnostic = Diagnostic::new(Code::UnknownParameter, message, property.name.span, "unknown");
            self.diagnostics.push(match nearest(name, known.iter().copied()) {
                Some(meant) => diagnostic.meant(property.name.span, meant),
                None if known.is_empty() => diagnostic.help("it declares none"),
                None => diagnostic.help(format!("it declares {}", listed(known.iter().copied()))),
            });
        }
        Names { own, outer: Some(Rc::clone(names)), complete: callee.complete }
    }
}

impl Names {
    fn same_values(&self, other: &Self) -> bool {
        let values = |names: &Self| -> Vec<(String, Datum)> {
            names.own.iter().map(|(name, binding)| (name.clone(), binding.value.datum.clone())).collect()
        };
        values(self) == values(other)
    }
}

fn missing(callee: &Callee<'_>, name: &Name, span: Span, origin: Origin) -> Diagnostic {
    let message = format!("{} needs its parameter `{}`", callee.what, name.text);
    Diagnostic::new(Code::MissingParameter, message, span, format!("no `{}=`", name.text))
        .and(name.span.of(origin), "declared here, without a default")
        .help(format!("write `{}=VALUE`, or give the parameter a `default=`", name.text))
}

pub(super) fn repeated_name(what: &str, name: &Name, span: Span, first: Span) -> Diagnostic {
    let message = format!("the {what} `{}` is there already", name.text);
    Diagnostic::new(Code::RepeatedName, message, span, "given again")
        .and(first, "first given here")
        .help("a name has one value: choose another name")
}
