//! The history: what each apply found, what it did, and how it ended. The last one can be undone, as a plan, because the
//! state that it found is kept whole.

use std::collections::BTreeSet;
use std::io;

use camino::Utf8PathBuf;
use serde::{Deserialize, Serialize};
use subdevcfg_compiler::catalogue::Impact;

use crate::apply::{Failure, KeepError, Outcome};
use crate::plan::{Action, Plan};
use crate::record::Record;
use crate::state::State;

/// The version of the history's JSON form: the minor number counts additions.
pub const FORMAT_VERSION: &str = "1.0";

/// One apply (or destroy, or undo).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Past {
    /// [`FORMAT_VERSION`] of the writer.
    pub format_version: String,
    /// Its number on this host, counted from 1.
    pub number: u64,
    /// When it began, in the form of RFC 3339.
    pub began: String,
    /// `apply`, `destroy` or `undo`.
    pub command: String,
    /// The file that it carried out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// What was planned, in numbers.
    pub planned: Planned,
    /// Until when somebody has to confirm it, and whether that was done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmation: Option<Confirmation>,
    /// How it ended; absent while it runs, and when it was killed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<End>,
    /// The record that it found.
    pub record: Record,
    /// The state that it found.
    pub before: State,
}

/// What was planned, in numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Planned {
    /// Resources to be made.
    pub create: usize,
    /// Resources to be changed in place.
    pub change: usize,
    /// Resources to be made again.
    pub replace: usize,
    /// Resources to be deleted.
    pub delete: usize,
    /// Requests to the kernel.
    pub operations: usize,
    /// The greatest impact.
    pub impact: Impact,
}

impl Planned {
    /// Counts what a plan does.
    #[must_use]
    pub fn of(plan: &Plan) -> Self {
        let count = |actions: &[Action]| {
            plan.resource_changes.iter().filter(|change| change.actions == actions).count()
        };
        Self {
            create: count(&[Action::Create]),
            change: count(&[Action::Update]) + count(&[Action::Restore]),
            replace: count(&[Action::Delete, Action::Create]),
            delete: count(&[Action::Delete]),
            operations: plan.operations.len(),
            impact: plan.impact,
        }
    }
}

/// A confirmation that an apply waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirmation {
    /// Until when, in the form of RFC 3339.
    pub until: String,
    /// Whether somebody has confirmed it.
    pub confirmed: bool,
    /// The process that undoes it otherwise, once it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timer: Option<u32>,
}

/// How an apply ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// When, in the form of RFC 3339.
    pub at: String,
    /// How.
    pub ending: Ending,
    /// What failed, one sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<String>,
    /// The state that it left, where everything was verified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<State>,
}

/// The ways in which an apply ends, as JSON names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// Nothing was done.
    Refused,
    /// Everything is as desired, and was verified.
    Converged,
    /// It failed, and everything was undone.
    Undone,
    /// It failed, and what was done stays.
    Partial,
    /// It failed, and not everything could be undone.
    Incomplete,
}

impl Ending {
    /// The word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Converged => "converged",
            Self::Undone => "undone",
            Self::Partial => "partial",
            Self::Incomplete => "incomplete",
        }
    }

    /// The way in which an apply with this outcome has ended.
    #[must_use]
    pub const fn of(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Converged(_) => Self::Converged,
            Outcome::Undone(_) => Self::Undone,
            Outcome::Partial { .. } => Self::Partial,
            Outcome::Incomplete { .. } => Self::Incomplete,
        }
    }
}

impl End {
    /// Found at that time: nothing of it was left.
    #[must_use]
    pub const fn found_undone(at: String) -> Self {
        Self { at, ending: Ending::Undone, failures: Vec::new(), after: None }
    }

    /// The end of an apply with this outcome.
    #[must_use]
    pub fn of(outcome: &Outcome, at: String) -> Self {
        let after = match outcome {
            Outcome::Converged(verified) => Some(verified.state.clone()),
            _ => None,
        };
        let failures = outcome.failures().iter().map(Failure::sentence).collect();
        Self { at, ending: Ending::of(outcome), failures, after }
    }
}

impl Past {
    /// One that begins now, of a host in this state and with this record.
    #[must_use]
    pub fn begun(command: &str, number: u64, began: String, planned: Planned, host: (State, Record)) -> Self {
        let (before, record) = host;
        Self {
            format_version: FORMAT_VERSION.to_owned(),
            number,
            began,
            command: command.to_owned(),
            file: None,
            planned,
            confirmation: None,
            end: None,
            record,
            before,
        }
    }

