//! The options of what changes a host: what it may do, and how it does it.

use std::time::Duration;

use clap::{Args, ValueEnum};
use clap_complete::engine::ArgValueCompleter;
use jiff::SignedDuration;
use subdevcfg_reconciler::apply;
use subdevcfg_reconciler::guard::{Allowance, Permissions};

use crate::completion;

/// What an apply may do.
#[derive(Debug, Default, Args)]
pub struct Guard {
    /// Allow this impact: none, traffic, subdevice-restart, subdevice-replace, subdevice-delete or parent-wide, or a
    /// cause that a plan shows (eswitch-switch, parent-reload, vf-recount); for everything, or for what lies at an address.
    /// `traffic` is always allowed.
    #[arg(long, value_name = "LEVEL[@ADDRESS]", add = ArgValueCompleter::new(completion::allowances))]
    pub allow: Vec<Allowance>,
    /// Disturb what is at this address although somebody uses it.
    #[arg(long, value_name = "ADDRESS", add = ArgValueCompleter::new(completion::addresses))]
    pub allow_in_use: Vec<String>,
    /// Disturb what is at this address although the host is reached over it.
    #[arg(long, value_name = "ADDRESS", add = ArgValueCompleter::new(completion::addresses))]
    pub allow_lifeline: Vec<String>,
    /// Take the function at this address from whoever has it open through VFIO. The kernel waits until that one lets go.
    /// A vDPA device is deleted or bound anew only once nobody has it open any more: the kernel would wait with all others.
    #[arg(long, value_name = "ADDRESS", add = ArgValueCompleter::new(completion::addresses))]
    pub evict: Vec<String>,
    /// Let `exclusive` take away up to so many functions of a device that nobody named, not eight and half of them at the
    /// most.
    #[arg(long, value_name = "N")]
    pub max_destroy: Option<usize>,
    /// Undo everything after this time (60s, 5m), unless `subdevcfg confirm` comes before. It is undone even when the
    /// terminal, the network or the apply itself is gone by then.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub confirm_within: Option<SignedDuration>,
}

/// A time that lies ahead.
pub(super) fn duration(text: &str) -> Result<SignedDuration, String> {
    match text.parse::<SignedDuration>() {
        Ok(duration) if duration.is_positive() => Ok(duration),
        Ok(_) => Err("it has to be longer than nothing".to_owned()),
        Err(_) => Err("a time is wanted: 60s, 5m, 1h30m".to_owned()),
    }
}

/// How long to wait for somebody, which may be no time at all.
pub(super) fn patience(text: &str) -> Result<Duration, String> {
    let time =
        text.parse::<SignedDuration>().map_err(|_| "a time is wanted: 0s, 60s, 5m, 1h30m".to_owned())?;
    Duration::try_from(time).map_err(|_| "it cannot be shorter than nothing".to_owned())
}

/// How long a command waits by default for another one that changes the host.
pub(super) const LOCK_TIMEOUT: &str = "10s";

/// How long to wait for the lock.
#[derive(Debug, Default, Args)]
pub struct Patience {
    /// Wait so long (0s, 60s, 5m) for another subdevcfg that is changing this host. `0s` does not wait.
    #[arg(long, value_name = "TIME", value_parser = patience, default_value = LOCK_TIMEOUT)]
    pub lock_timeout: Duration,
}

impl Guard {
    /// What is allowed.
    pub fn permissions(&self) -> Permissions<'_> {
        Permissions {
            allow: &self.allow,
            in_use: &self.allow_in_use,
            lifeline: &self.allow_lifeline,
            evict: &self.evict,
            max_destroy: self.max_destroy,
            confirm: self.confirm_within.is_some(),
            unguarded: false,
        }
    }
}

/// How a change is made.
#[derive(Debug, Default, Args)]
pub struct Change {
    /// Do not ask. Raises no limit: what is above `--allow` stays refused.
    #[arg(long)]
    pub yes: bool,
    #[command(flatten)]
    pub guard: Guard,
    /// Show every operation, also those of alike and of new resources.
    #[arg(long)]
    pub all: bool,
    /// What to do when an operation fails, or when the run is told to end (SIGINT, SIGTERM, or its terminal is gone; a
    /// second SIGINT or SIGTERM ends it at once, and the next run goes on from there).
    #[arg(long, value_name = "WHAT", default_value = "undo")]
    pub on_error: OnError,
    #[command(flatten)]
    pub patience: Patience,
    /// The form of the progress on standard error.
    #[arg(long, default_value = "human")]
    pub log_format: LogFormat,
}

/// Forms of progress.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// A line an operation, for people.
    #[default]
    Human,
    /// A JSON object an operation, for programs.
    Json,
}

/// What is done when an operation fails.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum OnError {
    /// Undo everything that was done.
    #[default]
    Undo,
    /// Do nothing more, and undo nothing.
    Stop,
    /// Leave out what depends on it, and do the rest.
    Continue,
}

impl From<OnError> for apply::OnError {
    fn from(wanted: OnError) -> Self {
        match wanted {
            OnError::Undo => Self::Undo,
            OnError::Stop => Self::Stop,
            OnError::Continue => Self::Continue,
        }
    }
}
