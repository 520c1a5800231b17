//! Annotations of GitHub Actions: commands on standard output, of which a step shows ten errors and ten warnings. The rest
//! is said as plain lines, so that nothing is lost.

use std::fmt::Write as _;

use subdevcfg_compiler::diagnostic::Severity;
use subdevcfg_compiler::report::Report;

use super::Findings;

/// How many annotations of a level GitHub shows of one step.
const SHOWN: usize = 10;

/// The findings as workflow commands, and the summary.
pub fn annotations(findings: &Findings) -> String {
    let mut text = String::new();
    for severity in [Severity::Error, Severity::Warning] {
        let of_level = || findings.reports().filter(|report| report.severity == severity);
        for report in of_level().take(SHOWN) {
            text.push_str(&annotation(report));
        }
        for report in of_level().skip(SHOWN) {
            let place = &report.primary.place;
            // Writing to a string cannot fail.
            let _ =
                writeln!(text, "{}:{}: [{}] {}", place.file, place.start_line, report.code, report.message);
        }
    }
    for change in findings.told() {
        let _ = writeln!(text, "{} ({}): {}", change.host, change.file, change.words());
    }
    text + &findings.summary() + "\n"
}

fn annotation(report: &Report) -> String {
    let place = &report.primary.place;
    let level = if report.severity == Severity::Error { "error" } else { "warning" };
    let help = report.help.as_ref().map_or_else(String::new, |help| format!("\nhelp: {help}"));
    let message = data(&format!("{}: {}{help}", report.message, report.primary.text));
    format!(
        "::{level} file={},line={},endLine={},col={},endColumn={},title={}::{message}\n",
        property(&place.file),
        place.start_line,
        place.end_line,
        place.start_column,
        place.end_column,
        report.code,
    )
}

/// Text as the data of a command.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// Text as a property of a command.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
