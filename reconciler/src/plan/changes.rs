//! Resource changes: the plan as somebody reads it who asks what becomes of each resource.

use std::collections::BTreeMap;

use subdevcfg_compiler::values::Scalar;

use super::{Action, Operation, ResourceChange};
use crate::reason::Reason;
use crate::resource::{Settings, Subject};

/// The change of a resource between what was found and what will be; attributes that stay are left out.
pub(super) fn between(
    subject: &Subject,
    address: &str,
    found: Option<&Settings>,
    wanted: Option<&Settings>,
    reason: Reason,
) -> ResourceChange {
    let actions = match (found, wanted) {
        (None, _) => vec![Action::Create],
        (Some(_), None) => vec![Action::Delete],
        (Some(found), Some(wanted)) if wanted.iter().all(|setting| found.has(setting)) => vec![Action::NoOp],
        (Some(_), Some(_)) => vec![Action::Update],
    };
    let stays = actions == [Action::NoOp];
    let changes = |from: &Settings, other: Option<&Settings>| -> BTreeMap<String, Scalar> {
        let from = Some(from).filter(|_| !stays);
        from.into_iter()
            .flat_map(Settings::iter)
            .filter(|setting| match (found, wanted) {
                // A resource that comes or goes is shown whole.
                (Some(_), Some(wanted)) => {
                    wanted.get(&setting.attribute()).is_some()
                        && !other.is_some_and(|other| other.has(setting))
                }
                _ => true,
            })
            .map(|setting| (subject.attribute_path(&setting.attribute()), setting.value()))
            .collect()
    };
    ResourceChange {
        address: address.to_owned(),
        subject: subject.clone(),
        actions,
        before: found.map(|found| changes(found, wanted)),
        after: wanted.map(|wanted| changes(wanted, found)),
        replace_paths: Vec::new(),
        action_reason: reason,
        impact: subdevcfg_compiler::catalogue::Impact::None,
        operations: Vec::new(),
    }
}

/// Links resource changes and the operations on the same subject. By subject and not by address: one address can stand
/// for a function that goes and for another one that comes.
pub(super) fn attach(changes: &mut [ResourceChange], operations: &[Operation]) {
    let mut by_subject: BTreeMap<Subject, Vec<&Operation>> = BTreeMap::new();
    for operation in operations {
        by_subject.entry(operation.request.subject()).or_default().push(operation);
    }
    for change in changes {
        let operations = by_subject.get(&change.subject).map(Vec::as_slice).unwrap_or_default();
        change.operations = operations.iter().map(|operation| operation.id).collect();
        // A function that goes with its parent has no operation of its own, and is gone all the same.
        change.impact = operations.iter().map(|operation| operation.impact).fold(change.impact, Ord::max);
        if change.actions == [Action::NoOp] && !change.operations.is_empty() {
            change.actions = vec![Action::Restore];
        }
    }
}
