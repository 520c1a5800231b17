//! Representors as ports of Open vSwitch.

use serde_json::{Value, json};

use crate::run::{Host, host_with, snapshot};

/// A host file with these bridges, and one function whose representor has this name and these nodes.
fn text(name: &str, port: &str) -> String {
    let function = format!("subdevice a {{ sf 1; representor {name} up=#true {{ {port} }}; }};");
    let bridges = "bridge br-int kind=ovs\nbridge br-ex kind=ovs\nbridge br0 kind=linux\n";
    format!("{}{bridges}", host_with(&function))
}

/// A simulated host on which nothing is but Open vSwitch with these bridges.
fn host_of(bridges: &Value) -> Host {
    let host = Host::new();
    host.apply(&host_with(""));
    assert_eq!(host.run(&["destroy", "--yes", "--allow", "parent-wide"]).code, 0);
    host.edit(|host| host["ovs"] = json!({ "running": true, "bridges": bridges }));
    host
}

fn with_both() -> Host {
    host_of(&json!({ "br-int": {}, "br-ex": {} }))
}

/// The ports of a bridge, as they lie in the host's file.
fn ports(host: &Host, bridge: &str) -> Value {
    host.simulated()["ovs"]["bridges"][bridge]["ports"].clone()
}

const ACCESS: &str = "bridge br-int tag=100";

#[test]
fn a_bridge_that_is_not_there_is_waited_for() {
    let host = Host::new();
    let whole = text("a_r", ACCESS);
    let plan = host.plan(&whole);
    snapshot("cli", "ovs-not-there", &plan.all());
    assert_eq!(plan.code, 4);
    // The rest is done, and the port comes when its bridge has.
    let run = host.run(&["apply", "host.kdl", "--yes"]);
    assert_eq!(run.code, 4, "{}", run.all());
    host.edit(|host| host["ovs"] = json!({ "running": false, "bridges": { "br-int": {}, "br-ex": {} } }));
    assert!(host.plan(&whole).stdout.contains("bridge[br-int]: ovs-vswitchd does not run: start it"));
    host.edit(|host| host["ovs"] = json!({ "running": true, "bridges": { "br-ex": {} } }));
    let missing = host.plan(&whole);
    assert!(missing.stdout.contains("make it (`ovs-vsctl add-br br-int`)"), "{}", missing.all());
    host.edit(|host| host["ovs"]["bridges"]["br-int"] = json!({}));
    snapshot("cli", "ovs-port", &host.plan(&whole).all());
    host.apply(&whole);
    assert_eq!(host.plan(&whole).code, 0);
    assert_eq!(ports(&host, "br-int"), json!({ "a_r": { "mode": "access", "tag": 100 } }));
    // Gone again, it is waited for again, and nothing is released or told as drift.
    host.edit(|host| host["ovs"]["bridges"] = json!({ "br-ex": {} }));
    let gone = host.plan(&whole);
    assert!(
        gone.code == 4 && !gone.stdout.contains("RELEASED") && !gone.stdout.contains("DRIFT"),
        "{}",
        gone.all()
    );
}

#[test]
fn a_port_comes_with_its_vlans_and_goes_before_its_function() {
    let host = with_both();
    host.apply(&text("a_r", ACCESS));
    let trunk = text("a_r", "bridge br-int tag=7 trunks=\"200..299\"");
    snapshot("cli", "ovs-vlans", &host.plan(&trunk).all());
    host.apply(&trunk);
    assert_eq!(ports(&host, "br-int")["a_r"]["mode"], "native-untagged");
    // Without them in the file they stay.
    let without = text("a_r", "bridge br-int");
    assert!(host.plan(&without).stdout.contains("RELEASED   subdev/nic0#a.representor.vlans"));
    host.apply(&without);
    assert_eq!(ports(&host, "br-int")["a_r"]["tag"], 7);
    // Under another name it is another port.
    let renamed = text("b_r", "bridge br-int tag=8");
    snapshot("cli", "ovs-renamed", &host.plan(&renamed).all());
    host.apply(&renamed);
    assert_eq!(ports(&host, "br-int"), json!({ "b_r": { "mode": "access", "tag": 8 } }));
    // Into the other one in one go; into a Linux bridge and back in two.
    let moved = text("b_r", "bridge br-ex tag=8");
    snapshot("cli", "ovs-moved", &host.plan(&moved).all());
    host.apply(&moved);
    let linux = text("b_r", "bridge br0 { vlan 8; }");
    snapshot("cli", "ovs-to-linux", &host.plan(&linux).all());
    host.apply(&linux);
    assert_eq!((ports(&host, "br-int"), ports(&host, "br-ex")), (json!({}), json!({})));
    snapshot("cli", "ovs-from-linux", &host.plan(&moved).all());
    host.apply(&moved);
    assert_eq!(host.plan(&moved).code, 0);
    let run = host.run(&["destroy", "--yes", "--allow", "parent-wide"]);
    assert_eq!(run.code, 0, "{}", run.all());
    snapshot("cli", "ovs-destroy", &run.all());
    assert_eq!(ports(&host, "br-ex"), json!({}));
}

