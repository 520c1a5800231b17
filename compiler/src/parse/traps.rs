//! The mistakes that KDL invites, found on the tokens: in our own words, several a run, and before a parser could stumble.

use super::MAX_DEPTH;
use super::lexer::{Kind, Token};
use crate::diagnostic::{Code, Diagnostic};
use crate::source::{SourceId, Span};

/// Checks the tokens of one file; its blocks only if every string and comment is `whole`.
pub(super) fn check(
    source: SourceId,
    text: &str,
    tokens: &[Token],
    whole: bool,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let traps = Traps { source, text, tokens };
    if whole {
        traps.blocks(diagnostics);
    }
    traps.values(diagnostics);
}

struct Traps<'a> {
    source: SourceId,
    text: &'a str,
    tokens: &'a [Token],
}

impl Traps<'_> {
    fn span(&self, token: Token) -> Span {
        Span { source: self.source, start: token.start, end: token.end }
    }

    /// Braces: partners, depth, and blocks that are switched off inside such a block.
    fn blocks(&self, diagnostics: &mut Vec<Diagnostic>) {
        // Each open block: its brace, the `/-` right before the block or before one around it, and its line's indent.
        let mut open: Vec<(Token, Option<Token>, usize)> = Vec::new();
        let mut lines = Lines::new(self.text);
        // The `/-` whose target comes next.
        let mut slashdash: Option<Token> = None;
        let mut too_deep = false;
        // The first block that seems to lack its own end.
        let mut suspect: Option<Token> = None;
        for &token in self.tokens {
            match token.kind {
                Kind::Slashdash => slashdash = Some(token),
                Kind::Open => {
                    let outer = open.last().and_then(|&(_, off, _)| off);
                    if let (Some(inner), Some(outer)) = (slashdash, outer) {
                        diagnostics.push(self.nested_slashdash(inner, outer));
                    }
                    if open.len() >= MAX_DEPTH && !too_deep {
                        too_deep = true;
                        diagnostics.push(self.too_deep(token));
                    }
                    open.push((token, slashdash.or(outer), lines.indent(token.start)));
                    slashdash = None;
                }
                Kind::Close => {
                    slashdash = None;
                    let indent = lines.indent(token.start);
                    match open.pop() {
                        None => diagnostics.push(self.closes_nothing(token)),
                        // A block that ends further to the left than it begins lacks its own `}`: this one was meant
                        // for a block around it.
                        Some((brace, _, begun)) if lines.start + indent == token.start && indent < begun => {
                            suspect = suspect.or(Some(brace));
                        }
                        Some(_) => {}
                    }
                }
                // Line ends may stand between `/-` and its target, which a `;` cannot be.
                Kind::End if &self.text[token.start..token.end] != ";" => {}
                _ => slashdash = None,
            }
        }
        if let Some(&(brace, ..)) = open.first() {
            let brace = suspect.unwrap_or(brace);
            let message = "this block is never closed";
            diagnostics.push(
                Diagnostic::new(Code::UnbalancedBlock, message, self.span(brace), "no `}` for this brace")
                    .help("write `}` where the block ends; if there is one, a block inside it is open"),
            );
        }
    }

    fn closes_nothing(&self, token: Token) -> Diagnostic {
        let message = "this `}` closes no block";
        Diagnostic::new(Code::UnbalancedBlock, message, self.span(token), "no `{` is open here")
            .help("remove it, or look above for a block that ends too early")
    }

    fn too_deep(&self, token: Token) -> Diagnostic {
        let message = format!("blocks are nested more than {MAX_DEPTH} deep");
        Diagnostic::new(Code::TooDeep, message, self.span(token), "too deep from here on")
            .help("no node of the language needs more than six levels")
    }

    fn nested_slashdash(&self, inner: Token, outer: Token) -> Diagnostic {
        let message = "a block is switched off with `/-` inside a block that is switched off already";
        Diagnostic::new(Code::NestedSlashdash, message, self.span(inner), "switched off again")
            .and(self.span(outer), "all of this is switched off")
            .help("remove the inner `/-`, or comment the outer block out with /* */")
    }

    /// Values: keywords without `#`, properties without a value, and what needs quotes.
    fn values(&self, diagnostics: &mut Vec<Diagnostic>) {
        let mut at_node = true;
        for (index, &token) in self.tokens.iter().enumerate() {
            match token.kind {
                Kind::Word => diagnostics.extend(self.word(index, at_node)),
                Kind::Keyword => diagnostics.extend(self.keyword(token)),
                Kind::Equals => diagnostics.extend(self.no_value(index)),
                _ => {}
            }
            at_node = match token.kind {
                Kind::End | Kind::Open | Kind::Close => true,
                Kind::Slashdash | Kind::Paren => at_node,
                _ => false,
            };
        }
    }

    fn no_value(&self, index: usize) -> Option<Diagnostic> {
        let equals = self.tokens[index];
        let next = self.tokens.get(index + 1).map_or(Kind::End, |token| token.kind);
        if !matches!(next, Kind::End | Kind::Open | Kind::Close | Kind::Equals) {
            return None;
        }
        let key = index.checked_sub(1).map_or(equals, |before| self.tokens[before]);
        let name = &self.text[key.start..key.end];
        let span = Span { source: self.source, start: key.start, end: equals.end };
        let message = format!("`{name}` has no value");
        Some(
            Diagnostic::new(Code::NoValue, message, span, "a value must follow the `=`")
                .help("write the value on the same line, or remove the property"),
        )
    }

    fn keyword(&self, token: Token) -> Option<Diagnostic> {
        let word = &self.text[token.start..token.end];
        if matches!(word, "#true" | "#false" | "#null" | "#nan" | "#inf" | "#-inf") {
            return None;
        }
        let message = format!("`{word}` is not a word of KDL");
        let help = match word.to_lowercase().as_str() {
            "#on" | "#yes" | "#true" => "write `#true`",
            "#off" | "#no" | "#false" => "write `#false`",
            _ => "after `#` there can be `true` or `false`; a text that begins with `#` needs quotes",
        };
        Some(Diagnostic::new(Code::UnknownKeyword, message, self.span(token), "not a keyword").help(help))
    }

    fn word(&self, index: usize, at_node: bool) -> Option<Diagnostic> {
        let token = self.tokens[index];
        let is_key = self.tokens.get(index + 1).is_some_and(|next| next.kind == Kind::Equals);
        let word = &self.text[token.start..token.end];
        if matches!(word, "true" | "false" | "null") {
            let message = format!("`{word}` needs a `#` in front: KDL 2 writes `#{word}`");
            let help = format!("write `#{word}`, or \"{word}\" if the text is meant");
            return Some(
                Diagnostic::new(Code::BareKeyword, message, self.span(token), "without `#`").help(help),
            );
        }
        let what = if let Some(character) = word.chars().find(|c| matches!(c, '/' | '[' | ']')) {
            format!("a bare word cannot hold a `{character}`")
        } else if looks_numeric(word) && (at_node || is_key || !is_number(word)) {
            "a bare word cannot begin with a digit, and this is not a number".to_owned()
        } else {
            return None;
        };
        let message = format!("`{word}` needs quotes: {what}");
        let help = if word.contains([':', '/', '[']) {
            format!("write \"{word}\"")
        } else {
            format!("write \"{word}\" if the text is meant")
        };
        Some(Diagnostic::new(Code::NeedsQuotes, message, self.span(token), "needs quotes").help(help))
    }
}

