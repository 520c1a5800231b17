//! Going back on a real kernel: `undo`, and `--confirm-within` after the apply itself is gone.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::guest::{apply, config, fresh, host_file, sh, subdevcfg};

const NORTH: &str = "subdevcfg version=1\nhost \"*\"\ndevice \"subdev/nic0\" { create max-subdevices=8; eswitch \
                     mode=switchdev; rate-node gold tx-max=\"2Gbit\"; \
                     subdevice a { sf 88; function mac=\"02:00:00:00:00:58\"; rate tx-max=\"1Gbit\" parent=gold; \
                     param queues 2; netdev a0 up=#true; representor a_r mtu=1400 up=#true; }; BODY }\n";

fn north(body: &str) -> &'static str {
    host_file(&NORTH.replace("BODY", body))
}

#[test]
fn an_apply_and_a_destroy_are_undone() {
    fresh();
    let empty = config();
    apply(north("subdevice m { mdev type=eth; netdev m0 up=#true; }"));
    let first = config();
    // Everything changes: a value of each kind, a function and a rate node go, others come, the eswitch's mode.
    let other = NORTH.replace("eswitch mode=switchdev", "eswitch mode=legacy").replace("BODY", "");
    let legacy = other.split("rate-node").next().unwrap().to_owned() + "subdevice n { mdev type=eth; } }\n";
    apply(host_file(&legacy));
    assert_ne!(config(), first);
    subdevcfg(&["undo", "--yes", "--allow", "parent-wide"]).expect(0);
    assert_eq!(config(), first);
    let plan = subdevcfg(&[
        "plan",
        north("subdevice m { mdev type=eth; netdev m0 up=#true; }"),
        "--detailed-exitcode",
    ]);
    assert!(plan.expect(0).stdout.contains("Nothing to do"));
    subdevcfg(&["destroy", "--yes", "--allow", "parent-wide"]).expect(0);
    assert_eq!(config(), empty);
    subdevcfg(&["undo", "--yes"]).expect(0);
    assert_eq!(config(), first);
    subdevcfg(&["undo", "--yes", "--allow", "parent-wide"]).expect(0);
    assert_eq!(config(), empty);
}

/// Waits until the host is so again; however slow the machine is.
fn wait_for(config_before: &serde_json::Value) {
    let start = Instant::now();
    while config() != *config_before {
        assert!(
            start.elapsed() < Duration::from_mins(3),
            "it was not undone: {}",
            subdevcfg(&["history"]).all()
        );
        std::thread::sleep(Duration::from_millis(200));
    }
}

#[test]
fn what_nobody_confirms_is_undone_although_the_apply_was_killed() {
    fresh();
    apply(north(""));
    let before = config();
    let file = north("subdevice b { sf 90; netdev b0 up=#true; }");
    sh("echo 'activate 1000' > /sys/kernel/debug/subdev/delay");
    // In a session of its own, as on a terminal, which is gone afterwards with all that is on it.
    let mut child = Command::new("setsid")
        .args(["sh", "-c", &format!("exec subdevcfg apply {file} --yes --confirm-within 2s")])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    sh("until grep -q activate /run/subdevcfg/record.log 2>/dev/null; do usleep 20000; done");
    sh(&format!("kill -KILL -{}", child.id()));
    child.wait().unwrap();
    sh("echo clear > /sys/kernel/debug/subdev/delay");
    wait_for(&before);
    let plan = subdevcfg(&["plan", north(""), "--detailed-exitcode"]).expect(0);
    assert!(plan.stdout.contains("Nothing to do") && !plan.stdout.contains("KILLED"), "{}", plan.all());
    let history = subdevcfg(&["history"]).expect(0);
    assert!(history.stdout.contains("unfinished") && history.stdout.contains("undo"), "{}", history.all());
    subdevcfg(&["confirm"]).expect(1);
}

#[test]
fn an_apply_that_is_not_done_in_time_is_told_to_end() {
    fresh();
    apply(north(""));
    let before = config();
    sh("echo 'activate 1500' > /sys/kernel/debug/subdev/delay");
    let file = north(
        "subdevice b { sf 90; }; subdevice c { sf 91; }; subdevice d { sf 92; }; subdevice e { sf 93; }",
    );
    let run = subdevcfg(&["apply", file, "--yes", "--confirm-within", "1s"]).expect(1);
    sh("echo clear > /sys/kernel/debug/subdev/delay");
    assert!(
        run.stderr.contains("was told to end") && run.stdout.contains("Everything was undone"),
        "{}",
        run.all()
    );
    assert_eq!(config(), before);
    // It was undone by itself: nothing waits for anything.
    apply(north("subdevice b { sf 90; }"));
    apply(north(""));
}

#[test]
fn a_time_that_is_over_at_once_ends_the_apply_in_order() {
    fresh();
    apply(north(""));
    let before = config();
    for _ in 0..6 {
        let run = subdevcfg(&["apply", north("subdevice b { sf 90; }"), "--yes", "--confirm-within", "1ms"]);
        // How far it comes in that time nobody can say: it is told to end before one of its operations, or is done
        // before that and undone by the other process.
        let told = run.code == Some(1) && run.stderr.contains("was told to end before operation");
        assert!(told || run.code == Some(0), "{:?}: {}", run.code, run.all());
        wait_for(&before);
    }
}
