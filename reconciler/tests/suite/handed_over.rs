//! Of which netdevs udev is told that they are others'.

use subdevcfg_reconciler::handed_over::marks;
use subdevcfg_reconciler::state::State;

use crate::support::desired;

const FILE: &str = "subdevcfg version=1
host lab
device \"pci/0000:08:00.0\" driver=mlx5_core {
    eswitch mode=switchdev
    subdevice cni { sf 88; hand-over to=cni; }
    subdevice ours { sf 89; }
    subdevice ovn { sf 90; hand-over to=ovn; }
    subdevice named { sf 91; ignore \"netdev.name\"; }
    subdevice gone absent=#true { sf 92; hand-over to=cni; }
    subdevice other { sf 93 controller=1; hand-over to=cni; }
    subdevice vm { vf 3; hand-over to=libvirt; }
    subdevice late { vf 9; hand-over to=libvirt; }
    vfs 10
}
device \"subdev/p0\" {
    subdevice gpu { mdev type=eth uuid=\"00000000-0000-4000-8000-000000000002\"; hand-over to=libvirt; }
}
";

#[test]
fn netdevs_of_cni_and_libvirt_have_a_mark_by_the_device_that_they_are_below() {
    let address = |parent: &subdevcfg_compiler::values::DevlinkHandle, index: u32| {
        (index == 3).then(|| format!("{}'s {index}", parent.device()))
    };
    let marks = marks(&desired(FILE), &State::empty(), address);
    let marks: Vec<&str> = marks.iter().map(String::as_str).collect();
    assert_eq!(marks, ["00000000-0000-4000-8000-000000000002", "0000:08:00.0's 3", "0000:08:00.0-sf88"]);
}
