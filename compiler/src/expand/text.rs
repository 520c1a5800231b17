//! Texts with `$` in them: what stands for itself, and what is replaced.

use std::ops::Range;

use super::arithmetic::Evaluator;
use super::budget::MAX_TEXT;
use super::names::is_name_part;
use crate::syntax::Datum;

/// Why a text has no value.
pub(super) enum Problem {
    /// It is not well-formed at this place of it.
    Malformed { at: Range<usize>, message: String, help: &'static str },
    /// It is, but what it asks for cannot be had.
    NoValue { at: Range<usize>, message: String, help: &'static str },
    /// That has been reported.
    Reported,
}

/// The value of a name that stands at this place of the text, or why it has none.
pub(super) type Lookup<'a> = dyn FnMut(&str, Range<usize>) -> Result<Datum, Problem> + 'a;

/// What a text becomes.
pub(super) enum Text {
    /// A whole value, of the name at this place.
    Whole(Datum),
    /// Text, or the value of the one expression that it consists of.
    Made(Datum),
}

/// Replaces what the text asks to be replaced.
pub(super) fn evaluate(text: &str, lookup: &mut Lookup<'_>) -> Result<Text, Problem> {
    if let Some(name) = text.strip_prefix('$').filter(|name| super::names::is_name(name)) {
        return lookup(name, 0..text.len()).map(Text::Whole);
    }
    let mut made = String::new();
    let mut at = 0;
    while let Some(dollar) = text[at..].find('$').map(|found| at + found) {
        made.push_str(&text[at..dollar]);
        let after = &text[dollar + 1..];
        if after.starts_with('$') {
            made.push('$');
            at = dollar + 2;
            continue;
        }
        if !after.starts_with('{') {
            return Err(stray(text, dollar));
        }
        let Some(length) = after.find('}') else {
            return Err(Problem::Malformed {
                at: dollar..text.len(),
                message: "this `${` has no end".to_owned(),
                help: "write `}` after the expression",
            });
        };
        let inside = dollar + 2..dollar + 1 + length;
        at = inside.end + 1;
        let is_all = dollar == 0 && at == text.len();
        let mut evaluator = Evaluator::new(text, inside.clone(), lookup);
        let (value, format) = evaluator.insertion()?;
        if let Some(format) = format {
            made.push_str(&format.apply(&value, &inside)?);
        } else if is_all {
            return Ok(Text::Made(value));
        } else {
            made.push_str(&inserted(value, &inside)?);
        }
        if made.len() > MAX_TEXT {
            return Err(Problem::NoValue {
                at: inside,
                message: format!("this text becomes longer than {MAX_TEXT} bytes"),
                help: "no value of the language is that long",
            });
        }
    }
    made.push_str(&text[at..]);
    Ok(Text::Made(Datum::Text(made)))
}

/// A `$` that begins nothing.
fn stray(text: &str, dollar: usize) -> Problem {
    let name = text[dollar + 1..].find(|c| !is_name_part(c)).unwrap_or(text.len() - dollar - 1);
    let (message, help) = if name == 0 {
        ("this `$` names nothing", "write `$$` for a dollar sign")
    } else {
        ("within a text, a name stands in braces", "write `${NAME}`; `$$` is a dollar sign")
    };
    Problem::Malformed { at: dollar..dollar + 1 + name, message: message.to_owned(), help }
}

/// A value as a part of a text.
fn inserted(value: Datum, at: &Range<usize>) -> Result<String, Problem> {
    match value {
        Datum::Text(text) => Ok(text),
        Datum::Integer(number) => Ok(number.to_string()),
        other => Err(Problem::NoValue {
            at: at.clone(),
            message: format!("{} cannot be a part of a text", other.kind()),
            help: "numbers and texts can",
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::{Problem, Text, evaluate};
    use crate::syntax::Datum;

    fn made(text: &str) -> Result<Datum, String> {
        let mut lookup = |name: &str, _| match name {
            "n" => Ok(Datum::Integer(10)),
            "a-b" => Ok(Datum::Integer(3)),
            "on" => Ok(Datum::Bool(true)),
            "word" => Ok(Datum::Text("web".to_owned())),
            _ => Err(Problem::Reported),
        };
        match evaluate(text, &mut lookup) {
            Ok(Text::Whole(datum) | Text::Made(datum)) => Ok(datum),
            Err(Problem::Malformed { message, .. } | Problem::NoValue { message, .. }) => Err(message),
            Err(Problem::Reported) => Err("reported".to_owned()),
        }
    }

    #[test]
    fn whole_values_keep_their_type() {
        assert_eq!(made("$n"), Ok(Datum::Integer(10)));
        assert_eq!(made("${n}"), Ok(Datum::Integer(10)));
        assert_eq!(made("$on"), Ok(Datum::Bool(true)));
        assert_eq!(made("$a-b"), Ok(Datum::Integer(3)));
        assert_eq!(made("${100 + n}"), Ok(Datum::Integer(110)));
    }

    #[test]
    fn expressions_are_those_of_the_language() {
        for (written, becomes) in [
            ("x${n}", "x10"),
            ("${word}_${n:02x}", "web_0a"),
            ("${n:04}${n:o}${n:b}${n:X}", "0010121010A"),
            ("$$${n}$$", "$10$"),
            ("a${2 + 3 * 4}", "a14"),
            ("a${(2 + 3) * 4 % 7}", "a6"),
            ("a${n - a-b}", "a7"),
            ("a${-n / 3}", "a-3"),
            ("02:00:00:00:00:00+${n}", "02:00:00:00:00:00+10"),
        ] {
            assert_eq!(made(written), Ok(Datum::Text(becomes.to_owned())), "{written}");
        }
    }

    #[test]
    fn what_has_no_value_says_why() {
        for (written, said) in [
            ("a $n", "within a text, a name stands in braces"),
            ("5$", "this `$` names nothing"),
            ("${n", "this `${` has no end"),
            ("${}", "an expression is missing"),
            ("${n + }", "a number or a name is missing"),
            ("${(n}", "a `)` is missing"),
            ("${n n}", "this cannot stand here"),
            ("${n / 0}", "a number cannot be divided by 0"),
            ("${n * 170141183460469231731687303715884105727}", "this number is too large"),
            ("${word + 1}", "one can calculate with numbers, not with text"),
            ("${word:02x}", "only numbers have a format, and this is text"),
            ("${n:2q}", "this is no format"),
            ("${n:999}", "this is no format"),
            ("a${on}", "a boolean cannot be a part of a text"),
            ("${nobody}", "reported"),
        ] {
            assert_eq!(made(written), Err(said.to_owned()), "{written}");
        }
        assert!(made(&format!("${{{}}}", "(".repeat(100_000))).is_err());
    }
}
