//! Values against what the schema says of them.

use super::annotated;
use crate::diagnostic::{Code, Diagnostic};
use crate::nearest::{listed, nearest};
use crate::schema::{Kind, NodeSpec, ValueSpec};
use crate::syntax::{Datum, Value};

/// Why the value is refused, if it is. The forms of addresses and names are read later, where their types are.
pub(super) fn refusal(name: &str, spec: &ValueSpec, value: &Value) -> Option<Diagnostic> {
    if let Some(annotation) = value.annotation {
        return Some(annotated(annotation));
    }
    match (&spec.kind, &value.datum) {
        (Kind::Scalar, Datum::Integer(number)) => out_of_range(name, value, *number, 0, u64::MAX, None),
        (Kind::Integer(min, max), Datum::Integer(number)) => {
            out_of_range(name, value, *number, (*min).into(), (*max).into(), spec.unit.as_deref())
        }
        (Kind::Word(words), Datum::Text(text)) => unknown_word(name, words, text, value),
        (
            Kind::Text | Kind::Mac | Kind::Uuid | Kind::Handle | Kind::Interface | Kind::Scalar,
            Datum::Text(_),
        )
        | (Kind::Boolean | Kind::Scalar, Datum::Bool(_)) => None,
        _ => Some(wrong_type(name, spec, value)),
    }
}

fn out_of_range(
    name: &str,
    value: &Value,
    number: i128,
    min: u64,
    max: u64,
    unit: Option<&str>,
) -> Option<Diagnostic> {
    if (i128::from(min)..=i128::from(max)).contains(&number) {
        return None;
    }
    let unit = unit.map_or_else(String::new, |unit| format!(" {unit}"));
    let message = if min == max {
        format!("`{name}` can only be {min}, and this is {number}")
    } else {
        format!("`{name}` is at least {min} and at most {max}{unit}, and this is {number}")
    };
    let label = if number < i128::from(min) { "too small" } else { "too large" };
    Some(Diagnostic::new(Code::OutOfRange, message, value.span, label))
}

fn unknown_word(name: &str, words: &[String], text: &str, value: &Value) -> Option<Diagnostic> {
    if words.iter().any(|word| word == text) {
        return None;
    }
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let message = format!("`{name}` cannot be `{text}`");
    let label = nearest(text, words.iter().copied());
    let help = match label {
        Some(meant) => format!("did you mean `{meant}`? Possible: {}", listed(words)),
        None => format!("possible: {}", listed(words)),
    };
    Some(Diagnostic::new(Code::UnknownWord, message, value.span, "unknown word").help(help))
}

fn wrong_type(name: &str, spec: &ValueSpec, value: &Value) -> Diagnostic {
    let wanted = match spec.kind {
        Kind::Boolean => "a boolean",
        Kind::Integer(..) => "a whole number",
        Kind::Word(_) => "a word",
        Kind::Text => "text",
        Kind::Mac => "a MAC address in quotes",
        Kind::Uuid => "a UUID in quotes",
        Kind::Handle => "a devlink handle in quotes",
        Kind::Interface => "the name of a network interface",
        Kind::Scalar => "a whole number, a boolean or text",
    };
    let message = format!("`{name}` is {wanted}, not {}", value.datum.kind());
    let help = match (&spec.kind, &value.datum) {
        (Kind::Boolean, Datum::Text(text)) => match text.to_lowercase().as_str() {
            "on" | "yes" | "true" | "enable" | "enabled" | "up" => "write `#true`".to_owned(),
            "off" | "no" | "false" | "disable" | "disabled" | "down" => "write `#false`".to_owned(),
            _ => "write `#true` or `#false`".to_owned(),
        },
        (Kind::Boolean, Datum::Integer(0)) => "write `#false`".to_owned(),
        (Kind::Boolean, _) => "write `#true` or `#false`".to_owned(),
        (Kind::Integer(..), Datum::Text(text)) if text.parse::<u64>().is_ok() => {
            format!("write it without quotes: {text}")
        }
        (Kind::Text | Kind::Interface, Datum::Integer(number)) => format!("write it in quotes: \"{number}\""),
        _ => format!("for example: {}", example(spec)),
    };
    Diagnostic::new(Code::WrongType, message, value.span, format!("{} here", value.datum.kind())).help(help)
}

/// A value of that kind, as a file would write it.
pub(super) fn example(spec: &ValueSpec) -> String {
    match &spec.kind {
        Kind::Text => spec.name.to_uppercase(),
        Kind::Boolean => "#true".to_owned(),
        Kind::Integer(min, _) => min.to_string(),
        Kind::Word(words) => words.first().cloned().unwrap_or_default(),
        Kind::Mac => "\"02:00:00:00:00:58\"".to_owned(),
        Kind::Uuid => "\"6c0f5d8e-3f0a-4d53-9a53-0d3c1f6a7b21\"".to_owned(),
        Kind::Handle => "\"pci/0000:08:00.0\"".to_owned(),
        Kind::Interface => "web0".to_owned(),
        Kind::Scalar => "VALUE".to_owned(),
    }
}

/// How a node with its required parts is written.
pub(super) fn node_example(spec: &NodeSpec) -> String {
    let mut text = format!("write `{}", spec.name);
    for argument in spec.arguments.iter().filter(|argument| argument.required) {
        text = format!("{text} {}", example(argument));
    }
    for property in spec.properties.iter().filter(|property| property.required) {
        text = format!("{text} {}={}", property.name, example(property));
    }
    format!("{text}`: {}", spec.doc)
}
