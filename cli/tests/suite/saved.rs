//! Saved plans: what `plan --out` wrote is what `apply` does, or it is refused.

use crate::run::{Host, example, host_with, snapshot};

const BOTH: &str = "subdevice a { sf 1; representor a_r up=#true; }; subdevice b { sf 2; }";

/// A host and a plan of it, saved in `plan.json`.
fn saved(arguments: &[&str]) -> Host {
    let host = Host::new();
    host.apply(&host_with("subdevice a { sf 1; }"));
    host.write("profile.kdl", "subdevcfg version=1\ndevice \"subdev/nic0\" { subdevice b { sf 2; } }\n");
    let text = host_with("subdevice a { sf 1; representor a_r up=#true; }");
    host.write("host.kdl", &text.replace("host \"*\"", "host \"*\"\ninclude \"profile.kdl\""));
    let run = host.run(&[&["plan", "host.kdl", "--out", "plan.json"], arguments].concat());
    assert_eq!(run.code, 0, "{}", run.all());
    host
}

#[test]
fn a_saved_plan_is_carried_out_as_it_was_shown() {
    let host = saved(&[]);
    // What is written into the files since does not count.
    host.write("host.kdl", "this is no host file any more");
    host.write("profile.kdl", "");
    let shown = host.run_without_host(&["show", "plan.json"]);
    assert_eq!(shown.code, 0, "{}", shown.all());
    snapshot("cli", "show-saved-plan", &shown.all());
    let done = host.run(&["apply", "plan.json", "--yes"]);
    assert_eq!(done.code, 0, "{}", done.all());
    assert!(host.plan(&host_with(BOTH)).stdout.contains("Nothing to do"));
}

#[test]
fn a_saved_plan_of_another_host_is_refused_and_says_what_changed() {
    let host = saved(&[]);
    host.edit(|host| {
        host["parents"]["nic0"]["functions"][0]["representor"]["mtu"] = 1280.into();
    });
    let before = host.config();
    let stale = host.run(&["apply", "plan.json", "--yes"]);
    assert_eq!(stale.code, 3);
    snapshot("cli", "stale-plan", &stale.all());
    assert_eq!(host.config(), before);
    // What it was made from is in it: it can still be read.
    assert_eq!(host.run_without_host(&["show", "plan.json", "--all"]).code, 0);
}

#[test]
fn an_apply_since_makes_a_saved_plan_stale_although_the_host_is_as_before() {
    let host = saved(&[]);
    host.edit(|host| {
        host["record"]["made"].as_array_mut().unwrap().clear();
    });
    let stale = host.run(&["apply", "plan.json", "--yes"]);
    assert_eq!(stale.code, 3);
    assert!(stale.stderr.contains("the record of what subdevcfg made is another one"), "{}", stale.all());
}

#[test]
fn a_saved_part_stays_a_part() {
    let host = saved(&["--only", "subdev/nic0#b"]);
    let again = host.run(&["apply", "plan.json", "--yes", "--only", "subdev/nic0#a"]);
    assert_eq!(again.code, 64, "{}", again.all());
    snapshot("cli", "part-of-a-saved-plan", &again.all());
    let done = host.run(&["apply", "plan.json", "--yes"]);
    assert_eq!(done.code, 0, "{}", done.all());
    let functions = host.config()["parents"]["subdev/nic0"]["functions"].as_array().unwrap().clone();
    assert_eq!(functions.len(), 2);
    assert_eq!(functions[0]["representor"]["up"], false);
}

#[test]
fn a_plan_of_other_steps_is_refused() {
    let host = saved(&[]);
    let text = std::fs::read_to_string(host.path("plan.json")).unwrap();
    let mut plan: serde_json::Value = serde_json::from_str(&text).unwrap();
    plan["plan"]["operations"].as_array_mut().unwrap().pop();
    plan["made_by"] = "0.0.9".into();
    host.write("plan.json", &plan.to_string());
    let refused = host.run(&["apply", "plan.json", "--yes"]);
    assert_eq!(refused.code, 3);
    assert!(refused.stderr.contains("plans other steps than 0.0.9"), "{}", refused.all());
    let shown = host.run_without_host(&["show", "plan.json"]);
    assert!(shown.stderr.contains("another version"), "{}", shown.all());
}

#[test]
fn a_damaged_saved_plan_is_an_error() {
    let host = saved(&[]);
    host.write("plan.json", "{ \"format\": \"something\" }");
    let run = host.run(&["apply", "plan.json", "--yes"]);
    assert_eq!(run.code, 1);
    snapshot("cli", "damaged-saved-plan", &run.all());
    assert_eq!(host.run_without_host(&["show", "missing.json"]).code, 1);
}

#[test]
fn a_plan_is_written_as_json_beside_the_text() {
    let host = Host::new();
    host.write("host.kdl", &example("quickstart.kdl"));
    let run = host.run(&["plan", "host.kdl", "--json-into", "plan.json"]);
    assert!(run.stdout.contains("Plan: "), "{}", run.all());
    let beside: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(host.path("plan.json")).unwrap()).unwrap();
    assert_eq!(beside, host.plan_json(&example("quickstart.kdl")));
    let nowhere = host.run(&["plan", "host.kdl", "--json-into", "no/such/folder.json"]);
    assert_eq!(nowhere.code, 1, "{}", nowhere.all());
}

#[test]
fn a_plan_in_markdown_has_the_verdict_before_the_rest() {
    let host = saved(&[]);
    host.write("host.kdl", &host_with("subdevice a { sf 9; }"));
    let run = host.run(&["plan", "host.kdl", "--format", "markdown"]);
    snapshot("cli", "plan-markdown", &run.all());
}
