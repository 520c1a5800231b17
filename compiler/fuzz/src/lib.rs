//! What must hold for any text that is given to the compiler as a host file. The fuzzer looks for a text for which it
//! does not; what it has found so far, and what leads it into all rooms of the compiler, is in `corpus/`.

use std::collections::BTreeSet;
use std::io;

use camino::Utf8Path;
use subdevcfg_compiler::diagnostic::{Code, Diagnostic, Severity, any_error};
use subdevcfg_compiler::fix::fix;
use subdevcfg_compiler::fleet::Fleet;
use subdevcfg_compiler::graph::ResourceGraph;
use subdevcfg_compiler::render::render;
use subdevcfg_compiler::report::Report;
use subdevcfg_compiler::source::{SourceLoader, SourceMap, Span};
use subdevcfg_compiler::{Compilation, Options, compile};

/// The name of the first file of a text.
const HOST: &str = "host.kdl";

/// Several files in one text: what stands before the first line `// file: NAME` is the host file, after each such line
/// comes a file that can be included by that name.
#[derive(Debug, Clone)]
struct Files<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Files<'a> {
    fn of(text: &'a str) -> Self {
        let mut parts = text.split("// file: ");
        let first = (HOST, parts.next().unwrap_or_default());
        Self(std::iter::once(first).chain(parts.filter_map(|part| part.split_once('\n'))).collect())
    }
}

impl SourceLoader for Files<'_> {
    fn load(&self, path: &Utf8Path) -> io::Result<String> {
        let file = self.0.iter().find(|(name, _)| path == *name);
        file.map(|(_, text)| (*text).to_owned()).ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

/// Compiles, renders, formats and mends a text.
///
/// # Panics
/// When anything that must hold for every text does not hold for this one.
pub fn holds(text: &str) {
    let files = Files::of(text);
    let first = compile(HOST.into(), &files);
    messages_can_be_shown(&first);
    assert_eq!(first.host.is_none(), any_error(&first.diagnostics), "a host exactly without errors");
    if let Some(host) = &first.host {
        each_comes_after_what_it_needs(&host.graph);
    }
    let again = compile(HOST.into(), &files);
    assert_eq!(first.diagnostics, again.diagnostics, "the same text gives the same messages");
    assert_eq!(model(&first), model(&again), "the same text gives the same host");
    form_is_stable(&files, &first);
    fixes_bring_no_error(&files, &first);
    let mut fleet = Fleet::default();
    fleet.add(first);
    for (name, text) in files.0.iter().skip(1) {
        fleet.add_fragment((*name).into(), (*text).to_owned());
    }
    let across = fleet.check();
    for diagnostic in &across.diagnostics {
        points_into_the_text(diagnostic, &across.sources);
    }
}

fn messages_can_be_shown(compilation: &Compilation) {
    let Compilation { sources, diagnostics, .. } = compilation;
    let mut said: BTreeSet<(Code, Span, &str)> = BTreeSet::new();
    for diagnostic in diagnostics {
        points_into_the_text(diagnostic, sources);
        let place = diagnostic.primary.span.of(subdevcfg_compiler::source::Origin::WRITTEN);
        assert!(said.insert((diagnostic.code, place, &diagnostic.message)), "said twice: {diagnostic:?}");
        let report = Report::new(diagnostic, sources);
        let place = &report.primary.place;
        assert!(
            (place.start_line, place.start_column) <= (place.end_line, place.end_column),
            "{diagnostic:?}"
        );
    }
    let in_order = diagnostics.is_sorted_by_key(|diagnostic| diagnostic.primary.span);
    assert!(in_order, "messages out of order: {diagnostics:?}");
    let rendered = render(diagnostics, sources, 100, false);
    assert_eq!(diagnostics.is_empty(), rendered.is_empty());
}

/// Every place that a message names is a range of whole characters in a text that was read, and no two edits of a fix
/// overlap.
fn points_into_the_text(diagnostic: &Diagnostic, sources: &SourceMap) {
    let labels = std::iter::once(&diagnostic.primary).chain(&diagnostic.secondary).map(|label| label.span);
    let mut edits: Vec<Span> =
        diagnostic.fix.iter().flat_map(|fix| &fix.edits).map(|edit| edit.span).collect();
    for span in labels.chain(edits.iter().copied()) {
        let written = sources.get(span.source).text().get(span.start..span.end);
        assert!(written.is_some(), "no place in the text: {span:?} of {diagnostic:?}");
    }
    edits.sort();
    for pair in edits.windows(2) {
        let apart = pair[0].source != pair[1].source || pair[0].end <= pair[1].start;
        assert!(apart, "edits overlap: {diagnostic:?}");
    }
    assert!(!diagnostic.message.is_empty() && !diagnostic.message.ends_with('.'), "{diagnostic:?}");
}

fn each_comes_after_what_it_needs(graph: &ResourceGraph) {
    let order = graph.order();
    assert_eq!(order.len(), graph.nodes().count(), "a circle in the graph");
    let place = |address| order.iter().position(|&other| other == address);
    for edge in graph.edges() {
        assert!(place(edge.from) < place(edge.to), "{edge:?}");
    }
}

/// A text in its form is in its form, and says what it said before.
fn form_is_stable(files: &Files<'_>, before: &Compilation) {
    let Ok(once) = subdevcfg_compiler::format::format(HOST.into(), files.0[0].1) else { return };
    let twice = subdevcfg_compiler::format::format(HOST.into(), &once);
    assert_eq!(
        twice.map_err(|unformed| unformed.diagnostics).as_ref(),
        Ok(&once),
        "the form has another form"
    );
    let mut formed = files.clone();
    formed.0[0].1 = &once;
    let after = compile(HOST.into(), &formed);
    assert_eq!(said(before), said(&after), "the form says something else: {once}");
    assert_eq!(model(before), model(&after), "the form is another host: {once}");
}

fn fixes_bring_no_error(files: &Files<'_>, before: &Compilation) {
    let fixed = fix(HOST.into(), files, &Options::default());
    if fixed.made == 0 {
        return;
    }
    let mut mended = files.clone();
    for (path, text) in &fixed.files {
        if let Some(file) = mended.0.iter_mut().find(|(name, _)| path == *name) {
            file.1 = text;
        }
    }
    let after = compile(HOST.into(), &mended);
    let errors = |compilation: &Compilation| {
        compilation.diagnostics.iter().filter(|found| found.severity == Severity::Error).count()
    };
    assert!(errors(&after) <= errors(before), "fixes bring errors: {fixed:?}");
}

fn said(compilation: &Compilation) -> Vec<(Code, &str)> {
    let said = compilation.diagnostics.iter().map(|found| (found.code, found.message.as_str()));
    let mut said: Vec<_> = said.collect();
    said.sort_unstable();
    said
}

/// What the host is, without the places that its values stand at.
fn model(compilation: &Compilation) -> Option<String> {
    let debug = format!("{:?}", compilation.host.as_ref()?.model);
    let mut parts = debug.split("Span {");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        // The place ends with its origin, a number in parentheses.
        text.push_str(part.split_once(") }").map_or(part, |(_, rest)| rest));
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::holds;

    #[test]
    fn it_holds_for_the_corpus() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut count = 0;
        for folder in ["corpus", "../tests/broken", "../../examples"] {
            for entry in fs::read_dir(root.join(folder)).expect("a folder") {
                if let Ok(text) = fs::read_to_string(entry.expect("an entry").path()) {
                    holds(&text);
                    count += 1;
                }
            }
        }
        assert!(count > 100, "{count} texts");
    }
}
