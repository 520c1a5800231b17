//! Other people's drivers, on a real kernel: `lab/runner` boots it with them (`--with`).
#![expect(clippy::unwrap_used, reason = "what a test cannot go on without is a failed test")]

#[path = "../kernel/boundaries.rs"]
mod boundaries;
#[path = "../kernel/comparison.rs"]
mod comparison;
mod conformance;
mod examples;
#[expect(dead_code, reason = "the tests of the module use all of it")]
#[path = "../kernel/guest.rs"]
mod guest;
#[path = "../kernel/journeys.rs"]
mod journeys;
mod mdev;
mod netdevsim;
mod nvme;
mod vdpa;
mod vgpu;
