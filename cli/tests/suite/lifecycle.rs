//! A host's life: apply, apply again, change, remove, adopt, destroy.

use serde_json::Value;

use crate::run::{Host, Run, example, host_with, snapshot};

/// The addresses that change, with their actions.
fn changes(plan: &Value) -> Vec<(String, String)> {
    plan["resource_changes"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|change| change["actions"] != serde_json::json!(["no-op"]))
        .map(|change| (change["address"].as_str().unwrap().to_owned(), change["actions"].to_string()))
        .collect()
}

fn change(address: &str, actions: &str) -> (String, String) {
    (address.to_owned(), actions.to_owned())
}

#[test]
fn an_applied_file_plans_nothing() {
    for name in ["quickstart.kdl", "legacy.kdl", "two-parents.kdl"] {
        let host = Host::new();
        host.apply(&example(name));
        let plan = host.plan(&example(name));
        assert_eq!(plan.code, 0, "{}", plan.all());
        assert!(plan.stdout.contains("Nothing to do"), "{}", plan.all());
    }
}

#[test]
fn one_changed_attribute_plans_one_change_with_the_steps_that_the_kernel_forces() {
    let host = Host::new();
    host.apply(&example("quickstart.kdl"));
    for (name, old, new, address) in [
        ("mac", "02:00:00:00:00:58", "02:00:00:00:00:99", "subdev/nic0#db0"),
        ("driverinit-param", "queues 4", "queues 8", "subdev/nic0#web0"),
        ("mtu", "representor web0_r mtu=1400", "representor web0_r mtu=1300", "subdev/nic0#web0"),
        ("rename", "netdev db1", "netdev db9", "subdev/nic0#db1"),
        ("mdev-identity", "6c0f5d8e", "6c0f5d8f", "subdev/nic0#web1"),
    ] {
        let text = example("quickstart.kdl").replace(old, new);
        let found = changes(&host.plan_json(&text));
        if name == "mdev-identity" {
            // Another UUID is another function: the old one goes, the new one comes.
            assert_eq!(found.len(), 2, "{found:?}");
        } else {
            assert_eq!(found, [change(address, "[\"update\"]")], "{name}");
        }
        snapshot("cli", &format!("change-{name}"), &host.plan(&text).all());
    }
}

#[test]
fn a_subdevice_that_is_not_named_any_more_is_removed_and_nothing_else() {
    let host = Host::new();
    let both = host_with("subdevice a { sf 1; netdev a0; }; subdevice b { sf 2; netdev b0; }");
    let one = host_with("subdevice b { sf 2; netdev b0; }");
    host.apply(&both);
    assert_eq!(changes(&host.plan_json(&one)), [change("subdev/nic0#a", "[\"delete\"]")]);
    snapshot("cli", "removed-subdevice", &host.plan(&one).all());
    host.apply(&one);
    assert_eq!(host.config()["parents"]["subdev/nic0"]["functions"].as_array().unwrap().len(), 1);
}

#[test]
fn what_is_above_the_ceiling_is_refused_and_nothing_changes() {
    let host = Host::new();
    host.apply(&example("quickstart.kdl"));
    let before = host.config();
    host.write("host.kdl", &example("quickstart.kdl").replace("queues 4", "queues 8"));
    let refused = host.run(&["apply", "host.kdl", "--yes"]);
    assert_eq!(refused.code, 3);
    snapshot("cli", "above-the-ceiling", &refused.all());
    assert_eq!(host.config(), before);
    // The command that the refusal shows does it.
    let allowed = host.run(&["apply", "host.kdl", "--yes", "--allow", "subdevice-restart@subdev/nic0#web0"]);
    assert_eq!(allowed.code, 0, "{}", allowed.all());
}

#[test]
fn destroy_takes_everything_away() {
    let host = Host::new();
    host.run(&["state"]);
    let before = host.config();
    host.apply(&example("two-parents.kdl"));
    let refused = host.run(&["destroy", "--yes"]);
    assert_eq!(refused.code, 3, "{}", refused.all());
    snapshot("cli", "destroy-refused", &refused.all());
    let done = host.run(&["destroy", "--yes", "--allow", "parent-wide"]);
    assert_eq!(done.code, 0, "{}", done.all());
    assert_eq!(host.config(), before);
    let again = host.run(&["destroy", "--yes"]);
    assert_eq!(again.code, 0, "{}", again.all());
}

