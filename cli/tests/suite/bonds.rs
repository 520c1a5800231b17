//! Devices of one bond are never disturbed together.

use serde_json::{Value, json};

use crate::run::{Host, snapshot};

/// Two devices, with these nodes on them.
fn two(first: &str, second: &str) -> String {
    let device = |name: &str, body: &str| {
        format!("device \"subdev/{name}\" {{ create max-subdevices=4; eswitch mode=switchdev; {body} }}\n")
    };
    format!("subdevcfg version=1\nhost \"*\"\n{}{}", device("nic0", first), device("nic1", second))
}

fn in_bond(name: &str) -> Value {
    json!([{ "upper": { "kind": "bond", "name": name } }])
}

/// A host with the text on it, and the uplinks of both devices in a bond.
fn bonded(text: &str) -> Host {
    let host = Host::new();
    host.apply(text);
    host.edit(|host| {
        for name in ["nic0", "nic1"] {
            host["parents"][name]["uplink"]["users"] = in_bond("bond0");
        }
    });
    host
}

fn with_mtu(mtu: u32) -> String {
    let uplink = format!("uplink mtu={mtu} up=#true;");
    two(&uplink, &uplink)
}

fn mtus(host: &Host) -> [Value; 2] {
    ["nic0", "nic1"].map(|name| host.simulated()["parents"][name]["uplink"]["mtu"].clone())
}

const ALL: [&str; 5] = ["apply", "host.kdl", "--yes", "--allow", "parent-wide"];

#[test]
fn the_uplinks_of_one_bond_are_disturbed_one_after_the_other() {
    let host = bonded(&with_mtu(1500));
    host.write("host.kdl", &with_mtu(9000));
    // No flag changes that.
    let users = ["--allow-in-use", "subdev/nic0", "--allow-in-use", "subdev/nic1"];
    let refused = host.run(&[&ALL[..], &users].concat());
    assert_eq!(refused.code, 3);
    snapshot("cli", "bond", &refused.all());
    let both = ["--only", "subdev/nic0", "--only", "subdev/nic1"];
    assert_eq!(host.run(&[&ALL[..], &users, &both].concat()).code, 3);
    assert_eq!(mtus(&host), [1500, 1500]);
    let plan = host.plan_json(&with_mtu(9000));
    assert_eq!(plan["bonds"][0]["bond"], "bond0");
    assert_eq!(plan["bonds"][0]["devices"][1], json!({ "device": "subdev/nic1", "operations": [2] }));
    // The commands that it names.
    for (device, after) in [("subdev/nic0", [9000, 1500]), ("subdev/nic1", [9000, 9000])] {
        let flags = ["--only", device, "--allow-in-use", device];
        let run = host.run(&[&ALL[..], &flags].concat());
        assert_eq!(run.code, 0, "{}", run.all());
        assert_eq!(mtus(&host), after);
    }
    // A bond has one device as well as several.
    assert_eq!(host.plan(&with_mtu(9000)).code, 0);
}

#[test]
fn the_commands_have_the_flags_that_each_part_needs() {
    let function = "subdevice a { sf 1; netdev NAME; };";
    let text = |queues: u32| {
        let body = |name: &str| format!("param max_queues {queues}; {}", function.replace("NAME", name));
        two(&body("web0"), &body("web1"))
    };
    let host = bonded(&text(8));
    snapshot("cli", "bond-reloads", &host.plan(&text(16)).all());
}

