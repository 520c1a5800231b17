//! Protection: what nothing may restart or remove. It is recorded, so that it does not end with the block in the file; it
//! ends by an apply that does nothing else to the subject.

use std::collections::BTreeMap;

use subdevcfg_compiler::catalogue::Impact;
use subdevcfg_compiler::values::DevlinkHandle;

use super::lane::Draft;
use super::{NoteKind, Operation};
use crate::desired::DesiredFunction;
use crate::kernel::Request;
use crate::resource::Subject;

/// Refuses what would disturb something protected; begins and ends protection where nothing does.
pub(super) fn settle(draft: &mut Draft<'_>, operations: &[Operation]) {
    let input = draft.input;
    let named: BTreeMap<&Subject, &DesiredFunction> = input
        .desired
        .parents
        .iter()
        .flat_map(|parent| &parent.functions)
        .map(|function| (&function.subject, function))
        .collect();
    let asked = named.values().filter(|function| function.protect);
    let asked = asked.map(|function| (&function.subject, function.address.as_str()));
    let recorded = input.record.protected.iter().map(|(subject, address)| (subject, address.as_str()));
    let all: BTreeMap<&Subject, &str> = recorded.chain(asked).collect();
    let disturbing = Disturbing::of(operations);
    for (subject, address) in all {
        // What is not there yet, nothing disturbs.
        let is_there = input.state.function(subject).is_some();
        if let Some(operation) = disturbing.first(subject).filter(|_| is_there) {
            let text = format!(
                "it is protected, and \"{}\" would disturb it: write `protect=#false` there, in an apply that changes \
                 nothing else of it, and do this afterwards",
                operation.request
            );
            draft.refuse(address, text);
            continue;
        }
        let is_recorded = input.record.protected.contains_key(subject);
        match named.get(subject) {
            Some(function) if function.protect && !is_recorded => {
                draft.note(NoteKind::Protected, address, "from now on nothing restarts or removes it");
                draft.bookkeeping.protect.push((subject.clone(), address.to_owned()));
            }
            Some(function) if !function.protect => {
                draft.note(NoteKind::Protected, address, "no longer: the file does not ask for it");
                draft.bookkeeping.unprotect.push(subject.clone());
            }
            _ => {}
        }
    }
}

/// The first operations that restart or remove something.
struct Disturbing<'o> {
    /// A subject by itself.
    by_subject: BTreeMap<Subject, &'o Operation>,
    /// All that is on a parent.
    by_parent: BTreeMap<DevlinkHandle, &'o Operation>,
}

impl<'o> Disturbing<'o> {
    fn of(operations: &'o [Operation]) -> Self {
        let (mut by_subject, mut by_parent) = (BTreeMap::new(), BTreeMap::new());
        for operation in operations {
            let subject = operation.request.subject();
            if operation.request.takes_others() {
                by_parent.entry(subject.parent).or_insert(operation);
            } else if operation.impact >= Impact::SubdeviceRestart
                || matches!(operation.request, Request::Delete { .. })
            {
                by_subject.entry(subject).or_insert(operation);
            }
        }
        Self { by_subject, by_parent }
    }

    fn first(&self, subject: &Subject) -> Option<&'o Operation> {
        let both = [self.by_subject.get(subject), self.by_parent.get(&subject.parent)];
        both.into_iter().flatten().copied().min_by_key(|operation| operation.id)
    }
}
