//! The plan of every example, for people and for programs.

use crate::run::{Host, root, run, snapshot};

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
        let host = Host::new();
        let state = host.path("host.json");
        let file = format!("examples/{name}.kdl");
        for (form, arguments) in
            [("human", vec!["--all"]), ("folded", vec![]), ("json", vec!["--format", "json"])]
        {
            let simulate = ["plan", &file, "--simulate", state.to_str().unwrap()];
            let result = run(&root(), &[&simulate[..], &arguments].concat());
            assert_eq!((result.code, result.stderr.as_str()), (0, ""), "{name}");
            snapshot(
                "plans",
                &format!("{name}.{form}"),
                &result.stdout.replace(state.to_str().unwrap(), "host.json"),
            );
        }
        assert!(!state.exists(), "a plan writes nothing");
    }
}
