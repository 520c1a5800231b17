//! Diagnostics as text for people.

use std::fmt::{self, Write as _};

use miette::{
    GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError, MietteSpanContents, SourceCode,
    SourceSpan, SpanContents,
};

use crate::diagnostic::{Diagnostic, Label, Severity};
use crate::source::{Source, SourceMap, Span};

/// How many messages are shown in full; more of them helps nobody.
pub const SHOWN: usize = 50;

/// The messages as text of that width, with a line at the end that counts those not shown.
#[must_use]
pub fn render(diagnostics: &[Diagnostic], sources: &SourceMap, width: usize, color: bool) -> String {
    let theme = if color { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
    let handler = GraphicalReportHandler::new_themed(theme)
        .with_width(width)
        .with_links(false)
        .with_show_related_as_nested(true);
    let mut text = String::new();
    for diagnostic in diagnostics.iter().take(SHOWN) {
        let report = Report::new(diagnostic, sources);
        // Writing to a string cannot fail, and the places are those of `sources`: nothing to say of an error here.
        let _ = handler.render_report(&mut text, &report);
        text.push('\n');
    }
    let hidden = diagnostics.get(SHOWN..).unwrap_or_default();
    if !hidden.is_empty() {
        let errors = hidden.iter().filter(|diagnostic| diagnostic.severity == Severity::Error).count();
        let warnings = hidden.len() - errors;
        let _ = writeln!(text, "... and {errors} more errors and {warnings} more warnings");
    }
    text
}

/// A diagnostic as miette wants it. Its labels are of one source; what stands in another is a report of its own below.
#[derive(Debug)]
struct Report<'a> {
    code: Option<String>,
    message: String,
    /// `None` for what only belongs to another report.
    severity: Option<Severity>,
    help: Option<String>,
    source: Option<Excerpts<'a>>,
    labels: Vec<LabeledSpan>,
    related: Vec<Self>,
}

impl<'a> Report<'a> {
    fn new(diagnostic: &Diagnostic, sources: &'a SourceMap) -> Self {
        if labels(diagnostic).any(|label| beyond_showing(sources.get(label.span.source), label.span)) {
            return Self::without_excerpt(diagnostic, sources);
        }
        let home = diagnostic.primary.span.source;
        let (here, elsewhere): (Vec<&Label>, Vec<&Label>) =
            diagnostic.secondary.iter().partition(|label| label.span.source == home);
        let primary = LabeledSpan::new_primary_with_span(
            Some(diagnostic.primary.text.clone()),
            place(diagnostic.primary.span),
        );
        let secondary = here
            .into_iter()
            .map(|label| LabeledSpan::new_with_span(Some(label.text.clone()), place(label.span)));
        Self {
            code: Some(diagnostic.code.to_string()),
            message: diagnostic.message.clone(),
            severity: Some(diagnostic.severity),
            help: diagnostic.help.clone(),
            source: Some(Excerpts(sources.get(home))),
            labels: std::iter::once(primary).chain(secondary).collect(),
            related: elsewhere.into_iter().map(|label| Self::elsewhere(label, sources)).collect(),
        }
    }

    /// The message with its places as text.
    fn without_excerpt(diagnostic: &Diagnostic, sources: &SourceMap) -> Self {
        let mut message = diagnostic.message.clone();
        for label in labels(diagnostic) {
            let source = sources.get(label.span.source);
            let (line, column) = source.position(label.span.start);
            // Writing to a string cannot fail.
            let _ = write!(message, "\n{}:{line}:{column}: {}", source.path(), label.text);
        }
        Self {
            code: Some(diagnostic.code.to_string()),
            message,
            severity: Some(diagnostic.severity),
            help: diagnostic.help.clone(),
            source: None,
            labels: Vec::new(),
            related: Vec::new(),
        }
    }

    fn elsewhere(label: &Label, sources: &'a SourceMap) -> Self {
        Self {
            code: None,
            message: label.text.clone(),
            severity: None,
            help: None,
            source: Some(Excerpts(sources.get(label.span.source))),
            labels: vec![LabeledSpan::new_primary_with_span(None, place(label.span))],
            related: Vec::new(),
        }
    }
}

/// Longest line that is shown, in bytes: nobody reads a longer one, and miette panics above 65535 columns.
const LONGEST_LINE: usize = 1000;

