//! A simulated kernel: an in-memory model that refuses what the real kernel refuses, with the same errno, and lives in
//! a JSON file between runs. It is a second, independent statement of the kernel's rules, written as the kernel is
//! (preconditions and effects of each request); it knows nothing of the planner's rules, so that the two can disagree
//! and a test can show it. This version plays the bundled module; `docs/kernel-module.md` is its specification.

mod host;
mod requests;

use std::time::Duration;

use crate::kernel::{Effect, Kernel, ObserveError, Request, RequestError};
use crate::resource::Subject;
use crate::state::State;

pub use host::SimulatedHost;

impl Kernel for SimulatedHost {
    fn observe(&mut self) -> Result<State, ObserveError> {
        Ok(self.state())
    }

    fn perform(&mut self, request: &Request) -> Result<(), RequestError> {
        requests::perform(self, request)
    }

    fn wait(&mut self, subject: &Subject, effect: Effect, _: Duration) -> Result<(), RequestError> {
        // Everything happens at once here; an effect that is not there never comes.
        let state = self.state();
        let function = state.function(subject);
        let seen = match effect {
            Effect::Gone => state.settings(subject).is_none(),
            Effect::Detached => function.is_none_or(|function| !function.volatile.0.attached),
            Effect::Instance => function.is_some_and(|function| function.volatile.0.instance.is_some()),
            Effect::Netdev => function.is_some_and(|function| function.netdev.is_some()),
            Effect::Representor => function.is_some_and(|function| function.representor.is_some()),
        };
        if seen { Ok(()) } else { Err(RequestError::NoEffect { effect, waited: Duration::ZERO }) }
    }
}
