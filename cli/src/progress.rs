//! How an apply goes on, on standard error: for the person who waits, or for a program that does.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::Instant;

use serde::Serialize;
use subdevcfg_reconciler::apply::Progress;
use subdevcfg_reconciler::kernel::Request;
use subdevcfg_reconciler::plan::Operation;

use crate::args::{Format, LogFormat};

/// Writes a line an operation; on a terminal each takes the place of the one before.
#[derive(Debug)]
pub struct Lines {
    to: To,
    started: Instant,
}

/// Who reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum To {
    Terminal,
    Person,
    Program,
    Nobody,
}

/// What a program reads: one object a line.
#[derive(Serialize)]
struct Told<'a> {
    /// `operation` or `undo`.
    event: &'static str,
    /// The operation's number in the plan.
    operation: usize,
    /// How many there are; of an undo nobody knows that yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<usize>,
    address: &'a str,
    /// What is asked of the kernel, in words and as in the plan.
    words: String,
    request: &'a Request,
    /// Milliseconds since the first one.
    elapsed_ms: u128,
}

impl Lines {
    /// Progress in this form; none for people where the output is for a program.
    pub fn new(form: LogFormat, output: Format) -> Self {
        let to = match (form, output) {
            (LogFormat::Json, _) => To::Program,
            (LogFormat::Human, Format::Json) => To::Nobody,
            (LogFormat::Human, Format::Human) if io::stderr().is_terminal() => To::Terminal,
            (LogFormat::Human, Format::Human) => To::Person,
        };
        Self { to, started: Instant::now() }
    }

    fn write(&self, operation: &Operation, total: Option<usize>) {
        let Operation { id, request, address, .. } = operation;
        let elapsed = self.started.elapsed();
        let words = match total {
            Some(total) => format!("[{id}/{total}] {request}"),
            None => format!("undo of [{id}] {request}"),
        };
        let line = match self.to {
            To::Nobody => return,
            To::Person => words + "\n",
            To::Terminal => format!("\r\x1b[K{words}   {} s", elapsed.as_secs()),
            To::Program => {
                let told = Told {
                    event: if total.is_some() { "operation" } else { "undo" },
                    operation: *id,
                    total,
                    address,
                    words: request.to_string(),
                    request,
                    elapsed_ms: elapsed.as_millis(),
                };
                // What is in a plan can be written as JSON.
                serde_json::to_string(&told).unwrap_or_default() + "\n"
            }
        };
        // In one piece, for standard error has no buffer. Progress that cannot be written is no reason to stop an apply.
        let _ = io::stderr().write_all(line.as_bytes());
    }

    /// Ends the line that stands on the terminal.
    pub fn end(&self) {
        if self.to == To::Terminal {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}

impl Progress for Lines {
    fn begins(&mut self, operation: &Operation, total: usize) {
        self.write(operation, Some(total));
    }

    fn undoes(&mut self, operation: &Operation) {
        self.write(operation, None);
    }
}