/// Whether a line of that place, or one beside it, is too long to be shown.
fn beyond_showing(source: &Source, span: Span) -> bool {
    let (first, last) = (source.position(span.start).0, source.position(span.end).0);
    let lines = first.saturating_sub(1).max(1)..=(last + 1).min(source.line_count());
    lines.into_iter().any(|line| source.line(line).len() > LONGEST_LINE)
}

/// All labels, the primary one first.
fn labels(diagnostic: &Diagnostic) -> impl Iterator<Item = &Label> {
    std::iter::once(&diagnostic.primary).chain(&diagnostic.secondary)
}

fn place(span: Span) -> SourceSpan {
    (span.start, span.end - span.start).into()
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Report<'_> {}

impl miette::Diagnostic for Report<'_> {
    fn code<'b>(&'b self) -> Option<Box<dyn fmt::Display + 'b>> {
        self.code.as_ref().map(|code| Box::new(code) as Box<dyn fmt::Display>)
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.severity {
            Some(Severity::Error) => miette::Severity::Error,
            Some(Severity::Warning) => miette::Severity::Warning,
            None => miette::Severity::Advice,
        })
    }

    fn help<'b>(&'b self) -> Option<Box<dyn fmt::Display + 'b>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.source.as_ref().map(|source| source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(self.labels.iter().cloned()))
    }

    fn related<'b>(&'b self) -> Option<Box<dyn Iterator<Item = &'b dyn miette::Diagnostic> + 'b>> {
        Some(Box::new(self.related.iter().map(|report| report as &dyn miette::Diagnostic)))
    }
}

/// Lines of a source, found through its index: miette's own implementation for strings reads the text from its
/// beginning for every label.
#[derive(Debug)]
struct Excerpts<'a>(&'a Source);

impl SourceCode for Excerpts<'_> {
    fn read_span<'b>(
        &'b self,
        span: &SourceSpan,
        lines_before: usize,
        lines_after: usize,
    ) -> Result<Box<dyn SpanContents<'b> + 'b>, MietteError> {
        let source = self.0;
        let end = span.offset() + span.len();
        if end > source.text().len() {
            return Err(MietteError::OutOfBounds);
        }
        let (line, column) = source.position(span.offset());
        let (last_line, _) = source.position(end.saturating_sub(1).max(span.offset()));
        let first = line.saturating_sub(lines_before).max(1);
        let last = (last_line + lines_after).min(source.line_count());
        // Without context miette asks for the place itself, to print its line and column.
        let (start, column) =
            if lines_before == 0 { (span.offset(), column - 1) } else { (source.line(first).start, 0) };
        let stop = source.line(last).end.max(end);
        Ok(Box::new(MietteSpanContents::new_named(
            source.path().to_string(),
            &source.text().as_bytes()[start..stop],
            (start, stop - start).into(),
            first - 1,
            column,
            last - first + 1,
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::render;
    use crate::diagnostic::{Code, Diagnostic};
    use crate::source::{SourceMap, Span};

    #[test]
    fn labels_in_another_file_are_shown_below() {
        let mut sources = SourceMap::default();
        let one = sources.add("host.kdl", "host a\r\n\tnetdev \"größe\" mtu=1\r\nend\r\n".to_owned());
        let other = sources.add("profile.kdl", "first\nsecond web0\n".to_owned());
        let diagnostic = Diagnostic::new(
            Code::RepeatedInterface,
            "two network interfaces are named `web0`",
            Span::new(one, 26, 31),
            "given again",
        )
        .and(Span::new(other, 13, 17), "first given here")
        .help("choose another");
        insta::assert_snapshot!(render(&[diagnostic], &sources, 80, false));
    }

    #[test]
    fn color_is_only_there_when_asked_for() {
        let mut sources = SourceMap::default();
        let source = sources.add("a.kdl", "a\n".to_owned());
        let diagnostic = Diagnostic::new(Code::UnknownNode, "no", Span::new(source, 0, 1), "here");
        let diagnostics = [diagnostic];
        assert!(!render(&diagnostics, &sources, 80, false).contains('\u{1b}'));
        assert!(render(&diagnostics, &sources, 80, true).contains('\u{1b}'));
    }
}
