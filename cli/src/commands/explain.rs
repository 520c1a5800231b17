//! `subdevcfg explain`.

use subdevcfg_compiler::explain;
use subdevcfg_compiler::schema::Schema;

use crate::error::CliError;
use crate::exit::Exit;
use crate::show;
use crate::sources;

/// Prints the page of a code, or what the schema says of a node or property; without a subject, the schema.
pub fn explain(subject: Option<&str>) -> Result<Exit, CliError> {
    match subject {
        Some(subject) => show::print(&explain::explain_with(subject, sources::catalogues())?)?,
        None => show::print_json(Schema::language())?,
    }
    Ok(Exit::Done)
}
