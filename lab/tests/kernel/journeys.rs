//! Host files taken to a host and away again, ended and refused at the boundaries of their plans on the way.

use std::cell::Cell;
use std::os::unix::process::ExitStatusExt as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;

use camino::Utf8Path;
use nix::sys::signal::Signal;
use similar::TextDiff;
use subdevcfg_compiler::source::SourceLoader;
use subdevcfg_compiler::{Compilation, Options, compile_with};
use subdevcfg_reconciler::apply::{Apply, OnError, Outcome, RecordKeeper, apply, differences};
use subdevcfg_reconciler::desired::Desired;
use subdevcfg_reconciler::history::{Past, Planned};
use subdevcfg_reconciler::kernel::{DeviceAttributes, Kernel};
use subdevcfg_reconciler::live::LiveKernel;
use subdevcfg_reconciler::plan::{
    Input, Plan, Scope, attributes_to_tell, attributes_to_tell_for_undo, destroy, plan, undo,
};
use subdevcfg_reconciler::record::{Occasion, Record};
use subdevcfg_reconciler::resource::FunctionId;
use subdevcfg_reconciler::state::State;
use subdevcfg_reconciler::store::FileKeeper;

use crate::boundaries::{
    Begun, Boundary, Choice, Doom, DoomedKeeper, DoomedKernel, Fault, Faulty, Fuse, FusedKeeper, FusedKernel,
    boundaries, faults,
};
use crate::guest::{on_the_debug_kernel, sh};

/// A host file that is taken to an empty host, changed there, and taken away.
#[derive(Debug)]
pub struct Journey {
    /// Below `examples/`.
    pub example: &'static str,
    /// What of its text becomes what.
    pub changes: &'static [(&'static str, &'static str)],
    /// Makes the host empty; tells whether it has the device at all.
    pub fresh: fn() -> bool,
    /// Waits until nothing on the host changes by itself any more.
    pub settle: fn(),
}

/// What a host is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Goal {
    Nothing,
    Example,
    Changed,
}

/// From what to what, in this order.
const STEPS: [(Goal, Goal); 3] =
    [(Goal::Nothing, Goal::Example), (Goal::Example, Goal::Changed), (Goal::Changed, Goal::Nothing)];

/// The environment variable by which a test tells itself, called again, where to be killed.
const KILL_AT: &str = "KILL_AT";

/// Reads files, with these changes of their text.
struct Files(&'static [(&'static str, &'static str)]);

impl SourceLoader for Files {
    fn load(&self, path: &Utf8Path) -> std::io::Result<String> {
        let text = std::fs::read_to_string(path)?;
        Ok(self.0.iter().fold(text, |text, (old, new)| text.replace(old, new)))
    }
}

/// What a goal is to the planner.
struct Target {
    desired: Desired,
    goal: Goal,
    settle: fn(),
}

impl Target {
    fn of(journey: &Journey, goal: Goal) -> Self {
        let changes = match goal {
            Goal::Nothing => return Self { desired: Desired::default(), goal, settle: journey.settle },
            Goal::Example => &[],
            Goal::Changed => journey.changes,
        };
        let path = format!("/lab/examples/{}", journey.example);
        let options = Options { kernel: Some(sh("uname -r").parse().unwrap()), ..Options::default() };
        let Compilation { sources, diagnostics, host } =
            compile_with(Utf8Path::new(&path), &Files(changes), &options);
        let host = host.unwrap_or_else(|| panic!("{path}: {diagnostics:?}"));
        Self { desired: Desired::of(&host, &sources), goal, settle: journey.settle }
    }

    fn plan(&self, state: &State, record: &Record) -> Plan {
        let input = Input { desired: &self.desired, state, record };
        match self.goal {
            Goal::Nothing => destroy(input, Scope::Everything),
            Goal::Example | Goal::Changed => plan(input),
        }
    }
}

/// The host as one run of the program finds it.
struct Host {
    kernel: LiveKernel,
    keeper: FileKeeper,
    record: Record,
    state: State,
}

impl Host {
    fn open(attributes: impl Fn(&Record) -> DeviceAttributes) -> Self {
        let mut kernel = LiveKernel::open().unwrap();
        let mut keeper = FileKeeper::new("/run/subdevcfg", kernel.boot_id().unwrap());
        let record = keeper.load().unwrap();
        kernel.tell(attributes(&record));
        let state = kernel.observe().unwrap();
        assert!(state.unread.is_empty(), "{:?}", state.unread);
        Self { kernel, keeper, record, state }
    }

    fn for_target(target: &Target) -> Self {
        (target.settle)();
        Self::open(|record| attributes_to_tell(&target.desired, record))
    }

    #[track_caller]
    fn plan(&self, target: &Target) -> Plan {
        let plan = target.plan(&self.state, &self.record);
        assert!(plan.refusals.is_empty(), "{:?}", plan.refusals);
        plan
    }
}

/// Carries a plan out, as the commands do it.
fn carry_out(
    kernel: &mut dyn Kernel,
    keeper: &mut dyn RecordKeeper,
    sent: &Cell<usize>,
    (before, record): (&State, &Record),
    replan: &dyn Fn(&State, &Record) -> Plan,
) -> Outcome {
    let plan = replan(before, record);
    let job = Apply {
        kernel,
        keeper,
        progress: &mut Begun(sent),
        before,
        record,
        occasion: &Occasion::default(),
        replan,
        on_error: OnError::Undo,
        stop: &|| false,
    };
    apply(job, &plan).unwrap()
}

/// State and record of a host.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Found {
    state: State,
    record: Record,
}

