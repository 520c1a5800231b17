//! SARIF 2.1.0, for code scanning.

use std::fmt::Write as _;

use serde_json::{Value, json};
use subdevcfg_compiler::diagnostic::{Code, Severity};
use subdevcfg_compiler::report::{LabelReport, Report};

use super::Findings;

/// The findings as a log of one run. Only the rules that are broken are described.
pub fn log(findings: &Findings) -> Value {
    let broken = |code: &&Code| findings.reports().any(|report| report.code == **code);
    let rules: Vec<Code> = Code::ALL.iter().filter(broken).copied().collect();
    let results: Vec<Value> = findings.reports().map(|report| result(report, &rules)).collect();
    json!({
        "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "subdevcfg",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": rules.iter().copied().map(rule).collect::<Vec<_>>(),
            } },
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

const fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

fn rule(code: Code) -> Value {
    json!({
        "id": code,
        "shortDescription": { "text": code.title() },
        "help": { "text": code.page(), "markdown": code.page() },
        "defaultConfiguration": { "level": level(code.severity()) },
    })
}

fn result(report: &Report, rules: &[Code]) -> Value {
    let help = report.help.as_ref().map_or_else(String::new, |help| format!(". Help: {help}"));
    json!({
        "ruleId": report.code,
        "ruleIndex": rules.iter().position(|code| *code == report.code),
        "level": level(report.severity),
        "message": { "text": format!("{}{help}", report.message) },
        "locations": [location(&report.primary)],
        "relatedLocations": report.secondary.iter().map(location).collect::<Vec<_>>(),
    })
}

fn location(label: &LabelReport) -> Value {
    let place = &label.place;
    json!({
        "message": { "text": label.text },
        "physicalLocation": {
            "artifactLocation": { "uri": uri(&place.file) },
            "region": {
                "startLine": place.start_line,
                "startColumn": place.start_column,
                "endLine": place.end_line,
                "endColumn": place.end_column,
            },
        },
    })
}

/// A path as a relative reference (RFC 3986): what is not allowed in one is written by its bytes.
fn uri(path: &str) -> String {
    let mut uri = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(uri, "%{byte:02X}");
        }
    }
    uri
}
