//! What the record knows beside the kernel: adoption, release, drift.

use std::collections::BTreeMap;

use subdevcfg_compiler::values::Scalar;

use super::lane::Draft;
use super::{Drift, Input, NoteKind};
use crate::desired::DesiredParent;
use crate::resource::{Setting, Settings, Subject};

/// Adoption, release and drift: what the record knows beside the kernel.
pub(super) fn note(draft: &mut Draft<'_>, desired: &DesiredParent) {
    let Input { state, record, .. } = draft.input;
    let parent = &desired.subject.parent;
    let mut named: BTreeMap<Subject, (&str, &Settings)> = BTreeMap::new();
    named.insert(desired.subject.clone(), (&desired.address, &desired.wanted.settings));
    for function in &desired.functions {
        named.insert(function.subject.clone(), (&function.address, &function.wanted.settings));
    }
    for (subject, (address, _)) in &named {
        let exists = state.settings(subject).is_some();
        let known = record.made.contains_key(subject) || record.adopted.contains_key(subject);
        // A device that nothing makes was never ours to adopt; only what could have been made is.
        let makeable = subject.function.is_some() || desired.create.is_some();
        if exists && !known && makeable {
            let text = "it was there already: changed in place, and never deleted by subdevcfg";
            draft.note(NoteKind::Adopted, *address, text);
            draft.bookkeeping.adopt.push((subject.clone(), (*address).to_owned()));
        }
        if !exists && known {
            draft.drifted(Drift {
                address: (*address).to_owned(),
                applied: Scalar::Text("present".to_owned()),
                found: None,
            });
            draft.bookkeeping.forget.push(subject.clone());
        }
    }
    // What was made and is neither named nor there is nobody's any more: another one of its number would be.
    for subject in record.made.keys().chain(record.adopted.keys()) {
        if subject.parent == *parent && !named.contains_key(subject) && state.settings(subject).is_none() {
            draft.bookkeeping.forget.push(subject.clone());
        }
    }
    for ((subject, attribute), written) in &record.settings {
        if subject.parent != *parent {
            continue;
        }
        let Some((_, settings)) = named.get(subject) else { continue };
        let Some(wanted) = settings.get(attribute) else {
            let text = format!("{attribute} is not in the file any more: its value stays");
            draft.note(NoteKind::Released, &written.address, text);
            draft.bookkeeping.release.push((subject.clone(), attribute.clone()));
            continue;
        };
        let Some(found) = state.settings(subject) else { continue };
        if *wanted == written.applied && !found.has(wanted) {
            draft.drifted(Drift {
                address: written.address.clone(),
                applied: written.applied.value(),
                found: found.get(attribute).map(Setting::value),
            });
        }
    }
}