impl Found {
    fn now(target: &Target) -> Self {
        let host = Host::for_target(target);
        Self { state: host.state, record: host.record }
    }

    /// It is as after a run that was not killed, and nothing that was made or is to be put back is forgotten.
    #[track_caller]
    fn assert_arrived(&self, straight: &Self, when: &str) {
        let old = |found: &Self| Self {
            record: without_what_was_new(&found.record, &straight.record),
            ..found.clone()
        };
        old(self).assert_is(&old(straight), when);
    }

    #[track_caller]
    fn assert_is(&self, wanted: &Self, when: &str) {
        let found = differences(&wanted.state, &self.state);
        assert!(self.state == wanted.state, "{when}: {found:#?}");
        let (wanted_text, text) = (lines(&wanted.record), lines(&self.record));
        let difference = TextDiff::from_lines(&wanted_text, &text);
        let difference = difference.unified_diff().context_radius(0).to_string();
        assert!(self.record == wanted.record, "{when}: the record is another one\n{difference}");
    }
}

/// The record without the attributes that had no value before `straight` wrote them, for they were new with their devices.
/// After a kill the devices are there already: what is as it is wanted is not written (netdevsim remembers its VFs), and
/// what is not has a value that was found. VFs are as new whenever their number changes, and a run that was killed in the
/// middle of that does not see what the former ones had.
fn without_what_was_new(record: &Record, straight: &Record) -> Record {
    let mut settings = record.settings.clone();
    settings.retain(|key, _| {
        let is_vf = key.0.function_id().is_some_and(FunctionId::is_pci);
        !is_vf && straight.settings.get(key).is_none_or(|written| written.before.is_some())
    });
    Record { settings, ..record.clone() }
}

/// A record, in a line for each thing that it knows.
fn lines(record: &Record) -> String {
    let subjects = [("made", &record.made), ("adopted", &record.adopted)];
    let subjects = subjects.into_iter().flat_map(|(how, subjects)| {
        subjects.iter().map(move |(subject, address)| format!("{how} {subject} as {address}\n"))
    });
    let settings = record.settings.values().map(|written| format!("{written:?}\n"));
    let pending = record.pending.iter().map(|subject| format!("pending {subject}\n"));
    let interrupted = record.interrupted.iter().map(|interrupted| format!("{interrupted:?}\n"));
    subjects.chain(settings).chain(pending).chain(interrupted).collect()
}

/// One plan of a journey, from a host that is as `from` wants it.
struct Step {
    name: String,
    from: Target,
    to: Target,
}

/// What was tried on one plan.
#[derive(Debug, Default)]
struct Tried {
    operations: usize,
    faults: usize,
    /// Of those after which something was left what the report said.
    left: Vec<String>,
    kills: usize,
}

impl Step {
    fn new(journey: &Journey, (from, to): (Goal, Goal)) -> Self {
        Self {
            name: format!("{}, {from:?} to {to:?}", journey.example),
            from: Target::of(journey, from),
            to: Target::of(journey, to),
        }
    }

