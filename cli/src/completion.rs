//! Completion of command lines: the words of the commands, and addresses of what is on the host. The shell asks the program
//! itself for them, by a variable; `subdevcfg completions SHELL` prints what makes it do so.

mod bash;

use std::any::TypeId;
use std::ffi::OsStr;
use std::io::{self, ErrorKind};

use camino::Utf8PathBuf;
use clap::{Command, CommandFactory as _, ValueEnum as _, ValueHint};
use clap_complete::env::{CompleteEnv, Elvish, Fish, Powershell, Shells, Zsh};
use clap_complete::{CompletionCandidate, Shell};
use subdevcfg_compiler::catalogue::Impact;

use crate::args::{Cli, Machine};
use crate::machine::{self, Access};

/// The variable by which a shell asks.
const ASKED: &str = "SUBDEVCFG_COMPLETE";

/// The shells that can ask.
const SHELLS: Shells<'_> = Shells(&[&bash::Bash, &Elvish, &Fish, &Powershell, &Zsh]);

/// Answers a shell that asks; whether one did.
pub fn answer() -> Result<bool, clap::Error> {
    let folder = std::env::current_dir().ok();
    let asked = CompleteEnv::with_factory(|| with_files(Cli::command())).shells(SHELLS).var(ASKED);
    asked.try_complete(std::env::args_os(), folder.as_deref())
}

/// The same command line, of which is known where files are named: clap sees it of the paths of `std` only.
fn with_files(command: Command) -> Command {
    let command = command.mut_args(|arg| {
        let is_path = arg.get_value_parser().type_id() == TypeId::of::<Utf8PathBuf>();
        if is_path { arg.value_hint(ValueHint::AnyPath) } else { arg }
    });
    command.mut_subcommands(with_files)
}

/// What makes a shell ask.
pub fn registration(shell: Shell, program: &str) -> io::Result<Vec<u8>> {
    let name = shell.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
    let shell = SHELLS.completer(&name).ok_or(ErrorKind::Unsupported)?;
    let mut text = Vec::new();
    shell.write_registration(ASKED, program, program, program, &mut text)?;
    Ok(text)
}

/// The addresses of what subdevcfg knows on this host, and the handles of its devices. A host that cannot be looked at has
/// none.
pub fn addresses(begun: &OsStr) -> Vec<CompletionCandidate> {
    let begun = begun.to_str().unwrap_or_default();
    candidates(known_addresses().into_iter().filter(|address| address.starts_with(begun)))
}

/// Levels, and after `@` the same addresses.
pub fn allowances(begun: &OsStr) -> Vec<CompletionCandidate> {
    let begun = begun.to_str().unwrap_or_default();
    let Some((level, address)) = begun.split_once('@') else {
        let levels = Impact::ALL.iter().map(|level| level.as_str().to_owned());
        return candidates(levels.filter(|level| level.starts_with(begun)));
    };
    let known = known_addresses().into_iter().filter(|known| known.starts_with(address));
    candidates(known.map(|known| format!("{level}@{known}")))
}

fn known_addresses() -> Vec<String> {
    let Ok(mut machine) = machine::open(&Machine::default(), Access::Look) else { return Vec::new() };
    let mut found: Vec<String> = machine.record.subjects().map(|(_, address)| address.to_owned()).collect();
    if let Ok(state) = machine.kernel.observe() {
        found.extend(state.parents.keys().map(ToString::to_string));
    }
    found.sort();
    found.dedup();
    found
}

fn candidates(words: impl Iterator<Item = String>) -> Vec<CompletionCandidate> {
    words.map(CompletionCandidate::new).collect()
}
