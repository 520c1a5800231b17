//! `explain` and `schema`.

use subdevcfg_compiler::explain;
use subdevcfg_compiler::schema::Schema;
use subdevcfg_reconciler::schemas;

use crate::args::SchemaSubject;
use crate::error::CliError;
use crate::exit::Exit;
use crate::show;
use crate::sources;

/// Prints the page of a code, or what the schema says of a node or property.
pub fn explain(subject: &str) -> Result<Exit, CliError> {
    show::print(&explain::explain_with(subject, sources::catalogues())?)?;
    Ok(Exit::Done)
}

/// Prints a schema for programs.
pub fn schema(subject: SchemaSubject) -> Result<Exit, CliError> {
    match subject {
        SchemaSubject::State => show::print_json(&schemas::of_states())?,
        SchemaSubject::Plan => show::print_json(&schemas::of_plans())?,
        SchemaSubject::Language => show::print_json(Schema::language())?,
    }
    Ok(Exit::Done)
}