#[test]
fn destroy_with_a_file_takes_away_what_the_file_names() {
    let host = Host::new();
    host.apply(&example("two-parents.kdl"));
    let north = example("two-parents.kdl").split("\ndevice \"subdev/south\"").next().unwrap().to_owned();
    host.write("north.kdl", &north);
    let done = host.run(&["destroy", "north.kdl", "--yes", "--allow", "parent-wide"]);
    assert_eq!(done.code, 0, "{}", done.all());
    let parents = host.config()["parents"].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(parents, ["subdev/south"]);
}

#[test]
fn values_that_were_found_are_put_back() {
    let host = Host::new();
    host.apply(&host_with("param spoof_check #false"));
    host.forget_record();
    host.apply(&host_with("param spoof_check #true; subdevice a { sf 1; }"));
    let done = host.run(&["destroy", "--yes", "--allow", "parent-wide"]);
    assert_eq!(done.code, 0, "{}", done.all());
    let parent = &host.config()["parents"]["subdev/nic0"];
    assert_eq!(parent["params"]["spoof_check"]["runtime"], Value::Bool(false));
    assert_eq!(parent["functions"].as_array().unwrap().len(), 0);
}

#[test]
fn a_function_made_by_hand_is_adopted_changed_in_place_and_never_deleted() {
    let host = Host::new();
    let text = host_with("subdevice a { sf 88; representor a_r up=#true; }");
    host.apply(&text);
    host.forget_record();
    let changed = text.replace("up=#true", "up=#false");
    let plan = host.plan(&changed);
    snapshot("cli", "adopted", &plan.all());
    host.apply(&changed);
    let plan = host.plan(&changed);
    assert!(plan.stdout.contains("Nothing to do") && !plan.stdout.contains("ADOPTED"), "{}", plan.all());
    // No longer named, it is released: it was never subdevcfg's to delete.
    let plan = host.plan(&host_with(""));
    assert_eq!(plan.code, 0, "{}", plan.all());
}

#[test]
fn a_number_that_a_mediated_device_has_is_refused_at_plan_time() {
    let host = Host::new();
    host.apply(&host_with("subdevice m { mdev type=eth; }"));
    let text = host_with("subdevice m { mdev type=eth; }; subdevice a { sf 1000; }");
    host.write("host.kdl", &text);
    let refused = host.run(&["apply", "host.kdl", "--yes"]);
    assert_eq!(refused.code, 3);
    snapshot("cli", "number-taken", &refused.all());
}

#[test]
fn drift_is_told_from_a_changed_file() {
    let host = Host::new();
    let text = host_with("subdevice a { sf 88; representor a_r up=#true; }");
    host.apply(&text);
    host.edit(|host| {
        let function = &mut host["parents"]["nic0"]["functions"][0];
        function["representor"]["up"] = Value::Bool(false);
    });
    snapshot("cli", "drift", &host.plan(&text).all());
}

/// What a card does to itself: legacy mode, subfunctions gone, mediated devices inactive.
fn reset(host: &mut Value) {
    let parent = &mut host["parents"]["nic0"];
    parent["mode"] = "legacy".into();
    parent["rate_nodes"] = serde_json::json!({});
    parent["functions"].as_array_mut().unwrap().retain(|function| !function["mdev"].is_null());
    for function in parent["functions"].as_array_mut().unwrap() {
        function["active"] = false.into();
        function["leaf"] = Value::Null;
        function["representor"] = Value::Null;
        function["netdev"] = Value::Null;
        function["params"] = Value::Null;
    }
}

