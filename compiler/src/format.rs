//! The one form of host files: `subdevcfg fmt`.
//!
//! On the tokens, because they lose nothing: every comment and every spelling of a number stays. Four spaces a level, one
//! space between values, at most one empty line in a row; quotes go where a bare word says the same; a block stays on the
//! line of its node if it was written there and fits.

mod items;
mod print;
mod tree;

use camino::Utf8Path;

use crate::diagnostic::{Diagnostic, any_error, with_trails};
use crate::parse;
use crate::parse::lexer;
use crate::source::SourceMap;

/// Why a text has no form: it is not KDL.
#[derive(Debug, Clone)]
pub struct Unformed {
    /// The text.
    pub sources: SourceMap,
    /// What is wrong with it.
    pub diagnostics: Vec<Diagnostic>,
}

/// The text in the one form.
pub fn format(path: &Utf8Path, text: &str) -> Result<String, Box<Unformed>> {
    let mut sources = SourceMap::default();
    let source = sources.add(path, text.to_owned());
    let mut diagnostics = Vec::new();
    parse::parse(source, text, &mut diagnostics);
    if any_error(&diagnostics) {
        let diagnostics = with_trails(diagnostics, &sources);
        return Err(Box::new(Unformed { sources, diagnostics }));
    }
    let tokens = lexer::tokens(source, text, &mut Vec::new());
    let items = items::items(text, &tokens);
    Ok(print::print(&tree::tree(&items)))
}
