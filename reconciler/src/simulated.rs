//! A simulated kernel: an in-memory model that refuses what the real kernel refuses, with the same errno, and lives in
//! a JSON file between runs. It is a second, independent statement of the kernel's rules, written as the kernel is
//! (preconditions and effects of each request); it knows nothing of the planner's rules, so that the two can disagree
//! and a test can show it. It plays the bundled module, the kernel's sample drivers for mediated devices, netdevsim, PCI
//! devices with VFs, and from their source alone `mlx5_core` and `ice`.

mod bridges;
mod card_rates;
mod card_requests;
mod cards;
mod carried;
mod device_attributes;
mod host;
mod ice;
mod interface;
mod legacy;
mod mlx5;
mod netdevsim;
mod other_side;
mod ovs;
mod params;
mod pci;
mod rates;
mod requests;
mod samples;
mod uplink;
mod vdpa;

use std::time::Duration;

use crate::kernel::{DeviceAttributes, Effect, Kernel, ObserveError, Request, RequestError};
use crate::resource::{Setting, Subject};
use crate::state::State;

pub use host::SimulatedHost;
pub use other_side::OtherHost;
pub use samples::Sample;

/// What the kernel answers a request.
type Answer = Result<(), RequestError>;

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
        if let Some(answer) = vdpa::perform(self, request) {
            return answer;
        }
        if netdevsim::is_one(&request.subject().parent) {
            return netdevsim::perform(self, request);
        }
        if card_requests::is_one(self, &request.subject().parent) && !is_of_bridge(request) {
            return card_requests::perform(self, request);
        }
        if pci::is_one(&request.subject().parent) {
            return pci::perform(self, request);
        }
        requests::perform(self, request)
    }

    fn shows(&mut self, subject: &Subject, effect: Effect) -> Result<bool, RequestError> {
        Ok(self.has_effect(subject, effect))
    }

    fn wait(&mut self, subject: &Subject, effect: Effect, _: Duration) -> Result<(), RequestError> {
        // What is no card's happens at once here; an effect that is not there never comes.
        let seen = if card_requests::is_one(self, &subject.parent) {
            card_requests::wait(self, subject, effect)
        } else {
            self.has_effect(subject, effect)
        };
        if seen { Ok(()) } else { Err(RequestError::NoEffect { effect, waited: Duration::ZERO }) }
    }
}

/// Whether the kernel's bridges are asked, and not the driver of the port's device.
const fn is_of_bridge(request: &Request) -> bool {
    matches!(request, Request::Set { setting: Setting::Bridge(_) | Setting::Vlans(_), .. })
}
