//! Values against what the schema says of them.

use crate::diagnostic::{Code, Diagnostic, Fix};
use crate::nearest::{listed, nearest};
use crate::schema::{Kind, NodeSpec, ValueSpec};
use crate::syntax::{Datum, Value, Written};

/// Why the value is refused, if it is. The forms of addresses and names are read later, where their types are.
pub(super) fn refusal(subject: &str, spec: &ValueSpec, value: &Value) -> Option<Diagnostic> {
    let in_range = |number: &i128, min: u64, max: u64| (i128::from(min)..=i128::from(max)).contains(number);
    match (&spec.kind, &value.datum) {
        (Kind::Scalar, Datum::Integer(number)) if !in_range(number, 0, u64::MAX) => {
            Some(out_of_range(subject, spec, value, *number, (0, u64::MAX)))
        }
        (Kind::Integer(min, max), Datum::Integer(number))
            if !in_range(number, (*min).into(), (*max).into()) =>
        {
            Some(out_of_range(subject, spec, value, *number, ((*min).into(), (*max).into())))
        }
        (Kind::Word(words), Datum::Text(text)) if !words.contains(text) => {
            Some(unknown_word(subject, words, text, value))
        }
        (_, Datum::Refused)
        | (Kind::Scalar | Kind::Integer(..), Datum::Integer(_))
        | (Kind::Boolean | Kind::Scalar, Datum::Bool(_))
        | (
            Kind::Text
            | Kind::Mac
            | Kind::Uuid
            | Kind::Rate
            | Kind::Device
            | Kind::Version
            | Kind::Range
            | Kind::Interface
            | Kind::Name
            | Kind::Scalar
            | Kind::Word(_),
            Datum::Text(_),
        ) => None,
        _ => Some(wrong_type(subject, spec, value)),
    }
}

fn out_of_range(
    subject: &str,
    spec: &ValueSpec,
    value: &Value,
    number: i128,
    (min, max): (u64, u64),
) -> Diagnostic {
    let unit = spec.unit.as_ref().map_or_else(String::new, |unit| format!(" {unit}"));
    let message = if min == max {
        format!("{subject} can only be {min}, and this is {number}")
    } else {
        format!("{subject} is at least {min} and at most {max}{unit}, and this is {number}")
    };
    let label = if number < i128::from(min) { "too small" } else { "too large" };
    Diagnostic::new(Code::OutOfRange, message, value.span, label).help(spec.doc.clone())
}

fn unknown_word(subject: &str, words: &[String], text: &str, value: &Value) -> Diagnostic {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let message = format!("{subject} cannot be `{text}`");
    let diagnostic = Diagnostic::new(Code::UnknownWord, message, value.span, "unknown word");
    match nearest(text, words.iter().copied()) {
        Some(meant) => {
            let help = format!("did you mean `{meant}`? Possible: {}", listed(words));
            if value.written == Written::Computed {
                return diagnostic.help(help);
            }
            diagnostic.meant(value.span, meant).help(help)
        }
        None => diagnostic.help(format!("possible: {}", listed(words))),
    }
}

