//! Expressions in `${...}`: whole numbers, names, `+ - * / %`, parentheses, and a format at the end. Evaluated as they
//! are read.

use std::ops::Range;

use super::names::is_name_part;
use super::text::{Lookup, Problem};
use crate::syntax::Datum;

/// Deepest nesting of parentheses.
const MAX_NESTING: usize = 32;

/// Widest format.
const MAX_WIDTH: usize = 64;

/// How a number is written.
pub(super) struct Format {
    zeros: bool,
    width: usize,
    radix: char,
}

impl Format {
    /// The value as text of this format.
    pub(super) fn apply(&self, value: &Datum, at: &Range<usize>) -> Result<String, Problem> {
        let Datum::Integer(number) = value else {
            return Err(Problem::NoValue {
                at: at.clone(),
                message: format!("only numbers have a format, and this is {}", value.kind()),
                help: "leave the `:` and what follows it out",
            });
        };
        let sign = if *number < 0 { "-" } else { "" };
        let number = number.unsigned_abs();
        let digits = match self.radix {
            'x' => format!("{number:x}"),
            'X' => format!("{number:X}"),
            'o' => format!("{number:o}"),
            'b' => format!("{number:b}"),
            _ => number.to_string(),
        };
        let width = self.width;
        Ok(if self.zeros {
            format!("{sign}{digits:0>width$}", width = width.saturating_sub(sign.len()))
        } else {
            format!("{:>width$}", format!("{sign}{digits}"))
        })
    }
}

/// Reads one `${...}`.
pub(super) struct Evaluator<'a, 'b> {
    text: &'a str,
    at: usize,
    end: usize,
    nesting: usize,
    lookup: &'a mut Lookup<'b>,
}

impl<'a, 'b> Evaluator<'a, 'b> {
    /// For what stands in this range of the text.
    pub(super) fn new(text: &'a str, inside: Range<usize>, lookup: &'a mut Lookup<'b>) -> Self {
        Self { text, at: inside.start, end: inside.end, nesting: 0, lookup }
    }

    /// The value of the whole, and its format.
    pub(super) fn insertion(&mut self) -> Result<(Datum, Option<Format>), Problem> {
        self.blank();
        if self.at == self.end {
            return Err(self.malformed("an expression is missing", "write a name or a number in the braces"));
        }
        let value = self.sum()?;
        match self.peek() {
            None => Ok((value, None)),
            Some(':') => {
                self.at += 1;
                self.format().map(|format| (value, Some(format)))
            }
            Some(_) => {
                let help = "an expression is made of numbers, names, + - * / %, and parentheses";
                Err(self.malformed("this cannot stand here", help))
            }
        }
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..self.end]
    }

    fn blank(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    fn peek(&mut self) -> Option<char> {
        self.blank();
        self.rest().chars().next()
    }

    fn malformed(&self, message: &str, help: &'static str) -> Problem {
        let next = self.rest().chars().next().map_or(0, char::len_utf8);
        Problem::Malformed { at: self.at..self.at + next, message: message.to_owned(), help }
    }

    fn sum(&mut self) -> Result<Datum, Problem> {
        let start = self.at;
        let mut value = self.product()?;
        while let Some(operator @ ('+' | '-')) = self.peek() {
            self.at += 1;
            let other = self.product()?;
            value = self.calculate(start, &value, operator, &other)?;
        }
        Ok(value)
    }

    fn product(&mut self) -> Result<Datum, Problem> {
        let start = self.at;
        let mut value = self.factor()?;
        while let Some(operator @ ('*' | '/' | '%')) = self.peek() {
            self.at += 1;
            let other = self.factor()?;
            value = self.calculate(start, &value, operator, &other)?;
        }
        Ok(value)
    }

    fn factor(&mut self) -> Result<Datum, Problem> {
        let first = self.peek();
        let start = self.at;
        match first {
            Some('-' | '(') if self.nesting == MAX_NESTING => {
                Err(self.malformed("this is nested too deep", "name a part of it with `let`"))
            }
            Some('-') => {
                self.at += 1;
                self.nesting += 1;
                let value = self.factor()?;
                self.nesting -= 1;
                self.calculate(start, &Datum::Integer(0), '-', &value)
            }
            Some('(') => {
                self.at += 1;
                self.nesting += 1;
                let value = self.sum()?;
                self.nesting -= 1;
                if self.peek() != Some(')') {
                    return Err(self.malformed("a `)` is missing", "close each parenthesis"));
                }
                self.at += 1;
                Ok(value)
            }
            Some(c) if c.is_ascii_digit() => self.number(),
            Some(c) if c.is_ascii_alphabetic() || c == '_' => self.name(),
            _ => {
                Err(self.malformed("a number or a name is missing", "an operator stands between two values"))
            }
        }
    }

    fn number(&mut self) -> Result<Datum, Problem> {
        let length = self.rest().find(|c: char| !c.is_ascii_digit()).unwrap_or(self.rest().len());
        let number = self.rest()[..length].parse();
        let start = self.at;
        self.at += length;
        number.map(Datum::Integer).map_err(|_: std::num::ParseIntError| too_large(start..self.at))
    }

    /// A hyphen between letters belongs to the name; a minus has space around it.
    fn name(&mut self) -> Result<Datum, Problem> {
        let length = self.rest().find(|c| !is_name_part(c)).unwrap_or(self.rest().len());
        let name = &self.rest()[..length];
        let start = self.at;
        self.at += length;
        (self.lookup)(name, start..self.at)
    }

    fn calculate(&self, start: usize, one: &Datum, operator: char, other: &Datum) -> Result<Datum, Problem> {
        let at = start..self.at;
        let (&Datum::Integer(a), &Datum::Integer(b)) = (one, other) else {
            let wrong = if matches!(one, Datum::Integer(_)) { other } else { one };
            return Err(Problem::NoValue {
                at,
                message: format!("one can calculate with numbers, not with {}", wrong.kind()),
                help: "numbers are written without quotes",
            });
        };
        if matches!(operator, '/' | '%') && b == 0 {
            let message = "a number cannot be divided by 0".to_owned();
            return Err(Problem::NoValue { at, message, help: "look at the value on the right" });
        }
        let value = match operator {
            '+' => a.checked_add(b),
            '-' => a.checked_sub(b),
            '*' => a.checked_mul(b),
            '/' => a.checked_div(b),
            _ => a.checked_rem(b),
        };
        value.map(Datum::Integer).ok_or_else(|| too_large(at))
    }

    fn format(&mut self) -> Result<Format, Problem> {
        let written = self.rest().trim_end();
        let (zeros, rest) = written.strip_prefix('0').map_or((false, written), |rest| (true, rest));
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let width = if digits == 0 { Some(0) } else { rest[..digits].parse().ok() };
        let radix = match &rest[digits..] {
            "" | "d" => Some('d'),
            "x" => Some('x'),
            "X" => Some('X'),
            "o" => Some('o'),
            "b" => Some('b'),
            _ => None,
        };
        match (width.filter(|&width| width <= MAX_WIDTH), radix) {
            (Some(width), Some(radix)) if !written.is_empty() => Ok(Format { zeros, width, radix }),
            _ => Err(Problem::Malformed {
                at: self.at..self.end,
                message: "this is no format".to_owned(),
                help: "`:02x` is two hexadecimal digits with zeros in front; also d, X, o and b",
            }),
        }
    }
}

fn too_large(at: Range<usize>) -> Problem {
    let message = "this number is too large".to_owned();
    Problem::NoValue { at, message, help: "no number of the language is that large" }
}
