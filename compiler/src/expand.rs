//! From the files as they are written to one document without includes, templates, repetitions and names: what
//! validation and all after it see. Every node and value keeps its place, and how it was brought in from there.
//!
//! Evaluation always ends: no condition depends on a name, so a template that needs itself is an error, and what repetition and
//! text can grow to is limited ([`budget`]).

mod arithmetic;
mod budget;
mod files;
mod merge;
mod names;
mod nodes;
mod templates;
mod text;
mod values;

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use camino::{Utf8Path, Utf8PathBuf};

use crate::diagnostic::{Code, Diagnostic, any_error};
use crate::schema::Schema;
use crate::source::{Origin, SourceId, SourceLoader, SourceMap, Span};
use crate::syntax::{Document, Node};
use crate::validate;
use crate::values::Version;

use budget::Budget;
use files::{File, Loaded};
use names::Declarations;
use templates::{Template, Unit};

/// The kernel that is compiled for: what `when` looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kernel {
    /// One above all that the files name.
    Newest,
    /// This one.
    Release(Version),
}

/// What the `when` nodes of the files ask for.
#[derive(Debug)]
pub(crate) struct Conditions {
    /// What they are answered by.
    kernel: Kernel,
    /// The versions that they compare with.
    pub bounds: BTreeSet<Version>,
    /// Where those stand that do not hold.
    pub left_out: Vec<Span>,
}

/// Expands the host file `entry`, which has been parsed to `document`.
pub(crate) fn expand(
    entry: SourceId,
    document: Document,
    kernel: Kernel,
    loader: &dyn SourceLoader,
    sources: &mut SourceMap,
    diagnostics: &mut Vec<Diagnostic>,
) -> (Document, Conditions) {
    let path = sources.get(entry).path().to_owned();
    let span = document.span;
    let unread = document.incomplete;
    // What is written for people who are not there yet: a file without a `host` is not used by anybody.
    let is_host = unread || document.all("host").next().is_some();
    let document = Rc::new(document);
    let mut expander = Expander {
        loader,
        schema: Schema::language(),
        sources,
        diagnostics,
        budget: Budget::default(),
        files: BTreeMap::from([(path, Loaded::Document(entry, Rc::clone(&document)))]),
        templates: Vec::new(),
        units: Vec::new(),
        declarations: Declarations::default(),
        overrides: Vec::new(),
        optional: Vec::new(),
        conditions: Conditions { kernel, bounds: BTreeSet::new(), left_out: Vec::new() },
    };
    let file = File { source: entry, document, bindings: None, origin: Origin::WRITTEN, is_host, depth: 0 };
    let whole = expander.file(&file);
    if !any_error(expander.diagnostics) {
        expander.unused(entry);
    }
    let Expander { schema, overrides, optional, conditions, diagnostics, .. } = expander;
    let nodes = merge::merge(whole.nodes, overrides, schema, diagnostics);
    diagnostics.extend(optional_and_exclusive(&nodes, &optional));
    (Document { span, nodes, incomplete: unread || !whole.complete }, conditions)
}

/// A file that is missing by accident would make an exclusive range remove what it describes.
fn optional_and_exclusive(nodes: &[Node], optional: &[Span]) -> Option<Diagnostic> {
    let exclusive = nodes.iter().find_map(|node| node.child("exclusive"))?;
    let &include = optional.first()?;
    let message = "an `include` that may be missing cannot stand beside an `exclusive` range";
    Some(
        Diagnostic::new(Code::OptionalExclusive, message, include, "may be missing")
            .and(exclusive.span, "removes what no file names")
            .help("without the file, all that it describes in this range would be removed: leave `optional=#true` out"),
    )
}

/// The nodes that come out of a file or block, and whether these are all: what was refused is missing among them.
struct Expanded {
    nodes: Vec<Node>,
    complete: bool,
}

struct Expander<'a> {
    loader: &'a dyn SourceLoader,
    schema: &'a Schema,
    sources: &'a mut SourceMap,
    diagnostics: &'a mut Vec<Diagnostic>,
    budget: Budget,
    /// Every file that was asked for.
    files: BTreeMap<Utf8PathBuf, Loaded>,
    /// Every template, by number.
    templates: Vec<Rc<Template>>,
    /// Which templates each file can use, by the number of the file's expansion.
    units: Vec<Unit>,
    declarations: Declarations,
    /// What stands in the `override` blocks of the host file.
    overrides: Vec<Node>,
    /// The includes whose files may be missing.
    optional: Vec<Span>,
    conditions: Conditions,
}

impl Expander<'_> {
    fn report(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    /// Checks the line of a node that expansion takes for itself; the schema has each of them. `None` if it cannot be
    /// used at all.
    fn checked(&mut self, mut node: Node) -> Option<Node> {
        if node.broken {
            return None;
        }
        let spec = self.schema.node(&node.name.text)?;
        validate::head(spec, &mut node, self.schema, self.diagnostics);
        Some(node)
    }

    /// Warns of what the host file declares and nobody uses.
    fn unused(&mut self, entry: SourceId) {
        let templates = self.templates.iter().filter(|template| !template.used.get());
        for parameter in templates.clone().flat_map(|template| &template.parameters) {
            self.declarations.mark_used(parameter.name.span);
        }
        let mut unused = self.declarations.unused();
        for template in templates {
            if template.name.span.source == entry {
                let message = format!("the template `{}` is never used", template.name.text);
                unused.push(
                    Diagnostic::new(Code::UnusedTemplate, message, template.name.span, "not used")
                        .help(format!("write `use {}`, or remove it", template.name.text)),
                );
            }
        }
        self.diagnostics.append(&mut unused);
    }

    fn path(&self, source: SourceId) -> &Utf8Path {
        self.sources.get(source).path()
    }
}
