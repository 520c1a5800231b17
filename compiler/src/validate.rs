//! Is it the language? A document against a [`Schema`], closed at every depth: what the schema does not have is an
//! error. What is refused is taken out of the document, and the node it stood in is marked, so that the stages after
//! this one neither trip over it nor report its absence.

mod form;
mod values;

use crate::diagnostic::{Code, Diagnostic, Fix};
use crate::nearest::{listed, nearest};
use crate::schema::{ANY, FILE, NodeSpec, Schema, Scope};
use crate::source::Span;
use crate::syntax::{Datum, Document, Node, Property};

/// Checks a document and takes out what is refused.
pub(crate) fn validate(
    mut document: Document,
    schema: &Schema,
    diagnostics: &mut Vec<Diagnostic>,
) -> Document {
    let mut validator = Validator::new(schema, diagnostics);
    let top = Block { name: FILE, head: document.span, spec: None };
    let unread = document.incomplete;
    document.incomplete |= validator.block(&top, &mut document.nodes);
    if !unread {
        validator.missing_nodes(&top, &document.nodes, document.incomplete);
    }
    document
}

/// Checks the arguments and properties of a node that a stage before validation takes for itself, and takes out what is
/// refused. Such a node has a block exactly if nodes may stand in one of its kind.
pub(crate) fn head(spec: &NodeSpec, node: &mut Node, schema: &Schema, diagnostics: &mut Vec<Diagnostic>) {
    let mut validator = Validator::new(schema, diagnostics);
    let meant = validator.arguments(spec, node);
    validator.properties(spec, node, &meant);
    if let Some(child) = node.children.first().filter(|_| !spec.block) {
        let block = Block { name: &spec.name, head: node.span, spec: Some(spec) };
        validator.report(unexpected_block(&block, child));
    }
}

/// Checks that a file begins with the node that the schema begins with.
pub(crate) fn header(document: &Document, schema: &Schema, diagnostics: &mut Vec<Diagnostic>) {
    let Some(spec) = schema.nodes.first() else { return };
    let mut validator = Validator::new(schema, diagnostics);
    match document.nodes.iter().position(|node| node.name.text == spec.name) {
        Some(0) => {}
        Some(place) => validator.not_first(spec, &document.nodes[place]),
        None if spec.scope == Scope::EachFile && !document.incomplete => {
            let near = |node: &Node| nearest(&node.name.text, [spec.name.as_str()]).is_some();
            if !document.nodes.iter().any(near) {
                let top = Block { name: FILE, head: document.span, spec: None };
                validator.missing_node(&top, &document.nodes, spec);
            }
        }
        None => {}
    }
}

/// A block of nodes and whose it is.
struct Block<'a> {
    name: &'a str,
    head: Span,
    spec: Option<&'a NodeSpec>,
}

struct Validator<'a> {
    schema: &'a Schema,
    diagnostics: &'a mut Vec<Diagnostic>,
    /// The nodes that unknown ones were probably meant to be.
    misspelt: Vec<String>,
}

impl<'a> Validator<'a> {
    const fn new(schema: &'a Schema, diagnostics: &'a mut Vec<Diagnostic>) -> Self {
        Self { schema, diagnostics, misspelt: Vec::new() }
    }

