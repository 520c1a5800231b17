//! Tests that run inside the guest, on a real kernel with the real module: `lab/runner` boots it once for all of them.

mod convergence;
mod faults;
mod guest;
mod others;
mod promises;
