//! What the record knows beside the kernel: adoption, release, drift.

use std::collections::{BTreeMap, BTreeSet};

use subdevcfg_compiler::values::{EswitchMode, Scalar};

use super::function::netdev_is_off;
use super::lane::Draft;
use super::{Drift, Input, NoteKind};
use crate::desired::DesiredParent;
use crate::record::Interrupted;
use crate::resource::{Attribute, Setting, Settings, Side, Subject};

/// Tells what is recorded of devices that the file does not have any more. It stays in the record: with the block back
/// in the file it is subdevcfg's as before, and a `destroy` without a file takes it away.
pub(super) fn release_devices(draft: &mut Draft<'_>) {
    let Input { desired, state, record } = draft.input;
    let named: BTreeSet<_> = desired.parents.iter().map(|parent| &parent.subject.parent).collect();
    let written = record.settings.keys().map(|(subject, _)| subject);
    let recorded: BTreeSet<&Subject> =
        record.made.keys().chain(record.adopted.keys()).chain(written).collect();
    for subject in recorded.into_iter().filter(|subject| !named.contains(&subject.parent)) {
        if state.settings(subject).is_some() {
            let text = "its device is not in the file any more: it stays as it is (`destroy` without a file takes it \
                        away)";
            let about = record.address(subject).map_or_else(|| subject.to_string(), str::to_owned);
            draft.note(NoteKind::Released, about, text);
        }
    }
}

/// An apply that was killed is told of: what it did is in the record, and the plan goes on from there.
pub(super) fn tell_of_interruption(draft: &mut Draft<'_>) {
    if let Some(Interrupted { operation, total, request }) = &draft.input.record.interrupted {
        let text = format!(
            "the last apply was killed at operation {operation} of {total} ({request}); what it made is recorded, and \
             this plan goes on from what is there"
        );
        draft.note(NoteKind::Interrupted, "record", text);
    }
}

/// Adoption, release and drift: what the record knows beside the kernel.
pub(super) fn note(draft: &mut Draft<'_>, desired: &DesiredParent) {
    let Input { state, record, .. } = draft.input;
    let parent = &desired.subject.parent;
    // What the killed apply was about to do is recorded already.
    let may_be_ours = record.interrupted.is_some();
    let mut named: BTreeMap<Subject, (&str, &Settings)> = BTreeMap::new();
    named.insert(desired.subject.clone(), (&desired.address, &desired.wanted.settings));
    for function in &desired.functions {
        named.insert(function.subject.clone(), (&function.address, &function.wanted.settings));
    }
    for node in &desired.rate_nodes {
        named.insert(node.subject.clone(), (&node.address, &node.wanted.settings));
    }
    for (subject, (address, _)) in &named {
        let exists = state.settings(subject).is_some();
        let recorded = record.address(subject);
        let known = recorded.is_some();
        // A device that nothing makes was never ours to adopt; only what could have been made is.
        let makeable = !subject.is_parent() || desired.create.is_some();
        if exists && !known && makeable {
            let text = "it was there already: changed in place, and never deleted by subdevcfg";
            draft.note(NoteKind::Adopted, *address, text);
            draft.bookkeeping.adopt.push((subject.clone(), (*address).to_owned()));
        }
        if recorded.is_some_and(|recorded| recorded != *address) {
            draft.bookkeeping.readdress.push((subject.clone(), (*address).to_owned()));
        }
        if !exists && known {
            if !may_be_ours {
                draft.drifted(Drift {
                    address: (*address).to_owned(),
                    applied: Scalar::Text("present".to_owned()),
                    found: None,
                });
            }
            draft.bookkeeping.forget.push(subject.clone());
        }
    }
    // What was made and is neither named nor there is nobody's any more: another one of its number would be.
    for subject in record.made.keys().chain(record.adopted.keys()) {
        if subject.parent == *parent && !named.contains_key(subject) && state.settings(subject).is_none() {
            draft.bookkeeping.forget.push(subject.clone());
        }
    }
    for (subject, address) in &record.adopted {
        if subject.parent == *parent && !named.contains_key(subject) && state.settings(subject).is_some() {
            let text = "it is not in the file any more, and subdevcfg did not make it: it stays as it is";
            draft.note(NoteKind::Released, address, text);
            draft.bookkeeping.let_go.push(subject.clone());
        }
    }
    for ((subject, attribute), written) in &record.settings {
        if subject.parent != *parent {
            continue;
        }
        let Some((address, settings)) = named.get(subject) else { continue };
        let Some(wanted) = settings.get(attribute) else {
            let goes = attribute.side().is_some_and(|side| interface_goes(desired, settings, side));
            let what = if goes { "it goes with its interface" } else { "its value stays" };
            let text = format!("{attribute} is not in the file any more: {what}");
            draft.note(NoteKind::Released, format!("{address}.{}", subject.attribute_path(attribute)), text);
            draft.bookkeeping.release.push((subject.clone(), attribute.clone()));
            continue;
        };
        let Some(found) = state.settings(subject) else { continue };
        if *wanted == written.applied && !found.has(wanted) && !may_be_ours {
            draft.drifted(Drift {
                address: written.address.clone(),
                applied: written.applied.value(),
                found: found.get(attribute).map(Setting::value),
            });
        }
    }
}

/// Whether the file takes an interface of a function away, by what it says of something else.
fn interface_goes(desired: &DesiredParent, function: &Settings, side: Side) -> bool {
    match side {
        Side::Netdev => netdev_is_off(function, desired.catalogue.as_deref()),
        Side::Representor => {
            let mode = desired.wanted.settings.get(&Attribute::EswitchMode);
            mode == Some(&Setting::EswitchMode(EswitchMode::Legacy))
        }
    }
}
