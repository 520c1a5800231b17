//! Linux bridges, and representors as their ports. Those of Open vSwitch are in `ovs`.

use serde_json::json;

use crate::run::{Host, snapshot};

fn text(bridges: &str, port: &str) -> String {
    format!(
        "subdevcfg version=1\nhost \"*\"\n{bridges}\ndevice \"subdev/nic0\" {{\n create max-subdevices=4\n eswitch mode=switchdev\n \
         subdevice a {{\n  sf 1\n  representor a_r up=#true {{ {port} }}\n }}\n}}\n"
    )
}

const PORT: &str = "bridge br0 { vlan 10 pvid=#true untagged=#true; vlan from=20 to=29; }";

#[test]
fn a_bridge_comes_before_its_ports_and_goes_after_them() {
    let host = Host::new();
    let bridge = "bridge br0 kind=linux vlan-filtering=#true";
    let whole = text(bridge, PORT);
    snapshot("cli", "bridge-new", &host.plan(&whole).all());
    host.apply(&whole);
    assert_eq!(host.plan(&whole).code, 0);
    // Other VLANs, in place.
    snapshot("cli", "bridge-vlans", &host.plan(&text(bridge, "bridge br0 { vlan 10; }")).all());
    // Into another one; the first goes when the port has left.
    snapshot("cli", "bridge-moved", &host.plan(&text("bridge br1 kind=linux", "bridge br1")).all());
    // Out of the file, out of the host.
    let without = text("", "");
    snapshot("cli", "bridge-gone", &host.plan(&without).all());
    host.apply(&without);
    assert_eq!(host.plan(&without).code, 0);
    assert_eq!(host.config()["bridges"], serde_json::Value::Null);
}

#[test]
fn drift_of_a_bridge_and_of_its_port_is_told() {
    let host = Host::new();
    let whole = text("bridge br0 kind=linux vlan-filtering=#true", PORT);
    host.apply(&whole);
    host.edit(|host| {
        host["bridges"]["br0"]["vlan_filtering"] = json!(false);
        let vlans = &mut host["parents"]["nic0"]["functions"][0]["representor"]["port"]["vlans"];
        vlans.as_array_mut().unwrap().push(json!({ "id": 77 }));
    });
    snapshot("cli", "bridge-drift", &host.plan(&whole).all());
    host.edit(|host| {
        host["bridges"].as_object_mut().unwrap().remove("br0");
        host["parents"]["nic0"]["functions"][0]["representor"].as_object_mut().unwrap().remove("port");
    });
    host.apply(&whole);
    assert_eq!(host.plan(&whole).code, 0);
}

#[test]
fn a_bridge_with_ports_of_others_is_not_deleted() {
    let host = Host::new();
    host.apply(&text("bridge br0 kind=linux", PORT));
    host.edit(|host| host["bridges"]["br0"]["other_ports"] = json!(["eth9"]));
    let refused = host.run(&["destroy", "--yes", "--allow", "parent-wide"]);
    assert_eq!(refused.code, 3, "{}", refused.all());
    assert!(refused.stdout.contains("eth9 is a port of it and not subdevcfg's"), "{}", refused.all());
}

#[test]
fn a_bridge_of_subdevcfgs_is_no_other_user_and_one_of_others_is() {
    let host = Host::new();
    let with = |mac: &str| {
        text("bridge br0 kind=linux", PORT)
            .replace("sf 1", &format!("sf 1; function mac=\"02:00:00:00:00:{mac}\""))
    };
    host.apply(&with("01"));
    host.write("host.kdl", &with("02"));
    let run = host.run(&["apply", "host.kdl", "--yes", "--allow", "subdevice-restart"]);
    assert_eq!(run.code, 0, "{}", run.all());
    // The same port, and nobody records or names the bridge.
    host.forget_record();
    host.write("host.kdl", &with("03").replace("bridge br0 kind=linux", "").replace(PORT, ""));
    let refused = host.run(&["apply", "host.kdl", "--yes", "--allow", "subdevice-restart"]);
    assert!(refused.code == 3 && refused.stdout.contains("representor: bridge br0"), "{}", refused.all());
}
