//! VFs of the kernel's own simulated network device: their number, what the PF sets, rates and representors.

use serde_json::Value;

use crate::guest::{apply, changes, config, destroy, example, host_file, json, sh, subdevcfg};

const DEVICE: &str = "/sys/bus/netdevsim/devices/netdevsim1";
const DEBUG: &str = "/sys/kernel/debug/netdevsim/netdevsim1";

/// Two new devices, whatever the test before left behind.
pub fn fresh() {
    for number in [1, 2] {
        sh(&format!(
            "[ ! -e /sys/bus/netdevsim/devices/netdevsim{number} ] || echo {number} > /sys/bus/netdevsim/del_device"
        ));
        sh(&format!("echo '{number} 1' > /sys/bus/netdevsim/new_device"));
    }
    sh("rm -rf /run/subdevcfg");
}

fn device(body: &str) -> &'static str {
    host_file(&format!("subdevcfg version=1\nhost \"*\"\ndevice \"netdevsim/netdevsim1\" {{ {body} }}\n"))
}

/// A VF as `ip` shows it; in legacy mode the device has one netdev.
fn vf(index: usize) -> Value {
    json(&format!("ip -j link show dev $(ls {DEVICE}/net)"))[0]["vfinfo_list"][index].clone()
}

fn vfs() -> String {
    sh(&format!("cat {DEVICE}/sriov_numvfs"))
}

#[test]
fn the_example_is_applied_changed_and_taken_away() {
    fresh();
    let before = config();
    let text = example("netdevsim.kdl");
    apply(host_file(&text));
    let web = vf(0);
    assert_eq!(
        (&web["address"], &web["vlan_list"][0]["vlan"]),
        (&"02:00:00:00:02:00".into(), &100.into()),
        "{web}"
    );
    let ports = json("devlink -j port show");
    assert!(ports.to_string().contains("blue_r"), "{ports}");
    let changed = host_file(&text.replace("vlan=100", "vlan=200"));
    assert_eq!(changes(changed), [("netdevsim/netdevsim1#web".to_owned(), "[\"update\"]".to_owned())]);
    apply(changed);
    assert_eq!(vf(0)["vlan_list"][0]["vlan"], 200);
    // Another number goes by none, and all that was written comes back.
    let fewer = host_file(&text.replace("vlan=100", "vlan=200").replace("vfs 4", "vfs 3"));
    let plan = subdevcfg(&["plan", fewer]).expect(0);
    assert!(plan.stdout.contains("another number of VFs begins with none"), "{}", plan.all());
    subdevcfg(&["apply", fewer, "--yes"]).expect(3);
    subdevcfg(&["apply", fewer, "--yes", "--allow", "vf-recount@netdevsim/netdevsim1"]).expect(0);
    assert_eq!((vfs().as_str(), &vf(0)["vlan_list"][0]["vlan"]), ("3", &200.into()));
    subdevcfg(&["plan", fewer, "--detailed-exitcode"]).expect(0);
    destroy();
    assert_eq!(config(), before);
}

/// What it takes to be no reason to drop the tool: legacy VFs cannot be written, or what was written is not seen to change.
#[test]
fn legacy_vfs_cannot_be_written() {
    fresh();
    let legacy = "legacy mac=\"02:00:00:00:00:07\" vlan=100 qos=3 proto=\"802.1ad\" trust=#true spoofchk=#true \
                  link-state=disable rate-min=\"100Mbit\" rate-max=\"2Gbit\"";
    let all = format!("eswitch mode=legacy; vfs 2; subdevice a {{ vf 1; {legacy} }}");
    let file = device(&all);
    apply(file);
    let found = vf(1);
    for (path, wanted) in [
        ("/address", Value::from("02:00:00:00:00:07")),
        ("/vlan_list/0/vlan", 100.into()),
        ("/vlan_list/0/qos", 3.into()),
        ("/vlan_list/0/protocol", "802.1ad".into()),
        ("/trust", true.into()),
        ("/spoofchk", true.into()),
        ("/link_state", "disable".into()),
        ("/rate/min_tx", 100.into()),
        ("/rate/max_tx", 2000.into()),
    ] {
        assert_eq!(found.pointer(path), Some(&wanted), "{path}: {found}");
    }
    // By another hand.
    sh(&format!("ip link set $(ls {DEVICE}/net) vf 1 trust off max_tx_rate 300 min_tx_rate 0"));
    let plan = subdevcfg(&["plan", file, "--detailed-exitcode"]).expect(2);
    for words in
        ["netdevsim1#a.legacy.trust   false seen, true was applied", "legacy.rate-max   300Mbit seen"]
    {
        assert!(plan.stdout.contains(words), "{words}: {}", plan.all());
    }
    apply(file);
    // Limits change in the order that the kernel takes.
    apply(device(
        "eswitch mode=legacy; vfs 2; subdevice a { vf 1; legacy rate-min=\"3Gbit\" rate-max=\"4Gbit\"; }",
    ));
    assert_eq!(vf(1)["rate"]["max_tx"], 4000);
    apply(device(&all));
    assert_eq!(vf(1)["rate"]["max_tx"], 2000);
    destroy();
    assert_eq!(vfs(), "0");
}

