//! Braces: partners, depth, and where a block without an end most likely ends.

use super::MAX_DEPTH;
use super::lexer::{Kind, Token};
use crate::diagnostic::{Code, Diagnostic};
use crate::source::{SourceId, Span};

/// What the braces of a text say about its blocks.
#[derive(Debug, Default)]
pub(super) struct Braces {
    /// The first brace that seems to lack its partner.
    pub unclosed: Option<Token>,
    /// Whether a `}` closes nothing: a block before it ended too early.
    pub stray: bool,
}

/// Pairs the braces and reports those without a partner, and blocks nested too deep.
pub(super) fn check(
    source: SourceId,
    text: &str,
    tokens: &[Token],
    diagnostics: &mut Vec<Diagnostic>,
) -> Braces {
    let span = |token: Token| Span::new(source, token.start, token.end);
    // Each open block: its brace and its line's indent.
    let mut open: Vec<(Token, usize)> = Vec::new();
    let mut lines = Lines::new(text);
    let mut too_deep = false;
    let mut stray = false;
    let mut suspect: Option<Token> = None;
    // The first block that ends further to the right than it begins: its end.
    let mut early: Option<Token> = None;
    for &token in tokens {
        match token.kind {
            Kind::Open => {
                if open.len() >= MAX_DEPTH && !too_deep {
                    too_deep = true;
                    let message = format!("blocks are nested more than {MAX_DEPTH} deep");
                    diagnostics.push(
                        Diagnostic::new(Code::TooDeep, message, span(token), "too deep from here on")
                            .help("no node of the language needs more than six levels"),
                    );
                }
                open.push((token, lines.indent(token.start)));
            }
            Kind::Close => {
                let indent = lines.indent(token.start);
                match open.pop() {
                    None => {
                        stray = true;
                        diagnostics.push(closes_nothing(span(token), early.take().map(span)));
                    }
                    // A block that ends further to the left than it begins lacks its own `}`: this one was meant for a
                    // block around it.
                    Some((brace, begun)) if lines.start + indent == token.start && indent < begun => {
                        suspect = suspect.or(Some(brace));
                    }
                    Some((_, begun)) if lines.start + indent == token.start && indent > begun => {
                        early = early.or(Some(token));
                    }
                    // A block at the margin that ends there: what is in it is balanced.
                    Some((_, 0)) if open.is_empty() && indent == 0 => early = None,
                    Some(_) => {}
                }
            }
            _ => {}
        }
    }
    let unclosed = open.first().map(|&(brace, _)| suspect.unwrap_or(brace));
    if let Some(brace) = unclosed {
        let message = "this block is never closed";
        diagnostics.push(
            Diagnostic::new(Code::UnbalancedBlock, message, span(brace), "no `}` for this brace")
                .help("write `}` where the block ends; if there is one, a block inside it is open"),
        );
    }
    Braces { unclosed, stray }
}

/// A `}` without a partner, and the one before it that was probably too many.
fn closes_nothing(span: Span, early: Option<Span>) -> Diagnostic {
    let message = "this `}` closes no block";
    let diagnostic = Diagnostic::new(Code::UnbalancedBlock, message, span, "no `{` is open here");
    match early {
        Some(early) => diagnostic
            .and(early, "ends a block that begins further to the left")
            .help("by its indent, the `}` above is the one too many"),
        None => diagnostic.help("remove it, or look above for a block that ends too early"),
    }
}

/// The tokens with an end for the block that has none, so that what stands after it is understood all the same: before
/// the next line that is indented no further than the line of its brace, if the braces are paired then. Else all from
/// the brace on is left out.
pub(super) fn close(source: SourceId, text: &str, tokens: &[Token], brace: Token) -> Vec<Token> {
    let mut lines = Lines::new(text);
    let begun = lines.indent(brace.start);
    let brace_at = tokens.partition_point(|token| token.start <= brace.start);
    let ends = |token: &Token| {
        let indent = lines.indent(token.start);
        token.kind != Kind::End && lines.start + indent == token.start && indent <= begun
    };
    if let Some(after) = tokens[brace_at..].iter().position(ends) {
        let (before, after) = tokens.split_at(brace_at + after);
        let end = after.first().map_or(text.len(), |token| token.start);
        let guessed = Token { kind: Kind::Close, start: end, end };
        let line_end = Token { kind: Kind::End, start: end, end };
        let closed = [before, &[guessed, line_end], after].concat();
        let mut none = Vec::new();
        let braces = check(source, text, &closed, &mut none);
        if braces.unclosed.is_none() && !braces.stray {
            return closed;
        }
    }
    tokens[..brace_at].to_vec()
}

/// The lines of a text, for places that only move forward: each line is read once, however long it is.
pub(super) struct Lines<'a> {
    text: &'a str,
    pub start: usize,
    indent: usize,
    /// Up to where line ends have been looked for.
    seen: usize,
}

impl<'a> Lines<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let mut lines = Self { text, start: 0, indent: 0, seen: 0 };
        lines.begin(0);
        lines
    }

    fn begin(&mut self, start: usize) {
        let rest = &self.text[start..];
        self.start = start;
        self.indent = rest.len() - rest.trim_start_matches([' ', '\t']).len();
    }

    /// The width of the white space before the line of that byte.
    pub(super) fn indent(&mut self, at: usize) -> usize {
        if let Some(end) = self.text[self.seen..at].rfind('\n') {
            self.begin(self.seen + end + 1);
        }
        self.seen = at;
        self.indent
    }
}
