//! The tokens of KDL 2.0, as far as the checks before the parser need them: where strings and comments begin and end,
//! and what stands between them. One pass, no recursion.

use super::MAX_DEPTH;
use crate::diagnostic::{Code, Diagnostic};
use crate::source::{SourceId, Span};

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A run of characters that is not any of the others: an identifier, a number, or something that is neither.
    Word,
    /// A string in quotes of any form.
    Quoted,
    /// `#` and the word after it.
    Keyword,
    /// `=`
    Equals,
    /// `{`
    Open,
    /// `}`
    Close,
    /// `(` or `)`
    Paren,
    /// `;` or a line end that is not escaped.
    End,
    /// `/-`
    Slashdash,
}

/// A token: a byte range of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token {
    pub kind: Kind,
    pub start: usize,
    pub end: usize,
}

/// All tokens of a text. What has no end is reported.
pub(crate) fn tokens(source: SourceId, text: &str, diagnostics: &mut Vec<Diagnostic>) -> Vec<Token> {
    let mut lexer = Lexer { source, text, at: 0, tokens: Vec::new(), diagnostics };
    while lexer.at < text.len() {
        lexer.step();
    }
    lexer.tokens
}

struct Lexer<'a> {
    source: SourceId,
    text: &'a str,
    at: usize,
    tokens: Vec<Token>,
    diagnostics: &'a mut Vec<Diagnostic>,
}

/// Line ends of KDL 2.0.
pub(crate) const fn is_newline(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{85}' | '\u{b}' | '\u{c}' | '\u{2028}' | '\u{2029}')
}

/// The length of a `{...}` that belongs to the word before it.
fn inserted(word: &str, rest: &str) -> Option<usize> {
    let body = rest.strip_prefix('{').filter(|_| word.ends_with('$'))?;
    let end = body.find(|c: char| is_newline(c) || matches!(c, '{' | '}' | '"' | ';'))?;
    body[end..].starts_with('}').then_some(end + 2)
}

