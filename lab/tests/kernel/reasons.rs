//! Reasons for which people drop such a tool, each as a test that it is none here.

use subdevcfg_reconciler::rules::kernel_is_before;

use crate::guest::{apply, config, delete_netns, destroy, fresh, host_file, sh, subdevcfg};

fn nic0(body: &str) -> String {
    format!(
        "subdevcfg version=1\nhost \"*\"\ndevice \"subdev/nic0\" {{ create max-subdevices=8; eswitch mode=switchdev; {body} }}\n"
    )
}

fn a(mac: &str, more: &str) -> String {
    format!(
        "subdevice a {{ sf 88; function mac=\"02:00:00:00:00:{mac}\"; netdev a0 up=#true; representor a_r up=#true; {more} }}"
    )
}

/// Refused, with these words in the plan; nothing was changed.
#[track_caller]
fn refused(file: &str, words: &[&str]) {
    let before = config();
    let run = subdevcfg(&["apply", file, "--yes", "--allow", "parent-wide"]).expect(3);
    for word in words {
        assert!(run.stdout.contains(word), "{word}: {}", run.all());
    }
    assert_eq!(config(), before);
}

#[test]
fn it_takes_down_the_management_interface_or_a_container_without_naming_it_first() {
    fresh();
    apply(host_file(&nic0(&a("58", ""))));
    let file = host_file(&nic0(&a("59", "")));
    sh("ip address add 10.7.0.1/24 dev a0 && ip route add default via 10.7.0.9 dev a0");
    refused(file, &["IN USE    netdev: up with 10.7.0.1/24", "LIFELINE  a0: the default route"]);
    // Also by what is above it.
    sh(
        "ip route del default && ip address flush dev a0 && ip link add br0 type bridge && ip link set a_r master br0",
    );
    sh(
        "ip link add link a0 name a0.5 type vlan id 5 && ip link set a0.5 up && ip address add 10.7.5.1/24 dev a0.5",
    );
    sh("ip route add default via 10.7.5.9 dev a0.5");
    refused(
        file,
        &[
            "IN USE    netdev: vlan a0.5",
            "IN USE    representor: bridge br0",
            "LIFELINE  a0: the default route by a0.5",
            "--allow-lifeline subdev/nic0#a",
        ],
    );
    sh("ip link del a0.5; ip link del br0");
    // A container has it.
    sh("ip netns add pod && ip link set a0 netns pod");
    refused(file, &["IN USE    netdev: in another network namespace"]);
    subdevcfg(&["apply", file, "--yes", "--allow", "subdevice-restart", "--allow-in-use", "subdev/nic0#a"])
        .expect(0);
    delete_netns("pod");
    destroy();
}

#[test]
fn repetition_fights_another_owner() {
    fresh();
    let text = nic0(&a("58", "rate tx-max=\"1Gbit\"; ignore \"rate.tx-max\"; hand-over to=cni"));
    let file = host_file(&text);
    apply(file);
    sh(
        "port=$(devlink port show | sed -n 's/: .*sfnum 88 .*//p'); devlink port function rate set $port tx_max 2gbit",
    );
    sh("ip netns add pod && ip link set a0 netns pod && ip -n pod link set a0 name eth0 mtu 1300");
    let plan = subdevcfg(&["plan", file, "--detailed-exitcode"]).expect(0);
    for words in
        ["ACCEPTED   subdev/nic0#a.netdev", "rate tx-max is 2Gbit, 1Gbit was applied: left to others"]
    {
        assert!(plan.stdout.contains(words), "{words}: {}", plan.all());
    }
    apply(file);
    assert_eq!(sh("ip -n pod -br link show eth0 | wc -l"), "1");
    delete_netns("pod");
    destroy();
}

