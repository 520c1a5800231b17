//! A `JUnit` report: one case a file, which fails with the messages of that file.

use std::collections::BTreeMap;

use quick_junit::{NonSuccessKind, Report as Suites, TestCase, TestCaseStatus, TestSuite};
use subdevcfg_compiler::diagnostic::Severity;
use subdevcfg_compiler::report::Report;

use super::Findings;
use crate::error::CliError;

/// The findings as a report. Files without a message are one case together, so that there always is one.
pub fn report(findings: &Findings) -> Result<String, CliError> {
    let mut files: BTreeMap<&str, Vec<&Report>> = BTreeMap::new();
    for report in findings.reports() {
        files.entry(&report.primary.place.file).or_default().push(report);
    }
    let mut suite = TestSuite::new("subdevcfg check");
    suite.add_test_case(TestCase::new(findings.summary(), TestCaseStatus::success()));
    for (file, reports) in files {
        let counts = |report: &&&Report| report.severity == Severity::Error || findings.deny_warnings;
        let lines: Vec<String> = reports
            .iter()
            .map(|report| {
                let place = &report.primary.place;
                format!(
                    "{}:{}:{}: [{}] {}",
                    place.file, place.start_line, place.start_column, report.code, report.message
                )
            })
            .collect();
        let mut case = match reports.iter().find(counts) {
            Some(first) => {
                let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
                status
                    .set_message(first.message.clone())
                    .set_type(first.code.as_str())
                    .set_description(lines.join("\n"));
                TestCase::new(file, status)
            }
            None => TestCase::new(file, TestCaseStatus::success()),
        };
        case.set_system_out(lines.join("\n"));
        suite.add_test_case(case);
    }
    let mut suites = Suites::new("subdevcfg");
    suites.add_test_suite(suite);
    Ok(suites.to_string()? + "\n")
}
