//! Apply: carries a plan out, operation by operation, each done when its effect is seen; keeps the record; undoes what
//! was done when something fails; and looks again at the end.

use std::time::Duration;

use subdevcfg_compiler::values::Cmode;

use crate::kernel::{Kernel, ObserveError, Request, RequestError};
use crate::plan::{Operation, Plan};
use crate::record::{Record, RecordChange};
use crate::resource::{Setting, Subject};
use crate::state::State;

/// How long an effect may take. Drivers do this by firmware events; the bundled module does it before it answers.
const EFFECT_DEADLINE: Duration = Duration::from_secs(30);

/// Where the record is kept.
pub trait RecordKeeper {
    /// Writes one change of the record down so that it survives this process.
    ///
    /// # Errors
    /// [`KeepError`] when it cannot be written; an apply stops then, because what it makes would be forgotten.
    fn note(&mut self, change: &RecordChange) -> Result<(), KeepError>;

    /// Writes the whole record down, in the place of what was noted.
    ///
    /// # Errors
    /// [`KeepError`], as above.
    fn keep(&mut self, record: &Record) -> Result<(), KeepError>;
}

/// The record could not be written.
#[derive(Debug, thiserror::Error)]
#[error("the record of what was made cannot be written to {path}")]
pub struct KeepError {
    /// Where.
    pub path: camino::Utf8PathBuf,
    /// Why.
    pub source: std::io::Error,
}

/// Hears how an apply goes on.
pub trait Progress {
    /// An operation begins.
    fn begins(&mut self, operation: &Operation, total: usize);
    /// An undo of an operation begins.
    fn undoes(&mut self, operation: &Operation);
}

/// What an apply works on.
pub struct Apply<'a> {
    /// The kernel.
    pub kernel: &'a mut dyn Kernel,
    /// Where the record is kept.
    pub keeper: &'a mut dyn RecordKeeper,
    /// Who hears of it.
    pub progress: &'a mut dyn Progress,
    /// The state that the plan was made from.
    pub before: &'a State,
    /// The record that the plan was made from.
    pub record: &'a Record,
    /// Makes the plan again from what is there afterwards; it has to be empty.
    pub replan: &'a dyn Fn(&State, &Record) -> Plan,
}

impl std::fmt::Debug for Apply<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Apply").finish_non_exhaustive()
    }
}

/// How an apply ended.
#[derive(Debug)]
pub enum Outcome {
    /// Everything is as desired, seen by observing again.
    Converged,
    /// Something failed, and the host is as it was before.
    Undone(Failure),
    /// Something failed, and not everything could be undone.
    Incomplete {
        /// What failed.
        failure: Failure,
        /// What is not as it was, one sentence each.
        left: Vec<String>,
    },
}

