//! `watch` on a real kernel. It looks by itself once an hour only, so whatever it tells in time it has heard of.

use std::io::{BufRead as _, BufReader, Lines};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use camino::Utf8Path;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use subdevcfg_reconciler::store::{Lock, Turn};

use crate::guest::{apply, config, destroy, fresh, host_file, sh, subdevcfg, subdevcfg_as_nobody};

const METRICS: &str = "/tmp/metrics.prom";

const FAIL: &str = "/sys/kernel/debug/subdev/fail";

fn nic0(create: &str, body: &str) -> String {
    format!(
        "subdevcfg version=1\nhost \"*\"\ndevice \"subdev/nic0\" {{ {create} eswitch mode=switchdev; {body} }}\n"
    )
}

const TWO: &str =
    "subdevice a { sf 88; function mac=\"02:00:00:00:00:58\"; netdev a0 up=#true; representor a_r up=#true; }
    subdevice b { sf 89; function mac=\"02:00:00:00:00:59\"; representor b_r up=#true; }";

/// A host that is as its file says, and the file.
fn applied() -> &'static str {
    fresh();
    let file = host_file(&nic0("create max-subdevices=8;", TWO));
    apply(file);
    file
}

/// A watcher that runs until the test has seen enough.
struct Watching {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Watching {
    fn new(file: &str, options: &[&str]) -> Self {
        let mut child = Command::new("subdevcfg")
            .args(["watch", file, "--every", "1h", "--metrics", METRICS])
            .args(options)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut watching = Self { child, lines };
        watching.says("WATCHING ");
        watching
    }

    /// The next line, which has to begin so.
    #[track_caller]
    fn says(&mut self, start: &str) -> String {
        let line = self.lines.next().unwrap().unwrap();
        assert!(line.starts_with(start), "{line} is not {start}");
        line
    }

    fn tell(&self, signal: Signal) {
        kill(Pid::from_raw(i32::try_from(self.child.id()).unwrap()), signal).unwrap();
    }

