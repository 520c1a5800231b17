//! The uplink of a parent.

use crate::guest::{apply, config, destroy, fresh, host_file, json, sh, subdevcfg};

fn nic0(body: &str) -> String {
    format!(
        "subdevcfg version=1\nhost \"*\"\ndevice \"subdev/nic0\" {{ create max-subdevices=8; eswitch mode=switchdev; {body} }}\n"
    )
}

const FUNCTION: &str = "subdevice a { sf 88; netdev a0 up=#true; };";

/// The uplink's name, MTU and whether it is up.
fn shown() -> (String, u64, bool) {
    let ports = json("devlink -j port show");
    let port = &ports["port"]["subdev/nic0/0"];
    let name = port["netdev"].as_str().unwrap().to_owned();
    let link = &json(&format!("ip -j link show {name}"))[0];
    let is_up = link["flags"].as_array().unwrap().iter().any(|flag| flag == "UP");
    (name, link["mtu"].as_u64().unwrap(), is_up)
}

#[test]
fn an_uplink_is_set_survives_a_reload_and_is_drift_when_others_change_it() {
    fresh();
    let before = config();
    let text = nic0(&format!("uplink mtu=9000 up=#true; {FUNCTION}"));
    apply(host_file(&text));
    let (name, mtu, up) = shown();
    assert_eq!((mtu, up), (9000, true));
    sh(&format!("ip link set {name} mtu 1600"));
    let plan = subdevcfg(&["plan", host_file(&text), "--detailed-exitcode"]).expect(2);
    assert!(plan.stdout.contains("subdev/nic0.uplink.mtu   1600 seen, 9000 was applied"), "{}", plan.all());
    // The new value of a parameter wants a reload, and that makes another interface.
    apply(host_file(&nic0(&format!("param max_queues 32; uplink mtu=9000 up=#true; {FUNCTION}"))));
    let (_, mtu, up) = shown();
    assert_eq!((mtu, up), (9000, true));
    destroy();
    assert_eq!(config(), before);
}

#[test]
fn an_uplink_under_the_default_route_is_disturbed_only_by_name() {
    fresh();
    apply(host_file(&nic0(&format!("uplink up=#true; {FUNCTION}"))));
    let (name, ..) = shown();
    sh(&format!("ip addr add 192.0.2.2/24 dev {name} && ip route add default via 192.0.2.1"));
    let file = host_file(&nic0(&format!("uplink up=#true mtu=1600; {FUNCTION}")));
    let refused = subdevcfg(&["apply", file, "--yes", "--allow", "parent-wide"]).expect(3);
    assert!(refused.stdout.contains("--allow-lifeline subdev/nic0"), "{}", refused.all());
    assert_eq!(shown().1, 1500);
    let allowed =
        ["--allow-lifeline", "subdev/nic0", "--allow-in-use", "subdev/nic0", "--confirm-within", "60s"];
    subdevcfg(&[&["apply", file, "--yes", "--allow", "parent-wide"][..], &allowed].concat()).expect(0);
    assert_eq!(shown().1, 1600);
    subdevcfg(&["confirm"]).expect(0);
    sh(&format!("ip route del default; ip addr flush dev {name}"));
    destroy();
}

#[test]
fn what_the_driver_cannot_offload_is_refused() {
    fresh();
    apply(host_file(&nic0("uplink hw-tc-offload=#false;")));
    let refused = subdevcfg(&["apply", host_file(&nic0("uplink hw-tc-offload=#true;")), "--yes"]).expect(3);
    assert!(refused.stdout.contains("lets nobody change it"), "{}", refused.all());
    destroy();
}
