//! The command line.

mod change;
mod import;
mod watch;

use crate::completion;
use crate::exit::Exit;
use camino::Utf8PathBuf;
use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::engine::ArgValueCompleter;
use jiff::Timestamp;
use subdevcfg_reconciler::plan::Selection;

pub use change::{Change, Guard, LogFormat, OnError, Patience};
use change::{LOCK_TIMEOUT, duration, patience};
pub use import::ImportOptions;
pub use watch::WatchOptions;

/// Where `apply` looks for the host file when none is named, and nowhere else.
pub const DEFAULT_FILE: &str = "/etc/subdevcfg/host.kdl";

/// Partition network devices (devlink subfunctions, mediated devices) from one KDL file a host.
#[derive(Debug, Parser)]
#[command(name = "subdevcfg", version, long_version = crate::version::long(), max_term_width = 100, after_help = Exit::help())]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Know the drivers of the catalogues in this directory as well (`*.kdl`, in the form of those that the program has).
    #[arg(long = "catalog", value_name = "DIR", global = true)]
    pub catalogs: Vec<Utf8PathBuf>,
    /// Take a file for any host (`host "*"`) also where it names hardware by its address (`pci/...`): all hosts that it is
    /// for have the same hardware there.
    #[arg(long, global = true)]
    pub any_host: bool,
}

/// The options of `check`.
#[derive(Debug, Args)]
pub struct CheckOptions {
    /// Host files, and directories of them.
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<Utf8PathBuf>,
    /// Mend what is certain to be meant otherwise, in these files and in what they include.
    #[arg(long)]
    pub fix: bool,
    /// Compare with the same paths below this directory, a checkout of the base branch: what the change does to each
    /// host, and which derived identities it moves.
    #[arg(long, value_name = "DIR")]
    pub base: Option<Utf8PathBuf>,
    /// Plan each file for its host as it was seen: DIR/HOST.json is what `subdevcfg state --format json` wrote there. With
    /// `--base`, what that describes is taken for what subdevcfg made.
    #[arg(long, value_name = "DIR")]
    pub states: Option<Utf8PathBuf>,
    /// Take warnings for errors.
    #[arg(long = "deny", value_name = "WHAT", value_parser = ["warnings"], num_args = 1)]
    deny: Vec<String>,
    /// How many files are compiled at the same time; by default as many as there are processors.
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub jobs: usize,
    /// The form of the output.
    #[arg(long, value_enum, default_value_t)]
    pub format: CheckFormat,
}

impl CheckOptions {
    /// Whether warnings count as errors.
    pub const fn deny_warnings(&self) -> bool {
        !self.deny.is_empty()
    }
}

