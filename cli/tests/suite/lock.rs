//! One at a time: how long a command waits for another one that is changing the host.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::time::Duration;

use camino::Utf8PathBuf;
use subdevcfg_reconciler::store::{Lock, Turn};

use crate::run::{Host, host_with, snapshot};

const ONE: &str = "subdevice a { sf 1; }";

impl Host {
    /// Another one is changing the host, until this is dropped.
    fn lock(&self) -> Lock {
        let path = Utf8PathBuf::from_path_buf(self.path("host.json.lock")).unwrap();
        let turn = Turn { command: "subdevcfg apply other.kdl", patience: Duration::ZERO, waits: &|_| {} };
        Lock::take(&path, turn).unwrap()
    }

    fn is_locked(&self) -> bool {
        self.path("host.json.lock").exists()
    }
}

/// The one that holds the lock is this process.
fn without_process(text: &str) -> String {
    text.replace(&std::process::id().to_string(), "4711")
}

#[test]
fn who_lets_go_in_time_is_waited_for_and_told_of_once() {
    let host = Host::new();
    host.write("host.kdl", &host_with(ONE));
    let other = host.lock();
    let arguments = ["apply", "host.kdl", "--yes", "--lock-timeout", "10m"];
    let mut apply = host.start(&arguments, Stdio::null(), Stdio::piped());
    let mut lines = BufReader::new(apply.stderr.take().unwrap()).lines().map(Result::unwrap);
    let waits = lines.next().unwrap();
    snapshot("cli", "lock-waits", &without_process(&waits));
    assert!(!host.path("host.json").exists(), "nothing is read before the other one is done");
    drop(other);
    let rest: Vec<String> = lines.collect();
    assert!(!rest.contains(&waits), "{rest:#?}");
    assert_eq!(apply.wait().unwrap().code(), Some(0), "{rest:#?}");
    assert_eq!(host.plan(&host_with(ONE)).code, 0);
    assert!(!host.is_locked(), "nothing is left of it");
}

#[test]
fn who_does_not_want_to_wait_is_told_at_once_who_holds_it() {
    let host = Host::new();
    host.apply(&host_with(ONE));
    let before = host.simulated();
    let _other = host.lock();
    let at_once = |arguments: &[&str]| host.run(&[arguments, &["--lock-timeout", "0s"]].concat());
    let apply = at_once(&["apply", "host.kdl", "--yes"]);
    snapshot("cli", "lock-held", &without_process(&apply.all()));
    for arguments in [
        &["destroy", "--yes"][..],
        &["undo", "--yes"],
        &["confirm"],
        &["forget", "subdev/nic0#a"],
        &["import", "--adopt"],
        &["watch", "host.kdl", "--once"],
        &["watch", "host.kdl", "--once", "--allow", "none"],
    ] {
        let run = at_once(arguments);
        assert_eq!((run.code, run.stderr), (1, apply.stderr.clone()), "{arguments:?}");
    }
    assert_eq!(host.simulated(), before);
    // Who only looks asks nobody.
    assert_eq!(host.plan(&host_with(ONE)).code, 0);
}

#[test]
fn a_time_to_wait_that_is_none_is_wrong_use() {
    let host = Host::new();
    for (time, why) in [("soon", "a time is wanted: 0s, 60s, 5m, 1h30m"), ("-1s", "shorter than nothing")] {
        let run = host.run(&["confirm", &format!("--lock-timeout={time}")]);
        assert_eq!(run.code, 64, "{}", run.all());
        assert!(run.stderr.contains(why), "{}", run.all());
    }
    // Neither asks for the lock.
    for arguments in [&["watch", "host.kdl"][..], &["import"]] {
        let run = host.run(&[arguments, &["--lock-timeout", "1s"]].concat());
        assert_eq!(run.code, 64, "{}", run.all());
    }
}
