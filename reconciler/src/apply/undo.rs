//! Undoing what an apply did.

use super::{Apply, Failure, KeepError, Outcome, differences};
use crate::kernel::{EFFECT_DEADLINE, Request, RequestError};
use crate::plan::Operation;
use crate::record::{Entry, Record, RecordChange};
use crate::resource::Subject;
use crate::state::State;

impl Apply<'_> {
    /// Undoes what was done, last first, and compares with what was there before.
    pub(super) fn undo(&mut self, done: &[&Operation], record: &Record, failure: Failure) -> Outcome {
        let mut left = Left::default();
        left.of_operation(&failure);
        // Should this run be killed now, nothing that was recorded before or made since may be missing.
        let mut all = record.clone();
        all.extend(self.record);
        left.of_record(self.keeper.keep(&all));
        for operation in done.iter().rev() {
            if operation.undo.after_undo_of.is_some_and(|first| done.iter().any(|other| other.id == first)) {
                continue;
            }
            self.undo_one(operation, done.len(), &mut left);
            for other in done.iter().filter(|other| other.undo.after_undo_of == Some(operation.id)) {
                self.undo_one(other, done.len(), &mut left);
            }
        }
        let after = match self.kernel.observe() {
            Ok(after) => after,
            Err(error) => {
                let text = format!("the host could not be observed after the undo: {error}");
                return Outcome::Incomplete { failure, left: left.with(vec![text]) };
            }
        };
        let differences = differences(self.before, &after);
        let mut kept =
            if differences.is_empty() { self.record.clone() } else { rest(self.record, record, &after) };
        kept.note_restarts(&after);
        left.of_record(self.keeper.keep(&kept));
        // A step of the undo that failed does not matter when everything is as before all the same.
        if differences.is_empty() && left.lasting.is_empty() {
            return Outcome::Undone(failure);
        }
        Outcome::Incomplete { failure, left: left.with(differences) }
    }

    fn undo_one(&mut self, operation: &Operation, total: usize, left: &mut Left) {
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
        left.of_record(self.keeper.note(&entry));
        for (request, effect) in requests {
            let result = self.kernel.perform(request).and_then(|()| match effect {
                Some(effect) => self.kernel.wait(&request.subject(), *effect, EFFECT_DEADLINE),
                None => Ok(()),
            });
            if let (Ok(()), Request::Reload { subject }) = (&result, request) {
                entry.change = Some(RecordChange::Reloaded(subject.clone()));
                left.of_record(self.keeper.note(&entry));
            }
            if let Err(error) = result {
                let words = error.kernel_message().map(|message| format!(": {message}")).unwrap_or_default();
                left.of_step(
                    format!("undo of operation {}, {request}: {error}{words}", operation.id),
                    &error,
                );
            }
        }
    }
}

/// What an undo leaves.
#[derive(Default)]
struct Left {
    /// What is left even though the host looks as before.
    lasting: Vec<String>,
    /// Steps that failed.
    steps: Vec<String>,
}

impl Left {
    fn of_record(&mut self, kept: Result<(), KeepError>) {
        self.lasting.extend(kept.err().map(|error| error.to_string()));
    }

    fn of_step(&mut self, text: String, error: &RequestError) {
        let among = if goes_on(error) { &mut self.lasting } else { &mut self.steps };
        among.push(text);
    }

    /// What the kernel has still in hand of the operation that failed.
    fn of_operation(&mut self, failure: &Failure) {
        if let Failure::Operation { id, request, source, .. } = failure
            && goes_on(source)
        {
            self.lasting.push(format!("operation {id}, {request}, which the kernel has not given up"));
        }
    }

    fn with(self, more: Vec<String>) -> Vec<String> {
        [self.lasting, self.steps, more].concat()
    }
}

/// Whether the kernel carries it out all the same, whenever that is.
const fn goes_on(error: &RequestError) -> bool {
    matches!(error, RequestError::Blocked { .. })
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

/// The record after an undo that did not bring everything back: what was recorded before and what was made and written
/// since, as far as it is there.
fn rest(before: &Record, record: &Record, after: &State) -> Record {
    let mut rest = before.clone();
    rest.made.extend(record.made.clone());
    let in_force = record.settings.iter().filter(|((subject, _), written)| {
        after.settings(subject).is_some_and(|settings| settings.has(&written.applied))
    });
    rest.settings.extend(in_force.map(|(key, written)| (key.clone(), written.clone())));
    rest.pending.extend(record.pending.clone());
    rest.stored.clone_from(&record.stored);
    rest.taken.clone_from(&record.taken);
    let gone: Vec<Subject> = rest.made.keys().filter(|subject| !after.has(subject)).cloned().collect();
    for subject in gone {
        rest.forget(&subject);
    }
    rest
}
