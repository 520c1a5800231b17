//! What differs between two states, for "as before" and for reports.

use std::collections::BTreeSet;

use subdevcfg_compiler::catalogue::Catalogue;

use crate::plan::leave_drivers_choice;
use crate::resource::{Child, Setting, Settings, Subject};
use crate::state::State;

/// Whether this is the name that the kernel had given the interface. Set again, it counts as chosen by somebody
/// (`name_assign_type`), and nothing can change that back.
fn is_kernels_name(before: &State, subject: &Subject, setting: &Setting) -> bool {
    let Setting::Name(side, name) = setting else { return false };
    let found = before.function(subject).and_then(|function| function.interface(*side));
    found.is_some_and(|found| found.volatile.0.name == name.as_str())
}

/// The settings of a subject that somebody can have chosen; `None` where there is no such subject, or the driver makes it
/// itself: its rate nodes come and go with representors, and have other names each time.
fn settings(state: &State, subject: &Subject) -> Option<Settings> {
    let mut settings = state.settings(subject)?;
    let driver = state.parents.get(&subject.parent).and_then(|parent| parent.driver.as_deref());
    let catalogue = Catalogue::of_device(&[], driver, subject.parent.bus());
    match &subject.child {
        Some(Child::Function(id)) => leave_drivers_choice(&mut settings, id, catalogue.as_deref()),
        Some(Child::RateNode(name)) if catalogue.is_some_and(|known| known.makes_rate_node(name)) => {
            return None;
        }
        _ => {}
    }
    Some(settings)
}

/// What differs in the config fields of two states, one sentence each.
#[must_use]
pub fn differences(before: &State, after: &State) -> Vec<String> {
    let mut found = Vec::new();
    let subjects = |state: &State| state.subjects().collect::<BTreeSet<Subject>>();
    for subject in subjects(before).union(&subjects(after)) {
        match (settings(before, subject), settings(after, subject)) {
            (Some(_), None) => found.push(format!("{subject} is gone")),
            (None, Some(_)) => found.push(format!("{subject} is still there")),
            (Some(old), Some(new)) => {
                for setting in old.iter().filter(|setting| !new.has(setting)) {
                    let attribute = setting.attribute();
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