impl Lexer<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn push(&mut self, kind: Kind, start: usize) {
        self.tokens.push(Token { kind, start, end: self.at });
    }

    fn single(&mut self, kind: Kind, length: usize) {
        let start = self.at;
        self.at += length;
        self.push(kind, start);
    }

    fn step(&mut self) {
        let start = self.at;
        let rest = self.rest();
        let Some(first) = rest.chars().next() else { return };
        match first {
            '=' => self.single(Kind::Equals, 1),
            '{' => self.single(Kind::Open, 1),
            '}' => self.single(Kind::Close, 1),
            '(' | ')' => self.single(Kind::Paren, 1),
            ';' => self.single(Kind::End, 1),
            '/' if rest.starts_with("/-") => self.single(Kind::Slashdash, 2),
            '/' if rest.starts_with("//") => self.skip_line(),
            '/' if rest.starts_with("/*") => self.skip_comment(),
            '\\' => self.skip_escaped_line(),
            '"' => {
                self.quoted();
                self.push(Kind::Quoted, start);
            }
            '#' => self.hash(),
            c if is_newline(c) => self.single(Kind::End, c.len_utf8()),
            c if c.is_whitespace() || c == '\u{feff}' => self.at += c.len_utf8(),
            _ => self.word(),
        }
    }

    fn word(&mut self) {
        let start = self.at;
        loop {
            let rest = self.rest();
            let length = rest.char_indices().find(|&(at, c)| {
                is_newline(c)
                    || c.is_whitespace()
                    || matches!(c, '=' | '{' | '}' | '(' | ')' | ';' | '"' | '#' | '\\')
                    || (c == '/' && rest[at + 1..].starts_with(['/', '*', '-']))
            });
            // A word is at least one character, or the pass would not move.
            let length = length.map_or(rest.len(), |(at, _)| at);
            let first = if self.at == start { rest.chars().next().map_or(0, char::len_utf8) } else { 0 };
            let length = length.max(first);
            self.at += length;
            // `${...}` without quotes: to KDL a value and a block, to whoever wrote it one word.
            let Some(inserted) = inserted(&self.text[start..self.at], self.rest()) else { break };
            self.at += inserted;
        }
        self.push(Kind::Word, start);
    }

    /// `#true`, or a raw string.
    fn hash(&mut self) {
        let start = self.at;
        let rest = self.rest();
        let hashes = rest.bytes().take_while(|&byte| byte == b'#').count();
        let after = &rest[hashes..];
        if !after.starts_with('"') {
            let word = after.find(|c: char| !c.is_alphanumeric() && c != '-' && c != '_');
            self.at += hashes + word.unwrap_or(after.len());
            self.push(Kind::Keyword, start);
            return;
        }
        let many = after.strip_prefix("\"\"\"").is_some_and(|body| body.starts_with(is_newline));
        let quotes = if many { "\"\"\"" } else { "\"" };
        let end = format!("{quotes}{}", "#".repeat(hashes));
        let body = &after[quotes.len()..];
        // Character by character on one line: to look for the line's end first would read a long line again and again.
        let is_end = |at: usize| body[at..].starts_with(&end);
        let stop = body.char_indices().find(|&(at, c)| is_end(at) || !many && is_newline(c));
        let length = stop.filter(|&(at, _)| is_end(at)).map(|(at, _)| at);
        let stop = stop.map_or(body.len(), |(at, _)| at);
        let opening = self.at..self.at + hashes + quotes.len();
        self.at = opening.end + length.map_or(stop, |length| length + end.len());
        if length.is_none() {
            self.unterminated(opening.start, opening.end, "raw string", &end, many);
            self.spare_brace(opening.end, many);
        }
        self.push(Kind::Quoted, start);
    }

    fn quoted(&mut self) {
        let start = self.at;
        let many = self.rest().starts_with("\"\"\"");
        let quotes = if many { "\"\"\"" } else { "\"" };
        self.at += quotes.len();
        loop {
            let rest = self.rest();
            if rest.starts_with(quotes) {
                self.at += quotes.len();
                return;
            }
            match rest.chars().next() {
                // An escape: of one character, or of white space up to and over line ends.
                Some('\\') => {
                    let escaped = rest[1..].chars().next();
                    self.at += 1 + escaped.map_or(0, char::len_utf8);
                    if escaped.is_some_and(char::is_whitespace) {
                        self.at += self.rest().len() - self.rest().trim_start().len();
                    }
                }
                Some(c) if many || !is_newline(c) => self.at += c.len_utf8(),
                _ => {
                    self.unterminated(start, start + quotes.len(), "string", quotes, many);
                    return self.spare_brace(start + quotes.len(), many);
                }
            }
        }
    }

    /// A brace at the end of a line was most likely not meant for the string without an end that swallowed it.
    fn spare_brace(&mut self, from: usize, many: bool) {
        let before = self.text[from..self.at].trim_end().strip_suffix('{');
        if let Some(before) = before.filter(|_| !many) {
            self.at = from + before.len();
        }
    }

    fn unterminated(&mut self, start: usize, end: usize, what: &str, closing: &str, many: bool) {
        let span = Span::new(self.source, start, end);
        let place = if many { "the file" } else { "the line" };
        let message = format!("this {what} has no end: {place} is over before a `{closing}`");
        let escaped = what == "string" && self.text[end..self.at].contains("\\\"");
        let help = if escaped {
            "`\\\"` is a quote within the text and does not end it: a backslash is written `\\\\`".to_owned()
        } else {
            format!("write `{closing}` where it ends")
        };
        self.diagnostics.push(Diagnostic::new(Code::Unterminated, message, span, "begins here").help(help));
    }

    fn skip_line(&mut self) {
        self.at += self.rest().find(is_newline).unwrap_or(self.rest().len());
    }

    fn skip_comment(&mut self) {
        let start = self.at;
        let mut open = 0_usize;
        loop {
            let rest = self.rest();
            if rest.starts_with("/*") {
                open += 1;
                // The parser calls itself for each level.
                if open == MAX_DEPTH + 1 {
                    let span = Span::new(self.source, self.at, self.at + 2);
                    let message = format!("comments are nested more than {MAX_DEPTH} deep");
                    self.diagnostics.push(Diagnostic::new(
                        Code::TooDeep,
                        message,
                        span,
                        "too deep from here on",
                    ));
                }
                self.at += 2;
            } else if rest.starts_with("*/") {
                open -= 1;
                self.at += 2;
                if open == 0 {
                    return;
                }
            } else if let Some(c) = rest.chars().next() {
                self.at += c.len_utf8();
            } else {
                return self.unterminated(start, start + 2, "comment", "*/", true);
            }
        }
    }

    /// A backslash joins the next line: the line end after it is no token. White space and comments may stand between.
    fn skip_escaped_line(&mut self) {
        let backslash = self.at;
        self.at += 1;
        let blank = |c: char| c.is_whitespace() && !is_newline(c);
        loop {
            self.at += self.rest().find(|c| !blank(c)).unwrap_or(self.rest().len());
            if !self.rest().starts_with("/*") {
                break;
            }
            self.skip_comment();
        }
        if self.rest().starts_with("//") {
            self.skip_line();
        }
        match self.rest().chars().next() {
            Some('\r') if self.rest().starts_with("\r\n") => self.at += 2,
            Some(c) if is_newline(c) => self.at += c.len_utf8(),
            Some(_) => {
                let span = Span::new(self.source, backslash, backslash + 1);
                let message = "a `\\` joins the next line to this one, and this line is not over";
                self.diagnostics.push(
                    Diagnostic::new(Code::Syntax, message, span, "not at the end of the line")
                        .help("remove it; a text that holds a `\\` needs quotes, and two of them there"),
                );
            }
            None => {}
        }
    }
}
