//! Asking before something is changed.

use std::io::{self, IsTerminal as _, Write as _};

use subdevcfg_reconciler::guard::{self, Permissions};
use subdevcfg_reconciler::plan::{Operation, Plan};

use crate::error::CliError;

/// What is to be done with a plan.
#[derive(Debug)]
pub enum Decision {
    /// Go on without looking again: nobody was asked.
    Go,
    /// Go on, but look again first: time has passed.
    GoAsked,
    /// It is allowed, and nobody is there to say yes.
    NobodyToAsk,
    /// Above the ceiling, and nobody may say yes; or in use, and not named.
    Refused,
}

/// Decides by the flags, or asks the person at the terminal. `unseen` makes what the person has to see before.
pub fn decide(
    plan: &Plan,
    permissions: Permissions<'_>,
    yes: bool,
    unseen: impl FnOnce() -> String,
) -> Result<Decision, CliError> {
    if !guard::unnamed(plan, permissions).is_empty() {
        return Ok(Decision::Refused);
    }
    let above = guard::above_ceiling(plan, permissions);
    match (above.is_empty(), yes) {
        (true, true) => Ok(Decision::Go),
        (false, true) => Ok(Decision::Refused),
        (_, false) if !io::stdin().is_terminal() => {
            if above.is_empty() {
                Ok(Decision::NobodyToAsk)
            } else {
                Ok(Decision::Refused)
            }
        }
        (within, false) => ask(&unseen(), if within { "yes" } else { greatest(&above) }),
    }
}

fn greatest(operations: &[&Operation]) -> &'static str {
    guard::greatest(operations.iter().copied()).map_or("yes", guard::impact_word)
}

fn ask(unseen: &str, word: &str) -> Result<Decision, CliError> {
    let mut terminal = io::stderr();
    terminal.write_all(unseen.as_bytes())?;
    write!(terminal, "To do this, type {word}: ")?;
    terminal.flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    if answer.trim() == word { Ok(Decision::GoAsked) } else { Err(CliError::NotConfirmed) }
}
