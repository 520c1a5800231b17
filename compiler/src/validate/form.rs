//! What is written in another form than it has: a value as an argument that is a property, and the other way round. Each
//! is one mistake, so the message of it says all, and nothing else is said of what it stands for.

use super::values;
use crate::schema::{NodeSpec, Schema, ValueSpec};
use crate::syntax::{Datum, Node, Value};

/// What to write for arguments that are too many, and the properties that they were most likely meant for.
pub(super) struct Extra<'a> {
    pub help: Option<String>,
    pub meant: Vec<&'a str>,
}

/// Of arguments that the node does not take.
pub(super) fn extra<'a>(schema: &Schema, spec: &'a NodeSpec, node: &Node, extra: &[Value]) -> Extra<'a> {
    let plain = |help: String| Extra { help: Some(help), meant: Vec::new() };
    let first = extra.first();
    let word = first.and_then(Value::text);
    if let Some(word) = word {
        if let Some(known) = spec.properties.iter().find(|known| known.name == word) {
            let value = values::example(known);
            return plain(format!("`{word}` is a property: write `{word}={value}`"));
        }
        if schema.node(word).is_some() {
            return plain(format!(
                "if `{word}` begins the next node, a `;` or a new line is missing before it"
            ));
        }
    }
    let absent = |known: &&ValueSpec| node.property(&known.name).is_none();
    let needed: Vec<_> = spec.properties.iter().filter(|known| known.required).filter(absent).collect();
    let pairs = || needed.iter().zip(extra).filter(|(known, value)| takes(known, value));
    if pairs().next().is_some() {
        let written = pairs().map(|(known, value)| format!("{}={}", known.name, shown(value)));
        let help = format!("write `{}`", written.collect::<Vec<_>>().join(" "));
        return Extra { help: Some(help), meant: needed.iter().map(|known| known.name.as_str()).collect() };
    }
    match (word, extra, &spec.free_properties) {
        (Some(name), [_, value, ..], Some(_)) => plain(format!("write `{name}={}`", shown(value))),
        (_, [value, ..], Some(_)) => plain(format!("a value has a name here: write `NAME={}`", shown(value))),
        // Beside arguments of its own any property could be meant.
        (_, [value, ..], None) if spec.arguments.is_empty() => {
            let known = spec.properties.iter().filter(absent).find(|known| takes(known, value));
            let help =
                known.map(|known| format!("if its `{}` is meant, write `{0}={}`", known.name, shown(value)));
            Extra { help, meant: Vec::new() }
        }
        _ => Extra { help: None, meant: Vec::new() },
    }
}

/// Takes the properties out of a node that are arguments which it lacks, and says how it is written.
pub(super) fn named_arguments(spec: &NodeSpec, node: &mut Node) -> Option<String> {
    let missing: Vec<&ValueSpec> = spec.arguments.iter().skip(node.arguments.len()).collect();
    let is_known = |name: &str| spec.properties.iter().any(|known| known.name == name);
    let mut text =
        node.arguments.iter().fold(spec.name.clone(), |text, value| format!("{text} {}", shown(value)));
    let before = node.properties.len();
    for argument in &missing {
        let place = node
            .properties
            .iter()
            .position(|given| given.name.text == argument.name && !is_known(&argument.name));
        match place {
            Some(place) => text = format!("{text} {}", shown(&node.properties.remove(place).value)),
            None if argument.required => text = format!("{text} {}", values::example(argument)),
            None => {}
        }
    }
    // `param NAME=VALUE`: the two arguments in one.
    if let ([_, _], true, None) = (missing.as_slice(), before == node.properties.len(), &spec.free_properties)
    {
        let place = node.properties.iter().position(|given| !is_known(&given.name.text))?;
        let given = node.properties.remove(place);
        text = format!("{} {} {}", spec.name, given.name.text, shown(&given.value));
    }
    (node.properties.len() < before).then_some(text)
}

fn takes(known: &ValueSpec, value: &Value) -> bool {
    values::refusal("", known, value).is_none()
}

/// A value as files write it.
fn shown(value: &Value) -> String {
    let is_bare = |text: &str| {
        text.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '_' | '$'))
            && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '$'))
    };
    match &value.datum {
        Datum::Text(text) if is_bare(text) => text.clone(),
        Datum::Text(text) => format!("\"{text}\""),
        Datum::Integer(number) => number.to_string(),
        Datum::Bool(value) => format!("#{value}"),
        Datum::Float | Datum::Null | Datum::Refused => "VALUE".to_owned(),
    }
}
