//! The plan of every example, for people and for programs.

use crate::run::{Host, root, run, snapshot};
use crate::samples;

#[test]
fn every_example_is_planned_for_people_and_for_programs() {
    let mut names: Vec<String> = std::fs::read_dir(root().join("examples"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter_map(|name| name.strip_suffix(".kdl").map(str::to_owned))
        .collect();
    names.sort();
    assert!(names.len() >= 3, "{names:?}");
    for name in names {
        let host = samples::host();
        let state = host.path("host.json");
        let untouched = std::fs::read(&state).unwrap();
        let file = format!("examples/{name}.kdl");
        for (form, arguments) in
            [("human", vec!["--all"]), ("folded", vec![]), ("json", vec!["--format", "json"])]
        {
            let simulate = ["plan", &file, "--simulate", state.to_str().unwrap()];
            let result = run(&root(), &[&simulate[..], &arguments].concat());
            // The device of one is on no such host, nor are the bridges of another.
            let code = if ["dpu", "ovs"].contains(&name.as_str()) { 4 } else { 0 };
            assert_eq!((result.code, result.stderr.as_str()), (code, ""), "{name}");
            snapshot(
                "plans",
                &format!("{name}.{form}"),
                &result.stdout.replace(state.to_str().unwrap(), "host.json"),
            );
        }
        assert_eq!(std::fs::read(&state).unwrap(), untouched, "a plan writes nothing");
    }
}

#[test]
fn a_change_of_a_file_is_planned_without_any_host() {
    let host = Host::new();
    let mac = |last: &str| {
        format!(
            "subdevcfg version=1\nhost \"*\"\ndevice \"pci/0000:08:00.0\" driver=mlx5_core {{\n    subdevice web0 {{\n        \
             sf 88\n        function mac=\"02:00:00:00:00:{last}\"\n    }}\n}}\n"
        )
        .replace("host \"*\"", "host node-17")
    };
    host.write("base.kdl", &mac("58"));
    host.write("host.kdl", &mac("99"));
    let on = |arguments: &[&str]| run(&host.path(""), arguments);
    let plan = on(&["plan", "host.kdl", "--from", "base.kdl", "--detailed-exitcode"]);
    snapshot("cli", "plan-from", &plan.all());
    assert_eq!(on(&["plan", "base.kdl", "--from", "base.kdl", "--detailed-exitcode"]).code, 0);
    // Nothing was read or written beside the two files.
    assert_eq!(std::fs::read_dir(host.path("")).unwrap().count(), 2);
}
