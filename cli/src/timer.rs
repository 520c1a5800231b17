//! `--confirm-within`: a process of its own that undoes an apply unless somebody confirms it. It is started before the
//! first operation and in a session of its own, so that it outlives the terminal, the network and the apply.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};
use std::time::Duration;

use jiff::Timestamp;
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, getppid, setsid};
use subdevcfg_reconciler::history::{Ending, Past};

use crate::args;
use crate::clock;
use crate::commands::undo_unconfirmed;
use crate::error::CliError;
use crate::exit::Exit;
use crate::machine::{self, Access};
use crate::sources;

/// What the process says when nothing of the terminal can end it any more.
const READY: &str = "ready";

/// When what did not work is tried again, and how often.
const TRY_AGAIN: Duration = Duration::from_secs(2);
const TROUBLES: usize = 100;

/// How long an apply that is told to end may take for its own undo.
const LAST_PATIENCE: Duration = Duration::from_mins(10);

/// The word of the command line that starts it.
const COMMAND: &str = "undo-unless-confirmed";

/// Starts the process for an apply; its number.
pub fn start(number: u64, until: &str, machine: &args::Machine) -> Result<u32, CliError> {
    let failed = |source| CliError::Timer { source };
    let mut command = Command::new(std::env::current_exe().map_err(failed)?);
    command.args([COMMAND, &number.to_string(), until]);
    if let Some(path) = &machine.simulate {
        command.args(["--simulate", path.as_str()]);
    }
    for directory in sources::catalogue_directories() {
        command.args(["--catalog", directory.as_str()]);
    }
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().map_err(failed)?;
    let mut said = String::new();
    if let Some(out) = child.stdout.take() {
        BufReader::new(out).read_line(&mut said).map_err(failed)?;
    }
    if said.trim_end() == READY {
        Ok(child.id())
    } else {
        Err(failed(std::io::ErrorKind::UnexpectedEof.into()))
    }
}

/// Whether an apply will be undone unless somebody confirms it. Where the process that does it is gone, nobody will.
pub fn awaits_confirmation(past: &Past) -> bool {
    past.awaits_confirmation() && process(past).is_some()
}

/// Ends the process of an apply that needs it no more.
pub fn end(past: &Past) {
    if let Some(process) = process(past) {
        let _ = kill(process, Signal::SIGTERM);
    }
}

/// The process of an apply; one that has ended by itself, or never ran, is none.
fn process(past: &Past) -> Option<Pid> {
    let process = past.confirmation.as_ref()?.timer?;
    let line = std::fs::read_to_string(format!("/proc/{process}/cmdline")).ok()?;
    // The number may be another process's by now.
    let is_it = line.split('\0').any(|word| word == COMMAND);
    i32::try_from(process).ok().filter(|_| is_it).map(Pid::from_raw)
}

/// The process: waits until then, and undoes the apply unless it was confirmed.
pub fn run(number: u64, until: Timestamp, options: &args::Machine) -> Result<Exit, CliError> {
    let apply = getppid();
    setsid().map_err(|errno| CliError::Timer { source: errno.into() })?;
    let mut out = std::io::stdout();
    writeln!(out, "{READY}")?;
    out.flush()?;
    std::thread::sleep(clock::until(until));
    let mut troubles = 0;
    loop {
        match undo(number, apply, options) {
            Err(error) if !matches!(error, CliError::Lock(_)) && troubles == TROUBLES => return Err(error),
            // Whoever has the lock will let go of it; and another trouble may pass.
            Err(error) => troubles += usize::from(!matches!(error, CliError::Lock(_))),
            done => return done,
        }
        std::thread::sleep(TRY_AGAIN);
    }
}

/// Undoes the apply, unless it was confirmed or undone before.
fn undo(number: u64, apply: Pid, options: &args::Machine) -> Result<Exit, CliError> {
    let machine = match machine::open(options, Access::Undo(Duration::ZERO)) {
        Err(CliError::Lock(error)) if error.is_held_by(apply.as_raw()) => {
            // It ends after the running operation, and undoes what it did by itself.
            let _ = kill(apply, Signal::SIGTERM);
            machine::open(options, Access::Undo(LAST_PATIENCE))?
        }
        machine => machine?,
    };
    let history = machine.history.history()?;
    let Some(past) = history.iter().find(|past| past.number == number) else { return Ok(Exit::Done) };
    let undone = |later: &Past| {
        later.number > number && later.end.as_ref().is_some_and(|end| end.ending == Ending::Converged)
    };
    if !past.awaits_confirmation() || history.iter().any(undone) {
        return Ok(Exit::Done);
    }
    let change = args::Change { yes: true, on_error: args::OnError::Continue, ..args::Change::default() };
    undo_unconfirmed(machine, past, options, &change)
}