    /// The boot it was on: what it did died with that kernel.
    #[must_use]
    pub fn boot_id(&self) -> &str {
        &self.before.volatile.0.boot_id
    }

    /// How it ended, in one word.
    #[must_use]
    pub fn ending(&self) -> &'static str {
        self.end.as_ref().map_or("unfinished", |end| end.ending.as_str())
    }

    /// Whether there is nothing of it left to undo.
    #[must_use]
    pub fn left_nothing(&self) -> bool {
        self.end.as_ref().is_some_and(|end| matches!(end.ending, Ending::Undone | Ending::Refused))
    }

    /// Whether it has a confirmation to wait for, and nobody has given it.
    #[must_use]
    pub fn awaits_confirmation(&self) -> bool {
        self.confirmation.as_ref().is_some_and(|confirmation| !confirmation.confirmed) && !self.left_nothing()
    }
}

/// The history cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// A file or folder cannot be read.
    #[error("the history {path} cannot be read")]
    File {
        /// Which.
        path: Utf8PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file is no history.
    #[error("the history {path} is damaged: {why}; it can be removed, and that apply cannot be undone then")]
    Malformed {
        /// Which.
        path: Utf8PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A file is of a later version of this program.
    #[error(
        "the history {path} has format {found}, and this program knows {FORMAT_VERSION}: use the newer subdevcfg"
    )]
    Newer {
        /// Which.
        path: Utf8PathBuf,
        /// Its version.
        found: String,
    },
}

/// Where the history is kept.
pub trait HistoryKeeper {
    /// Every apply that is remembered, the oldest first.
    ///
    /// # Errors
    /// When one of them cannot be read.
    fn history(&self) -> Result<Vec<Past>, HistoryError>;

    /// The last one.
    ///
    /// # Errors
    /// When it cannot be read.
    fn last(&self) -> Result<Option<Past>, HistoryError>;

    /// The number that the next one has.
    ///
    /// # Errors
    /// When what is there cannot be listed.
    fn next_number(&self) -> Result<u64, HistoryError>;

    /// Writes one down, in the place of what was written of it before. The oldest are forgotten.
    ///
    /// # Errors
    /// [`KeepError`].
    fn remember(&mut self, past: &Past) -> Result<(), KeepError>;

    /// Forgets one of which nothing was done.
    ///
    /// # Errors
    /// [`KeepError`] when it is still there.
    fn take_back(&mut self, number: u64) -> Result<(), KeepError>;
}

/// After so many boots in a row that did not finish an apply, nothing is changed by itself any more.
pub const UNFINISHED_BOOTS: usize = 3;

/// Whether the last boots before this one all ended in the middle of an apply: most likely it is what ended them. An
/// apply that ends, however it ends, takes that back; so one by hand does.
#[must_use]
pub fn boots_did_not_finish(history: &[Past], boot_id: &str) -> bool {
    let unfinished = history.iter().rev().take_while(|past| past.end.is_none());
    let boots: BTreeSet<&str> = unfinished.map(Past::boot_id).filter(|boot| *boot != boot_id).collect();
    boots.len() >= UNFINISHED_BOOTS
}

/// How many are remembered.
pub const REMEMBERED: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn past(boot: &str, ended: bool) -> Past {
        let mut before = State::empty();
        before.volatile.0.boot_id = boot.to_owned();
        let end = End { at: String::new(), ending: Ending::Partial, failures: Vec::new(), after: None };
        let begun = Past::begun("watch", 1, String::new(), Planned::default(), (before, Record::default()));
        Past { end: ended.then_some(end), ..begun }
    }

    #[test]
    fn three_boots_in_a_row_without_an_end_are_too_many() {
        let boots = |all: &[(&str, bool)]| -> Vec<Past> {
            all.iter().map(|(boot, ended)| past(boot, *ended)).collect()
        };
        let judged = |all: &[(&str, bool)]| boots_did_not_finish(&boots(all), "now");
        assert!(judged(&[("a", false), ("b", false), ("c", false)]));
        assert!(judged(&[("a", false), ("b", false), ("c", false), ("now", false)]));
        assert!(!judged(&[("b", false), ("c", false)]));
        // Killed thrice in one boot is no boot that hangs; and the one that runs is not over.
        assert!(!judged(&[("c", false), ("c", false), ("c", false)]));
        assert!(!judged(&[("b", false), ("c", false), ("now", false)]));
        // An apply by hand that ends takes it back.
        assert!(!judged(&[("a", false), ("b", false), ("c", false), ("now", true)]));
        assert!(!judged(&[("a", false), ("b", true), ("c", false), ("d", false)]));
    }
}
