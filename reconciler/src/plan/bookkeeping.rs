//! What the record knows beside the kernel: adoption, release, drift.

use std::collections::{BTreeMap, BTreeSet};

use subdevcfg_compiler::values::{EswitchMode, Scalar};

use super::function::netdev_is_off;
use super::lane::Draft;
use super::mdev::is_told;
use super::{Drift, Input, NoteKind, Reset, ovs, reset, vfs};
use crate::desired::{DesiredParent, Lack, LeftToOthers, Wanted};
use crate::record::{Interrupted, Record, Written};
use crate::resource::{Attribute, Child, Setting, Settings, Side, Subject};

/// Tells what is recorded of devices that the file does not have any more. It stays in the record: with the block back
/// in the file it is subdevcfg's as before, and a `destroy` without a file takes it away.
pub(super) fn release_devices(draft: &mut Draft<'_>) {
    let Input { desired, state, record } = draft.input;
    let named: BTreeSet<_> = desired.parents.iter().map(|parent| &parent.subject.parent).collect();
    let on_devices = record.known().into_iter().filter(|subject| subject.bridge_name().is_none());
    for subject in on_devices.filter(|subject| !named.contains(&subject.parent)) {
        if state.has(subject) {
            let text = "its device is not in the file any more: it stays as it is (`destroy` without a file takes it \
                        away)";
            let about = record.address_or_kind(subject);
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

/// What the file has for other kernels than this one.
pub(super) fn tell_of_other_kernels(draft: &mut Draft<'_>) {
    let input = draft.input;
    let release = &input.state.volatile.0.kernel_release;
    for place in &input.desired.for_other_kernels {
        let text = format!("this `when` does not hold on kernel {release}: what is in it is left out");
        draft.note(NoteKind::OtherKernel, place.clone(), text);
    }
}

/// A subject as the file has it.
struct Named<'d> {
    address: &'d str,
    wanted: &'d Wanted,
    left: &'d LeftToOthers,
    external: bool,
}

fn named(desired: &DesiredParent) -> BTreeMap<Subject, Named<'_>> {
    let parent =
        Named { address: &desired.address, wanted: &desired.wanted, left: &desired.left, external: false };
    let functions = desired.functions.iter().filter(|function| !function.absent).map(|function| {
        let (address, wanted) = (&function.address, &function.wanted);
        let (left, external) = (&function.left, function.external);
        (function.subject.clone(), Named { address, wanted, left, external })
    });
    let nodes = desired.rate_nodes.iter().map(|node| {
        let (address, wanted) = (&node.address, &node.wanted);
        (node.subject.clone(), Named { address, wanted, left: &desired.left, external: false })
    });
    let vdpas = desired.vdpas.iter().map(|vdpa| {
        let (address, wanted) = (&vdpa.address, &vdpa.wanted);
        (vdpa.subject.clone(), Named { address, wanted, left: &desired.left, external: false })
    });
    std::iter::once((desired.subject.clone(), parent)).chain(functions).chain(nodes).chain(vdpas).collect()
}

/// Adoption, release and drift: what the record knows beside the kernel.
pub(super) fn note(draft: &mut Draft<'_>, desired: &DesiredParent) {
    let named = named(desired);
    let reset = reset::evidence(&draft.input, desired);
    let by_reset = reset.is_some();
    let known_before = draft.drift_count();
    for (subject, Named { address, .. }) in &named {
        // A device that nothing makes was never ours to adopt; only what could have been made is.
        // A VF neither: it comes and goes with its number.
        let makeable = if subject.is_parent() { desired.create.is_some() } else { !vfs::is_pci(subject) };
        note_presence(draft, subject, address, makeable, by_reset);
    }
    forget_the_gone(draft, desired, &named);
    release_the_unnamed(draft, desired, &named);
    note_written(draft, desired, &named, by_reset);
    if let Some(evidence) = reset.filter(|_| draft.drift_count() > known_before) {
        draft.resets.push(Reset { address: desired.address.clone(), evidence });
    }
}

/// What was made and is neither named nor there is nobody's any more: another one of its number would be. So it is with
/// what the other side took away.
fn forget_the_gone(draft: &mut Draft<'_>, desired: &DesiredParent, named: &BTreeMap<Subject, Named<'_>>) {
    let Input { state, record, .. } = draft.input;
    // Of what is neither made nor adopted, only PCI functions come and go.
    let counts = |subject: &Subject| record.address(subject).is_some() || vfs::is_pci(subject);
    for subject in record.known() {
        let stays = named.get(subject).is_some_and(|named| !named.external);
        let is_of_parent = subject.parent == desired.subject.parent;
        if is_of_parent && counts(subject) && !stays && !state.has(subject) {
            draft.bookkeeping.forget.push(subject.clone());
        }
    }
}

/// What the file does not name any more and subdevcfg did not make is released.
fn release_the_unnamed(draft: &mut Draft<'_>, desired: &DesiredParent, named: &BTreeMap<Subject, Named<'_>>) {
    let Input { state, record, .. } = draft.input;
    let absent = desired.functions.iter().filter(|function| function.absent);
    let absent: BTreeSet<&Subject> = absent.map(|function| &function.subject).collect();
    for subject in record.known() {
        if subject.parent != desired.subject.parent || named.contains_key(subject) || !state.has(subject) {
            continue;
        }
        let (about, text) = match record.adopted.get(subject) {
            Some(_) if absent.contains(subject) => continue,
            Some(address) => {
                let text = "it is not in the file any more, and subdevcfg did not make it: it stays as it is";
                (address.clone(), text)
            }
            None if vfs::is_pci(subject) => {
                let text = "it is not in the file any more: what was written of it stays as it is";
                (subject.to_string(), text)
            }
            None => continue,
        };
        draft.note(NoteKind::Released, about, text);
        draft.bookkeeping.let_go.push(subject.clone());
    }
}

/// What became of the attributes that were written.
fn note_written(
    draft: &mut Draft<'_>,
    desired: &DesiredParent,
    named: &BTreeMap<Subject, Named<'_>>,
    by_reset: bool,
) {
    let Input { state, record, .. } = draft.input;
    let mut found_of: Option<(&Subject, Option<Settings>)> = None;
    for ((subject, attribute), written) in &record.settings {
        if subject.parent != desired.subject.parent {
            continue;
        }
        let Some(Named { address, wanted, left, external }) = named.get(subject) else { continue };
        let settings = &wanted.settings;
        let lack = wanted.left_out.get(attribute);
        if lack.is_some() {
            // Of what nobody knows yet what was written may still be there.
            let is_gone = lack != Some(&Lack::NotKnownYet);
            draft.bookkeeping.release.extend(is_gone.then(|| (subject.clone(), attribute.clone())));
            continue;
        }
        let Some(wanted) = settings.get(attribute) else {
            let goes = attribute.side().is_some_and(|side| interface_goes(desired, settings, side));
            let what = if goes { "it goes with its interface" } else { "its value stays" };
            let text = format!("{attribute} is not in the file any more: {what}");
            draft.note(NoteKind::Released, subject.attribute_address(address, attribute), text);
            draft.bookkeeping.release.push((subject.clone(), attribute.clone()));
            continue;
        };
        if ovs::waits(state, settings, attribute) {
            continue;
        }
        // The attributes of one subject come one after the other.
        if found_of.as_ref().is_none_or(|(known, _)| *known != subject) {
            found_of = Some((subject, state.settings(subject)));
        }
        let Some((_, Some(found))) = &found_of else { continue };
        if state.function(subject).is_some_and(|found| !is_told(found, settings, attribute)) {
            continue;
        }
        if let Some(owner) = left.owner(&path_in_the_file(subject, attribute)) {
            accept(draft, written, found, owner);
            continue;
        }
        // Made anew by the other side, it has nothing of what was written.
        if !(*external && is_as_found_first(record, subject, found)) {
            note_drift(draft, written, wanted, found, by_reset);
        }
    }
}

/// An attribute's path as `ignore` names it: those of what is no subdevice stand in the block of its device.
fn path_in_the_file(subject: &Subject, attribute: &Attribute) -> String {
    let path = subject.attribute_path(attribute);
    match &subject.child {
        Some(Child::RateNode(name)) => format!("rate-node[{name}].{path}"),
        Some(Child::Vdpa(name)) => format!("vdpa[{name}].{path}"),
        _ => path,
    }
}

/// Whether all that was written to a subject is as it was before.
fn is_as_found_first(record: &Record, subject: &Subject, found: &Settings) -> bool {
    record.written_of(subject).all(|(attribute, written)| found.get(attribute) == written.before.as_ref())
}

/// Tells of a subject that the file names and that is there without being recorded, or the other way round.
pub(super) fn note_presence(
    draft: &mut Draft<'_>,
    subject: &Subject,
    address: &str,
    makeable: bool,
    by_reset: bool,
) {
    let Input { state, record, .. } = draft.input;
    let recorded = record.address(subject);
    match (state.has(subject), recorded) {
        (true, None) if makeable => {
            let text = "it was there already: changed in place, and never deleted by subdevcfg";
            draft.note(NoteKind::Adopted, address, text);
            draft.bookkeeping.adopt.push((subject.clone(), address.to_owned()));
        }
        (false, Some(_)) => {
            // What a killed apply was about to make is recorded already.
            if record.interrupted.is_none() {
                let applied = Scalar::Text("present".to_owned());
                draft.drifted(Drift { address: address.to_owned(), applied, found: None, by_reset });
            }
            draft.bookkeeping.forget.push(subject.clone());
        }
        _ => {}
    }
    if recorded.is_some_and(|recorded| recorded != address) {
        draft.bookkeeping.readdress.push((subject.clone(), address.to_owned()));
    }
}

/// Tells of a value that somebody changed since it was written, while the file still asks for it.
pub(super) fn note_drift(
    draft: &mut Draft<'_>,
    written: &Written,
    wanted: &Setting,
    found: &Settings,
    by_reset: bool,
) {
    // What a killed apply was about to write is recorded already.
    let may_be_ours = draft.input.record.interrupted.is_some();
    if *wanted == written.applied && !found.has(wanted) && !may_be_ours {
        draft.drifted(Drift {
            address: written.address.clone(),
            applied: written.applied.value(),
            found: found.get(&wanted.attribute()).map(Setting::value),
            by_reset,
        });
    }
}

/// Tells what others have made of an attribute that is left to them; of an interface that is gone, once.
fn accept(draft: &mut Draft<'_>, written: &Written, found: &Settings, owner: &str) {
    let (wanted, attribute) = (&written.applied, written.applied.attribute());
    match (found.get(&attribute), attribute.side()) {
        (Some(now), _) if now == wanted => {}
        (Some(now), _) => {
            let text =
                format!("{attribute} is {}, {} was applied: left to {owner}", now.value(), wanted.value());
            draft.note(NoteKind::Accepted, written.address.clone(), text);
        }
        (None, Some(side)) if attribute == Attribute::Name(side) => {
            let about = written.address.trim_end_matches(".name").to_owned();
            let text = format!("the {} is not to be seen here: left to {owner}", side.as_str());
            draft.note(NoteKind::Accepted, about, text);
        }
        (None, Some(_)) => {}
        (None, None) => {
            let text = format!("{attribute} is gone: left to {owner}");
            draft.note(NoteKind::Accepted, written.address.clone(), text);
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
