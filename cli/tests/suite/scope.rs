//! What is left to others, what must not be there, and applies of a part of a file.

use crate::run::{Host, host_with, run, snapshot};

const RATED: &str =
    "subdevice a { sf 1; rate tx-max=\"5Gbit\"; netdev web mtu=1400 up=#true; MORE }; subdevice b { sf 2; }";

/// The function of that number in the simulated host's file.
fn function(host: &mut serde_json::Value, number: u64) -> &mut serde_json::Value {
    let functions = host["parents"]["nic0"]["functions"].as_array_mut().unwrap();
    functions.iter_mut().find(|function| function["sf_number"] == number).unwrap()
}

fn limit(host: &mut serde_json::Value, rate: &str) {
    function(host, 1)["leaf"]["tx_max"] = rate.into();
}

#[test]
fn what_is_ignored_is_written_once_and_then_left_to_others() {
    let host = Host::new();
    let text = host_with(&RATED.replace("MORE", "ignore \"rate.tx-max\""));
    host.apply(&text);
    assert_eq!(host.plan(&text).code, 0);
    host.edit(|host| limit(host, "1Gbit"));
    let plan = host.plan(&text);
    snapshot("cli", "ignored", &plan.all());
    assert_eq!(plan.code, 0);
    // Without the word it is drift.
    let drift = host.plan(&host_with(&RATED.replace("MORE", "")));
    assert!(drift.stdout.contains("DRIFT") && drift.code == 2, "{}", drift.all());
}

#[test]
fn a_netdev_that_a_cni_took_away_is_accepted_and_comes_back_with_a_restart() {
    let host = Host::new();
    let handed = |mac: &str| {
        host_with(&RATED.replace("MORE", &format!("function mac=\"02:00:00:00:00:{mac}\"; hand-over to=cni")))
    };
    host.apply(&handed("01"));
    // As seen from here when it is in another network namespace.
    host.edit(|host| function(host, 1)["netdev"] = serde_json::Value::Null);
    let plan = host.plan(&handed("01"));
    snapshot("cli", "handed-over", &plan.all());
    assert_eq!(plan.code, 0);
    // The MAC address is the CNI's as well: another one in the file is for a function that is made anew.
    assert_eq!(host.plan(&handed("02")).code, 0);
}

#[test]
fn what_must_be_absent_is_deleted_whoever_made_it() {
    let host = Host::new();
    host.apply(&host_with("subdevice a { sf 1; }; subdevice b { sf 2; }"));
    host.forget_record();
    let text = host_with(
        "subdevice a { sf 1; }; subdevice b absent=#true { sf 2; }; subdevice c absent=#true { sf 3; }",
    );
    snapshot("cli", "absent", &host.plan(&text).all());
    host.apply(&text);
    assert_eq!(host.config()["parents"]["subdev/nic0"]["functions"].as_array().unwrap().len(), 1);
    assert_eq!(host.plan(&text).code, 0);
}

#[test]
fn a_former_name_keeps_what_was_derived_from_it() {
    let host = Host::new();
    let text = |subdevice: &str| {
        host_with(&format!("sf-numbers from=100 to=199; subdevice {subdevice} {{ sf; }}; subdevice SECOND"))
    };
    let with_mdev =
        |sf: &str, mdev: &str| text(sf).replace("SECOND", &format!("{mdev} {{ mdev type=eth; }}"));
    host.apply(&with_mdev("old", "disk"));
    let before = host.config();
    let renamed = with_mdev("new was=old", "store was=disk");
    host.apply(&renamed);
    assert_eq!(host.config(), before);
    let plan = host.plan(&renamed);
    assert_eq!(plan.code, 0, "{}", plan.all());
    // Without it they are other functions.
    let plan = host.plan(&with_mdev("new", "store"));
    assert!(plan.stdout.contains("2 to create") && plan.stdout.contains("2 to delete"), "{}", plan.all());
}

#[test]
fn only_a_part_of_a_file_is_planned_and_applied() {
    let host = Host::new();
    let text = host_with("subdevice a { sf 1; netdev n0; }; subdevice b { sf 2; representor r1; }");
    host.apply(&host_with(""));
    host.write("host.kdl", &text);
    let only = ["--only", "subdev/nic0#a"];
    let plan = host.run(&[&["plan", "host.kdl", "--detailed-exitcode"][..], &only].concat());
    snapshot("cli", "only", &plan.all());
    let run = host.run(&[&["apply", "host.kdl", "--yes"][..], &only].concat());
    assert_eq!(run.code, 0, "{}", run.all());
    let rest = host.run(&["plan", "host.kdl", "--detailed-exitcode", "--except", "subdev/nic0#a"]);
    snapshot("cli", "except", &rest.all());
    assert_eq!(rest.code, 2, "{}", rest.all());
}

