//! What the tests of plan and apply share: host texts, a kernel that fails on demand, an apply in one call.

pub mod properties;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Duration;

use camino::Utf8Path;
use nix::errno::Errno;
use subdevcfg_compiler::compile;
use subdevcfg_compiler::source::SourceLoader;
use subdevcfg_reconciler::apply::{Apply, KeepError, OnError, Outcome, Progress, RecordKeeper, apply};
use subdevcfg_reconciler::desired::Desired;
use subdevcfg_reconciler::history::{self, End, Ending, Past, Planned};
use subdevcfg_reconciler::kernel::{DeviceAttributes, Effect, Kernel, ObserveError, Request, RequestError};
use subdevcfg_reconciler::plan::{
    Input, Operation, Plan, Scope, Selection, attributes_to_tell, attributes_to_tell_for_undo, destroy, plan,
    undo,
};
use subdevcfg_reconciler::record::{Entry, Interrupted, Occasion, Record};
use subdevcfg_reconciler::resource::{FunctionId, Subject};
use subdevcfg_reconciler::simulated::{Sample, SimulatedHost};
use subdevcfg_reconciler::state::State;

struct Text<'a>(&'a str);

impl SourceLoader for Text<'_> {
    fn load(&self, _: &Utf8Path) -> std::io::Result<String> {
        Ok(self.0.to_owned())
    }
}

/// Compiles a host text that has no errors.
pub fn desired(text: &str) -> Desired {
    let compiled = compile(Utf8Path::new("host.kdl"), &Text(text));
    let host = compiled.host.unwrap_or_else(|| panic!("{:#?}\n{text}", compiled.diagnostics));
    Desired::of(&host, &compiled.sources)
}

/// A simulated host with its record.
#[derive(Clone)]
pub struct Host {
    pub kernel: SimulatedHost,
    pub record: Record,
    /// Effects are there at once; by the bits of this, some are seen later.
    pub late: u64,
}

impl Host {
    pub fn with_kernel(release: &str) -> Self {
        let mut kernel = SimulatedHost::new(release);
        for sample in [Sample::Mtty, Sample::Mdpy, Sample::VfioAp] {
            kernel.load(sample);
        }
        Self { kernel, record: Record::default(), late: 0 }
    }

    /// All that is there, with the one attribute of mediated devices that can be read.
    pub fn state(&self) -> State {
        let mut kernel = self.kernel.clone();
        let functions: Vec<_> =
            kernel.state().parents.into_values().flat_map(|parent| parent.functions).collect();
        let told = functions.iter().filter_map(|function| match function.id {
            FunctionId::Mdev { uuid } => Some((uuid, ["power/control".to_owned()].into())),
            FunctionId::Sf { .. } | FunctionId::Vf { .. } | FunctionId::Pf { .. } => None,
        });
        kernel.tell(told.collect());
        kernel.state()
    }

    /// The kernel, told what observations have to tell.
    fn told(&self, desired: &Desired) -> SimulatedHost {
        let mut kernel = self.kernel.clone();
        kernel.tell(attributes_to_tell(desired, &self.record));
        kernel
    }

    pub fn plan(&self, desired: &Desired) -> Plan {
        plan(Input { desired, state: &self.told(desired).state(), record: &self.record })
    }

    /// Applies with the k-th request failing, if one is given; requests are counted from 1.
    pub fn apply_with_fault(&mut self, desired: &Desired, fault: Option<usize>) -> Outcome {
        let planner = |state: &State, record: &Record| plan(Input { desired, state, record });
        self.carry_out(&self.told(desired), &planner, fault, OnError::Undo)
    }

    /// Applies, and tells what was asked of the kernel.
    pub fn apply_and_listen(&mut self, desired: &Desired) -> (Outcome, Vec<String>) {
        let kernel = Faulty::new(self.told(desired), None, self.late);
        self.apply_on(kernel, Kept::new(&self.record), desired)
    }

    /// Applies with the k-th request failing in this manner.
    pub fn apply_with_a(&mut self, manner: Manner, fault: usize, desired: &Desired) -> Outcome {
        let kernel = Faulty { manner, ..Faulty::new(self.told(desired), Some(fault), self.late) };
        self.apply_on(kernel, Kept::new(&self.record), desired).0
    }

    /// Applies while the whole of the record can be written so often only.
    pub fn apply_with_room(&mut self, room: usize, desired: &Desired) -> Outcome {
        let kernel = Faulty::new(self.told(desired), None, self.late);
        self.apply_on(kernel, Kept { room: Some(room), ..Kept::new(&self.record) }, desired).0
    }

