//! The example of a repository of hosts: the commands in its workflow files, run on it as it is and on a broken one.

use std::path::Path;

use crate::run::{Host, Run, root, run, snapshot};

/// A copy of the example, with itself as its base.
fn repository() -> Host {
    let host = Host::new();
    let example = root().join("examples/gitops");
    for folder in ["hosts", "profiles"] {
        for place in ["", "base/"] {
            std::fs::create_dir_all(host.path(&format!("{place}{folder}"))).unwrap();
            for file in std::fs::read_dir(example.join(folder)).unwrap() {
                let file = file.unwrap();
                let name = file.file_name().into_string().unwrap();
                std::fs::copy(file.path(), host.path(&format!("{place}{folder}/{name}"))).unwrap();
            }
        }
    }
    host
}

/// The commands of subdevcfg in a workflow file, as a shell would split them.
fn commands(file: &str) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(root().join("examples/gitops").join(file)).unwrap();
    let found = text.lines().filter_map(|line| line.split_once("subdevcfg check ").map(|(_, rest)| rest));
    let arguments = |rest: &str| {
        let words = rest.split_whitespace().take_while(|word| !matches!(*word, ">" | "||"));
        std::iter::once("check").chain(words).map(str::to_owned).collect()
    };
    found.map(arguments).collect()
}

fn carry_out(folder: &Path, command: &[String]) -> Run {
    run(folder, &command.iter().map(String::as_str).collect::<Vec<_>>())
}

#[test]
fn the_commands_of_the_workflows_pass_and_find_what_is_wrong() {
    let good = repository();
    let broken = repository();
    let text = std::fs::read_to_string(broken.path("hosts/lab-02.kdl")).unwrap();
    broken.write("hosts/lab-02.kdl", &text.replace("host lab-02", "host lab-01"));
    let mut count = 0;
    for file in [".github/workflows/subdevcfg.yml", ".gitlab-ci.yml", ".pre-commit-config.yaml", "README.md"]
    {
        for command in commands(file) {
            let run = carry_out(good.path("").as_path(), &command);
            assert_eq!(run.code, 0, "{file}: {command:?}\n{}", run.all());
            let run = carry_out(broken.path("").as_path(), &command);
            assert_eq!(run.code, 1, "{file}: {command:?}\n{}", run.all());
            assert!(run.stdout.contains("E0701"), "{file}: {command:?}\n{}", run.all());
            count += 1;
        }
    }
    assert_eq!(count, 6);
}

#[test]
fn the_repository_is_of_twenty_hosts_without_errors_in_the_one_form() {
    let host = repository();
    let run = run(host.path("").as_path(), &["check", "hosts", "profiles", "--base", "base"]);
    assert!(run.stdout.ends_with("20 host files: no errors\n"), "{}", run.all());
    let files: Vec<String> = std::fs::read_dir(host.path("hosts"))
        .unwrap()
        .chain(std::fs::read_dir(host.path("profiles")).unwrap())
        .map(|file| file.unwrap().path().to_str().unwrap().to_owned())
        .collect();
    let arguments: Vec<&str> =
        ["fmt", "--check"].into_iter().chain(files.iter().map(String::as_str)).collect();
    let form = crate::run::run(host.path("").as_path(), &arguments);
    assert_eq!(form.code, 0, "{}", form.all());
}

/// A change of one profile: who is touched is told, and only they.
#[test]
fn a_change_of_a_profile_tells_which_hosts_it_touches() {
    let host = repository();
    let text = std::fs::read_to_string(host.path("profiles/lab.kdl")).unwrap();
    host.write("profiles/lab.kdl", &text.replace("mtu=1500", "mtu=9000"));
    let run = run(host.path("").as_path(), &["check", "hosts", "profiles", "--base", "base"]);
    assert_eq!(run.code, 0, "{}", run.all());
    for name in ["lab-01", "lab-02", "lab-03"] {
        assert!(run.stdout.contains(&format!("{name} (hosts/{name}.kdl): ")), "{}", run.all());
    }
    assert!(!run.stdout.contains("ice-01 (hosts/ice-01.kdl): 0"), "{}", run.all());
}

/// What a change does to a host that is not as its former file says: it was seen, and somebody had been at it.
#[test]
fn a_change_is_planned_for_hosts_as_they_were_seen() {
    let host = repository();
    let apply = ["apply", "hosts/lab-01.kdl", "--yes"];
    assert_eq!(host.run(&apply).code, 0);
    std::fs::create_dir(host.path("states")).unwrap();
    let seen = host.run(&["state", "--format", "json"]).stdout;
    host.write("states/lab-01.json", &seen);
    host.write("states/lab-03.json", "{}");
    let profile = std::fs::read_to_string(host.path("profiles/lab.kdl")).unwrap();
    host.write("profiles/lab.kdl", &profile.replace("tenants default=2", "tenants default=3"));
    let hosts = ["hosts/lab-01.kdl", "hosts/lab-02.kdl", "hosts/lab-03.kdl"];
    let check = || {
        let options = ["--base", "base", "--states", "states"];
        host.run_without_host(&[&["check"], &hosts[..], &options].concat())
    };
    let as_described = check();
    assert_eq!(as_described.code, 0, "{}", as_described.all());
    let mut state: serde_json::Value = serde_json::from_str(&seen).unwrap();
    let functions = state["parents"]["subdev/nic0"]["functions"].as_array_mut().unwrap();
    functions[0]["netdev"]["mtu"] = 1280.into();
    functions[1]["representor"]["up"] = false.into();
    host.write("states/lab-01.json", &state.to_string());
    let otherwise = check();
    snapshot("cli", "check-states", &format!("{}\n{}", as_described.all(), otherwise.all()));
}