fn wrong_type(subject: &str, spec: &ValueSpec, value: &Value) -> Diagnostic {
    let wanted = match spec.kind {
        Kind::Boolean => "a boolean",
        Kind::Integer(..) => "a whole number",
        Kind::Word(_) => "a word",
        Kind::Text => "text",
        Kind::Mac => "a MAC address in quotes",
        Kind::Uuid => "a UUID in quotes",
        Kind::Rate => "a rate with its unit in quotes",
        Kind::Device => "a devlink handle in quotes or a name",
        Kind::Version => "a comparison of versions in quotes",
        Kind::Range => "two numbers in quotes",
        Kind::Interface => "the name of a network interface",
        Kind::Name => "a name",
        Kind::Scalar => "a whole number, a boolean or text",
    };
    let message = format!("{subject} is {wanted}, not {}", value.datum.kind());
    let label = format!("{} here", value.datum.kind());
    let diagnostic = Diagnostic::new(Code::WrongType, message, value.span, label);
    let write = |text: String, help: String| diagnostic.clone().help(help).fix(Fix::write(value.span, text));
    // The text at that place is not the value: to write the value there would be another file.
    let computed = value.written == Written::Computed;
    match (&spec.kind, &value.datum) {
        (_, Datum::Null) => diagnostic.help("leave it out to leave the attribute as it is on the host"),
        (Kind::Word(words), _) => {
            diagnostic.help(format!("possible: {}", listed(words.iter().map(String::as_str))))
        }
        (Kind::Boolean, datum) => match truth(datum).filter(|_| !computed) {
            Some(word) => write(word.to_owned(), format!("write `{word}`")),
            None => diagnostic.help("write `#true` or `#false`"),
        },
        (Kind::Text | Kind::Name | Kind::Interface, Datum::Integer(_)) if computed => {
            diagnostic.help("a format makes a text of a number: `\"${NAME:d}\"`")
        }
        (Kind::Integer(..), Datum::Text(text)) if !computed && text.parse::<u64>().is_ok() => {
            write(text.clone(), format!("write it without quotes: {text}"))
        }
        (Kind::Integer(..), Datum::Text(text)) if text.parse::<u64>().is_ok() => {
            diagnostic.help("its quotes make it text: write the number without them where it is given")
        }
        (Kind::Integer(min, max), Datum::Text(_) | Datum::Bool(_)) => {
            diagnostic.help(whole_number(*min, *max, spec))
        }
        (Kind::Text | Kind::Name | Kind::Interface, Datum::Integer(number)) => {
            write(format!("\"{number}\""), format!("write it in quotes: \"{number}\""))
        }
        (Kind::Integer(..) | Kind::Scalar, Datum::Float) => {
            diagnostic.help("write it without a fraction and exponent")
        }
        _ => diagnostic.help(format!("for example: {}", example(spec))),
    }
}

/// What number is wanted; a unit belongs to the property, not to the value.
fn whole_number(min: u32, max: u32, spec: &ValueSpec) -> String {
    let unit = spec.unit.as_ref().map_or_else(String::new, |unit| format!(" of {unit}"));
    let range = match (min, max) {
        (0, u32::MAX) => String::new(),
        (min, u32::MAX) => format!(" from {min}"),
        (min, max) => format!(" from {min} to {max}"),
    };
    format!("write a whole number{unit}{range}, without quotes")
}

/// The boolean that somebody wrote in another language.
fn truth(datum: &Datum) -> Option<&'static str> {
    match datum {
        Datum::Integer(0) => Some("#false"),
        Datum::Text(text) => match text.to_lowercase().as_str() {
            "on" | "yes" | "true" | "enable" | "enabled" | "up" => Some("#true"),
            "off" | "no" | "false" | "disable" | "disabled" | "down" => Some("#false"),
            _ => None,
        },
        _ => None,
    }
}

/// A value of that kind, as a file would write it.
pub(super) fn example(spec: &ValueSpec) -> String {
    match &spec.kind {
        Kind::Boolean => "#true".to_owned(),
        Kind::Integer(min, max) if min == max => min.to_string(),
        Kind::Word(words) => words.first().cloned().unwrap_or_default(),
        Kind::Mac => "\"02:00:00:00:00:58\"".to_owned(),
        Kind::Uuid => "\"6c0f5d8e-3f0a-4d53-9a53-0d3c1f6a7b21\"".to_owned(),
        Kind::Rate => "\"10Gbit\"".to_owned(),
        Kind::Device => "\"pci/0000:08:00.0\"".to_owned(),
        Kind::Version => "\">=6.12\"".to_owned(),
        Kind::Range => "\"100..199\"".to_owned(),
        Kind::Interface | Kind::Name => "web0".to_owned(),
        Kind::Integer(..) | Kind::Text | Kind::Scalar => spec.name.to_uppercase(),
    }
}

/// How a node with its required parts is written.
pub(super) fn node_example(spec: &NodeSpec) -> String {
    let mut text = spec.name.clone();
    for argument in spec.arguments.iter().filter(|argument| argument.required) {
        text = format!("{text} {}", example(argument));
    }
    for property in spec.properties.iter().filter(|property| property.required) {
        text = format!("{text} {}={}", property.name, example(property));
    }
    text
}
