//! The uplink of a parent, which all on it depend on.

use serde_json::json;

use crate::run::{Host, host_with, snapshot};

const FUNCTION: &str = "subdevice a { sf 1; netdev web; };";

fn uplink(host: &Host) -> serde_json::Value {
    host.config()["parents"]["subdev/nic0"]["uplink"].clone()
}

#[test]
fn an_uplink_is_set_kept_and_put_back() {
    let host = Host::new();
    let text = host_with(&format!("uplink mtu=9000 up=#true; {FUNCTION}"));
    host.apply(&text);
    assert_eq!(uplink(&host), json!({ "mtu": 9000, "up": true, "hw_tc_offload": false }));
    assert_eq!(host.plan(&text).code, 0);
    // A change of it is felt by all on the parent.
    snapshot("cli", "uplink-changed", &host.plan(&text.replace("9000", "1600")).all());
    // To set it up disturbs nobody.
    host.edit(|host| host["parents"]["nic0"]["uplink"]["up"] = json!(false));
    snapshot("cli", "uplink-drift", &host.plan(&text).all());
    host.write("host.kdl", &text);
    let run = host.run(&["apply", "host.kdl", "--yes"]);
    assert_eq!(run.code, 0, "{}", run.all());
    // What the file leaves to others is theirs.
    host.edit(|host| host["parents"]["nic0"]["uplink"]["mtu"] = json!(2000));
    let left = host.plan(&text.replace("uplink mtu", "ignore uplink.mtu; uplink mtu"));
    assert!(left.code == 0 && left.stdout.contains("ACCEPTED   subdev/nic0.uplink.mtu"), "{}", left.all());
}

#[test]
fn a_reload_of_the_parent_brings_the_uplink_back() {
    let host = Host::new();
    let with = |param: &str| host_with(&format!("{param} uplink mtu=9000 up=#true; {FUNCTION}"));
    host.apply(&with(""));
    let reloaded = with("param max_queues 32;");
    snapshot("cli", "uplink-reloaded", &host.plan(&reloaded).all());
    host.apply(&reloaded);
    assert_eq!(uplink(&host)["mtu"], 9000);
    // Nobody wrote these, and they come back all the same.
    let bare = host_with(&format!("param max_queues 16; {FUNCTION}"));
    host.apply(&bare);
    assert_eq!(uplink(&host), json!({ "mtu": 9000, "up": true, "hw_tc_offload": false }));
}

#[test]
fn destroy_puts_the_uplink_of_a_parent_that_was_there_back() {
    let host = Host::new();
    host.apply(&host_with(""));
    host.forget_record();
    let before = host.config();
    host.apply(&host_with("uplink mtu=9000 up=#true;"));
    // One that the file brought back itself needs nothing any more.
    host.apply(&host_with("uplink mtu=9000 up=#false;"));
    let destroy = host.run(&["destroy", "--yes", "--allow", "parent-wide"]);
    assert_eq!(destroy.code, 0, "{}", destroy.all());
    assert_eq!(host.config(), before);
}

#[test]
fn an_uplink_that_the_host_is_reached_over_is_a_lifeline() {
    let host = Host::new();
    host.apply(&host_with(&format!("uplink up=#true; {FUNCTION}")));
    host.edit(|host| {
        let name = host["parents"]["nic0"]["uplink"]["name"].clone();
        host["lifelines"] = json!([{ "interface": name, "reason": "the default route" }]);
    });
    host.write("host.kdl", &host_with(&format!("uplink up=#true mtu=1600; {FUNCTION}")));
    let refused = host.run(&["apply", "host.kdl", "--yes", "--allow", "parent-wide"]);
    assert_eq!(refused.code, 3, "{}", refused.all());
    assert!(refused.stdout.contains("--allow-lifeline subdev/nic0"), "{}", refused.all());
}

#[test]
fn what_the_driver_cannot_do_is_refused() {
    let host = Host::new();
    // Of a parent that is not there yet nobody knows; the kernel's refusal is undone.
    host.write("host.kdl", &host_with("uplink hw-tc-offload=#true;"));
    let run = host.run(&["apply", "host.kdl", "--yes"]);
    assert!(run.code == 1 && run.stderr.contains("EOPNOTSUPP"), "{}", run.all());
    host.apply(&host_with("uplink hw-tc-offload=#false;"));
    let refused = host.plan(&host_with("uplink hw-tc-offload=#true;"));
    assert!(
        refused.stdout.contains("has hw-tc-offload false and lets nobody change it"),
        "{}",
        refused.all()
    );
}
