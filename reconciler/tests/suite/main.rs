//! Plan and apply from outside, mostly on the simulated kernel.
#![expect(clippy::unwrap_used, reason = "what a test cannot go on without is a failed test")]

mod card_manners;
mod cards;
mod carried;
mod destroy;
mod drivers_of_vfs;
mod failures;
mod for_the_other_host;
mod handed_over;
mod import;
mod least;
mod order;
mod other_side;
mod overlap;
mod ovs_ports;
mod properties;
mod support;
mod supported;
mod taken;
mod vdpa;
mod vfs;
mod watch;