#[test]
fn a_vf_that_is_not_named_any_more_stays_as_it_is() {
    fresh();
    apply(device("eswitch mode=legacy; vfs 2; subdevice a { vf 0; legacy vlan=7; }"));
    let file = device("eswitch mode=legacy; vfs 2");
    let plan = subdevcfg(&["plan", file, "--detailed-exitcode"]).expect(0);
    assert!(plan.stdout.contains("RELEASED   netdevsim/netdevsim1 vf 0"), "{}", plan.all());
    apply(file);
    assert_eq!(vf(0)["vlan_list"][0]["vlan"], 7);
    // Nor does their number go with its line.
    let file = device("eswitch mode=legacy");
    apply(file);
    assert_eq!(vfs(), "2");
    let none = device("eswitch mode=legacy; vfs 0");
    subdevcfg(&["apply", none, "--yes", "--allow", "vf-recount"]).expect(0);
    assert_eq!(vfs(), "0");
}

#[test]
fn vfs_that_somebody_else_made_are_not_taken_for_a_reload() {
    fresh();
    sh(&format!("echo 2 > {DEVICE}/sriov_numvfs"));
    let file = device("param max_macs 64");
    let refused = subdevcfg(&["apply", file, "--yes", "--allow", "parent-wide"]).expect(3);
    assert!(refused.stdout.contains("2 VFs are in the way"), "{}", refused.all());
    assert_eq!(vfs(), "2");
    // Counted in the file, they come back after it.
    apply(device("vfs 2; param max_macs 64"));
    assert_eq!(vfs(), "2");
    destroy();
    assert_eq!(vfs(), "2");
}

#[test]
fn the_mode_changes_with_vfs_and_what_they_had_comes_back() {
    fresh();
    let nodes = "rate-node gold tx-max=\"4Gbit\";";
    let blue = "subdevice a { vf 0; rate tx-max=\"2Gbit\" parent=gold; representor a_r up=#true; }";
    let switchdev = format!("eswitch mode=switchdev; vfs 2; {nodes} {blue}");
    apply(device(&switchdev));
    let config_before = config();
    apply(device("eswitch mode=legacy; vfs 2; subdevice a { vf 0; legacy vlan=9; }"));
    assert_eq!((vf(0)["vlan_list"][0]["vlan"].clone(), vfs().as_str()), (9.into(), "2"));
    apply(device(&switchdev));
    assert_eq!(config(), config_before);
    destroy();
}