#[test]
fn a_driver_reset_is_taken_for_ordinary_drift() {
    fresh();
    let body = "param spoof_check #true; subdevice m { mdev type=eth; function mac=\"02:00:00:00:00:02\"; netdev m0; };";
    let file = host_file(&nic0(&format!("{body} {}", a("58", ""))));
    apply(file);
    let before = config();
    // By hand: drift.
    sh("ip link set a_r down");
    let plan = subdevcfg(&["plan", file]).expect(0);
    assert!(plan.stdout.contains("DRIFT") && !plan.stdout.contains("RESET"), "{}", plan.all());
    apply(file);
    // By the card, and by somebody's reload. What was made again is not in anybody's way.
    for (line, words) in [
        (
            "echo 1 > /sys/kernel/debug/subdev/nic0/reset",
            "RESET   subdev/nic0: its health was recovered once",
        ),
        ("devlink dev reload subdev/nic0", "RESET   subdev/nic0: it was reloaded once"),
    ] {
        sh(line);
        let plan = subdevcfg(&["plan", file]).expect(0);
        assert!(plan.stdout.contains(words) && !plan.stdout.contains("DRIFT"), "{words}: {}", plan.all());
        apply(file);
        assert_eq!(config(), before);
        assert!(!subdevcfg(&["plan", file]).expect(0).stdout.contains("RESET"));
    }
    destroy();
}

#[test]
fn numbers_and_uuids_move_after_a_reboot() {
    fresh();
    let body = "sf-numbers from=100 to=199; \
                subdevice a { sf; function mac=\"02:00:00:00:00:01\"; netdev a0; }; \
                subdevice m { mdev type=eth; function mac=\"02:00:00:00:00:02\"; netdev m0; }";
    let file = host_file(&nic0(body));
    apply(file);
    let before = config();
    // The devices and the record die with a kernel: as after a boot.
    fresh();
    apply(file);
    assert_eq!(config(), before);
    destroy();
}

#[test]
fn one_bad_subdevice_stops_all_others() {
    fresh();
    apply(host_file(&nic0("")));
    let file = host_file(&nic0(
        "subdevice a { sf 1; netdev a0; }; subdevice b { sf 2; netdev b0; }; subdevice c { sf 3; netdev c0; }",
    ));
    // The second activation fails.
    sh("echo 'activate 2 5' > /sys/kernel/debug/subdev/fail");
    let run = subdevcfg(&["apply", file, "--yes", "--on-error=continue"]).expect(4);
    sh("echo clear > /sys/kernel/debug/subdev/fail");
    assert!(run.stderr.contains("EIO") && run.stdout.contains("activate sf 2"), "{}", run.all());
    sh("ip link show a0 && ip link show c0");
    apply(file);
    destroy();
}

/// Keeps an instance busy for so many milliseconds. Nothing in the background has the output of the shell: who reads that to
/// its end would wait.
fn busy(parent: &str, milliseconds: u32) {
    sh(&format!(
        "(echo {milliseconds} > /sys/kernel/debug/subdev/{parent}/busy) >/dev/null 2>&1 & sleep 0.2"
    ));
}

/// A reload by others, firmware that hangs: what takes long is waited for; what takes longer is left out, and the rest is
/// planned and carried out.
#[test]
fn a_plan_hangs_on_a_busy_instance() {
    fresh();
    apply(host_file(&nic0(&a("58", ""))));
    busy("nic0", 500);
    let plan = subdevcfg(&["plan", "/tmp/host.kdl", "--detailed-exitcode"]).expect(0);
    assert!(plan.stdout.contains("Nothing to do"), "{}", plan.all());
    sh("echo other > /sys/bus/subdev/new_device");
    let both = format!("{}\ndevice \"subdev/other\" {{ eswitch mode=switchdev; }}", nic0(&a("59", "")));
    busy("other", 14_000);
    let plan = subdevcfg(&["plan", host_file(&both)]).expect(4);
    assert!(plan.stdout.contains("NOT READ   subdev/other: busy"), "{}", plan.all());
    let alone =
        if kernel_is_before(&sh("uname -r"), 6, 6) { "NOT READ   subdev/nic0: kernels" } else { "59" };
    assert!(plan.stdout.contains(alone), "{}", plan.all());
    sh("echo other > /sys/bus/subdev/del_device");
    destroy();
}
