//! The examples for other people's drivers: applied, changed and destroyed, refused and killed on the way.

use crate::journeys::{Journey, walk_all};
use crate::{mdev, netdevsim, nvme, vdpa, vgpu};

fn with_netdevsim() -> bool {
    netdevsim::fresh();
    true
}

fn with_mdevs() -> bool {
    mdev::fresh();
    true
}

const JOURNEYS: &[Journey] = &[
    Journey {
        example: "netdevsim.kdl",
        changes: &[
            ("vlan=100 qos=3", "vlan=200 qos=2"),
            ("trust=#true link-state=enable", "link-state=disable"),
            ("param max_macs 64", "param max_macs 48"),
            ("vfs 4", "vfs 3"),
            ("rate-node tenants tx-max=\"4Gbit\"", "rate-node guests tx-max=\"3Gbit\""),
            ("parent=tenants", "parent=guests"),
            ("red_r mtu=9000", "red9_r mtu=1400"),
        ],
        fresh: with_netdevsim,
        settle: || {},
    },
    Journey {
        example: "mtty.kdl",
        changes: &[
            ("Single port", "Dual port"),
            ("attr \"power/control\" on", "attr \"power/control\" auto"),
        ],
        fresh: with_mdevs,
        settle: || {},
    },
    Journey {
        example: "mdpy.kdl",
        changes: &[("repeat 2", "repeat 1"), ("type=hd", "type=vga")],
        fresh: with_mdevs,
        settle: || {},
    },
    Journey {
        example: "vdpa.kdl",
        changes: &[
            ("mtu=9000", "mtu=1400"),
            ("bind vhost_vdpa", "bind virtio_vdpa"),
            ("vdpa vm2", "vdpa vm3"),
        ],
        fresh: vdpa::fresh,
        settle: || {},
    },
    Journey {
        example: "nvme-vfs.kdl",
        changes: &[
            ("vfs 4", "vfs 3"),
            ("subdevice vm1", "subdevice vm2 { vf 2; bind vfio-pci; }\n    subdevice vm1"),
        ],
        fresh: nvme::fresh,
        settle: nvme::settle,
    },
    Journey {
        example: "vgpu.kdl",
        changes: &[
            ("vfs 3", "vfs 4"),
            ("type=large", "type=small"),
            ("frame_rate_limiter \"0\"", "frame_rate_limiter \"1\""),
            (
                "    subdevice desk1",
                "    subdevice desk2 { vf 2 { mdev type=large; }; bind lab_vgpu; }\n    subdevice desk1",
            ),
        ],
        fresh: vgpu::fresh,
        settle: nvme::settle,
    },
];

#[test]
fn every_example_is_undone_or_goes_on_wherever_it_ends() {
    walk_all("examples::every_example_is_undone_or_goes_on_wherever_it_ends", JOURNEYS);
}
