//! What can go wrong on the way to an answer, and how a run ends then.

use camino::Utf8PathBuf;
use subdevcfg_reconciler::apply::KeepError;
use subdevcfg_reconciler::desired::Unplanned;
use subdevcfg_reconciler::kernel::ObserveError;
use subdevcfg_reconciler::plan::UnknownAddress;
use subdevcfg_reconciler::store::{LoadError, LockError};

use crate::exit::Exit;

/// An error of the command line; each says what to do next where that is known.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum CliError {
    /// The host file has errors; they are shown already.
    #[error("{file} has {errors}", errors = counted(*errors, "error"))]
    #[diagnostic(help("nothing was changed"))]
    Invalid {
        /// Which file.
        file: Utf8PathBuf,
        /// How many.
        errors: usize,
    },
    /// The file says more than this version can plan.
    #[error("{file} cannot be planned by this version")]
    #[diagnostic(help("nothing was changed; the words that are not planned yet are marked above"))]
    Unplanned {
        /// Which file.
        file: Utf8PathBuf,
        /// What it says.
        source: Unplanned,
    },
    /// A file cannot be read.
    #[error("cannot read {path}")]
    #[diagnostic(help("{help}"))]
    Unreadable {
        /// Which.
        path: Utf8PathBuf,
        /// What to do.
        help: &'static str,
        /// Why.
        source: std::io::Error,
    },
    /// There is no such code, node or property.
    #[error(transparent)]
    #[diagnostic(help("{}", .0.help))]
    Unexplained(#[from] subdevcfg_compiler::explain::Unexplained),
    /// A file cannot be written.
    #[error("cannot write {path}")]
    #[diagnostic(help("the file is as it was"))]
    Unwritable {
        /// Which.
        path: Utf8PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file is not what it should be.
    #[error("{path} is no {what}: {why}")]
    #[diagnostic(help("{help}"))]
    Malformed {
        /// Which.
        path: Utf8PathBuf,
        /// What it should be.
        what: &'static str,
        /// What is wrong.
        why: String,
        /// What to do.
        help: &'static str,
    },
    /// The file is for another machine.
    #[error("{file} is for host `{wanted}`, and this machine is `{found}`")]
    #[diagnostic(help("apply the file of this machine; a file for any machine has `host \"*\"`"))]
    OtherHost {
        /// The file.
        file: Utf8PathBuf,
        /// The machine it is for.
        wanted: String,
        /// This machine.
        found: String,
    },
    /// The host could not be observed.
    #[error("the host cannot be observed")]
    Observe(#[from] ObserveError),
    /// The record of what was made could not be written.
    #[error(transparent)]
    Keep(#[from] KeepError),
    /// The record of what was made cannot be read.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// Another run is changing the host, or the lock cannot be used.
    #[error(transparent)]
    #[diagnostic(help("{}", lock_help(.0)))]
    Lock(#[from] LockError),
    /// `--only` or `--except` names nothing.
    #[error(transparent)]
    #[diagnostic(help("{}", known_addresses(.0)))]
    Address(#[from] UnknownAddress),
    /// There is no such command.
    #[error("there is no command `{name}`")]
    #[diagnostic(help("the commands: {}", known.join(", ")))]
    NoCommand {
        /// What was given.
        name: String,
        /// The commands.
        known: Vec<String>,
    },
    /// There is nobody to ask.
    #[error("nobody can be asked: standard input is no terminal")]
    #[diagnostic(help("--yes answers the question beforehand"))]
    NobodyToAsk,
    /// The answer was no.
    #[error("not confirmed; nothing was changed")]
    NotConfirmed,
    /// The host changed between the plan and the answer.
    #[error("the host changed while the plan was being read; nothing was changed")]
    #[diagnostic(help("look at the new plan: subdevcfg plan {file}"))]
    Moved {
        /// The host file.
        file: String,
    },
    /// Standard output is gone.
    #[error("cannot write to standard output")]
    Output(#[from] std::io::Error),
    /// No threads could be started.
    #[error("cannot start threads")]
    #[diagnostic(help("--jobs 1 needs one only"))]
    Threads(#[from] rayon::ThreadPoolBuildError),
    /// A `JUnit` report could not be made; a defect of this program.
    #[error("cannot write JUnit")]
    Junit(#[from] quick_junit::SerializeError),
    /// JSON could not be made; a defect of this program.
    #[error("cannot write JSON")]
    Json(#[from] serde_json::Error),
}

impl CliError {
    /// How a run ends with this error.
    pub fn exit(&self) -> Exit {
        match self {
            Self::OtherHost { .. } | Self::NobodyToAsk | Self::NotConfirmed | Self::Moved { .. } => {
                Exit::Refused
            }
            _ => Exit::Failed,
        }
    }
}

const fn lock_help(error: &LockError) -> &'static str {
    match error {
        LockError::Held { .. } => "wait until it is done, or end it",
        LockError::File { .. } => "changing devices needs root; looking (plan, state) and --simulate do not",
    }
}

fn known_addresses(unknown: &UnknownAddress) -> String {
    const MOST: usize = 12;
    let known = &unknown.known;
    let first = known.iter().take(MOST).cloned().collect::<Vec<_>>().join(", ");
    let more = if known.len() > MOST { format!(", ... ({} in all)", known.len()) } else { String::new() };
    format!("a device, a subdevice or a rate node: {first}{more}")
}

/// `1 error`, `2 errors`.
pub fn counted(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}
