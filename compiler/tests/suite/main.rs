//! The compiler from outside: texts in, models, graphs and messages out.

#![expect(clippy::expect_used, reason = "a test that cannot go on has failed")]

mod common;
mod diagnostics;
mod drivers;
mod expansion;
mod fixes;
mod format;
mod pages;
mod properties;
mod quickstart;
mod schema;
