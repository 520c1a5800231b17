//! Running things in the guest.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

/// How a run of subdevcfg ended.
pub struct Run {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Run {
    fn of(output: &Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Everything, for messages of failed tests.
    pub fn all(&self) -> String {
        format!("exit code {:?}\n{}\n{}", self.code, self.stdout, self.stderr)
    }

    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}", self.all());
        self
    }
}

/// Runs a shell line in the guest and returns its output, trimmed; panics with stderr if it fails.
#[track_caller]
pub fn sh(line: &str) -> String {
    let run = Run::of(&Command::new("sh").args(["-c", line]).output().unwrap());
    assert_eq!(run.code, Some(0), "{line}: {}", run.all());
    run.stdout.trim().to_owned()
}

/// The output of a command that prints JSON.
#[track_caller]
pub fn json(line: &str) -> Value {
    let text = sh(line);
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{line}: {error}: {text}"))
}

/// Deletes a network namespace, and waits until its interfaces are back: the kernel brings them later (`cleanup_net`).
#[track_caller]
pub fn delete_netns(name: &str) {
    let elsewhere = r#"[.port[] | select(.type == "eth" and .netdev == null)] | length > 0"#;
    sh(&format!(
        "ip netns del {name}; while devlink -j port show | jq -e '{elsewhere}' >/dev/null; do usleep 20000; done"
    ));
}

pub fn subdevcfg(arguments: &[&str]) -> Run {
    Run::of(&Command::new("subdevcfg").args(arguments).output().unwrap())
}

/// The same without privilege.
pub fn subdevcfg_as_nobody(arguments: &[&str]) -> Run {
    use std::os::unix::process::CommandExt as _;
    Run::of(&Command::new("subdevcfg").args(arguments).uid(65534).gid(65534).output().unwrap())
}

/// Writes a host file and returns its path.
pub fn host_file(text: &str) -> &'static str {
    std::fs::write("/tmp/host.kdl", text).unwrap();
    "/tmp/host.kdl"
}

pub fn example(name: &str) -> String {
    std::fs::read_to_string(Path::new("/lab/examples").join(name)).unwrap()
}

/// Whether this is the debug kernel, which is five to ten times slower.
pub fn on_the_debug_kernel() -> bool {
    std::env::var("SUBDEVCFG_KERNEL").is_ok_and(|kernel| kernel == "debug")
}

pub const QUICKSTART: &str = "/lab/examples/quickstart.kdl";

/// Applies a file and expects that the next plan is empty.
#[track_caller]
pub fn apply(file: &str) {
    subdevcfg(&["apply", file, "--yes", "--allow", "parent-wide"]).expect(0);
    let plan = subdevcfg(&["plan", file, "--detailed-exitcode"]).expect(0);
    assert!(plan.stdout.contains("Nothing to do"), "{}", plan.all());
}

#[track_caller]
pub fn destroy() {
    subdevcfg(&["destroy", "--yes", "--allow", "parent-wide"]).expect(0);
}

/// A host without parents, whatever the test before left behind.
pub fn fresh() {
    for parent in sh("ls /sys/bus/subdev/devices").split_whitespace() {
        sh(&format!("echo {parent} > /sys/bus/subdev/del_device"));
    }
    sh("rm -rf /run/subdevcfg /var/lib/subdevcfg/history");
    share_with("0");
}

/// What the other host of a DPU does: nothing at all (0), nothing with what is made for it (1), or it takes it up (2).
pub fn share_with(other_host: &str) {
    std::fs::write("/sys/kernel/debug/subdev/other_host", other_host).unwrap();
}

/// The addresses that a plan changes, with what happens to each.
#[track_caller]
pub fn changes(file: &str) -> Vec<(String, String)> {
    let plan = subdevcfg(&["plan", file, "--format", "json"]).expect(0);
    let plan: Value = serde_json::from_str(&plan.stdout).unwrap();
    plan["resource_changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| (change["address"].as_str().unwrap().to_owned(), change["actions"].to_string()))
        .filter(|(_, actions)| actions != "[\"no-op\"]")
        .collect()
}

/// The config fields of the state.
#[track_caller]
pub fn config() -> Value {
    let state = subdevcfg(&["state", "--format", "json"]).expect(0);
    let mut state = serde_json::from_str(&state.stdout).unwrap();
    drop_volatile(&mut state);
    state
}

fn drop_volatile(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.remove("volatile");
            fields.values_mut().for_each(drop_volatile);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_volatile),
        _ => {}
    }
}
