//! `subdevcfg explain`.

use subdevcfg_compiler::explain;

use crate::error::CliError;
use crate::exit::Exit;
use crate::show;

/// Prints the page of a code, or what the schema says of a node or property.
pub fn explain(subject: &str) -> Result<Exit, CliError> {
    show::print(&explain::explain(subject)?)?;
    Ok(Exit::Done)
}
