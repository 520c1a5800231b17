//! A simulated kernel beside the real one: the same requests to both, and after each the same answer and the same
//! configuration. What is asked of them, and of what they tell, is the caller's.

use std::collections::BTreeMap;
use std::fmt::Debug;

use nix::errno::Errno;
use similar::TextDiff;
use subdevcfg_reconciler::kernel::{Kernel, Request, RequestError};
use subdevcfg_reconciler::live::LiveKernel;
use subdevcfg_reconciler::simulated::SimulatedHost;
use subdevcfg_reconciler::state::State;

use crate::guest::on_the_debug_kernel;

/// What is compared, and how far.
pub struct Comparison<S> {
    /// Makes the real kernel as a new one, and a model of it.
    pub begin: fn() -> SimulatedHost,
    /// The part of what they tell that has to be the same.
    pub part: fn(State) -> S,
    /// The kind of a request with what it sets.
    pub kind: fn(&Request) -> String,
    /// Rows of a run.
    pub rows: u64,
    /// Distinct pairs of request and answer that the seeds reach; a change that reaches fewer tests less.
    pub pairs: usize,
}

/// What a kernel said to a request, as far as both kernels can say the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    Done,
    Refused(Errno),
    /// There is no such object: the kernel says it by errno, the mirror of the live kernel without asking it.
    Absent,
    Other,
}

impl From<Result<(), RequestError>> for Answer {
    fn from(result: Result<(), RequestError>) -> Self {
        match result {
            Ok(()) => Self::Done,
            Err(RequestError::Vanished(_) | RequestError::Refused { errno: Errno::ENODEV, .. }) => {
                Self::Absent
            }
            Err(RequestError::Refused { errno, .. }) => Self::Refused(errno),
            Err(_) => Self::Other,
        }
    }
}

/// The answers that each kind of request got.
type Reached = BTreeMap<String, Vec<Answer>>;

/// One of these.
pub fn pick<T: Clone>(random: &mut fastrand::Rng, of: &[T]) -> T {
    of[random.usize(..of.len())].clone()
}

impl<S: PartialEq + Debug> Comparison<S> {
    /// Compares row after row; fails with the shortest one that shows a difference.
    #[expect(clippy::print_stdout, reason = "what was reached belongs to what a test tells")]
    pub fn run(&self, row: fn(u64) -> Vec<Request>) {
        let mut reached = Reached::new();
        let rows = if on_the_debug_kernel() { 1 } else { self.rows };
        for seed in 0..rows {
            let requests = row(seed);
            if self.compare(&requests, &mut reached).is_err() {
                let (requests, difference) = self.shrunk(requests);
                let rows: Vec<String> = requests.iter().map(ToString::to_string).collect();
                panic!("seed {seed}: {difference}\nby these requests:\n{}", rows.join("\n"));
            }
        }
        let pairs: usize = reached.values().map(Vec::len).sum();
        println!("{pairs} pairs of request and answer:");
        for (request, answers) in &reached {
            println!("  {request}: {answers:?}");
        }
        assert!(pairs >= self.pairs || rows < self.rows, "{pairs} pairs are fewer than {}", self.pairs);
        // What follows in this boot begins with the defaults.
        (self.begin)();
    }

    /// Sends requests to both kernels, from the beginning on; the first difference, if there is one.
    fn compare(&self, requests: &[Request], reached: &mut Reached) -> Result<(), String> {
        let mut simulated = (self.begin)();
        let mut live = LiveKernel::open().unwrap();
        for (at, request) in requests.iter().enumerate() {
            let answers: (Answer, Answer) = (live.perform(request).into(), simulated.perform(request).into());
            let known = reached.entry((self.kind)(request)).or_default();
            if !known.contains(&answers.0) {
                known.push(answers.0);
            }
            if answers.0 != answers.1 {
                return Err(format!(
                    "{at}: {request}: the kernel says {:?}, the model {:?}",
                    answers.0, answers.1
                ));
            }
            let (seen, modelled) = ((self.part)(live.observe().unwrap()), (self.part)(simulated.state()));
            if seen != modelled {
                let (seen, modelled) = (format!("{seen:#?}"), format!("{modelled:#?}"));
                let difference = TextDiff::from_lines(&seen, &modelled);
                let difference = difference.unified_diff().header("kernel", "model").to_string();
                return Err(format!("{at}: after {request} they differ:\n{difference}"));
            }
        }
        Ok(())
    }

    /// The shortest row that still shows a difference, found by leaving out one request after the other.
    fn shrunk(&self, mut requests: Vec<Request>) -> (Vec<Request>, String) {
        let mut ignored = Reached::new();
        let mut difference = self.compare(&requests, &mut ignored).unwrap_err();
        let mut at = requests.len();
        while at > 0 {
            at -= 1;
            let mut shorter = requests.clone();
            shorter.remove(at);
            if let Err(other) = self.compare(&shorter, &mut ignored) {
                (requests, difference) = (shorter, other);
            }
        }
        (requests, difference)
    }
}