    /// Takes the host to a target in one run, after which there is nothing left to do.
    #[track_caller]
    fn reach(&self, target: &Target, when: &str) -> Found {
        let mut host = Host::for_target(target);
        host.plan(target);
        let replan = |state: &State, record: &Record| target.plan(state, record);
        let now = (&host.state, &host.record);
        let outcome = carry_out(&mut host.kernel, &mut host.keeper, &Cell::new(0), now, &replan);
        assert!(matches!(outcome, Outcome::Converged(_)), "{}, {when}: {outcome:#?}", self.name);
        let found = Found::now(target);
        let left = target.plan(&found.state, &found.record);
        assert!(left.is_empty(), "{}, {when}: {:#?}", self.name, left.operations);
        found
    }

    /// Lets one operation fail: all is undone then, or the report says what is left.
    fn fail(&self, fault: Fault, before: &Found, tried: &mut Tried) {
        let when = format!("{}, {fault:?}", self.name);
        let mut host = Host::for_target(&self.to);
        host.plan(&self.to);
        let replan = |state: &State, record: &Record| self.to.plan(state, record);
        let sent = Cell::new(0);
        let mut kernel = Faulty::new(&mut host.kernel, fault, &sent);
        let outcome = carry_out(&mut kernel, &mut host.keeper, &sent, (&host.state, &host.record), &replan);
        let after = Found::now(&self.to);
        tried.faults += 1;
        match &outcome {
            Outcome::Undone(_) => after.assert_is(before, &when),
            Outcome::Incomplete { left, .. } => {
                let untold: Vec<String> = differences(&host.state, &after.state)
                    .into_iter()
                    .filter(|difference| !left.contains(difference))
                    .collect();
                assert!(untold.is_empty(), "{when}: of {left:#?} it is not told: {untold:#?}");
                tried.left.push(format!("{when}: {left:#?}"));
                self.go_back(before, &when);
            }
            other => panic!("{when}: {other:#?}"),
        }
    }