#[test]
fn a_reset_is_told_from_drift() {
    let text = host_with(
        "param spoof_check #true; subdevice a { sf 88; representor a_r up=#true; }; \
         subdevice m { mdev type=eth; function mac=\"02:00:00:00:00:01\"; representor m_r up=#true; }",
    );
    let host = Host::new();
    host.apply(&text);
    host.edit(reset);
    // Nothing counts it: it is known by what it leaves behind.
    let plan = host.plan(&text);
    snapshot("cli", "reset-by-its-marks", &plan.all());
    host.edit(|host| host["parents"]["nic0"]["restarts"]["recoveries"] = 1.into());
    let plan = host.plan(&text);
    snapshot("cli", "reset", &plan.all());
    let plan = host.plan_json(&text);
    assert_eq!(plan["resets"][0]["address"], "subdev/nic0");
    assert!(plan["drift"].as_array().unwrap().iter().all(|drift| drift["by_reset"] == true), "{plan:#}");
    // It is repaired, and what somebody changes afterwards is drift again.
    host.apply(&text);
    host.edit(|host| host["parents"]["nic0"]["params"]["runtime"]["spoof_check"] = false.into());
    host.edit(|host| host["parents"]["nic0"]["functions"][0]["representor"]["up"] = false.into());
    let plan = host.plan(&text);
    assert!(plan.stdout.contains("DRIFT") && !plan.stdout.contains("RESET"), "{}", plan.all());
}

#[test]
fn a_device_that_somebody_reloads_is_reset_and_our_own_reload_is_none() {
    let text = host_with("param max_queues 32; subdevice a { sf 88; representor a_r up=#true; }");
    let host = Host::new();
    host.apply(&text);
    assert!(!host.plan(&text).stdout.contains("RESET"));
    host.edit(reset);
    host.edit(|host| host["parents"]["nic0"]["restarts"]["reloads"] = 3.into());
    let plan = host.plan(&text);
    assert!(plan.stdout.contains("RESET   subdev/nic0: it was reloaded 2 times"), "{}", plan.all());
}

#[test]
fn progress_for_programs_is_an_object_a_line() {
    let host = Host::new();
    host.write("host.kdl", &host_with("subdevice a { sf 1; }; subdevice b { sf 2 pf=1; }"));
    let run = host.run(&["apply", "host.kdl", "--yes", "--log-format", "json"]);
    assert_eq!(run.code, 1, "{}", run.all());
    let lines = run.stderr.lines().filter(|line| line.starts_with('{'));
    let events: Vec<Value> = lines.map(|line| serde_json::from_str(line).unwrap()).collect();
    let kinds: Vec<&str> = events.iter().map(|event| event["event"].as_str().unwrap()).collect();
    // Parent, mode, the first function, the second one that fails; then back (a stop goes with its deletion).
    assert_eq!(kinds, [vec!["operation"; 5], vec!["undo"; 3]].concat(), "{}", run.all());
    assert_eq!(events[2]["address"], "subdev/nic0#a");
    assert_eq!(events[2]["operation"], 3);
    assert_eq!(events[2]["request"]["kind"], "create");
}

#[test]
fn one_function_that_somebody_deletes_is_drift() {
    let text = host_with("subdevice a { sf 88; }; subdevice b { sf 89; }");
    let host = Host::new();
    host.apply(&text);
    host.edit(|host| {
        host["parents"]["nic0"]["functions"].as_array_mut().unwrap().pop();
    });
    let plan = host.plan(&text);
    assert!(plan.stdout.contains("DRIFT") && !plan.stdout.contains("RESET"), "{}", plan.all());
}

#[test]
fn an_attribute_that_the_file_does_not_mention_any_more_is_released() {
    let host = Host::new();
    host.apply(&host_with("subdevice a { sf 88; representor a_r mtu=1300 up=#true; }"));
    let text = host_with("subdevice a { sf 88; representor a_r up=#true; }");
    snapshot("cli", "released", &host.plan(&text).all());
    host.apply(&text);
    assert!(!host.plan(&text).stdout.contains("RELEASED"));
    assert_eq!(host.config()["parents"]["subdev/nic0"]["functions"][0]["representor"]["mtu"], 1300);
}

#[test]
fn too_many_subdevices_are_refused_before_anything_is_made() {
    let host = Host::new();
    host.apply(&host_with("subdevice a { sf 1; }; subdevice b { sf 2; }; subdevice c { sf 3; }"));
    host.forget_record();
    let text = host_with("subdevice d { sf 4; }; subdevice e { sf 5; }");
    let plan = host.plan(&text);
    snapshot("cli", "no-room", &plan.all());
}