/// The forms of what `check` finds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum CheckFormat {
    /// Text for people.
    #[default]
    Human,
    /// Everything, for programs.
    Json,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
    /// Annotations of GitHub Actions.
    Github,
    /// A code quality report of GitLab.
    Gitlab,
    /// A `JUnit` report.
    Junit,
    /// A comment for a pull request.
    Markdown,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Check host files without looking at any host.
    #[command(after_help = "Examples: subdevcfg check hosts/\n          \
        subdevcfg check hosts/ --base ../main --format github")]
    Check(CheckOptions),
    /// Show what an apply would do, and what it would interrupt.
    #[command(after_help = "Examples: subdevcfg plan host.kdl --detailed-exitcode\n          \
        subdevcfg plan host.kdl --from ../main/host.kdl")]
    Plan {
        /// The host file.
        file: Utf8PathBuf,
        /// Plan for a host in this state (what `subdevcfg state --format json` wrote) instead of this machine.
        #[arg(long, value_name = "FILE", conflicts_with = "simulate")]
        state: Option<Utf8PathBuf>,
        /// Plan for a host that is as this file describes it: what a change of the file does, without any host.
        #[arg(long, value_name = "FILE", conflicts_with_all = ["simulate", "state"])]
        from: Option<Utf8PathBuf>,
        #[command(flatten)]
        machine: Machine,
        #[command(flatten)]
        part: Part,
        /// Exit with 2 when there is something to do.
        #[arg(long)]
        detailed_exitcode: bool,
        /// Show every operation, also those of alike and of new resources.
        #[arg(long)]
        all: bool,
        /// Save the plan in this file: `apply` carries it out as long as the host is as it is now, `show` shows it.
        #[arg(long, value_name = "PLAN.json", conflicts_with_all = ["state", "from"])]
        out: Option<Utf8PathBuf>,
        /// Write the plan as JSON into this file as well.
        #[arg(long, value_name = "FILE")]
        json_into: Option<Utf8PathBuf>,
        #[command(flatten)]
        guard: Guard,
        /// The form of what goes to standard output.
        #[arg(long, default_value = "human")]
        format: PlanFormat,
    },
    /// Make the host as its file says.
    #[command(
        after_help = "Examples: subdevcfg apply host.kdl --yes --allow subdevice-restart@subdev/nic0\n          \
        subdevcfg apply host.kdl --confirm-within 60s"
    )]
    Apply {
        /// The host file, or a saved plan.
        #[arg(default_value = DEFAULT_FILE)]
        file: Utf8PathBuf,
        #[command(flatten)]
        machine: Machine,
        #[command(flatten)]
        part: Part,
        #[command(flatten)]
        change: Change,
        #[command(flatten)]
        output: Output,
    },
    /// Take away what subdevcfg made, and put back what it changed.
    #[command(after_help = "Example: subdevcfg destroy --yes --allow parent-wide")]
    Destroy {
        /// Only what this host file names.
        file: Option<Utf8PathBuf>,
        #[command(flatten)]
        machine: Machine,
        #[command(flatten)]
        part: Part,
        #[command(flatten)]
        change: Change,
        #[command(flatten)]
        output: Output,
    },
    /// Undo the last apply, destroy or undo: bring back what it found.
    #[command(after_help = "Example: subdevcfg undo --yes --allow subdevice-delete")]
    Undo {
        #[command(flatten)]
        machine: Machine,
        #[command(flatten)]
        change: Change,
        #[command(flatten)]
        output: Output,
    },
    /// Keep what an `apply --confirm-within` did.
    #[command(after_help = "Example: subdevcfg apply host.kdl --confirm-within 60s && subdevcfg confirm")]
    Confirm {
        #[command(flatten)]
        machine: Machine,
        #[command(flatten)]
        patience: Patience,
    },
    /// Show what was applied on this host, and how it ended.
    #[command(after_help = "Examples: subdevcfg history, subdevcfg history 12 --format json")]
    History {
        /// Only this one, with all that is known of it.
        number: Option<u64>,
        #[command(flatten)]
        machine: Machine,
        #[command(flatten)]
        output: Output,
    },
    /// Show a plan that `plan --out` saved, without any host.
    #[command(after_help = "Example: subdevcfg show plan.json")]
    Show {
        /// The saved plan.
        plan: Utf8PathBuf,
        /// Show every operation, also those of alike and of new resources.
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        output: Output,
    },
    /// Drop a resource, with all on it, from the record: it stays as it is, and is not subdevcfg's any more.
    #[command(after_help = "Example: subdevcfg forget subdev/nic0#web0")]
    Forget {
        /// Its address.
        #[arg(add = ArgValueCompleter::new(completion::addresses))]
        address: String,
        #[command(flatten)]
        machine: Machine,
        #[command(flatten)]
        patience: Patience,
    },
    /// Undoes an apply at that time, unless it is confirmed before. `--confirm-within` starts it.
    #[command(hide = true)]
    UndoUnlessConfirmed {
        /// The apply's number in the history.
        number: u64,
        /// The time.
        until: Timestamp,
        #[command(flatten)]
        machine: Machine,
    },
    /// Show what tells two hosts apart: two host files, two states that `state --format json` wrote, or one of each.
    #[command(after_help = "Example: subdevcfg diff host.state.json host.kdl")]
    Diff {
        /// A host file or a state.
        before: Utf8PathBuf,
        /// A host file or a state.
        after: Utf8PathBuf,
        #[command(flatten)]
        output: Output,
    },
    /// Write the host file that describes what is there.
    #[command(after_help = "Examples: subdevcfg import --out host.kdl\n          \
        mdevctl list --dumpjson | subdevcfg import --mdevctl /dev/stdin")]
    Import(ImportOptions),
    /// Look at the host again whenever something changes on it: report what is not as its file says, and repair it where
    /// that is allowed.
    #[command(after_help = "Examples: subdevcfg watch\n          \
        subdevcfg watch --allow none --metrics /run/subdevcfg/metrics.prom")]
    Watch(WatchOptions),
    /// Show what is on this host now.
    #[command(after_help = "Example: subdevcfg state --format json > host.state.json")]
    State {
        #[command(flatten)]
        machine: Machine,
        #[command(flatten)]
        output: Output,
    },
    /// Look at this host: kernel, modules, privileges, drivers, other tools; what will not work, and why.
    #[command(after_help = "Example: subdevcfg doctor host.kdl")]
    Doctor {
        /// Tell what this host file needs that is not there.
        file: Option<Utf8PathBuf>,
        #[command(flatten)]
        output: Output,
    },
    /// Put host files into the one form: indentation, spaces and quotes. Comments and numbers stay as they are.
    #[command(after_help = "Example: subdevcfg fmt --check hosts/*.kdl")]
    Fmt {
        /// The files.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<Utf8PathBuf>,
        /// Write nothing; name the files that are not in the form, and exit with 2 if there are any.
        #[arg(long)]
        check: bool,
    },
    /// Explain the code of a message, a node or property of host files, or a driver and its parameters.
    #[command(after_help = "Examples: subdevcfg explain E0207, subdevcfg explain device.subdevice.netdev")]
    Explain {
        /// A code, names with dots between them, DRIVER or DRIVER.PARAM.
        #[arg(value_name = "CODE|PATH")]
        subject: String,
    },
    /// Print the schema of what programs read: JSON Schema of states and plans, the words of the language.
    #[command(after_help = "Example: subdevcfg schema plan > plan.schema.json")]
    Schema {
        /// Of what.
        #[arg(value_enum)]
        subject: SchemaSubject,
    },
    /// Draw what a host file describes and what must be there before what.
    #[command(after_help = "Example: subdevcfg graph host.kdl --format dot | dot -Tsvg > host.svg")]
    Graph {
        /// The host file.
        file: Utf8PathBuf,
        /// The notation.
        #[arg(long, default_value = "dot")]
        format: GraphFormat,
    },
    /// Print what a shell needs to complete the words of command lines.
    #[command(
        after_help = "Example: subdevcfg completions bash > /usr/share/bash-completion/completions/subdevcfg"
    )]
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Print the manual page of a command, or write those of all.
    #[command(after_help = "Examples: subdevcfg man apply | man -l -\n          \
        subdevcfg man --into /usr/share/man/man1")]
    Man {
        /// The command; without one, subdevcfg itself.
        #[arg(conflicts_with = "into")]
        command: Option<String>,
        /// Write a page for each command into this folder.
        #[arg(long, value_name = "DIR")]
        into: Option<Utf8PathBuf>,
    },
}