    fn report(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    /// Checks the nodes of a block. Returns whether any was taken out.
    fn block(&mut self, block: &Block<'_>, nodes: &mut Vec<Node>) -> bool {
        let before = nodes.len();
        let mut block_refused = false;
        let mut kept: Vec<Node> = Vec::with_capacity(before);
        for mut node in nodes.drain(..) {
            // Of a line that could not be read the name proves nothing.
            if node.broken && self.schema.child(block.name, &node.name.text).is_none() {
                continue;
            }
            let Some(spec) = self.known(block, &node, &mut block_refused) else { continue };
            let is_first_of = |other: &&Node| {
                let (one, other_span) = (node.name.span, other.name.span);
                let same_file = one.source == other_span.source && one.origin == other_span.origin;
                other.name.text == spec.name && (same_file || spec.scope == Scope::Block)
            };
            if let Some(first) = kept.iter().filter(|_| spec.once).find(is_first_of) {
                let first = first.name.span;
                self.report(repeated(block.name, &node, first));
                continue;
            }
            self.node(spec, &mut node);
            kept.push(node);
        }
        *nodes = kept;
        nodes.len() < before
    }

    /// The spec of a node, if it may stand in this block.
    fn known(&mut self, block: &Block<'_>, node: &Node, block_refused: &mut bool) -> Option<&'a NodeSpec> {
        let name = node.name.text.as_str();
        let schema = self.schema;
        if let Some(spec) = schema.child(block.name, name) {
            return Some(spec);
        }
        if schema.node(name).is_some() {
            self.report(misplaced(schema, block.name, node));
        } else if block.name != FILE && schema.children(block.name).next().is_none() {
            if !*block_refused {
                *block_refused = true;
                self.report(unexpected_block(block, node));
            }
        } else {
            let here = schema.children(block.name).map(|spec| spec.name.as_str());
            self.misspelt.extend(nearest(name, here).map(str::to_owned));
            self.report(unknown_node(schema, block, node));
        }
        None
    }

    fn node(&mut self, spec: &'a NodeSpec, node: &mut Node) {
        if !node.broken {
            let meant = self.arguments(spec, node);
            self.properties(spec, node, &meant);
        }
        let unread = node.incomplete;
        let block = Block { name: &spec.name, head: node.span, spec: Some(spec) };
        node.incomplete |= self.block(&block, &mut node.children);
        if !unread {
            self.missing_nodes(&block, &node.children, node.incomplete);
        }
    }

    /// Checks the arguments. Returns the properties that some of them were most likely meant for.
    fn arguments<'b>(&mut self, spec: &'b NodeSpec, node: &mut Node) -> Vec<&'b str> {
        let mut meant = Vec::new();
        let name = node.name.text.clone();
        let given = node.arguments.len();
        if let Some(extra) = node.arguments.get(spec.arguments.len()) {
            let message = match spec.arguments.len() {
                0 => format!("`{name}` takes no argument"),
                1 => format!("`{name}` takes one argument"),
                most => format!("`{name}` takes {most} arguments"),
            };
            let mut diagnostic = Diagnostic::new(Code::ExtraArgument, message, extra.span, "one too many");
            let form::Extra { help, meant: properties } =
                form::extra(self.schema, spec, node, &node.arguments[spec.arguments.len()..]);
            if let Some(help) = help {
                diagnostic = diagnostic.help(help);
            }
            meant = properties;
            self.report(diagnostic);
            node.incomplete = true;
            node.arguments.truncate(spec.arguments.len());
        }
        for (value, argument) in node.arguments.iter_mut().zip(&spec.arguments) {
            let refusal = values::refusal(&format!("the {} of `{name}`", argument.name), argument, value);
            if let Some(diagnostic) = refusal {
                self.report(diagnostic);
                value.datum = Datum::Refused;
                node.incomplete = true;
            }
        }
        if let Some(missing) = spec.arguments.iter().skip(given).find(|argument| argument.required) {
            let message = format!("`{name}` needs its {}", missing.name);
            let help = match form::named_arguments(spec, node) {
                Some(written) => format!("it has no name before it: write `{written}`"),
                None => format!("write `{}`", values::node_example(spec)),
            };
            self.report(
                Diagnostic::new(Code::MissingArgument, message, node.span, format!("no {}", missing.name))
                    .help(help),
            );
            node.incomplete = true;
        }
        meant
    }

