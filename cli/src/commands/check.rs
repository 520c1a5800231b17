//! `subdevcfg check`.

use camino::Utf8PathBuf;
use serde::Serialize;
use subdevcfg_compiler::diagnostic::{Diagnostic, Label, Severity};
use subdevcfg_compiler::source::SourceMap;
use subdevcfg_compiler::{compile, render};

use crate::args::{Format, Output};
use crate::error::{CliError, counted};
use crate::exit::Exit;
use crate::show;
use crate::sources::Files;

/// What `check --format json` prints.
#[derive(Serialize)]
struct Report {
    format_version: &'static str,
    errors: usize,
    warnings: usize,
    diagnostics: Vec<Entry>,
}

/// One diagnostic with its places resolved.
#[derive(Serialize)]
struct Entry {
    code: &'static str,
    severity: Severity,
    message: String,
    primary: Place,
    secondary: Vec<Place>,
    #[serde(skip_serializing_if = "Option::is_none")]
    help: Option<String>,
}

/// A place: line and column from 1, the column in characters.
#[derive(Serialize)]
struct Place {
    file: String,
    start_line: usize,
    start_column: usize,
    end_line: usize,
    end_column: usize,
    text: String,
}

/// Compiles each file on its own and reports everything there is to say.
pub fn check(files: &[Utf8PathBuf], output: Output) -> Result<Exit, CliError> {
    let mut report = Report { format_version: "1.0", errors: 0, warnings: 0, diagnostics: Vec::new() };
    for file in files {
        let compiled = compile(file, &Files);
        for diagnostic in &compiled.diagnostics {
            match diagnostic.severity {
                Severity::Error => report.errors += 1,
                Severity::Warning => report.warnings += 1,
            }
            report.diagnostics.push(Entry::new(diagnostic, &compiled.sources));
        }
        if output.format == Format::Human {
            let text = render::render(
                &compiled.diagnostics,
                &compiled.sources,
                show::width(),
                show::color_on_stdout(),
            );
            show::print(&text)?;
        }
    }
    match output.format {
        Format::Json => show::print_json(&report)?,
        Format::Human => {
            let found = match (report.errors, report.warnings) {
                (0, 0) => "no errors".to_owned(),
                (errors, 0) => counted(errors, "error"),
                (errors, warnings) => {
                    format!("{}, {}", counted(errors, "error"), counted(warnings, "warning"))
                }
            };
            show::print(&format!("{}: {found}\n", counted(files.len(), "file")))?;
        }
    }
    Ok(if report.errors > 0 { Exit::Failed } else { Exit::Done })
}

impl Entry {
    fn new(diagnostic: &Diagnostic, sources: &SourceMap) -> Self {
        Self {
            code: diagnostic.code.as_str(),
            severity: diagnostic.severity,
            message: diagnostic.message.clone(),
            primary: Place::new(&diagnostic.primary, sources),
            secondary: diagnostic.secondary.iter().map(|label| Place::new(label, sources)).collect(),
            help: diagnostic.help.clone(),
        }
    }
}

impl Place {
    fn new(label: &Label, sources: &SourceMap) -> Self {
        let source = sources.get(label.span.source);
        let (start_line, start_column) = source.position(label.span.start);
        let (end_line, end_column) = source.position(label.span.end);
        let file = source.path().to_string();
        Self { file, start_line, start_column, end_line, end_column, text: label.text.clone() }
    }
}
