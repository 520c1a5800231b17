//! The commands, each in a function that can be read from top to bottom.

mod apply;
mod check;
mod diff;
mod doctor;
mod explain;
mod format;
mod import;
mod look;
mod manual;
mod past;
mod report;
mod watch;

pub use apply::undo_unconfirmed;

use crate::args::{Cli, Command};
use crate::error::CliError;
use crate::exit::Exit;
use crate::sources;
use crate::timer;

/// Runs the command of a command line.
pub fn run(cli: &Cli) -> Result<Exit, CliError> {
    sources::read_options(&cli.catalogs, cli.any_host)?;
    match &cli.command {
        Command::Check(options) => check::check(options),
        Command::Plan {
            file,
            state,
            from,
            machine,
            part,
            detailed_exitcode,
            all,
            out,
            json_into,
            guard,
            format,
        } => {
            let options = look::PlanOptions {
                state: state.as_deref(),
                from: from.as_deref(),
                machine,
                part,
                detailed_exitcode: *detailed_exitcode,
                all: *all,
                out: out.as_deref(),
                json_into: json_into.as_deref(),
                permissions: guard.permissions(),
                format: *format,
            };
            look::plan(file, &options)
        }
        Command::Apply { file, machine, part, change, output } => {
            apply::apply(file, machine, part, change, *output)
        }
        Command::Destroy { file, machine, part, change, output } => {
            apply::destroy(file.as_deref(), machine, part, change, *output)
        }
        Command::Undo { machine, change, output } => apply::undo(machine, change, *output),
        Command::Confirm { machine, patience } => past::confirm(machine, patience),
        Command::History { number, machine, output } => past::history(*number, machine, *output),
        Command::Show { plan, all, output } => past::show_saved(plan, *all, *output),
        Command::Forget { address, machine, patience } => past::forget(address, machine, patience),
        Command::UndoUnlessConfirmed { number, until, machine } => timer::run(*number, *until, machine),
        Command::Watch(options) => watch::watch(options),
        Command::Diff { before, after, output } => diff::diff(before, after, *output),
        Command::Import(options) => import::import(options),
        Command::State { machine, output } => look::state(machine, *output),
        Command::Doctor { file, output } => doctor::doctor(file.as_deref(), *output),
        Command::Completions { shell } => manual::completions(*shell),
        Command::Man { command: _, into: Some(folder) } => manual::pages(folder),
        Command::Man { command, into: None } => manual::page(command.as_deref()),
        Command::Fmt { files, check } => format::format(files, *check),
        Command::Explain { subject } => explain::explain(subject),
        Command::Schema { subject } => explain::schema(*subject),
        Command::Graph { file, format } => look::graph(file, *format),
    }
}
