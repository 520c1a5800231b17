//! The example with ports of Open vSwitch, which is in the full root alone: `lab/full-test` runs this.

use crate::guest::{self, sh};
use crate::journeys::{Journey, walk_all};

fn fresh() -> bool {
    guest::fresh();
    sh("ovs-vsctl --if-exists del-br br-int -- --if-exists del-br br-ex");
    sh("ovs-vsctl add-br br-int -- add-br br-ex");
    true
}

const JOURNEYS: &[Journey] = &[Journey {
    example: "ovs.kdl",
    changes: &[
        ("br-int tag=100", "br-ex tag=7"),
        ("router_r", "router9_r"),
        ("200..203", "200..201"),
        ("mtu=1400", "mtu=1300"),
    ],
    fresh,
    settle: || {},
}];

#[test]
#[ignore = "needs Open vSwitch: lab/full-test"]
fn ports_of_open_vswitch_are_undone_or_gone_on_with_wherever_it_ends() {
    walk_all("ovs::ports_of_open_vswitch_are_undone_or_gone_on_with_wherever_it_ends", JOURNEYS);
}
