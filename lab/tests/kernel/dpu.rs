//! Subfunctions for the host that a DPU is in, which the module plays.

use serde_json::Value;

use crate::guest::{apply, config, destroy, example, fresh, host_file, json, sh, share_with, subdevcfg};

/// The port of a subfunction of the other host, as devlink has it.
fn port(number: u32) -> Value {
    let ports = json("devlink -j port show");
    let ports = ports["port"].as_object().unwrap();
    let is_it = |port: &&Value| port["controller"] == 1 && port["sfnum"] == number;
    ports.values().find(is_it).cloned().unwrap_or_default()
}

#[test]
fn they_are_made_here_and_run_there() {
    fresh();
    let before = config();
    share_with("2");
    let text = example("dpu-sfs.kdl");
    apply(host_file(&text));
    let made = port(88);
    assert_eq!(made["netdev"], "guest0_r", "{made}");
    let function = &made["function"];
    assert_eq!((&function["state"], &function["opstate"]), (&"active".into(), &"attached".into()), "{made}");
    assert_eq!(sh("cat /sys/bus/auxiliary/devices/subdev.sf.*/sfnum"), "88", "the DPU's own");

    // Somebody writes its limit; and the other host comes and goes.
    let handle =
        sh("devlink port show | grep -o '^subdev/nic0/[0-9]*: .*controller 1 .*sfnum 88' | cut -d: -f1");
    sh(&format!("devlink port function rate set {handle} tx_max 1gbit"));
    share_with("1");
    let drifted = subdevcfg(&["plan", host_file(&text), "--detailed-exitcode"]).expect(2);
    assert!(drifted.stdout.contains("DRIFT") && drifted.stdout.contains("rate.tx-max"), "{}", drifted.all());
    apply(host_file(&text));

    // What it has to stop for is felt there.
    share_with("2");
    let changed = text.replace("0d:01:00\"", "0d:01:01\"");
    let arguments = ["apply", host_file(&changed), "--yes", "--allow", "subdevice-restart"];
    let refused = subdevcfg(&arguments).expect(3);
    assert!(refused.stdout.contains("IN USE    attached on the host of controller 1\n"), "{}", refused.all());
    subdevcfg(&[&arguments[..], &["--allow-in-use", "subdev/nic0#guest0"]].concat()).expect(0);
    assert_eq!(port(88)["function"]["hw_addr"], "02:00:00:0d:01:01");
    assert_eq!(port(88)["function"]["state"], "active");

    // Where nobody has them, nobody is asked.
    share_with("1");
    apply(host_file(&changed.replace("sf 89", "sf 90")));
    assert_eq!((port(89), &port(90)["function"]["opstate"]), (Value::Null, &"detached".into()));
    destroy();
    share_with("0");
    assert_eq!(config(), before);
}

#[test]
fn without_another_host_the_kernel_refuses_them() {
    fresh();
    let before = config();
    let refused = subdevcfg(&["apply", host_file(&example("dpu-sfs.kdl")), "--yes"]).expect(1);
    assert!(refused.stderr.contains("Only controller 0 exists"), "{}", refused.all());
    assert_eq!(config(), before);
}
