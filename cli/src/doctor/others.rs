//! Other tools that configure the same devices: what they keep on this host.

use camino::Utf8PathBuf;

use super::{Finding, System, Verdict};

/// Words of netplan that make VFs or change the mode of an eswitch.
const NETPLAN: [&str; 2] = ["virtual-function-count", "embedded-switch-mode"];

/// Those that have something to do with devices that can be partitioned.
pub(super) fn examine(system: &System) -> Vec<Finding> {
    let found = [mlnx_sf(system), mdevctl(system), netplan(system), off(system)].into_iter().flatten();
    let running = system.running.iter().map(|program| {
        Finding::new("other tools", Verdict::Note, format!("{program} may configure the same interfaces"))
            .help("`hand-over` and `ignore` leave attributes to others; the package's rules keep it off representors")
    });
    running.chain(found).collect()
}

fn mlnx_sf(system: &System) -> Option<Finding> {
    const PATH: &str = "/etc/mellanox/mlnx-sf.conf";
    let text = system.read(PATH);
    let calls = text.lines().filter(|line| !line.trim().is_empty() && !line.trim().starts_with('#')).count();
    (calls > 0).then(|| {
        Finding::new("mlnx-sf", Verdict::Note, format!("{PATH} makes subfunctions at boot"))
            .help(format!("subdevcfg import --mlnx-sf {PATH}, then take the calls out"))
    })
}

fn mdevctl(system: &System) -> Option<Finding> {
    let parents = system.list("/etc/mdevctl.d");
    let has_some =
        |parent: &Utf8PathBuf| parent.read_dir_utf8().is_ok_and(|mut devices| devices.next().is_some());
    parents.iter().any(has_some).then(|| {
        Finding::new("mdevctl", Verdict::Note, "/etc/mdevctl.d defines mediated devices").help(
            "mdevctl list --defined --dumpjson | subdevcfg import --mdevctl /dev/stdin, then undefine them",
        )
    })
}

fn netplan(system: &System) -> Option<Finding> {
    let files = system.list("/etc/netplan");
    let file = files.into_iter().find(|file| {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        NETPLAN.iter().any(|word| text.contains(word))
    })?;
    let text = format!("{file} sets the number of VFs or the eswitch mode");
    Some(Finding::new("netplan", Verdict::Note, text).help("take that out: both would write it at boot"))
}

/// The units do nothing on a kernel that was told so.
fn off(system: &System) -> Option<Finding> {
    let line = system.read("/proc/cmdline");
    line.split_whitespace().any(|word| word == "subdevcfg=off").then(|| {
        let text = "the kernel was booted with `subdevcfg=off`: the units do nothing";
        Finding::new("boot", Verdict::Note, text)
    })
}