    /// Checks the properties. Nothing is said of the absence of those that arguments were meant for.
    fn properties(&mut self, spec: &NodeSpec, node: &mut Node, meant: &[&str]) {
        let mut kept: Vec<Property> = Vec::with_capacity(node.properties.len());
        let mut refused: Vec<String> = Vec::new();
        for property in std::mem::take(&mut node.properties) {
            let name = property.name.text.as_str();
            if property.value.datum == Datum::Refused {
                refused.push(property.name.text);
                node.incomplete = true;
                continue;
            }
            let diagnostic = if let Some(first) = kept.iter().find(|other| other.name.text == name) {
                let message = format!("`{name}` is given twice");
                Diagnostic::new(Code::RepeatedProperty, message, property.name.span, "given again")
                    .and(first.name.span, "first given here")
                    .help("keep one of them")
            } else if let Some(known) = spec.property(name) {
                match values::refusal(&format!("`{name}`"), known, &property.value) {
                    None => {
                        kept.push(property);
                        continue;
                    }
                    Some(diagnostic) => diagnostic,
                }
            } else {
                unknown_property(self.schema, spec, &property)
            };
            self.report(diagnostic);
            refused.push(property.name.text);
            node.incomplete = true;
        }
        node.properties = kept;
        for missing in spec.properties.iter().filter(|property| property.required) {
            // A misspelt one is most likely the one that is missing.
            if meant.contains(&missing.name.as_str())
                || node.property(&missing.name).is_some()
                || refused.iter().any(|name| nearest(name, [missing.name.as_str()]).is_some())
            {
                continue;
            }
            let (node_name, name) = (&node.name.text, &missing.name);
            let message = format!("`{node_name}` needs `{name}=`");
            self.diagnostics.push(
                Diagnostic::new(Code::MissingProperty, message, node.span, format!("no `{name}=`"))
                    .help(format!("write `{name}={}`", values::example(missing))),
            );
            node.incomplete = true;
        }
    }

    fn not_first(&mut self, spec: &NodeSpec, node: &Node) {
        let name = &spec.name;
        let message = format!("`{name}` must be the first node of the file");
        self.report(
            Diagnostic::new(Code::NotFirst, message, node.span, "stands too late")
                .help("move it to the top; only comments may stand above it"),
        );
    }

    fn missing_nodes(&mut self, block: &Block<'_>, nodes: &[Node], incomplete: bool) {
        let schema = self.schema;
        for spec in schema.children(block.name).filter(|spec| spec.required && spec.scope == Scope::Block) {
            let there = nodes.iter().any(|node| node.name.text == spec.name);
            // A node that was refused may be a misspelt form of the one that is missing.
            if there || incomplete && self.misspelt.contains(&spec.name) {
                continue;
            }
            self.missing_node(block, nodes, spec);
        }
    }

    fn missing_node(&mut self, block: &Block<'_>, nodes: &[Node], spec: &NodeSpec) {
        let name = &spec.name;
        let message = if block.spec.is_some() {
            format!("`{}` needs a `{name}`", block.name)
        } else {
            format!("the file has no `{name}` node")
        };
        let span = nodes.first().filter(|_| block.spec.is_none()).map_or(block.head, |node| node.name.span);
        self.report(
            Diagnostic::new(Code::MissingNode, message, span, format!("no `{name}` in this file"))
                .help(format!("write `{}`. {}", values::node_example(spec), spec.doc)),
        );
    }
}

fn repeated(block: &str, node: &Node, first: Span) -> Diagnostic {
    let name = &node.name.text;
    let place = if block == FILE { "in a file".to_owned() } else { format!("in a `{block}`") };
    Diagnostic::new(
        Code::RepeatedNode,
        format!("`{name}` stands once {place}, and this is another"),
        node.name.span,
        "given again",
    )
    .and(first, "first given here")
    .help("keep one of them, or put what they say into one")
}

fn misplaced(schema: &Schema, block: &str, node: &Node) -> Diagnostic {
    let name = &node.name.text;
    let here = if block == FILE { "at the top of a file".to_owned() } else { format!("in `{block}`") };
    let message = format!("`{name}` cannot stand {here}");
    Diagnostic::new(Code::MisplacedNode, message, node.name.span, "not here")
        .help(format!("`{name}` stands {}", places(schema, name)))
}

