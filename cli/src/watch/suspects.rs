//! Who else configures network devices on this host: the first to ask when a value is changed back again and again.

use std::collections::BTreeMap;

/// Programs that do, by the names of their processes (`/proc/PID/comm`, cut off at 15 bytes).
const KNOWN: [(&str, &str); 9] = [
    ("NetworkManager", "NetworkManager"),
    ("systemd-network", "systemd-networkd"),
    ("netplan", "netplan"),
    ("sriov-network-c", "sriov-network-operator"),
    ("sriov-network-o", "sriov-network-operator"),
    ("mlnx-sf", "mlnx-sf"),
    ("mdevctl", "mdevctl"),
    ("ovs-vswitchd", "Open vSwitch"),
    ("libvirtd", "libvirt"),
];

/// Those that run now, with a process of each. One that runs now and then may be missing.
pub fn running() -> Vec<String> {
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbers = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let mut found: BTreeMap<&str, u32> = BTreeMap::new();
    for process in numbers {
        // It may be gone by now.
        let Ok(name) = std::fs::read_to_string(format!("/proc/{process}/comm")) else { continue };
        if let Some((_, words)) = KNOWN.iter().find(|(known, _)| *known == name.trim_end()) {
            found.entry(words).or_insert(process);
        }
    }
    found.into_iter().map(|(words, process)| format!("{words} (process {process})")).collect()
}
