//! Blocks: nodes are copied with their values replaced, `use` and `repeat` become the nodes that they stand for.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::budget::{MAX_DEPTH, too_deep};
use super::names::{Binding, Names};
use super::templates::Callee;
use super::{Expanded, Expander, Kernel};
use crate::diagnostic::{Code, Diagnostic};
use crate::lower::value;
use crate::nearest::{listed, nearest};
use crate::source::{Origin, Span};
use crate::syntax::{Datum, Name, Node, Property, Value, Written};
use crate::values::VersionSet;

/// Where a block stands.
#[derive(Clone, Copy)]
pub(super) struct Context<'c> {
    pub names: &'c Rc<Names>,
    /// Whose templates can be used.
    pub unit: usize,
    pub origin: Origin,
    pub depth: usize,
    /// The templates that are being expanded.
    pub active: Option<&'c Active<'c>>,
}

/// A template that is being expanded, and the one that uses it.
#[derive(Clone, Copy)]
pub(super) struct Active<'c> {
    template: usize,
    outer: Option<&'c Self>,
}

impl Expander<'_> {
    /// What the nodes of a block become.
    pub(super) fn block<'n>(
        &mut self,
        nodes: impl IntoIterator<Item = &'n Node>,
        context: &Context<'_>,
    ) -> Expanded {
        let mut block = Expanded { nodes: Vec::new(), complete: true };
        for node in nodes {
            match node.name.text.as_str() {
                "use" => self.template_use(node, context, &mut block),
                "repeat" => self.repeat(node, context, &mut block),
                "when" => self.when(node, context, &mut block),
                "include" | "let" | "template" | "parameter" | "override" if context.depth > 0 => {
                    self.of_a_file(node, context.origin);
                    block.complete = false;
                }
                _ => match self.copy(node, context) {
                    Some(node) => block.nodes.push(node),
                    None => block.complete = false,
                },
            }
        }
        block
    }

    fn copy(&mut self, node: &Node, context: &Context<'_>) -> Option<Node> {
        let mut copy = self.line(node, context);
        let made = context.origin != Origin::WRITTEN;
        if made && !self.budget.node(&copy, self.diagnostics) {
            return None;
        }
        if !node.children.is_empty() {
            if context.depth == MAX_DEPTH {
                self.report(too_deep(copy.span));
                return None;
            }
            let children = self.block(&node.children, &Context { depth: context.depth + 1, ..*context });
            copy.incomplete |= !children.complete;
            copy.children = children.nodes;
        }
        Some(copy)
    }

    /// A node without its block, its values replaced.
    pub(super) fn line(&mut self, node: &Node, context: &Context<'_>) -> Node {
        let Context { names, origin, .. } = *context;
        let name = |name: &Name| Name { text: name.text.clone(), span: name.span.of(origin) };
        Node {
            name: name(&node.name),
            span: node.span.of(origin),
            arguments: node.arguments.iter().map(|value| self.value(value, names, origin)).collect(),
            properties: node
                .properties
                .iter()
                .map(|property| Property {
                    name: name(&property.name),
                    value: self.value(&property.value, names, origin),
                })
                .collect(),
            children: Vec::new(),
            incomplete: node.incomplete,
            broken: node.broken,
        }
    }

    /// The line of a node that expansion takes for itself, values replaced and checked.
    pub(super) fn own_line(&mut self, node: &Node, context: &Context<'_>) -> Option<Node> {
        let mut line = self.line(node, context);
        // For the check of its block.
        line.children = node.children.first().cloned().into_iter().collect();
        self.checked(line)
    }

    fn of_a_file(&mut self, node: &Node, origin: Origin) {
        let name = &node.name.text;
        let help = match name.as_str() {
            "parameter" => {
                "`parameter` stands directly in a `template`, or at the top of a fragment".to_owned()
            }
            _ => format!("`{name}` stands at the top of a file"),
        };
        let message = format!("`{name}` cannot stand in a block");
        let span = node.name.span.of(origin);
        self.report(Diagnostic::new(Code::MisplacedNode, message, span, "not here").help(help));
    }

    fn template_use(&mut self, node: &Node, context: &Context<'_>, block: &mut Expanded) {
        let result = self.used(node, context);
        block.complete &= result.as_ref().is_some_and(|used| used.complete);
        block.nodes.extend(result.into_iter().flat_map(|used| used.nodes));
    }

    fn used(&mut self, node: &Node, context: &Context<'_>) -> Option<Expanded> {
        let line = self.own_line(node, context)?;
        let name = line.argument(0)?;
        let Some(number) = self.units[context.unit].templates.get(name.text()?).copied() else {
            if self.units[context.unit].complete {
                let diagnostic = self.unknown_template(name, context.unit);
                self.report(diagnostic);
            }
            return None;
        };
        let template = Rc::clone(&self.templates[number]);
        template.used.set(true);
        let mut around = std::iter::successors(context.active, |active| active.outer);
        if around.any(|active| active.template == number) {
            let message = format!("the template `{}` uses itself", template.name.text);
            self.report(
                Diagnostic::new(Code::Circular, message, name.span, "used within itself")
                    .and(template.name.span, "this template")
                    .help("a template can use others, but not itself; `repeat` makes several of one kind"),
            );
            return None;
        }
        if context.depth == MAX_DEPTH {
            self.report(too_deep(line.span));
            return None;
        }
        if !self.budget.node(&line, self.diagnostics) {
            return None;
        }
        let callee = Callee {
            what: format!("the template `{}`", template.name.text),
            parameters: &template.parameters,
            complete: template.complete,
        };
        let origin = self.sources.bring_in(line.span, "by this `use`");
        let names = Rc::new(self.bind(&callee, &line, &template.names, origin));
        let active = Active { template: number, outer: context.active };
        let inside = Context {
            names: &names,
            unit: template.unit,
            origin,
            depth: context.depth + 1,
            active: Some(&active),
        };
        let mut used = self.block(&template.body, &inside);
        used.complete &= template.complete;
        Some(used)
    }

    fn unknown_template(&self, name: &Value, unit: usize) -> Diagnostic {
        let text = name.text().unwrap_or_default();
        let known = || self.units[unit].templates.keys().map(String::as_str);
        let message = format!("there is no template `{text}`");
        let diagnostic = Diagnostic::new(Code::UnknownTemplate, message, name.span, "unknown");
        match nearest(text, known()) {
            Some(meant) if name.written == Written::Computed => {
                diagnostic.help(format!("did you mean `{meant}`?"))
            }
            Some(meant) => diagnostic.meant(name.span, meant),
            None if known().next().is_none() => diagnostic
                .help("a template is declared at the top of this file, or of a file that it includes"),
            None => diagnostic.help(format!("there are {}", listed(known()))),
        }
    }

    fn when(&mut self, node: &Node, context: &Context<'_>, block: &mut Expanded) {
        let made = self.conditional(node, context);
        block.complete &= made.as_ref().is_some_and(|made| made.complete);
        block.nodes.extend(made.into_iter().flat_map(|made| made.nodes));
    }

    /// What a `when` stands for with the kernel that is compiled for.
    fn conditional(&mut self, node: &Node, context: &Context<'_>) -> Option<Expanded> {
        let line = self.own_line(node, context)?;
        let kernels: VersionSet = value::formed(line.property("kernel")?, self.diagnostics)?.value;
        if context.depth == MAX_DEPTH {
            self.report(too_deep(line.span));
            return None;
        }
        self.conditions.bounds.extend(kernels.bounds().cloned());
        if !self.budget.node(&line, self.diagnostics) {
            return None;
        }
        let holds = match &self.conditions.kernel {
            Kernel::Newest => kernels.contains_newest(),
            Kernel::Release(release) => kernels.contains(release),
        };
        if !holds {
            self.conditions.left_out.push(line.name.span);
            return Some(Expanded { nodes: Vec::new(), complete: true });
        }
        let origin = self.sources.bring_in(line.span, "by this `when`");
        let inside = Context { origin, depth: context.depth + 1, ..*context };
        let mut made = self.block(&node.children, &inside);
        made.complete &= !node.incomplete;
        Some(made)
    }

    fn repeat(&mut self, node: &Node, context: &Context<'_>, block: &mut Expanded) {
        block.complete &= self.repeated(node, context, &mut block.nodes).unwrap_or(false);
    }

    /// Adds what the repetition stands for. Whether that is all.
    fn repeated(&mut self, node: &Node, context: &Context<'_>, nodes: &mut Vec<Node>) -> Option<bool> {
        let line = self.own_line(node, context)?;
        let count: u32 = line.argument(0).and_then(Value::number)?;
        let counter = line.property("as")?;
        let name = Name { text: counter.text()?.to_owned(), span: counter.span };
        if !self.nameable(&name, name.span.origin) {
            return None;
        }
        let number = |name: &str, otherwise: i128| {
            line.properties
                .iter()
                .find(|property| property.name.text == name)
                .map_or(Some(otherwise), |property| property.value.number::<i128>())
        };
        let (from, step) = (number("from", 0)?, number("step", 1)?);
        if context.depth == MAX_DEPTH {
            self.report(too_deep(line.span));
            return None;
        }
        let mut complete = !node.incomplete;
        for round in 0..count {
            // Also a round without nodes has its price, or an empty repetition would stand still.
            if !self.budget.node(&line, self.diagnostics) {
                return None;
            }
            let value = from + step * i128::from(round);
            let span: Span = line.span;
            let origin =
                self.sources.bring_in(span, format!("by this `repeat`, with `{}` = {value}", name.text));
            let value =
                Value { datum: Datum::Integer(value), span: counter.span, written: Written::Computed };
            let binding = Binding { value, declared: name.span };
            let names = Rc::new(Names {
                own: BTreeMap::from([(name.text.clone(), binding)]),
                outer: Some(Rc::clone(context.names)),
                complete: true,
            });
            let inside = Context { names: &names, origin, depth: context.depth + 1, ..*context };
            let made = self.block(&node.children, &inside);
            complete &= made.complete;
            nodes.extend(made.nodes);
        }
        Some(complete)
    }
}
