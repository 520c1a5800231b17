//! Undoing what an apply did.

use super::{Apply, Failure, Outcome, differences};
use crate::kernel::{EFFECT_DEADLINE, Request};
use crate::plan::Operation;
use crate::record::{Entry, Record, RecordChange};
use crate::resource::Subject;
use crate::state::State;

impl Apply<'_> {
    /// Undoes what was done, last first, and compares with what was there before.
    pub(super) fn undo(&mut self, done: &[&Operation], record: &Record, failure: Failure) -> Outcome {
        let mut left = Vec::new();
        // Should this run be killed now, nothing that was recorded before or made since may be missing.
        let mut all = record.clone();
        all.extend(self.record);
        if let Err(error) = self.keeper.keep(&all) {
            left.push(error.to_string());
        }
        for operation in done.iter().rev() {
            if operation.undo.after_undo_of.is_some_and(|first| done.iter().any(|other| other.id == first)) {
                continue;
            }
            self.undo_one(operation, done.len(), &mut left);
            for other in done.iter().filter(|other| other.undo.after_undo_of == Some(operation.id)) {
                self.undo_one(other, done.len(), &mut left);
            }
        }
        match self.kernel.observe() {
            Ok(after) => {
                let differences = differences(self.before, &after);
                let mut record = if differences.is_empty() {
                    self.record.clone()
                } else {
                    rest(self.record, record, &after)
                };
                record.note_restarts(&after);
                if let Err(error) = self.keeper.keep(&record) {
                    left.push(error.to_string());
                }
                // A step of the undo that failed does not matter when everything is as before all the same.
                if differences.is_empty() && left.iter().all(|text| !text.starts_with("the record")) {
                    return Outcome::Undone(failure);
                }
                left.extend(differences);
            }
            Err(error) => left.push(format!("the host could not be observed after the undo: {error}")),
        }
        Outcome::Incomplete { failure, left }
    }

    fn undo_one(&mut self, operation: &Operation, total: usize, left: &mut Vec<String>) {
        if operation.undo.requests.is_empty() {
            return;
        }
        self.progress.undoes(operation);
        let requests = &operation.undo.requests;
        // Should this run be killed before the reload, nothing else tells that the parameter waits for it.
        let waiting = requests.iter().filter_map(|(request, _)| waits_for_reload(request));
        let waiting: Vec<RecordChange> = waiting.collect();
        let mut entry = Entry {
            operation: operation.id,
            total,
            request: format!("undo of {}", operation.request),
            change: (!waiting.is_empty()).then_some(RecordChange::Several(waiting)),
        };
        if let Err(error) = self.keeper.note(&entry) {
            left.push(error.to_string());
        }
        for (request, effect) in requests {
            let result = self.kernel.perform(request).and_then(|()| match effect {
                Some(effect) => self.kernel.wait(&request.subject(), *effect, EFFECT_DEADLINE),
                None => Ok(()),
            });
            if let (Ok(()), Request::Reload { subject }) = (&result, request) {
                entry.change = Some(RecordChange::Reloaded(subject.clone()));
                left.extend(self.keeper.note(&entry).err().map(|error| error.to_string()));
            }
            if let Err(error) = result {
                let words = error.kernel_message().map(|message| format!(": {message}")).unwrap_or_default();
                left.push(format!("undo of operation {}, {request}: {error}{words}", operation.id));
            }
        }
    }
}

/// A parameter that comes into force at the next reload.
fn waits_for_reload(request: &Request) -> Option<RecordChange> {
    match request {
        Request::Set { subject, setting } if setting.waits_for_reload() => {
            Some(RecordChange::Pending(subject.clone()))
        }
        _ => None,
    }
}

/// The record after an undo that did not bring everything back: what was recorded before and what was made since, as
/// far as it is there.
fn rest(before: &Record, record: &Record, after: &State) -> Record {
    let mut rest = before.clone();
    rest.made.extend(record.made.clone());
    rest.pending.extend(record.pending.clone());
    rest.stored.clone_from(&record.stored);
    let gone: Vec<Subject> = rest.made.keys().filter(|subject| !after.has(subject)).cloned().collect();
    for subject in gone {
        rest.forget(&subject);
    }
    rest
}
