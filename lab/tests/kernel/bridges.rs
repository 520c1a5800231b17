//! Linux bridges, and representors as their ports.

use serde_json::Value;

use crate::guest::{apply, config, destroy, fresh, host_file, json, sh, subdevcfg};

/// A host with a bridge and one function, whose representor has these nodes.
fn host(bridge: &str, port: &str) -> String {
    format!(
        "subdevcfg version=1\nhost \"*\"\n{bridge}\ndevice \"subdev/nic0\" {{ create max-subdevices=8; eswitch mode=switchdev; \
         subdevice a {{ sf 88; representor a_r up=#true {{ {port} }}; }}; subdevice b {{ sf 89; representor b_r; }}; }}\n"
    )
}

fn master(link: &str) -> Value {
    json(&format!("ip -j link show {link}"))[0]["master"].clone()
}

/// The VLANs of a port as `bridge` prints them.
fn vlans(link: &str) -> Vec<String> {
    let shown = json(&format!("bridge -j vlan show dev {link}"));
    let vlans = shown[0]["vlans"].as_array().cloned().unwrap_or_default();
    let words = |vlan: &Value| {
        let end = vlan["vlanEnd"].as_u64().map(|end| format!("-{end}")).unwrap_or_default();
        format!("{}{end} {}", vlan["vlan"], vlan["flags"])
    };
    vlans.iter().map(words).collect()
}

#[test]
fn a_bridge_is_made_before_its_port_and_goes_after_it() {
    fresh();
    let before = config();
    let bridge = "bridge br0 kind=linux vlan-filtering=#true";
    let port = "bridge br0 { vlan 10 pvid=#true untagged=#true; vlan from=20 to=29; };";
    let text = host(bridge, port);
    apply(host_file(&text));
    assert_eq!(master("a_r"), "br0");
    assert_eq!(sh("cat /sys/class/net/br0/bridge/vlan_filtering"), "1");
    let shown = config();
    let port = &shown["parents"]["subdev/nic0"]["functions"][0]["representor"]["port"];
    assert_eq!(port["bridge"], "br0");
    assert_eq!(port["vlans"].as_array().unwrap().len(), 11, "{port}");
    assert!(
        vlans("a_r").iter().any(|vlan| vlan == "10 [\"PVID\",\"Egress Untagged\"]"),
        "{:?}",
        vlans("a_r")
    );
    // Somebody else changes both: that is drift, and is put back.
    sh("bridge vlan add dev a_r vid 77 && ip link set br0 type bridge vlan_filtering 0");
    let plan = subdevcfg(&["plan", host_file(&text), "--detailed-exitcode"]).expect(2);
    assert!(
        plan.stdout.contains("subdev/nic0#a.representor.vlans   10 pvid untagged, 20-29, 77 seen"),
        "{}",
        plan.all()
    );
    assert!(
        plan.stdout.contains("bridge[br0].vlan-filtering   false seen, true was applied"),
        "{}",
        plan.all()
    );
    apply(host_file(&text));
    // Other VLANs, in place; then another bridge; then none.
    apply(host_file(&host(bridge, "bridge br0 { vlan 10; vlan 30 pvid=#true; };")));
    assert_eq!(
        config()["parents"]["subdev/nic0"]["functions"][0]["representor"]["port"]["vlans"],
        serde_json::json!([{ "id": 10 }, { "id": 30, "pvid": true }])
    );
    apply(host_file(&host("bridge br1 kind=linux", "bridge br1;")));
    assert_eq!(master("a_r"), "br1");
    sh("! ip link show br0 2>/dev/null");
    apply(host_file(&host("", "")));
    assert_eq!(master("a_r"), Value::Null);
    apply(host_file(&text));
    destroy();
    assert_eq!(config(), before);
}

#[test]
fn what_is_in_our_bridge_is_made_again_and_comes_back_into_it() {
    fresh();
    let with = |mac: &str| {
        host("bridge br0 kind=linux", "bridge br0 { vlan 5 untagged=#true; };")
            .replace("sf 88;", &format!("sf 88; function mac=\"02:00:00:00:00:{mac}\";"))
    };
    apply(host_file(&with("58")));
    // Nobody else uses it: the bridge is subdevcfg's.
    subdevcfg(&["apply", host_file(&with("59")), "--yes", "--allow", "subdevice-restart"]).expect(0);
    let legacy = with("59").replace("mode=switchdev", "mode=switchdev; param max_queues 32");
    apply(host_file(&legacy));
    assert_eq!(master("a_r"), "br0");
    destroy();
}

#[test]
fn a_bridge_that_was_there_is_adopted_and_one_with_foreign_ports_stays() {
    fresh();
    sh("ip link add br0 type bridge");
    let file = host_file(&host("bridge br0 kind=linux vlan-filtering=#true", "bridge br0;"));
    let plan = subdevcfg(&["plan", file]).expect(0);
    assert!(plan.stdout.contains("ADOPTED    bridge[br0]"), "{}", plan.all());
    apply(file);
    destroy();
    assert_eq!(sh("cat /sys/class/net/br0/bridge/vlan_filtering"), "0");
    sh("ip link del br0");
    apply(file);
    sh("ip link add other0 type dummy && ip link set other0 master br0");
    let refused = subdevcfg(&["destroy", "--yes", "--allow", "parent-wide"]).expect(3);
    assert!(refused.stdout.contains("other0 is a port of it and not subdevcfg's"), "{}", refused.all());
    sh("ip link del other0");
    destroy();
}
