//! Characters that KDL 2.0 keeps out of files: what cannot be seen and changes what is seen.

use crate::diagnostic::{Code, Diagnostic};
use crate::source::{SourceId, Span};

/// Reports each run of characters that cannot stand in a file, comments included.
pub(super) fn check(source: SourceId, text: &str, diagnostics: &mut Vec<Diagnostic>) {
    let mut end_of_run = usize::MAX;
    for (at, character) in text.char_indices() {
        if !is_forbidden(character) {
            continue;
        }
        let end = at + character.len_utf8();
        if at != end_of_run {
            let message = format!(
                "the character U+{:04X} cannot stand in a file, nor in a comment",
                u32::from(character)
            );
            diagnostics.push(
                Diagnostic::new(Code::Syntax, message, Span::new(source, at, end), "cannot be seen here")
                    .help("remove it; in a quoted text it is written as `\\u{...}`"),
            );
        }
        end_of_run = end;
    }
}

/// Control characters, and marks that change the direction of text.
const fn is_forbidden(character: char) -> bool {
    matches!(
        character,
        '\0'..='\u{8}'
            | '\u{e}'..='\u{1f}'
            | '\u{7f}'
            | '\u{200e}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}'
    )
}
