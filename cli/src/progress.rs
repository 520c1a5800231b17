//! How an apply goes on, for the person who waits: one line an operation, on standard error.

use std::io::{self, IsTerminal as _, Write as _};

use subdevcfg_reconciler::apply::Progress;
use subdevcfg_reconciler::plan::Operation;

/// Writes lines; on a terminal each takes the place of the one before.
#[derive(Debug)]
pub struct Lines {
    terminal: bool,
    quiet: bool,
}

impl Lines {
    /// Progress for a person, or none where the output is for a program.
    pub fn new(quiet: bool) -> Self {
        Self { terminal: io::stderr().is_terminal(), quiet }
    }

    fn line(&self, text: &str) {
        if self.quiet {
            return;
        }
        let mut out = io::stderr();
        // Progress that cannot be written is no reason to stop an apply.
        let _ = if self.terminal { write!(out, "\r\x1b[K{text}") } else { writeln!(out, "{text}") };
        let _ = out.flush();
    }

    /// Ends the line that stands on the terminal.
    pub fn end(&self) {
        if self.terminal && !self.quiet {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}

impl Progress for Lines {
    fn begins(&mut self, operation: &Operation, total: usize) {
        self.line(&format!("[{}/{total}] {}", operation.id, operation.request));
    }

    fn undoes(&mut self, operation: &Operation) {
        self.line(&format!("undo of [{}] {}", operation.id, operation.request));
    }
}
