//! What differs between two states, for "as before" and for reports.

use std::collections::BTreeSet;

use subdevcfg_compiler::catalogue::Catalogue;

use crate::resource::{Setting, Subject};
use crate::state::State;

/// Whether this is the name that the kernel had given the interface. Set again, it counts as chosen by somebody
/// (`name_assign_type`), and nothing can change that back.
fn is_kernels_name(before: &State, subject: &Subject, setting: &Setting) -> bool {
    let Setting::Name(side, name) = setting else { return false };
    let found = before.function(subject).and_then(|function| function.interface(*side));
    found.is_some_and(|found| found.volatile.0.name == name.as_str())
}

/// Whether the driver of a parent makes the rate node of that name itself: such nodes come and go with representors, and
/// have other names each time.
fn is_drivers_node(state: &State, subject: &Subject, name: &str) -> bool {
    let driver = state.parents.get(&subject.parent).and_then(|parent| parent.driver.as_deref());
    let known = Catalogue::of_device(&[], driver, subject.parent.bus());
    known.is_some_and(|known| known.makes_rate_node(name))
}

/// Whether this is a place in the tree of rates that the driver chose.
fn is_drivers_place(state: &State, subject: &Subject, setting: Option<&Setting>) -> bool {
    matches!(setting, Some(Setting::RateParent(Some(above))) if is_drivers_node(state, subject, above))
}

/// What differs in the config fields of two states, one sentence each.
#[must_use]
pub fn differences(before: &State, after: &State) -> Vec<String> {
    let mut found = Vec::new();
    let subjects = |state: &State| state.subjects().collect::<BTreeSet<Subject>>();
    for subject in subjects(before).union(&subjects(after)) {
        if subject.rate_node_name().is_some_and(|name| is_drivers_node(before, subject, name)) {
            continue;
        }
        match (before.settings(subject), after.settings(subject)) {
            (Some(_), None) => found.push(format!("{subject} is gone")),
            (None, Some(_)) => found.push(format!("{subject} is still there")),
            (Some(old), Some(new)) => {
                for setting in old.iter().filter(|setting| !new.has(setting)) {
                    let attribute = setting.attribute();
                    if is_drivers_place(before, subject, Some(setting))
                        && is_drivers_place(after, subject, new.get(&attribute))
                    {
                        continue;
                    }
                    let now =
                        new.get(&attribute).map_or_else(|| "gone".to_owned(), |new| new.value().to_string());
                    found.push(format!("{subject}: {attribute} was {} and is {now}", setting.value()));
                }
                let appeared = |setting: &&Setting| {
                    old.get(&setting.attribute()).is_none() && !is_kernels_name(before, subject, setting)
                };
                for setting in new.iter().filter(appeared) {
                    found.push(format!("{subject}: {} is {}", setting.attribute(), setting.value()));
                }
                let active = |state: &State| state.function(subject).map(|function| function.active);
                if active(before) != active(after) {
                    found.push(format!(
                        "{subject}: it was {}active before",
                        if active(after) == Some(true) { "in" } else { "" }
                    ));
                }
            }
            (None, None) => {}
        }
    }
    found
}
