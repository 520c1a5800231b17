//! Text to [`syntax::Document`](crate::syntax::Document): a linear pass of our own over the tokens, then the `kdl` crate.
//!
//! The own pass is there because the crate's parser needs exponential time on nested `/-{`, overflows the stack on deep
//! nesting, and gives up on the rest of a file at a property without a value. It finds those, and the mistakes that
//! people make most; the crate sees only text that passed.

mod convert;
mod grammar;
mod lexer;
mod traps;

use kdl::KdlDocument;

use crate::diagnostic::{Code, Diagnostic, any_error};
use crate::source::{SourceId, Span};
use crate::syntax::Document;

/// Largest file, in bytes. A host with ten thousand subdevices needs about one mebibyte.
const MAX_BYTES: usize = 16 << 20;

/// Deepest nesting of blocks, and of comments. The language itself needs six levels.
const MAX_DEPTH: usize = 64;

/// Parses one file. With any syntax error there is no document.
pub(crate) fn parse(source: SourceId, text: &str, diagnostics: &mut Vec<Diagnostic>) -> Option<Document> {
    let start = Span { source, start: 0, end: 0 };
    if text.len() > MAX_BYTES {
        let message = format!("the file has {} bytes; at most {MAX_BYTES} are read", text.len());
        diagnostics.push(
            Diagnostic::new(Code::TooLarge, message, start, "this file")
                .help("one file describes one host; split what is for several"),
        );
        return None;
    }
    let mut found = Vec::new();
    let tokens = lexer::tokens(source, text, &mut found);
    // Braces after a string without an end cannot be told from text.
    let whole = !any_error(&found);
    traps::check(source, text, &tokens, whole, &mut found);
    if !any_error(&found) {
        grammar::check(source, text, &tokens, &mut found);
    }
    if any_error(&found) {
        diagnostics.append(&mut found);
        return None;
    }
    match KdlDocument::parse_v2(text) {
        Ok(document) => Some(convert::document(source, text, &document)),
        Err(error) => {
            diagnostics.extend(convert::errors(source, text, &error));
            None
        }
    }
}