    /// Kills a run in a process of its own: the apply, or what undoes it, at a boundary.
    fn kill(&self, test: &str, place: &str, when: &str) {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test, "--include-ignored"])
            .env(KILL_AT, format!("{place} {when}"))
            .output()
            .unwrap();
        let name = &self.name;
        assert_eq!(child.status.signal(), Some(Signal::SIGKILL as i32), "{name}, {when}: {child:?}");
    }

    /// Undoes all that came since, as `subdevcfg undo` does it after a run that was killed.
    fn go_back(&self, before: &Found, when: &str) {
        let past = past(before);
        (self.from.settle)();
        let mut host = Host::open(|record| attributes_to_tell_for_undo(&past, record));
        let nothing = Desired::default();
        let replan = |state: &State, record: &Record| undo(&past, Input { desired: &nothing, state, record });
        let now = (&host.state, &host.record);
        let plan = replan(now.0, now.1);
        assert!(plan.refusals.is_empty(), "{when}: {:?}", plan.refusals);
        let outcome = carry_out(&mut host.kernel, &mut host.keeper, &Cell::new(0), now, &replan);
        assert!(matches!(outcome, Outcome::Converged(_)), "{when}: {outcome:#?}");
        Found::now(&self.from).assert_is(before, &format!("{when}, undone"));
    }

    /// The boundaries of what would undo all that came since.
    fn boundaries_back(before: &Found) -> Vec<(String, Boundary)> {
        let past = past(before);
        let host = Host::open(|record| attributes_to_tell_for_undo(&past, record));
        let nothing = Desired::default();
        let input = Input { desired: &nothing, state: &host.state, record: &host.record };
        boundaries(&undo(&past, input))
    }

    /// A run that is killed, whose undo is killed as well: the next undo brings everything back all the same. `choose`
    /// has one of the boundaries of the undo.
    fn kill_twice(
        &self,
        test: &str,
        place: &str,
        before: &Found,
        first: Boundary,
        choose: impl FnOnce(Vec<Boundary>) -> Boundary,
    ) {
        self.kill(test, place, &format!("apply {first}"));
        let back = Self::boundaries_back(before).into_iter().map(|(_, boundary)| boundary).collect();
        let second = choose(back);
        std::fs::write(PAST, serde_json::to_string(&past(before)).unwrap()).unwrap();
        self.kill(test, place, &format!("undo {second}"));
        self.go_back(before, &format!("{}, killed at {first}, its undo at {second}", self.name));
    }

    /// An apply that fails and is killed while it undoes what it did, after so many steps.
    fn kill_undoing(&self, test: &str, place: &str, before: &Found, (fault, after): (Fault, usize)) {
        self.kill(test, place, &format!("fault {fault} {after}"));
        self.go_back(before, &format!("{}, {fault}, killed {after} steps into its undo", self.name));
    }

    /// How many steps an apply takes from its failure on.
    fn steps_of_undoing(&self, fault: Fault) -> usize {
        let fuse = Fuse::new(None);
        fail_under(&self.to, fault, &fuse);
        fuse.steps()
    }

    /// Kills while things are undone: of a few journeys one place, of all every one of the run with one of its undo, and the
    /// other way round.
    fn kill_undos(&self, test: &str, place: &str, before: &Found, chosen: &mut Choice) -> usize {
        let plan = Host::for_target(&self.to).plan(&self.to);
        let all: Vec<Boundary> = boundaries(&plan).into_iter().map(|(_, boundary)| boundary).collect();
        let faults: Vec<Fault> = faults(&plan).into_iter().map(|(_, fault)| fault).collect();
        if !chosen.every() {
            let first = chosen.one_of(&all);
            self.kill_twice(test, place, before, first, |back| chosen.one_of(&back));
            let fault = chosen.one_of(&faults);
            let steps: Vec<usize> = (0..self.steps_of_undoing(fault)).collect();
            self.go_back(before, "counted");
            self.kill_undoing(test, place, before, (fault, chosen.one_of(&steps)));
            return 2;
        }
        let mut kills = 0;
        for (nth, &first) in all.iter().enumerate() {
            self.kill_twice(test, place, before, first, |back| back[nth % back.len()]);
            kills += 1;
        }
        // The last undoes all there is.
        let last = all[all.len() - 1];
        let mut nth = 0;
        loop {
            let mut count = 0;
            self.kill_twice(test, place, before, last, |back| {
                count = back.len();
                back[nth]
            });
            (kills, nth) = (kills + 1, nth + 1);
            if nth == count {
                break;
            }
        }
        for fault in faults {
            let steps = self.steps_of_undoing(fault);
            self.go_back(before, "counted");
            for after in 0..steps {
                self.kill_undoing(test, place, before, (fault, after));
                kills += 1;
            }
        }
        kills
    }

    /// Tries the chosen places; the host is as `to` wants it at the end.
    fn walk(&self, test: &str, place: &str, undos: bool, chosen: &mut (Choice, Choice)) -> Tried {
        let before = Found::now(&self.from);
        let plan = Host::for_target(&self.to).plan(&self.to);
        assert!(!plan.is_empty(), "{}: nothing is changed", self.name);
        let mut tried = Tried { operations: plan.operations.len(), ..Tried::default() };
        for fault in chosen.0.of(faults(&plan)) {
            self.fail(fault, &before, &mut tried);
        }
        let mut arrived = Vec::new();
        for (nth, boundary) in chosen.1.of(boundaries(&plan)).into_iter().enumerate() {
            let when = format!("{}, killed at {boundary}", self.name);
            // Either way out; of a few boundaries only one of them.
            let ways = if chosen.1.every() { &[true, false][..] } else { &[nth % 2 == 0][..] };
            for &goes_on in ways {
                self.kill(test, place, &format!("apply {boundary}"));
                if goes_on {
                    arrived.push((when.clone(), self.reach(&self.to, &when)));
                }
                self.go_back(&before, &when);
                tried.kills += 1;
            }
        }
        if undos {
            tried.kills += self.kill_undos(test, place, &before, &mut chosen.1);
        }
        // A run that was killed and went on is as one that was not.
        let straight = self.reach(&self.to, "not ended");
        for (when, found) in arrived {
            found.assert_arrived(&straight, &when);
        }
        tried
    }
}

