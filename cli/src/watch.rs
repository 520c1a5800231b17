//! What `watch` stands on beside the decisions of the reconciler: hearing, signals, words, metrics, and systemd.

pub mod metrics;
pub mod repair;
pub mod service;
pub mod sleep;
pub mod suspects;
pub mod words;
