//! What subdevcfg calls its own, and what only one can have: names, UUIDs and numbers that change hands.

use crate::run::{Host, host_with, snapshot};

/// A host with two parents, and these nodes on each.
fn two_parents(first: &str, second: &str) -> String {
    let device = |name: &str, nodes: &str| {
        format!("device \"subdev/{name}\" {{ create max-subdevices=4; eswitch mode=switchdev; {nodes} }}\n")
    };
    format!("subdevcfg version=1\nhost \"*\"\n{}{}", device("nic0", first), device("nic1", second))
}

fn name(host: &Host, parent: &str, function: usize, side: &str) -> String {
    host.config()["parents"][parent]["functions"][function][side]["name"].as_str().unwrap().to_owned()
}

#[test]
fn a_name_and_a_uuid_that_move_to_another_parent_are_free_before_they_are_taken() {
    let host = Host::new();
    let mdev = "subdevice m { mdev type=eth uuid=\"00000000-0000-4000-8000-000000000001\"; netdev web; }";
    host.apply(&two_parents("", mdev));
    let moved = two_parents(mdev, "");
    snapshot("cli", "moved", &host.plan(&moved).all());
    host.apply(&moved);
    assert_eq!(name(&host, "subdev/nic0", 0, "netdev"), "web");
    assert_eq!(host.plan(&moved).code, 0);
}

#[test]
fn names_move_along_a_row_of_interfaces() {
    let host = Host::new();
    host.apply(&host_with("subdevice a { sf 1; representor x; }; subdevice b { sf 2; representor y; }"));
    let text = host_with("subdevice a { sf 1; representor y; }; subdevice b { sf 2; representor z; }");
    host.apply(&text);
    assert_eq!(
        [name(&host, "subdev/nic0", 0, "representor"), name(&host, "subdev/nic0", 1, "representor")],
        ["y", "z"]
    );
}

/// A function that nobody names any more keeps its address until somebody takes it away.
#[test]
fn an_address_that_another_function_keeps_is_told_of() {
    let with = |sf: u32, mac: &str| {
        host_with(&format!("subdevice a {{ sf {sf}; function mac=\"02:00:00:00:00:{mac}\"; }}"))
    };
    let host = Host::new();
    host.apply(&with(1, "0a"));
    host.run(&["forget", "subdev/nic0#a"]);
    snapshot("cli", "same-mac", &host.plan(&with(2, "0a")).all());
    host.apply(&with(2, "0a"));
    assert!(host.plan(&with(2, "0a")).stdout.contains("SAME MAC   subdev/nic0#a"));
    assert!(!host.plan(&with(2, "0b")).stdout.contains("SAME MAC"));
    // The function that goes in the same plan keeps nothing.
    let host = Host::new();
    host.apply(&with(1, "0a"));
    assert!(!host.plan(&with(2, "0a")).stdout.contains("SAME MAC"));
}

#[test]
fn names_that_change_places_are_refused_with_the_way_out() {
    let host = Host::new();
    host.apply(&host_with("subdevice a { sf 1; representor x; }; subdevice b { sf 2; representor y; }"));
    let text = host_with("subdevice a { sf 1; representor y; }; subdevice b { sf 2; representor x; }");
    snapshot("cli", "names-swapped", &host.plan(&text).all());
}

#[test]
fn a_device_that_is_not_in_the_file_any_more_is_released_and_can_come_back() {
    let host = Host::new();
    let whole = two_parents("subdevice a { sf 1; }", "subdevice b { sf 2; }");
    host.apply(&whole);
    let half = two_parents("subdevice a { sf 1; }", "");
    let half = half.lines().filter(|line| !line.contains("nic1")).collect::<Vec<_>>().join("\n");
    snapshot("cli", "device-released", &host.plan(&half).all());
    host.apply(&half);
    // It is subdevcfg's as before: what is not named is deleted again.
    let emptied = host.plan(&two_parents("subdevice a { sf 1; }", ""));
    assert!(emptied.stdout.contains("1 to delete"), "{}", emptied.all());
    assert_eq!(host.run(&["destroy", "--yes", "--allow", "parent-wide"]).code, 0);
    assert_eq!(host.config()["parents"], serde_json::json!({}));
}

