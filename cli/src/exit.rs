//! Exit codes: the one list of them.

use std::process::ExitCode;

/// How a run ends. When several fit, the first of [`Exit::PRECEDENCE`] is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Nothing to do and all readable; or converged and verified; or a plan was shown.
    Done = 0,
    /// Failed. If an apply had begun, everything was undone.
    Failed = 1,
    /// There are differences, and the command was asked for them.
    Differs = 2,
    /// Refused before anything was changed.
    Refused = 3,
    /// Something could not be read, could not be undone, or was left; the report says what.
    Incomplete = 4,
    /// All is as desired, and a part of it waits for a reboot.
    Pending = 5,
    /// Wrong usage.
    Usage = 64,
}

impl Exit {
    /// The first that fits is taken.
    const PRECEDENCE: [Self; 7] = [
        Self::Usage,
        Self::Refused,
        Self::Incomplete,
        Self::Failed,
        Self::Differs,
        Self::Pending,
        Self::Done,
    ];

    /// All with their meanings, as the help and the manual page list them.
    pub fn help() -> String {
        let line = |exit: Self| format!("- {}: {}", exit as u8, exit.meaning());
        format!("Exit codes:\n{}", Self::by_number().map(line).join("\n"))
    }

    fn by_number() -> [Self; 7] {
        let mut all = Self::PRECEDENCE;
        all.sort_by_key(|exit| *exit as u8);
        all
    }

    /// What it means.
    const fn meaning(self) -> &'static str {
        match self {
            Self::Done => "done and verified, or nothing to do, or a plan was shown",
            Self::Failed => {
                "failed: bad input, no permission, a kernel error; another run holds the lock; a record or history that is \
                 damaged; nothing to undo, to confirm, to forget. An apply that had begun was undone"
            }
            Self::Differs => {
                "there are differences: `plan --detailed-exitcode`, `diff`, `fmt --check`, `watch --once`"
            }
            Self::Refused => {
                "refused before anything was changed: a guard, something in the way, a file for another machine, a host that \
                 is not as it was planned for, nobody to ask, a no, an apply that waits for its confirmation, boots \
                 that did not finish one"
            }
            Self::Incomplete => {
                "incomplete: something could not be read, is not there yet, could not be undone, or was left by \
                 `--on-error`, and the report says what; `doctor` misses something"
            }
            Self::Pending => {
                "all is as it should be, and a permanent parameter that was written waits for a reboot (`plan`, `apply`, \
                 `destroy`, `undo`, `watch --once`)"
            }
            Self::Usage => "wrong usage",
        }
    }

    /// This way, or with differences if everything was well so far.
    pub const fn or_differs(self) -> Self {
        match self {
            Self::Done => Self::Differs,
            other => other,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    /// The section of the operator's manual. `INSTA_UPDATE=always` writes it.
    #[test]
    fn the_manual_has_these_codes() {
        let mut section = "## Exit codes\n\n| code | meaning |\n|---|---|\n".to_owned();
        for exit in Exit::by_number() {
            let _ = writeln!(section, "| {} | {} |", exit as u8, exit.meaning());
        }
        let numbers = Exit::PRECEDENCE.map(|exit| (exit as u8).to_string());
        let _ = writeln!(section, "\nWhen several fit, the first of {} is taken.", numbers.join(", "));
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/operations.md");
        let manual = std::fs::read_to_string(path).unwrap();
        let (before, rest) = manual.split_once("## Exit codes\n").unwrap();
        let after = rest.split_once("\n## ").map(|(_, after)| format!("\n## {after}")).unwrap_or_default();
        let wanted = format!("{before}{section}{after}");
        if std::env::var("INSTA_UPDATE").is_ok_and(|update| update == "always") {
            std::fs::write(path, &wanted).unwrap();
        }
        assert!(std::fs::read_to_string(path).unwrap() == wanted, "docs/operations.md is out of date");
    }
}
