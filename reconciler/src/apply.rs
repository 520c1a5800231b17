//! Apply: carries a plan out, operation by operation, each done when its effect is seen (`flow`); keeps the record; undoes what
//! was done when something fails; and looks again at the end.

mod differences;
mod flow;
mod journal;
mod undo;

use std::collections::BTreeMap;
use std::time::Duration;

use crate::kernel::{EFFECT_DEADLINE, Kernel, ObserveError, Request, RequestError};
use crate::plan::{Operation, Plan};
use crate::reboot::WaitsForReboot;
use crate::record::{Entry, Occasion, Record};
use crate::state::State;
use flow::Flow;

pub use differences::differences;

/// Where the record is kept.
pub trait RecordKeeper {
    /// Writes one line of the journal down so that it survives this process.
    ///
    /// # Errors
    /// [`KeepError`] when it cannot be written; an apply stops then, because what it makes would be forgotten.
    fn note(&mut self, entry: &Entry) -> Result<(), KeepError>;

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

/// What is done when an operation fails.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnError {
    /// All that was done is undone.
    #[default]
    Undo,
    /// Nothing more is done, and nothing undone.
    Stop,
    /// What depends on it is left out, and the rest is done.
    Continue,
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
    /// When and what for.
    pub occasion: &'a Occasion,
    /// Makes the plan again from what is there afterwards; it has to be empty.
    pub replan: &'a dyn Fn(&State, &Record) -> Plan,
    /// What is done when an operation fails.
    pub on_error: OnError,
    /// Asked before each operation: whether somebody wants the apply to end. It counts as a failure.
    pub stop: &'a dyn Fn() -> bool,
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
    Converged(Box<Verified>),
    /// Something failed, and the host is as it was before.
    Undone(Failure),
    /// Something failed, and not everything could be undone.
    Incomplete {
        /// What failed.
        failure: Failure,
        /// What is not as it was, one sentence each.
        left: Vec<String>,
    },
    /// Something failed, and what was done before and beside it stays, as [`OnError`] wants it.
    Partial {
        /// What failed, the first first.
        failures: Vec<Failure>,
        /// What is still to be done, one request each.
        left: Vec<String>,
    },
}

/// What was seen at the end of an apply.
#[derive(Debug)]
pub struct Verified {
    /// The host.
    pub state: State,
    /// What is as desired after a reboot only.
    pub waits_for_reboot: Vec<WaitsForReboot>,
}

impl Outcome {
    /// What failed, the first first.
    #[must_use]
    pub const fn failures(&self) -> &[Failure] {
        match self {
            Self::Converged(_) => &[],
            Self::Partial { failures, .. } => failures.as_slice(),
            Self::Undone(failure) | Self::Incomplete { failure, .. } => std::slice::from_ref(failure),
        }
    }