#[test]
fn what_fails_leaves_the_host_as_it_was() {
    fresh();
    apply(device(
        "eswitch mode=switchdev; vfs 2; rate-node gold; subdevice a { vf 0; rate parent=gold; representor a_r; }",
    ));
    let before = config();
    let file = device(
        "eswitch mode=switchdev; vfs 3; param max_macs 64; rate-node gold; subdevice a { vf 0; rate parent=gold; representor a_r; }",
    );
    sh(&format!("echo Y > {DEBUG}/dont_allow_reload"));
    let failed = subdevcfg(&["apply", file, "--yes", "--allow", "parent-wide"]).expect(1);
    sh(&format!("echo N > {DEBUG}/dont_allow_reload"));
    assert!(failed.stderr.contains("User forbid the reload for testing purposes"), "{}", failed.all());
    assert_eq!(config(), before);
    // More than it can have is seen only when it is tried: netdevsim does not tell how many.
    let many = device(
        "eswitch mode=switchdev; vfs 9; rate-node gold; subdevice a { vf 0; rate parent=gold; representor a_r; }",
    );
    let failed = subdevcfg(&["apply", many, "--yes", "--allow", "parent-wide"]).expect(1);
    assert!(failed.stderr.contains("ENOMEM"), "{}", failed.all());
    assert_eq!(config(), before);
    destroy();
}

/// Who writes `sriov_numvfs` here plays the other side: its functions are ports of VFs like any other's.
#[test]
fn a_function_of_the_other_side_is_configured_whenever_it_comes() {
    fresh();
    let file = device(
        "eswitch mode=switchdev; subdevice a { external pf=0 vf=0 controller=0; rate tx-max=\"2Gbit\"; \
         representor a_r mtu=1400 up=#true; }",
    );
    let ports =
        || json("devlink -j port show netdevsim/netdevsim1/128")["port"]["netdevsim/netdevsim1/128"].clone();
    let leaf = || sh("devlink port function rate show netdevsim/netdevsim1/128");
    let apply_in_part = || subdevcfg(&["apply", file, "--yes", "--allow", "parent-wide"]).expect(4);
    let told = apply_in_part().stdout;
    assert!(told.contains("DEFERRED   netdevsim/netdevsim1#a: the other side has not made vf 0"), "{told}");
    for round in 1..=2 {
        sh(&format!("echo 2 > {DEVICE}/sriov_numvfs"));
        assert_eq!((&ports()["flavour"], &ports()["vfnum"]), (&"pcivf".into(), &0.into()), "{}", ports());
        let plan = subdevcfg(&["plan", file, "--detailed-exitcode"]).expect(2);
        assert!(
            !plan.stdout.contains("DRIFT") && !plan.stdout.contains("DEFERRED"),
            "{round}: {}",
            plan.all()
        );
        apply(file);
        assert_eq!(ports()["netdev"], "a_r");
        assert_eq!(sh("cat /sys/class/net/a_r/mtu"), "1400");
        assert!(leaf().contains("tx_max 2Gbit"), "{}", leaf());
        subdevcfg(&["plan", file, "--detailed-exitcode"]).expect(0);
        if round == 1 {
            sh(&format!("echo 0 > {DEVICE}/sriov_numvfs"));
            // With its last VF the device leaves switchdev mode, and that is all that is drift.
            let plan = subdevcfg(&["plan", file]).expect(4);
            assert!(plan.stdout.contains("DEFERRED   netdevsim/netdevsim1#a"), "{}", plan.all());
            assert!(
                !plan.stdout.contains("netdevsim1#a.") && !plan.stdout.contains("REFUSED"),
                "{}",
                plan.all()
            );
            apply_in_part();
        }
    }
    destroy();
    assert_eq!(vfs(), "2");
    assert!(sh("devlink dev eswitch show netdevsim/netdevsim1").contains("mode legacy"));
}

#[test]
fn a_parameter_that_the_driver_does_not_have_is_left_out() {
    fresh();
    let file = device(
        "param max_macs 64 if-supported=#true; param turbo #true cmode=runtime if-supported=#true; \
         param test1 #true cmode=driverinit if-supported=#true",
    );
    let value = || sh("devlink dev param show netdevsim/netdevsim1 name max_macs");
    let plan = subdevcfg(&["plan", file, "--detailed-exitcode"]).expect(2);
    assert!(plan.stdout.contains("LACKING    netdevsim/netdevsim1.param[turbo,runtime]"), "{}", plan.all());
    apply(file);
    assert!(value().contains("64"), "{}", value());
    subdevcfg(&["plan", file, "--detailed-exitcode"]).expect(0);
    destroy();
    assert!(value().contains("32"), "{}", value());
}