#[test]
fn what_was_adopted_and_is_not_named_any_more_is_released_once() {
    let host = Host::new();
    let text = host_with("subdevice a { sf 1; }; subdevice b { sf 2; }");
    host.apply(&text);
    host.forget_record();
    host.apply(&text);
    let rest = host_with("subdevice a { sf 1; }");
    snapshot("cli", "adopted-released", &host.plan(&rest).all());
    host.apply(&rest);
    let again = host.plan(&rest).stdout;
    assert!(!again.contains("RELEASED") && again.contains("UNMANAGED"), "{again}");
}

#[test]
fn a_subdevice_with_another_name_keeps_its_function_and_gets_its_new_address() {
    let host = Host::new();
    host.apply(&host_with("subdevice a { sf 1; function mac=\"02:00:00:00:00:01\"; }"));
    let renamed = host_with("subdevice b { sf 1; function mac=\"02:00:00:00:00:01\"; }");
    let plan = host.plan(&renamed);
    assert_eq!(plan.code, 0, "{}", plan.all());
    host.apply(&renamed);
    let gone = host.plan(&host_with(""));
    assert!(
        gone.stdout.contains("subdev/nic0#b") && !gone.stdout.contains("subdev/nic0#a"),
        "{}",
        gone.all()
    );
}

#[test]
fn what_others_made_survives_a_reload_or_is_in_its_way() {
    let host = Host::new();
    host.apply(&host_with("uplink up=#true; subdevice m { mdev type=subdev-eth; netdev m0 up=#true; }"));
    host.forget_record();
    let before = host.config();
    // A mediated device is stopped by it, and started again.
    let reload = host_with("param max_queues 32;");
    snapshot("cli", "unmanaged-reloaded", &host.plan(&reload).all());
    host.apply(&reload);
    let put_back = host.run(&["destroy", "--yes", "--allow", "parent-wide"]);
    assert_eq!(put_back.code, 0, "{}", put_back.all());
    assert_eq!(host.config(), before);
    // A subfunction would be gone.
    host.apply(&host_with("param max_queues 32; subdevice a { sf 5; }"));
    host.edit(|host| {
        let made = host["record"]["made"].as_array_mut().unwrap();
        made.retain(|made| made["address"] != "subdev/nic0#a");
    });
    let refused = host.run(&["destroy", "--yes", "--allow", "parent-wide"]);
    snapshot("cli", "destroy-in-the-way", &refused.all());
}

#[test]
fn a_rate_node_that_somebody_made_is_not_taken_along() {
    let host = Host::new();
    host.apply(&host_with("rate-node gold; subdevice a { sf 1; rate parent=gold; }"));
    host.edit(|host| {
        host["parents"]["nic0"]["rate_nodes"]["foreign"] =
            serde_json::json!({ "tx_share": "none", "tx_max": "1Gbit" });
    });
    let text = host_with("rate-node gold; subdevice a { sf 1; rate parent=gold; }");
    let plan = host.plan(&text);
    assert!(
        plan.code == 0 && plan.stdout.contains("UNMANAGED  subdev/nic0 rate node foreign"),
        "{}",
        plan.all()
    );
    // Neither with a reload, nor with another mode, nor with the parent.
    let reload = host_with("param max_queues 32; rate-node gold; subdevice a { sf 1; rate parent=gold; }");
    let legacy = "subdevcfg version=1\nhost \"*\"\ndevice \"subdev/nic0\" { create max-subdevices=4; eswitch mode=legacy; }\n";
    let other = text.replace("max-subdevices=4", "max-subdevices=5");
    for text in [reload.as_str(), legacy, &other] {
        let plan = host.plan(text).stdout;
        assert!(plan.contains("rate node foreign is in the way"), "{plan}");
    }
    let destroy = host.run(&["destroy", "--yes", "--allow", "parent-wide"]);
    assert_eq!(destroy.code, 3);
    assert!(destroy.stdout.contains("rate node foreign is on it"), "{}", destroy.all());
    assert!(destroy.stdout.contains("3 to delete"), "{}", destroy.all());
}
