//! The places of a plan at which a run may be ended or refused, and a kernel and a keeper of the record that do so.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::str::FromStr;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use subdevcfg_reconciler::apply::{KeepError, Progress, RecordKeeper};
use subdevcfg_reconciler::kernel::{DeviceAttributes, Effect, Kernel, ObserveError, Request, RequestError};
use subdevcfg_reconciler::live::LiveKernel;
use subdevcfg_reconciler::plan::{Operation, Plan};
use subdevcfg_reconciler::record::{Entry, Record};
use subdevcfg_reconciler::resource::Subject;
use subdevcfg_reconciler::state::State;
use subdevcfg_reconciler::store::FileKeeper;

use crate::guest::on_the_debug_kernel;

/// How far an operation has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// Its line is in the journal, and nothing was sent.
    Noted,
    /// The kernel has answered, and nothing more is in the journal.
    Sent,
    /// What it took away has its second line.
    Struck,
    /// The line of the next one is not written; its effect was seen, if nothing else can be sent before.
    Seen,
}

impl Moment {
    const ALL: [Self; 4] = [Self::Noted, Self::Sent, Self::Struck, Self::Seen];
}

/// A place in a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Boundary {
    /// The number of the operation; 0 stands before the first.
    pub operation: usize,
    /// How far it has come.
    pub moment: Moment,
}

impl std::fmt::Display for Boundary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{:?}", self.operation, self.moment)
    }
}

impl FromStr for Boundary {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (operation, moment) = text.split_once(':').ok_or(())?;
        let moment = Moment::ALL.into_iter().find(|known| format!("{known:?}") == moment).ok_or(())?;
        Ok(Self { operation: operation.parse().map_err(drop)?, moment })
    }
}

/// What an operation does, for choosing among many: what is done to what, without the numbers.
pub fn kind(operation: &Operation) -> String {
    let request = &operation.request;
    let verb = format!("{request:?}").split([' ', '{']).next().unwrap_or_default().to_owned();
    let subject = request.subject();
    let of = match (subject.function_id(), subject.rate_node_name()) {
        (Some(id), _) if id.is_mdev() => "mdev",
        (Some(id), _) if id.is_pci() => "vf",
        (Some(_), _) => "sf",
        (None, Some(_)) => "node",
        (None, None) => "parent or bridge",
    };
    match request {
        Request::Set { setting, .. } => format!("{verb} {} of {of}", setting.attribute()),
        _ => format!("{verb} {of}"),
    }
}

/// Every boundary of a plan, each with the kind of its operation.
pub fn boundaries(plan: &Plan) -> Vec<(String, Boundary)> {
    let of_operation = |operation: &Operation| {
        let strikes = matches!(
            operation.request,
            Request::DelParent { .. }
                | Request::Delete { .. }
                | Request::DeleteRateNode { .. }
                | Request::DeleteVdpa { .. }
                | Request::DeleteBridge { .. }
                | Request::Reload { .. }
        );
        let moments = Moment::ALL.into_iter().filter(move |moment| *moment != Moment::Struck || strikes);
        let (id, kind) = (operation.id, kind(operation));
        moments.map(move |moment| (kind.clone(), Boundary { operation: id, moment })).collect::<Vec<_>>()
    };
    let first = ("nothing".to_owned(), Boundary { operation: 0, moment: Moment::Noted });
    std::iter::once(first).chain(plan.operations.iter().flat_map(of_operation)).collect()
}

/// Which places are tried: a few of each plan, so that in the whole run every kind of operation is met; all of them with
/// `SUBDEVCFG_EVERY_BOUNDARY=1`. `SUBDEVCFG_SEED` is another choice. On the debug kernel it is one of each plan.
pub struct Choice {
    every: bool,
    one: bool,
    random: fastrand::Rng,
    met: BTreeSet<String>,
}

impl Choice {
    pub fn new() -> Self {
        let seed = std::env::var("SUBDEVCFG_SEED").ok().and_then(|seed| seed.parse().ok());
        Self {
            every: std::env::var("SUBDEVCFG_EVERY_BOUNDARY").is_ok_and(|every| every == "1"),
            one: on_the_debug_kernel(),
            random: fastrand::Rng::with_seed(seed.unwrap_or(1)),
            met: BTreeSet::new(),
        }
    }

