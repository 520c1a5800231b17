//! What people and programs get to see. Data goes to standard output, everything else to standard error.

mod alike;
mod changes;
mod drift;
mod layout;
pub mod markdown;
pub mod past;
pub mod picture;
pub mod plan;
pub mod reboot;
pub mod state;

use std::error::Error;
use std::fmt::Write as _;
use std::io::{self, IsTerminal as _, Write as _};

use serde::Serialize;
use subdevcfg_reconciler::apply::Failure;
use subdevcfg_reconciler::kernel::RequestError;

use crate::error::CliError;

/// The width of text: the terminal's is not asked, because a plan must be the same in a log.
pub const fn width() -> usize {
    100
}

/// Whether standard output takes colour. No meaning is by colour alone.
pub fn color_on_stdout() -> bool {
    io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none()
}

/// Whether standard error takes colour.
pub fn color_on_stderr() -> bool {
    io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none()
}

/// Writes text to standard output. A reader that has seen enough (`| head`) is no error, and must not change how a run
/// ends.
pub fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

/// Writes a value as JSON to standard output.
pub fn print_json<T: Serialize>(value: &T) -> Result<(), CliError> {
    let mut text = serde_json::to_string_pretty(value)?;
    text.push('\n');
    Ok(print(&text)?)
}

/// Writes an error with its causes and what to do next.
pub fn error(error: &CliError) {
    // Writing to a string cannot fail.
    let mut text = format!("error: {error}\n");
    for cause in causes(error) {
        let _ = writeln!(text, "  because: {cause}");
    }
    if let Some(help) = miette::Diagnostic::help(error) {
        let _ = writeln!(text, "  help: {help}");
    }
    // Nothing better can be done about a closed standard error.
    let _ = io::stderr().write_all(text.as_bytes());
}

/// An error with its causes and what to do next, in one line.
pub fn sentence(error: &CliError) -> String {
    let help = miette::Diagnostic::help(error).map(|help| format!(" ({help})")).unwrap_or_default();
    format!("{}{help}", with_causes(error))
}

/// An error with its causes, in one line.
pub fn with_causes(error: &dyn Error) -> String {
    let parts: Vec<String> = std::iter::once(error.to_string()).chain(causes(error)).collect();
    parts.join(": ")
}

/// Writes what is worth knowing beside the answer to standard error.
pub fn note(text: &str) {
    // Nothing better can be done about a closed standard error.
    let _ = io::stderr().write_all(text.as_bytes());
}

/// Writes why an apply failed, with the kernel's own words.
pub fn failure(failure: &Failure) {
    let mut text = format!("FAILED: {failure}\n");
    if let Failure::Operation { address, source, .. } = failure {
        let _ = writeln!(text, "  at: {address}\n  the kernel says: {source}");
        if let RequestError::Refused { file: Some(file), .. } = source {
            let _ = writeln!(text, "  writing to: {file}");
        }
        if let Some(message) = source.kernel_message() {
            let _ = writeln!(text, "  in its own words: {message}");
        }
    } else {
        for cause in causes(failure) {
            let _ = writeln!(text, "  because: {cause}");
        }
    }
    let _ = io::stderr().write_all(text.as_bytes());
}

fn causes(error: &dyn Error) -> impl Iterator<Item = String> {
    std::iter::successors(error.source(), |cause: &&dyn Error| (*cause).source()).map(ToString::to_string)
}
