//! What a check found, and the forms in which people and their CI want it. All forms and the exit code are made from one
//! value.

mod code_quality;
mod github;
mod junit;
mod markdown;
mod sarif;

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use serde::Serialize;
use subdevcfg_compiler::catalogue::Impact;
use subdevcfg_compiler::diagnostic::{Code, Severity};
use subdevcfg_compiler::render::SHOWN;
use subdevcfg_compiler::report::Report;
use subdevcfg_reconciler::plan::Plan;

use crate::args::CheckFormat;
use crate::error::{CliError, counted};

/// What `check` found.
#[derive(Debug, Serialize)]
pub struct Findings {
    format_version: &'static str,
    /// How many host files were checked.
    hosts: usize,
    errors: usize,
    warnings: usize,
    /// How many fixes were made, of all files.
    #[serde(skip_serializing_if = "Option::is_none")]
    fixed: Option<usize>,
    diagnostics: Vec<Found>,
    /// Where each of them stands above, by what makes it the same message in several hosts.
    #[serde(skip)]
    places: BTreeMap<Key, usize>,
    /// With `--base`: what the change does to each host.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
    #[serde(skip)]
    deny_warnings: bool,
}

/// The code, file, place and words of a message.
type Key = (Code, String, usize, String);

/// A message.
#[derive(Debug, Serialize)]
pub struct Found {
    #[serde(flatten)]
    report: Report,
    /// In how many hosts it is found beside the first: a mistake in a profile is one mistake.
    #[serde(skip_serializing_if = "is_zero")]
    more_hosts: usize,
    /// Its text for people.
    #[serde(skip)]
    rendered: String,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
const fn is_zero(number: &usize) -> bool {
    *number == 0
}

impl Found {
    /// A message, and its text for people.
    pub const fn new(report: Report, rendered: String) -> Self {
        Self { report, more_hosts: 0, rendered }
    }
}

/// What a change of its file does to a host that is as the former file describes it.
#[derive(Debug, Serialize)]
pub struct Change {
    file: Utf8PathBuf,
    host: String,
    /// How many operations an apply would do; `None` where nothing can be planned.
    #[serde(skip_serializing_if = "Option::is_none")]
    operations: Option<usize>,
    /// The greatest of their impacts.
    impact: Impact,
    /// What each operation is, as plans say it, the most disruptive first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    steps: Vec<String>,
    /// Why nothing is planned, or what the plan refuses.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    refused: Vec<String>,
}

impl Change {
    /// What a plan does.
    pub fn planned(file: &Utf8Path, host: &str, plan: &Plan) -> Self {
        let mut operations: Vec<_> = plan.operations.iter().collect();
        operations.sort_by_key(|operation| std::cmp::Reverse(operation.impact));
        let step = |operation: &&subdevcfg_reconciler::plan::Operation| {
            format!("{} (impact: {})", operation.request, operation.impact)
        };
        Self {
            file: file.to_owned(),
            host: host.to_owned(),
            operations: Some(plan.operations.len()),
            impact: plan.impact,
            steps: operations.iter().map(step).collect(),
            refused: plan
                .refusals
                .iter()
                .map(|refusal| format!("{}: {}", refusal.address, refusal.text))
                .collect(),
        }
    }

    /// Nothing can be said, and why.
    pub fn unknown(file: &Utf8Path, host: &str, why: &str) -> Self {
        Self {
            file: file.to_owned(),
            host: host.to_owned(),
            operations: None,
            impact: Impact::None,
            steps: Vec::new(),
            refused: vec![why.to_owned()],
        }
    }

    /// Whether there is anything to tell.
    fn tells(&self) -> bool {
        self.operations != Some(0) || !self.refused.is_empty()
    }

    /// In a few words.
    fn words(&self) -> String {
        let refused = self.refused.join("; ");
        match self.operations {
            None => refused,
            Some(count) if refused.is_empty() => {
                format!("{}, impact {}", counted(count, "operation"), self.impact)
            }
            Some(count) => {
                format!("{}, impact {}; refused: {refused}", counted(count, "operation"), self.impact)
            }
        }
    }
}

impl Findings {
    /// Of that many hosts, nothing yet.
    pub const fn new(hosts: usize, fixed: Option<usize>, deny_warnings: bool) -> Self {
        Self {
            format_version: "1.1",
            hosts,
            errors: 0,
            warnings: 0,
            fixed,
            diagnostics: Vec::new(),
            changes: Vec::new(),
            places: BTreeMap::new(),
            deny_warnings,
        }
    }

    /// Adds the messages of a host. What another host has said of the same place is counted there.
    pub fn add(&mut self, found: Vec<Found>) {
        for found in found {
            let Report { code, severity, message, primary, .. } = &found.report;
            let key = (*code, primary.place.file.clone(), primary.place.start_byte, message.clone());
            if let Some(first) = self.places.get(&key).and_then(|&place| self.diagnostics.get_mut(place)) {
                first.more_hosts += 1;
                continue;
            }
            match severity {
                Severity::Error => self.errors += 1,
                Severity::Warning => self.warnings += 1,
            }
            self.places.insert(key, self.diagnostics.len());
            self.diagnostics.push(found);
        }
    }

    /// The changes that there is anything to tell of.
    fn told(&self) -> impl Iterator<Item = &Change> {
        self.changes.iter().filter(|change| change.tells())
    }

    /// The messages.
    fn reports(&self) -> impl Iterator<Item = &Report> {
        self.diagnostics.iter().map(|found| &found.report)
    }

    /// Whether the check failed: the one predicate of text, JSON and exit code.
    pub const fn failed(&self) -> bool {
        self.errors > 0 || self.deny_warnings && self.warnings > 0
    }

    /// The findings in that form.
    pub fn text(&self, format: CheckFormat) -> Result<String, CliError> {
        Ok(match format {
            CheckFormat::Human => self.human(),
            CheckFormat::Json => serde_json::to_string_pretty(self)? + "\n",
            CheckFormat::Sarif => serde_json::to_string_pretty(&sarif::log(self))? + "\n",
            CheckFormat::Github => github::annotations(self),
            CheckFormat::Gitlab => serde_json::to_string_pretty(&code_quality::issues(self))? + "\n",
            CheckFormat::Junit => junit::report(self)?,
            CheckFormat::Markdown => markdown::comment(self),
        })
    }

    fn human(&self) -> String {
        let mut text = String::new();
        for found in self.diagnostics.iter().take(SHOWN) {
            text.push_str(&found.rendered);
            if found.more_hosts > 0 {
                text = format!("{text}The same in {}.\n\n", counted(found.more_hosts, "more host"));
            }
        }
        if let Some(hidden) = self.diagnostics.len().checked_sub(SHOWN).filter(|hidden| *hidden > 0) {
            text = format!("{text}... and {} not shown\n", counted(hidden, "message"));
        }
        for change in self.told() {
            text = format!("{text}{} ({}): {}\n", change.host, change.file, change.words());
        }
        format!("{text}{}\n", self.summary())
    }

    /// The last line: how many files, and what was found.
    fn summary(&self) -> String {
        let found = match (self.errors, self.warnings) {
            (0, 0) => "no errors".to_owned(),
            (errors, 0) => counted(errors, "error"),
            (errors, warnings) => format!("{}, {}", counted(errors, "error"), counted(warnings, "warning")),
        };
        let fixed =
            self.fixed.map_or_else(String::new, |made| format!(", {} fixed", counted(made, "mistake")));
        format!("{}: {found}{fixed}", counted(self.hosts, "host file"))
    }
}