#[test]
fn what_was_adopted_is_never_replaced() {
    let host = Host::new();
    host.apply(&example("legacy.kdl"));
    host.forget_record();
    let before = host.config();
    for (name, old, new) in
        [("mode", "mode=legacy", "mode=switchdev"), ("create", "max-subdevices=8", "max-subdevices=9")]
    {
        host.write("host.kdl", &example("legacy.kdl").replace(old, new));
        let refused = host.run(&["apply", "host.kdl", "--yes", "--allow", "parent-wide"]);
        assert_eq!(refused.code, 3, "{}", refused.all());
        snapshot("cli", &format!("adopted-{name}"), &refused.all());
        assert_eq!(host.config(), before);
    }
}

#[test]
fn an_adopted_function_is_put_back_whole() {
    let host = Host::new();
    let found = "subdevice a { sf 7; function mac=\"02:00:00:00:00:07\"; param queues 2; netdev a0 mtu=1400 up=#true; \
                 representor a_r up=#true; }";
    host.apply(&host_with(found));
    host.forget_record();
    let before = host.config();
    let changed =
        found.replace("00:07", "00:77").replace("queues 2", "queues 3").replace("a0 mtu=1400", "b0 mtu=1300");
    host.apply(&host_with(&changed));
    assert_ne!(host.config(), before);
    let done = host.run(&["destroy", "--yes", "--allow", "parent-wide"]);
    assert_eq!(done.code, 0, "{}", done.all());
    snapshot("cli", "put-back", &done.stdout);
    assert_eq!(host.config(), before);
    // Nothing is managed any more: the next apply finds what is there then.
    assert!(host.plan(&host_with(&changed)).stdout.contains("ADOPTED    subdev/nic0#a"));
}

#[test]
fn destroy_with_a_file_refuses_to_take_what_the_file_does_not_name() {
    let host = Host::new();
    host.apply(&host_with("subdevice a { sf 1; }; subdevice b { sf 2; }"));
    host.write("a.kdl", &host_with("subdevice a { sf 1; }"));
    let refused = host.run(&["destroy", "a.kdl", "--yes", "--allow", "parent-wide"]);
    assert_eq!(refused.code, 3, "{}", refused.all());
    assert!(refused.stdout.contains("sf 2 is on it, and the file does not name it"), "{}", refused.all());
}

#[test]
fn a_replaced_parent_shows_everything_that_goes() {
    let host = Host::new();
    host.apply(&host_with("subdevice a { sf 1; netdev a0; }; subdevice b { sf 2; }"));
    let text = host_with("subdevice a { sf 1; netdev a0; }").replace("max-subdevices=4", "max-subdevices=5");
    let found = changes(&host.plan_json(&text));
    let replaced = "[\"delete\",\"create\"]";
    assert_eq!(
        found,
        [
            change("subdev/nic0", replaced),
            change("subdev/nic0#a", replaced),
            change("subdev/nic0#b", "[\"delete\"]"),
        ]
    );
    snapshot("cli", "replaced-parent", &host.plan(&text).all());
}

#[test]
fn what_is_gone_and_not_named_is_forgotten() {
    let host = Host::new();
    host.apply(&host_with("subdevice a { sf 1; }; subdevice b { sf 2; }"));
    host.edit(|host| {
        host["parents"]["nic0"]["functions"]
            .as_array_mut()
            .unwrap()
            .retain(|function| function["sf_number"] != 2);
    });
    let one = host_with("subdevice a { sf 1; }");
    host.apply(&one);
    // Another function of that number is somebody else's.
    let made = host.simulated()["record"]["made"].to_string();
    assert!(!made.contains("#b"), "{made}");
}

#[test]
fn a_refusal_and_a_failure_are_whole_in_json() {
    let host = Host::new();
    host.apply(&host_with("subdevice a { sf 1; netdev a0; }"));
    host.write(
        "host.kdl",
        &host_with("subdevice a { sf 1; function mac=\"02:00:00:00:00:09\"; netdev a0; }"),
    );
    let refused = host.run(&["apply", "host.kdl", "--yes", "--format", "json"]);
    let report: Value = serde_json::from_str(&refused.stdout).unwrap();
    assert_eq!((refused.code, report["ending"].as_str()), (3, Some("refused")));
    assert_eq!(report["needs"], serde_json::json!(["--allow subdevice-restart@subdev/nic0#a"]));
    // The simulated kernel has one PF.
    host.write("host.kdl", &host_with("subdevice a { sf 1; netdev a0; }; subdevice b { sf 2 pf=1; }"));
    let failed = host.run(&["apply", "host.kdl", "--yes", "--format", "json"]);
    let report: Value = serde_json::from_str(&failed.stdout).unwrap();
    assert_eq!((failed.code, report["ending"].as_str()), (1, Some("undone")), "{}", failed.all());
    assert_eq!(report["failures"][0]["operation"], 1);
    assert!(report["failures"][0]["answer"].as_str().unwrap().starts_with("EOPNOTSUPP"));
    assert_eq!(report["failures"][0]["kernel_message"], "the only PF is 0");
}