    fn apply_on(&mut self, mut kernel: Faulty, mut kept: Kept, desired: &Desired) -> (Outcome, Vec<String>) {
        let planner = |state: &State, record: &Record| plan(Input { desired, state, record });
        let plan = planner(&kernel.inner.state(), &self.record);
        let outcome = self.run(&mut kernel, &mut kept, &plan, &planner, OnError::Undo);
        (self.kernel, self.record) = (kernel.inner, kept.record);
        (outcome, kernel.heard)
    }

    pub fn apply(&mut self, desired: &Desired) -> Outcome {
        self.apply_with_fault(desired, None)
    }

    /// Applies a part of what is desired.
    pub fn apply_part(&mut self, desired: &Desired, selection: &Selection) -> Outcome {
        let planner =
            |state: &State, record: &Record| plan(Input { desired, state, record }).narrowed(selection);
        self.carry_out(&self.told(desired), &planner, None, OnError::Undo)
    }

    pub fn plan_of_destroy(&self) -> Plan {
        let desired = Desired::default();
        let state = &self.told(&desired).state();
        destroy(Input { desired: &desired, state, record: &self.record }, Scope::Everything)
    }

    pub fn destroy(&mut self) -> Outcome {
        let desired = Desired::default();
        let planner = |state: &State, record: &Record| {
            destroy(Input { desired: &desired, state, record }, Scope::Everything)
        };
        self.carry_out(&self.told(&desired), &planner, None, OnError::Undo)
    }

    /// Applies, and goes on as told after the failure of the k-th request.
    pub fn apply_in_spite(&mut self, desired: &Desired, fault: usize, on_error: OnError) -> Outcome {
        let planner = |state: &State, record: &Record| plan(Input { desired, state, record });
        self.carry_out(&self.told(desired), &planner, Some(fault), on_error)
    }

    /// Applies, and is killed at this request; another one fails before, if one is given.
    pub fn apply_and_be_killed(&mut self, desired: &Desired, fault: Option<usize>, kill: Kill) {
        let planner = |state: &State, record: &Record| plan(Input { desired, state, record });
        let mut kernel = Faulty::new(self.told(desired), fault, self.late);
        let plan = planner(&kernel.inner.state(), &self.record);
        kernel.kill = Some(kill);
        let mut kept = Kept::new(&self.record);
        let run = || self.run(&mut kernel, &mut kept, &plan, &planner, OnError::Undo);
        // The outcome of one that ended before is of no interest.
        drop(catch_unwind(AssertUnwindSafe(run)));
        self.kernel = kernel.inner;
        self.record = kept.record;
    }

    /// Undoes an apply of this that found that host.
    pub fn undo(&mut self, before: &Self, wanted: &Desired, after: Option<State>) -> Outcome {
        let desired = Desired::default();
        let past = Past {
            format_version: history::FORMAT_VERSION.to_owned(),
            number: 1,
            began: String::new(),
            command: "apply".to_owned(),
            file: None,
            planned: Planned::default(),
            confirmation: None,
            end: after.map(|after| End {
                at: String::new(),
                ending: Ending::Converged,
                failures: Vec::new(),
                after: Some(after),
            }),
            record: before.record.clone(),
            before: before.told(wanted).state(),
        };
        let mut kernel = self.kernel.clone();
        kernel.tell(attributes_to_tell_for_undo(&past, &self.record));
        let planner =
            |state: &State, record: &Record| undo(&past, Input { desired: &desired, state, record });
        self.carry_out(&kernel, &planner, None, OnError::Undo)
    }

    fn carry_out(
        &mut self,
        kernel: &SimulatedHost,
        planner: &dyn Fn(&State, &Record) -> Plan,
        fault: Option<usize>,
        on_error: OnError,
    ) -> Outcome {
        let mut kernel = Faulty::new(kernel.clone(), fault, self.late);
        let plan = planner(&kernel.inner.state(), &self.record);
        assert!(plan.refusals.is_empty(), "{:#?}", plan.refusals);
        let mut kept = Kept::new(&self.record);
        let outcome = self.run(&mut kernel, &mut kept, &plan, planner, on_error);
        self.kernel = kernel.inner;
        self.record = kept.record;
        outcome
    }

    fn run(
        &self,
        kernel: &mut Faulty,
        kept: &mut Kept,
        plan: &Plan,
        planner: &dyn Fn(&State, &Record) -> Plan,
        on_error: OnError,
    ) -> Outcome {
        let before = kernel.inner.state();
        let job = Apply {
            kernel,
            keeper: kept,
            progress: &mut Quiet,
            before: &before,
            record: &self.record,
            occasion: &Occasion::default(),
            replan: planner,
            on_error,
            stop: &|| false,
        };
        apply(job, plan).unwrap()
    }
}

