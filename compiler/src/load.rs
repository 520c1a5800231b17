//! The first stage: a file becomes a source.

use std::io::ErrorKind;

use camino::Utf8Path;

use crate::diagnostic::{Code, Diagnostic};
use crate::source::{SourceId, SourceLoader, SourceMap, Span};

/// Loads the file. One that cannot be read is an empty source, so that there is a place to report it at.
pub(crate) fn load(
    path: &Utf8Path,
    loader: &dyn SourceLoader,
    sources: &mut SourceMap,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<SourceId> {
    let error = match loader.load(path) {
        Ok(text) => return Some(sources.add(path, text)),
        Err(error) => error,
    };
    let span = Span::new(sources.add(path, String::new()), 0, 0);
    let help = match error.kind() {
        ErrorKind::NotFound => "is the path right? It is taken from the directory that you are in",
        ErrorKind::PermissionDenied => "you may not read it",
        ErrorKind::InvalidData => "host files are UTF-8 text",
        _ => "the operating system said so",
    };
    let message = format!("`{path}` cannot be read: {error}");
    diagnostics.push(Diagnostic::new(Code::Unreadable, message, span, "this file").help(help));
    None
}
