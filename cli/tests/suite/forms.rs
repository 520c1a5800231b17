//! The forms of what `check` found are as those who take them want them.

use std::process::Command;

use serde_json::Value;

use crate::checking::{broken, changed, check, repository};
use crate::run::{Host, root};
use crate::schemas::errors_of;

/// The schema of SARIF 2.1.0, out of the package `serde-sarif`, wherever cargo keeps it: it is not ours to copy.
fn sarif_schema() -> Value {
    let arguments =
        ["metadata", "--format-version", "1", "--locked", "--filter-platform", env!("SUBDEVCFG_TARGET")];
    let run = Command::new(env!("CARGO")).args(arguments).current_dir(root()).output().unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let metadata: Value = serde_json::from_slice(&run.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let package = packages.iter().find(|package| package["name"] == "serde-sarif").unwrap();
    let manifest = camino::Utf8Path::new(package["manifest_path"].as_str().unwrap());
    let text = std::fs::read_to_string(manifest.with_file_name("src").join("schema.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// Trees that are checked, by what is to be seen in them, with the arguments.
fn trees() -> Vec<(&'static str, Host, Vec<&'static str>)> {
    let moved = repository();
    let numbers = |from: u32| {
        format!(
            "subdevcfg version=1\nhost node-1\ndevice \"subdev/nic0\" {{\n    sf-numbers from={from} to=299\n    subdevice a {{ sf; }}\n}}\n"
        )
    };
    moved.write("hosts/node-1.kdl", &numbers(200));
    moved.write("base/hosts/node-1.kdl", &numbers(100));
    let odd = repository();
    odd.write("hosts/a host, 100% \u{fc}ber.kdl", "subdevcfg version=1\nhost node-7\nnonsense\n");
    std::fs::write(odd.path("hosts/latin.kdl"), b"subdevcfg version=1\nhost node-8 // \xfc\n").unwrap();
    odd.write("hosts/unclosed.kdl", "subdevcfg version=1\nhost node-9\ndevice \"subdev/nic0\" {\n");
    odd.write("hosts/alone.kdl", "subdevcfg version=1\ninclude \"../nowhere.kdl\"\nhost node-6\n");
    odd.write("profiles/old.kdl", "subdevcfg version=1\nlet mtu=9000\n");
    odd.write("hosts/empty.kdl", "");
    vec![
        ("nothing is wrong", repository(), vec!["hosts"]),
        ("all is wrong", broken(), vec!["hosts"]),
        ("a change", changed(), vec!["hosts", "--base", "base"]),
        ("a change that moves a number", moved, vec!["hosts", "--base", "base"]),
        ("odd files", odd, vec![".", "hosts/empty.kdl", "hosst"]),
    ]
}

fn printed(host: &Host, arguments: &[&str], form: &str) -> String {
    let run = check(host, &[arguments, &["--format", form]].concat());
    assert!(run.code <= 1 && run.stderr.is_empty(), "{}", run.all());
    run.stdout
}

#[test]
fn sarif_is_as_its_schema_says() {
    let schema = sarif_schema();
    let validator = jsonschema::options().should_validate_formats(true).build(&schema).unwrap();
    for (name, host, arguments) in trees() {
        let log: Value = serde_json::from_str(&printed(&host, &arguments, "sarif")).unwrap();
        assert_eq!(errors_of(&validator, &log), Vec::<String>::new(), "{name}: {log:#}");
        let run = &log["runs"][0];
        let results = run["results"].as_array().unwrap();
        assert_eq!(results.is_empty(), name == "nothing is wrong" || name == "a change", "{name}: {log:#}");
        for result in results {
            let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
            let rule = &run["tool"]["driver"]["rules"][index];
            assert_eq!(rule["id"], result["ruleId"], "{name}: {result:#}");
        }
    }
    let wrong = serde_json::json!({ "version": "2.1.0", "runs": [{ "results": [{}] }] });
    assert_eq!(errors_of(&validator, &wrong).len(), 2, "{wrong}");
}

/// What GitLab requires of an issue, by its documentation of the report's format.
#[test]
fn issues_have_what_gitlab_requires() {
    const SEVERITIES: [&str; 5] = ["info", "minor", "major", "critical", "blocker"];
    for (name, host, arguments) in trees() {
        let issues: Value = serde_json::from_str(&printed(&host, &arguments, "gitlab")).unwrap();
        let mut fingerprints = std::collections::BTreeSet::new();
        for issue in issues.as_array().unwrap() {
            for word in ["/description", "/check_name", "/fingerprint", "/location/path"] {
                let text = issue.pointer(word).and_then(Value::as_str);
                assert!(text.is_some_and(|text| !text.is_empty()), "{name}: {word} of {issue:#}");
            }
            assert!(SEVERITIES.iter().any(|severity| issue["severity"] == *severity), "{issue:#}");
            let path = issue["location"]["path"].as_str().unwrap();
            assert!(!path.starts_with("./") && !path.starts_with('/'), "{name}: {issue:#}");
            assert!(issue["location"]["lines"]["begin"].as_u64() >= Some(1), "{name}: {issue:#}");
            assert!(fingerprints.insert(issue["fingerprint"].to_string()), "{name}: twice: {issue:#}");
        }
    }
}

#[test]
fn junit_is_read_again_with_a_case_for_each_file() {
    for (name, host, arguments) in trees() {
        let text = printed(&host, &arguments, "junit");
        let report = quick_junit::Report::deserialize_from_str(&text).unwrap();
        let suite = &report.test_suites[0];
        assert_eq!(
            (report.tests, suite.tests),
            (suite.test_cases.len(), suite.test_cases.len()),
            "{name}: {text}"
        );
        let failed = suite.test_cases.iter().filter(|case| !is_success(case)).count();
        assert_eq!((report.failures, suite.failures), (failed, failed), "{name}: {text}");
        let run = check(&host, &[arguments.as_slice(), &["--format", "junit"]].concat());
        assert_eq!(failed > 0, run.code == 1, "{name}: {text}");
    }
}

fn is_success(case: &quick_junit::TestCase) -> bool {
    matches!(case.status, quick_junit::TestCaseStatus::Success { .. })
}
