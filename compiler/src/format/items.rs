//! The tokens with what stands between them: comments and joined lines.

use crate::parse::lexer::{Kind, Token, is_newline};

/// A piece of the text, in its order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Item<'a> {
    /// A name, a value, or `=`.
    Token(Kind, &'a str),
    /// `{`
    Open,
    /// `}`
    Close,
    /// `/-`
    Slashdash,
    /// `;`
    Semicolon,
    /// A line end that is not escaped.
    LineEnd,
    /// `// ...`
    LineComment(&'a str),
    /// `/* ... */`
    BlockComment(&'a str),
    /// A backslash that joins the next line.
    Join,
}

/// Every piece of a text without errors.
pub(super) fn items<'a>(text: &'a str, tokens: &[Token]) -> Vec<Item<'a>> {
    let mut items = Vec::with_capacity(tokens.len());
    let mut at = 0;
    for token in tokens {
        between(&text[at..token.start], &mut items);
        let written = &text[token.start..token.end];
        // The two characters of one line end are two tokens.
        let second_half = written == "\n" && text[..token.start].ends_with('\r');
        items.extend(match token.kind {
            Kind::Open => Some(Item::Open),
            Kind::Close => Some(Item::Close),
            Kind::Slashdash => Some(Item::Slashdash),
            Kind::End if written == ";" => Some(Item::Semicolon),
            Kind::End => Some(Item::LineEnd).filter(|_| !second_half),
            kind => Some(Item::Token(kind, written)),
        });
        at = token.end;
    }
    between(&text[at..], &mut items);
    items
}

/// What stands between two tokens: white space, comments, and backslashes.
fn between<'a>(mut text: &'a str, items: &mut Vec<Item<'a>>) {
    while let Some(first) = text.chars().next() {
        let length = if text.starts_with("//") {
            let length = text.find(is_newline).unwrap_or(text.len());
            items.push(Item::LineComment(text[..length].trim_end()));
            length
        } else if text.starts_with("/*") {
            let length = comment(text);
            items.push(Item::BlockComment(&text[..length]));
            length
        } else {
            items.extend((first == '\\').then_some(Item::Join));
            first.len_utf8()
        };
        text = &text[length..];
    }
}

/// The length of the comment that the text begins with, and those in it.
fn comment(text: &str) -> usize {
    let mut open = 0_usize;
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        if rest.starts_with("/*") {
            open += 1;
            at += 2;
        } else if rest.starts_with("*/") {
            open = open.saturating_sub(1);
            at += 2;
            if open == 0 {
                break;
            }
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    at
}
