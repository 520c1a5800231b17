//! The compiler of subdevcfg host files: text in, a checked [`model::HostModel`], a [`graph::ResourceGraph`] and
//! diagnostics out. It is pure: no kernel, no network, no clock, and files only through a [`source::SourceLoader`].

pub mod address;
mod bundled;
pub mod catalogue;
mod check;
pub mod diagnostic;
mod expand;
pub mod explain;
pub mod fix;
pub mod fleet;
pub mod format;
pub mod graph;
pub mod identity;
mod load;
mod lower;
pub mod model;
mod nearest;
mod parse;
pub mod render;
pub mod report;
pub mod schema;
pub mod source;
mod syntax;
mod validate;
pub mod values;

use std::collections::BTreeSet;

use camino::Utf8Path;

use crate::diagnostic::{Diagnostic, any_error};
use crate::expand::Kernel;
use crate::graph::ResourceGraph;
use crate::model::HostModel;
use crate::schema::Schema;
use crate::source::{SourceLoader, SourceMap, Span};
use crate::values::Version;

/// What the compiler made of a file.
#[derive(Debug, Clone)]
pub struct Compilation {
    /// Every text that was read.
    pub sources: SourceMap,
    /// What there is to say, in the order of the text.
    pub diagnostics: Vec<Diagnostic>,
    /// The host; `None` when any of the diagnostics is an error.
    pub host: Option<CompiledHost>,
}

/// A host without errors.
#[derive(Debug, Clone)]
pub struct CompiledHost {
    /// What the file says.
    pub model: HostModel,
    /// What must be there before what.
    pub graph: ResourceGraph,
    /// The `when` nodes that do not hold: what they would put into the host is not in it.
    pub left_out: Vec<Span>,
}

/// What a host file is compiled for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// The kernel of the host (`uname -r`); without one, a kernel above all that the `when` nodes name.
    pub kernel: Option<Version>,
    /// A file for any host (`host "*"`) may name hardware by its address: whoever says so knows that all its hosts have it
    /// there.
    pub any_host: bool,
}

/// Compiles the host file at `entry` with nothing said of what for.
pub fn compile(entry: &Utf8Path, loader: &dyn SourceLoader) -> Compilation {
    compile_with(entry, loader, &Options::default())
}

/// Compiles the host file at `entry`; what is wrong with another kernel than the one that is asked for is reported as well.
pub fn compile_with(entry: &Utf8Path, loader: &dyn SourceLoader, options: &Options) -> Compilation {
    let kernel = options.kernel.clone().map_or(Kernel::Newest, Kernel::Release);
    let is_newest = kernel == Kernel::Newest;
    let (mut compilation, bounds) = compile_for(entry, loader, kernel, options.any_host);
    let mut others: Vec<(Kernel, String)> =
        below(&bounds).into_iter().map(|(kernel, words)| (Kernel::Release(kernel), words)).collect();
    others.extend(bounds.last().filter(|_| !is_newest).map(|last| (Kernel::Newest, format!("above {last}"))));
    for (kernel, words) in others {
        let (other, _) = compile_for(entry, loader, kernel, options.any_host);
        let what = format!("with a kernel {words}");
        diagnostic::add_new(&mut compilation.diagnostics, &mut compilation.sources, &other, &what);
    }
    if any_error(&compilation.diagnostics) {
        compilation.host = None;
    }
    compilation
}

/// The kernels that are named but the newest, and one below, between and above them: for all others the answers are the
/// same as for one of these. Each with words for it.
fn below(bounds: &BTreeSet<Version>) -> Vec<(Version, String)> {
    let lowest = bounds.first().map(|first| (Version::lowest(), format!("below {first}")));
    let mut kernels: Vec<_> = lowest.into_iter().collect();
    for bound in bounds {
        kernels.extend([(bound.clone(), bound.to_string()), (bound.just_above(), format!("above {bound}"))]);
    }
    // Above all is what has been compiled for.
    kernels.pop();
    kernels
}

/// Compiles for one kernel. Each stage takes what the one before could make of the text, so that one run reports as much
/// as possible.
fn compile_for(
    entry: &Utf8Path,
    loader: &dyn SourceLoader,
    kernel: Kernel,
    any_host: bool,
) -> (Compilation, BTreeSet<Version>) {
    let mut sources = SourceMap::default();
    let mut diagnostics = Vec::new();
    let mut bounds = BTreeSet::new();

    let model = load::load(entry, loader, &mut sources, &mut diagnostics).map(|source| {
        let document = parse::parse(source, sources.get(source).text(), &mut diagnostics);
        let (document, conditions) =
            expand::expand(source, document, kernel, loader, &mut sources, &mut diagnostics);
        bounds = conditions.bounds;
        let left_out = conditions.left_out;
        let document = validate::validate(document, Schema::language(), &mut diagnostics);
        let model = lower::lower(&document, loader.catalogues(), &mut diagnostics);
        check::check(&model, any_host, &mut diagnostics);
        (model, left_out)
    });

    let diagnostics = diagnostic::with_trails(diagnostics, &sources);
    let host = model.filter(|_| !any_error(&diagnostics)).map(|(model, left_out)| {
        let graph = ResourceGraph::build(&model);
        CompiledHost { model, graph, left_out }
    });
    (Compilation { sources, diagnostics, host }, bounds)
}
