//! Text to [`syntax::Document`](crate::syntax::Document): a linear pass of our own over the tokens, then the `kdl` crate
//! for the line of each node.
//!
//! The crate gives a tree or errors, never both; it needs exponential time on nested `/-{`, overflows the stack on deep
//! nesting, and gives up on the rest of a text at a property without a value. So blocks are our own work: the tokens say
//! which nodes there are, and a mistake costs the one node that it is in. The crate reads names and values, and sees no
//! line that the own pass has refused.

mod braces;
mod characters;
mod convert;
mod grammar;
pub(crate) mod lexer;
mod pieces;
mod traps;

use std::ops::Range;

use crate::diagnostic::{Code, Diagnostic};
use crate::source::{SourceId, Span};
use crate::syntax::Document;

use lexer::Kind;
use pieces::Piece;

/// Largest file, in bytes. A host with ten thousand subdevices needs about one mebibyte.
const MAX_BYTES: usize = 16 << 20;

/// Deepest nesting of blocks, and of comments. The language itself needs six levels.
const MAX_DEPTH: usize = 64;

/// Parses one file: what can be understood of it. What cannot is reported and marked in the document.
pub(crate) fn parse(source: SourceId, text: &str, diagnostics: &mut Vec<Diagnostic>) -> Document {
    let start = Span::new(source, 0, 0);
    let mut document = Document { span: start, nodes: Vec::new(), incomplete: false };
    if text.len() > MAX_BYTES {
        let message = format!("the file has {} bytes; at most {MAX_BYTES} are read", text.len());
        diagnostics.push(
            Diagnostic::new(Code::TooLarge, message, start, "this file")
                .help("one file describes one host; split what is for several"),
        );
        document.incomplete = true;
        return document;
    }
    let mut found = Vec::new();
    let mut tokens = lexer::tokens(source, text, &mut found);
    if let Some(brace) =
        tokens.iter().find(|token| token.kind != Kind::End).filter(|first| first.kind == Kind::Open)
    {
        diagnostics.push(other_notation(Span::new(source, brace.start, brace.end)));
        document.incomplete = true;
        return document;
    }
    // A string or comment without an end may have swallowed braces: then only what is certain is said of them.
    let whole = found.iter().all(|diagnostic| diagnostic.code != Code::Unterminated);
    characters::check(source, text, &mut found);
    traps::check(source, text, &tokens, &mut found);
    let mut of_braces = Vec::new();
    let braces = braces::check(source, text, &tokens, &mut of_braces);
    let mut of_order = Vec::new();
    grammar::check(source, text, &tokens, &mut of_order);
    let guessed = braces.unclosed.map(|brace| {
        tokens = braces::close(source, text, &tokens, brace);
        brace.start
    });
    let mut pieces = pieces::pieces(text, &tokens, guessed);
    if braces.stray {
        document.incomplete = true;
        drop_indented(text, &mut pieces);
    }

    // One mistake a node: what the tokens say of a line in which one was found is most likely of the same.
    let heads = pieces::heads(&pieces);
    let wrong = Wrong::new(&found);
    of_order.retain(|diagnostic| {
        let at = diagnostic.primary.span.start;
        let head = heads.partition_point(|head| head.start <= at).checked_sub(1).map(|place| &heads[place]);
        !head.is_some_and(|head| head.contains(&at) && wrong.within(head))
    });
    found.append(&mut of_order);
    found
        .extend(of_braces.into_iter().filter(|diagnostic| whole || diagnostic.code != Code::UnbalancedBlock));
    let wrong = Wrong::new(&found);
    diagnostics.append(&mut found);

    let mut nodes = convert::Convert { source, text, wrong: &wrong, diagnostics };
    let (nodes, all) = nodes.nodes(&pieces);
    document.nodes = nodes;
    document.incomplete |= !all;
    document
}

/// A file that begins with a block: whatever else is wrong with it follows from that.
fn other_notation(span: Span) -> Diagnostic {
    let message = "a file begins with a node, not with a block";
    Diagnostic::new(Code::Syntax, message, span, "no node before it").help(
        "host files are KDL and no JSON: a line is the name of a node and its values, then perhaps a block",
    )
}

/// What a file is, by the nodes at its top.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// The file of a host.
    Host,
    /// A file of the language without a `host`.
    Fragment,
    /// Something else that is KDL.
    Other,
}

/// What a file is. One that cannot be read as far as that counts as a host's, so that somebody says why.
#[must_use]
pub fn kind(text: &str) -> FileKind {
    let mut found = Vec::new();
    if text.len() > MAX_BYTES {
        return FileKind::Host;
    }
    let source = crate::source::SourceMap::default().add("", String::new());
    let tokens = lexer::tokens(source, text, &mut found);
    let pieces = pieces::pieces(text, &tokens, None);
    let names = || {
        let names =
            pieces.iter().filter(|piece| !piece.off).map(|piece| &text[piece.first.start..piece.first.end]);
        names.map(|name| name.trim_matches('"'))
    };
    if names().any(|name| name == "host") {
        FileKind::Host
    } else if names().any(|name| name == "subdevcfg") {
        if found.is_empty() { FileKind::Fragment } else { FileKind::Host }
    } else {
        FileKind::Other
    }
}

/// The places where something is wrong, in order.
struct Wrong(Vec<usize>);

impl Wrong {
    fn new(diagnostics: &[Diagnostic]) -> Self {
        let mut places: Vec<_> = diagnostics.iter().map(|diagnostic| diagnostic.primary.span.start).collect();
        places.sort_unstable();
        Self(places)
    }

    fn within(&self, range: &Range<usize>) -> bool {
        let first = self.0.partition_point(|&place| place < range.start);
        self.0.get(first).is_some_and(|&place| place < range.end)
    }
}

/// After a `}` too many, what is indented was meant for a block that ended too early.
fn drop_indented(text: &str, pieces: &mut Vec<Piece>) {
    let mut lines = braces::Lines::new(text);
    pieces.retain(|piece| lines.indent(piece.head.start) == 0);
}
