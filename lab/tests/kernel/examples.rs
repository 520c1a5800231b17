//! The examples for the bundled module: applied, changed and destroyed, refused and killed on the way.

use crate::guest;
use crate::journeys::{Journey, walk_all};

fn fresh() -> bool {
    guest::fresh();
    true
}

/// Another host takes up what is made for it.
fn shared() -> bool {
    guest::fresh();
    guest::share_with("2");
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
        settle: || {},
    },
    Journey {
        example: "legacy.kdl",
        changes: &[("mode=legacy", "mode=switchdev"), ("queues 2", "queues 4")],
        fresh,
        settle: || {},
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
        settle: || {},
    },
    Journey {
        example: "rates.kdl",
        changes: &[
            ("node bronze parent=tenants tx-max=\"2Gbit\"", "node silver parent=tenants tx-max=\"3Gbit\""),
            ("parent=bronze", "parent=silver"),
            ("gold tx-share=\"1Gbit\"", "tenants tx-share=\"2Gbit\""),
        ],
        fresh,
        settle: || {},
    },
    Journey {
        example: "dpu-sfs.kdl",
        changes: &[
            ("0d:01:00\"", "0d:01:01\""),
            ("tx-max=\"2Gbit\" parent=guests", "tx-max=\"3Gbit\""),
            ("guest0_r mtu=1400", "guest9_r mtu=1300"),
            ("sf 89 controller=1", "sf 90 controller=1"),
        ],
        fresh: shared,
        settle: || {},
    },
    Journey {
        example: "bridge.kdl",
        changes: &[
            ("vlan 10 pvid=#true untagged=#true", "vlan 20 pvid=#true untagged=#true"),
            ("bridge staff kind=linux", ""),
            ("bridge staff", "bridge guests"),
        ],
        fresh,
        settle: || {},
    },
    Journey {
        example: "gitops/hosts/lab-01.kdl",
        changes: &[("default=2", "default=1"), ("mtu=1500", "mtu=1400")],
        fresh,
        settle: || {},
    },
];

#[test]
fn every_example_is_undone_or_goes_on_wherever_it_ends() {
    walk_all("examples::every_example_is_undone_or_goes_on_wherever_it_ends", JOURNEYS);
}
