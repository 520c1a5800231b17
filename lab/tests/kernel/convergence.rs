//! From a text file to a partitioned device: applied, seen by other tools, changed, taken away.

use crate::guest::{
    QUICKSTART, apply, changes, config, destroy, example, fresh, host_file, json, sh, subdevcfg,
};

fn change(address: &str, actions: &str) -> Vec<(String, String)> {
    vec![(address.to_owned(), actions.to_owned())]
}

#[test]
fn the_quickstart_is_what_devlink_and_ip_show() {
    fresh();
    let before = config();
    apply(QUICKSTART);

    assert_eq!(json("devlink -j dev eswitch show subdev/nic0")["dev"]["subdev/nic0"]["mode"], "switchdev");
    let ports = json("devlink -j port show");
    let ports = ports["port"].as_object().unwrap();
    let port = |number: u32| {
        let found = ports.values().find(|port| port["flavour"] == "pcisf" && port["sfnum"] == number);
        found.unwrap_or_else(|| panic!("no port of sf {number}: {ports:#?}"))
    };
    for (number, mac, representor) in [(88, "02:00:00:00:00:58", "db0_r"), (89, "02:00:00:00:00:59", "db1_r")]
    {
        assert_eq!(port(number)["function"]["hw_addr"], mac);
        assert_eq!(port(number)["function"]["state"], "active");
        assert_eq!(port(number)["function"]["opstate"], "attached");
        assert_eq!(port(number)["netdev"], representor);
    }
    assert_eq!(ports.values().filter(|port| port["flavour"] == "pcisf").count(), 4);

    for (name, mtu, up, mac) in [
        ("web0", 1400, true, Some("02:00:00:00:00:01")),
        ("web1", 1500, true, Some("02:00:00:00:00:02")),
        ("db0", 1400, true, Some("02:00:00:00:00:58")),
        ("db1", 1500, false, Some("02:00:00:00:00:59")),
        ("web0_r", 1400, true, None),
        ("web1_r", 1500, true, None),
        ("db0_r", 1400, true, None),
        ("db1_r", 1500, true, None),
    ] {
        let link = &json(&format!("ip -j link show {name}"))[0];
        assert_eq!(link["mtu"], mtu, "{name}");
        let flags = link["flags"].as_array().unwrap();
        assert_eq!(flags.iter().any(|flag| flag == "UP"), up, "{name}: {flags:?}");
        if let Some(mac) = mac {
            assert_eq!(link["address"], mac, "{name}");
        }
    }
    assert_eq!(sh("ls -d /sys/class/net/web0/queues/tx-* | wc -l"), "4");
    assert_eq!(sh("ls -d /sys/class/net/db0/queues/rx-* | wc -l"), "2");

    destroy();
    assert_eq!(config(), before);
}

#[test]
fn every_example_converges_and_goes_away_again() {
    fresh();
    let before = config();
    for name in ["quickstart.kdl", "legacy.kdl", "two-parents.kdl", "rates.kdl"] {
        apply(host_file(&example(name)));
        is_imported();
        destroy();
        assert_eq!(config(), before, "{name}");
    }
}

/// Planning what `import` writes of this host is an empty plan, with the record and without.
#[track_caller]
fn is_imported() {
    const IMPORTED: &str = "/tmp/imported.kdl";
    sh(&format!(
        "rm -f {IMPORTED}; subdevcfg import --out {IMPORTED}; subdevcfg state --format json > /tmp/state.json"
    ));
    subdevcfg(&["plan", IMPORTED, "--detailed-exitcode"]).expect(0);
    subdevcfg(&["plan", IMPORTED, "--detailed-exitcode", "--state", "/tmp/state.json"]).expect(0);
}

#[test]
fn one_attribute_changed_is_one_change_and_converges() {
    fresh();
    apply(QUICKSTART);
    let mut text = example("quickstart.kdl");
    for (old, new, address) in [
        ("00:00:58\"", "00:00:a8\"", "subdev/nic0#db0"),
        ("00:00:01\"", "00:00:a1\"", "subdev/nic0#web0"),
        ("queues 2", "queues 3", "subdev/nic0#db0"),
        ("queues 4", "queues 1", "subdev/nic0#web0"),
        ("representor web1_r up=#true", "representor web1_r up=#false", "subdev/nic0#web1"),
        ("netdev web1 up=#true", "netdev web9 up=#true", "subdev/nic0#web1"),
        ("netdev db1", "netdev db1 mtu=1280", "subdev/nic0#db1"),
    ] {
        let changed = text.replace(old, new);
        assert_ne!(changed, text, "{old}");
        let file = host_file(&changed);
        assert_eq!(changes(file), change(address, "[\"update\"]"), "{old} -> {new}");
        apply(file);
        text = changed;
    }
    destroy();
}

#[test]
fn a_subdevice_that_is_not_named_is_removed_and_nothing_else() {
    fresh();
    let text = example("two-parents.kdl");
    apply(host_file(&text));
    let others = |state: serde_json::Value| {
        let functions = state["parents"]["subdev/north"]["functions"].as_array().unwrap().clone();
        functions.into_iter().filter(|function| function["id"]["sf"]["number"] != 101).collect::<Vec<_>>()
    };
    let before = others(config());
    let file = host_file(&text.lines().filter(|line| !line.contains("pod1")).collect::<Vec<_>>().join("\n"));
    assert_eq!(changes(file), change("subdev/north#pod1", "[\"delete\"]"));
    apply(file);
    assert_eq!(others(config()), before);
    assert!(!sh("devlink port show").contains("sfnum 101"));
    destroy();
}

#[test]
fn the_eswitch_mode_changes_under_mediated_devices() {
    fresh();
    let legacy = example("legacy.kdl");
    apply(host_file(&legacy));
    let switchdev = legacy.replace("mode=legacy", "mode=switchdev");
    let file = host_file(&switchdev);
    // Above the default ceiling: nothing happens without a word.
    let before = config();
    let refused = subdevcfg(&["apply", file, "--yes"]).expect(3);
    assert!(refused.stdout.contains("--allow eswitch-switch@subdev/edge0"), "{}", refused.all());
    assert_eq!(config(), before);
    apply(file);
    apply(host_file(&legacy));
    destroy();
}
