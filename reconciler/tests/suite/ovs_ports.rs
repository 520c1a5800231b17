//! Ports of Open vSwitch that outlive what they were made for.

use subdevcfg_reconciler::apply::Outcome;
use subdevcfg_reconciler::desired::Desired;

use crate::support::{Host, Kill, desired};

/// Those that Open vSwitch has.
fn ports(host: &Host) -> Vec<String> {
    let ovs = host.state().volatile.0.ovs.unwrap_or_default();
    ovs.ports().map(|(bridge, name, _)| format!("{name} of {bridge}")).collect()
}

/// A host with one function, on a parent that is made anew when its size changes.
fn file(size: u32, mode: &str, representor: &str) -> Desired {
    desired(&format!(
        "subdevcfg version=1
host \"*\"
device \"subdev/p1\" {{
    create max-subdevices={size}
    eswitch mode={mode}
    subdevice s0 {{
        mdev type=eth uuid=\"00000000-0000-4000-8000-000000000004\"
        {representor}
    }}
}}
bridge br-int kind=ovs
bridge br-ex kind=ovs
"
    ))
}

#[test]
fn a_port_does_not_stay_behind_where_a_killed_run_had_taken_its_representor_away() {
    let wanted = file(16, "legacy", "");
    let mut host = Host::with_kernel("6.1.0");
    host.kernel.start_ovs(&["br-int"]);
    assert!(matches!(
        host.apply(&file(8, "switchdev", "representor rx4 { bridge br-int }")),
        Outcome::Converged(_)
    ));
    assert_eq!(ports(&host), ["rx4 of br-int"]);
    for at in 1..=host.plan(&wanted).operations.len() {
        for after in [false, true] {
            let mut host = host.clone();
            host.apply_and_be_killed(&wanted, None, Kill { at, after });
            assert!(matches!(host.apply(&wanted), Outcome::Converged(_)));
            assert_eq!(ports(&host), Vec::<String>::new(), "killed at {at}, after it: {after}");
        }
    }
}

#[test]
fn a_port_that_an_undo_takes_back_to_its_bridge_has_its_vlans() {
    let port_of = |bridge: &str| {
        let port = format!("representor rx4 {{ bridge {bridge} tag=10 trunks=\"20..29\" }}");
        file(8, "switchdev", &port)
    };
    let mut before = Host::with_kernel("6.12.0");
    before.kernel.start_ovs(&["br-int", "br-ex"]);
    assert!(matches!(before.apply(&port_of("br-int")), Outcome::Converged(_)));
    let mut host = before.clone();
    let wanted = port_of("br-ex");
    let Outcome::Converged(after) = host.apply(&wanted) else { panic!("it does not move") };
    assert_eq!(ports(&host), ["rx4 of br-ex"]);
    assert!(matches!(host.undo(&before, &wanted, Some(after.state)), Outcome::Converged(_)));
    assert_eq!(host.state().volatile.0.ovs, before.state().volatile.0.ovs);
}
