//! MAC addresses that are given twice. The kernel takes them, and frames go to one of the two.

use subdevcfg_compiler::values::MacAddr;

use super::NoteKind;
use super::lane::Draft;
use crate::kernel::Request;
use crate::resource::{FunctionId, Setting, Subject};
use crate::state::{Function, Parent, Vf};

/// Tells of functions that get an address, or have it, that another one on their device keeps.
pub(super) fn tell_of_doubles(draft: &mut Draft<'_>) {
    let input = draft.input;
    for parent in &input.desired.parents {
        let handle = &parent.subject.parent;
        let Some(now) = input.state.parents.get(handle) else { continue };
        let taken = by_address(now);
        for function in &parent.functions {
            for mac in function.wanted.settings.iter().filter_map(Setting::mac) {
                let first = taken.partition_point(|(other, _)| *other < mac);
                let with_it = taken[first..].iter().take_while(|(other, _)| *other == mac);
                let others = with_it.filter(|(_, id)| function.subject.function_id() != Some(*id));
                let others = others.map(|(_, id)| Subject::function(handle.clone(), (*id).clone()));
                let keeping: Vec<Subject> = others.filter(|other| keeps(draft, other)).collect();
                for other in keeping {
                    let text = format!(
                        "{mac} is the address of {other} too, which keeps it: give one of them another"
                    );
                    draft.note(NoteKind::SameMac, &function.address, text);
                }
            }
        }
    }
}

/// The addresses of the functions that are there, in order.
fn by_address(parent: &Parent) -> Vec<(MacAddr, &FunctionId)> {
    let legacy = |vf: &Vf| vf.settings().find_map(|setting| setting.mac());
    let address = |function: &Function| function.mac.or_else(|| function.vf.as_ref().and_then(legacy));
    let all = parent.functions.iter().filter_map(|function| Some((address(function)?, &function.id)));
    let mut all: Vec<_> = all.filter(|(mac, _)| !mac.is_zero()).collect();
    all.sort();
    all
}

/// Whether no operation takes its address from a function.
fn keeps(draft: &Draft<'_>, subject: &Subject) -> bool {
    let takes = |request: &Request| match request {
        Request::Delete { .. } => request.subject() == *subject,
        Request::Set { setting, .. } => setting.mac().is_some() && request.subject() == *subject,
        _ => request.takes_others() && request.subject().parent == subject.parent,
    };
    !draft.requests().any(takes)
}
