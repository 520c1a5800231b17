//! The examples for the bundled module: applied, changed and destroyed, refused and killed on the way.

use crate::guest;
use crate::journeys::{Journey, walk_all};

fn fresh() -> bool {
    guest::fresh();
    true
}

const JOURNEYS: &[Journey] = &[
    Journey {
        example: "quickstart.kdl",
        changes: &[
            ("00:00:58\"", "00:00:a8\""),
            ("queues 4", "queues 8"),
            ("netdev web1 up", "netdev web9 up"),
            ("netdev db0 mtu=1400", "netdev db0 mtu=1300"),
            ("sf 89", "sf 90"),
        ],
        fresh,
    },
    Journey {
        example: "legacy.kdl",
        changes: &[("mode=legacy", "mode=switchdev"), ("queues 2", "queues 4")],
        fresh,
    },
    Journey {
        example: "two-parents.kdl",
        changes: &[
            (
                "subdevice pod1 { sf 101; rate tx-max=\"2.5Gbit\"; netdev pod1 up=#true; representor pod1_r up=#true; }",
                "",
            ),
            ("tx-max=\"10Gbit\" tx-share=\"1Gbit\"", "tx-max=\"5Gbit\""),
            ("vm1 { mdev type=eth;", "vm2 { mdev type=eth;"),
        ],
        fresh,
    },
    Journey {
        example: "rates.kdl",
        changes: &[
            ("node bronze parent=tenants tx-max=\"2Gbit\"", "node silver parent=tenants tx-max=\"3Gbit\""),
            ("parent=bronze", "parent=silver"),
            ("gold tx-share=\"1Gbit\"", "tenants tx-share=\"2Gbit\""),
        ],
        fresh,
    },
    Journey {
        example: "bridge.kdl",
        changes: &[
            ("vlan 10 pvid=#true untagged=#true", "vlan 20 pvid=#true untagged=#true"),
            ("bridge staff kind=linux", ""),
            ("bridge staff", "bridge guests"),
        ],
        fresh,
    },
    Journey {
        example: "gitops/hosts/lab-01.kdl",
        changes: &[("default=2", "default=1"), ("mtu=1500", "mtu=1400")],
        fresh,
    },
];

#[test]
fn every_example_is_undone_or_goes_on_wherever_it_ends() {
    walk_all("examples::every_example_is_undone_or_goes_on_wherever_it_ends", JOURNEYS);
}
