//! A plan in short, for snapshots.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use subdevcfg_reconciler::plan::{Action, Plan, ResourceChange};

/// What a plan changes, with the price of each change: one resource a line, its attributes below, the sum at the end.
/// There are no places in it, so that a line that moves within a file changes no snapshot; the plan itself, which
/// serializes, has everything.
#[must_use]
pub fn outline(plan: &Plan) -> String {
    let mut text = String::new();
    for change in plan.resource_changes.iter().filter(|change| change.actions != [Action::NoOp]) {
        resource(&mut text, change);
    }
    // Writing to a string cannot fail, here and below.
    for refusal in &plan.refusals {
        let _ = writeln!(text, "! {}: {}", refusal.address, refusal.text);
    }
    let count = plan.operations.len();
    let operations = if count == 1 { "operation" } else { "operations" };
    let _ = writeln!(text, "{count} {operations}, impact {}", plan.impact);
    text
}

fn resource(text: &mut String, change: &ResourceChange) {
    let mark = match change.actions.as_slice() {
        [Action::Create] => "+",
        [Action::Delete] => "-",
        [Action::Delete, Action::Create] => "-/+",
        _ => "~",
    };
    let _ = writeln!(text, "{mark} {}   impact {}", change.address, change.impact);
    let none = BTreeMap::new();
    let before = change.before.as_ref().unwrap_or(&none);
    let after = change.after.as_ref().unwrap_or(&none);
    for (name, value) in after {
        let _ = match before.get(name) {
            Some(former) if former == value => Ok(()),
            Some(former) => writeln!(text, "    {name} {former} -> {value}"),
            None => writeln!(text, "    {name} {value}"),
        };
    }
}