/// Takes every host file of a table to the host and away again. `test` is the name of the test that calls this: it calls
/// itself for the runs that are killed.
pub fn walk_all(test: &str, journeys: &[Journey]) {
    if let Ok(place) = std::env::var(KILL_AT) {
        run_until_killed(journeys, &place);
    }
    let mut chosen = (Choice::new(), Choice::new());
    let chosen_one = std::env::var("SUBDEVCFG_EXAMPLE").unwrap_or_default();
    let most = if on_the_debug_kernel() { 2 } else { journeys.len() };
    // One that fails keeps the others from nothing.
    let failed: Vec<&str> = journeys
        .iter()
        .take(most)
        .enumerate()
        .filter(|(_, journey)| journey.example.contains(&chosen_one))
        .filter(|(nth, journey)| {
            let walk = || journey.walk(test, *nth, &mut chosen);
            (journey.fresh)() && catch_unwind(AssertUnwindSafe(walk)).is_err()
        })
        .map(|(_, journey)| journey.example)
        .collect();
    assert!(failed.is_empty(), "{failed:?}");
}

impl Journey {
    #[expect(clippy::print_stdout, reason = "what was tried belongs to what a test tells")]
    fn walk(&self, test: &str, nth: usize, chosen: &mut (Choice, Choice)) {
        // While things are undone it is killed in one of the three, if it is not in all.
        let with_undos = chosen.1.one_of(&[0, 1, 2]);
        for (number, goals) in STEPS.into_iter().enumerate() {
            let step = Step::new(self, goals);
            let undos = number == with_undos || chosen.1.every();
            let tried = step.walk(test, &format!("{nth} {number}"), undos, chosen);
            let Tried { operations, faults, left, kills } = tried;
            println!(
                "{}: {operations} operations, {faults} faults ({} with something left), {kills} kills",
                step.name,
                left.len()
            );
            for left in left {
                println!("{left}");
            }
        }
    }
}

/// What a run found that an undo brings back.
const PAST: &str = "/tmp/past.json";

fn past(before: &Found) -> Past {
    let begun = (before.state.clone(), before.record.clone());
    Past::begun("apply", 1, String::new(), Planned::default(), begun)
}

/// Applies with a failure, watched by a fuse from there on.
fn fail_under(to: &Target, fault: Fault, fuse: &Fuse) -> Outcome {
    let mut host = Host::for_target(to);
    let sent = Cell::new(0);
    let mut faulty = Faulty::new(&mut host.kernel, fault, &sent);
    carry_out(
        &mut FusedKernel(&mut faulty, fuse),
        &mut FusedKeeper(&mut host.keeper, fuse),
        &sent,
        (&host.state, &host.record),
        &|state, record| to.plan(state, record),
    )
}

/// The run that is killed: `PLACE` is the number of a journey, of a step, and what is killed where.
fn run_until_killed(journeys: &[Journey], place: &str) {
    let words: Vec<&str> = place.split(' ').collect();
    let [journey, step, how, rest @ ..] = &words[..] else { panic!("{place}") };
    let journey = &journeys[journey.parse::<usize>().unwrap()];
    let to = Target::of(journey, STEPS[step.parse::<usize>().unwrap()].1);
    let outcome = match (*how, rest) {
        ("fault", [fault, after]) => {
            fail_under(&to, fault.parse().unwrap(), &Fuse::new(Some(after.parse().unwrap())))
        }
        ("undo", [boundary]) => {
            let past: Past = serde_json::from_str(&std::fs::read_to_string(PAST).unwrap()).unwrap();
            let host = Host::open(|record| attributes_to_tell_for_undo(&past, record));
            let nothing = Desired::default();
            run_to(host, boundary, &|state, record| undo(&past, Input { desired: &nothing, state, record }))
        }
        ("apply", [boundary]) => {
            run_to(Host::for_target(&to), boundary, &|state, record| to.plan(state, record))
        }
        _ => panic!("{place}"),
    };
    panic!("it was not killed: {outcome:?}");
}

fn run_to(mut host: Host, boundary: &str, replan: &dyn Fn(&State, &Record) -> Plan) -> Outcome {
    let doom = Doom::new(boundary.parse().unwrap());
    carry_out(
        &mut DoomedKernel(&mut host.kernel, &doom),
        &mut DoomedKeeper(&mut host.keeper, &doom),
        &Cell::new(0),
        (&host.state, &host.record),
        replan,
    )
}
