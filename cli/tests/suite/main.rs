//! Tests of the command line as a user meets it: arguments in, text and exit code out.
#![expect(clippy::unwrap_used, reason = "what a test cannot go on without is a failed test")]

mod bonds;
mod bridges;
mod cards;
mod carried;
mod catalogues;
mod checking;
mod completions;
mod diagnostics;
mod diff;
mod documents;
mod folding;
mod forms;
mod found;
mod gitops;
mod history;
mod import;
mod in_use;
mod json_reference;
mod lifecycle;
mod manual;
mod other_side;
mod ovs;
mod ownership;
mod plans;
mod reboot;
mod run;
mod samples;
mod saved;
mod schemas;
mod scope;
mod uplink;
mod vdpa;
mod vfs;
mod watch;
mod wrong_use;
