//! Host files of states that no host file describes as they are.

use camino::Utf8Path;
use subdevcfg_compiler::format::format;
use subdevcfg_reconciler::apply::Outcome;
use subdevcfg_reconciler::import::{Import, host_file};

use crate::support::properties::is_imported;
use crate::support::{Host, desired};

/// A host with two mediated devices, of which these have a MAC address in the file.
fn host_with(macs: [&str; 2]) -> String {
    let [first, second] = macs;
    format!(
        "subdevcfg version=1
host \"*\"
device \"subdev/p0\" {{
    create max-subdevices=8
    eswitch mode=legacy
    subdevice first {{ mdev type=eth uuid=\"00000000-0000-4000-8000-000000000000\"; {first} }}
    subdevice second {{ mdev type=eth uuid=\"00000000-0000-4000-8000-000000000002\"; {second} }}
}}
"
    )
}

#[test]
fn of_two_functions_with_one_mac_address_the_file_has_it_for_one() {
    const MAC: &str = "function mac=\"02:00:00:00:00:01\"";
    let mut host = Host::with_kernel("6.12.0");
    // The file no longer speaks of the address of the first, which keeps it; the second gets the same.
    for macs in [[MAC, ""], ["", MAC]] {
        assert!(matches!(host.apply(&desired(&host_with(macs))), Outcome::Converged(_)));
    }
    let state = host.state();
    let import = Import { host: "lab", state: &state, record: &host.record, catalogues: &[] };
    let text = format(Utf8Path::new("host.kdl"), &host_file(&import)).unwrap();
    let macs: Vec<&str> = text.lines().map(str::trim).filter(|line| line.contains("mac=")).collect();
    assert_eq!(
        macs,
        [
            "// another function has it too, and a file gives it to one: function mac=\"02:00:00:00:00:01\"",
            "function mac=\"02:00:00:00:00:01\"",
        ]
    );
    is_imported(&host).unwrap();
}
