//! The commands that change the host: `apply` and `destroy`. Both are: observe, plan, show, decide, carry out, verify.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use camino::Utf8Path;
use serde::Serialize;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use subdevcfg_reconciler::apply::{self, Apply, Failure, Outcome};
use subdevcfg_reconciler::desired::Desired;
use subdevcfg_reconciler::guard::{self, Permissions};
use subdevcfg_reconciler::plan::{self, Input, Plan, Scope};
use subdevcfg_reconciler::record::Record;
use subdevcfg_reconciler::state::State;

use crate::args::{self, Change, Format, Output};
use crate::confirm::{self, Decision};
use crate::error::{CliError, counted};
use crate::exit::Exit;
use crate::machine::{self, Access, Machine};
use crate::progress::Lines;
use crate::show;
use crate::show::plan::Heading;
use crate::sources;

/// How plans are made: for an apply from the file alone, for a destroy from the record.
type Planner<'a> = &'a dyn Fn(&State, &Record) -> Plan;

/// Makes the host as its file says.
pub fn apply(
    file: &Utf8Path,
    options: &args::Machine,
    change: &Change,
    output: Output,
) -> Result<Exit, CliError> {
    let (host, sources) = sources::compile_host(file, &machine::kernel_release(options))?;
    machine::check_host(&host.model, file, options)?;
    let desired = sources::desired(file, &host, &sources)?;
    let machine = machine::open(options, Access::Change, &desired)?;
    let heading = Heading {
        command: "apply",
        file: Some(file),
        host: &host.model.name.value,
        machine: &machine::words(options),
        flags: options,
        part: &change.part,
    };
    let planner = |state: &State, record: &Record| plan::plan(Input { desired: &desired, state, record });
    carry_out(machine, &planner, &heading, change, output)
}

/// Takes away what subdevcfg made.
pub fn destroy(
    file: Option<&Utf8Path>,
    options: &args::Machine,
    change: &Change,
    output: Output,
) -> Result<Exit, CliError> {
    let release = machine::kernel_release(options);
    let compiled = file.map(|file| sources::compile_host(file, &release)).transpose()?;
    if let (Some(file), Some((host, _))) = (file, &compiled) {
        machine::check_host(&host.model, file, options)?;
    }
    let desired = match (file, &compiled) {
        (Some(file), Some((host, sources))) => sources::desired(file, host, sources)?,
        _ => Desired::default(),
    };
    let machine = machine::open(options, Access::Change, &desired)?;
    let scope = if file.is_some() { Scope::Named } else { Scope::Everything };
    let heading = Heading {
        command: "destroy",
        file,
        host: compiled.as_ref().map_or("*", |(host, _)| &host.model.name.value),
        machine: &machine::words(options),
        flags: options,
        part: &change.part,
    };
    let planner =
        |state: &State, record: &Record| plan::destroy(Input { desired: &desired, state, record }, scope);
    carry_out(machine, &planner, &heading, change, output)
}

fn carry_out(
    mut machine: Machine,
    planner: Planner<'_>,
    heading: &Heading<'_>,
    change: &Change,
    output: Output,
) -> Result<Exit, CliError> {
    let before = machine.kernel.observe()?;
    let whole = planner(&before, &machine.record);
    let selection = change.part.selection();
    selection.check(&whole)?;
    let plan = whole.narrowed(&selection);
    let planner = |state: &State, record: &Record| planner(state, record).narrowed(&selection);
    let permissions = change.guard.permissions();
    let text = || show::plan::text(&plan, heading, permissions, change.all);
    if output.format == Format::Human {
        show::print(&text())?;
    }
    let incomplete = plan.is_incomplete();
    if !plan.refusals.is_empty() {
        return Ok(Report::new(&plan, Ending::Refused).refused_by(permissions).show(output, Exit::Refused));
    }
    if !plan.is_empty() {
        let unseen = || if output.format == Format::Human { String::new() } else { text() };
        match confirm::decide(&plan, permissions, change.yes, unseen)? {
            Decision::NobodyToAsk if output.format == Format::Json => {
                let needs = vec!["--yes".to_owned()];
                let report = Report { needs, ..Report::new(&plan, Ending::Refused) };
                return Ok(report.show(output, Exit::Refused));
            }
            Decision::NobodyToAsk => return Err(CliError::NobodyToAsk),
            Decision::Refused => {
                return Ok(Report::new(&plan, Ending::Refused)
                    .refused_by(permissions)
                    .show(output, Exit::Refused));
            }
            Decision::GoAsked if machine.kernel.observe()? != before => {
                let file = heading.file.map(ToString::to_string).unwrap_or_default();
                return Err(CliError::Moved { file });
            }
            Decision::Go | Decision::GoAsked => {}
        }
    }
    let told = told_to_end()?;
    let mut lines = Lines::new(output.format == Format::Json);
    let outcome = apply::apply(
        Apply {
            kernel: machine.kernel.as_mut(),
            keeper: machine.keeper.as_mut(),
            progress: &mut lines,
            before: &before,
            record: &machine.record,
            replan: &planner,
            on_error: change.on_error.into(),
            stop: &move || told.load(Ordering::Relaxed),
        },
        &plan,
    )?;
    lines.end();
    let (report, exit) = match &outcome {
        Outcome::Converged => {
            (Report::new(&plan, Ending::Converged), if incomplete { Exit::Incomplete } else { Exit::Done })
        }
        Outcome::Undone(failure) => (Report::new(&plan, Ending::Undone).failed(failure), Exit::Failed),
        Outcome::Partial { failures, left } => {
            let report = Report { left, ..Report::new(&plan, Ending::Partial) };
            (failures.iter().fold(report, Report::failed), Exit::Incomplete)
        }
        Outcome::Incomplete { failure, left } => {
            (Report { left, ..Report::new(&plan, Ending::Incomplete).failed(failure) }, Exit::Incomplete)
        }
    };
    Ok(report.show(output, exit))
}

/// Is set when the run is told to end. The second time it ends at once: the journal says what was done.
fn told_to_end() -> std::io::Result<Arc<AtomicBool>> {
    let told = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        // In this order: what the first one sets is there for the second.
        flag::register_conditional_default(signal, Arc::clone(&told))?;
        flag::register(signal, Arc::clone(&told))?;
    }
    Ok(told)
}

/// How an apply ended, as JSON names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Ending {
    Refused,
    Converged,
    Undone,
    Partial,
    Incomplete,
}

/// What `apply --format json` prints.
#[derive(Serialize)]
struct Report<'a> {
    plan: &'a Plan,
    ending: Ending,
    /// What failed, with the kernel's own words.
    failures: Vec<Failed>,
    /// The flags that would allow what is above the ceiling.
    needs: Vec<String>,
    /// What could not be undone, or what is still to be done.
    left: &'a [String],
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
        Self { plan, ending, failures: Vec::new(), needs: Vec::new(), left: &[] }
    }

    fn refused_by(self, permissions: Permissions<'_>) -> Self {
        Self { needs: guard::missing(self.plan, permissions), ..self }
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
    fn show(&self, output: Output, exit: Exit) -> Exit {
        let shown = match output.format {
            Format::Json => show::print_json(self),
            Format::Human => show::print(&self.text()).map_err(CliError::from),
        };
        if let Err(error) = shown {
            show::error(&error);
        }
        exit
    }

    fn text(&self) -> String {
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
