//! The reconciler of subdevcfg: observes what is, works out what has to change, and changes it, safely.
//!
//! The flow is [`kernel::Kernel::observe`], [`desired::Desired::of`], [`plan::plan`], [`apply::apply`]. All logic is in
//! plan and apply, over the [`kernel::Kernel`] trait; what the live kernel needs is to encode one request and to decode
//! one object.

pub mod apply;
pub mod described;
pub mod desired;
pub mod guard;
pub mod handed_over;
pub mod history;
pub mod import;
pub mod kernel;
pub mod live;
pub mod plan;
pub mod reason;
pub mod reboot;
pub mod record;
pub mod resource;
pub mod rules;
pub mod schemas;
pub mod simulated;
pub mod state;
pub mod store;
pub mod watch;
