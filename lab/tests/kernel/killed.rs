//! An apply that is ended from outside: told to, or killed between any two of its operations.

use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use camino::Utf8Path;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use subdevcfg_compiler::compile;
use subdevcfg_compiler::source::SourceLoader;
use subdevcfg_reconciler::apply::{Apply, OnError, Progress, apply};
use subdevcfg_reconciler::desired::Desired;
use subdevcfg_reconciler::kernel::{DeviceAttributes, Effect, Kernel, ObserveError, Request, RequestError};
use subdevcfg_reconciler::live::LiveKernel;
use subdevcfg_reconciler::plan::{Input, Operation, plan};
use subdevcfg_reconciler::record::Record;
use subdevcfg_reconciler::resource::Subject;
use subdevcfg_reconciler::state::State;
use subdevcfg_reconciler::store::FileKeeper;

use crate::guest::{QUICKSTART, config, destroy, fresh, on_the_debug_kernel, sh, subdevcfg};

/// Operations of the quickstart's first apply.
const OPERATIONS: usize = 43;

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
    fresh();
    let before = config();
    let child = running();
    tell(&child, Signal::SIGTERM);
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

/// Killed before and after each operation, as far as there is time: on the debug kernel three times, else at every
/// fifth.
#[test]
fn killed_anywhere_the_next_run_goes_on_and_nothing_is_forgotten() {
    // The test calls itself for the run that is killed.
    if let Ok(at) = std::env::var("KILL_AT") {
        run_until_killed(at.parse().unwrap(), std::env::var("KILL_AFTER").unwrap() == "true");
    }
    fresh();
    let before = config();
    let step = if on_the_debug_kernel() { 20 } else { 5 };
    for at in (1..=OPERATIONS).step_by(step) {
        let after = at % 2 == 0;
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "killed::killed_anywhere_the_next_run_goes_on_and_nothing_is_forgotten"])
            .env("KILL_AT", at.to_string())
            .env("KILL_AFTER", after.to_string())
            .output()
            .unwrap();
        assert_eq!(child.status.signal(), Some(Signal::SIGKILL as i32), "{at}: {child:?}");
        // What is half made may be in use by now: going on with it is a restart.
        subdevcfg(&["apply", QUICKSTART, "--yes", "--allow", "subdevice-restart"]).expect(0);
        subdevcfg(&["plan", QUICKSTART, "--detailed-exitcode"]).expect(0);
        destroy();
        assert_eq!(config(), before, "killed at {at}");
    }
}

/// The kernel, until the process is killed.
struct Deadly {
    kernel: LiveKernel,
    sent: usize,
    at: usize,
    after: bool,
}

impl Deadly {
    fn die_if(&self, after: bool) {
        if self.sent == self.at && self.after == after {
            kill(Pid::this(), Signal::SIGKILL).unwrap();
        }
    }
}

impl Kernel for Deadly {
    fn tell(&mut self, attributes: DeviceAttributes) {
        self.kernel.tell(attributes);
    }

    fn observe(&mut self) -> Result<State, ObserveError> {
        self.kernel.observe()
    }

    fn perform(&mut self, request: &Request) -> Result<(), RequestError> {
        self.sent += 1;
        self.die_if(false);
        let result = self.kernel.perform(request);
        self.die_if(true);
        result
    }

    fn wait(&mut self, subject: &Subject, effect: Effect, deadline: Duration) -> Result<(), RequestError> {
        self.kernel.wait(subject, effect, deadline)
    }
}

struct Files;

impl SourceLoader for Files {
    fn load(&self, path: &Utf8Path) -> std::io::Result<String> {
        std::fs::read_to_string(path)
    }
}

struct Quiet;

impl Progress for Quiet {
    fn begins(&mut self, _: &Operation, total: usize) {
        assert_eq!(total, OPERATIONS);
    }

    fn undoes(&mut self, _: &Operation) {}
}

fn run_until_killed(at: usize, after: bool) {
    let live = LiveKernel::open().unwrap();
    let mut keeper = FileKeeper::new("/run/subdevcfg", live.boot_id().unwrap());
    let record = keeper.load().unwrap();
    let compiled = compile(Utf8Path::new(QUICKSTART), &Files);
    let desired = Desired::of(&compiled.host.unwrap(), &compiled.sources).unwrap();
    let replan = |state: &State, record: &Record| plan(Input { desired: &desired, state, record });
    let mut kernel = Deadly { kernel: live, sent: 0, at, after };
    let before = kernel.observe().unwrap();
    let job = Apply {
        kernel: &mut kernel,
        keeper: &mut keeper,
        progress: &mut Quiet,
        before: &before,
        record: &record,
        replan: &replan,
        on_error: OnError::Undo,
        stop: &|| false,
    };
    panic!("it was not killed: {:?}", apply(job, &replan(&before, &record)));
}
