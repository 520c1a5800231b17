//! A simulated kernel: an in-memory model that refuses what the real kernel refuses, with the same errno, and lives in
//! a JSON file between runs. It is a second, independent statement of the kernel's rules, written as the kernel is
//! (preconditions and effects of each request); it knows nothing of the planner's rules, so that the two can disagree
//! and a test can show it. This version plays the bundled module, and
//! the kernel's sample drivers for mediated devices.

mod bridges;
mod device_attributes;
mod host;
mod netdevsim;
mod other_side;
mod ovs;
mod params;
mod pci;
mod rates;
mod requests;
mod samples;
mod uplink;

use std::time::Duration;

use crate::kernel::{DeviceAttributes, Effect, Kernel, ObserveError, Request, RequestError};
use crate::resource::Subject;
use crate::state::State;

pub use host::SimulatedHost;
pub use samples::Sample;

impl Kernel for SimulatedHost {
    fn tell(&mut self, attributes: DeviceAttributes) {
        self.told = Some(attributes);
    }

    fn observe(&mut self) -> Result<State, ObserveError> {
        Ok(self.state())
    }

    fn perform(&mut self, request: &Request) -> Result<(), RequestError> {
        if let Some(answer) = ovs::perform(self, request) {
            return answer;
        }
        if netdevsim::is_one(&request.subject().parent) {
            return netdevsim::perform(self, request);
        }
        if pci::is_one(&request.subject().parent) {
            return pci::perform(self, request);
        }
        requests::perform(self, request)
    }

    fn wait(&mut self, subject: &Subject, effect: Effect, _: Duration) -> Result<(), RequestError> {
        // Everything happens at once here; an effect that is not there never comes.
        if self.has_effect(subject, effect) {
            Ok(())
        } else {
            Err(RequestError::NoEffect { effect, waited: Duration::ZERO })
        }
    }
}
