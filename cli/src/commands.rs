//! The commands, each in a function that can be read from top to bottom.

mod apply;
mod check;
mod explain;
mod format;
mod look;
mod manual;

use crate::args::{Cli, Command};
use crate::error::CliError;
use crate::exit::Exit;
use crate::sources;

/// Runs the command of a command line.
pub fn run(cli: &Cli) -> Result<Exit, CliError> {
    sources::read_catalogues(&cli.catalogs)?;
    match &cli.command {
        Command::Check(options) => check::check(options),
        Command::Plan { file, state, from, machine, part, detailed_exitcode, all, guard, output } => {
            let options = look::PlanOptions {
                state: state.as_deref(),
                from: from.as_deref(),
                machine,
                part,
                detailed_exitcode: *detailed_exitcode,
                all: *all,
                permissions: guard.permissions(),
                format: output.format,
            };
            look::plan(file, &options)
        }
        Command::Apply { file, machine, change, output } => apply::apply(file, machine, change, *output),
        Command::Destroy { file, machine, change, output } => {
            apply::destroy(file.as_deref(), machine, change, *output)
        }
        Command::State { machine, output } => look::state(machine, *output),
        Command::Completions { shell } => manual::completions(*shell),
        Command::Man { command: _, into: Some(folder) } => manual::pages(folder),
        Command::Man { command, into: None } => manual::page(command.as_deref()),
        Command::Fmt { files, check } => format::format(files, *check),
        Command::Explain { subject, .. } => explain::explain(subject.as_deref()),
        Command::Graph { file, format } => look::graph(file, *format),
    }
}