/// Which machine.
#[derive(Debug, Default, Args)]
pub struct Machine {
    /// Work on a simulated host whose state and record live in this file; it is made if it is not there. Needs no
    /// privilege and touches nothing else; while a command changes the host, its lock lies beside it, FILE.json.lock.
    #[arg(long, value_name = "FILE.json")]
    pub simulate: Option<Utf8PathBuf>,
}

/// Which part of the file is meant.
#[derive(Debug, Default, Args)]
pub struct Part {
    /// Only the device, subdevice or rate node at this address with all below it, and what these need first.
    #[arg(long, value_name = "ADDRESS", add = ArgValueCompleter::new(completion::addresses))]
    pub only: Vec<String>,
    /// Not what is at this address, nor what needs it.
    #[arg(long, value_name = "ADDRESS", add = ArgValueCompleter::new(completion::addresses))]
    pub except: Vec<String>,
}

impl Part {
    /// The selection of a plan.
    pub fn selection(&self) -> Selection {
        Selection { only: self.only.clone(), except: self.except.clone() }
    }
}

/// What there are schemas of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SchemaSubject {
    /// What `state --format json` writes.
    State,
    /// What `plan --format json` writes.
    Plan,
    /// Host files: nodes, properties, types and their documentation, for editors that complete words.
    Language,
}

/// How results are written.
#[derive(Debug, Clone, Copy, Args)]
pub struct Output {
    /// The form of what goes to standard output.
    #[arg(long, default_value = "human")]
    pub format: Format,
}

/// Forms of output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Text for people.
    Human,
    /// JSON for programs.
    Json,
}

/// Forms of plans.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PlanFormat {
    /// Text for people.
    Human,
    /// JSON for programs.
    Json,
    /// Markdown: the verdict, and the whole plan folded.
    Markdown,
}

/// Notations of graphs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum GraphFormat {
    /// Graphviz.
    Dot,
    /// Mermaid, as Markdown renderers draw it.
    Mermaid,
    /// A picture: subdevices that are alike are one.
    Svg,
}