/// Where a node may stand.
fn places(schema: &Schema, name: &str) -> String {
    let forms = || schema.nodes.iter().filter(|spec| spec.name == *name).flat_map(|spec| &spec.parents);
    let blocks = listed(forms().map(String::as_str).filter(|&parent| parent != FILE));
    match (forms().any(|parent| parent == FILE), blocks.is_empty()) {
        (_, true) => "at the top of a file".to_owned(),
        (true, false) => format!("at the top of a file and in {blocks}"),
        (false, false) => format!("in {blocks}"),
    }
}

fn unexpected_block(block: &Block<'_>, child: &Node) -> Diagnostic {
    let (name, child_name) = (block.name, &child.name.text);
    let is_property =
        block.spec.is_some_and(|spec| spec.properties.iter().any(|property| property.name == *child_name));
    let help = if is_property {
        format!("`{child_name}` is a property: write `{name} ... {child_name}=VALUE`")
    } else {
        format!("what belongs to `{name}` is written as properties, on its line")
    };
    let message = format!("`{name}` takes no block");
    Diagnostic::new(Code::UnexpectedBlock, message, child.name.span, format!("in the block of `{name}`"))
        .and(block.head, "this node stands alone")
        .help(help)
}

fn unknown_node(schema: &Schema, block: &Block<'_>, node: &Node) -> Diagnostic {
    let written = node.name.text.as_str();
    // Other notations have a colon there.
    let name = written.trim_end_matches(':');
    let here: Vec<&str> = schema.children(block.name).map(|spec| spec.name.as_str()).collect();
    let anywhere = schema.children(ANY).map(|spec| spec.name.as_str());
    let message = format!("there is no node `{written}`");
    let diagnostic = Diagnostic::new(Code::UnknownNode, message, node.name.span, "unknown");
    let help = if name != written && schema.child(block.name, name).is_some() {
        let fix = Fix::write(node.name.span, name);
        return diagnostic.help(format!("write `{name}` and a space, without the colon")).fix(fix);
    } else if block.spec.is_some_and(|spec| spec.properties.iter().any(|known| known.name == name)) {
        format!("`{name}` is a property of `{}`: write `{name}=VALUE` on its line", block.name)
    } else if let Some(meant) = nearest(name, here.iter().copied().chain(anywhere)) {
        return diagnostic.meant(node.name.span, meant);
    } else if let Some(owners) = owners(schema, block, name) {
        format!("`{name}` is a property of {owners}")
    } else {
        format!("possible here: {}", listed(here))
    };
    diagnostic.help(help)
}

/// The nodes possible in this block that have a property of that name.
fn owners(schema: &Schema, block: &Block<'_>, name: &str) -> Option<String> {
    let has = |spec: &&NodeSpec| spec.properties.iter().any(|known| known.name == name);
    let owners = listed(schema.children(block.name).filter(has).map(|spec| spec.name.as_str()));
    (!owners.is_empty()).then_some(owners)
}

fn unknown_property(schema: &Schema, spec: &NodeSpec, property: &Property) -> Diagnostic {
    let (node, name) = (spec.name.as_str(), property.name.text.as_str());
    let known: Vec<&str> = spec.properties.iter().map(|known| known.name.as_str()).collect();
    let message = format!("`{node}` has no property `{name}`");
    let diagnostic = Diagnostic::new(Code::UnknownProperty, message, property.name.span, "unknown");
    let help = if let Some(meant) = nearest(name, known.iter().copied()) {
        return diagnostic.meant(property.name.span, meant);
    } else if schema.children(node).any(|child| child.name == name) {
        format!("`{name}` is a node of its own: write it into the block of `{node}`")
    } else if schema.node(name).is_some() {
        format!("`{name}` is a node of its own: it stands {}", places(schema, name))
    } else if known.is_empty() {
        format!("`{node}` has no properties")
    } else {
        format!("`{node}` has {}", listed(known))
    };
    diagnostic.help(help)
}