    /// What is not as it should be at the end, one sentence each.
    #[must_use]
    pub const fn left(&self) -> &[String] {
        match self {
            Self::Converged(_) | Self::Undone(_) => &[],
            Self::Partial { left, .. } | Self::Incomplete { left, .. } => left.as_slice(),
        }
    }
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
    /// Somebody wanted the apply to end.
    #[error("the apply was told to end before operation {before}")]
    Stopped {
        /// The operation that was next.
        before: usize,
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

impl Failure {
    /// One sentence with the kernel's answer in it.
    #[must_use]
    pub fn sentence(&self) -> String {
        let Self::Operation { source, .. } = self else { return self.to_string() };
        match source.kernel_message() {
            Some(words) => format!("{self}: {source}: {words}"),
            None => format!("{self}: {source}"),
        }
    }
}

/// What is left where everything was done and only the last word of the record is missing: its journal has the rest.
const ONLY_RECORD: &str = "nothing on the host: the record, which the next run takes from the journal";

/// Carries a plan out.
///
/// # Errors
/// [`KeepError`] when the record cannot be written before the first operation; all later failures are outcomes.
pub fn apply(mut job: Apply<'_>, plan: &Plan) -> Result<Outcome, KeepError> {
    let mut record = job.record.clone();
    record.begin(job.occasion, &job.before.volatile.0.boot_id);
    note_bookkeeping(&mut record, plan);
    // Whole, before the first operation: what is noted from now on continues this.
    job.keeper.keep(&record)?;
    let mut done = Vec::new();
    let mut failures = job.carry_out(plan, &mut record, &mut done);
    if failures.is_empty() {
        match job.verify(plan, &record) {
            Ok(verified) => {
                note_release(&mut record, plan);
                record.note_restarts(&verified.state);
                return Ok(match job.keeper.keep(&record) {
                    Ok(()) => Outcome::Converged(Box::new(verified)),
                    // The host is as desired: to undo it would be no better for the record.
                    Err(error) => {
                        Outcome::Partial { failures: vec![error.into()], left: vec![ONLY_RECORD.to_owned()] }
                    }
                });
            }
            Err(failure) => failures.push(failure),
        }
    }
    match failures.pop() {
        // At most one: the first ends an apply that is undone.
        Some(failure) if job.on_error == OnError::Undo => Ok(job.undo(&done, &record, failure)),
        last => {
            failures.extend(last);
            let left = job.left(plan, &mut record);
            failures.extend(job.keeper.keep(&record).err().map(Failure::from));
            Ok(Outcome::Partial { failures, left })
        }
    }
}

/// What the record knows before the first operation.
fn note_bookkeeping(record: &mut Record, plan: &Plan) {
    for subject in &plan.bookkeeping.forget {
        record.forget(subject);
    }
    for change in &plan.bookkeeping.written {
        record.note(change);
    }
    for (subject, address) in &plan.bookkeeping.adopt {
        record.adopted.insert(subject.clone(), address.clone());
    }
    for (subject, address) in &plan.bookkeeping.readdress {
        record.readdress(subject, address);
    }
    for (subject, address) in &plan.bookkeeping.protect {
        record.protected.insert(subject.clone(), address.clone());
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
    for subject in &plan.bookkeeping.unprotect {
        record.protected.remove(subject);
    }
    let taken = plan.bookkeeping.taken.iter().map(|(subject, _)| subject);
    for subject in taken.chain(&plan.bookkeeping.settled) {
        record.taken.remove(subject);
    }
    if let Some(other) = &plan.bookkeeping.becomes {
        record.become_as(other);
    }
}

fn failed(operation: &Operation, source: RequestError) -> Failure {
    Failure::Operation {
        id: operation.id,
        address: operation.address.clone(),
        request: Box::new(operation.request.clone()),
        source,
    }
}

impl Apply<'_> {
    /// Sends the operations, as far as failures let it; what failed, the first first. What is under way at the end of it is
    /// waited for.
    fn carry_out<'p>(
        &mut self,
        plan: &'p Plan,
        record: &mut Record,
        done: &mut Vec<&'p Operation>,
    ) -> Vec<Failure> {
        let mut failures = Vec::new();
        let mut flow = Flow::of(&plan.operations);
        loop {
            let (operation, result) = if let Some(operation) = flow.next() {
                if (self.stop)() {
                    failures.push(Failure::Stopped { before: operation.id });
                    break;
                }
                (operation, self.operate(operation, plan, record, done))
            } else if let Some(operation) = flow.oldest() {
                (operation, self.wait(operation, EFFECT_DEADLINE).map(|()| true))
            } else {
                break;
            };
            match result {
                Ok(true) => flow.is_done(operation),
                Ok(false) => flow.awaits(operation),
                Err(failure) => {
                    flow.gives_up(operation);
                    let ends = self.on_error != OnError::Continue || matches!(failure, Failure::Record(_));
                    failures.push(failure);
                    if ends {
                        break;
                    }
                }
            }
        }
        let mut patience = EFFECT_DEADLINE;
        while let Some(operation) = flow.oldest() {
            if let Err(failure) = self.wait(operation, patience) {
                // They were sent together: who has waited for one has waited for all.
                patience = Duration::ZERO;
                failures.extend((self.on_error != OnError::Undo).then_some(failure));
            }
        }
        failures
    }

    /// Waits until an operation is done.
    fn wait(&mut self, operation: &Operation, deadline: Duration) -> Result<(), Failure> {
        let Some(effect) = operation.effect else { return Ok(()) };
        let waited = self.kernel.wait(&operation.request.subject(), effect, deadline);
        waited.map_err(|source| failed(operation, source))
    }

    /// Sends an operation, and tells whether it is done already.
    fn operate<'p>(
        &mut self,
        operation: &'p Operation,
        plan: &Plan,
        record: &mut Record,
        done: &mut Vec<&'p Operation>,
    ) -> Result<bool, Failure> {
        let total = plan.operations.len();
        self.progress.begins(operation, total);
        let is_first = !done.iter().any(|other| other.lane == operation.lane);
        let taken = if is_first { journal::taken_on(plan, &operation.lane) } else { Vec::new() };
        let mut entry = Entry {
            operation: operation.id,
            total,
            request: operation.request.to_string(),
            change: self.change_before(operation, taken),
        };
        self.keeper.note(&entry)?;
        if let Err(source) = self.kernel.perform(&operation.request) {
            if operation.request.may_be_done(&source) {
                done.push(operation);
                entry.change.iter().for_each(|change| record.note(change));
            }
            return Err(failed(operation, source));
        }
        done.push(operation);
        let after = journal::change_after(operation);
        for change in entry.change.iter().chain(&after) {
            record.note(change);
        }
        if after.is_some() {
            entry.change = after;
            self.keeper.note(&entry)?;
        }
        let Some(effect) = operation.effect else { return Ok(true) };
        let shown = self.kernel.shows(&operation.request.subject(), effect);
        shown.map_err(|source| failed(operation, source))
    }

    /// The state afterwards, if it leaves nothing to do.
    fn verify(&mut self, plan: &Plan, record: &Record) -> Result<Verified, Failure> {
        let state = self.kernel.observe()?;
        // What was taken along was asked back for; nobody has asked for it to be so.
        let record = Record { taken: BTreeMap::new(), ..record.clone() };
        let next = self.next_plan(plan, &state, &record);
        let left = requests(&next);
        if !left.is_empty() {
            return Err(Failure::NotKept { left });
        }
        Ok(Verified { state, waits_for_reboot: next.waits_for_reboot })
    }

    /// The plan that is made now, but for what this one leaves to the next.
    fn next_plan(&self, plan: &Plan, after: &State, record: &Record) -> Plan {
        let record = Record { waiting: plan.waiting.clone(), ..record.clone() };
        (self.replan)(after, &record)
    }

    /// What is still to be done, one request each.
    fn left(&mut self, plan: &Plan, record: &mut Record) -> Vec<String> {
        match self.kernel.observe() {
            Ok(after) => {
                record.note_restarts(&after);
                requests(&self.next_plan(plan, &after, record))
            }
            Err(error) => vec![format!("the host could not be observed: {error}")],
        }
    }
}

/// What a plan asks of the kernel.
fn requests(plan: &Plan) -> Vec<String> {
    plan.operations.iter().map(|operation| operation.request.to_string()).collect()
}