#[test]
fn the_kernels_own_names_are_refused() {
    let host = Host::new();
    host.write("host.kdl", &host_with("subdevice a { sf 1; netdev eth0; representor eth; }"));
    let refused = host.run(&["apply", "host.kdl", "--yes"]);
    assert_eq!(refused.code, 3, "{}", refused.all());
    assert_eq!(refused.stdout.matches("REFUSED").count(), 1, "{}", refused.all());
    assert!(
        refused.stdout.contains("the kernel gives names like eth0 to new interfaces itself"),
        "{}",
        refused.all()
    );
}

#[test]
fn what_a_parent_reload_makes_anew_is_set_up_once_and_felt_once() {
    let host = Host::new();
    let function = "subdevice m { mdev type=eth; netdev m; representor m_r up=#true; }";
    host.apply(&host_with(function));
    let text = host_with(&format!("param max_queues 8 cmode=driverinit; {function}"));
    let plan = host.plan_json(&text);
    let felt: Vec<(String, &str)> = plan["operations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|operation| (operation["request"].to_string(), operation["impact"].as_str().unwrap()))
        .filter(|(_, impact)| *impact != "none")
        .collect();
    assert!(matches!(felt.as_slice(), [(request, "parent-wide")] if request.contains("reload")), "{felt:#?}");
    assert!(!plan["operations"].to_string().contains("mtu"), "{:#}", plan["operations"]);
    host.apply(&text);
    assert_eq!(host.plan(&text).code, 0);
}

#[test]
fn a_permanent_parameter_outlives_its_parent() {
    let host = Host::new();
    host.apply_with_code(&host_with("param auto_sfnum_min 2000 cmode=permanent"), 5);
    assert_eq!(host.run(&["destroy", "--yes", "--allow", "parent-wide"]).code, 0);
    let text = host_with("param auto_sfnum_min 1000 cmode=permanent; subdevice m { mdev type=eth; }");
    host.apply_with_code(&text, 5);
    let state: Value = serde_json::from_str(&host.run(&["state", "--format", "json"]).stdout).unwrap();
    let number = &state["parents"]["subdev/nic0"]["functions"][0]["volatile"]["sf_number"];
    // In force is what was stored when the parent was made.
    assert_eq!(number, 2000);
}

#[test]
fn one_bad_subdevice_does_not_stop_the_others_if_it_shall_not() {
    let text = host_with("subdevice a { sf 1 pf=1; }; subdevice b { sf 2; netdev b0; }");
    let whole = |how: &str| {
        let host = Host::new();
        host.write("host.kdl", &text);
        let run = host.run(&["apply", "host.kdl", "--yes", "--on-error", how]);
        (host, run)
    };
    let (host, run) = whole("continue");
    assert_eq!(run.code, 4);
    snapshot("cli", "on-error-continue", &run.all());
    let functions = &host.config()["parents"]["subdev/nic0"]["functions"];
    assert_eq!(functions[0]["netdev"]["name"], "b0", "{functions:#}");

    let (host, run) = whole("stop");
    assert_eq!(run.code, 4);
    assert!(
        run.stdout.contains("What is left to do:\n  create sf 1 of pf 1 on subdev/nic0\n"),
        "{}",
        run.all()
    );
    assert_eq!(host.config()["parents"]["subdev/nic0"]["functions"], serde_json::json!([]));

    let (host, run) = whole("undo");
    assert_eq!(run.code, 1);
    assert_eq!(host.config()["parents"], serde_json::json!({}));
}

#[test]
fn rates_are_limits_that_can_be_lifted() {
    let host = Host::new();
    host.apply(&host_with("subdevice a { sf 1; rate tx-max=\"10Gbit\" tx-share=\"100MBps\"; }"));
    let state = host.run(&["state"]).stdout;
    assert!(state.contains("tx-max 10Gbit, tx-share 800Mbit"), "{state}");
    let lifted = host_with("subdevice a { sf 1; rate tx-max=none; }");
    snapshot("cli", "rate-lifted", &host.plan(&lifted).all());
    host.apply(&lifted);
    assert_eq!(host.plan(&lifted).code, 0);
}

#[test]
fn a_type_that_starts_otherwise_is_told_what_the_file_says() {
    let host = Host::new();
    // A mediated device of this type has four queues at first, and takes four places.
    for queues in [4, 1] {
        let text = host_with(&format!("subdevice a {{ mdev type=eth4; param queues {queues}; }}"));
        host.apply(&text);
        let params = &host.config()["parents"]["subdev/nic0"]["functions"][0]["params"];
        assert_eq!(params["queues"]["driverinit"], queues);
        assert_eq!(host.plan(&text).code, 0);
        assert_eq!(host.run(&["destroy", "--yes", "--allow", "parent-wide"]).code, 0);
    }
}

#[test]
fn what_the_kernel_has_in_switchdev_mode_only_is_refused_before_it_is_asked() {
    let host = Host::new();
    let text = |eswitch: &str| {
        format!(
            "subdevcfg version=1\nhost \"*\"\ndevice \"subdev/nic0\" {{ create; {eswitch} rate-node gold; subdevice a {{ \
             sf 1; }}; subdevice m {{ mdev type=eth; }} }}\n"
        )
    };
    let plan = host.plan(&text(""));
    snapshot("cli", "needs-switchdev", &plan.all());
    // A saved plan is refused whole: no flag of its apply leaves a part out.
    let saved = host.run(&["plan", "host.kdl", "--out", "plan.json"]);
    assert!(saved.stdout.contains("The rest:"), "{}", saved.all());
    let refused = host.run(&["apply", "plan.json", "--yes"]);
    assert!(refused.code == 3 && !refused.stdout.contains("The rest:"), "{}", refused.all());
    // What the plan names for the rest does it.
    let without = ["--except", "subdev/nic0.rate-node[gold]", "--except", "subdev/nic0#a"];
    let rest = host.run(&[&["apply", "host.kdl", "--yes"][..], &without].concat());
    assert_eq!(rest.code, 0, "{}", rest.all());
    // The same of a device that is there.
    assert_eq!(host.plan(&text("").replace("rate-node gold; subdevice a { sf 1; };", "")).code, 0);
    let refusals = |run: &Run| {
        let (_, words) = run.stdout.split_once("REFUSED").unwrap();
        words.split("The rest:").next().unwrap().to_owned()
    };
    let there = host.plan(&text(""));
    assert_eq!(refusals(&there), refusals(&plan), "{}", there.all());
    host.apply(&text("eswitch mode=switchdev;"));
}

#[test]
fn what_happens_alike_to_many_is_told_once() {
    let host = Host::new();
    let text = |mac: &str, body: &str| {
        format!(
            "subdevcfg version=1\nhost \"*\"\ndevice \"subdev/nic0\" {{ create max-subdevices=64; eswitch mode=switchdev; {body} \
             repeat 20 as=i from=10 {{ subdevice \"pod${{i}}\" {{ sf $i; function mac=\"02:00:00:00:{mac}:${{i}}\"; \
             netdev \"pod${{i}}\"; representor \"pod${{i}}_r\" up=#true; }} }} }}\n"
        )
    };
    host.apply(&text("01", ""));
    // One of them is in use, and stands alone.
    host.edit(|host| {
        host["parents"]["nic0"]["functions"][4]["netdev"]["users"] =
            serde_json::json!([{ "addresses": ["10.0.0.1/24"] }]);
    });
    snapshot("cli", "alike-changed", &host.plan(&text("02", "")).all());
    snapshot("cli", "alike-reloaded", &host.plan(&text("01", "param max_queues 32;")).all());
    let none = text("01", "");
    let none = format!("{} }}\n", none.split("repeat").next().unwrap());
    snapshot("cli", "alike-deleted", &host.plan(&none).all());
}
