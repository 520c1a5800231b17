//! Tests that run inside the guest, on a real kernel with the real module: `lab/runner` boots it once for all of them.
#![expect(clippy::unwrap_used, reason = "what a test cannot go on without is a failed test")]

mod boundaries;
mod bridges;
mod comparison;
mod conformance;
mod convergence;
mod counts;
mod dpu;
mod examples;
mod faults;
mod guest;
mod history;
mod journeys;
mod killed;
mod others;
mod overlap;
mod ovs;
mod promises;
mod reasons;
mod uplink;
mod users;
mod watch;
mod wire;
