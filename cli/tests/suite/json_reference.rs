//! The reference of states and plans as JSON, made from their schemas. `INSTA_UPDATE=always` writes it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::Value;

use crate::run::{root, run};

const INTRODUCTION: &str = "\
# States and plans as JSON

`subdevcfg state --format json` and `plan --format json` write what this page describes; `subdevcfg schema state` and `schema \
plan` print the same as JSON Schemas (`schemas/` in the repository). `format_version` grows by its minor number where something \
is added, so readers leave alone what they do not know. A field with a question mark may be absent.

";

fn schema(of: &str) -> Value {
    serde_json::from_str(&run(&root(), &["schema", of]).stdout).unwrap()
}

/// What a value is, in a few words.
fn kind(schema: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str().and_then(|path| path.strip_prefix("#/$defs/")) {
        return format!("[{name}](#{})", name.to_lowercase());
    }
    if let Some(word) = schema.get("const") {
        return format!("`{word}`");
    }
    if let Some(words) = schema["enum"].as_array() {
        return words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
    }
    if let Some(forms) = schema["anyOf"].as_array().or(schema["oneOf"].as_array()) {
        return forms.iter().map(kind).collect::<Vec<_>>().join(" or ");
    }
    let named = |name: &str| match name {
        "array" if schema["prefixItems"].is_array() => {
            let items = schema["prefixItems"].as_array().unwrap();
            format!("pair of {}", items.iter().map(kind).collect::<Vec<_>>().join(" and "))
        }
        "array" => format!("list of {}", kind(&schema["items"])),
        "object" if schema["additionalProperties"].is_object() => {
            format!("{} by name", kind(&schema["additionalProperties"]))
        }
        "object" if schema["patternProperties"].is_object() => {
            let of = schema["patternProperties"].as_object().unwrap().values().map(kind);
            format!("{} by name", of.collect::<Vec<_>>().join(" or "))
        }
        "object" => format!("object of {}", field_names(schema)),
        "integer" => "number".to_owned(),
        other => other.to_owned(),
    };
    match &schema["type"] {
        Value::String(name) => named(name),
        Value::Array(several) => {
            several.iter().filter_map(Value::as_str).map(named).collect::<Vec<_>>().join(" or ")
        }
        _ => "anything".to_owned(),
    }
}

fn is_required(schema: &Value, field: &str) -> bool {
    schema["required"].as_array().is_some_and(|names| names.iter().any(|name| name == field))
}

fn fields(schema: &Value) -> impl Iterator<Item = (String, &Value)> {
    let all = schema["properties"].as_object().into_iter().flatten();
    all.map(move |(name, field)| {
        (format!("`{name}`{}", if is_required(schema, name) { "" } else { "?" }), field)
    })
}

fn field_names(schema: &Value) -> String {
    let names: Vec<String> =
        fields(schema).map(|(name, field)| format!("{name} ({})", kind(field))).collect();
    if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
}

/// What it says of itself; where it says only of which type it is, the link does.
fn meaning(schema: &Value) -> String {
    let text = schema["description"].as_str().unwrap_or_default();
    if text.starts_with("See `") { String::new() } else { text.replace('|', "\\|") }
}

/// The tables of one type: its fields, and its forms where it has several.
fn write_type(page: &mut String, schema: &Value) {
    if !meaning(schema).is_empty() {
        let _ = writeln!(page, "{}\n", meaning(schema));
    }
    if schema["properties"].is_object() {
        page.push_str("| field | value | meaning |\n|---|---|---|\n");
        for (name, field) in fields(schema) {
            let _ = writeln!(page, "| {name} | {} | {} |", kind(field), meaning(field));
        }
        page.push('\n');
    }
    let forms = ["oneOf", "anyOf"].iter().find_map(|of| schema[of].as_array());
    // Forms of what is left out as well are one level deeper.
    let flat: Vec<&Value> = forms
        .into_iter()
        .flatten()
        .flat_map(|form| form["oneOf"].as_array().map_or(vec![form], |inner| inner.iter().collect()))
        .collect();
    if !flat.is_empty() {
        page.push_str("| one of | meaning |\n|---|---|\n");
        for form in flat {
            let _ = writeln!(page, "| {} | {} |", kind(form), meaning(form));
        }
        page.push('\n');
    }
    if schema["properties"].is_null() && forms.is_none() {
        let pattern = schema["pattern"].as_str().map(|text| format!(", `{}`", text.replace('|', "\\|")));
        let _ = writeln!(page, "A {}{}.\n", kind(schema), pattern.unwrap_or_default());
    }
}

#[test]
fn the_reference_of_json_is_made_from_the_schemas() {
    let mut page = INTRODUCTION.to_owned();
    let mut types: BTreeMap<String, Value> = BTreeMap::new();
    for of in ["state", "plan"] {
        let mut schema = schema(of);
        let _ = writeln!(page, "## A {of}\n");
        write_type(&mut page, &schema);
        if let Some(Value::Object(known)) = schema.get_mut("$defs").map(Value::take) {
            types.extend(known);
        }
    }
    page.push_str("## Types\n\n");
    for (name, schema) in &types {
        let _ = writeln!(page, "### {name}\n");
        write_type(&mut page, schema);
    }
    let page = page.trim_end().to_owned() + "\n";
    let path = root().join("docs/json.md");
    if std::env::var("INSTA_UPDATE").is_ok_and(|update| update == "always") {
        std::fs::write(&path, &page).unwrap();
    }
    assert!(std::fs::read_to_string(&path).unwrap() == page, "docs/json.md is out of date");
}
