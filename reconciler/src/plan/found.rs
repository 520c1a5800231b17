//! Devices that a file does not name by their handle: they are looked for among those that are there.

use std::borrow::Cow;

use subdevcfg_compiler::values::DevlinkHandle;

use super::{Input, NoteKind, lane::Draft};
use crate::desired::{Desired, DesiredParent, Wants};
use crate::resource::Subject;
use crate::state::{Parent, State};

/// The file with each `match` in its place: the device that fits it.
pub(crate) fn placed<'a>(desired: &'a Desired, state: &State) -> Cow<'a, Desired> {
    if desired.parents.iter().all(|parent| parent.wants.is_none()) {
        return Cow::Borrowed(desired);
    }
    let mut desired = desired.clone();
    for parent in &mut desired.parents {
        let Some(wants) = &parent.wants else { continue };
        if let [only] = fitting(wants, state).as_slice() {
            move_to(parent, only);
        }
    }
    Cow::Owned(desired)
}

/// The devices of the host that fit a `match`.
fn fitting(wants: &Wants, state: &State) -> Vec<DevlinkHandle> {
    let fits = |(_, parent): &(&DevlinkHandle, &Parent)| fits(wants, parent);
    state.parents.iter().filter(fits).map(|(handle, _)| handle.clone()).collect()
}

/// All that is given must fit. What a device does not tell fits nothing.
fn fits(wants: &Wants, parent: &Parent) -> bool {
    fn is<T: PartialEq>(wanted: Option<&T>, found: Option<&T>) -> bool {
        wanted.is_none_or(|wanted| found == Some(wanted))
    }
    let volatile = &parent.volatile.0;
    let hardware = &volatile.hardware;
    is(wants.pci_slot.as_ref(), hardware.pci_slot.as_ref())
        && is(wants.board_serial.as_ref(), hardware.board_serial.as_ref())
        && is(wants.port.as_ref(), hardware.port.as_ref())
        && is(wants.mac.as_ref(), hardware.permanent_mac.as_ref())
        && is(wants.driver.as_ref(), parent.driver.as_ref())
        && is(wants.netdev.as_ref(), volatile.uplink.as_ref())
}

fn move_to(parent: &mut DesiredParent, handle: &DevlinkHandle) {
    parent.subject = Subject::parent(handle.clone());
    for node in &mut parent.rate_nodes {
        node.subject = Subject::rate_node(handle.clone(), node.name.clone());
    }
    for function in &mut parent.functions {
        function.subject = Subject::function(handle.clone(), function.id.clone());
    }
    parent.wants = None;
}

/// What can be said of a device that is in no place: none fits, or more than one.
pub(super) fn tell_of_unplaced(draft: &mut Draft<'_>, desired: &DesiredParent) -> bool {
    let Some(wants) = &desired.wants else { return false };
    let fitting = fitting(wants, draft.input.state);
    if fitting.is_empty() {
        draft.note(NoteKind::Deferred, &desired.address, format!("no device fits `match {wants}`"));
    } else {
        let names: Vec<String> = fitting.iter().map(ToString::to_string).collect();
        let text = format!("`match {wants}` fits {}: say more, so that only one fits", names.join(" and "));
        draft.refuse(&desired.address, text);
    }
    true
}

/// Two blocks that mean one device would each undo what the other does.
pub(super) fn refuse_doubles(draft: &mut Draft<'_>) {
    let Input { desired, .. } = draft.input;
    for (at, parent) in desired.parents.iter().enumerate() {
        let other = desired.parents[..at].iter().find(|other| other.subject == parent.subject);
        if let Some(other) = other {
            let text = format!("{} is the same device, {}: write one block", other.address, parent.subject);
            draft.refuse(&parent.address, text);
        }
    }
}
