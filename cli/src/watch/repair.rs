//! A repair: an apply of a part of the plan that nobody has to be asked for, remembered as any other.

use subdevcfg_reconciler::apply::{self, Apply, OnError, Outcome, Progress};
use subdevcfg_reconciler::desired::Desired;
use subdevcfg_reconciler::history::{End, Past, Planned};
use subdevcfg_reconciler::plan::{self, Input, Operation};
use subdevcfg_reconciler::record::{Occasion, Record};
use subdevcfg_reconciler::state::State;
use subdevcfg_reconciler::watch::Part;

use super::service;
use crate::clock;
use crate::error::CliError;
use crate::machine::Machine;
use crate::show;

/// How a repair ended.
pub struct Repair {
    /// The outcome.
    pub outcome: Outcome,
    /// Its number in the history; a repair without operations has none.
    pub number: Option<u64>,
}

/// What a repair works on.
pub struct Job<'a> {
    /// The machine.
    pub machine: &'a mut Machine,
    /// What is desired.
    pub desired: &'a Desired,
    /// The host file, for the history.
    pub file: &'a str,
    /// The part that is repaired.
    pub part: &'a Part,
    /// Where it goes on.
    pub progress: &'a mut dyn Progress,
    /// Asked before each operation: whether somebody wants it to end.
    pub stop: &'a dyn Fn() -> bool,
}

impl Job<'_> {
    /// Carries it out on a host in this state. What fails does not keep the rest from being done.
    pub fn carry_out(mut self, before: State) -> Result<Repair, CliError> {
        self.machine.hand_over(self.desired, &before)?;
        if self.part.plan.is_empty() {
            return Ok(Repair { outcome: self.apply(&before)?, number: None });
        }
        let number = self.machine.history.next_number()?;
        let host = (before, self.machine.record.clone());
        let begun =
            Past::begun("watch", number, clock::now().to_string(), Planned::of(&self.part.plan), host);
        let mut past = Past { file: Some(self.file.to_owned()), ..begun };
        self.machine.history.remember(&past)?;
        let outcome = match self.apply(&past.before) {
            Ok(outcome) => outcome,
            Err(error) => {
                // Nothing was done.
                self.machine.history.take_back(number)?;
                return Err(error);
            }
        };
        past.end = Some(End::of(&outcome, clock::now().to_string()));
        if let Err(error) = self.machine.history.remember(&past) {
            // What was done is done; only an undo knows less of it.
            show::error(&error.into());
        }
        Ok(Repair { outcome, number: Some(number) })
    }

    fn apply(&mut self, before: &State) -> Result<Outcome, CliError> {
        let (desired, selection) = (self.desired, &self.part.selection);
        let replan =
            |state: &State, record: &Record| plan::plan(Input { desired, state, record }).narrowed(selection);
        let occasion = Occasion {
            at: clock::now().to_string(),
            command: "watch".to_owned(),
            file: Some(self.file.to_owned()),
        };
        let job = Apply {
            kernel: self.machine.kernel.as_mut(),
            keeper: self.machine.keeper.as_mut(),
            progress: &mut Alive(self.progress),
            before,
            record: &self.machine.record,
            occasion: &occasion,
            replan: &replan,
            on_error: OnError::Continue,
            stop: self.stop,
        };
        Ok(apply::apply(job, &self.part.plan)?)
    }
}

/// Tells systemd with each operation that the program is alive.
struct Alive<'a>(&'a mut dyn Progress);

impl Progress for Alive<'_> {
    fn begins(&mut self, operation: &Operation, total: usize) {
        service::alive();
        self.0.begins(operation, total);
    }

    fn undoes(&mut self, operation: &Operation) {
        service::alive();
        self.0.undoes(operation);
    }
}
