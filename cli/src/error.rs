//! What can go wrong on the way to an answer, and how a run ends then.

use camino::Utf8PathBuf;
use subdevcfg_reconciler::apply::KeepError;
use subdevcfg_reconciler::history::HistoryError;
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
    /// The plan is not the one that was saved.
    #[error("the plan that was saved from {file} is not what would be done now: {}", shortened(changed))]
    #[diagnostic(help("nothing was changed; make the plan again: subdevcfg plan {file} --out PLAN.json"))]
    Stale {
        /// The host file that it was made from.
        file: Utf8PathBuf,
        /// What is otherwise, one sentence each.
        changed: Vec<String>,
    },
    /// A part of a saved plan is wanted.
    #[error("{path} is a saved plan, and is applied as it is")]
    #[diagnostic(help(
        "choose the part when the plan is made: subdevcfg plan ... --only ADDRESS --out {path}"
    ))]
    WholePlan {
        /// The saved plan.
        path: Utf8PathBuf,
    },
    /// The last apply waits for its confirmation.
    #[error("the last apply waits for its confirmation until {until}; nothing was changed")]
    #[diagnostic(help("subdevcfg confirm keeps it, subdevcfg undo takes it back"))]
    Unconfirmed {
        /// Until when.
        until: String,
    },
    /// No apply waits for a confirmation.
    #[error("no apply waits for a confirmation{since}")]
    #[diagnostic(help("subdevcfg history shows how the last ones ended"))]
    NothingToConfirm {
        /// Since when, if one did.
        since: String,
    },
    /// The process that undoes what is not confirmed does not run.
    #[error("the process that undoes what nobody confirms cannot be started")]
    #[diagnostic(help("nothing was changed"))]
    Timer {
        /// Why.
        source: std::io::Error,
    },
    /// Nothing is there that an undo could take back.
    #[error("no apply is remembered that changed anything")]
    #[diagnostic(help("subdevcfg history shows what is; subdevcfg destroy takes away what the record has"))]
    NothingToUndo,
    /// The last apply was on another boot.
    #[error("the last {command} ({began}) was before this boot: what it did is gone with the kernel")]
    #[diagnostic(help("apply the file of before, or subdevcfg destroy"))]
    OtherBoot {
        /// What it was.
        command: String,
        /// When.
        began: String,
    },
    /// There is no apply of that number in the history.
    #[error("no apply {number} is remembered")]
    #[diagnostic(help("subdevcfg history lists those that are"))]
    NotRemembered {
        /// The number.
        number: u64,
    },
    /// The record does not have it.
    #[error("nothing is recorded at {address}")]
    #[diagnostic(help("recorded: {}", first_of(known)))]
    NotRecorded {
        /// What was asked for.
        address: String,
        /// What there is.
        known: Vec<String>,
    },
    /// The history cannot be read.
    #[error(transparent)]
    History(#[from] HistoryError),
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
            Self::OtherHost { .. }
            | Self::NobodyToAsk
            | Self::NotConfirmed
            | Self::Moved { .. }
            | Self::Stale { .. }
            | Self::Unconfirmed { .. }
            | Self::OtherBoot { .. }
            | Self::Timer { .. } => Exit::Refused,
            Self::WholePlan { .. } => Exit::Usage,
            _ => Exit::Failed,
        }
    }
}

const fn lock_help(error: &LockError) -> &'static str {
    match error {
        LockError::Held { .. } => "wait until it is done (`--lock-timeout 5m` waits longer), or end it",
        LockError::File { .. } => "changing devices needs root; looking (plan, state) and --simulate do not",
    }
}

fn known_addresses(unknown: &UnknownAddress) -> String {
    format!("a device, a subdevice or a rate node: {}", first_of(&unknown.known))
}

/// The first dozen of a list.
fn first_of(known: &[String]) -> String {
    const MOST: usize = 12;
    if known.is_empty() {
        return "nothing".to_owned();
    }
    let first = known.iter().take(MOST).cloned().collect::<Vec<_>>().join(", ");
    let more = if known.len() > MOST { format!(", ... ({} in all)", known.len()) } else { String::new() };
    format!("{first}{more}")
}

/// The first sentences of a list, and how many more there are.
fn shortened(sentences: &[String]) -> String {
    const MOST: usize = 6;
    let first = sentences.iter().take(MOST).cloned().collect::<Vec<_>>().join("; ");
    let more = sentences.len().saturating_sub(MOST);
    if more > 0 { format!("{first}; and {more} more") } else { first }
}

/// `1 error`, `2 errors`.
pub fn counted(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}
