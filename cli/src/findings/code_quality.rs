//! The code quality report of GitLab.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use subdevcfg_compiler::diagnostic::Severity;
use uuid::Uuid;

use super::Findings;

/// What fingerprints are derived in; any constant would do.
const NAMESPACE: Uuid = Uuid::NAMESPACE_DNS;

/// The findings as issues. A fingerprint stays the same when lines move: it is made of what is said and not of where.
pub fn issues(findings: &Findings) -> Vec<Value> {
    let mut times: BTreeMap<String, usize> = BTreeMap::new();
    let issue = |report: &subdevcfg_compiler::report::Report| {
        let place = &report.primary.place;
        let said = format!("{} {} {}", report.code, place.file, report.message);
        let again = times.entry(said.clone()).and_modify(|times| *times += 1).or_default();
        let fingerprint = Uuid::new_v5(&NAMESPACE, format!("{said} {again}").as_bytes());
        json!({
            "description": format!("{} [{}]", report.message, report.code),
            "check_name": report.code,
            "fingerprint": fingerprint.simple().to_string(),
            "severity": if report.severity == Severity::Error { "critical" } else { "minor" },
            "location": { "path": place.file, "lines": { "begin": place.start_line, "end": place.end_line } },
        })
    };
    findings.reports().map(issue).collect()
}
