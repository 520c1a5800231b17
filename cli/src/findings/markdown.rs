//! A comment for a pull request: the summary first, then the most disruptive hosts, details folded, within what GitHub
//! takes.

use std::cmp::Reverse;
use std::fmt::Write as _;

use super::{Change, Findings};
use crate::error::counted;

/// Longest comment that GitHub takes, in characters.
const LONGEST: usize = 65_535;

/// What is kept free for the line that says what was cut.
const RESERVE: usize = 200;

/// Most operations of a host that are listed.
const STEPS: usize = 50;

/// The findings as a comment.
pub fn comment(findings: &Findings) -> String {
    let verdict = if findings.failed() { "failed" } else { "passed" };
    let mut pieces = vec![format!("### subdevcfg check: {verdict}\n\n{}.\n", findings.summary())];
    if !findings.diagnostics.is_empty() {
        pieces.push("\n| where | what |\n|---|---|\n".to_owned());
    }
    for report in findings.reports() {
        let place = &report.primary.place;
        let help = report.help.as_ref().map_or_else(String::new, |help| format!(" _{}_", cell(help)));
        pieces.push(format!(
            "| `{}:{}` | **{}** {}.{help} |\n",
            place.file,
            place.start_line,
            report.code,
            cell(&report.message)
        ));
    }
    let mut changes: Vec<&Change> = findings.told().collect();
    changes.sort_by_key(|change| Reverse((change.impact, change.operations)));
    if !changes.is_empty() {
        pieces.push(format!("\n#### What it does to {}\n", counted(changes.len(), "host")));
    }
    pieces.extend(changes.into_iter().map(details));
    within(&pieces)
}

fn details(change: &Change) -> String {
    let mut text =
        format!("\n<details><summary><b>{}</b>: {}</summary>\n\n", html(&change.host), html(&change.words()));
    // Writing to a string cannot fail.
    let _ = writeln!(text, "`{}`\n", change.file);
    for step in change.steps.iter().take(STEPS) {
        let _ = writeln!(text, "- `{step}`");
    }
    if let Some(more) = change.steps.len().checked_sub(STEPS).filter(|more| *more > 0) {
        let _ = writeln!(text, "- ... and {more} more");
    }
    text + "\n</details>\n"
}

/// As many whole pieces as fit.
fn within(pieces: &[String]) -> String {
    let mut text = String::new();
    let mut length = 0;
    for (place, piece) in pieces.iter().enumerate() {
        length += piece.chars().count();
        if length > LONGEST - RESERVE {
            let left = pieces.len() - place;
            return format!(
                "{text}\n... and {left} more; the whole list is what `subdevcfg check` prints.\n"
            );
        }
        text.push_str(piece);
    }
    text
}

/// Text in a cell of a table.
fn cell(text: &str) -> String {
    html(text).replace('|', "\\|").replace('\n', " ")
}

fn html(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
