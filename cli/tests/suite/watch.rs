//! `watch` on a simulated host: what it reports, repairs and leaves, once and for as long as it runs.

use std::io::{BufRead as _, BufReader, Lines};
use std::process::{Child, ChildStdout, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use crate::run::{Host, Run, example, host_with, snapshot};

const TWO: &str = "subdevice a { sf 1; function mac=\"02:00:00:00:00:01\"; representor a_r up=#true; }
    subdevice b { sf 2; netdev b0 mtu=1400; representor b_r up=#true; }";

fn applied() -> Host {
    let host = Host::new();
    host.apply(&host_with(TWO));
    host
}

fn function(host: &mut Value, at: usize) -> &mut Value {
    &mut host["parents"]["nic0"]["functions"][at]
}

impl Host {
    fn take_down(&self, at: usize) {
        self.edit_at_once(|host| function(host, at)["representor"]["up"] = json!(false));
    }

    fn is_up(&self, at: usize) -> bool {
        function(&mut self.simulated(), at)["representor"]["up"] == json!(true)
    }

    /// As `edit`, for files that somebody may be reading.
    fn edit_at_once(&self, change: impl FnOnce(&mut Value)) {
        let mut host = self.simulated();
        change(&mut host);
        self.write("host.json.new", &host.to_string());
        std::fs::rename(self.path("host.json.new"), self.path("host.json")).unwrap();
    }

    fn look_once(&self, options: &[&str]) -> Run {
        self.run(&[&["watch", "host.kdl", "--once"], options].concat())
    }

    /// Watches until the test has seen enough.
    fn watch(&self, options: &[&str]) -> Watching {
        let arguments = [&["watch", "host.kdl", "--every", "20ms"], options].concat();
        let mut child = self.start(&arguments, Stdio::piped(), Stdio::null());
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Watching { child, lines }
    }
}

struct Watching {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Watching {
    /// The next line that it says, however long that takes.
    fn next(&mut self) -> String {
        self.lines.next().unwrap().unwrap()
    }

    fn tell(&self, signal: Signal) {
        kill(Pid::from_raw(i32::try_from(self.child.id()).unwrap()), signal).unwrap();
    }

    /// Ends it; what it said that nobody asked for.
    fn end(mut self) -> Vec<String> {
        self.tell(Signal::SIGTERM);
        let rest = self.lines.by_ref().map(Result::unwrap).collect();
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
        rest
    }
}

impl Drop for Watching {
    /// A test that fails leaves nothing behind.
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[test]
fn a_host_that_is_as_its_file_says_is_not_worth_a_word() {
    let host = applied();
    let run = host.look_once(&[]);
    assert_eq!(run.all(), "exit code: 0\n----- stdout\n----- stderr\n");
}

#[test]
fn what_was_never_made_is_no_drift_and_only_some_of_many_are_told_to_people() {
    let host = Host::new();
    host.write("host.kdl", &host_with(TWO));
    snapshot("cli", "watch-nothing-there", &host.look_once(&[]).all());
    let many: Vec<String> = (10..40).map(|n| format!("subdevice m{n} {{ sf {n}; }}")).collect();
    let many = host_with(&many.join("; ")).replace("max-subdevices=4", "max-subdevices=64");
    host.write("host.kdl", &many);
    let run = host.look_once(&[]);
    assert_eq!(run.stdout.lines().count(), 21);
    assert!(run.stdout.ends_with("           ... and 11 more (subdevcfg plan shows all)\n"), "{}", run.all());
    assert_eq!(host.look_once(&["--log-format", "json"]).stdout.lines().count(), 31);
    let done = host.look_once(&["--allow", "none"]);
    assert_eq!(done.code, 0, "{}", done.all());
    assert!(done.stdout.contains("subdev/nic0#m14 and 25 more: "), "{}", done.all());
}

#[test]
fn drift_is_reported_and_repaired_where_that_is_allowed() {
    let host = applied();
    host.take_down(0);
    host.edit(|host| {
        let b = function(host, 1);
        b["netdev"]["mtu"] = json!(1300);
        b["params"]["reported"]["enable_eth"] = json!(false);
        b["params"]["in_force"]["enable_eth"] = json!(false);
    });
    snapshot("cli", "watch-drift", &host.look_once(&[]).all());
    assert!(!host.is_up(0));
    snapshot("cli", "watch-drift-in-part", &host.look_once(&["--allow", "traffic"]).all());
    assert!(host.is_up(0));
    let all = host.look_once(&["--allow", "subdevice-restart"]);
    assert_eq!(all.code, 0, "{}", all.all());
    assert_eq!(host.plan(&host_with(TWO)).code, 0);
    // It is remembered as any apply, and undone as one.
    let undone = host.run(&["undo", "--yes", "--allow", "subdevice-restart"]);
    assert_eq!(undone.code, 0, "{}", undone.all());
    assert!(undone.stdout.contains("undo   watch 3 of"), "{}", undone.all());
    assert_eq!(function(&mut host.simulated(), 1)["params"]["in_force"]["enable_eth"], json!(false));
}

#[test]
fn what_is_in_use_is_left_whatever_is_allowed() {
    let host = applied();
    host.edit(|host| {
        let a = function(host, 0);
        a["mac"] = json!("02:00:00:00:00:77");
        a["representor"]["users"] = json!([{ "upper": { "kind": "bond", "name": "bond0" } }]);
    });
    snapshot("cli", "watch-in-use", &host.look_once(&["--allow", "parent-wide"]).all());
}

#[test]
fn a_reset_is_told_from_drift_and_repaired_with_restore() {
    let host = applied();
    host.edit(|host| {
        let nic0 = &mut host["parents"]["nic0"];
        nic0["mode"] = json!("legacy");
        nic0["functions"] = json!([]);
        nic0["restarts"]["recoveries"] = json!(1);
    });
    snapshot("cli", "watch-reset", &host.look_once(&["--allow", "parent-wide"]).all());
    // Whoever has got an address on it in the meantime goes first.
    let used_by = |users: Value| {
        host.edit(|host| {
            let uplink = &mut host["parents"]["nic0"]["uplink"];
            uplink["up"] = json!(users != json!([]));
            uplink["users"] = users;
        });
    };
    used_by(json!([{ "addresses": ["10.0.0.1/24"] }]));
    snapshot("cli", "watch-reset-in-use", &host.look_once(&["--restore"]).all());
    used_by(json!([]));
    snapshot("cli", "watch-reset-restored", &host.look_once(&["--restore"]).all());
    assert_eq!(host.plan(&host_with(TWO)).code, 0);
}

#[test]
fn a_device_that_is_not_there_is_waited_for_and_the_rest_is_done() {
    let host = Host::new();
    let later = "device \"subdev/later\" { eswitch mode=switchdev; }";
    host.write("host.kdl", &format!("{}{later}\n", host_with(TWO)));
    snapshot("cli", "watch-late-device", &host.look_once(&["--allow", "none", "--wait", "1ms"]).all());
    assert!(host.is_up(0));
}

#[test]
fn what_is_refused_does_not_keep_the_rest_from_being_done() {
    let host = applied();
    host.take_down(1);
    host.edit(|host| {
        // Somebody else's interface has the name.
        function(host, 0)["representor"]["name"] = json!("eth7");
        function(host, 0)["representor"]["renamed"] = json!(false);
        host["parents"]["nic0"]["uplink"]["name"] = json!("a_r");
    });
    let run = host.look_once(&["--allow", "traffic"]);
    snapshot("cli", "watch-refused", &run.all());
    assert!(host.is_up(1));
}

#[test]
fn after_three_boots_that_ended_in_an_apply_it_only_reports() {
    let host = applied();
    host.take_down(0);
    host.edit(|host| {
        let past = host["history"][0].clone();
        let unfinished = ["one", "two", "three"].map(|boot| {
            let mut past = past.clone();
            past.as_object_mut().unwrap().shift_remove("end");
            past["before"]["volatile"]["boot_id"] = json!(boot);
            past
        });
        host["history"] = json!(unfinished);
    });
    snapshot("cli", "watch-boots", &host.look_once(&["--allow", "traffic"]).all());
    assert!(!host.is_up(0));
    // An apply by hand takes it back.
    host.apply(&host_with(TWO));
    host.take_down(0);
    assert_eq!(host.look_once(&["--allow", "traffic"]).code, 0);
}

#[test]
fn what_was_undone_is_not_repaired_until_somebody_says_so() {
    let host = applied();
    host.write("host.kdl", &host_with(&TWO.replace("a_r up=#true", "a_r up=#false")));
    host.run(&["apply", "host.kdl", "--yes"]);
    let undone = host.run(&["undo", "--yes"]);
    assert_eq!(undone.code, 0, "{}", undone.all());
    snapshot("cli", "watch-undone", &host.look_once(&["--allow", "traffic"]).all());
    assert!(host.is_up(0));
    let mut watching = host.watch(&["--allow", "traffic"]);
    watching.next();
    assert!(watching.next().starts_with("DIFFERS    subdev/nic0#a"));
    assert!(watching.next().starts_with("TROUBLE    the last change was undone, so nothing is repaired"));
    watching.tell(Signal::SIGHUP);
    assert_eq!(watching.next(), "REREAD     host.kdl");
    assert!(watching.next().starts_with("REPAIRED   subdev/nic0#a"));
    assert_eq!(watching.end(), [""; 0]);
    assert!(!host.is_up(0));
}

#[test]
fn it_tells_what_changes_while_it_runs_and_each_thing_once() {
    let host = applied();
    let mut watching = host.watch(&[]);
    assert_eq!(watching.next(), "WATCHING   host.kdl (simulated in host.json): it only reports");
    host.take_down(0);
    let drift = "subdev/nic0#a.representor.up: false seen, true was applied";
    assert_eq!(watching.next(), format!("DRIFT      {drift}"));
    host.take_down(1);
    assert_eq!(watching.next(), "DRIFT      subdev/nic0#b.representor.up: false seen, true was applied");
    host.edit_at_once(|host| function(host, 0)["representor"]["up"] = json!(true));
    assert_eq!(watching.next(), format!("SETTLED    {drift}"));
    assert_eq!(watching.end(), [""; 0]);
}

#[test]
fn a_file_that_becomes_wrong_is_as_if_it_had_not_changed() {
    let host = applied();
    let mut watching = host.watch(&[]);
    watching.next();
    host.write("host.kdl", "nonsense {");
    watching.tell(Signal::SIGHUP);
    assert_eq!(
        watching.next(),
        "TROUBLE    host.kdl has 4 errors (nothing was changed); what the file said before still counts"
    );
    host.take_down(0);
    assert!(watching.next().starts_with("DRIFT      subdev/nic0#a.representor.up"));
    host.write("host.kdl", &host_with(&TWO.replace("a_r up=#true", "a_r up=#false")));
    watching.tell(Signal::SIGHUP);
    assert_eq!(watching.next(), "REREAD     host.kdl");
    assert!(watching.next().starts_with("SETTLED    subdev/nic0#a.representor.up"));
    assert_eq!(watching.end(), [""; 0]);
}

#[test]
fn a_host_that_cannot_be_seen_is_told_once_and_seen_again() {
    let host = applied();
    let mut watching = host.watch(&[]);
    watching.next();
    let whole = std::fs::read_to_string(host.path("host.json")).unwrap();
    host.write("broken", "{");
    std::fs::rename(host.path("broken"), host.path("host.json")).unwrap();
    let trouble = watching.next();
    assert!(trouble.starts_with("TROUBLE    host.json is no simulated host: EOF"), "{trouble}");
    host.write("whole", &whole);
    std::fs::rename(host.path("whole"), host.path("host.json")).unwrap();
    assert_eq!(watching.next(), trouble.replace("TROUBLE ", "OVER    "));
    assert_eq!(watching.end(), [""; 0]);
}

#[test]
fn what_is_put_back_again_and_again_is_a_fight() {
    let host = applied();
    let mut watching = host.watch(&["--allow", "traffic", "--metrics", "metrics.prom"]);
    watching.next();
    for number in 2..5 {
        host.take_down(0);
        assert!(watching.next().starts_with("DRIFT      subdev/nic0#a.representor.up"));
        let repaired = format!("REPAIRED   subdev/nic0#a: 1 operation, number {number} in the history");
        assert_eq!(watching.next(), repaired);
    }
    host.take_down(0);
    assert!(watching.next().starts_with("DRIFT      "));
    let fight = watching.next();
    let known =
        "FIGHTING   subdev/nic0#a.representor.up was put back 3 times in 10 minutes, and is not any more: ";
    assert!(fight.starts_with(known), "{fight}");
    // Others are repaired still.
    host.take_down(1);
    assert!(watching.next().starts_with("DRIFT      subdev/nic0#b.representor.up"));
    assert!(watching.next().starts_with("REPAIRED   subdev/nic0#b"));
    assert!(!host.is_up(0));
    assert_eq!(watching.end(), [""; 0]);
    let metrics = std::fs::read_to_string(host.path("metrics.prom")).unwrap();
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(r"(looks_total|timestamp_seconds) \d+", "$1 N");
    settings.bind(|| snapshot("cli", "watch-metrics", &metrics));
}

#[test]
fn programs_get_an_object_a_line() {
    let host = applied();
    host.take_down(0);
    let run = host.look_once(&["--allow", "traffic", "--log-format", "json"]);
    let lines: Vec<Value> = run.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2, "{}", run.all());
    assert!(lines.iter().all(|line| line["at"].as_str().unwrap().ends_with('Z')));
    let mut drift = lines[0].clone();
    drift.as_object_mut().unwrap().shift_remove("at");
    let wanted = json!({ "event": "found", "finding": "drift", "address": "subdev/nic0#a.representor.up",
        "applied": "true", "found": "false" });
    assert_eq!(drift, wanted);
    assert_eq!((&lines[1]["event"], &lines[1]["operations"]), (&json!("repaired"), &json!(1)));
}

#[test]
fn report_and_allow_contradict_each_other() {
    let host = Host::new();
    host.write("host.kdl", &example("quickstart.kdl"));
    for options in [["--report", "--restore"].as_slice(), &["--report", "--allow", "none"]] {
        assert_eq!(host.look_once(options).code, 64);
    }
    assert_eq!(host.run(&["watch", "host.kdl", "--wait", "5s"]).code, 64);
}
