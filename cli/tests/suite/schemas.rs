//! The JSON Schemas of states and plans: as they are in `schemas/`, and true of what the program writes.

use serde_json::Value;

use crate::run::{Host, example, root, run};
use crate::samples;

/// The schema that the program prints; the file in `schemas/` is the same. `INSTA_UPDATE=always` writes it.
fn schema(subject: &str) -> Value {
    let printed = run(&root(), &["schema", subject]);
    assert_eq!(printed.code, 0, "{}", printed.all());
    let path = root().join(format!("schemas/{subject}.schema.json"));
    if std::env::var("INSTA_UPDATE").is_ok_and(|update| update == "always") {
        std::fs::write(&path, &printed.stdout).unwrap();
    }
    assert!(std::fs::read_to_string(&path).unwrap() == printed.stdout, "{} is out of date", path.display());
    serde_json::from_str(&printed.stdout).unwrap()
}

#[track_caller]
fn is_valid(schema: &Value, instance: &Value) {
    let validator = jsonschema::validator_for(schema).unwrap();
    assert_eq!(errors_of(&validator, instance), Vec::<String>::new(), "{instance:#}");
}

/// What a schema says against it, with the places.
pub fn errors_of(validator: &jsonschema::Validator, instance: &Value) -> Vec<String> {
    validator.iter_errors(instance).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

fn state(host: &Host) -> Value {
    serde_json::from_str(&host.run(&["state", "--format", "json"]).stdout).unwrap()
}

#[test]
fn every_state_and_plan_is_as_its_schema_says() {
    let (states, plans) = (schema("state"), schema("plan"));
    let names = ["quickstart", "rates", "two-parents", "legacy", "mtty", "mdpy", "netdevsim", "nvme-vfs"];
    for name in names {
        let host = samples::host();
        let text = example(&format!("{name}.kdl"));
        is_valid(&states, &state(&host));
        is_valid(&plans, &host.plan_json(&text));
        host.apply(&text);
        is_valid(&states, &state(&host));
        is_valid(&plans, &host.plan_json(&text));
        is_valid(&plans, &host.plan_json("subdevcfg version=1\nhost lab\n"));
    }
}

#[test]
fn what_is_no_state_is_told_from_one() {
    let states = schema("state");
    let validator = jsonschema::validator_for(&states).unwrap();
    let mut state = state(&samples::host());
    assert!(validator.is_valid(&state));
    state["parents"]["netdevsim/netdevsim1"]["eswitch"]["mode"] = "sideways".into();
    assert!(!validator.is_valid(&state));
}

#[test]
fn the_language_is_printed_for_editors() {
    let printed = run(&root(), &["schema", "language"]);
    let language: Value = serde_json::from_str(&printed.stdout).unwrap();
    assert!(printed.stdout.contains("representor"), "{language:#}");
}