    /// Ends it; it had nothing more to say.
    #[track_caller]
    fn end(mut self) {
        self.tell(Signal::SIGTERM);
        let rest: Vec<String> = self.lines.by_ref().map(Result::unwrap).collect();
        assert_eq!(rest, [""; 0]);
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A number of the metrics.
#[track_caller]
fn metric(name: &str) -> u64 {
    sh(&format!("grep '^{name} ' {METRICS} | cut -d' ' -f2")).parse().unwrap()
}

const A_DRIFT: &str = "DRIFT      subdev/nic0#a.representor.up: false seen, true was applied";
const B_DRIFT: &str = "DRIFT      subdev/nic0#b.representor.up: false seen, true was applied";

#[test]
fn drift_is_heard_and_only_reported() {
    let file = applied();
    let mut watching = Watching::new(file, &[]);
    // Before the first look or after it: it is told once.
    sh("ip link set a_r down");
    watching.says(A_DRIFT);
    sh("ip link set a_r up");
    watching.says("SETTLED    subdev/nic0#a.representor.up");
    // A function that somebody deletes is a notification of devlink.
    let port = sh("devlink port show | sed -n 's/^\\([^ ]*\\): .*sfnum 89.*/\\1/p'");
    sh(&format!("devlink port del {port}"));
    watching.says("DRIFT      subdev/nic0#b: gone seen, present was applied");
    watching.end();
    assert!(!sh("devlink port show").contains("sfnum 89"));
    destroy();
}

#[test]
fn drift_is_repaired_and_the_repair_is_no_reason_to_look_again_and_again() {
    let file = applied();
    let before = config();
    let mut watching = Watching::new(file, &["--allow", "traffic"]);
    for line in [A_DRIFT, B_DRIFT, A_DRIFT] {
        let (name, address) =
            if line == A_DRIFT { ("a_r", "subdev/nic0#a") } else { ("b_r", "subdev/nic0#b") };
        sh(&format!("ip link set {name} down"));
        watching.says(line);
        watching.says(&format!("REPAIRED   {address}: 1 operation"));
    }
    watching.end();
    assert_eq!(config(), before);
    // The first look; then for each drift the one that finds it and the one after the repair.
    assert!(metric("subdevcfg_watch_looks_total") <= 7, "{}", metric("subdevcfg_watch_looks_total"));
    assert_eq!(metric("subdevcfg_watch_operations_total"), 3);
    destroy();
}

#[test]
fn a_storm_of_events_is_no_storm_of_work() {
    let file = applied();
    let mut watching = Watching::new(file, &[]);
    let storm: Vec<String> = (0..3000).map(|n| format!("link set a_r alias storm{n}\n")).collect();
    std::fs::write("/tmp/storm", storm.concat()).unwrap();
    sh("ip -batch /tmp/storm && ip link set a_r down");
    watching.says(A_DRIFT);
    watching.end();
    let (looks, events) = (metric("subdevcfg_watch_looks_total"), metric("subdevcfg_watch_events_total"));
    assert!(events >= 3000, "{events} events");
    assert!(looks < events / 20, "{looks} looks for {events} events");
    destroy();
}

#[test]
fn a_reset_is_told_from_drift_and_made_good_with_restore_only() {
    let file = applied();
    let before = config();
    let mut watching = Watching::new(file, &["--allow", "parent-wide"]);
    sh("echo 1 > /sys/kernel/debug/subdev/nic0/reset");
    watching.says("RESET      subdev/nic0: its health was recovered once since the last apply");
    watching.says("LEFT       subdev/nic0: what a reset took");
    watching.end();
    assert_ne!(config(), before);
    let mut watching = Watching::new(file, &["--restore"]);
    watching.says("RESET      subdev/nic0: its health was recovered once since the last apply");
    watching.says("REPAIRED   subdev/nic0, subdev/nic0#a, subdev/nic0#b: ");
    sh("devlink dev reload subdev/nic0");
    watching.says("RESET      subdev/nic0: it was reloaded once since the last apply");
    watching.says("REPAIRED   subdev/nic0");
    watching.end();
    assert_eq!(config(), before);
    destroy();
}

#[test]
fn a_device_that_comes_late_is_set_up_when_it_comes() {
    fresh();
    let file = host_file(&nic0("", TWO));
    let mut watching = Watching::new(file, &["--allow", "none"]);
    watching.says("DEFERRED   subdev/nic0");
    sh("echo nic0 > /sys/bus/subdev/new_device");
    // It may be seen while it is half there: what counts is the end.
    while !watching.says("").starts_with("REPAIRED   ") {}
    watching.end();
    subdevcfg(&["plan", file, "--detailed-exitcode"]).expect(0);
    destroy();
}

#[test]
fn what_fails_keeps_nothing_else_and_is_tried_again() {
    fresh();
    let file = host_file(&nic0("create max-subdevices=8;", TWO));
    sh(&format!("echo 'port_add 1 5' > {FAIL}"));
    let mut watching = Watching::new(file, &["--allow", "none"]);
    while !watching.says("").starts_with("FAILED     operation 3 failed: create sf 88 on subdev/nic0: EIO") {}
    sh(&format!("echo clear > {FAIL}"));
    // Later by itself; at once when somebody has looked after it.
    assert!(sh("devlink port show").contains("sfnum 89"));
    watching.tell(Signal::SIGHUP);
    while !watching.says("").starts_with("REPAIRED   subdev/nic0#a: ") {}
    watching.end();
    assert_eq!(
        sh(&format!("grep 'failures_total{{' {METRICS}")),
        "subdevcfg_watch_failures_total{address=\"subdev/nic0#a\"} 1"
    );
    destroy();
}

#[test]
fn while_somebody_else_changes_the_host_it_waits() {
    let file = applied();
    let turn = Turn { command: "subdevcfg apply", patience: Duration::ZERO, waits: &|_| {} };
    let lock = Lock::take_in(Utf8Path::new("/run/subdevcfg"), turn).unwrap();
    let mut watching = Watching::new(file, &["--allow", "traffic"]);
    let waits = watching.says("WAITING    process ");
    assert!(waits.contains("(`subdevcfg apply`) is changing this host"), "{waits}");
    sh("ip link set a_r down");
    drop(lock);
    watching.says(A_DRIFT);
    watching.says("REPAIRED   subdev/nic0#a");
    watching.end();
    destroy();
}

#[test]
fn without_privilege_it_reports_what_it_can_see() {
    let file = applied();
    let run = subdevcfg_as_nobody(&["watch", file, "--once"]).expect(4);
    assert!(run.stdout.contains("NOT READ   subdev/nic0 eswitch"), "{}", run.all());
    let run = subdevcfg_as_nobody(&["watch", file, "--once", "--allow", "none"]).expect(1);
    assert!(run.stderr.contains("/run/subdevcfg/lock"), "{}", run.all());
    destroy();
}
