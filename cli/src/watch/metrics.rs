//! Metrics in the text format of Prometheus, for the textfile collector of its node exporter: the file is put in place
//! whole, so no scrape sees half of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use jiff::Timestamp;
use subdevcfg_reconciler::history::{Ending, Past};
use subdevcfg_reconciler::watch::{Finding, Why};

/// What is counted while the program runs.
#[derive(Debug, Default)]
pub struct Metrics {
    /// Looks at the host.
    pub looks: u64,
    /// Events heard.
    pub events: u64,
    /// Looks that were not possible.
    pub troubles: u64,
    /// Repairs by how they ended.
    pub repairs: BTreeMap<&'static str, u64>,
    /// Requests of repairs.
    pub operations: u64,
    /// Failures of repairs, by the resource's address.
    pub failures: BTreeMap<String, u64>,
    /// When the host was seen last.
    pub seen: Option<Timestamp>,
}

/// A metric: its name, its type, and what it is.
type Described = (&'static str, &'static str, &'static str);

const LOOKS: Described = ("subdevcfg_watch_looks_total", "counter", "Looks at the host.");
const EVENTS: Described =
    ("subdevcfg_watch_events_total", "counter", "Notifications of the kernel that asked for a look.");
const TROUBLES: Described =
    ("subdevcfg_watch_troubles_total", "counter", "Looks that were not possible, and why is in the log.");
const SEEN: Described = ("subdevcfg_watch_seen_timestamp_seconds", "gauge", "When the host was seen last.");
const FOUND: Described = (
    "subdevcfg_watch_found",
    "gauge",
    "1 for each thing that is not as the file says, or cannot be told: kind is reset, drift, differs, refused, deferred or unread.",
);
const LEFT: Described = (
    "subdevcfg_watch_left",
    "gauge",
    "1 for each resource that is not repaired: why is fighting, reset, above, in-use, lifeline, sweep, failed or refused.",
);
const REPAIRS: Described =
    ("subdevcfg_watch_repairs_total", "counter", "Repairs, by how they ended: converged or partial.");
const OPERATIONS: Described =
    ("subdevcfg_watch_operations_total", "counter", "Requests of repairs to the kernel.");
const FAILURES: Described =
    ("subdevcfg_watch_failures_total", "counter", "Failures of repairs, by resource.");
const APPLY: Described = (
    "subdevcfg_last_apply_timestamp_seconds",
    "gauge",
    "When the last apply, destroy, undo or repair on this host ended.",
);
const SUCCESS: Described =
    ("subdevcfg_last_apply_success", "gauge", "Whether that one did all it should and was verified.");

impl Metrics {
    /// The file.
    pub fn text(&self, findings: &BTreeSet<Finding>, last: Option<&Past>) -> String {
        let mut text = String::new();
        one(&mut text, LOOKS, self.looks);
        one(&mut text, EVENTS, self.events);
        one(&mut text, TROUBLES, self.troubles);
        if let Some(seen) = self.seen {
            one(&mut text, SEEN, seen.as_second());
        }
        let is_left = |finding: &&Finding| matches!(finding, Finding::Left { .. });
        let found = findings.iter().filter(|finding| !is_left(finding));
        several(&mut text, FOUND, found.map(|finding| (labels("kind", kind(finding), finding.address()), 1)));
        let left = findings.iter().filter(is_left);
        several(&mut text, LEFT, left.map(|finding| (labels("why", kind(finding), finding.address()), 1)));
        let repairs = self.repairs.iter().map(|(ending, count)| (format!("{{result=\"{ending}\"}}"), *count));
        several(&mut text, REPAIRS, repairs);
        one(&mut text, OPERATIONS, self.operations);
        let failures = self.failures.iter();
        let failures =
            failures.map(|(address, count)| (format!("{{address=\"{}\"}}", escaped(address)), *count));
        several(&mut text, FAILURES, failures);
        if let Some(end) = last.and_then(|past| past.end.as_ref()) {
            if let Ok(at) = end.at.parse::<Timestamp>() {
                one(&mut text, APPLY, at.as_second());
            }
            one(&mut text, SUCCESS, u8::from(end.ending == Ending::Converged));
        }
        text
    }
}

fn one(text: &mut String, described: Described, value: impl std::fmt::Display) {
    several(text, described, std::iter::once((String::new(), value)));
}

fn several<V: std::fmt::Display>(
    text: &mut String,
    (name, kind, help): Described,
    samples: impl Iterator<Item = (String, V)>,
) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
    for (labels, value) in samples {
        let _ = writeln!(text, "{name}{labels} {value}");
    }
}

fn labels(name: &str, value: &str, address: &str) -> String {
    format!("{{address=\"{}\",{name}=\"{value}\"}}", escaped(address))
}

/// A label's value, as the format wants it.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

const fn kind(finding: &Finding) -> &'static str {
    match finding {
        Finding::Reset { .. } => "reset",
        Finding::Drift { .. } => "drift",
        Finding::Differs { .. } => "differs",
        Finding::Refused { .. } => "refused",
        Finding::Deferred { .. } => "deferred",
        Finding::WaitsForReboot { .. } => "waits-for-reboot",
        Finding::Unread { .. } => "unread",
        Finding::Left { why, .. } => match why {
            Why::Fighting { .. } => "fighting",
            Why::Reset => "reset",
            Why::Above { .. } => "above",
            Why::InUse { .. } => "in-use",
            Why::Lifeline { .. } => "lifeline",
            Why::Sweep { .. } => "sweep",
            Why::Failed { .. } => "failed",
            Why::Refused => "refused",
        },
    }
}