#[test]
fn what_a_bond_does_not_notice_is_done_together() {
    let with = |mac: &str, more: &str| {
        let function = format!("subdevice a {{ sf 1; function mac=\"02:00:00:00:0MAC:{mac}\"; }};");
        let of = |number: &str| format!("{} {more}", function.replace("MAC", number));
        two(&of("0"), &of("1"))
    };
    let host = bonded(&with("01", "uplink up=#true;"));
    // Functions start anew, on devices whose uplinks carry a bond.
    host.apply(&with("02", "uplink up=#true;"));
    // Uplinks of two bonds, and of bridges.
    for users in [in_bond("bond1"), json!([{ "upper": { "kind": "bridge", "name": "bond0" } }])] {
        let host = bonded(&with_mtu(1500));
        host.edit(|host| host["parents"]["nic1"]["uplink"]["users"] = users);
        host.write("host.kdl", &with_mtu(9000));
        let flags = ["--allow-in-use", "subdev/nic0", "--allow-in-use", "subdev/nic1"];
        let run = host.run(&[&ALL[..], &flags].concat());
        assert_eq!(run.code, 0, "{}", run.all());
    }
}

/// A function on each device, whose interface has this MTU.
fn functions(mtu: u32) -> String {
    let function = |name: &str| format!("subdevice a {{ sf 1; netdev {name} mtu={mtu} up=#true; }};");
    two(&function("web0"), &function("web1"))
}

/// A host with these, and with their interfaces in a bond.
fn bonded_functions() -> Host {
    let host = Host::new();
    host.apply(&functions(1500));
    host.edit(|host| {
        for name in ["nic0", "nic1"] {
            host["parents"][name]["functions"][0]["netdev"]["users"] = in_bond("bond0");
        }
    });
    host
}

#[test]
fn functions_can_be_the_ports_of_a_bond() {
    let host = bonded_functions();
    let with = functions;
    host.write("host.kdl", &with(1400));
    let refused = host.run(&ALL);
    assert_eq!(refused.code, 3, "{}", refused.all());
    let first = "First:     subdevcfg apply host.kdl --simulate host.json --only subdev/nic0#a\n";
    assert!(refused.stdout.contains(first), "{}", refused.all());
    // A whole device takes its functions with it.
    host.write("host.kdl", &with(1500).replace("subdevice a", "param max_queues 16; subdevice a"));
    let plan = host.run(&["plan", "host.kdl"]);
    assert!(plan.stdout.contains("--only subdev/nic0 "), "{}", plan.all());
    assert!(plan.stdout.contains("subdev/nic1: it is in bond0 with subdev/nic0"), "{}", plan.all());
}

#[test]
fn a_watcher_takes_one_at_a_time() {
    let host = bonded_functions();
    let set = |mtu: u32| {
        host.edit(|host| {
            for name in ["nic0", "nic1"] {
                host["parents"][name]["functions"][0]["netdev"]["mtu"] = json!(mtu);
            }
        });
    };
    let mtus = || {
        ["nic0", "nic1"]
            .map(|name| host.simulated()["parents"][name]["functions"][0]["netdev"]["mtu"].clone())
    };
    set(1400);
    let run = host.run(&["watch", "host.kdl", "--once", "--allow", "traffic"]);
    for (device, number) in [("nic0", 2), ("nic1", 3)] {
        let repaired = format!("REPAIRED   subdev/{device}#a: 1 operation, number {number} in the history");
        assert!(run.stdout.contains(&repaired), "{}", run.all());
    }
    assert_eq!((run.code, mtus()), (0, [json!(1500), json!(1500)]), "{}", run.all());
}

#[test]
fn what_nobody_confirms_is_undone_all_the_same() {
    let host = Host::new();
    host.apply(&with_mtu(1500));
    host.write("host.kdl", &with_mtu(9000));
    let applied = host.run(&[&ALL[..], &["--confirm-within", "2s"]].concat());
    assert_eq!(applied.code, 0, "{}", applied.all());
    // Somebody makes the bond before the time is over.
    host.edit(|host| {
        for name in ["nic0", "nic1"] {
            host["parents"][name]["uplink"]["users"] = in_bond("bond0");
        }
    });
    let deadline = std::time::Instant::now() + std::time::Duration::from_mins(1);
    while mtus(&host) != [1500, 1500] {
        assert!(std::time::Instant::now() < deadline, "{}", host.run(&["history"]).all());
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
}
