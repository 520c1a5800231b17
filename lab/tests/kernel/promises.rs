//! What the lab promises to every test, checked from inside the guest.

use std::path::Path;

use crate::guest::sh;

#[test]
fn the_kernel_is_the_one_asked_for() {
    let release = sh("uname -r");
    let asked = std::env::var("SUBDEVCFG_KERNEL").expect("lab/run passes SUBDEVCFG_KERNEL on");
    let series = if asked == "debug" { "6.12" } else { &asked };
    assert!(release.starts_with(&format!("{series}.")), "asked for {asked}, running {release}");
    assert_eq!(asked == "debug", Path::new("/sys/kernel/debug/kmemleak").exists());
}

#[test]
fn the_shell_meets_iproute2_and_not_busybox() {
    for tool in ["ip", "tc", "devlink"] {
        let version = sh(&format!("{tool} -V 2>&1"));
        assert!(version.contains("iproute2"), "{tool}: {version}");
    }
    assert!(sh("bridge -V 2>&1").starts_with("bridge utility"));
    sh("ethtool --version && jq --version && ping -V");
}

#[test]
fn the_usual_places_are_mounted() {
    for place in ["proc", "sys", "dev", "run", "tmp", "sys/kernel/debug"] {
        sh(&format!("grep -q ' /{place} ' /proc/mounts"));
    }
    assert_eq!(sh("hostname"), "lab");
    assert!(sh("ip -o link show lo").contains(",UP,"));
    sh("ping -c 1 127.0.0.1");
}

#[test]
fn modules_load_with_what_they_need() {
    for module in [
        "mdev",
        "bridge",
        "8021q",
        "veth",
        "dummy",
        "tun",
        "macvlan",
        "openvswitch",
        "sch_ingress",
        "sch_tbf",
        "cls_flower",
        "act_mirred",
        "psample",
        "vfio",
    ] {
        sh(&format!("modprobe {module}"));
    }
    sh("ip link add lab-br0 type bridge vlan_filtering 1 && ip link del lab-br0");
    sh(
        "ip link add lab-d0 type dummy && tc qdisc add dev lab-d0 root tbf rate 1mbit burst 10kb latency 50ms",
    );
    sh("tc qdisc add dev lab-d0 ingress && ip link del lab-d0");
    sh("ip netns add lab-ns && ip netns exec lab-ns ip link && ip netns del lab-ns");
}

#[test]
fn standard_streams_can_be_opened_again() {
    assert_eq!(sh("echo twice >/dev/stderr; echo once >/dev/stdout"), "once");
}
