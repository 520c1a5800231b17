//! `--any-host`: a file for any host names hardware by its address.

use crate::run::{Host, Run, snapshot};

const CARD: &str = "subdevcfg version=1\nhost \"*\"\ndevice \"pci/0000:08:00.0\" driver=mlx5_core {\n    \
                    eswitch mode=switchdev\n    subdevice a { sf 1; representor a_r; }\n}\n";

fn with_file() -> Host {
    let host = Host::new();
    host.write("host.kdl", CARD);
    host
}

fn assert_ends(run: &Run, code: i32) {
    assert_eq!(run.code, code, "{}", run.all());
    assert_eq!(run.stderr.contains("E0412") || run.stdout.contains("E0412"), code == 1, "{}", run.all());
}

#[test]
fn whoever_says_so_has_the_same_hardware_everywhere() {
    let host = with_file();
    let both = |arguments: &[&str], run: &dyn Fn(&[&str]) -> Run| {
        assert_ends(&run(arguments), 1);
        assert_ends(&run(&[arguments, &["--any-host"]].concat()), 0);
    };
    for arguments in [
        &["check", "host.kdl"][..],
        &["check", "--fix", "host.kdl"],
        &["graph", "host.kdl"],
        &["diff", "host.kdl", "host.kdl"],
        &["plan", "host.kdl", "--from", "host.kdl"],
    ] {
        both(arguments, &|arguments| host.run_without_host(arguments));
    }
    for arguments in [
        &["plan", "host.kdl"][..],
        &["apply", "host.kdl", "--yes"],
        &["watch", "host.kdl", "--once"],
        &["destroy", "host.kdl", "--yes", "--allow", "parent-wide"],
    ] {
        both(arguments, &|arguments| host.run(arguments));
    }
}

#[test]
fn a_plan_names_the_option_to_go_on_with_and_a_saved_one_knows_it() {
    let host = with_file();
    let plan = host.run(&["plan", "host.kdl", "--any-host", "--out", "plan.json"]);
    snapshot("cli", "any-host-plan", &plan.all());
    let done = host.run(&["apply", "plan.json", "--yes"]);
    assert_eq!(done.code, 0, "{}", done.all());
}

#[test]
fn a_change_for_any_host_is_compared_with_its_base() {
    let host = with_file();
    std::fs::create_dir(host.path("base")).unwrap();
    host.write("base/host.kdl", &CARD.replace("sf 1", "sf 2"));
    let run = host.run_without_host(&["check", "host.kdl", "--base", "base", "--any-host"]);
    assert_eq!(run.code, 0, "{}", run.all());
    snapshot("cli", "any-host-base", &run.all());
}