/// What failed.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// A request.
    #[error("operation {id} failed: {request}")]
    Operation {
        /// The operation's number.
        id: usize,
        /// The address it is about.
        address: String,
        /// The request.
        request: Box<Request>,
        /// Why.
        source: RequestError,
    },
    /// Everything was accepted, but the host is not as desired.
    #[error("the kernel accepted everything, and yet there is something left to do: {}", left.join("; "))]
    NotKept {
        /// The operations that a new plan has.
        left: Vec<String>,
    },
    /// The host could not be observed for the verification.
    #[error("the result could not be verified")]
    Unverified(#[from] ObserveError),
    /// The record could not be written.
    #[error(transparent)]
    Record(#[from] KeepError),
}

/// Carries a plan out.
///
/// # Errors
/// [`KeepError`] when the record cannot be written although nothing was to be done; all other failures are outcomes.
pub fn apply(mut job: Apply<'_>, plan: &Plan) -> Result<Outcome, KeepError> {
    let mut record = job.record.clone();
    note_bookkeeping(&mut record, plan);
    // Whole, before the first operation: what is noted from now on continues this.
    job.keeper.keep(&record)?;
    let mut done = Vec::new();
    let result = job.carry_out(plan, &mut record, &mut done).and_then(|()| job.verify(&record));
    match result {
        Ok(()) => {
            note_release(&mut record, plan);
            job.keeper.keep(&record)?;
            Ok(Outcome::Converged)
        }
        Err(failure) => Ok(job.undo(&done, &record, failure)),
    }
}

/// What the record knows before the first operation.
fn note_bookkeeping(record: &mut Record, plan: &Plan) {
    for subject in &plan.bookkeeping.forget {
        record.forget(subject);
    }
    for (subject, address) in &plan.bookkeeping.adopt {
        record.adopted.insert(subject.clone(), address.clone());
    }
    for (subject, address) in &plan.bookkeeping.readdress {
        record.readdress(subject, address);
    }
}

/// What the record lets go of once everything is done.
fn note_release(record: &mut Record, plan: &Plan) {
    for key in &plan.bookkeeping.release {
        record.settings.remove(key);
    }
    for subject in &plan.bookkeeping.let_go {
        record.let_go(subject);
    }
}

impl Apply<'_> {
    fn carry_out<'p>(
        &mut self,
        plan: &'p Plan,
        record: &mut Record,
        done: &mut Vec<&'p Operation>,
    ) -> Result<(), Failure> {
        for operation in &plan.operations {
            self.progress.begins(operation, plan.operations.len());
            let failed = |source| Failure::Operation {
                id: operation.id,
                address: operation.address.clone(),
                request: Box::new(operation.request.clone()),
                source,
            };
            self.kernel.perform(&operation.request).map_err(failed)?;
            done.push(operation);
            if let Some(change) = self.change_by(operation) {
                record.note(&change);
                self.keeper.note(&change)?;
            }
            if let Some(effect) = operation.effect {
                self.kernel.wait(&operation.request.subject(), effect, EFFECT_DEADLINE).map_err(failed)?;
            }
        }
        Ok(())
    }

    /// What an operation did to the record.
    fn change_by(&self, operation: &Operation) -> Option<RecordChange> {
        let subject = operation.request.subject();
        match &operation.request {
            Request::NewParent { .. } | Request::Create { .. } => {
                Some(RecordChange::Made(subject, operation.address.clone()))
            }
            Request::DelParent { .. } | Request::Delete { .. } => Some(RecordChange::Gone(subject)),
            Request::Set { setting, .. } => {
                let attribute = setting.attribute();
                if operation.reason.source.is_none() {
                    // Nobody asked for it: it is put back as it was, and belongs to nobody as before.
                    let waits = matches!(setting, Setting::Param { cmode: Cmode::Driverinit, .. });
                    return waits.then_some(RecordChange::Pending(subject));
                }
                let found = self.before.settings(&subject).and_then(|found| found.get(&attribute).cloned());
                let address = format!("{}.{}", operation.address, attribute.part());
                Some(RecordChange::Written { subject, address, found, applied: setting.clone() })
            }
            Request::Reload { .. } => Some(RecordChange::Reloaded(subject)),
            Request::SetActive { .. } => None,
        }
    }

    fn verify(&mut self, record: &Record) -> Result<(), Failure> {
        let after = self.kernel.observe()?;
        let plan = (self.replan)(&after, record);
        if plan.is_empty() {
            return Ok(());
        }
        let left = plan.operations.iter().map(|operation| operation.request.to_string()).collect();
        Err(Failure::NotKept { left })
    }

    /// Undoes what was done, last first, and compares with what was there before.
    fn undo(&mut self, done: &[&Operation], record: &Record, failure: Failure) -> Outcome {
        let mut left = Vec::new();
        for operation in done.iter().rev() {
            if operation.undo.after_undo_of.is_some_and(|first| done.iter().any(|other| other.id == first)) {
                continue;
            }
            self.undo_one(operation, &mut left);
            for other in done.iter().filter(|other| other.undo.after_undo_of == Some(operation.id)) {
                self.undo_one(other, &mut left);
            }
        }
        match self.kernel.observe() {
            Ok(after) => {
                let differences = differences(self.before, &after);
                let record = if differences.is_empty() {
                    self.record.clone()
                } else {
                    rest(self.record, record, &after)
                };
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

    fn undo_one(&mut self, operation: &Operation, left: &mut Vec<String>) {
        if operation.undo.requests.is_empty() {
            return;
        }
        self.progress.undoes(operation);
        for (request, effect) in &operation.undo.requests {
            let result = self.kernel.perform(request).and_then(|()| match effect {
                Some(effect) => self.kernel.wait(&request.subject(), *effect, EFFECT_DEADLINE),
                None => Ok(()),
            });
            if let Err(error) = result {
                let words = error.kernel_message().map(|message| format!(": {message}")).unwrap_or_default();
                left.push(format!("undo of operation {}, {request}: {error}{words}", operation.id));
            }
        }
    }
}

/// The record after an undo that did not bring everything back: what was recorded before and what was made since, as
/// far as it is there.
fn rest(before: &Record, record: &Record, after: &State) -> Record {
    let mut rest = before.clone();
    rest.made.extend(record.made.clone());
    rest.pending.extend(record.pending.clone());
    let gone: Vec<Subject> =
        rest.made.keys().filter(|subject| after.settings(subject).is_none()).cloned().collect();
    for subject in gone {
        rest.forget(&subject);
    }
    rest
}

/// Whether this is the name that the kernel had given the interface. Set again, it counts as chosen by somebody
/// (`name_assign_type`), and nothing can change that back.
fn is_kernels_name(before: &State, subject: &Subject, setting: &Setting) -> bool {
    let Setting::Name(side, name) = setting else { return false };
    let found = before.function(subject).and_then(|function| function.interface(*side));
    found.is_some_and(|found| found.volatile.0.name == name.as_str())
}

/// What differs in the config fields of two states, one sentence each.
#[must_use]
pub fn differences(before: &State, after: &State) -> Vec<String> {
    let mut found = Vec::new();
    let subjects = |state: &State| -> std::collections::BTreeSet<Subject> {
        state
            .parents
            .iter()
            .flat_map(|(handle, parent)| {
                let functions = parent
                    .functions
                    .iter()
                    .map(|function| Subject::function(handle.clone(), function.id.clone()));
                std::iter::once(Subject::parent(handle.clone())).chain(functions)
            })
            .collect()
    };
    for subject in subjects(before).union(&subjects(after)) {
        match (before.settings(subject), after.settings(subject)) {
            (Some(_), None) => found.push(format!("{subject} is gone")),
            (None, Some(_)) => found.push(format!("{subject} is still there")),
            (Some(old), Some(new)) => {
                for setting in old.iter().filter(|setting| !new.has(setting)) {
                    let attribute = setting.attribute();
                    let now =
                        new.get(&attribute).map_or_else(|| "gone".to_owned(), |new| new.value().to_string());
                    found.push(format!("{subject}: {attribute} was {} and is {now}", setting.value()));
                }
                let appeared = |setting: &&Setting| {
                    old.get(&setting.attribute()).is_none() && !is_kernels_name(before, subject, setting)
                };
                for setting in new.iter().filter(appeared) {
                    found.push(format!("{subject}: {} is {}", setting.attribute(), setting.value()));
                }
                let active = |state: &State| state.function(subject).map(|function| function.active);
                if active(before) != active(after) {
                    found.push(format!(
                        "{subject}: it was {}active before",
                        if active(after) == Some(true) { "in" } else { "" }
                    ));
                }
            }
            (None, None) => {}
        }
    }
    found
}
