//! Values: what `$` in them asks for.

use std::collections::BTreeSet;
use std::ops::Range;

use super::Expander;
use super::names::Names;
use super::text::{self, Problem, Text};
use crate::diagnostic::{Code, Diagnostic};
use crate::nearest::{listed, nearest};
use crate::source::{Origin, Span};
use crate::syntax::{Datum, Value, Written};

impl Expander<'_> {
    /// The value with all in it replaced. What cannot be is reported and refused.
    pub(super) fn value(&mut self, value: &Value, names: &Names, origin: Origin) -> Value {
        let span = value.span.of(origin);
        let refused = Value { datum: Datum::Refused, span, written: Written::Computed };
        self.try_value(value, names, origin, &BTreeSet::new()).unwrap_or(refused)
    }

    /// The same where some names have no value yet: the one that is needed first is the error.
    pub(super) fn try_value(
        &mut self,
        value: &Value,
        names: &Names,
        origin: Origin,
        waiting: &BTreeSet<String>,
    ) -> Result<Value, String> {
        let span = value.span.of(origin);
        let done = |datum, span| Ok(Value { datum, span, written: Written::Computed });
        let written = match &value.datum {
            Datum::Text(text) if value.written == Written::Plain && text.contains('$') => text,
            datum => return Ok(Value { datum: datum.clone(), span, written: value.written }),
        };
        let source = self.sources.get(span.source).text();
        let place = |at: Range<usize>| {
            let shown = &source[span.start..span.end];
            let quote = usize::from(shown.len() == written.len() + 2);
            if shown.get(quote..quote + written.len()) == Some(written.as_str()) {
                Span { start: span.start + quote + at.start, end: span.start + quote + at.end, ..span }
            } else {
                span
            }
        };
        let mut first_needed = None;
        let mut unknown = None;
        let mut lookup = |name: &str, at: Range<usize>| {
            if let Some(binding) = names.get(name) {
                self.declarations.mark_used(binding.declared);
                return match &binding.value.datum {
                    Datum::Refused => Err(Problem::Reported),
                    datum => Ok(datum.clone()),
                };
            }
            if waiting.contains(name) {
                first_needed = Some(name.to_owned());
            } else if names.is_complete() {
                let all = names.all().chain(waiting.iter().map(String::as_str));
                let span = place(at);
                unknown = Some(unknown_name(name, all, span, &source[span.start..span.end]));
            }
            Err(Problem::Reported)
        };
        let result = text::evaluate(written, &mut lookup);
        if let Some(needed) = first_needed {
            return Err(needed);
        }
        let diagnostic = match result {
            Ok(Text::Whole(datum)) => {
                let name = written.trim_start_matches('$');
                let given = names.get(name).map_or(span, |binding| binding.value.span);
                let origin = self.sources.bring_in(given, format!("the value of `${name}`"));
                return done(datum, span.of(origin));
            }
            Ok(Text::Made(datum)) => {
                let length = if let Datum::Text(text) = &datum { text.len() } else { 0 };
                let length = length + written.len();
                let affordable = self.budget.text(length, span, self.diagnostics);
                return done(if affordable { datum } else { Datum::Refused }, span);
            }
            Err(Problem::Reported) => unknown,
            Err(Problem::Malformed { at, message, help }) => {
                Some(Diagnostic::new(Code::Interpolation, message, place(at), "not understood").help(help))
            }
            Err(Problem::NoValue { at, message, help }) => {
                Some(Diagnostic::new(Code::NoResult, message, place(at), "has no value").help(help))
            }
        };
        self.diagnostics.extend(diagnostic);
        done(Datum::Refused, span)
    }
}

/// A name that nothing has, at a place of that text.
fn unknown_name<'a>(name: &str, known: impl Iterator<Item = &'a str>, span: Span, shown: &str) -> Diagnostic {
    let known: BTreeSet<&str> = known.collect();
    let message = format!("nothing here is named `{name}`");
    let diagnostic = Diagnostic::new(Code::UnknownName, message, span, "unknown");
    match nearest(name, known.iter().copied()) {
        Some(meant) => match shown.strip_suffix(name) {
            Some("") => diagnostic.meant(span, meant),
            Some("$") => diagnostic.meant(span, &format!("${meant}")),
            _ => diagnostic.help(format!("did you mean `{meant}`?")),
        },
        // `$i-r`: the name goes on over a hyphen.
        None if name.rmatch_indices('-').any(|(at, _)| known.contains(&name[..at])) => {
            diagnostic.help(format!("a hyphen belongs to the name: write `\"{}\"`", split(name, &known)))
        }
        None if known.is_empty() => {
            diagnostic.help("a name is given by `let`, by `parameter` or by `repeat`; `$$` is a dollar sign")
        }
        None => diagnostic.help(format!("known here: {}", listed(known.iter().copied()))),
    }
}

/// A name with a hyphen as the longest known name that it begins with, and text.
fn split(name: &str, known: &BTreeSet<&str>) -> String {
    let at = name.rmatch_indices('-').map(|(at, _)| at).find(|&at| known.contains(&name[..at]));
    let (name, text) = name.split_at(at.unwrap_or(name.len()));
    format!("${{{name}}}{text}")
}