    /// Whether all are tried.
    pub const fn every(&self) -> bool {
        self.every
    }

    /// One of them.
    pub fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.random.usize(0..all.len())]
    }

    /// Those of one plan that are tried, in no order. Of a plan without anything new it is one.
    pub fn of<T>(&mut self, mut all: Vec<(String, T)>) -> Vec<T> {
        if !self.every {
            self.random.shuffle(&mut all);
            let mut nth = 0;
            all.retain(|(kind, _)| {
                nth += 1;
                (self.met.insert(kind.clone()) && !self.one) || nth == 1
            });
        }
        all.into_iter().map(|(_, place)| place).collect()
    }
}

/// What ends this process at a boundary.
pub struct Doom {
    at: Boundary,
    /// The operation whose line was written last.
    operation: Cell<usize>,
}

impl Doom {
    pub const fn new(at: Boundary) -> Self {
        Self { at, operation: Cell::new(0) }
    }

    fn reach(&self, moment: Moment) {
        if self.at == (Boundary { operation: self.operation.get(), moment }) {
            kill(Pid::this(), Signal::SIGKILL).unwrap();
        }
    }
}

/// The kernel, until the process is killed.
pub struct DoomedKernel<'a>(pub &'a mut LiveKernel, pub &'a Doom);

impl Kernel for DoomedKernel<'_> {
    fn tell(&mut self, attributes: DeviceAttributes) {
        self.0.tell(attributes);
    }

    fn observe(&mut self) -> Result<State, ObserveError> {
        // After the last operation.
        self.1.reach(Moment::Seen);
        self.0.observe()
    }

    fn perform(&mut self, request: &Request) -> Result<(), RequestError> {
        let result = self.0.perform(request);
        self.1.reach(Moment::Sent);
        result
    }

    fn shows(&mut self, subject: &Subject, effect: Effect) -> Result<bool, RequestError> {
        self.0.shows(subject, effect)
    }

    fn wait(&mut self, subject: &Subject, effect: Effect, deadline: Duration) -> Result<(), RequestError> {
        self.0.wait(subject, effect, deadline)
    }
}

/// The record on disk, until the process is killed.
pub struct DoomedKeeper<'a>(pub &'a mut FileKeeper, pub &'a Doom);

impl RecordKeeper for DoomedKeeper<'_> {
    fn note(&mut self, entry: &Entry) -> Result<(), KeepError> {
        let is_second = entry.operation == self.1.operation.get();
        if !is_second {
            self.1.reach(Moment::Seen);
        }
        self.0.note(entry)?;
        self.1.operation.set(entry.operation);
        self.1.reach(if is_second { Moment::Struck } else { Moment::Noted });
        Ok(())
    }

    fn keep(&mut self, record: &Record) -> Result<(), KeepError> {
        self.0.keep(record)?;
        self.1.reach(Moment::Noted);
        Ok(())
    }
}

/// A failure of one operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The kernel refuses it.
    Refused(usize),
    /// What it should bring about comes too late.
    Late(usize),
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Refused(operation) => write!(f, "refused:{operation}"),
            Self::Late(operation) => write!(f, "late:{operation}"),
        }
    }
}

impl FromStr for Fault {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (how, operation) = text.split_once(':').ok_or(())?;
        let operation = operation.parse().map_err(drop)?;
        Ok(if how == "late" { Self::Late(operation) } else { Self::Refused(operation) })
    }
}

/// Every fault of a plan, each with the kind of its operation.
pub fn faults(plan: &Plan) -> Vec<(String, Fault)> {
    let refused = plan.operations.iter().map(|operation| (kind(operation), Fault::Refused(operation.id)));
    let with_effect = plan.operations.iter().filter(|operation| operation.effect.is_some());
    let late = with_effect.map(|operation| (format!("late {}", kind(operation)), Fault::Late(operation.id)));
    refused.chain(late).collect()
}

/// The kernel, with one failure.
pub struct Faulty<'a> {
    kernel: &'a mut LiveKernel,
    fault: Option<Fault>,
    /// The operation that is sent, as [`Begun`] hears of it.
    operation: &'a Cell<usize>,
    /// What comes too late, once its operation was sent.
    late: Option<(Subject, Effect)>,
}

