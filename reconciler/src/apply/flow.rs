//! Which operation is next. What an operation brings about may take its time (firmware that starts a function takes tenths of
//! a second); meanwhile those are sent that do not need it, so that many functions start together. Nothing else changes
//! the order: where every effect is there at once, it is that of the plan.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::kernel::Request;
use crate::plan::Operation;

/// The operations of a plan on their way. They are named by their place in it, from 0.
#[derive(Debug)]
pub(super) struct Flow<'p> {
    operations: &'p [Operation],
    /// For how many others each waits; nothing is sent before that is 0.
    waits_for: Vec<usize>,
    /// Who waits until the effect of each is seen.
    followers: Vec<Vec<usize>>,
    /// Who waits until each is sent.
    next_in_order: Vec<Option<usize>>,
    given_up: Vec<bool>,
    ready: BTreeSet<usize>,
    /// Sent, and their effects are not seen yet; the oldest first.
    awaited: VecDeque<usize>,
}

impl<'p> Flow<'p> {
    pub fn of(operations: &'p [Operation]) -> Self {
        let mut flow = Self {
            operations,
            waits_for: vec![0; operations.len()],
            followers: vec![Vec::new(); operations.len()],
            next_in_order: vec![None; operations.len()],
            given_up: vec![false; operations.len()],
            ready: BTreeSet::new(),
            awaited: VecDeque::new(),
        };
        let mut last_in_order = BTreeMap::new();
        for (at, operation) in operations.iter().enumerate() {
            for first in &operation.after {
                flow.followers[first - 1].push(at);
            }
            flow.waits_for[at] = operation.after.len();
            if takes_or_frees_a_number(&operation.request)
                && let Some(before) = last_in_order.insert(&operation.lane, at)
            {
                flow.next_in_order[before] = Some(at);
                flow.waits_for[at] += 1;
            }
        }
        flow.ready = (0..operations.len()).filter(|&at| flow.waits_for[at] == 0).collect();
        flow
    }

    /// The next that can be sent.
    pub fn next(&mut self) -> Option<&'p Operation> {
        self.ready.pop_first().map(|at| &self.operations[at])
    }

    /// It was sent, and its effect is not seen yet.
    pub fn awaits(&mut self, operation: &Operation) {
        self.awaited.push_back(operation.id - 1);
        self.was_sent(operation.id - 1);
    }

    /// The one whose effect is awaited for the longest time.
    pub fn oldest(&mut self) -> Option<&'p Operation> {
        self.awaited.pop_front().map(|at| &self.operations[at])
    }

    /// It is done.
    pub fn is_done(&mut self, operation: &Operation) {
        let at = operation.id - 1;
        self.was_sent(at);
        for follower in std::mem::take(&mut self.followers[at]) {
            self.waits_less(follower);
        }
    }

    /// It failed: who needs it is not sent, nor who needs that.
    pub fn gives_up(&mut self, operation: &Operation) {
        let mut failed = vec![operation.id - 1];
        while let Some(at) = failed.pop() {
            if !std::mem::replace(&mut self.given_up[at], true) {
                failed.append(&mut self.followers[at]);
                self.was_sent(at);
            }
        }
    }

    fn was_sent(&mut self, at: usize) {
        if let Some(next) = self.next_in_order[at].take() {
            self.waits_less(next);
        }
    }

    fn waits_less(&mut self, at: usize) {
        self.waits_for[at] -= 1;
        if self.waits_for[at] == 0 && !self.given_up[at] {
            self.ready.insert(at);
        }
    }
}

/// Functions of one parent are made and deleted in the order of the plan: a mediated device takes whichever number is free.
const fn takes_or_frees_a_number(request: &Request) -> bool {
    matches!(request, Request::Create { .. } | Request::Delete { .. })
}