/// A moment at which a run is killed.
#[derive(Debug, Clone, Copy)]
pub struct Kill {
    /// The request, counted from 1.
    pub at: usize,
    /// After the kernel has carried it out, not before.
    pub after: bool,
}

/// How a request fails.
#[derive(Debug, Clone, Copy)]
pub enum Manner {
    /// It is refused.
    Refused,
    /// So are all after it.
    AllFromThere,
    /// It is carried out, and only the answer is lost.
    Unanswered,
    /// The kernel is at it still.
    Blocked,
}

/// Sends everything to the simulated kernel, but for one request.
pub struct Faulty {
    inner: SimulatedHost,
    left: Option<usize>,
    /// How what fails does so.
    manner: Manner,
    refused: Vec<String>,
    sent: usize,
    kill: Option<Kill>,
    late: u64,
    /// What it was asked for, in order: requests, and effects that were waited for.
    pub heard: Vec<String>,
}

impl Faulty {
    pub const fn new(inner: SimulatedHost, fault: Option<usize>, late: u64) -> Self {
        Self {
            inner,
            left: fault,
            manner: Manner::Refused,
            refused: Vec::new(),
            sent: 0,
            kill: None,
            late,
            heard: Vec::new(),
        }
    }

    /// Nothing of the run goes on after this.
    fn die_if(&self, after: bool) {
        if self.kill.is_some_and(|kill| kill.at == self.sent && kill.after == after) {
            resume_unwind(Box::new("killed"));
        }
    }
}

impl Kernel for Faulty {
    fn tell(&mut self, attributes: DeviceAttributes) {
        self.inner.tell(attributes);
    }

    fn observe(&mut self) -> Result<State, ObserveError> {
        self.inner.observe()
    }

    fn perform(&mut self, request: &Request) -> Result<(), RequestError> {
        self.sent += 1;
        self.heard.push(request.to_string());
        self.die_if(false);
        if let Some(left) = &mut self.left {
            *left -= 1;
            if *left == 0 {
                self.left = None;
                let waited = Duration::ZERO;
                match self.manner {
                    Manner::Refused => {}
                    Manner::Unanswered => {
                        self.inner.perform(request)?;
                        return Err(RequestError::NoEffect { effect: Effect::Vfs, waited });
                    }
                    Manner::Blocked => {
                        return Err(RequestError::Blocked { file: "/sys/bus/pci/unbind".to_owned(), waited });
                    }
                    Manner::AllFromThere => self.left = Some(1),
                }
                let message = Some("made to fail".to_owned());
                return Err(RequestError::Refused { errno: Errno::EIO, message, file: None });
            }
        }
        let result = self.inner.perform(request);
        if let Err(error) = &result {
            self.refused.push(format!("{request}: {error}"));
        }
        self.die_if(true);
        result
    }

    fn shows(&mut self, subject: &Subject, effect: Effect) -> Result<bool, RequestError> {
        self.late = self.late.rotate_right(1);
        if self.late >> 63 == 1 { Ok(false) } else { self.inner.shows(subject, effect) }
    }

    fn wait(&mut self, subject: &Subject, effect: Effect, deadline: Duration) -> Result<(), RequestError> {
        self.heard.push(format!("waits for {subject} {effect}"));
        self.inner.wait(subject, effect, deadline)
    }
}

struct Kept {
    record: Record,
    /// So often the whole of it can be written; always, if nothing is said.
    room: Option<usize>,
}

impl Kept {
    fn new(record: &Record) -> Self {
        Self { record: record.clone(), room: None }
    }
}

impl RecordKeeper for Kept {
    fn note(&mut self, entry: &Entry) -> Result<(), KeepError> {
        entry.change.iter().for_each(|change| self.record.note(change));
        let Entry { operation, total, request, .. } = entry.clone();
        self.record.interrupted = Some(Interrupted { operation, total, request });
        Ok(())
    }

    fn keep(&mut self, record: &Record) -> Result<(), KeepError> {
        if self.room == Some(0) {
            return Err(KeepError {
                path: "/run/record.json".into(),
                source: std::io::ErrorKind::StorageFull.into(),
            });
        }
        self.room = self.room.map(|room| room - 1);
        self.record = record.clone();
        Ok(())
    }
}

struct Quiet;

impl Progress for Quiet {
    fn begins(&mut self, _: &Operation, _: usize) {}
    fn undoes(&mut self, _: &Operation) {}
}
