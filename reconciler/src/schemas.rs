//! JSON Schemas of what programs read: states and plans. `schemas/*.schema.json` are these, written by a test.

use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use schemars::{JsonSchema, Schema};
use serde_json::Value;

use crate::plan::Plan;
use crate::state::State;

/// The schema of a state, as `subdevcfg state --format json` writes it and `--state` reads it.
#[must_use]
pub fn of_states() -> Schema {
    of::<State>()
}

/// The schema of a plan, as `subdevcfg plan --format json` writes it.
#[must_use]
pub fn of_plans() -> Schema {
    of::<Plan>()
}

/// Of what is written: a field that may be left out when it is read is there all the same.
fn of<T: JsonSchema>() -> Schema {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    settings.with_transform(RecursiveTransform(without_links)).into_generator().into_root_schema_for::<T>()
}

/// Descriptions are the documentation of the code, whose links lead nowhere here.
fn without_links(schema: &mut Schema) {
    let description = schema.get("description").and_then(Value::as_str);
    if let Some(text) = description.map(|text| text.replace("[`", "`").replace("`]", "`").replace('\n', " "))
    {
        schema.insert("description".to_owned(), text.into());
    }
}