impl<'a> Faulty<'a> {
    pub const fn new(kernel: &'a mut LiveKernel, fault: Fault, operation: &'a Cell<usize>) -> Self {
        Self { kernel, fault: Some(fault), operation, late: None }
    }
}

impl Kernel for Faulty<'_> {
    fn tell(&mut self, attributes: DeviceAttributes) {
        self.kernel.tell(attributes);
    }

    fn observe(&mut self) -> Result<State, ObserveError> {
        self.kernel.observe()
    }

    fn perform(&mut self, request: &Request) -> Result<(), RequestError> {
        if self.fault == Some(Fault::Refused(self.operation.get())) {
            self.fault = None;
            return Err(RequestError::Refused { errno: Errno::EIO, message: None, file: None });
        }
        self.kernel.perform(request)
    }

    /// What comes too late is not there at once: others are sent meanwhile.
    fn shows(&mut self, subject: &Subject, effect: Effect) -> Result<bool, RequestError> {
        if self.fault == Some(Fault::Late(self.operation.get())) {
            self.fault = None;
            self.late = Some((subject.clone(), effect));
        }
        if self.late.as_ref() == Some(&(subject.clone(), effect)) {
            return Ok(false);
        }
        self.kernel.shows(subject, effect)
    }

    fn wait(&mut self, subject: &Subject, effect: Effect, deadline: Duration) -> Result<(), RequestError> {
        self.kernel.wait(subject, effect, deadline)?;
        if self.late.take_if(|late| *late == (subject.clone(), effect)).is_some() {
            return Err(RequestError::NoEffect { effect, waited: deadline });
        }
        Ok(())
    }
}

/// Hears which operation is sent.
pub struct Begun<'a>(pub &'a Cell<usize>);

impl Progress for Begun<'_> {
    fn begins(&mut self, operation: &Operation, _: usize) {
        self.0.set(operation.id);
    }

    fn undoes(&mut self, _: &Operation) {}
}

/// What ends this process while an apply undoes what it did: after so many steps from its failure on. Without a number it
/// only counts them.
pub struct Fuse {
    after: Option<usize>,
    lit: Cell<bool>,
    steps: Cell<usize>,
}

impl Fuse {
    pub const fn new(after: Option<usize>) -> Self {
        Self { after, lit: Cell::new(false), steps: Cell::new(0) }
    }

    /// How many steps there were.
    pub const fn steps(&self) -> usize {
        self.steps.get()
    }

    fn step(&self) {
        if !self.lit.get() {
            return;
        }
        if self.after == Some(self.steps.get()) {
            kill(Pid::this(), Signal::SIGKILL).unwrap();
        }
        self.steps.set(self.steps.get() + 1);
    }

    fn light_if(&self, failed: bool) {
        self.lit.set(self.lit.get() || failed);
    }
}

/// The kernel, until the fuse has burnt down.
pub struct FusedKernel<'a>(pub &'a mut dyn Kernel, pub &'a Fuse);

impl Kernel for FusedKernel<'_> {
    fn tell(&mut self, attributes: DeviceAttributes) {
        self.0.tell(attributes);
    }

    fn observe(&mut self) -> Result<State, ObserveError> {
        self.1.step();
        self.0.observe()
    }

    fn perform(&mut self, request: &Request) -> Result<(), RequestError> {
        let result = self.0.perform(request);
        self.1.step();
        self.1.light_if(result.is_err());
        result
    }

    fn shows(&mut self, subject: &Subject, effect: Effect) -> Result<bool, RequestError> {
        self.0.shows(subject, effect)
    }

    fn wait(&mut self, subject: &Subject, effect: Effect, deadline: Duration) -> Result<(), RequestError> {
        let result = self.0.wait(subject, effect, deadline);
        self.1.light_if(result.is_err());
        result
    }
}

/// The record on disk, until the fuse has burnt down.
pub struct FusedKeeper<'a>(pub &'a mut FileKeeper, pub &'a Fuse);

impl RecordKeeper for FusedKeeper<'_> {
    fn note(&mut self, entry: &Entry) -> Result<(), KeepError> {
        self.0.note(entry)?;
        self.1.step();
        Ok(())
    }

    fn keep(&mut self, record: &Record) -> Result<(), KeepError> {
        self.0.keep(record)?;
        self.1.step();
        Ok(())
    }
}
