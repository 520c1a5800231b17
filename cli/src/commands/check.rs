//! `subdevcfg check`.

use camino::{Utf8Path, Utf8PathBuf};
use serde::Serialize;
use subdevcfg_compiler::diagnostic::Severity;
use subdevcfg_compiler::{compile, fix, render, report};

use crate::args::{Format, Output};
use crate::error::{CliError, counted};
use crate::exit::Exit;
use crate::show;
use crate::sources::{Files, replace};

/// What `check --format json` prints.
#[derive(Serialize)]
struct Report {
    format_version: &'static str,
    errors: usize,
    warnings: usize,
    /// How many fixes were made, of all files.
    #[serde(skip_serializing_if = "Option::is_none")]
    fixed: Option<usize>,
    diagnostics: Vec<report::Report>,
}

/// Compiles each file on its own and reports everything there is to say; with `mend`, of what is left after all fixes
/// that are certain to be what was meant.
pub fn check(files: &[Utf8PathBuf], mend: bool, output: Output) -> Result<Exit, CliError> {
    let fixed = mend.then(|| files.iter().map(|file| write_fixes(file)).sum()).transpose()?;
    let mut report = Report { format_version: "1.0", errors: 0, warnings: 0, fixed, diagnostics: Vec::new() };
    for file in files {
        let compiled = compile(file, &Files);
        for diagnostic in &compiled.diagnostics {
            match diagnostic.severity {
                Severity::Error => report.errors += 1,
                Severity::Warning => report.warnings += 1,
            }
            report.diagnostics.push(report::Report::new(diagnostic, &compiled.sources));
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
            let fixed =
                report.fixed.map_or_else(String::new, |made| format!(", {} fixed", counted(made, "mistake")));
            show::print(&format!("{}: {found}{fixed}\n", counted(files.len(), "file")))?;
        }
    }
    Ok(if report.errors > 0 { Exit::Failed } else { Exit::Done })
}

/// Makes the fixes of a host file, in it and in what it includes. Returns how many.
fn write_fixes(file: &Utf8Path) -> Result<usize, CliError> {
    let fixed = fix::fix(file, &Files);
    for (path, text) in &fixed.files {
        replace(path, text).map_err(|source| CliError::Unwritable { path: path.clone(), source })?;
    }
    Ok(fixed.made)
}
