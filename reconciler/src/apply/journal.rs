//! What an operation does to the record. What it makes and writes is noted before it is sent, what it takes away when
//! it is gone: whenever the run is killed, nothing that it made is missing from the record.

use subdevcfg_compiler::values::DevlinkHandle;

use super::Apply;
use crate::kernel::Request;
use crate::plan::{Operation, Plan};
use crate::reboot::Stored;
use crate::record::RecordChange;
use crate::resource::{Attribute, Setting, Subject};
use crate::state::State;

impl Apply<'_> {
    /// What is noted before the operation, beside what it takes along.
    pub(super) fn change_before(
        &mut self,
        operation: &Operation,
        taken: Vec<RecordChange>,
    ) -> Option<RecordChange> {
        let named = self.named_change(operation);
        if operation.writes.is_empty() && taken.is_empty() {
            return named;
        }
        let beside = self.written_beside(operation);
        Some(RecordChange::Several(taken.into_iter().chain(named).chain(beside).collect()))
    }

    /// What its request names.
    fn named_change(&mut self, operation: &Operation) -> Option<RecordChange> {
        let subject = operation.request.subject();
        match &operation.request {
            Request::NewParent { .. }
            | Request::Create { .. }
            | Request::MakeRateNode { .. }
            | Request::MakeVdpa { .. }
            | Request::MakeBridge { .. } => Some(RecordChange::Made(subject, operation.address.clone())),
            Request::Set { setting, .. } => {
                let attribute = setting.attribute();
                let found = self.before.settings(&subject).and_then(|found| found.get(&attribute).cloned());
                let waits = self.what_waits(operation, setting);
                // Of what nobody can read, what was written is all that is known.
                let unseen = matches!(setting, Setting::Device { .. }) && found.is_none();
                if operation.reason.source.is_none() && !unseen {
                    // Nobody asked for it: it is put back as it was, and belongs to nobody as before.
                    return waits;
                }
                let address = subject.attribute_address(&operation.address, &attribute);
                let written = RecordChange::Written { subject, address, found, applied: setting.clone() };
                Some(match waits {
                    Some(waits) => RecordChange::Several(vec![written, waits]),
                    None => written,
                })
            }
            Request::SetVfs { count, .. } => {
                operation.reason.source.as_ref()?;
                let found =
                    self.before.settings(&subject).and_then(|found| found.get(&Attribute::Vfs).cloned());
                let address = format!("{}.{}", operation.address, Attribute::Vfs.part());
                Some(RecordChange::Written { subject, address, found, applied: Setting::Vfs(*count) })
            }
            Request::DelParent { .. }
            | Request::Delete { .. }
            | Request::DeleteRateNode { .. }
            | Request::DeleteVdpa { .. }
            | Request::DeleteBridge { .. }
            | Request::AddPort { .. }
            | Request::RemovePort { .. }
            | Request::Reload { .. }
            | Request::SetActive { .. } => None,
        }
    }

    /// What a setting that is not in force at once waits for, whoever asked for it.
    fn what_waits(&mut self, operation: &Operation, setting: &Setting) -> Option<RecordChange> {
        let subject = operation.request.subject();
        if setting.waits_for_reload() {
            return Some(RecordChange::Pending(subject));
        }
        if !setting.waits_for_reboot() {
            return None;
        }
        let stored = Stored {
            address: operation.address.clone(),
            in_force: self.in_force(&subject, &setting.attribute()),
            written: setting.clone(),
            at: self.occasion.at.clone(),
            boot_id: self.before.volatile.0.boot_id.clone(),
        };
        Some(RecordChange::Stored(subject, stored))
    }

    /// The value of a permanent parameter before it is written. A device that this apply has made may have kept one from an
    /// earlier life, so it is looked at.
    fn in_force(&mut self, subject: &Subject, attribute: &Attribute) -> Option<Setting> {
        let of = |state: &State| state.settings(subject)?.get(attribute).cloned();
        if self.before.has(subject) { of(self.before) } else { of(&self.kernel.observe().ok()?) }
    }

    /// What it brings about beside that.
    fn written_beside(&self, operation: &Operation) -> Vec<RecordChange> {
        let subject = operation.request.subject();
        let before = self.before.settings(&subject);
        let written = operation.writes.iter().map(|setting| {
            let attribute = setting.attribute();
            RecordChange::Written {
                subject: subject.clone(),
                address: subject.attribute_address(&operation.address, &attribute),
                found: before.as_ref().and_then(|found| found.get(&attribute).cloned()),
                applied: setting.clone(),
            }
        });
        written.collect()
    }
}

/// What is taken along on this device, to be noted before the first operation there: which of them takes it does not matter.
pub(super) fn taken_on(plan: &Plan, lane: &DevlinkHandle) -> Vec<RecordChange> {
    let taken = plan.bookkeeping.taken.iter().filter(|(subject, _)| subject.parent == *lane);
    taken.map(|(subject, taken)| RecordChange::Taken(subject.clone(), taken.clone())).collect()
}

/// What is noted after the operation.
pub(super) fn change_after(operation: &Operation) -> Option<RecordChange> {
    let subject = operation.request.subject();
    match &operation.request {
        Request::DelParent { .. }
        | Request::Delete { .. }
        | Request::DeleteRateNode { .. }
        | Request::DeleteVdpa { .. }
        | Request::DeleteBridge { .. } => Some(RecordChange::Gone(subject)),
        Request::Reload { .. } => Some(RecordChange::Reloaded(subject)),
        Request::NewParent { .. }
        | Request::Create { .. }
        | Request::MakeRateNode { .. }
        | Request::MakeVdpa { .. }
        | Request::SetVfs { .. }
        | Request::MakeBridge { .. }
        | Request::AddPort { .. }
        | Request::RemovePort { .. }
        | Request::Set { .. }
        | Request::SetActive { .. } => None,
    }
}
