//! The order of tokens: what may follow what. The `kdl` crate calls itself once more for each thing in a wrong place
//! and runs out of stack after some ten thousand of them, so the text is in order before the crate sees it.

use super::lexer::{Kind, Token};
use crate::diagnostic::{Code, Diagnostic};
use crate::source::{SourceId, Span};

/// What can come next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// A node, by its name.
    Node,
    /// A value, a property, a block, or the end of the node. Whether the token before can be a property's name.
    Entry { key: bool },
    /// The value of a property.
    Value,
    /// The end of the node, or a further block when this one is switched off.
    AfterBlock { off: bool },
}

/// Reports each token in a wrong place, once.
pub(super) fn check(source: SourceId, text: &str, tokens: &[Token], diagnostics: &mut Vec<Diagnostic>) {
    let mut place = Place::Node;
    // The `/-` that came right before, and for each open block whether it was switched off so.
    let mut slashdash: Option<Token> = None;
    let mut blocks: Vec<bool> = Vec::new();
    let mut annotation = false;
    let mut before: Option<Token> = None;
    for &token in tokens {
        if let Some(slashdash) = slashdash.filter(|_| ends_without_target(text, token)) {
            diagnostics.push(nothing_off(source, slashdash));
        }
        let dashed = slashdash.is_some();
        let written = &text[token.start..token.end];
        let is_value = |kind| matches!(kind, Kind::Word | Kind::Quoted | Kind::Keyword);
        let touches = before.is_some_and(|before| is_value(before.kind) && before.end == token.start);
        let mut wrong = None;
        place = match (token.kind, place) {
            // Line ends may stand between `/-` and its target.
            (Kind::End, _) if dashed && written != ";" => {
                before = Some(token);
                continue;
            }
            (Kind::End, _) => {
                annotation = false;
                Place::Node
            }
            (Kind::Slashdash, place) => {
                wrong = touches.then_some(Wrong::Touching);
                place
            }
            (Kind::Paren, place) => {
                wrong = match written {
                    "(" => Some(Wrong::Annotation),
                    _ if annotation => None,
                    _ => Some(Wrong::Misplaced),
                };
                annotation = written == "(";
                place
            }
            (Kind::Word | Kind::Quoted, place) if annotation => place,
            (Kind::Open, place) => {
                let fits = matches!(place, Place::Entry { .. } | Place::AfterBlock { off: true })
                    || place == Place::AfterBlock { off: false } && dashed;
                wrong = (!fits && place != Place::Value).then_some(Wrong::NoNode);
                blocks.push(dashed);
                Place::Node
            }
            (Kind::Close, _) => Place::AfterBlock { off: blocks.pop().unwrap_or_default() },
            (Kind::Equals, Place::Entry { key: true }) => Place::Value,
            (Kind::Equals, place) => {
                // An `=` without a value before it has been reported.
                wrong = (place != Place::Value).then_some(Wrong::NoKey);
                Place::Value
            }
            (Kind::Keyword, Place::Node) => {
                wrong = Some(Wrong::NotAName);
                Place::Entry { key: false }
            }
            (Kind::Word | Kind::Quoted, Place::Node) => Place::Entry { key: false },
            (_, Place::AfterBlock { .. }) => {
                wrong = Some(Wrong::AfterBlock);
                Place::Entry { key: false }
            }
            (kind, place) => {
                wrong = touches.then_some(Wrong::Touching);
                Place::Entry { key: kind != Kind::Keyword && place != Place::Value }
            }
        };
        slashdash = Some(token).filter(|token| token.kind == Kind::Slashdash);
        before = Some(token);
        if let Some(wrong) = wrong {
            let span = Span::new(source, token.start, token.end);
            diagnostics.push(wrong.diagnostic(written, span));
        }
    }
    diagnostics.extend(slashdash.map(|slashdash| nothing_off(source, slashdash)));
}

/// Whether a `/-` right before this token has nothing to switch off.
fn ends_without_target(text: &str, token: Token) -> bool {
    matches!(token.kind, Kind::Close | Kind::Slashdash) || text[token.start..token.end] == *";"
}

fn nothing_off(source: SourceId, slashdash: Token) -> Diagnostic {
    let span = Span::new(source, slashdash.start, slashdash.end);
    Diagnostic::new(Code::Syntax, "this `/-` switches nothing off", span, "nothing after it")
        .help("it stands before the node, the value or the block that is to be switched off")
}

/// What is wrong with a token where it stands.
#[derive(Debug, Clone, Copy)]
enum Wrong {
    Touching,
    Annotation,
    Misplaced,
    NoNode,
    NoKey,
    NotAName,
    AfterBlock,
}

impl Wrong {
    fn diagnostic(self, written: &str, span: Span) -> Diagnostic {
        let (message, label, help) = match self {
            Self::Annotation => {
                let message = "type annotations mean nothing here";
                return Diagnostic::new(Code::TypeAnnotation, message, span, "an annotation begins")
                    .help("remove it with its parentheses; a text that begins with `(` needs quotes");
            }
            Self::Touching => (
                "this runs into the value before it",
                "no space before it",
                "write a space between two values, or quotes around the whole of one",
            ),
            Self::Misplaced => {
                let message = format!("`{written}` cannot stand here");
                return Diagnostic::new(Code::Syntax, message, span, "not understood")
                    .help("a text that holds it needs quotes");
            }
            Self::NoNode => (
                "this block belongs to no node",
                "no node before it",
                "a `;`, a line end or a `}` finished the node above: write the `{` on the node's own line",
            ),
            Self::NoKey => (
                "this `=` has no name of a property before it",
                "a property of which node?",
                "a line begins with the name of a node, and its value follows without `=`; a property, NAME=VALUE, stands on \
                 the line of its node, which a `\\` at its end continues",
            ),
            Self::NotAName => (
                "this cannot be the name of a node",
                "not a name",
                "a line begins with the name of a node; continue the line above with a `\\` at its end",
            ),
            Self::AfterBlock => (
                "after a `}` the next node begins on a new line",
                "on the line of the block before",
                "write a line end or a `;` before it; values and properties stand before the block",
            ),
        };
        Diagnostic::new(Code::Syntax, message, span, label).help(help)
    }
}
