//! Diagnostics for programs: the same values with their places resolved, as JSON writes them.

use serde::Serialize;

use crate::diagnostic::{Applicability, Code, Diagnostic, Edit, Fix, Label, Severity};
use crate::source::{SourceMap, Span};

/// One diagnostic with its places resolved.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The stable code.
    pub code: Code,
    /// How bad it is.
    pub severity: Severity,
    /// One sentence, without its full stop.
    pub message: String,
    /// Where it is wrong.
    pub primary: LabelReport,
    /// Places that belong to it.
    pub secondary: Vec<LabelReport>,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<FixReport>,
}

/// A label and its place.
#[derive(Debug, Clone, Serialize)]
pub struct LabelReport {
    /// The place.
    #[serde(flatten)]
    pub place: Place,
    /// A few words.
    pub text: String,
}

/// A place: lines and columns from 1, the column in characters; bytes from 0.
#[derive(Debug, Clone, Serialize)]
pub struct Place {
    /// The path, as it was given or included.
    pub file: String,
    /// Line of the first character.
    pub start_line: usize,
    /// Column of the first character.
    pub start_column: usize,
    /// Line of the end.
    pub end_line: usize,
    /// Column one past the last character.
    pub end_column: usize,
    /// First byte.
    pub start_byte: usize,
    /// One past the last byte.
    pub end_byte: usize,
}

/// A fix and the places of its edits.
#[derive(Debug, Clone, Serialize)]
struct FixReport {
    title: String,
    applicability: Applicability,
    edits: Vec<LabelReport>,
}

impl Report {
    /// A diagnostic of a compilation with these sources.
    #[must_use]
    pub fn new(diagnostic: &Diagnostic, sources: &SourceMap) -> Self {
        let label = |Label { span, text }: &Label| LabelReport::new(*span, text, sources);
        let edit = |Edit { span, text }: &Edit| LabelReport::new(*span, text, sources);
        let fix = |Fix { title, edits, applicability }: &Fix| FixReport {
            title: title.clone(),
            applicability: *applicability,
            edits: edits.iter().map(edit).collect(),
        };
        Self {
            code: diagnostic.code,
            severity: diagnostic.severity,
            message: diagnostic.message.clone(),
            primary: label(&diagnostic.primary),
            secondary: diagnostic.secondary.iter().map(label).collect(),
            help: diagnostic.help.clone(),
            fix: diagnostic.fix.as_ref().map(fix),
        }
    }
}

impl LabelReport {
    fn new(span: Span, text: &str, sources: &SourceMap) -> Self {
        let source = sources.get(span.source);
        let (start_line, start_column) = source.position(span.start);
        let (end_line, end_column) = source.position(span.end);
        let place = Place {
            file: source.path().to_string(),
            start_line,
            start_column,
            end_line,
            end_column,
            start_byte: span.start,
            end_byte: span.end,
        };
        Self { place, text: text.to_owned() }
    }
}
