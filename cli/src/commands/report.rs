//! How an apply ended, for people and for programs.

use std::fmt::Write as _;

use serde::Serialize;
use subdevcfg_reconciler::apply::{Failure, Outcome};
use subdevcfg_reconciler::guard::{self, Permissions};
use subdevcfg_reconciler::history::Ending;
use subdevcfg_reconciler::plan::Plan;
use subdevcfg_reconciler::reboot::WaitsForReboot;

use crate::args::{Format, Output};
use crate::error::{CliError, counted};
use crate::exit::Exit;
use crate::show;

/// What `apply --format json` prints.
#[derive(Serialize)]
pub struct Report<'a> {
    plan: &'a Plan,
    ending: Ending,
    /// What failed, with the kernel's own words.
    failures: Vec<Failed>,
    /// The flags that would allow what is above the ceiling.
    needs: Vec<String>,
    /// What could not be undone, or what is still to be done.
    left: &'a [String],
    /// What is as desired after a reboot only.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    waits_for_reboot: &'a [WaitsForReboot],
    /// Until when somebody has to confirm it.
    #[serde(skip_serializing_if = "Option::is_none")]
    confirm_until: Option<String>,
}

/// A failure for programs.
#[derive(Serialize)]
struct Failed {
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    operation: Option<usize>,
    /// The kernel's answer: its error number in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    answer: Option<String>,
    /// The extended ACK's sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    kernel_message: Option<String>,
}

impl<'a> Report<'a> {
    const fn new(plan: &'a Plan, ending: Ending) -> Self {
        Self {
            plan,
            ending,
            failures: Vec::new(),
            needs: Vec::new(),
            left: &[],
            waits_for_reboot: &[],
            confirm_until: None,
        }
    }

    /// Nothing was done; what would have allowed it.
    pub fn refused(plan: &'a Plan, permissions: Permissions<'_>) -> Self {
        Self { needs: guard::missing(plan, permissions), ..Self::new(plan, Ending::Refused) }
    }

    /// Nothing was done, for nobody was there to ask.
    pub fn nobody_to_ask(plan: &'a Plan) -> Self {
        Self { needs: vec!["--yes".to_owned()], ..Self::new(plan, Ending::Refused) }
    }

    /// An apply has ended; its failures are shown.
    pub fn of(plan: &'a Plan, outcome: &'a Outcome, confirm_until: Option<String>) -> Self {
        let confirm_until = confirm_until.filter(|_| !matches!(outcome, Outcome::Undone(_)));
        let waits_for_reboot = match outcome {
            Outcome::Converged(verified) => verified.waits_for_reboot.as_slice(),
            _ => &[],
        };
        let left = outcome.left();
        let report = Report { left, waits_for_reboot, confirm_until, ..Self::new(plan, Ending::of(outcome)) };
        outcome.failures().iter().fold(report, Report::failed)
    }

    /// The exit code of the run.
    pub fn exit(&self) -> Exit {
        match self.ending {
            Ending::Refused => Exit::Refused,
            Ending::Converged if self.plan.is_incomplete() => Exit::Incomplete,
            Ending::Converged if !self.waits_for_reboot.is_empty() => Exit::Pending,
            Ending::Converged => Exit::Done,
            Ending::Undone => Exit::Failed,
            Ending::Partial | Ending::Incomplete => Exit::Incomplete,
        }
    }

    fn failed(mut self, failure: &Failure) -> Self {
        show::failure(failure);
        let (operation, source) = match failure {
            Failure::Operation { id, source, .. } => (Some(*id), Some(source)),
            _ => (None, None),
        };
        self.failures.push(Failed {
            message: failure.to_string(),
            operation,
            answer: source.map(ToString::to_string),
            kernel_message: source.and_then(|source| source.kernel_message()).map(str::to_owned),
        });
        self
    }

    /// Shows the report. The host is as it is by now: that nobody can be told of it does not change how the run ends.
    pub fn show(&self, output: Output) -> Exit {
        let shown = match output.format {
            Format::Json => show::print_json(self),
            Format::Human => show::print(&self.text()).map_err(CliError::from),
        };
        if let Err(error) = shown {
            show::error(&error);
        }
        self.exit()
    }

    fn text(&self) -> String {
        let mut text = self.ending_in_words();
        if !self.plan.is_empty() {
            show::reboot::lines(&mut text, self.waits_for_reboot);
        }
        if let Some(until) = &self.confirm_until {
            let _ =
                writeln!(text, "To keep it:  subdevcfg confirm   (until {until}; then everything is undone)");
        }
        text
    }

    fn ending_in_words(&self) -> String {
        match self.ending {
            // The plan's own last lines say what is refused and how to allow it.
            Ending::Refused => "Nothing was changed.\n".to_owned(),
            Ending::Converged if self.plan.is_empty() => String::new(),
            Ending::Converged => {
                format!("Done: {}, verified.\n", counted(self.plan.operations.len(), "operation"))
            }
            Ending::Undone => "Everything was undone: the host is as it was before.\n".to_owned(),
            Ending::Partial => {
                let left = self.left_lines();
                format!("Not everything was done, and nothing was undone. What is left to do:\n{left}")
            }
            Ending::Incomplete => {
                format!("NOT everything could be undone. What is left:\n{}", self.left_lines())
            }
        }
    }

    fn left_lines(&self) -> String {
        self.left.iter().flat_map(|line| ["  ", line, "\n"]).collect()
    }
}
