//! Exit codes: the one list of them.

use std::process::ExitCode;

/// How a run ends. When several fit, the first of 64, 3, 4, 1, 2, 5, 0 is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Nothing to do and all readable; or converged and verified; or a plan was shown.
    Done = 0,
    /// Failed: bad input, no permission, a kernel error. If an apply had begun, everything was undone.
    Failed = 1,
    /// There are differences (`plan --detailed-exitcode`, `fmt --check`, `watch --once`).
    Differs = 2,
    /// Refused before anything was changed.
    Refused = 3,
    /// Something could not be read, could not be undone, or was left; the report says what.
    Incomplete = 4,
    /// Wrong usage.
    Usage = 64,
}

impl Exit {
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