/// The lines of a text, for places that only move forward: each line is read once, however long it is.
struct Lines<'a> {
    text: &'a str,
    start: usize,
    indent: usize,
    /// Up to where line ends have been looked for.
    seen: usize,
}

impl<'a> Lines<'a> {
    fn new(text: &'a str) -> Self {
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
    fn indent(&mut self, at: usize) -> usize {
        if let Some(end) = self.text[self.seen..at].rfind('\n') {
            self.begin(self.seen + end + 1);
        }
        self.seen = at;
        self.indent
    }
}

fn looks_numeric(word: &str) -> bool {
    word.strip_prefix(['+', '-']).unwrap_or(word).starts_with(|c: char| c.is_ascii_digit())
}

/// Whether a word that begins like a number is one, by the grammar of KDL 2.0.
fn is_number(word: &str) -> bool {
    let digits = |text: &str, radix: u32| {
        text.starts_with(|c: char| c.is_digit(radix)) && text.chars().all(|c| c == '_' || c.is_digit(radix))
    };
    let word = word.strip_prefix(['+', '-']).unwrap_or(word);
    for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)] {
        if let Some(body) = word.strip_prefix(prefix) {
            return digits(body, radix);
        }
    }
    let (mantissa, exponent) = word.split_once(['e', 'E']).map_or((word, None), |(m, e)| (m, Some(e)));
    let (whole, fraction) = mantissa.split_once('.').map_or((mantissa, None), |(w, f)| (w, Some(f)));
    digits(whole, 10)
        && fraction.is_none_or(|fraction| digits(fraction, 10))
        && exponent.is_none_or(|exponent| digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent), 10))
}

#[cfg(test)]
mod tests {
    use super::is_number;

    #[test]
    fn numbers_are_told_from_words_that_begin_like_one() {
        for number in ["0", "-1", "1_000", "0xff", "0b1_0", "1.5", "1e3", "1.5E-3", "+7"] {
            assert!(is_number(number), "{number}");
        }
        for word in ["10Gbit", "02:00:00:00:00:58", "0000:08:00.0", "0xfg", "1.", "1e", "5s"] {
            assert!(!is_number(word), "{word}");
        }
    }
}
