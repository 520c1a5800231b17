//! The command line of `watch`.

use std::time::Duration;

use camino::Utf8PathBuf;
use clap::Args;
use clap_complete::engine::ArgValueCompleter;
use jiff::SignedDuration;
use subdevcfg_reconciler::guard::Allowance;
use subdevcfg_reconciler::watch::Policy;

use super::{DEFAULT_FILE, LOCK_TIMEOUT, LogFormat, Machine, Part, duration, patience};
use crate::completion;

/// The options of `watch`.
#[derive(Debug, Args)]
pub struct WatchOptions {
    /// The host file. It is read again on SIGHUP.
    #[arg(default_value = DEFAULT_FILE)]
    pub file: Utf8PathBuf,
    #[command(flatten)]
    pub machine: Machine,
    #[command(flatten)]
    pub part: Part,
    /// Only report. That is so without `--allow` and `--restore` anyway.
    #[arg(long, conflicts_with_all = ["allow", "restore"])]
    report: bool,
    /// Repair what has at most this impact: a level, or a cause, as with `apply`, but nothing is allowed by itself. With
    /// `none` only that is done which nobody feels, such as what a device wants that comes late. What is in use and what
    /// the host is reached over is never disturbed.
    #[arg(long, value_name = "LEVEL[@ADDRESS]", add = ArgValueCompleter::new(completion::allowances))]
    allow: Vec<Allowance>,
    /// Make again what a device lost by a reset, whatever the impact, as long as nobody uses anything on that device.
    #[arg(long)]
    restore: bool,
    /// Look after this time even when nothing was heard: of some changes the kernel does not tell.
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "30s")]
    pub every: SignedDuration,
    /// Look once, and exit with 2 when something is not as the file says.
    #[arg(long)]
    pub once: bool,
    /// With `--once`: wait so long for devices that are not there yet.
    #[arg(long, value_name = "TIME", value_parser = duration, requires = "once")]
    pub wait: Option<SignedDuration>,
    /// With `--once`: wait so long (0s, 60s, 5m) for another subdevcfg that is changing this host. `0s` does not wait. Without
    /// `--once` it looks again until nobody is.
    #[arg(long, value_name = "TIME", value_parser = patience, default_value = LOCK_TIMEOUT, requires = "once")]
    pub lock_timeout: Duration,
    /// Write what was found and done into this file, for the textfile collector of Prometheus.
    #[arg(long, value_name = "FILE")]
    pub metrics: Option<Utf8PathBuf>,
    /// The form of what is reported on standard output.
    #[arg(long, default_value = "human")]
    pub log_format: LogFormat,
}

impl WatchOptions {
    /// What may be done.
    pub fn policy(&self) -> Policy {
        Policy { allow: self.allow.clone(), restore: self.restore, selection: self.part.selection() }
    }
}
