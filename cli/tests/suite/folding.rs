//! Plans of many: what is alike is shown once.

use crate::run::{Host, snapshot};

const MANY: &str = r#"subdevcfg version=1
host "*"
template tenant {
    parameter n
    subdevice "pod${n}" {
        sf "${100 + n}"
        function mac="02:aa:07:00:02:00+${n}"
        netdev "pod${n}" mtu=9000 up=#true
        representor "pod${n}_r"
    }
}
device "subdev/nic0" {
    create max-subdevices=64
    eswitch mode=switchdev
    repeat 12 as=i { use tenant n="${i}" }
    repeat 4 as=i from=2 step=3 { subdevice "vm${i}" { mdev type=eth; representor "vm${i}_r"; } }
    subdevice web0 { sf 1; }
    subdevice web1 { sf 7; netdev odd; }
}
"#;

#[test]
fn subdevices_that_are_alike_are_folded() {
    let host = Host::new();
    let plan = host.plan(MANY);
    snapshot("cli", "folded", &plan.all());
    let whole = host.run(&["plan", "host.kdl", "--all"]);
    assert!(whole.stdout.contains("+ subdev/nic0#pod11   sf 111"), "{}", whole.all());
}