#[test]
fn a_port_is_imported_as_a_file_has_it() {
    let host = with_both();
    let port = |name: &str, number: u8, port: &str| {
        format!("subdevice {name} {{ sf {number}; representor {name}_r {{ {port} }}; }};")
    };
    let functions = [
        port("a", 1, "bridge br-int tag=7"),
        port("b", 2, "bridge br-int tag=7 trunks=\"200..299\""),
        port("c", 3, "bridge br-ex"),
    ];
    let bridges = "bridge br-int kind=ovs\nbridge br-ex kind=ovs\n";
    host.apply(&format!("{}{bridges}", host_with(&functions.concat())));
    host.edit(|host| {
        host["ovs"]["bridges"]["br-ex"]["ports"]["c_r"] = json!({ "mode": "dot1q-tunnel", "tag": 9 });
    });
    let imported = host.run(&["import"]);
    assert_eq!(imported.code, 0, "{}", imported.all());
    snapshot("cli", "ovs-import", &imported.stdout);
    assert_eq!(host.plan(&imported.stdout).code, 0, "{}", host.plan(&imported.stdout).all());
}

#[test]
fn a_subdevice_that_goes_takes_its_port_along() {
    let host = with_both();
    host.apply(&text("a_r", ACCESS));
    let without = host_with("");
    snapshot("cli", "ovs-gone", &host.plan(&without).all());
    host.apply(&without);
    assert_eq!(ports(&host, "br-int"), json!({}));
}

#[test]
fn what_somebody_changed_of_a_port_is_drift() {
    let host = with_both();
    let whole = text("a_r", ACCESS);
    host.apply(&whole);
    host.edit(|host| host["ovs"]["bridges"]["br-int"]["ports"]["a_r"]["tag"] = json!(5));
    snapshot("cli", "ovs-drift", &host.plan(&whole).all());
    host.edit(|host| {
        let port =
            host["ovs"]["bridges"]["br-int"]["ports"].as_object_mut().unwrap().shift_remove("a_r").unwrap();
        host["ovs"]["bridges"]["br-ex"]["ports"] = json!({ "a_r": port });
    });
    let elsewhere = host.plan(&whole);
    assert!(
        elsewhere.stdout.contains("representor.bridge   br-ex seen, br-int was applied"),
        "{}",
        elsewhere.all()
    );
    host.apply(&whole);
    assert_eq!(host.plan(&whole).code, 0);
}

/// The database is there after a boot, the devices and the record are not.
#[test]
fn a_port_that_waits_is_taken_up_after_a_boot() {
    let host = with_both();
    let whole = text("a_r", ACCESS);
    host.apply(&whole);
    host.edit(|host| {
        host["parents"] = json!({});
        host.as_object_mut().unwrap().shift_remove("record");
    });
    let plan = host.plan(&whole);
    assert!(!plan.stdout.contains("br-int, tag"), "{}", plan.all());
    host.apply(&whole);
    assert_eq!(host.plan(&whole).code, 0);
    // It is known as asked for: that somebody else moves it is drift, and it goes with its function.
    host.edit(|host| host["ovs"]["bridges"]["br-int"]["ports"]["a_r"]["tag"] = json!(5));
    assert!(
        host.plan(&whole).stdout.contains("tag 5 seen, tag 100 was applied"),
        "{}",
        host.plan(&whole).all()
    );
    // One that waits with other VLANs gets those of the file, and one for a Linux bridge goes.
    host.edit(|host| host["parents"] = json!({}));
    host.apply(&whole);
    assert_eq!(ports(&host, "br-int")["a_r"]["tag"], 100);
    host.edit(|host| host["parents"] = json!({}));
    host.apply(&text("a_r", "bridge br0"));
    assert_eq!(ports(&host, "br-int"), json!({}));
}

#[test]
fn a_port_of_somebody_elses_bridge_is_in_use() {
    let host = with_both();
    let of_others = text("a_r", "").replace("bridge br-ex kind=ovs\n", "");
    host.apply(&of_others);
    host.edit(|host| host["ovs"]["bridges"]["br-ex"] = json!({ "ports": { "a_r": { "mode": "trunk" } } }));
    let wanted = text("a_r", ACCESS).replace("bridge br-ex kind=ovs\n", "");
    host.write("host.kdl", &wanted);
    let refused = host.run(&["apply", "host.kdl", "--yes"]);
    assert_eq!(refused.code, 3, "{}", refused.all());
    snapshot("cli", "ovs-in-use", &refused.all());
    // Handed over, it is accepted where it is.
    let given = wanted.replace("sf 1;", "sf 1; hand-over to=ovn;");
    assert_eq!(host.plan(&given).code, 0, "{}", host.plan(&given).all());
    host.write("host.kdl", &wanted);
    let run = host.run(&["apply", "host.kdl", "--yes", "--allow-in-use", "subdev/nic0#a"]);
    assert_eq!(run.code, 0, "{}", run.all());
    assert_eq!(ports(&host, "br-ex"), json!({}));
}

#[test]
fn without_the_daemon_no_port_goes() {
    let host = with_both();
    host.apply(&text("a_r", ACCESS));
    host.edit(|host| host["ovs"]["running"] = json!(false));
    let refused = host.run(&["destroy", "--yes", "--allow", "parent-wide"]);
    assert_eq!(refused.code, 3, "{}", refused.all());
    let said = "ovs-vswitchd does not run, and it is needed for \"take the port a_r out of Open vSwitch\": start it first";
    assert!(refused.stdout.replace("\n           ", " ").contains(said), "{}", refused.all());
}
