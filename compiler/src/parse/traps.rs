//! The mistakes that KDL invites, found on the tokens: in our own words, several a run, and before a parser could stumble.

use super::lexer::{Kind, Token};
use crate::diagnostic::{Code, Diagnostic, Fix};
use crate::source::{SourceId, Span};

/// Checks the tokens of one file.
pub(super) fn check(source: SourceId, text: &str, tokens: &[Token], diagnostics: &mut Vec<Diagnostic>) {
    Traps { source, text, tokens }.values(diagnostics);
}

struct Traps<'a> {
    source: SourceId,
    text: &'a str,
    tokens: &'a [Token],
}

impl Traps<'_> {
    fn span(&self, token: Token) -> Span {
        Span::new(self.source, token.start, token.end)
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

    fn kind(&self, index: usize) -> Kind {
        self.tokens.get(index).map_or(Kind::End, |token| token.kind)
    }

    fn no_value(&self, index: usize) -> Option<Diagnostic> {
        let equals = self.tokens[index];
        let next = self.kind(index + 1);
        // The next property is not the value of this one.
        let is_key = next == Kind::Word && self.kind(index + 2) == Kind::Equals;
        if !is_key && !matches!(next, Kind::End | Kind::Open | Kind::Close | Kind::Equals) {
            return None;
        }
        let key = index.checked_sub(1).map_or(equals, |before| self.tokens[before]);
        let name = &self.text[key.start..key.end];
        let span = Span::new(self.source, key.start, equals.end);
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
        let meant = match word.to_lowercase().as_str() {
            "#on" | "#yes" | "#true" => Some("#true"),
            "#off" | "#no" | "#false" => Some("#false"),
            _ => None,
        };
        let diagnostic = Diagnostic::new(Code::UnknownKeyword, message, self.span(token), "not a keyword");
        Some(match meant {
            Some(meant) => {
                diagnostic.help(format!("write `{meant}`")).fix(Fix::write(self.span(token), meant))
            }
            None if word == "#" => diagnostic.help("a comment begins with `//`"),
            None => diagnostic.help(
                "after `#` there can be `true` or `false`; a comment begins with `//`, and a text that begins with `#` needs quotes",
            ),
        })
    }

    /// What other notations write, and KDL reads as a part of the word.
    fn other_language(&self, index: usize, word: &str) -> Option<Diagnostic> {
        let token = self.tokens[index];
        if let Some(before) = word.strip_suffix(',') {
            let comma = Span::new(self.source, token.end - 1, token.end);
            let message = format!("`{before}` has a comma after it: KDL separates values by spaces");
            return Some(
                Diagnostic::new(Code::Syntax, message, comma, "no comma here")
                    .help("remove it; a text that ends with a comma needs quotes")
                    .fix(Fix::write(comma, "")),
            );
        }
        if let Some(quote) = word.chars().find(|c| QUOTES.contains(c)).filter(|&c| word.starts_with(c)) {
            let text = word.trim_matches(QUOTES);
            let whole = word.chars().count() > 1 && word.ends_with(QUOTES);
            let message = format!("`{quote}` is no quote of KDL, but a part of the word");
            let diagnostic =
                Diagnostic::new(Code::NeedsQuotes, message, self.span(token), "not a quoted text");
            return Some(if whole {
                diagnostic
                    .help(format!("write \"{text}\""))
                    .fix(Fix::write(self.span(token), format!("\"{text}\"")))
            } else {
                diagnostic.help("texts stand between `\"` and `\"`")
            });
        }
        let next =
            self.tokens.get(index + 1).filter(|next| next.kind == Kind::Quoted && next.start == token.end)?;
        (word == "r").then(|| {
            let message = "raw strings have no `r` in KDL 2";
            Diagnostic::new(Code::Syntax, message, self.span(token), "KDL 1 had it")
                .and(self.span(*next), "the text")
                .help("write #\"...\"#, or quotes alone if the text has no `\\`")
        })
    }

    fn word(&self, index: usize, at_node: bool) -> Option<Diagnostic> {
        let token = self.tokens[index];
        let is_key = self.tokens.get(index + 1).is_some_and(|next| next.kind == Kind::Equals);
        let word = &self.text[token.start..token.end];
        if let Some(diagnostic) = self.other_language(index, word) {
            return Some(diagnostic);
        }
        if matches!(word, "true" | "false" | "null") {
            let message = format!("`{word}` needs a `#` in front: KDL 2 writes `#{word}`");
            let help = format!("write `#{word}`, or \"{word}\" if the text is meant");
            return Some(
                Diagnostic::new(Code::BareKeyword, message, self.span(token), "without `#`")
                    .help(help)
                    .fix(Fix::write(self.span(token), format!("#{word}"))),
            );
        }
        if let Some(at) = word.find("${").or_else(|| word.ends_with('$').then(|| word.len() - 1)) {
            let touches = self
                .tokens
                .get(index + 1)
                .is_some_and(|next| next.kind == Kind::Open && next.start == token.end);
            if touches || word[at..].starts_with("${") {
                let message = format!("`{word}` needs quotes: without them `{{` begins a block");
                let diagnostic =
                    Diagnostic::new(Code::BareInterpolation, message, self.span(token), "needs quotes")
                        .help("write \"${NAME}\"; `$NAME` alone needs no quotes");
                let whole = word[at..].starts_with("${");
                let fix = whole.then(|| Fix::write(self.span(token), format!("\"{word}\"")));
                return Some(fix.into_iter().fold(diagnostic, Diagnostic::fix));
            }
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
        let diagnostic = Diagnostic::new(Code::NeedsQuotes, message, self.span(token), "needs quotes");
        let fix = Fix::write(self.span(token), format!("\"{word}\""));
        Some(diagnostic.help(help).fix(fix))
    }
}

/// What word processors and other notations have for quotes.
const QUOTES: [char; 10] =
    ['\'', '`', '\u{2018}', '\u{2019}', '\u{201a}', '\u{201c}', '\u{201d}', '\u{201e}', '\u{ab}', '\u{bb}'];

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