#[test]
fn a_part_needs_what_it_stands_on_and_takes_along_what_stands_on_it() {
    let host = Host::new();
    host.write(
        "host.kdl",
        &host_with("rate-node gold; subdevice a { sf 1; rate parent=gold; }; subdevice b { sf 2; }"),
    );
    // The parent that the subdevice needs is not there yet.
    snapshot("cli", "only-needs-parent", &host.run(&["plan", "host.kdl", "--only", "subdev/nic0#a"]).all());
    // Without the rate node, not the subdevice below it either.
    snapshot(
        "cli",
        "except-rate-node",
        &host.run(&["plan", "host.kdl", "--except", "subdev/nic0.rate-node[gold]"]).all(),
    );
    snapshot("cli", "only-unknown", &host.run(&["plan", "host.kdl", "--only", "subdev/nic0#c"]).all());
}

#[test]
fn what_is_protected_stays_until_an_apply_that_does_nothing_else() {
    let host = Host::new();
    let text = |word: &str, mac: &str| {
        host_with(&format!(
            "subdevice a {word} {{ sf 1; function mac=\"02:00:00:00:00:{mac}\"; }}; subdevice b {{ sf 2; }}"
        ))
    };
    let allowed = |host: &Host| host.run(&["apply", "host.kdl", "--yes", "--allow", "parent-wide"]);
    host.apply(&text("protect=#true", "01"));
    // Neither changed, nor deleted with its block, nor taken along with its parent, nor by a destroy.
    snapshot("cli", "protected", &host.plan(&text("protect=#true", "02")).all());
    for other in
        [text("protect=#false", "02"), host_with("subdevice b { sf 2; }"), host_with("param max_queues 32")]
    {
        host.write("host.kdl", &other);
        let run = allowed(&host);
        assert_eq!(run.code, 3, "{}", run.all());
    }
    assert_eq!(host.run(&["destroy", "--yes", "--allow", "parent-wide"]).code, 3);
    // What disturbs it not is done.
    host.apply(&text("protect=#true", "01").replace("sf 2;", "sf 2; representor b_r;"));
    let lifted = text("", "01");
    snapshot("cli", "protection-ends", &host.plan(&lifted).all());
    host.apply(&lifted);
    host.apply(&text("", "02"));
}

#[test]
fn what_nobody_named_goes_where_the_file_is_exclusive() {
    let host = Host::new();
    let one = |number: u32| format!("subdevice s{number} {{ sf {number}; representor r{number}; }}; ");
    let many = [10, 11, 12].map(one).concat();
    host.apply(&host_with(
        &format!("subdevice a {{ sf 1; }}; {many}").replace("max-subdevices=4", "max-subdevices=8"),
    ));
    host.forget_record();
    // Somebody uses one of them.
    host.edit(|host| {
        function(host, 11)["representor"]["users"] =
            serde_json::json!([{ "upper": { "kind": "bridge", "name": "br0" } }]);
    });
    let text = host_with("exclusive sf=\"10..19\"; subdevice a { sf 1; }");
    snapshot("cli", "exclusive", &host.plan(&text).all());
    let apply = |flags: &[&str]| {
        host.run(&[&["apply", "host.kdl", "--yes", "--allow", "subdevice-delete"][..], flags].concat())
    };
    let run = apply(&[]);
    assert_eq!(run.code, 0, "{}", run.all());
    let left: Vec<_> = host.config()["parents"]["subdev/nic0"]["functions"].as_array().unwrap().clone();
    assert_eq!(
        left.iter().map(|function| function["id"]["sf"]["number"].as_u64().unwrap()).collect::<Vec<_>>(),
        [1, 11]
    );
}

