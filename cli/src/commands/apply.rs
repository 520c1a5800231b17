//! The commands that change the host: `apply` and `destroy`. Both are: observe, plan, show, decide, carry out, verify.

use camino::Utf8Path;
use serde::Serialize;
use subdevcfg_reconciler::apply::{self, Apply, Outcome};
use subdevcfg_reconciler::desired::Desired;
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
    let (host, sources) = sources::compile_host(file)?;
    machine::check_host(&host.model, file, options)?;
    let machine = machine::open(options, Access::Change)?;
    let desired = Desired::of(&host.model, &sources);
    let heading = Heading {
        command: "apply",
        file: Some(file),
        host: &host.model.name.value,
        machine: &machine::words(options),
        flags: options,
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
    let compiled = file.map(sources::compile_host).transpose()?;
    if let (Some(file), Some((host, _))) = (file, &compiled) {
        machine::check_host(&host.model, file, options)?;
    }
    let machine = machine::open(options, Access::Change)?;
    let desired =
        compiled.as_ref().map(|(host, sources)| Desired::of(&host.model, sources)).unwrap_or_default();
    let scope = if file.is_some() { Scope::Named } else { Scope::Everything };
    let heading = Heading {
        command: "destroy",
        file,
        host: compiled.as_ref().map_or("*", |(host, _)| &host.model.name.value),
        machine: &machine::words(options),
        flags: options,
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
    let plan = planner(&before, &machine.record);
    let allow = &change.guard.allow;
    if output.format == Format::Human {
        show::print(&show::plan::text(&plan, heading, allow, change.all))?;
    }
    let incomplete = plan.is_incomplete();
    if !plan.refusals.is_empty() {
        return report(output, &plan, Ending::Refused, &[], Exit::Refused);
    }
    if !plan.is_empty() {
        match confirm::decide(&plan, allow, change.yes)? {
            Decision::Refused => return report(output, &plan, Ending::Refused, &[], Exit::Refused),
            Decision::GoAsked if machine.kernel.observe()? != before => {
                let file = heading.file.map(ToString::to_string).unwrap_or_default();
                return Err(CliError::Moved { file });
            }
            Decision::Go | Decision::GoAsked => {}
        }
    }
    let mut lines = Lines::new(output.format == Format::Json);
    let outcome = apply::apply(
        Apply {
            kernel: machine.kernel.as_mut(),
            keeper: machine.keeper.as_mut(),
            progress: &mut lines,
            before: &before,
            record: &machine.record,
            replan: planner,
        },
        &plan,
    )?;
    lines.end();
    match outcome {
        Outcome::Converged if incomplete => report(output, &plan, Ending::Converged, &[], Exit::Incomplete),
        Outcome::Converged => report(output, &plan, Ending::Converged, &[], Exit::Done),
        Outcome::Undone(failure) => {
            show::failure(&failure);
            report(output, &plan, Ending::Undone, &[], Exit::Failed)
        }
        Outcome::Incomplete { failure, left } => {
            show::failure(&failure);
            report(output, &plan, Ending::Incomplete, &left, Exit::Incomplete)
        }
    }
}

/// How an apply ended, as JSON names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Ending {
    Refused,
    Converged,
    Undone,
    Incomplete,
}

/// What `apply --format json` prints.
#[derive(Serialize)]
struct Report<'a> {
    plan: &'a Plan,
    ending: Ending,
    left: &'a [String],
}

fn report(
    output: Output,
    plan: &Plan,
    ending: Ending,
    left: &[String],
    exit: Exit,
) -> Result<Exit, CliError> {
    match output.format {
        Format::Json => show::print_json(&Report { plan, ending, left })?,
        Format::Human => {
            let text = match ending {
                // The plan's own last lines say what is refused and how to allow it.
                Ending::Refused => "Nothing was changed.\n".to_owned(),
                Ending::Converged if plan.is_empty() => String::new(),
                Ending::Converged => {
                    format!("Done: {}, verified.\n", counted(plan.operations.len(), "operation"))
                }
                Ending::Undone => "Everything was undone: the host is as it was before.\n".to_owned(),
                Ending::Incomplete => {
                    let lines: Vec<String> = left.iter().map(|line| format!("  {line}\n")).collect();
                    format!("NOT everything could be undone. What is left:\n{}", lines.concat())
                }
            };
            show::print(&text)?;
        }
    }
    Ok(exit)
}
