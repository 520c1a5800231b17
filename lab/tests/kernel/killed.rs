//! An apply that is told to end from outside. Those that are killed are in `examples`.

use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::guest::{QUICKSTART, config, destroy, fresh, sh, subdevcfg};

/// A run of the tool in the background, far enough to have made something.
fn running() -> Child {
    sh("echo 'activate 400' > /sys/kernel/debug/subdev/delay");
    let child = Command::new("subdevcfg")
        .args(["apply", QUICKSTART, "--yes"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    sh("until grep -q activate /run/subdevcfg/record.log 2>/dev/null; do usleep 20000; done");
    child
}

fn tell(child: &Child, signal: Signal) {
    kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), signal).unwrap();
}

#[test]
fn told_to_end_it_undoes_what_it_did() {
    // The second is what a terminal says when it goes: the kernel and the shell, one after the other.
    told_to_end(&[Signal::SIGTERM]);
    told_to_end(&[Signal::SIGHUP, Signal::SIGHUP]);
}

fn told_to_end(signals: &[Signal]) {
    fresh();
    let before = config();
    let child = running();
    for signal in signals {
        tell(&child, *signal);
    }
    let output = child.wait_with_output().unwrap();
    sh("echo clear > /sys/kernel/debug/subdev/delay");
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("the apply was told to end before operation"), "{text}");
    assert_eq!(config(), before);
}

#[test]
fn told_twice_it_ends_at_once_and_the_next_run_goes_on() {
    fresh();
    let before = config();
    let mut child = running();
    // Two different ones: while the kernel is busy with a request, a signal that comes twice is one.
    tell(&child, Signal::SIGINT);
    tell(&child, Signal::SIGTERM);
    assert!(child.wait().unwrap().signal().is_some(), "either of them may have come second");
    sh("echo clear > /sys/kernel/debug/subdev/delay");
    let plan = subdevcfg(&["plan", QUICKSTART]).expect(0);
    assert!(plan.stdout.contains("the last apply was killed at operation"), "{}", plan.all());
    assert!(!plan.stdout.contains("DRIFT"), "{}", plan.all());
    subdevcfg(&["apply", QUICKSTART, "--yes", "--allow", "subdevice-restart"]).expect(0);
    destroy();
    assert_eq!(config(), before);
}