#[test]
fn a_number_that_can_be_another_programs_stays_where_the_file_is_exclusive() {
    let host = Host::new();
    let text = |body: &str| {
        format!(
            "subdevcfg version=1\nhost node-17\ndevice \"pci/0000:08:00.0\" driver=mlx5_core {{\n    eswitch \
             mode=switchdev\n    subdevice a {{ sf 1; }}\n    {body}\n}}\n"
        )
    };
    host.apply(&text("subdevice b { sf 2; }; subdevice c { sf 999; }; subdevice d { sf 1000; }"));
    host.forget_record();
    let exclusive = text("exclusive sf=\"2..1999\"");
    snapshot("cli", "exclusive-reserved", &host.plan(&exclusive).all());
    host.write("host.kdl", &exclusive);
    let run = host.run(&["apply", "host.kdl", "--yes", "--allow", "subdevice-delete"]);
    assert_eq!(run.code, 0, "{}", run.all());
    let state = host.config();
    let left = state["parents"]["pci/0000:08:00.0"]["functions"].as_array().unwrap().iter();
    let left: Vec<_> = left.map(|function| function["id"]["sf"]["number"].as_u64().unwrap()).collect();
    assert_eq!(left, [1, 1000]);
}

#[test]
fn more_than_half_at_once_wants_a_number() {
    let host = Host::new();
    host.apply(&host_with("subdevice a { sf 1; }; subdevice b { sf 10; }; subdevice c { sf 11; }"));
    host.forget_record();
    host.write("host.kdl", &host_with("exclusive sf=\"10..19\"; subdevice a { sf 1; }"));
    let apply = |flags: &[&str]| {
        host.run(&[&["apply", "host.kdl", "--yes", "--allow", "subdevice-delete"][..], flags].concat())
    };
    let refused = apply(&[]);
    assert_eq!(refused.code, 3, "{}", refused.all());
    assert!(refused.stdout.contains("--max-destroy 2"), "{}", refused.all());
    assert_eq!(apply(&["--max-destroy", "2"]).code, 0);
}

#[test]
fn what_is_for_other_kernels_is_left_out_and_told() {
    let host = Host::new();
    let text = host_with(
        "subdevice a { sf 1; when kernel=\">=6.10\" { function max-io-eqs=8; }; when kernel=\"<6.10\" { rate tx-max=\"1Gbit\"; }; }",
    );
    host.apply(&host_with(""));
    let newer = host.plan(&text).stdout;
    assert!(newer.contains("function max-io-eqs 8") && !newer.contains("rate tx-max"), "{newer}");
    host.edit(|host| host["kernel_release"] = "6.1.0".into());
    snapshot("cli", "other-kernel", &host.plan(&text).all());
    host.apply(&text);
    assert_eq!(host.plan(&text).code, 0);
    // Without a host the newest kernel that is tested is meant.
    host.write("base.kdl", &host_with(""));
    let described = run(&host.path(""), &["plan", "host.kdl", "--from", "base.kdl"]).stdout;
    assert!(described.contains("function max-io-eqs 8"), "{described}");
}

#[test]
fn what_a_device_may_do_without_is_left_out_and_told() {
    let host = Host::new();
    let text = host_with(
        "param turbo 7 cmode=runtime if-supported=#true; param max_mtu 9000 if-supported=#true
         subdevice a { sf 1; param tune 1 cmode=driverinit if-supported=#true; }",
    );
    let first = host.plan(&text);
    assert!(first.stdout.contains("max_mtu") && first.code == 2, "{}", first.all());
    snapshot("cli", "lacking", &first.all());
    host.apply(&text);
    let then = host.plan(&text);
    assert_eq!(then.code, 0, "{}", then.all());
    snapshot("cli", "lacking-after", &then.all());
    assert!(!host.run(&["show", "--format", "json"]).stdout.contains("turbo"));
    host.write("base.kdl", &host_with("subdevice a { sf 1; }"));
    let described = run(&host.path(""), &["plan", "host.kdl", "--from", "base.kdl"]).stdout;
    assert!(described.contains("turbo"), "{described}");
    let destroy = host.run(&["destroy", "--yes", "--allow", "parent-wide"]);
    assert_eq!(destroy.code, 0, "{}", destroy.all());
}

#[test]
fn a_new_subdevice_alone_takes_along_no_removal() {
    let host = Host::new();
    host.apply(&host_with("subdevice old { sf 1; }"));
    host.write("host.kdl", &host_with("subdevice new { sf 2; }"));
    let plan = host.run(&["plan", "host.kdl", "--only", "subdev/nic0#new"]).stdout;
    assert!(plan.contains("1 to create") && plan.contains("0 to delete"), "{plan}");
    // Unless it takes the place of what goes.
    host.apply(&host_with("subdevice old { sf 1; representor r; }"));
    host.write("host.kdl", &host_with("subdevice new { sf 2; representor r; }"));
    let plan = host.run(&["plan", "host.kdl", "--only", "subdev/nic0#new"]).stdout;
    assert!(plan.contains("1 to create") && plan.contains("1 to delete"), "{plan}");
}
